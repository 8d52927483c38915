//! Rendering, files of sound and panic: what the commands ask for, and what they refuse.

use std::{fs, ops::ControlFlow, path::Path, time::Duration};

use imbolc_net::{
    model::Model as _,
    studio::{
        BusId, BusInputSetting, BusSetting, ChainSetting, ChopperSetting, CompressorSetting,
        Content, ContentHash, ConvolutionSetting, DrumAction, DrumSetting, EffectKind,
        EffectSetting, InstrumentAction, InstrumentSetting, MixerSetting, Name, NetworkAction,
        PadSetting, PadSound, SamplerSetting, SlotId, SourceKind, SourceSetting, Studio,
        StudioState,
    },
    util::quantity::PadNumber,
};
use imbolc_ui::job::{JobDone, JobProgress};
use tempfile::TempDir;

use crate::{
    band,
    screens::PANES,
    stage::{BASS, DRUMS, Scene, Stage},
};

fn set(setting: InstrumentSetting) -> NetworkAction {
    NetworkAction::Instrument(BASS, InstrumentAction::Set(setting))
}

fn with(actions: &[NetworkAction]) -> StudioState {
    let mut studio = band::studio();
    for action in actions {
        Studio::reduce(&mut studio, action).expect("it makes sense");
    }
    studio
}

/// The bass is a sampler.
fn sampler() -> StudioState {
    with(&[set(InstrumentSetting::Source(SourceSetting::Kind(SourceKind::Sampler)))])
}

/// A stage on a machine with a directory of samples, and that directory.
fn stage(scene: Scene, studio: StudioState) -> (Stage, TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let samples = directory.path().join("samples");
    (Stage::with_samples(scene, studio, Some(samples)), directory)
}

/// A mono WAV file of 16-bit samples.
fn write_wav(path: &Path, samples: &[i16]) {
    let length = u32::try_from(samples.len() * 2).expect("short");
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + length).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\xbb\0\0\0\x77\x01\0\x02\0\x10\0data");
    bytes.extend(length.to_le_bytes());
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    fs::write(path, bytes).expect("it can be written");
}

/// The answer of the palette to a command.
fn answer(stage: &mut Stage, command: &str) -> String {
    let screen = stage.press(&format!(":{command}<enter>")).screen();
    // It would cancel what has begun.
    if !stage.app.is_busy() {
        stage.press("<esc>");
    }
    screen
}

/// The files that were chosen, with the actions that do it.
fn chosen(stage: &mut Stage) -> Vec<NetworkAction> {
    let messages = stage.wait_for_job();
    let actions = stage.dispatched();
    assert!(!actions.is_empty(), "{messages:?}");
    actions
}

/// A job that goes on until it is cancelled.
fn endless(progress: &JobProgress) -> Result<JobDone, String> {
    while progress.report(0.345) == ControlFlow::Continue(()) {
        std::thread::sleep(Duration::from_millis(1));
    }
    Err("stopped".into())
}

#[test]
fn bounce_and_samples_are_for_the_host_alone() {
    for scene in [Scene::Joined, Scene::Reconnecting] {
        let (mut stage, _directory) = stage(scene, sampler());
        let refused = answer(&mut stage, "bounce mix.wav");
        assert!(refused.contains("only the host can render"), "{refused}");
        for command in ["sample kick.wav", "impulse hall.wav"] {
            let refused = answer(&mut stage, command);
            assert!(refused.contains("only the host can choose a file"), "{refused}");
        }
        assert!(!stage.app.is_busy());
    }
}

#[test]
fn bounce_takes_a_wav_file_and_two_bars() {
    let (mut stage, directory) = stage(Scene::Hosting, band::studio());
    for (command, refused) in [
        ("bounce mix.mp3", "only WAV is written"),
        ("bounce mix.wav 3", "write the first and the last bar"),
        ("bounce mix.wav 0 8", "no bars 0 to 8"),
        ("bounce 8 1", "no bars 8 to 1"),
    ] {
        let screen = answer(&mut stage, command);
        assert!(screen.contains(refused), "{command}: {screen}");
        assert!(!stage.app.is_busy());
    }
    for command in ["my mix", "my mix.wav", "mix 1 8", "mix.WAV 1 1"] {
        answer(&mut stage, &format!("bounce {}/{command}", directory.path().display()));
        let told = stage.wait_for_job();
        // There is none, and none is started.
        assert!(told[0].contains("scsynth"), "{told:?}");
    }
}

#[test]
fn bounce_asks_before_it_overwrites() {
    let (mut stage, directory) = stage(Scene::Local, band::studio());
    let file = directory.path().join("mix.wav");
    fs::write(&file, "precious").expect("it can be written");
    let command = format!(":bounce {}<enter>", file.display());
    let screen = stage.press(&command).screen();
    assert!(screen.contains("mix.wav will be overwritten: y, or the same again"), "{screen}");
    assert!(!stage.app.is_busy());
    stage.press("y");
    assert!(stage.wait_for_job()[0].contains("scsynth"));
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "precious");
}

