//! Notes that are edited while they sound.

use super::*;

const LONG: u32 = 9600;

/// An edit, and the tick at which the note then ends.
type EditAndEnd = (fn(&mut Rig), u32);

/// A rig that has played up to tick 480. The first tick that it has not played is 481.
fn sounding(notes: impl IntoIterator<Item = Note>) -> Rig {
    let mut rig = Rig::with(notes);
    rig.transport(TransportAction::Play);
    rig.wait(500);
    rig
}

impl Rig {
    fn resize(&mut self, tick: u32, pitch: u8, length: u32) {
        let (tick, pitch) = (Ticks::of(tick), Pitch::of(pitch));
        self.roll(PianoRollAction::Resize(tick, pitch, NoteLength::of(length)));
    }

    fn remove(&mut self, tick: u32, pitch: u8) {
        self.roll(PianoRollAction::Remove(Ticks::of(tick), Pitch::of(pitch)));
    }

    fn clip(&mut self, action: ClipAction) {
        self.act(&NetworkAction::Clip(BASS, action));
    }

    fn placement(&mut self, action: PlacementAction) {
        self.act(&NetworkAction::Placement(BASS, action));
    }

    fn plays(&mut self, mode: PlayMode) {
        self.act(&NetworkAction::Arrangement(ArrangementSetting::Play(mode)));
    }

    /// The ticks at which a key ended.
    fn ends(&mut self, pitch: u8) -> Vec<u32> {
        let ended = self.played().into_iter().filter(|(_, key, on)| *key == pitch && !on);
        ended.map(|(tick, ..)| tick).collect()
    }
}

#[test]
fn removed_note_ends_when_it_is_gone() {
    let removals: [fn(&mut Rig); 5] = [
        |rig| rig.remove(0, 60),
        |rig| rig.roll(PianoRollAction::Clear),
        |rig| rig.roll(PianoRollAction::DeleteRegion(region(0, 10))),
        |rig| {
            let (tick, pitch) = (Ticks::MIN, Pitch::of(60));
            let (to_tick, to_pitch) = (Ticks::of(100), Pitch::of(72));
            rig.roll(PianoRollAction::Move { tick, pitch, to_tick, to_pitch });
        },
        |rig| rig.act(&NetworkAction::DeleteInstrument(BASS)),
    ];
    for (number, remove) in removals.iter().enumerate() {
        let mut rig = sounding([note(0, 60, LONG)]);
        remove(&mut rig);
        rig.wait(500);
        let expected = [(0, 60, true), (481, 60, false)];
        assert_eq!(rig.played(), expected, "removal {number}");
    }
}

#[test]
fn note_resized_while_it_sounds_ends_at_its_new_end() {
    for (length, end) in [(100, 481), (480, 481), (600, 600), (900, 900), (1400, 1400)] {
        let mut rig = sounding([note(0, 60, 1000), note(0, 64, 1000)]);
        rig.resize(0, 60, length);
        rig.wait(1500);
        let log = rig.played();
        let ended = |key| log.iter().find(|(_, pitch, on)| *pitch == key && !on).map(|end| end.0);
        assert_eq!((ended(60), ended(64)), (Some(end), Some(1000)), "of {length} ticks");
        assert_eq!(log.len(), 4, "nothing is struck again");
    }
}

#[test]
fn other_edits_do_not_touch_a_sounding_note() {
    let mut rig = sounding([note(0, 60, 1000), note(0, 64, 1000)]);
    rig.remove(0, 64);
    rig.roll(PianoRollAction::Add(note(700, 67, 10)));
    rig.roll(PianoRollAction::Velocity(Ticks::MIN, Pitch::of(60), Velocity::of(1)));
    rig.roll(PianoRollAction::Probability(Ticks::MIN, Pitch::of(60), Probability::of(0)));
    rig.roll(PianoRollAction::Set(TrackSetting::Armed(true)));
    rig.set(InstrumentSetting::Mute(true));
    rig.groove(GrooveSetting::Offset(TimingOffset::of(50.0)));
    rig.wait(1000);
    assert_eq!(rig.ends(60), [1000]);
}

