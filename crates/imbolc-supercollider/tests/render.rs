//! Rendering of projects: where they begin and end, what is in the files, what can go wrong.

#[path = "support/studio.rs"]
mod studio;
#[path = "support/mod.rs"]
mod support;

use std::{
    fs,
    ops::ControlFlow,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use imbolc_net::{
    model::InstrumentId,
    studio::{
        ArrangementSetting, AtEnd, AutomationAction, BusId, ChainSetting, ChainedPatterns,
        ClickParameter, ClickSetting, ClipAction, ClipId, ConvolutionSetting, Curve, DrumAction,
        DrumSetting, EffectKind, EffectSetting, EnvelopeSetting, FilterKind, FilterSetting,
        InstrumentParameter, InstrumentSetting, LoopRegion, MixerSetting, NetworkAction,
        PadSetting, PadSound, PatternId, PatternSetting, PianoRollAction, PlacementAction,
        PlacementId, PlayMode, Point, SessionParameter, SessionSetting, SlotId, SourceKind, Step,
        StudioState, Target, TrackSetting, TransportAction,
    },
    util::quantity::{
        Amount, CountIn, Decibels, Hertz, NoteLength, PadNumber, Pitch, Seconds, StepNumber, Ticks,
    },
};
use imbolc_supercollider::render::{Bars, RenderError, RenderOptions, render};
use studio::{Recording, act, add, files_in, named, set, write};
use support::{peak, scsynth};

/// A bar in samples, at 120 bpm and 48 kHz.
const BAR: usize = 96_000;

/// An instrument that plays on each beat of the first bar, and is silent soon after.
fn one_bar() -> StudioState {
    let mut state = StudioState::default();
    let id = add(&mut state, 1, "Bass", SourceKind::Oscillator);
    set(&mut state, id, InstrumentSetting::Amp(EnvelopeSetting::Release(Seconds::of(0.05))));
    write(&mut state, id, &[(0, 48, 240), (480, 55, 240), (960, 60, 240), (1440, 48, 240)]);
    state
}

fn fails(state: &StudioState, change: impl FnOnce(&mut RenderOptions)) -> Option<RenderError> {
    scsynth()?;
    let folder = tempfile::tempdir().unwrap();
    let mut options = RenderOptions::new(folder.path().join("mix.wav"));
    change(&mut options);
    let error = render(state, &options, &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert_eq!(files_in(folder.path()), [""; 0], "no file is left");
    assert!(!error.to_string().contains('\n'), "{error}");
    Some(error)
}

#[test]
fn first_note_begins_at_sample_0() {
    let Some(song) = Recording::of(&one_bar(), |_| {}) else { return };
    let stem = song.stem("Bass");
    for sound in [&song.mix, &stem] {
        assert!(sound.onset(-90.0).unwrap() <= 1, "{:?}", sound.onset(-90.0));
        for beat in 1..4 {
            let beat = beat * BAR / 4;
            assert_eq!(peak(&sound.left()[beat - 2400..beat]), -200.0);
            assert!(sound.onset_after(beat, -90.0).unwrap() <= beat + 1);
        }
    }
    // Below its ceiling, the limiter does nothing.
    let differs = |(a, b): (&f32, &f32)| (a - b).abs() > 1e-5;
    assert!(!song.mix.left().iter().zip(stem.left()).any(differs));
}

#[test]
fn song_ends_with_the_bar_of_its_last_event() {
    let mut state = one_bar();
    let Some(song) = Recording::of(&state, |_| {}) else { return };
    assert_eq!(song.rendered.frames as usize, BAR);
    // A point of a lane is an event, too.
    let target = Target::Instrument(InstrumentId(1), InstrumentParameter::Level);
    act(&mut state, NetworkAction::Automation(target, AutomationAction::Add));
    let point = Point { tick: Ticks::of(3900), value: Amount::of(0.5), curve: Curve::Linear };
    act(&mut state, NetworkAction::Automation(target, AutomationAction::Put(point)));
    let song = Recording::of(&state, |_| {}).unwrap();
    assert_eq!(song.rendered.frames as usize, 3 * BAR);
}

#[test]
fn placements_end_a_song() {
    let mut state = one_bar();
    let (id, clip) = (InstrumentId(1), ClipId(1));
    let (name, length) = (named("Riff"), NoteLength::of(1920));
    act(&mut state, NetworkAction::Clip(id, ClipAction::Create { clip, name, length }));
    let (placement, tick) = (PlacementId(1), Ticks::of(2000));
    let place = PlacementAction::Place { placement, clip, tick };
    act(&mut state, NetworkAction::Placement(id, place));
    act(&mut state, NetworkAction::Arrangement(ArrangementSetting::Play(PlayMode::Arrangement)));
    for at_end in [AtEnd::GoOn, AtEnd::Stop] {
        act(&mut state, NetworkAction::Arrangement(ArrangementSetting::AtEnd(at_end)));
        let Some(song) = Recording::of(&state, |_| {}) else { return };
        assert_eq!(song.rendered.frames as usize, 3 * BAR, "{at_end:?}");
    }
    act(&mut state, NetworkAction::Arrangement(ArrangementSetting::AtEnd(AtEnd::Repeat)));
    assert!(matches!(fails(&state, |_| {}), Some(RenderError::Endless)));
    let whole_bars = PlacementAction::Move(placement, Ticks::of(1920));
    act(&mut state, NetworkAction::Placement(id, whole_bars));
    let song = Recording::of(&state, |options| options.bars.last = Some(5)).unwrap();
    assert_eq!(song.rendered.frames as usize, 5 * BAR);
}

/// A kit whose first pad plays the bass, on the first step.
fn drums() -> StudioState {
    let mut state = StudioState::default();
    let bass = add(&mut state, 1, "Bass", SourceKind::Oscillator);
    let kit = add(&mut state, 2, "Drums", SourceKind::DrumKit);
    let pad = PadNumber::of(0);
    for setting in [
        DrumSetting::Pad(pad, PadSetting::Sound(PadSound::Instrument(bass, Pitch::of(48)))),
        DrumSetting::Pattern(PatternId(1), PatternSetting::On(Step::new(pad, StepNumber::of(0)))),
    ] {
        act(&mut state, NetworkAction::Drums(kit, DrumAction::Set(setting)));
    }
    state
}

#[test]
fn endless_music_needs_a_last_bar() {
    let mut state = drums();
    let Some(error) = fails(&state, |_| {}) else { return };
    assert!(matches!(error, RenderError::Endless), "{error}");
    assert!(error.to_string().contains("--to"));
    let song = Recording::of(&state, |options| options.bars.last = Some(2)).unwrap();
    assert_eq!(song.rendered.frames as usize, 2 * BAR);
    assert!(song.mix.onset_after(BAR, -90.0).unwrap() <= BAR + 1);
    // With something that ends, it is played until then: here, a chain of patterns.
    let chain = ChainedPatterns::new(vec![PatternId(1); 3]).unwrap();
    for setting in [DrumSetting::Chain(chain), DrumSetting::Chained(true)] {
        act(&mut state, NetworkAction::Drums(InstrumentId(2), DrumAction::Set(setting)));
    }
    let song = Recording::of(&state, |_| {}).unwrap();
    assert_eq!(song.rendered.frames as usize, 3 * BAR);

    let mut state = one_bar();
    let looping = PianoRollAction::Set(TrackSetting::Looping(true));
    act(&mut state, NetworkAction::PianoRoll(InstrumentId(1), looping));
    assert!(matches!(fails(&state, |_| {}), Some(RenderError::Endless)));
}

#[test]
fn songs_ring_until_they_have_faded_away() {
    let mut state = one_bar();
    let id = InstrumentId(1);
    set(&mut state, id, InstrumentSetting::Amp(EnvelopeSetting::Release(Seconds::of(2.0))));
    let Some(song) = Recording::of(&state, |_| {}) else { return };
    let length = song.rendered.frames as usize;
    assert!((2 * BAR - 36_000..2 * BAR).contains(&length), "{length}");
    assert!(peak(&song.mix.left()[length - 1..]) >= -90.0);
    // At most 30 s.
    set(&mut state, id, InstrumentSetting::Amp(EnvelopeSetting::Release(Seconds::of(60.0))));
    let song = Recording::of(&state, |options| options.stems = None).unwrap();
    assert_eq!(song.rendered.frames as usize, BAR + 30 * 48_000);
}

#[test]
fn bars_are_cut_out() {
    let mut state = one_bar();
    write(&mut state, InstrumentId(1), &[(1920 + 960, 60, 240), (3840, 60, 240)]);
    let bars = Bars { first: Some(2), last: Some(2) };
    let Some(song) = Recording::of(&state, |options| options.bars = bars) else { return };
    assert_eq!(song.rendered.frames as usize, BAR);
    assert!((BAR / 2..BAR / 2 + 2).contains(&song.mix.onset(-90.0).unwrap()));
    let bars = Bars { first: Some(9), last: None };
    let error = fails(&state, |options| options.bars = bars).unwrap();
    assert!(matches!(error, RenderError::NoSuchBars { first: 9, last: 3 }), "{error}");
    assert!(matches!(fails(&StudioState::starter(), |_| {}), Some(RenderError::Nothing)));
}

#[test]
fn target_that_cannot_be_written_is_told_by_its_own_name() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("gone/mix.wav");
    let Some(error) = fails(&one_bar(), |options| options.out = out.clone()) else { return };
    let gone = out.parent().unwrap().display().to_string();
    assert_eq!(error.to_string(), format!("{gone}: No such file or directory (os error 2)"));
    // What is there and no file would be replaced.
    let device = folder.path().join("device.wav");
    let _bound = std::os::unix::net::UnixListener::bind(&device).unwrap();
    let error = fails(&one_bar(), |options| options.out = device.clone()).unwrap();
    assert_eq!(error.to_string(), format!("{}: not a file", device.display()));
    assert!(!device.is_file());
}

#[test]
fn neither_click_nor_loop_is_rendered() {
    let mut state = one_bar();
    let Some(plain) = Recording::of(&state, |_| {}) else { return };
    for setting in [ClickSetting::On(true), ClickSetting::CountIn(CountIn::of(2))] {
        act(&mut state, NetworkAction::Session(SessionSetting::Click(setting)));
    }
    let target = Target::Session(SessionParameter::Click(ClickParameter::On));
    let off = Point { tick: Ticks::of(0), value: Amount::of(0.0), curve: Curve::Linear };
    for action in [AutomationAction::Add, AutomationAction::Put(off)] {
        act(&mut state, NetworkAction::Automation(target, action));
    }
    let region = LoopRegion::new(Ticks::of(0), Ticks::of(480)).unwrap();
    for action in [
        TransportAction::Region(region),
        TransportAction::Loop(true),
        TransportAction::Locate(Ticks::of(960)),
        TransportAction::Record(true),
        TransportAction::Play,
    ] {
        act(&mut state, NetworkAction::Transport(action));
    }
    assert_eq!(Recording::of(&state, |_| {}).unwrap().mix, plain.mix);
}

#[test]
fn pads_ring_out_after_the_last_bar() {
    let mut state = drums();
    set(&mut state, InstrumentId(1), InstrumentSetting::Mute(true));
    let folder = tempfile::tempdir().unwrap();
    let square = |index| if index % 7 < 3 { 9_000 } else { -9_000 };
    let crash = write_file(folder.path(), "crash.wav", square);
    let content = imbolc_supercollider::samples::content_of(&crash).unwrap();
    let (pad, last) = (PadNumber::of(1), StepNumber::of(12));
    for setting in [
        DrumSetting::Pad(pad, PadSetting::Sound(PadSound::Sample(content))),
        DrumSetting::Pattern(PatternId(1), PatternSetting::On(Step::new(pad, last))),
    ] {
        act(&mut state, NetworkAction::Drums(InstrumentId(2), DrumAction::Set(setting)));
    }
    let song = |samples: &Path| {
        Recording::of(&state, |options| {
            options.samples = Some(samples.into());
            options.bars.last = Some(1);
        })
    };
    let Some(found) = song(folder.path()) else { return };
    let length = found.rendered.frames as usize;
    let whole = BAR * 3 / 4 + 72_000;
    assert!((whole - 10..whole + 500).contains(&length), "{length}");
    assert_eq!(found.rendered.troubles, [""; 0]);
    // A missing file is told, and the rest is rendered.
    let other = tempfile::tempdir().unwrap();
    let missing = song(other.path()).unwrap();
    assert_eq!(missing.rendered.troubles, ["crash.wav: not in samples/"]);
    assert_eq!(missing.mix.peak(0..BAR), -200.0);
}

#[test]
fn impulse_responses_are_read() {
    let mut state = one_bar();
    let folder = tempfile::tempdir().unwrap();
    let room = write_file(folder.path(), "room.wav", |index| i16::from(index == 9_600) * 20_000);
    let content = imbolc_supercollider::samples::content_of(&room).unwrap();
    let slot = SlotId(1);
    for setting in [
        ChainSetting::Add(slot, EffectKind::Convolution, 0),
        ChainSetting::Effect(
            slot,
            EffectSetting::Convolution(ConvolutionSetting::Impulse(Some(content))),
        ),
        ChainSetting::Effect(
            slot,
            EffectSetting::Convolution(ConvolutionSetting::Mix(Amount::of(1.0))),
        ),
    ] {
        set(&mut state, InstrumentId(1), InstrumentSetting::Chain(setting));
    }
    let song = |options: &mut RenderOptions| options.samples = Some(folder.path().into());
    let Some(song) = Recording::of(&state, song) else { return };
    // The first partition is late by itself.
    let onset = song.mix.onset(-60.0).unwrap();
    assert!((9_600..9_600 + 1_100).contains(&onset), "{onset}");
    let missing = Recording::of(&state, |_| {}).unwrap();
    assert_eq!(missing.rendered.troubles, ["room.wav: there is no directory of samples"]);
}

/// A file of one channel and a second and a half.
fn write_file(folder: &Path, name: &str, sample: impl Fn(usize) -> i16) -> PathBuf {
    let path = folder.join(name);
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    for index in 0..72_000 {
        writer.write_sample(sample(index)).unwrap();
    }
    writer.finalize().unwrap();
    path
}

#[test]
fn rendering_twice_gives_the_same_samples() {
    let mut state = one_bar();
    let id = add(&mut state, 2, "Noise", SourceKind::Noise);
    write(&mut state, id, &[(0, 60, 960), (300, 64, 900)]);
    let id = add(&mut state, 3, "Snare", SourceKind::Snare);
    write(&mut state, id, &[(480, 60, 100), (1440, 60, 100)]);
    let Some(first) = Recording::of(&state, |_| {}) else { return };
    let second = Recording::of(&state, |_| {}).unwrap();
    assert!(first.stem("Noise").peak(0..BAR) > -40.0);
    assert!(first.mix == second.mix);
    assert!(first.stem("Snare") == second.stem("Snare"));
}

#[test]
fn integers_are_the_floats_rounded() {
    let state = one_bar();
    let Some(floats) = Recording::of(&state, |_| {}) else { return };
    let integers = Recording::of(&state, |options| options.float = false).unwrap();
    assert_eq!(floats.rendered.frames, integers.rendered.frames);
    let pairs = floats.mix.left().iter().zip(integers.mix.left());
    let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= 0.5001 / 32_768.0, "{worst}");
    let loudest = peak(floats.mix.left()).max(peak(floats.mix.right()));
    assert!((floats.rendered.peak.get() - loudest).abs() < 0.001);
}