#[test]
fn job_is_shown_and_esc_cancels_it_in_every_pane() {
    for (pane, keys) in PANES {
        let mut stage = Stage::new(Scene::Hosting);
        stage.show(pane).press(keys);
        stage.app.start_job("rendering mix.wav".into(), endless);
        let end = std::time::Instant::now() + Duration::from_secs(10);
        while !stage.screen().contains("rendering mix.wav 34 %: Esc cancels") {
            assert!(std::time::Instant::now() < end, "{}", stage.screen());
        }
        stage.app.start_job("another".into(), |_| panic!("one at a time"));
        assert!(stage.screen().contains("not now: rendering mix.wav is under way"));
        stage.press("<esc>");
        assert_eq!(stage.wait_for_job()[0], "cancelled: rendering mix.wav", "{pane:?}");
        assert!(!stage.screen().contains("Esc cancels"));
    }
}

#[test]
fn esc_ends_what_the_pane_marks_before_a_job() {
    let mut stage = Stage::new(Scene::Local);
    stage.show(imbolc_net::studio::Pane::PianoRoll).press("b");
    stage.app.start_job("rendering mix.wav".into(), endless);
    stage.press("<esc>");
    stage.screen();
    assert!(stage.app.is_busy());
    stage.press("<esc>");
    assert_eq!(stage.wait_for_job()[0], "cancelled: rendering mix.wav");
}

#[test]
fn job_that_fails_or_panics_is_one_message() {
    let mut stage = Stage::new(Scene::Local);
    stage.app.start_job("rendering mix.wav".into(), |_| Err("the disk is full".into()));
    assert_eq!(stage.wait_for_job()[0], "the disk is full");
    stage.app.start_job("rendering mix.wav".into(), |_| panic!("on purpose"));
    assert_eq!(stage.wait_for_job()[0], "rendering mix.wav has failed");
    stage.app.start_job("rendering mix.wav".into(), |_| Ok(JobDone::Say("done".into())));
    assert_eq!(stage.wait_for_job()[0], "done");
}

#[test]
fn quitting_cancels_a_job() {
    let (tell, ended) = std::sync::mpsc::channel();
    let mut stage = Stage::new(Scene::Local);
    stage.app.start_job("rendering mix.wav".into(), move |progress| {
        let result = endless(progress);
        tell.send(()).expect("the test waits");
        result
    });
    drop(stage);
    assert_eq!(ended.try_recv(), Ok(()), "it is waited for");
}

#[test]
fn sample_copies_the_file_and_sets_name_and_digest() {
    let (mut stage, directory) = stage(Scene::Local, sampler());
    let file = directory.path().join("kick.wav");
    write_wav(&file, &[1, 2, 3]);
    answer(&mut stage, &format!("sample {}", file.display()));
    let copy = directory.path().join("samples/kick.wav");
    let content = imbolc_supercollider::samples::content_of(&file).expect("a WAV file");
    let sample = |content: &Content| {
        let setting = SamplerSetting::Sample(Some(content.clone()));
        set(InstrumentSetting::Source(SourceSetting::Sampler(setting)))
    };
    assert_eq!(chosen(&mut stage), [sample(&content)]);
    assert_eq!(fs::read(&copy).expect("a copy"), fs::read(&file).expect("the file"));
    // Another file of the same name is told apart; the same one is copied once.
    write_wav(&file, &[4, 5, 6]);
    for _ in 0..2 {
        answer(&mut stage, &format!("sample {}", file.display()));
        let again = imbolc_supercollider::samples::content_of(&file).expect("a WAV file");
        let name = Name::new("kick 2.wav").expect("a name");
        assert_eq!(chosen(&mut stage), [sample(&Content { name, ..again })]);
    }
    assert_eq!(fs::read_dir(directory.path().join("samples")).expect("it is there").count(), 2);
}

#[test]
fn sample_goes_to_pads_slices_and_impulse_responses() {
    let reverb = BusSetting::Chain(ChainSetting::Add(SlotId(9), EffectKind::Convolution, u8::MAX));
    let studio = with(&[NetworkAction::Mixer(MixerSetting::Bus(BusId(1), reverb))]);
    let (mut stage, directory) = stage(Scene::Local, studio);
    let file = directory.path().join("a kick.wav");
    write_wav(&file, &[1, 2, 3]);
    let content = imbolc_supercollider::samples::content_of(&file).expect("a WAV file");
    let drums = |setting| NetworkAction::Drums(DRUMS, DrumAction::Set(setting));
    let sound = PadSetting::Sound(PadSound::Sample(content.clone()));
    let pad = PadNumber::new(2).expect("in range");
    let impulse = EffectSetting::Convolution(ConvolutionSetting::Impulse(Some(content.clone())));
    let impulse = BusSetting::Chain(ChainSetting::Effect(SlotId(9), impulse));
    stage.press("]]]");
    for (command, action) in [
        ("sample 3", drums(DrumSetting::Pad(pad, sound))),
        ("sample", drums(DrumSetting::Chopper(ChopperSetting::Sample(Some(content))))),
        ("impulse bus 1", NetworkAction::Mixer(MixerSetting::Bus(BusId(1), impulse))),
    ] {
        answer(&mut stage, &format!("{command} {}", file.display()));
        assert_eq!(chosen(&mut stage), [action], "{command}");
    }
}

