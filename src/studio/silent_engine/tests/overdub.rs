//! Overdubbed automation: what is played back is what was heard.

use super::*;

const LEVEL: Target = Target::Instrument(BASS, InstrumentParameter::Level);

/// What is heard of the parameter at a tick, as a part of its range.
type Heard = BTreeMap<u32, f32>;

impl Rig {
    /// A rig whose lane of the level is armed, with points: `(tick, value)`.
    fn automated(curve: Curve, points: &[(u32, f32)]) -> Self {
        let mut rig = Self::new();
        rig.automate(LEVEL, AutomationAction::Add);
        rig.automate(LEVEL, AutomationAction::Set(LaneSetting::Armed(true)));
        for (tick, value) in points {
            let (tick, value) = (Ticks::of(*tick), Amount::of(*value));
            rig.automate(LEVEL, AutomationAction::Put(Point { tick, value, curve }));
        }
        rig.transport(TransportAction::Record(true));
        rig
    }

    /// Turns the control, and notes that this is heard from now on.
    fn turn(&mut self, value: f32, heard: &mut Heard) {
        let action = LEVEL.action(Amount::of(value), &self.state).unwrap();
        self.act(&action);
        self.note(heard);
    }

    fn note(&self, heard: &mut Heard) {
        let moved = self.engine.performance.moved.get(&LEVEL).copied();
        let value = moved.or_else(|| LEVEL.part(&self.state)).unwrap();
        heard.insert(self.engine.playhead().get(), value.get());
    }

    /// Waits until the playhead has gone `ticks` further, step by step, and notes what
    /// is heard on the way. At 120 bpm, a tick lasts 1.0417 ms.
    fn listen(&mut self, ticks: u32, step: Duration, heard: &mut Heard) {
        let end = self.now + Duration::from_nanos(u64::from(ticks) * 1_041_667);
        while self.now < end {
            self.now = end.min(self.now + step);
            self.advance();
            self.note(heard);
        }
    }

    fn lane(&self) -> &Lane {
        self.state.automation.lane(&LEVEL).unwrap()
    }

    fn level_points(&self) -> Vec<(u32, f32)> {
        let points = self.lane().points.iter();
        points.map(|point| (point.tick.get(), point.value.get())).collect()
    }

    /// Plays the first `ticks` without recording.
    fn play_back(&mut self, ticks: u32) -> Heard {
        for action in [
            TransportAction::Stop,
            TransportAction::Record(false),
            TransportAction::Locate(Ticks::MIN),
            TransportAction::Play,
        ] {
            self.transport(action);
        }
        let mut heard = Heard::new();
        self.listen(ticks, PULSE, &mut heard);
        heard
    }
}

/// Each value is played back where it was recorded. A lane is read every 30 ticks.
fn assert_same(recorded: &Heard, played: &Heard, what: &str) {
    assert!(recorded.len() > 50, "{what}");
    for (tick, value) in recorded {
        let near: Vec<_> = played.range(tick.saturating_sub(30)..=tick + 30).collect();
        let is_near = near.iter().any(|(_, other)| **other <= value + 0.001)
            && near.iter().any(|(_, other)| **other >= value - 0.001);
        assert!(is_near, "{what} at {tick}: {value}, {near:?}");
    }
}

const CURVES: [Curve; 5] =
    [Curve::Hold, Curve::Linear, Curve::SlowStart, Curve::SlowEnd, Curve::Smooth];

#[test]
fn overdub_is_played_back_as_it_was_heard() {
    for curve in CURVES {
        let mut rig = Rig::automated(curve, &[(120, 0.1), (960, 0.9), (1200, 0.3), (1920, 0.7)]);
        let old = rig.lane().clone();
        let mut heard = Heard::new();
        rig.transport(TransportAction::Play);
        rig.listen(480, PULSE, &mut heard);
        for value in [0.5, 0.55, 0.4] {
            rig.turn(value, &mut heard);
            rig.listen(240, PULSE, &mut heard);
        }
        rig.transport(TransportAction::Record(false));
        rig.listen(1000, PULSE, &mut heard);
        for (tick, value) in heard.range(480..1200) {
            let written = rig.lane().value(Ticks::of(*tick)).unwrap().get();
            assert!((written - value).abs() < 0.001, "{curve:?} at {tick}");
        }
        let played = rig.play_back(2200);
        assert_same(&heard, &played, &format!("{curve:?}"));
        for tick in (0..480).chain(1201..3000).map(Ticks::of) {
            let [old, new] = [&old, rig.lane()].map(|lane| lane.value(tick).unwrap().get());
            assert!((old - new).abs() < 0.002, "{curve:?} at {tick}: {old} became {new}");
        }
    }
}