#[test]
fn sample_rate_is_that_of_the_file() {
    let state = one_bar();
    let Some(song) = Recording::of(&state, |options| options.rate = 44_100) else { return };
    assert_eq!(song.rendered.frames, 88_200);
    for sound in [&song.mix, &song.stem("Bass")] {
        assert!(sound.onset(-90.0).unwrap() <= 1);
        assert!((44_100..44_102).contains(&sound.onset_after(44_000, -90.0).unwrap()));
    }
    for rate in [0, 7_999, 192_001] {
        let error = fails(&state, |options| options.rate = rate).unwrap();
        assert!(matches!(error, RenderError::Rate(_)), "{error}");
    }
}

#[test]
fn stems_are_as_many_as_play_and_as_long_as_the_mix() {
    // More than one run of the server makes.
    let mut state = StudioState::default();
    for number in 1..=35 {
        let id = add(&mut state, number, &format!("Voice {number}"), SourceKind::Oscillator);
        write(&mut state, id, &[((number - 1) * 48, 60, 24)]);
    }
    add(&mut state, 36, "Silent", SourceKind::Oscillator);
    act(&mut state, NetworkAction::Mixer(MixerSetting::AddBus(BusId(1), named("A/B"))));
    let Some(song) = Recording::of(&state, |_| {}) else { return };
    let names = song.stems();
    assert_eq!(names.len(), 36);
    assert_eq!(
        [&*names[0], &*names[34], &*names[35]],
        ["01 Voice 1.wav", "35 Voice 35.wav", "36 A_B.wav"]
    );
    for number in [1, 2, 32, 33, 35] {
        let stem = song.stem(&format!("{number:02} Voice"));
        assert_eq!(stem.left().len() as u64, song.rendered.frames);
        let start = (number - 1) * BAR / 40;
        assert!((start..start + 2).contains(&stem.onset(-90.0).unwrap()), "{number}");
    }
}

