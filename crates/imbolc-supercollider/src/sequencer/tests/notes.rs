//! Notes and pads: how they begin and end.

use imbolc_net::studio::{
    ChopperSetting, Content, ContentHash, DrumAction, DrumSetting, EnvelopeSetting, PadSetting,
    PadSound, Slice, SliceId,
};
use imbolc_net::util::quantity::{Amount, Seconds};

use super::{server::text, *};

#[test]
fn note_creates_strip_then_voice() {
    let mut stage = Stage::new();
    assert!(!stage.has_strip(LEAD));
    stage.note_on(LEAD, 60);
    assert!(stage.has_strip(LEAD));
    assert_eq!(stage.voices_of(LEAD), 0, "before its time");
    let struck = stage.now;
    stage.wait(millis(30));
    assert_eq!(stage.voices_of(LEAD), 1);
    let (_, voice) = stage.server.voices().next().unwrap();
    assert_eq!(voice.born, struck + server::LATENCY);
}

#[test]
fn release_closes_the_gate_and_the_strip_goes() {
    let mut stage = Stage::new();
    stage.note_on(LEAD, 60);
    stage.wait(millis(300));
    assert_eq!(stage.voices_of(LEAD), 1);
    stage.note_off(LEAD, 60);
    stage.wait(millis(60));
    assert_eq!(stage.voices_of(LEAD), 0);
    assert!(stage.has_strip(LEAD), "until its tail is over");
    stage.wait(millis(5_000));
    stage.assert_at_rest();
}

/// The model of the server fails if the gate of a voice closes before its first block.
#[test]
fn no_gate_closes_before_the_first_block() {
    for length in [0, 1, 5, 20, 40] {
        let mut stage = Stage::new();
        stage.note_on(LEAD, 60);
        stage.press(LEAD, 62);
        stage.wait(millis(length));
        // A written note is let go live while it is under way, and the reverse.
        let pitch = Pitch::of(60);
        let what = PlaybackEvent::NoteOff { instrument: LEAD, pitch };
        let played = Played { time: stage.now, tick: Ticks::of(0), pass: 0, what };
        stage.call(vec![played], true);
        stage.note_off(LEAD, 62);
        // And struck again, which chokes.
        stage.press(BASS, 50);
        stage.note_on(BASS, 50);
        stage.wait(millis(5_000));
        stage.note_off(BASS, 50);
        stage.let_go(BASS, 50);
        stage.wait(millis(5_000));
        stage.assert_at_rest();
    }
}

#[test]
fn note_waits_for_its_definition() {
    let mut stage = Stage::loading(millis(100));
    stage.note_on(LEAD, 60);
    stage.wait(millis(90));
    assert_eq!(stage.server.voices().count(), 0);
    stage.wait(millis(30));
    assert_eq!(stage.voices_of(LEAD), 1);
}

#[test]
fn release_drops_a_note_that_waits() {
    let mut stage = Stage::loading(millis(100));
    stage.note_on(LEAD, 60);
    stage.wait(millis(50));
    stage.note_off(LEAD, 60);
    stage.wait(millis(200));
    assert_eq!(stage.server.voices().count(), 0);
}

#[test]
fn note_waits_a_second_at_most() {
    let mut stage = Stage::loading(millis(1_100));
    stage.note_on(LEAD, 60);
    stage.wait(millis(2_000));
    assert_eq!(stage.server.voices().count(), 0);
    stage.assert_at_rest();
}

#[test]
fn key_struck_again_ends_its_voice() {
    let mut stage = Stage::new();
    stage.note_on(LEAD, 60);
    stage.wait(millis(200));
    stage.note_on(LEAD, 60);
    stage.wait(millis(100));
    assert_eq!(stage.voices_of(LEAD), 1);
}

fn sample(stage: &mut Stage, pad: u8, digest: ContentHash) {
    let content = Content { name: Name::default(), digest };
    let sound = PadSetting::Sound(PadSound::Sample(content));
    let setting = DrumSetting::Pad(PadNumber::of(pad), sound);
    stage.act(NetworkAction::Drums(KIT, DrumAction::Set(setting)));
}

