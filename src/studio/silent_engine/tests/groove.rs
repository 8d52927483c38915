//! Groove: swing, offset and chance.

use super::*;

#[test]
fn machine_swing_adds_to_session_swing() {
    let mut rig = Rig::drumming();
    (0..4).for_each(|step| rig.step(FIRST, 0, step));
    rig.drums(DrumSetting::Swing(Amount::of(0.5)));
    rig.transport(TransportAction::Play);
    rig.wait(500);
    assert_eq!(rig.beats(), [0, 150, 240, 390]);
    rig.transport(TransportAction::Stop);
    let own = GrooveSetting::Swing(Swing::Own(Amount::of(1.0)));
    let set = InstrumentAction::Set(InstrumentSetting::Groove(own));
    rig.act(&NetworkAction::Instrument(KIT, set));
    rig.transport(TransportAction::Locate(Ticks::of(0)));
    rig.transport(TransportAction::Play);
    rig.wait(500);
    assert_eq!(rig.beats(), [0, 225, 360, 435]);
}

#[test]
fn swing_lane_of_a_machine_is_read_per_pair_of_steps() {
    let mut rig = Rig::drumming();
    (0..6).for_each(|step| rig.step(FIRST, 0, step));
    rig.drums(DrumSetting::Swing(Amount::of(0.25)));
    let swing = Target::Drums(KIT, DrumParameter::Swing);
    let lane = |action| NetworkAction::Automation(swing, action);
    let point = |tick, value| {
        let (tick, value) = (Ticks::of(tick), Amount::of(value));
        lane(AutomationAction::Put(Point { tick, value, curve: Curve::Linear }))
    };
    rig.act(&lane(AutomationAction::Add));
    rig.act(&point(0, 0.0));
    rig.act(&point(480, 1.0));
    rig.transport(TransportAction::Play);
    rig.wait(300);
    // Straight at first, half-way at 240, and all the way at 480.
    assert_eq!(rig.beats(), [0, 120, 240]);
    // A change while playing is heard.
    rig.act(&point(480, 0.5));
    rig.wait(450);
    assert_eq!(rig.beats(), [375, 480, 630]);
    rig.transport(TransportAction::Stop);
    let enabled = LaneSetting::Enabled(false);
    rig.act(&lane(AutomationAction::Set(enabled)));
    rig.transport(TransportAction::Locate(Ticks::of(0)));
    rig.transport(TransportAction::Play);
    rig.wait(300);
    assert_eq!(rig.beats(), [0, 135, 240], "the lane is disabled");
}

#[test]
fn notes_swing_with_the_session_except_on_beats() {
    let mut rig = Rig::with([note(0, 60, 240), note(240, 60, 240)]);
    rig.act(&NetworkAction::Session(SessionSetting::Swing(Amount::of(0.5))));
    rig.transport(TransportAction::Play);
    rig.wait(600);
    let swung = [(0, 60, true), (300, 60, false), (300, 60, true), (480, 60, false)];
    assert_eq!(rig.played(), swung);
}

/// A bass with these notes and an offset of `millis`.
fn late(millis: f32, notes: impl IntoIterator<Item = Note>) -> Rig {
    let mut rig = Rig::with(notes);
    rig.groove(GrooveSetting::Offset(TimingOffset::of(millis)));
    rig
}

#[test]
fn offset_makes_an_instrument_late_or_early() {
    for (millis, ticks) in [(50.0, 48), (-50.0, -48), (-100.0, -96)] {
        let mut rig = late(millis, [note(480, 60, 100)]);
        rig.transport(TransportAction::Play);
        rig.wait(1000);
        let at = |tick: i32| u32::try_from(tick + ticks).unwrap();
        assert_eq!(rig.played(), [(at(480), 60, true), (at(580), 60, false)]);
    }
}

#[test]
fn early_notes_do_not_precede_the_start() {
    let mut rig = late(-50.0, [note(0, 60, 100), note(1000, 62, 100)]);
    rig.transport(TransportAction::Play);
    rig.wait(200);
    assert_eq!(rig.played(), [(0, 60, true), (52, 60, false)]);
    rig.transport(TransportAction::Locate(Ticks::of(990)));
    rig.wait(200);
    assert_eq!(rig.played(), [(990, 62, true), (1052, 62, false)]);
}