#[test]
fn overdub_of_an_empty_lane_keeps_what_was_heard_before() {
    let mut rig = Rig::automated(Curve::Hold, &[]);
    let mut heard = Heard::new();
    rig.turn(0.25, &mut heard);
    rig.transport(TransportAction::Play);
    rig.listen(480, PULSE, &mut heard);
    rig.turn(0.75, &mut heard);
    rig.listen(480, PULSE, &mut heard);
    rig.transport(TransportAction::Stop);
    assert_eq!(rig.level_points(), [(479, 0.25), (480, 0.75)]);
    let played = rig.play_back(960);
    assert_same(&heard, &played, "an empty lane");
}

#[test]
fn each_pass_of_an_overdub_replaces_the_pass_before() {
    let mut rig = Rig::automated(Curve::Linear, &[(0, 0.0), (1920, 1.0)]);
    let old = rig.lane().clone();
    rig.transport(TransportAction::Region(region(480, 1440)));
    rig.transport(TransportAction::Loop(true));
    rig.transport(TransportAction::Play);
    rig.listen(480, PULSE, &mut Heard::new());
    let mut last = Heard::new();
    for pass in [0.2, 0.5, 0.8] {
        last.clear();
        rig.listen(240, PULSE, &mut last);
        rig.turn(pass, &mut last);
        rig.listen(240, PULSE, &mut last);
        rig.turn(pass + 0.1, &mut last);
        rig.listen(480, PULSE, &mut last);
    }
    rig.transport(TransportAction::Stop);
    let played = rig.play_back(480);
    assert!(played.values().all(|value| *value <= 0.26), "{played:?}");
    rig.transport(TransportAction::Loop(false));
    let played = rig.play_back(2000);
    last.retain(|tick, _| (500..1430).contains(tick));
    assert_same(&last, &played, "the last pass");
    for tick in (0..720).chain(1440..3000).map(Ticks::of) {
        let [old, new] = [&old, rig.lane()].map(|lane| lane.value(tick).unwrap().get());
        assert!((old - new).abs() < 0.002, "at {tick}: {old} became {new}");
    }
}

#[test]
fn lane_does_not_fight_the_hand_that_turns() {
    let mut rig = Rig::automated(Curve::Linear, &[(0, 0.0), (1920, 1.0)]);
    rig.transport(TransportAction::Play);
    let mut heard = Heard::new();
    rig.listen(480, PULSE, &mut heard);
    assert!(heard[&480] > 0.2 && heard[&480] < 0.3, "the lane plays until then: {heard:?}");
    rig.turn(0.9, &mut heard);
    heard.clear();
    rig.listen(480, PULSE, &mut heard);
    assert!(heard.values().all(|value| (value - 0.9).abs() < 0.001), "{heard:?}");
    rig.automate(LEVEL, AutomationAction::Set(LaneSetting::Armed(false)));
    heard.clear();
    rig.listen(240, PULSE, &mut heard);
    assert!(heard.values().all(|value| (0.49..0.65).contains(value)), "{heard:?}");
}

#[test]
fn overdub_does_not_depend_on_how_time_is_cut() {
    let record = |step| {
        let mut rig = Rig::automated(Curve::Smooth, &[(0, 0.0), (1500, 1.0), (1800, 0.2)]);
        rig.transport(TransportAction::Region(region(0, 1920)));
        rig.transport(TransportAction::Loop(true));
        rig.transport(TransportAction::Play);
        let (step, mut heard) = (Duration::from_millis(step), Heard::new());
        for value in [0.3, 0.6, 0.4] {
            rig.listen(700, step, &mut heard);
            rig.turn(value, &mut heard);
            rig.listen(350, step, &mut heard);
        }
        rig.transport(TransportAction::Stop);
        rig.level_points()
    };
    let whole = record(1);
    assert!(whole.len() > 30, "{whole:?}");
    for step in [3, 5, 50, 1000] {
        assert_eq!(record(step), whole, "{step} ms");
    }
}