#[test]
fn pad_is_choked_and_ends_by_itself() {
    let mut stage = Stage::new();
    let digest = ContentHash([1; 16]);
    stage.server.files.insert(digest);
    sample(&mut stage, 0, digest);
    stage.strike_pad(0, 0);
    stage.wait(millis(100));
    assert_eq!(stage.voices_of(KIT), 1);
    let pad = PadNumber::of(0);
    stage.event(PlaybackEvent::PadOff { instrument: KIT, pad }, Duration::ZERO);
    stage.wait(millis(50));
    assert_eq!(stage.voices_of(KIT), 0, "choked");
    stage.strike_pad(0, 0);
    stage.wait(millis(1_000));
    assert_eq!(stage.voices_of(KIT), 1);
    stage.wait(millis(5_000));
    stage.assert_at_rest();
}

#[test]
fn slow_pad_keeps_its_strip_to_the_end() {
    let mut stage = Stage::new();
    let digest = ContentHash([1; 16]);
    stage.server.files.insert(digest);
    sample(&mut stage, 0, digest);
    stage.strike_pad(0, -24);
    stage.wait(millis(3_900));
    assert_eq!(stage.voices_of(KIT), 1, "two octaves lower, it is four times as long");
    stage.wait(millis(2_000));
    stage.assert_at_rest();
}

#[test]
fn slice_that_is_moved_is_heard_at_the_next_strike() {
    let mut stage = Stage::new();
    let digest = ContentHash([1; 16]);
    stage.server.files.insert(digest);
    let slice = |start| {
        let slice = Slice::new(Amount::of(start), Amount::of(1.0)).unwrap();
        DrumSetting::Chopper(ChopperSetting::Put(SliceId(1), slice))
    };
    let content = Content { name: Name::default(), digest };
    let sound = PadSetting::Sound(PadSound::Slice(SliceId(1)));
    for setting in [
        DrumSetting::Chopper(ChopperSetting::Sample(Some(content))),
        slice(0.5),
        DrumSetting::Pad(PadNumber::of(0), sound),
    ] {
        stage.act(NetworkAction::Drums(KIT, DrumAction::Set(setting)));
    }
    stage.strike_pad(0, 0);
    let before = stage.server.log.len();
    stage.act(NetworkAction::Drums(KIT, DrumAction::Set(slice(0.25))));
    stage.wait(millis(40));
    let changes = stage.server.log[before..].iter().map(|(_, message)| text(message));
    assert_eq!(
        changes.filter(|own| own.starts_with("/c_setn") && own.ends_with(" 0.25")).count(),
        1
    );
}

#[test]
fn file_that_arrives_late_is_played() {
    let mut stage = Stage::new();
    let digest = ContentHash([1; 16]);
    sample(&mut stage, 0, digest);
    assert_eq!(stage.sequencer.missing_files().count(), 1);
    stage.strike_pad(0, 0);
    stage.wait(millis(100));
    assert_eq!(stage.voices_of(KIT), 0);
    stage.assert_at_rest();
    stage.server.files.insert(digest);
    stage.wait(millis(100));
    assert_eq!(stage.sequencer.missing_files().count(), 0);
    stage.strike_pad(0, 0);
    stage.wait(millis(100));
    assert_eq!(stage.voices_of(KIT), 1);
}

#[test]
fn file_of_nothing_any_more_is_not_missing() {
    let mut stage = Stage::new();
    sample(&mut stage, 0, ContentHash([1; 16]));
    assert_eq!(stage.sequencer.missing_files().count(), 1);
    stage.act(NetworkAction::DeleteInstrument(KIT));
    assert_eq!(stage.sequencer.missing_files().count(), 0);
}

#[test]
fn release_that_was_made_longer_is_not_cut() {
    let mut stage = Stage::new();
    stage.note_on(LEAD, 60);
    stage.wait(millis(100));
    stage.set(LEAD, InstrumentSetting::Amp(EnvelopeSetting::Release(Seconds::of(4.0))));
    stage.note_off(LEAD, 60);
    stage.wait(millis(4_000));
    assert!(stage.has_strip(LEAD));
    stage.wait(millis(2_000));
    stage.assert_at_rest();
}

#[test]
fn instrument_is_deleted_while_notes_are_under_way() {
    let mut stage = Stage::new();
    stage.press(LEAD, 60);
    stage.note_on(LEAD, 62);
    stage.note_off(LEAD, 62);
    stage.act(NetworkAction::DeleteInstrument(LEAD));
    stage.wait(millis(3_000));
    stage.assert_at_rest();
}

#[test]
fn click_sounds_from_the_first() {
    let mut stage = Stage::new();
    stage.event(PlaybackEvent::Click { accent: true }, Duration::ZERO);
    stage.wait(millis(31));
    assert_eq!(stage.server.groups[&server::MASTER].len(), 2);
    stage.wait(millis(100));
    stage.assert_at_rest();
}
