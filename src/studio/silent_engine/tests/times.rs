//! The times of events.

use super::*;

impl Rig {
    /// The events other than lanes: `(microsecond, tick)`.
    fn times(&mut self) -> Vec<(u64, u32)> {
        let log = self.take_log();
        let played = log.iter().filter(|p| !matches!(p.what, PlaybackEvent::Automated { .. }));
        played.map(|played| (played.time.micros(), played.tick.get())).collect()
    }

    /// Lets `micros` pass and calls the engine once.
    fn pass(&mut self, micros: u64) {
        self.now = self.now + Duration::from_micros(micros);
        self.advance();
    }

    fn tempo_lane(&mut self, points: &[(u32, f32)]) {
        let target = Target::Session(SessionParameter::Tempo);
        self.automate(target, AutomationAction::Add);
        for (tick, bpm) in points {
            let value = Amount::of((bpm - 20.0) / 979.0);
            let point = Point { tick: Ticks::of(*tick), value, curve: Curve::Hold };
            self.automate(target, AutomationAction::Put(point));
        }
    }
}

#[test]
fn event_has_the_first_microsecond_at_which_it_is_reached() {
    let mut rig = Rig::with([note(1, 60, 479), note(481, 60, 1)]);
    rig.now = Timestamp::from_micros(7);
    rig.transport(TransportAction::Play);
    rig.pass(3_000_000);
    // A tick lasts 1041.67 µs.
    assert_eq!(rig.times(), [(1049, 1), (500_007, 480), (501_049, 481), (502_091, 482)]);
}

#[test]
fn tempo_that_changes_within_a_call_gives_exact_times() {
    let mut rig = Rig::with([note(480, 60, 480), note(1440, 60, 480)]);
    rig.tempo_lane(&[(0, 120.0), (480, 60.0), (960, 240.0)]);
    rig.transport(TransportAction::Play);
    rig.pass(10_000_000);
    let close = |(time, tick): &(u64, u32)| (time.div_ceil(100) * 100, *tick);
    let times: Vec<_> = rig.times().iter().map(close).collect();
    // The lane stores tempos as 32-bit parts of a range.
    let expected = [(500_000, 480), (1_500_000, 960), (1_750_000, 1440), (2_000_000, 1920)];
    for ((time, tick), (about, at)) in times.iter().zip(expected) {
        assert!(*tick == at && time.abs_diff(about) <= 200, "{times:?}");
    }
    assert_eq!(times.len(), expected.len());
}

#[test]
fn loop_keeps_exact_time() {
    let mut rig = Rig::with([note(0, 60, 10)]).goes_round(0, 479);
    rig.pass(2_000_000);
    let starts: Vec<_> = rig.times().iter().filter(|(_, t)| *t == 0).map(|(m, _)| *m).collect();
    // 479 ticks last 498,958.33 µs.
    assert_eq!(starts, [0, 498_959, 997_917, 1_496_875, 1_995_834]);
}

#[test]
fn count_in_clicks_have_exact_times() {
    let mut rig = Rig::with([note(0, 60, 480)]);
    for click in [ClickSetting::On(true), ClickSetting::CountIn(CountIn::of(1))] {
        rig.act(&NetworkAction::Session(SessionSetting::Click(click)));
    }
    rig.act(&NetworkAction::Session(SessionSetting::Tempo(Bpm::of(140.0))));
    rig.transport(TransportAction::Play);
    rig.pass(3_000_000);
    // A beat lasts 428,571.43 µs. The click and the note begin together.
    let beats = [(0, 0), (428_572, 0), (857_143, 0), (1_285_715, 0)];
    let then = [(1_714_286, 0), (1_714_286, 0), (2_142_858, 480), (2_142_858, 480)];
    assert_eq!(rig.times()[..8], [beats, then].concat());
}

#[test]
fn cut_has_the_time_of_its_cause() {
    let mut rig = Rig::with([note(0, 60, 9600)]);
    rig.transport(TransportAction::Play);
    rig.pass(1_000);
    rig.now = Timestamp::from_micros(600_123);
    rig.transport(TransportAction::Locate(Ticks::of(100)));
    rig.now = Timestamp::from_micros(700_456);
    rig.transport(TransportAction::Stop);
    let expected = [(0, 0), (600_123, 576), (600_123, 100), (700_456, 196)];
    assert_eq!(rig.times(), expected);
}

#[test]
fn effect_that_was_accepted_earlier_does_not_turn_time_back() {
    let mut rig = Rig::with([note(480, 60, 9600)]);
    rig.transport(TransportAction::Play);
    rig.pass(600_000);
    rig.now = Timestamp::from_micros(400_000);
    rig.strike(40);
    rig.transport(TransportAction::Stop);
    rig.pass(0);
    let expected = [(500_000, 480), (600_000, 576), (600_000, 576)];
    assert_eq!(rig.times(), expected);
    assert_eq!(rig.engine.playhead().get(), 576);
    rig.now = Timestamp::from_micros(300_000);
    rig.release(40);
    assert_eq!(rig.times(), [(600_000, 576)], "nor while it stands still");
}

#[test]
fn clone_plays_the_same_on_and_leaves_the_first_alone() {
    for on in [false, true] {
        let mut rig = Rig::with((0..20).map(|n| note(n * 100, 60, 50)));
        rig.set(InstrumentSetting::Arpeggiator(ArpeggiatorSetting::On(on)));
        rig.strike(40);
        rig.transport(TransportAction::Play);
        rig.pass(333_333);
        rig.take_log();
        let mut ahead = rig.engine.clone();
        let mut seen = Vec::new();
        let (later, sink) = (rig.now + Duration::from_secs(1), &mut |played| seen.push(played));
        let _ = ahead.advance_into(later, &rig.state, sink);
        rig.wait(1000);
        assert_eq!(rig.take_log(), seen, "arpeggiator: {on}");
        assert!(!seen.is_empty());
    }
}
