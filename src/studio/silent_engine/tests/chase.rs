//! Note chase: notes that began before the position at which playing starts.

use super::*;

impl Rig {
    /// Plays from `tick` for `millis`.
    fn play_from(&mut self, tick: u32, millis: u64) -> Vec<(u32, u8, bool)> {
        self.transport(TransportAction::Locate(Ticks::of(tick)));
        self.transport(TransportAction::Play);
        self.wait(millis);
        self.played()
    }

    fn without_chase(mut self) -> Self {
        self.act(&NetworkAction::Session(SessionSetting::ChaseNotes(false)));
        self
    }
}

#[test]
fn note_that_began_before_the_start_sounds_to_its_own_end() {
    let notes = [note(0, 60, 1000), note(400, 62, 80), note(100, 64, 380), note(480, 67, 10)];
    let mut rig = Rig::with(notes);
    let expected = [(480, 60, true), (480, 67, true), (490, 67, false), (1000, 60, false)];
    assert_eq!(rig.play_from(480, 1000), expected);
}

#[test]
fn chase_is_on_by_default_and_can_be_turned_off() {
    let mut rig = Rig::with([note(0, 60, 1000)]).without_chase();
    assert_eq!(rig.play_from(480, 1000), []);
    assert!(StudioState::default().session.chase_notes);
}

#[test]
fn locating_and_starting_again_chase_notes() {
    let mut rig = Rig::with([note(0, 60, 4000), note(5000, 62, 1000)]);
    rig.transport(TransportAction::Play);
    rig.wait(500);
    rig.transport(TransportAction::Locate(Ticks::of(5500)));
    rig.wait(250);
    rig.transport(TransportAction::Stop);
    rig.transport(TransportAction::Play);
    rig.wait(500);
    let expected = [
        (0, 60, true),
        (480, 60, false),
        (5500, 62, true),
        (5740, 62, false),
        (5740, 62, true),
        (6000, 62, false),
    ];
    assert_eq!(rig.played(), expected);
}

#[test]
fn loop_that_turns_back_does_not_chase() {
    let mut rig = Rig::with([note(0, 60, 4000), note(600, 62, 10)]);
    rig.transport(TransportAction::Region(region(480, 960)));
    rig.transport(TransportAction::Loop(true));
    let round = [(600, 62, true), (610, 62, false)];
    let first = [(480, 60, true), round[0], round[1], (960, 60, false)];
    let expected: Vec<_> = first.into_iter().chain(round).collect();
    assert_eq!(rig.play_from(480, 900), expected);
}

#[test]
fn note_of_a_track_in_its_loop_is_chased_in_its_round() {
    let mut rig = Rig::with([note(0, 60, 200), note(100, 62, 500), note(460, 64, 100)]);
    rig.roll(PianoRollAction::Set(TrackSetting::Region(region(100, 480))));
    rig.roll(PianoRollAction::Set(TrackSetting::Looping(true)));
    // Rounds begin at 100, 480, 860; this one is the third.
    let expected = [(900, 62, true), (1220, 64, true), (1240, 62, false), (1240, 64, false)];
    assert_eq!(rig.play_from(900, 400)[..4], expected);
}

#[test]
fn note_of_a_clip_is_chased_in_its_repetition() {
    let mut rig = Rig::new();
    let (clip, placement) = (ClipId(1), PlacementId(1));
    let create = ClipAction::Create { clip, name: Name::default(), length: NoteLength::of(480) };
    for action in [create, ClipAction::Put(clip, note(100, 60, 900))] {
        rig.act(&NetworkAction::Clip(BASS, action));
    }
    let place = PlacementAction::Place { placement, clip, tick: Ticks::of(1000) };
    let resize = PlacementAction::Resize(placement, NoteLength::of(800));
    for action in [place, resize] {
        rig.act(&NetworkAction::Placement(BASS, action));
    }
    rig.act(&NetworkAction::Arrangement(ArrangementSetting::Play(PlayMode::Arrangement)));
    for (start, expected) in [
        (1050, &[(1100, 60, true), (1480, 60, false), (1580, 60, true), (1800, 60, false)][..]),
        (1200, &[(1200, 60, true), (1480, 60, false), (1580, 60, true), (1800, 60, false)]),
        (1490, &[(1580, 60, true), (1800, 60, false)]),
        (1700, &[(1700, 60, true), (1800, 60, false)]),
        (1800, &[]),
    ] {
        assert_eq!(rig.play_from(start, 900), expected, "from {start}");
        rig.transport(TransportAction::Stop);
        rig.wait(10);
        rig.played();
    }
}

