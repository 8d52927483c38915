//! Keys with octave and chord, and how they share notes.

use super::*;

/// An event of a note: `(pitch, whether it began)`.
type Sounded = (u8, bool);

impl Rig {
    /// The events of notes since the last call.
    fn sounded(&mut self) -> Vec<Sounded> {
        self.played().into_iter().map(|(_, pitch, began)| (pitch, began)).collect()
    }

    fn chord(&mut self, chord: ChordShape) {
        self.set(InstrumentSetting::Chord(chord));
    }

    fn octave(&mut self, octave: i8) {
        self.set(InstrumentSetting::Octave(OctaveShift::of(octave)));
    }
}

fn on(pitches: &[u8]) -> Vec<Sounded> {
    pitches.iter().map(|pitch| (*pitch, true)).collect()
}

fn off(pitches: &[u8]) -> Vec<Sounded> {
    pitches.iter().map(|pitch| (*pitch, false)).collect()
}

#[test]
fn held_key_is_played_as_an_event() {
    let mut rig = Rig::new();
    rig.now = Timestamp::from_micros(1_234);
    rig.strike(60);
    rig.now = Timestamp::from_micros(5_678);
    rig.release(60);
    let (instrument, pitch, velocity) = (BASS, Pitch::of(60), Velocity::of(100));
    let at = |micros, what| {
        let time = Timestamp::from_micros(micros);
        Played { time, tick: Ticks::MIN, pass: 0, what }
    };
    let begins = at(1_234, PlaybackEvent::NoteOn { instrument, pitch, velocity });
    let ends = at(5_678, PlaybackEvent::NoteOff { instrument, pitch });
    assert_eq!(rig.take_log(), [begins, ends]);
}

#[test]
fn octave_and_chord_apply_to_held_keys() {
    let mut rig = Rig::new();
    rig.octave(-1);
    rig.chord(ChordShape::MinorSeventh);
    rig.strike(60);
    assert_eq!(rig.sounded(), on(&[48, 51, 55, 58]));
    rig.release(60);
    assert_eq!(rig.sounded(), off(&[48, 51, 55, 58]));
}

#[test]
fn octave_and_chord_apply_to_written_notes_and_pads() {
    let mut rig = Rig::drumming();
    rig.roll(PianoRollAction::Add(note(0, 60, 100)));
    rig.step(FIRST, 1, 1);
    rig.octave(1);
    rig.chord(ChordShape::Power);
    rig.transport(TransportAction::Play);
    rig.wait(400);
    let both = |tick, low, began| [(tick, low, began), (tick, low + 7, began)];
    let expected =
        [both(0, 72, true), both(100, 72, false), both(120, 52, true), both(240, 52, false)];
    assert_eq!(rig.played(), expected.concat());
}

#[test]
fn notes_outside_the_range_are_left_out() {
    let mut rig = Rig::new();
    rig.chord(ChordShape::Ninth);
    rig.strike(120);
    assert_eq!(rig.sounded(), on(&[120, 124, 127]));
    rig.octave(-4);
    rig.strike(40);
    assert_eq!(rig.sounded(), on(&[2, 6]), "of -8, -4, -1, 2 and 6");
    rig.key(InstrumentAction::ReleaseAll);
    assert_eq!(rig.sounded(), off(&[2, 6, 120, 124, 127]));
}

#[test]
fn release_ends_what_the_key_began_after_an_edit() {
    let mut rig = Rig::new();
    rig.chord(ChordShape::Major);
    rig.strike(60);
    rig.octave(2);
    rig.chord(ChordShape::Single);
    rig.strike(50);
    rig.sounded();
    rig.release(60);
    rig.release(50);
    assert_eq!(rig.sounded(), [off(&[60, 64, 67]), off(&[74])].concat());
}