#[test]
fn early_notes_play_before_the_loop_ends() {
    let mut rig = late(-50.0, [note(0, 60, 100), note(400, 62, 400)]).goes_round(0, 480);
    rig.wait(900);
    let expected = [
        (0, 60, true),
        (52, 60, false),
        (352, 62, true),
        (432, 62, false),
        (432, 60, true),
        (52, 60, false),
        (352, 62, true),
    ];
    assert_eq!(rig.played(), expected);
}

#[test]
fn late_notes_play_after_the_loop_restarts() {
    let mut rig = late(50.0, [note(470, 60, 100)]).goes_round(0, 480);
    rig.wait(600);
    assert_eq!(rig.played(), [(38, 60, true), (48, 60, false)]);
}

#[test]
fn tempo_change_neither_drops_nor_doubles_early_notes() {
    for (before, after, at) in [(60.0, 240.0, 420), (240.0, 60.0, 288)] {
        let tempo = |bpm| NetworkAction::Session(SessionSetting::Tempo(Bpm::of(bpm)));
        let mut rig = late(-100.0, [note(480, 60, 100)]);
        rig.act(&tempo(before));
        rig.transport(TransportAction::Play);
        while rig.engine.playhead().get() < 420 {
            rig.wait(5);
        }
        rig.act(&tempo(after));
        rig.wait(2000);
        let begun: Vec<_> = rig.played().into_iter().filter(|played| played.2).collect();
        let [(tick, 60, true)] = begun[..] else { panic!("{begun:?}") };
        assert!((at..at + 5).contains(&tick), "{tick}");
    }
}

#[test]
fn humanised_playback_is_bounded_and_repeatable() {
    let perform = |own: bool| {
        let mut rig = Rig::with((0..64).map(|n| note(240 + n * 480, 60, 100)));
        let (half, all) = (Amount::of(0.5), Amount::of(1.0));
        if own {
            rig.groove(GrooveSetting::HumaniseTiming(half));
            rig.groove(GrooveSetting::HumaniseVelocity(all));
        } else {
            for setting in [HumaniseSetting::Timing(half), HumaniseSetting::Velocity(all)] {
                rig.act(&NetworkAction::Session(SessionSetting::Humanise(setting)));
            }
        }
        rig.transport(TransportAction::Play);
        rig.wait(33_000);
        let log = rig.take_log();
        let begun = log.iter().filter_map(|played| match played.what {
            PlaybackEvent::NoteOn { velocity, .. } => Some((played.tick.get(), velocity.get())),
            _ => None,
        });
        begun.collect::<Vec<_>>()
    };
    let played = perform(true);
    assert_eq!(played.len(), 64);
    let ticks = (240u32..).step_by(480).zip(&played).map(|(tick, (at, _))| at.abs_diff(tick));
    let (nearest, furthest) = (ticks.clone().min().unwrap(), ticks.max().unwrap());
    assert!(nearest < 5 && (25..=30).contains(&furthest), "{nearest} {furthest}");
    let velocities = || played.iter().map(|(_, velocity)| *velocity);
    assert!((68..78).contains(&velocities().min().unwrap()));
    assert!((120..=127).contains(&velocities().max().unwrap()));
    assert_eq!(perform(true), played);
    assert_eq!(perform(false), played, "the session's and the instrument's amounts are equivalent");
}

#[test]
fn swing_restarts_with_each_bar_of_the_instrument() {
    let mut rig = Rig::with([240, 1440, 1680, 1920].map(|tick| note(tick, 60, 10)));
    let begun = |rig: &mut Rig| {
        rig.transport(TransportAction::Locate(Ticks::MIN));
        rig.transport(TransportAction::Play);
        rig.wait(2500);
        rig.transport(TransportAction::Stop);
        let begun = rig.played().into_iter().filter(|played| played.2);
        begun.map(|played| played.0).collect::<Vec<_>>()
    };
    rig.act(&NetworkAction::Session(SessionSetting::Swing(Amount::of(1.0))));
    assert_eq!(begun(&mut rig), [360, 1440, 1800, 1920]);
    let metre = TimeSignature::new(7, 8).unwrap();
    rig.groove(GrooveSetting::TimeSignature(Some(metre)));
    assert_eq!(begun(&mut rig), [360, 1440, 1680, 2040]);
    rig.groove(GrooveSetting::TimeSignature(None));
    rig.act(&NetworkAction::Session(SessionSetting::TimeSignature(metre)));
    assert_eq!(begun(&mut rig), [360, 1440, 1680, 2040]);
}