#[test]
fn chased_note_is_the_one_that_would_sound() {
    let mut rig = Rig::with([note(0, 60, 2000), note(200, 60, 100), note(0, 62, 2000)]);
    assert_eq!(rig.play_from(480, 100), [(480, 62, true)], "a later note has ended the first");
    rig.transport(TransportAction::Stop);
    rig.roll(PianoRollAction::Set(TrackSetting::Voices(Voices::Mono)));
    rig.played();
    assert_eq!(rig.play_from(480, 100), [], "of a mono track only the last one");
}

#[test]
fn note_that_begins_at_the_start_replaces_the_chased_one() {
    let mut rig = Rig::with([note(0, 60, 2000), note(480, 60, 100)]);
    assert_eq!(rig.play_from(480, 500), [(480, 60, true), (580, 60, false)]);
}

#[test]
fn drum_steps_are_not_chased() {
    let mut rig = Rig::drumming();
    rig.step(FIRST, 0, 0);
    rig.step(FIRST, 1, 0);
    assert_eq!(rig.play_from(10, 200), []);
    assert_eq!(rig.beats(), [0; 0]);
}

#[test]
fn chance_and_groove_are_those_of_the_whole_note() {
    let whole = |start: u32| {
        let notes = (0..100).map(|key| Note {
            probability: Probability::of(50),
            ..note(u32::from(key) * 2, 10 + key, 2000)
        });
        let mut rig = Rig::with(notes);
        rig.groove(GrooveSetting::HumaniseTiming(Amount::of(0.3)));
        rig.groove(GrooveSetting::Swing(Swing::Own(Amount::of(0.5))));
        let log = rig.play_from(start, 4000);
        log.into_iter().filter(|(.., on)| !on).collect::<Vec<_>>()
    };
    let all = whole(0);
    assert!((30..70).contains(&all.len()), "{}", all.len());
    assert_eq!(whole(1000), all, "the same notes, with the same ends");
}

#[test]
fn chase_waits_for_the_count_in_and_for_a_late_instrument() {
    let mut rig = Rig::with([note(0, 60, 1000), note(460, 62, 400)]);
    rig.groove(GrooveSetting::Offset(TimingOffset::of(100.0)));
    for click in [ClickSetting::On(true), ClickSetting::CountIn(CountIn::of(1))] {
        rig.act(&NetworkAction::Session(SessionSetting::Click(click)));
    }
    assert_eq!(rig.play_from(480, 1900), []);
    rig.wait(1100);
    let expected = [(480, 60, true), (556, 62, true), (956, 62, false), (1096, 60, false)];
    assert_eq!(rig.played(), expected);
}

#[test]
fn chased_note_that_is_removed_ends() {
    let mut rig = Rig::with([note(0, 60, 9600)]);
    rig.play_from(480, 500);
    rig.roll(PianoRollAction::Remove(Ticks::MIN, Pitch::of(60)));
    rig.wait(100);
    assert_eq!(rig.played(), [(961, 60, false)]);
}

#[test]
fn late_note_that_is_written_before_the_start_is_not_chased() {
    let mut rig = Rig::with([note(0, 60, 470), note(0, 62, 490)]);
    rig.groove(GrooveSetting::Offset(TimingOffset::of(100.0)));
    assert_eq!(rig.play_from(480, 500), [(480, 62, true), (586, 62, false)]);
}

#[test]
fn chased_note_of_placements_is_the_last_that_began() {
    let mut rig = Rig::new();
    // In the order of their ids, the later one is first.
    for (id, tick, length) in [(1, 400, 50), (2, 0, 1900)] {
        let (clip, placement) = (ClipId(id), PlacementId(id));
        let (name, whole) = (Name::default(), NoteLength::of(1920));
        for action in [
            ClipAction::Create { clip, name, length: whole },
            ClipAction::Put(clip, note(0, 60, length)),
        ] {
            rig.act(&NetworkAction::Clip(BASS, action));
        }
        let place = PlacementAction::Place { placement, clip, tick: Ticks::of(tick) };
        rig.act(&NetworkAction::Placement(BASS, place));
    }
    rig.act(&NetworkAction::Arrangement(ArrangementSetting::Play(PlayMode::Arrangement)));
    assert_eq!(rig.play_from(480, 500), [], "the later one has ended the first, and is over");
}

#[test]
fn chased_note_of_an_early_instrument_ends_with_its_loop() {
    // Played 96 ticks early, so the loop ends at 864 for it.
    let mut rig = Rig::with([note(200, 60, 4000)]);
    rig.groove(GrooveSetting::Offset(TimingOffset::of(-100.0)));
    rig.transport(TransportAction::Region(region(0, 960)));
    rig.transport(TransportAction::Loop(true));
    assert_eq!(rig.play_from(480, 450), [(480, 60, true), (864, 60, false)]);
}