#[test]
fn undone_note_ends_when_it_is_gone() {
    let mut rig = Rig::new();
    let before = rig.state.piano_roll.clone();
    rig.roll(PianoRollAction::Add(note(0, 60, LONG)));
    rig.transport(TransportAction::Play);
    rig.wait(500);
    rig.state.piano_roll = before;
    rig.wait(500);
    assert_eq!(rig.played(), [(0, 60, true), (481, 60, false)]);
}

#[test]
fn note_ends_with_its_clip_placement_or_play_mode() {
    let (clip, placement) = (ClipId(1), PlacementId(1));
    let edits: [EditAndEnd; 9] = [
        (|rig| rig.clip(ClipAction::Take(ClipId(1), Ticks::MIN, Pitch::of(60))), 481),
        (|rig| rig.clip(ClipAction::Put(ClipId(1), note(0, 60, 600))), 600),
        (|rig| rig.clip(ClipAction::Resize(ClipId(1), NoteLength::of(720))), 720),
        (|rig| rig.clip(ClipAction::Delete(ClipId(1))), 481),
        (|rig| rig.placement(PlacementAction::Remove(PlacementId(1))), 481),
        (|rig| rig.placement(PlacementAction::Move(PlacementId(1), Ticks::of(10))), 481),
        (|rig| rig.placement(PlacementAction::Resize(PlacementId(1), NoteLength::of(550))), 550),
        (|rig| rig.plays(PlayMode::PianoRoll), 481),
        (|_| {}, 1700),
    ];
    for (number, (edit, end)) in edits.into_iter().enumerate() {
        let mut rig = Rig::new();
        rig.clip(ClipAction::Create { clip, name: Name::default(), length: NoteLength::of(1920) });
        rig.clip(ClipAction::Put(clip, note(0, 60, 1700)));
        rig.placement(PlacementAction::Place { placement, clip, tick: Ticks::MIN });
        rig.plays(PlayMode::Arrangement);
        rig.transport(TransportAction::Play);
        rig.wait(500);
        edit(&mut rig);
        rig.wait(1400);
        assert_eq!(rig.played()[..2], [(0, 60, true), (end, 60, false)], "edit {number}");
    }
}

#[test]
fn note_of_the_piano_roll_ends_when_clips_are_played() {
    let mut rig = sounding([note(0, 60, LONG)]);
    rig.plays(PlayMode::Arrangement);
    rig.wait(100);
    rig.plays(PlayMode::PianoRoll);
    rig.wait(500);
    assert_eq!(rig.played(), [(0, 60, true), (481, 60, false)], "it does not come back");
}

#[test]
fn note_that_is_in_track_and_clip_sounds_through_the_change() {
    let mut rig = sounding([note(0, 60, 1000)]);
    let (clip, name, region) = (ClipId(1), Name::default(), region(0, 1920));
    rig.clip(ClipAction::Capture { clip, name, region });
    let placement = PlacementId(1);
    rig.placement(PlacementAction::Place { placement, clip, tick: Ticks::MIN });
    rig.plays(PlayMode::Arrangement);
    rig.wait(1000);
    assert_eq!(rig.played(), [(0, 60, true), (1000, 60, false)]);
}

#[test]
fn note_of_a_track_whose_loop_is_shortened_ends_at_the_new_end() {
    for (length, end) in [(960, 960), (600, 600), (300, 481)] {
        let mut rig = Rig::with([note(0, 60, LONG)]);
        rig.roll(PianoRollAction::Set(TrackSetting::Region(region(0, LONG))));
        rig.roll(PianoRollAction::Set(TrackSetting::Looping(true)));
        rig.transport(TransportAction::Play);
        rig.wait(500);
        rig.roll(PianoRollAction::Set(TrackSetting::Region(region(0, length))));
        rig.wait(600);
        assert_eq!(rig.ends(60).first(), Some(&end), "{length} ticks");
    }
}

#[test]
fn note_of_a_later_round_ends_when_it_is_gone() {
    let mut rig = Rig::with([note(100, 60, 300)]);
    rig.roll(PianoRollAction::Set(TrackSetting::Region(region(0, 480))));
    rig.roll(PianoRollAction::Set(TrackSetting::Looping(true)));
    rig.transport(TransportAction::Play);
    rig.wait(700);
    rig.remove(100, 60);
    rig.wait(500);
    let expected = [(100, 60, true), (400, 60, false), (580, 60, true), (673, 60, false)];
    assert_eq!(rig.played(), expected);
}