#[test]
fn tempo_follows_the_hand_while_it_is_overdubbed() {
    let tempo = Target::Session(SessionParameter::Tempo);
    let mut rig = Rig::new();
    rig.automate(tempo, AutomationAction::Add);
    rig.automate(tempo, AutomationAction::Set(LaneSetting::Armed(true)));
    let value = tempo.part(&rig.state).unwrap();
    for tick in [Ticks::MIN, Ticks::of(1920)] {
        let point = Point { tick, value, curve: Curve::Linear };
        rig.automate(tempo, AutomationAction::Put(point));
    }
    rig.transport(TransportAction::Record(true));
    rig.transport(TransportAction::Play);
    assert_eq!(rig.wait(500), 480);
    rig.act(&NetworkAction::Session(SessionSetting::Tempo(Bpm::of(60.0))));
    assert_eq!(rig.wait(1000), 960);
    rig.transport(TransportAction::Record(false));
    assert_eq!(rig.wait(500), 1440);
}

impl Rig {
    /// Turns the control between two pulses of the engine.
    fn turn_unseen(&mut self, value: f32) {
        let action = LEVEL.action(Amount::of(value), &self.state).unwrap();
        Studio::reduce(&mut self.state, &action).unwrap();
    }
}

#[test]
fn control_turned_as_the_loop_turns_back_is_recorded_in_both_passes() {
    let mut rig = Rig::automated(Curve::Linear, &[(0, 0.0), (1920, 1.0)]);
    let old = rig.lane().clone();
    rig.transport(TransportAction::Region(region(0, 960)));
    rig.transport(TransportAction::Loop(true));
    rig.transport(TransportAction::Play);
    rig.wait(500);
    rig.turn(0.9, &mut Heard::new());
    rig.wait(495);
    rig.turn_unseen(0.75);
    rig.wait(100);
    rig.transport(TransportAction::Loop(false));
    assert_eq!(rig.wait(1155), 1200);
    rig.transport(TransportAction::Record(false));
    rig.wait(10);
    let value = |tick| rig.lane().value(Ticks::of(tick)).unwrap().get();
    assert!((0..1200).all(|tick| (value(tick) - 0.75).abs() < 0.001), "{:?}", rig.level_points());
    for tick in 1200..3000 {
        let old = old.value(Ticks::of(tick)).unwrap().get();
        assert!((value(tick) - old).abs() < 0.002, "at {tick}: {old}");
    }
}

#[test]
fn control_turned_just_before_a_jump_is_not_recorded_after_it() {
    let mut rig = Rig::automated(Curve::Linear, &[(0, 0.0)]);
    rig.transport(TransportAction::Play);
    rig.wait(500);
    rig.turn_unseen(0.9);
    rig.transport(TransportAction::Locate(Ticks::of(2000)));
    rig.wait(100);
    assert_eq!(rig.level_points(), [(0, 0.0)]);
}

#[test]
fn control_turned_on_the_first_beat_after_the_count_in_is_recorded() {
    let mut rig = Rig::automated(Curve::Linear, &[(0, 0.0)]);
    for click in [ClickSetting::On(true), ClickSetting::CountIn(CountIn::of(1))] {
        rig.act(&NetworkAction::Session(SessionSetting::Click(click)));
    }
    rig.transport(TransportAction::Play);
    rig.wait(1995);
    rig.turn_unseen(0.75);
    rig.wait(100);
    assert_eq!(rig.level_points(), [(0, 0.75)]);
}

#[test]
fn lane_deleted_while_it_is_overdubbed_stays_deleted() {
    let mut rig = Rig::automated(Curve::Linear, &[(0, 0.0), (1920, 1.0)]);
    rig.transport(TransportAction::Play);
    rig.wait(500);
    rig.turn(0.9, &mut Heard::new());
    rig.automate(LEVEL, AutomationAction::Delete);
    rig.wait(100);
    rig.turn(0.5, &mut Heard::new());
    rig.automate(LEVEL, AutomationAction::Add);
    rig.automate(LEVEL, AutomationAction::Set(LaneSetting::Armed(true)));
    rig.wait(100);
    rig.transport(TransportAction::Stop);
    assert_eq!(rig.level_points(), []);
}

#[test]
fn loop_of_one_tick_is_overdubbed() {
    let rig = Rig::automated(Curve::Linear, &[(0, 0.0), (1920, 1.0)]);
    let mut rig = rig.goes_round(480, 481);
    rig.transport(TransportAction::Locate(Ticks::of(480)));
    rig.wait(50);
    rig.turn(0.9, &mut Heard::new());
    rig.wait(50);
    rig.transport(TransportAction::Stop);
    let value = |tick| rig.lane().value(Ticks::of(tick)).unwrap().get();
    let values = [240, 479, 480, 481, 960].map(value);
    let expected = [0.125, 479.0 / 1920.0, 0.9, 481.0 / 1920.0, 0.5];
    assert!(values.iter().zip(expected).all(|(is, was)| (is - was).abs() < 0.001), "{values:?}");
}