#[test]
fn note_of_two_keys_ends_with_the_last_of_them() {
    for first in [60, 67] {
        let mut rig = Rig::new();
        rig.chord(ChordShape::Power);
        rig.strike(60);
        rig.strike(67);
        let again = [on(&[60, 67]), off(&[67]), on(&[67, 74])].concat();
        assert_eq!(rig.sounded(), again, "struck again");
        rig.release(first);
        rig.release(127 - first);
        let ended = if first == 60 { [60, 67, 74] } else { [74, 60, 67] };
        assert_eq!(rig.sounded(), off(&ended));
    }
}

#[test]
fn held_key_sounds_on_when_the_written_note_ends() {
    let mut rig = Rig::with([note(0, 60, 480)]);
    rig.transport(TransportAction::Play);
    rig.wait(100);
    rig.strike(60);
    rig.wait(900);
    assert_eq!(rig.sounded(), [(60, true), (60, false), (60, true)]);
    rig.transport(TransportAction::Stop);
    assert_eq!(rig.sounded(), []);
    rig.release(60);
    assert_eq!(rig.sounded(), off(&[60]));
}

#[test]
fn mono_instrument_plays_one_note_of_keys_and_chords() {
    let mut rig = Rig::with([note(240, 50, 480)]);
    rig.roll(PianoRollAction::Set(TrackSetting::Voices(Voices::Mono)));
    rig.chord(ChordShape::Major);
    rig.transport(TransportAction::Play);
    rig.strike(60);
    rig.strike(62);
    assert_eq!(rig.sounded(), [(60, true), (60, false), (62, true)]);
    rig.wait(500);
    assert_eq!(rig.sounded(), [(62, false), (50, true)]);
    rig.release(60);
    rig.release(62);
    assert_eq!(rig.sounded(), []);
    rig.strike(40);
    rig.wait(500);
    assert_eq!(rig.sounded(), [(50, false), (40, true)]);
    rig.release(40);
    assert_eq!(rig.sounded(), off(&[40]));
}

#[test]
fn stop_cuts_written_chords_and_leaves_held_keys() {
    let mut rig = Rig::with([note(0, 60, 9600)]);
    rig.chord(ChordShape::Power);
    rig.transport(TransportAction::Play);
    rig.wait(100);
    rig.strike(40);
    rig.sounded();
    rig.transport(TransportAction::Stop);
    assert_eq!(rig.sounded(), off(&[60, 67]));
    rig.release(40);
    assert_eq!(rig.sounded(), off(&[40, 47]));
}

#[test]
fn recording_writes_the_key_as_struck() {
    let mut rig = Rig::new();
    rig.octave(1);
    rig.chord(ChordShape::Major);
    rig.roll(PianoRollAction::Set(TrackSetting::Armed(true)));
    rig.transport(TransportAction::Record(true));
    rig.transport(TransportAction::Play);
    rig.strike(40);
    rig.wait(500);
    rig.release(40);
    let notes: Vec<_> = rig.state.piano_roll.track(BASS).unwrap().notes().collect();
    assert_eq!(notes, [note(0, 40, 480)]);
}