#[test]
fn note_of_a_later_pass_ends_when_it_is_gone() {
    let mut rig = Rig::with([note(100, 60, 300)]).goes_round(0, 480);
    rig.wait(700);
    rig.resize(100, 60, 200);
    rig.wait(500);
    let round = [(100, 60, true), (400, 60, false), (100, 60, true), (300, 60, false)];
    assert_eq!(rig.played()[..4], round);
}

#[test]
fn early_note_resized_while_it_sounds_stays_within_its_pass() {
    // Played 96 ticks early, so the loop ends at 384 for it.
    for (length, end) in [(80, 364), (1000, 384)] {
        let mut rig = Rig::with([note(380, 62, 90)]);
        rig.groove(GrooveSetting::Offset(TimingOffset::of(-100.0)));
        let mut rig = rig.goes_round(0, 480);
        rig.wait(300);
        rig.resize(380, 62, length);
        rig.wait(300);
        assert_eq!(rig.played()[..2], [(284, 62, true), (end, 62, false)]);
    }
}

#[test]
fn late_note_that_is_gone_does_not_begin() {
    let mut rig = Rig::with([note(460, 60, 400), note(470, 64, 100)]);
    rig.groove(GrooveSetting::Offset(TimingOffset::of(100.0)));
    rig.transport(TransportAction::Play);
    rig.wait(500);
    rig.remove(460, 60);
    rig.resize(470, 64, 200);
    rig.wait(500);
    assert_eq!(rig.played(), [(566, 64, true), (766, 64, false)]);
}

#[test]
fn note_that_a_pad_plays_ends_with_its_step() {
    let edits: [EditAndEnd; 6] = [
        (|_| {}, 600),
        (|rig| rig.drums(DrumSetting::Swing(Amount::of(0.5))), 600),
        (
            |rig| {
                let step = (PadNumber::of(1), StepNumber::of(4));
                rig.drums(DrumSetting::Pattern(FIRST, PatternSetting::Off(step.0, step.1)));
            },
            496,
        ),
        (
            |rig| {
                let nothing = PadSetting::Sound(PadSound::Nothing);
                rig.drums(DrumSetting::Pad(PadNumber::of(1), nothing));
            },
            496,
        ),
        (|rig| rig.act(&NetworkAction::DeleteInstrument(KIT)), 496),
        (|rig| rig.act(&NetworkAction::DeleteInstrument(BASS)), 496),
    ];
    for (number, (edit, end)) in edits.into_iter().enumerate() {
        let mut rig = Rig::drumming();
        rig.step(FIRST, 1, 4);
        rig.transport(TransportAction::Play);
        assert_eq!(rig.wait(516), 495);
        edit(&mut rig);
        rig.wait(300);
        assert_eq!(rig.played(), [(480, 40, true), (end, 40, false)], "edit {number}");
    }
}

#[test]
fn swung_step_sounds_on_when_the_swing_is_turned() {
    let mut rig = Rig::drumming();
    rig.step(FIRST, 1, 1);
    rig.drums(DrumSetting::Swing(Amount::of(0.5)));
    rig.transport(TransportAction::Play);
    rig.wait(200);
    rig.drums(DrumSetting::Swing(Amount::of(0.6)));
    rig.wait(300);
    assert_eq!(rig.played(), [(150, 40, true), (276, 40, false)]);
}

#[test]
fn loaded_project_does_not_play_on() {
    let other = Arc::new(Rig::with([note(0, 60, LONG), note(490, 62, 10)]).state);
    let mut rig = sounding([note(0, 60, LONG)]);
    rig.now = rig.now + Duration::from_millis(100);
    let outcome = ProjectOutcome::Loaded(Shelf::default(), other);
    let report = ProjectReport { task: ProjectAction::New, outcome };
    rig.act(&NetworkAction::ProjectReport(report));
    rig.wait(500);
    assert_eq!(rig.played(), [(0, 60, true), (480, 60, false)]);
}

