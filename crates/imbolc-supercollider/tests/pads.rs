//! The pads of a drum kit, rendered.

#[path = "support/notes.rs"]
mod notes;
#[path = "support/mod.rs"]
mod support;

use imbolc_net::{
    model::{InstrumentId, Model as _},
    studio::{
        Channels, ChopperSetting, DrumAction, DrumKit, DrumMachine, DrumSetting, Instrument, Name,
        NetworkAction, PadSetting, PadSound, Slice, SliceId, Source, SourceKind, Studio,
        StudioState,
    },
    util::quantity::{Amount, Decibels, PadNumber, Pan, Semitones},
};
use imbolc_supercollider::{
    commands,
    sounds::{GATE, LEVEL, RATE, VoiceLife, VoiceSound, build_pad},
};
use notes::{
    HELD, MIDDLE_C, Notes, SINE, STEREO, content, difference, largest, plain, surroundings,
};
use support::{VOICES, cents, decibels};

const KIT: InstrumentId = InstrumentId(1);
const PAD: PadNumber = PadNumber::of(3);

/// A drum machine after these settings.
fn machine(settings: impl IntoIterator<Item = DrumSetting>) -> DrumMachine {
    let mut state = StudioState::default();
    let (name, source) = (Name::default(), SourceKind::DrumKit);
    let mut act = |action| drop(Studio::reduce(&mut state, &action).unwrap());
    act(NetworkAction::AddInstrument { id: KIT, name, source });
    for setting in settings {
        act(NetworkAction::Drums(KIT, DrumAction::Set(setting)));
    }
    state.drums.machine(KIT).unwrap().clone()
}

fn pad(settings: impl IntoIterator<Item = PadSetting>) -> DrumMachine {
    machine(settings.into_iter().map(|setting| DrumSetting::Pad(PAD, setting)))
}

fn sample(number: u8) -> PadSetting {
    PadSetting::Sound(PadSound::Sample(content(number)))
}

fn instrument(channels: Channels) -> Instrument {
    Instrument { channels, ..plain(Source::of(SourceKind::DrumKit)) }
}

fn voice(machine: &DrumMachine, kit: &DrumKit) -> VoiceSound {
    let instrument = instrument(Channels::Stereo);
    build_pad(machine, PAD, kit, &instrument, &surroundings(true)).unwrap().unwrap()
}

/// Strikes a pad with these controls, and cuts it after so many samples.
fn strike(notes: &mut Notes, voice: &VoiceSound, controls: &[(&str, f32)], cut: u64) -> usize {
    let start = notes.start_of_next(0);
    let place = notes.stage.place(&voice.built);
    let node = notes.stage.synth(&voice.built, place, start, VOICES, controls);
    notes.stage.score.send_at(start + cut, vec![commands::set(node, GATE, -1.01)]);
    notes.count_one()
}

const UNCUT: u64 = 15_000;

#[test]
fn pad_plays_its_sample_once_at_its_pitch() {
    let Some(mut notes) = Notes::new() else { return };
    let tuned = DrumKit { tune: Semitones::of(12), ..DrumKit::default() };
    let sine = voice(&pad([sample(SINE)]), &tuned);
    assert_eq!(sine.life, VoiceLife::Own(0.505));
    let high = strike(&mut notes, &sine, &[(RATE, 1.5)], UNCUT);
    let short = strike(&mut notes, &voice(&pad([sample(STEREO)]), &DrumKit::default()), &[], UNCUT);
    let played = notes.render();
    let off = cents(&played.note(high, 0)[..9600], MIDDLE_C * 3.0);
    assert!(off.abs() < 1.0, "{off}");
    // The file has 8,000 frames.
    assert!(largest(&played.note(short, 0)[7000..7900]) > 0.5);
    assert!(largest(&played.note(short, 0)[8000 + 64 + 240 + 64..]) == 0.0);
}

#[test]
fn velocity_level_and_pan_of_a_pad_are_heard() {
    let Some(mut notes) = Notes::new() else { return };
    let half = DrumKit { sensitivity: Amount::of(0.5), ..DrumKit::default() };
    let loud = voice(&pad([sample(SINE)]), &half);
    let full = strike(&mut notes, &loud, &[], UNCUT);
    let soft = strike(&mut notes, &loud, &[(LEVEL, 0.0)], UNCUT);
    let quiet = [sample(SINE), PadSetting::Level(Decibels::of(-20.0))];
    let quiet = strike(&mut notes, &voice(&pad(quiet), &half), &[], UNCUT);
    let left = [sample(SINE), PadSetting::Pan(Pan::of(-1.0))];
    let left = strike(&mut notes, &voice(&pad(left), &half), &[], UNCUT);
    let played = notes.render();
    let level = |number| decibels(largest(&played.note(number, 0)[..9600]));
    assert!((level(full) + 3.1).abs() < 0.1, "{}", level(full));
    assert!((level(full) - level(soft) - 6.02).abs() < 0.1);
    assert!((level(full) - level(quiet) - 20.0).abs() < 0.1);
    assert!((level(full) - level(left)).abs() < 0.1);
    assert!(largest(played.right(left)) == 0.0);
}