#[test]
fn panic_cuts_everything_and_the_playhead_goes_on() {
    let mut rig = Rig::drumming();
    rig.roll(PianoRollAction::Paste([note(0, 40, 1920), note(960, 41, 240)].into_iter().collect()));
    rig.roll(PianoRollAction::Set(TrackSetting::Armed(true)));
    rig.step(FIRST, 0, 0);
    for setting in [ArpeggiatorSetting::On(true), ArpeggiatorSetting::Hold(true)] {
        let set = InstrumentAction::Set(InstrumentSetting::Arpeggiator(setting));
        rig.act(&NetworkAction::Instrument(InstrumentId(2), set));
    }
    rig.transport(TransportAction::Record(true));
    rig.transport(TransportAction::Play);
    let play = |pitch| InstrumentAction::Play(Pitch::of(pitch), Velocity::of(100));
    rig.act(&NetworkAction::Instrument(InstrumentId(2), play(72)));
    rig.strike(60);
    rig.wait(500);
    assert!(rig.engine.metering.peaks[0] > Decibels::MIN);
    rig.take_log();
    rig.act(&NetworkAction::Panic);
    let log = rig.take_log();
    let cut = |what: &PlaybackEvent| {
        matches!(what, PlaybackEvent::NoteOff { .. } | PlaybackEvent::PadOff { .. })
    };
    assert!(log.iter().all(|played| cut(&played.what) && played.tick == Ticks::of(480)));
    assert_eq!(log.len(), 4, "a held key, an arpeggio, a note and a pad: {log:?}");
    assert_eq!(rig.engine.metering.peaks, [Decibels::MIN; 2]);
    assert!(rig.state.instruments.iter().all(|(_, own)| own.sounding.is_empty()));
    assert_eq!(rig.notices, [StudioNotice::Sound("panic: everything is silenced".into())]);
    let recorded = rig.state.piano_roll.track(BASS).unwrap().note(Ticks::MIN, Pitch::of(60));
    assert_eq!(recorded.map(|note| note.length), Some(NoteLength::of(480)));

    rig.wait(750);
    assert!(rig.state.transport.playing);
    let later: Vec<_> = rig.played().into_iter().filter(|(tick, ..)| *tick < 1200).collect();
    assert_eq!(later, [(960, 41, true)], "what is written later is played");
}

#[test]
fn panic_in_the_count_in_records_no_held_key() {
    let mut rig = Rig::new();
    rig.roll(PianoRollAction::Set(TrackSetting::Armed(true)));
    for click in [ClickSetting::On(true), ClickSetting::CountIn(CountIn::of(1))] {
        rig.act(&NetworkAction::Session(SessionSetting::Click(click)));
    }
    rig.transport(TransportAction::Record(true));
    rig.transport(TransportAction::Play);
    rig.wait(500);
    rig.strike(60);
    rig.act(&NetworkAction::Panic);
    rig.wait(2000);
    assert_eq!(rig.engine.playhead(), Ticks::of(480));
    assert_eq!(rig.state.piano_roll.track(BASS).unwrap().len(), 0);
}

#[test]
fn reset_ends_what_is_gone_and_strikes_what_is_held() {
    let mut rig = Rig::with([note(0, 60, 9600)]);
    rig.strike(40);
    rig.strike(41);
    rig.sounded();
    let key = |action| NetworkAction::Instrument(BASS, action);
    for action in [
        key(InstrumentAction::Release(Pitch::of(40))),
        key(InstrumentAction::Play(Pitch::of(42), Velocity::of(100))),
    ] {
        // The engine does not hear of it.
        Studio::reduce(&mut rig.state, &action).unwrap();
    }
    rig.reset();
    assert_eq!(rig.sounded(), [off(&[40]), on(&[42])].concat());
    let locate = NetworkAction::Transport(TransportAction::Locate(Ticks::MIN));
    Studio::reduce(&mut rig.state, &locate).unwrap();
    rig.reset();
    assert_eq!(rig.sounded(), [off(&[41, 42]), on(&[41, 42])].concat(), "it begins anew");
    rig.release(41);
    rig.release(42);
    assert_eq!(rig.sounded(), off(&[41, 42]));
    rig.transport(TransportAction::Play);
    rig.wait(100);
    assert_eq!(rig.sounded(), on(&[60]));
    rig.reset();
    assert_eq!(rig.sounded(), [], "it plays on");
    rig.reset_to_starter();
    assert_eq!(rig.sounded(), off(&[60]));
}

#[test]
fn meters_show_the_notes_of_a_chord() {
    let mut rig = Rig::new();
    rig.set(InstrumentSetting::Level(Decibels::of(-20.0)));
    rig.key(InstrumentAction::Play(Pitch::of(60), Velocity::MAX));
    assert_eq!(rig.peaks(), [-20, -20]);
    rig.chord(ChordShape::Octave);
    rig.key(InstrumentAction::Play(Pitch::of(60), Velocity::MAX));
    assert_eq!(rig.peaks(), [-14, -14]);
}