#[test]
fn unusable_samples_are_refused_in_one_line() {
    let (mut stage, directory) = stage(Scene::Local, sampler());
    let path = |name: &str| directory.path().join(name).display().to_string();
    fs::write(path("song.mp3"), "no WAV at all").expect("it can be written");
    write_wav(Path::new(&path("empty.wav")), &[]);
    for name in ["song.mp3", "empty.wav", "gone.wav", ""] {
        answer(&mut stage, &format!("sample {}", path(name)));
        let told = stage.wait_for_job();
        assert!(told[0].starts_with(&path(name)), "{told:?}");
    }
    for (command, refused) in [
        ("sample", "write the path of a WAV file"),
        ("impulse hall.wav", "no convolution here"),
        ("impulse master hall.wav", "no convolution here"),
        ("impulse bus 7 hall.wav", "no such strip"),
    ] {
        let screen = answer(&mut stage, command);
        assert!(screen.contains(refused), "{command}: {screen}");
    }
    let screen = answer(stage.press("]"), "sample kick.wav");
    assert!(screen.contains("2 Lead is of the kind fm"), "{screen}");
    assert_eq!(stage.dispatched(), []);
    assert!(!directory.path().join("samples").exists());
    // Without a directory of projects there is none for samples.
    let mut stage = Stage::with_studio(Scene::Local, sampler());
    let screen = answer(&mut stage, "sample kick.wav");
    assert!(screen.contains("no project directory"), "{screen}");
}

#[test]
fn missing_file_is_shown_on_its_instrument() {
    let name = Name::new("kick.wav").expect("a name");
    let content = Content { name, digest: ContentHash([1; 16]) };
    let sample = SourceSetting::Sampler(SamplerSetting::Sample(Some(content)));
    let mut studio = sampler();
    Studio::reduce(&mut studio, &set(InstrumentSetting::Source(sample))).expect("a sampler");
    let (mut host, directory) = stage(Scene::Hosting, studio.clone());
    assert!(host.screen().contains("1 Bass  not in samples/: kick.wav"), "{}", host.screen());
    fs::create_dir(directory.path().join("samples")).expect("a directory");
    write_wav(&directory.path().join("samples/kick.wav"), &[1]);
    assert!(host.screen().contains("1 Bass  kick.wav  → change"), "{}", host.screen());
    // Guests do not have the files.
    let mut guest = Stage::with_studio(Scene::Joined, studio);
    assert!(guest.screen().contains("1 Bass  kick.wav  → change"), "{}", guest.screen());
}

#[test]
fn bus_input_and_side_chain_are_chosen_by_command() {
    let source = SourceSetting::Kind(SourceKind::BusInput);
    let add = ChainSetting::Add(SlotId(9), EffectKind::Compressor, u8::MAX);
    let mut stage = Stage::with_studio(
        Scene::Local,
        with(&[set(InstrumentSetting::Source(source)), set(InstrumentSetting::Chain(add))]),
    );
    assert!(stage.screen().contains("plays no bus: “:input 1” chooses one"));
    for (bus, chosen) in [("1", Some(BusId(1))), ("none", None)] {
        answer(&mut stage, &format!("input {bus}"));
        answer(&mut stage, &format!("sidechain {bus}"));
        let input = SourceSetting::BusInput(BusInputSetting::Bus(chosen));
        let side_chain = EffectSetting::Compressor(CompressorSetting::SideChain(chosen));
        let actions = [
            set(InstrumentSetting::Source(input)),
            set(InstrumentSetting::Chain(ChainSetting::Effect(SlotId(9), side_chain))),
        ];
        assert_eq!(stage.dispatched(), actions);
    }
    for (command, refused) in [("input 7", "no such bus"), ("sidechain hall", "bus")] {
        let screen = answer(&mut stage, command);
        assert!(screen.contains(refused), "{command}: {screen}");
    }
    stage.press("]");
    for (command, refused) in [("input 1", "plays no bus"), ("sidechain 1", "no compressor here")] {
        let screen = answer(&mut stage, command);
        assert!(screen.contains(refused), "{command}: {screen}");
    }
    assert_eq!(stage.dispatched(), []);
}

#[test]
fn anybody_silences_everything_by_key_or_command() {
    for scene in [Scene::Local, Scene::Joined] {
        let mut stage = Stage::new(scene);
        stage.press("!:panic<enter>k!");
        let panic = NetworkAction::Panic;
        assert_eq!(stage.dispatched(), [panic.clone(), panic.clone(), panic]);
    }
}