#[test]
fn slices_and_reverse_play_their_part() {
    let Some(mut notes) = Notes::new() else { return };
    let slice = Slice::new(Amount::of(0.5), Amount::of(1.0)).unwrap();
    let chopper =
        [ChopperSetting::Sample(Some(content(STEREO))), ChopperSetting::Put(SliceId(1), slice)];
    let sliced = |more: Option<PadSetting>| {
        let sound = PadSetting::Sound(PadSound::Slice(SliceId(1)));
        let chopper = chopper.clone().into_iter().map(DrumSetting::Chopper);
        let pads = [sound].into_iter().chain(more).map(|setting| DrumSetting::Pad(PAD, setting));
        voice(&machine(chopper.chain(pads)), &DrumKit::default())
    };
    let forward = strike(&mut notes, &sliced(None), &[], UNCUT);
    let backward = strike(&mut notes, &sliced(Some(PadSetting::Reverse(true))), &[], UNCUT);
    let played = notes.render();
    let sample = |frame: usize| notes::sample(STEREO, u32::try_from(frame).unwrap(), 0);
    for frame in (0..3800).step_by(100) {
        let [there, back] = [forward, backward].map(|number| played.note(number, 0)[frame]);
        assert!((f64::from(there) - sample(4000 + frame)).abs() < 1e-3, "{frame}: {there}");
        assert!((f64::from(back) - sample(7999 - frame)).abs() < 1e-3, "{frame}: {back}");
    }
    assert!(largest(&played.note(forward, 0)[4000 + 64 + 240 + 64..]) == 0.0);
}

#[test]
fn decay_of_the_kit_shortens_its_pads() {
    let Some(mut notes) = Notes::new() else { return };
    let strike = |notes: &mut Notes, decay: f32| {
        let kit = DrumKit { decay: Amount::new(decay).unwrap(), ..DrumKit::default() };
        strike(notes, &voice(&pad([sample(SINE)]), &kit), &[(RATE, 4.0)], UNCUT)
    };
    let [whole, half, none] = [1.0, 0.5, 0.0].map(|decay| strike(&mut notes, decay));
    let played = notes.render();
    // A second, four times as fast.
    let end = |number| decibels(largest(&played.note(number, 0)[11_500..11_900]));
    assert!(end(whole) > -4.0, "{}", end(whole));
    assert!((-63.0..-58.0).contains(&end(half)), "{}", end(half));
    assert!(end(none) < -190.0, "{}", end(none));
    assert!(largest(&played.note(none, 0)[..240]) > 0.1);
}

#[test]
fn cut_ends_a_pad() {
    let Some(mut notes) = Notes::new() else { return };
    let number = strike(&mut notes, &voice(&pad([sample(SINE)]), &DrumKit::default()), &[], HELD);
    let played = notes.render();
    let note = played.note(number, 0);
    assert!(largest(&note[9000..9600]) > 0.5);
    assert!(largest(&note[9600 + 64 + 480 + 64..]) == 0.0);
}

#[test]
fn pad_without_a_sample_has_no_voice() {
    let none = |machine: &DrumMachine| {
        let instrument = instrument(Channels::Stereo);
        build_pad(machine, PAD, &DrumKit::default(), &instrument, &surroundings(true)).is_none()
    };
    assert!(none(&pad([])));
    assert!(none(&pad([sample(99)])), "the file is missing");
    assert!(!none(&pad([sample(SINE)])));
}

#[test]
fn mono_kit_plays_both_sides_alike() {
    let Some(mut notes) = Notes::new() else { return };
    let machine = pad([sample(STEREO)]);
    let mono = instrument(Channels::Mono);
    let voice = build_pad(&machine, PAD, &DrumKit::default(), &mono, &surroundings(true));
    let number = strike(&mut notes, &voice.unwrap().unwrap(), &[], UNCUT);
    let played = notes.render();
    let left = played.note(number, 0);
    assert!(largest(left) > 0.1);
    assert!(difference(left, played.right(number)) == 0.0);
}