#[test]
fn stems_of_a_further_run_are_those_of_the_mix() {
    // A run makes 32 stems. The noise of each is another one, but the same in every run.
    let mut state = StudioState::default();
    for number in 1..=34 {
        let id = add(&mut state, number, "Noise", SourceKind::Noise);
        set(&mut state, id, InstrumentSetting::Level(Decibels::of(-40.0)));
        write(&mut state, id, &[(number * 20, 48, 400)]);
    }
    let Some(song) = Recording::of(&state, |_| {}) else { return };
    let mut rest = song.mix.left().to_vec();
    for number in 1..=34 {
        let stem = song.stem(&format!("{number:02} Noise"));
        assert!(stem.peak(0..BAR) > -60.0, "{number}");
        rest.iter_mut().zip(stem.left()).for_each(|(rest, own)| *rest -= own);
    }
    assert!(peak(&rest) < -110.0, "{}", peak(&rest));
}

#[test]
fn cancelled_rendering_leaves_no_file() {
    if scsynth().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut options = RenderOptions::new(folder.path().join("mix.wav"));
    options.stems = Some(folder.path().join("stems"));
    fs::write(&options.out, "the one before").unwrap();
    for limit in [0.0, 0.01, 0.1, 0.5, 0.86, 0.95] {
        let mut latest = 0.0;
        let result = render(&one_bar(), &options, &mut |progress| {
            assert!(progress.done >= latest, "{} after {latest}", progress.done);
            latest = progress.done;
            if latest < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        assert!(matches!(result, Err(RenderError::Cancelled)), "{limit}: {result:?}");
        assert!(files_in(folder.path()).iter().all(|name| name == "mix.wav" || name == "stems"));
        assert_eq!(fs::read_to_string(&options.out).unwrap(), "the one before");
    }
    assert_eq!(files_in(&folder.path().join("stems")), [""; 0]);
}

/// A program in the place of `scsynth`.
fn impostor(folder: &Path, script: &str) -> PathBuf {
    let path = folder.join("scsynth");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn messages_of_scsynth_count_and_not_its_status() {
    let folder = tempfile::tempdir().unwrap();
    let state = one_bar();
    for (script, told) in [
        ("echo 'start time 0'; echo '*** ERROR: SynthDef x not found'", "SynthDef x not found"),
        ("echo 'FAILURE IN SERVER /s_new alloc failed' >&2", "alloc failed"),
        ("exit 3", "exit status: 3"),
        ("exit 0", "is the disk full?"),
        ("echo 'FAILURE IN SERVER /n_set Node 1001 not found'", "is the disk full?"),
    ] {
        let scsynth = impostor(folder.path(), script);
        let error = fails(&state, |options| options.scsynth = Some(scsynth));
        let Some(error) = error else { return };
        assert!(error.to_string().contains(told), "{script}: {error}");
    }
}

#[test]
fn file_that_cannot_be_written_is_an_error_of_one_line() {
    let state = one_bar();
    let nowhere = PathBuf::from("/nonexistent/scsynth");
    let missing = fails(&state, |options| options.scsynth = Some(nowhere));
    let Some(missing) = missing else { return };
    assert_eq!(missing.to_string(), "no program /nonexistent/scsynth");
    let error = fails(&state, |options| options.out = "/nonexistent/mix.wav".into()).unwrap();
    assert!(error.to_string().starts_with("/nonexistent: "), "{error}");
    // A directory in the place of the file.
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("mix.wav")).unwrap();
    let error = fails(&state, |options| options.out = folder.path().join("mix.wav")).unwrap();
    assert!(error.to_string().contains("mix.wav: "), "{error}");
    assert_eq!(files_in(folder.path()), ["mix.wav"]);
    let bars = Bars { first: None, last: Some(2_000_000) };
    let error = fails(&state, |options| {
        (options.rate, options.float, options.bars) = (192_000, true, bars);
    })
    .unwrap();
    assert!(matches!(error, RenderError::TooLong), "{error}");
}

#[test]
fn rates_below_those_of_the_filters_are_refused() {
    for rate in [0, 8_000, 44_099, 192_001, u32::MAX] {
        let Some(error) = fails(&one_bar(), |options| options.rate = rate) else { return };
        assert!(matches!(error, RenderError::Rate(_)), "{error}");
    }
    // At the lowest, the highest cutoff is as stable as any.
    let mut state = one_bar();
    for setting in [
        FilterSetting::Kind(FilterKind::LowPass),
        FilterSetting::Cutoff(Hertz::MAX),
        FilterSetting::Resonance(Amount::MAX),
    ] {
        set(&mut state, InstrumentId(1), InstrumentSetting::Filter(setting));
    }
    let song = Recording::of(&state, |options| options.rate = 44_100).unwrap();
    assert!((-30.0..-3.0).contains(&song.rendered.peak.get()), "{:?}", song.rendered.peak);
}

/// Options for a program that runs for a minute, and the file in which its id will be.
fn slow(folder: &Path) -> (RenderOptions, PathBuf) {
    let pid = folder.join("pid");
    let script = format!("echo $$ > {0}.new; mv {0}.new {0}; exec sleep 60", pid.display());
    let mut options = RenderOptions::new(folder.join("mix.wav"));
    options.scsynth = Some(impostor(folder, &script));
    (options, pid)
}

/// Waits for something at most so long.
fn within(seconds: u64, what: &str, is: impl Fn() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < Duration::from_secs(seconds), "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn no_rendering_outlives_a_program_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child_that_renders", "--ignored"]).env("FOLDER", folder.path());
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let pid = folder.path().join("pid");
    within(60, "it starts", || pid.exists());
    child.kill().unwrap();
    child.wait().unwrap();
    let pid = fs::read_to_string(pid).unwrap();
    // A process that nobody has waited for is there as a zombie, without a command line.
    let file = Path::new("/proc").join(pid.trim()).join("cmdline");
    within(2, "it lives", || fs::read(&file).map_or(true, |line| line.is_empty()));
}

#[test]
#[ignore = "run by another test in a process of its own"]
fn child_that_renders() {
    let (options, _) = slow(Path::new(&std::env::var_os("FOLDER").unwrap()));
    let _ = render(&one_bar(), &options, &mut |_| ControlFlow::Continue(()));
}

#[test]
fn cancelled_rendering_leaves_no_process() {
    let folder = tempfile::tempdir().unwrap();
    let (options, pid) = slow(folder.path());
    let start = Instant::now();
    let result = render(&one_bar(), &options, &mut |_| {
        if pid.exists() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(result, Err(RenderError::Cancelled)), "{result:?}");
    assert!(start.elapsed() < Duration::from_secs(30), "it is not waited for");
    let pid = fs::read_to_string(pid).unwrap();
    assert!(!Path::new("/proc").join(pid.trim()).exists());
}