#[test]
fn edits_sound_alike_however_time_is_divided() {
    let perform = |pulse: u64| {
        let notes = [note(0, 60, LONG), note(0, 62, 1000), note(200, 64, 2000), note(300, 65, 70)];
        let mut rig = Rig::with(notes);
        rig.groove(GrooveSetting::Offset(TimingOffset::of(-30.0)));
        rig.groove(GrooveSetting::HumaniseTiming(Amount::of(0.5)));
        let mut rig = rig.goes_round(0, 700);
        let edits: [fn(&mut Rig); 6] = [
            |rig| rig.remove(0, 60),
            |rig| rig.resize(0, 62, 500),
            |rig| rig.resize(200, 64, 300),
            |rig| rig.roll(PianoRollAction::Add(note(0, 60, 700))),
            |rig| rig.remove(300, 65),
            |rig| rig.transport(TransportAction::Loop(false)),
        ];
        for edit in edits {
            for _ in 0..420 / pulse {
                rig.now = rig.now + Duration::from_millis(pulse);
                rig.advance();
            }
            edit(&mut rig);
        }
        rig.wait(2000);
        rig.played()
    };
    let log = perform(1);
    assert!(log.len() > 20, "{}", log.len());
    for pulse in [2, 5, 7, 60, 420] {
        assert_eq!(perform(pulse), log, "pulses of {pulse} ms");
    }
}

#[test]
fn late_note_lengthened_in_the_next_pass_ends_with_its_own() {
    // Played 96 ticks late, so the loop ends at tick 96 of the next pass for it.
    let mut rig = Rig::with([note(300, 60, 400)]);
    rig.groove(GrooveSetting::Offset(TimingOffset::of(100.0)));
    let mut rig = rig.goes_round(0, 480);
    rig.wait(540);
    rig.resize(300, 60, 1000);
    rig.wait(460);
    assert_eq!(rig.played(), [(396, 60, true), (96, 60, false), (396, 60, true)]);
}

#[test]
fn loop_turned_on_or_off_moves_the_end_of_an_early_note() {
    // Played 96 ticks early, so the loop ends at 864 for it.
    for (looping, end) in [(true, 864), (false, 1104)] {
        let mut rig = Rig::with([note(800, 60, 400)]);
        rig.groove(GrooveSetting::Offset(TimingOffset::of(-100.0)));
        rig.transport(TransportAction::Region(region(0, 960)));
        rig.transport(TransportAction::Loop(!looping));
        rig.transport(TransportAction::Play);
        rig.wait(800);
        rig.transport(TransportAction::Loop(looping));
        rig.wait(450);
        assert_eq!(rig.played()[..2], [(704, 60, true), (end, 60, false)], "{looping}");
    }
}

#[test]
fn note_of_two_placements_ends_with_the_longer_one() {
    let mut rig = Rig::new();
    for (id, length) in [(1, 500), (2, 900), (3, 600)] {
        let (clip, placement) = (ClipId(id), PlacementId(id));
        let (name, whole) = (Name::default(), NoteLength::of(1920));
        rig.clip(ClipAction::Create { clip, name, length: whole });
        rig.clip(ClipAction::Put(clip, note(0, 60, length)));
        rig.placement(PlacementAction::Place { placement, clip, tick: Ticks::MIN });
    }
    rig.plays(PlayMode::Arrangement);
    rig.transport(TransportAction::Play);
    rig.wait(250);
    rig.clip(ClipAction::Put(ClipId(1), note(1000, 72, 10)));
    rig.wait(750);
    assert_eq!(rig.ends(60).last(), Some(&900));
}

#[test]
fn pad_sounds_completely_when_its_step_is_gone() {
    let mut rig = Rig::drumming();
    rig.step(FIRST, 0, 4);
    rig.transport(TransportAction::Play);
    rig.wait(510);
    let off = PatternSetting::Off(PadNumber::of(0), StepNumber::of(4));
    rig.drums(DrumSetting::Pattern(FIRST, off));
    assert_eq!(rig.peaks(), [-8, -8]);
    rig.wait(100);
    assert_eq!(rig.peaks(), [-120, -120]);
}
