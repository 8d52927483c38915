//! Playback of tracks and the arrangement.

use super::*;

#[test]
fn late_calls_do_not_move_notes() {
    let mut rig = Rig::with([note(0, 60, 480), note(480, 60, 240), note(480, 64, 960)]);
    rig.transport(TransportAction::Play);
    rig.now = rig.now + Duration::from_secs(3);
    let Rig { now, state, engine, log, .. } = &mut rig;
    assert_eq!(engine.advance_into(*now, state, &mut |played| log.push(played)).actions, []);
    let expected = [
        (0, 60, true),
        (480, 60, false),
        (480, 60, true),
        (480, 64, true),
        (720, 60, false),
        (1440, 64, false),
    ];
    assert_eq!(rig.played(), expected);
}

#[test]
fn loop_plays_its_first_tick_but_not_its_end() {
    let mut rig = Rig::with([note(0, 60, 100), note(400, 62, 400), note(480, 64, 10)]);
    rig.transport(TransportAction::Region(region(0, 480)));
    rig.transport(TransportAction::Loop(true));
    rig.transport(TransportAction::Play);
    rig.wait(1000);
    let round = [(0, 60, true), (100, 60, false), (400, 62, true), (480, 62, false)];
    let expected: Vec<_> = round.iter().chain(&round).copied().chain([(0, 60, true)]).collect();
    assert_eq!(rig.played(), expected, "notes are cut off at the end");
}

#[test]
fn seek_ends_notes_and_plays_those_that_start_there() {
    let mut rig = Rig::with([note(0, 60, 4000), note(2000, 62, 10)]);
    rig.transport(TransportAction::Play);
    rig.wait(500);
    rig.transport(TransportAction::Locate(Ticks::of(2000)));
    rig.wait(100);
    let expected =
        [(0, 60, true), (480, 60, false), (2000, 60, true), (2000, 62, true), (2010, 62, false)];
    assert_eq!(rig.played(), expected);
    rig.act(&NetworkAction::Session(SessionSetting::ChaseNotes(false)));
    rig.transport(TransportAction::Stop);
    rig.transport(TransportAction::Play);
    rig.wait(100);
    assert_eq!(rig.played(), [(2096, 60, false)], "no note is repeated");
}

#[test]
fn looping_track_repeats_while_the_playhead_moves_on() {
    let mut rig = Rig::with([note(0, 60, 50), note(100, 62, 900)]);
    rig.roll(PianoRollAction::Set(TrackSetting::Region(region(100, 340))));
    rig.roll(PianoRollAction::Set(TrackSetting::Looping(true)));
    rig.transport(TransportAction::Play);
    assert_eq!(rig.wait(625), 600);
    let expected = [
        (0, 60, true),
        (50, 60, false),
        (100, 62, true),
        (340, 62, false),
        (340, 62, true),
        (580, 62, false),
        (580, 62, true),
    ];
    assert_eq!(rig.played(), expected);
}

#[test]
fn clip_that_repeats_cuts_its_notes_where_it_begins_anew() {
    let mut rig = Rig::new();
    let (clip, placement) = (ClipId(1), PlacementId(1));
    let create = ClipAction::Create { clip, name: Name::default(), length: NoteLength::of(240) };
    let put = |note| ClipAction::Put(clip, note);
    for action in [create, put(note(0, 60, 1000)), put(note(100, 62, 1000))] {
        rig.act(&NetworkAction::Clip(BASS, action));
    }
    let place = PlacementAction::Place { placement, clip, tick: Ticks::of(480) };
    let resize = PlacementAction::Resize(placement, NoteLength::of(360));
    for action in [place, resize] {
        rig.act(&NetworkAction::Placement(BASS, action));
    }
    rig.act(&NetworkAction::Arrangement(ArrangementSetting::Play(PlayMode::Arrangement)));
    rig.transport(TransportAction::Play);
    rig.wait(1500);
    let expected = [
        (480, 60, true),
        (580, 62, true),
        (720, 60, false),
        (720, 62, false),
        (720, 60, true),
        (820, 62, true),
        (840, 60, false),
        (840, 62, false),
    ];
    assert_eq!(rig.played(), expected);
}

#[test]
fn note_of_a_mono_track_ends_the_previous_one() {
    let mut rig = Rig::with([note(0, 60, 480), note(240, 64, 480)]);
    rig.roll(PianoRollAction::Set(TrackSetting::Voices(Voices::Mono)));
    rig.transport(TransportAction::Play);
    rig.wait(1000);
    let expected = [(0, 60, true), (240, 60, false), (240, 64, true), (720, 64, false)];
    assert_eq!(rig.played(), expected);
}

#[test]
fn note_probability_is_respected_and_repeatable() {
    let perform = |probability: u8| {
        let mut rig =
            Rig::with([Note { probability: Probability::of(probability), ..note(0, 60, 1) }]);
        rig.transport(TransportAction::Region(region(0, 4)));
        rig.transport(TransportAction::Loop(true));
        rig.transport(TransportAction::Play);
        rig.wait(4000);
        rig.played().len() / 2
    };
    assert_eq!(perform(0), 0);
    assert_eq!(perform(100), 960);
    let half = perform(50);
    assert!((420..540).contains(&half), "{half} of 960");
    assert_eq!(perform(50), half);
}

#[test]
fn arrangement_plays_its_clips_and_stops_at_its_end() {
    let mut rig = Rig::with([note(0, 60, 100), note(1000, 99, 100)]);
    let capture =
        ClipAction::Capture { clip: ClipId(1), name: Name::default(), region: region(0, 240) };
    rig.act(&NetworkAction::Clip(BASS, capture));
    let (placement, clip) = (PlacementId(1), ClipId(1));
    let place = PlacementAction::Place { placement, clip, tick: Ticks::of(480) };
    rig.act(&NetworkAction::Placement(BASS, place));
    let resize = PlacementAction::Resize(placement, NoteLength::of(290));
    rig.act(&NetworkAction::Placement(BASS, resize));
    rig.act(&NetworkAction::Arrangement(ArrangementSetting::Play(PlayMode::Arrangement)));
    rig.act(&NetworkAction::Arrangement(ArrangementSetting::AtEnd(AtEnd::Stop)));
    rig.transport(TransportAction::Play);
    rig.wait(3000);
    let expected = [(480, 60, true), (580, 60, false), (720, 60, true), (770, 60, false)];
    assert_eq!(rig.played(), expected);
    assert!(!rig.state.transport.playing);
    assert_eq!(rig.state.transport.position, Ticks::of(770));
    assert_eq!(rig.engine.pulse(), None);

    rig.act(&NetworkAction::Arrangement(ArrangementSetting::AtEnd(AtEnd::Repeat)));
    rig.transport(TransportAction::Locate(Ticks::MIN));
    rig.transport(TransportAction::Play);
    assert_eq!(rig.wait(1000), 960 - 770);
}
