//! Recording of keys and parameters.

use super::*;

#[test]
fn armed_track_records_played_keys() {
    let mut rig = Rig::new();
    rig.roll(PianoRollAction::Set(TrackSetting::Armed(true)));
    rig.transport(TransportAction::Record(true));
    rig.transport(TransportAction::Play);
    rig.wait(500);
    rig.key(InstrumentAction::Play(Pitch::of(40), Velocity::of(77)));
    rig.wait(250);
    rig.key(InstrumentAction::Release(Pitch::of(40)));
    rig.key(InstrumentAction::Play(Pitch::of(43), Velocity::of(77)));
    rig.wait(250);
    rig.transport(TransportAction::Stop);
    let written: Vec<_> = rig.state.piano_roll.track(BASS).unwrap().notes().collect();
    let velocity = Velocity::of(77);
    let expected = [note(480, 40, 240), note(720, 43, 240)].map(|n| Note { velocity, ..n });
    assert_eq!(written, expected);
    assert_eq!(rig.played(), [], "a recorded note is not played again");
}

#[test]
fn armed_lane_records_parameter_changes() {
    let mut rig = Rig::new();
    let target = Target::Instrument(BASS, InstrumentParameter::Mute);
    rig.automate(target, AutomationAction::Add);
    rig.automate(target, AutomationAction::Set(LaneSetting::Armed(true)));
    rig.transport(TransportAction::Record(true));
    rig.transport(TransportAction::Play);
    rig.wait(500);
    rig.set(InstrumentSetting::Mute(true));
    rig.wait(500);
    rig.set(InstrumentSetting::Mute(false));
    rig.wait(100);
    let lane = rig.state.automation.lane(&target).unwrap();
    let points: Vec<_> = lane.points.iter().map(|p| (p.tick.get(), p.value.get())).collect();
    assert_eq!(points, [(479, 0.0), (480, 1.0), (960, 0.0)]);
}

impl Rig {
    /// A rig that records, with an armed track and an armed lane that has a point
    /// at tick 0, and counts in two seconds.
    fn recording_after_a_bar() -> Self {
        let mut rig = Self::new();
        rig.roll(PianoRollAction::Set(TrackSetting::Armed(true)));
        rig.automate(MUTE, AutomationAction::Add);
        rig.automate(MUTE, AutomationAction::Set(LaneSetting::Armed(true)));
        let point = Point { tick: Ticks::MIN, value: Amount::MIN, curve: Curve::Hold };
        rig.automate(MUTE, AutomationAction::Put(point));
        for click in [ClickSetting::On(true), ClickSetting::CountIn(CountIn::of(1))] {
            rig.act(&NetworkAction::Session(SessionSetting::Click(click)));
        }
        rig.transport(TransportAction::Record(true));
        rig
    }

    fn strike(&mut self, pitch: u8) {
        self.key(InstrumentAction::Play(Pitch::of(pitch), Velocity::of(100)));
    }

    fn release(&mut self, pitch: u8) {
        self.key(InstrumentAction::Release(Pitch::of(pitch)));
    }

    fn notes(&self) -> Vec<Note> {
        self.state.piano_roll.track(BASS).unwrap().notes().collect()
    }

    /// The points of the lane: `(tick, value)`.
    fn points(&self) -> Vec<(u32, f32)> {
        let lane = self.state.automation.lane(&MUTE).unwrap();
        lane.points.iter().map(|point| (point.tick.get(), point.value.get())).collect()
    }
}

const MUTE: Target = Target::Instrument(BASS, InstrumentParameter::Mute);

#[test]
fn count_in_is_not_recorded() {
    let mut rig = Rig::recording_after_a_bar();
    rig.transport(TransportAction::Play);
    rig.wait(500);
    rig.strike(40);
    rig.set(InstrumentSetting::Mute(true));
    rig.wait(500);
    rig.release(40);
    rig.wait(500);
    rig.strike(43);
    rig.wait(1000);
    rig.release(43);
    assert_eq!(
        rig.notes(),
        [note(0, 43, 480)],
        "a key held through the count-in starts at its end"
    );
    assert_eq!(rig.points(), [(0, 0.0)]);
    rig.set(InstrumentSetting::Mute(false));
    assert_eq!(rig.points(), [(0, 0.0), (480, 0.0)], "recorded from then on");
}

#[test]
fn cancelled_count_in_records_no_held_key() {
    for broken_off in [TransportAction::Stop, TransportAction::Locate(Ticks::of(960))] {
        let mut rig = Rig::recording_after_a_bar();
        rig.transport(TransportAction::Play);
        rig.wait(500);
        rig.strike(40);
        rig.transport(broken_off);
        rig.wait(500);
        rig.release(40);
        assert_eq!(rig.notes(), []);
    }
}

#[test]
fn key_is_not_recorded_if_recording_ends_in_the_count_in() {
    let mut rig = Rig::recording_after_a_bar();
    rig.transport(TransportAction::Play);
    rig.wait(500);
    rig.strike(40);
    rig.transport(TransportAction::Record(false));
    rig.wait(2000);
    rig.release(40);
    assert_eq!(rig.notes(), []);
}

#[test]
fn parameter_changes_while_stopped_are_not_recorded() {
    let mut rig = Rig::recording_after_a_bar();
    rig.act(&NetworkAction::Session(SessionSetting::Click(ClickSetting::On(false))));
    rig.transport(TransportAction::Play);
    rig.wait(500);
    rig.transport(TransportAction::Stop);
    rig.transport(TransportAction::Locate(Ticks::MIN));
    rig.set(InstrumentSetting::Mute(true));
    rig.wait(500);
    rig.transport(TransportAction::Play);
    rig.wait(500);
    assert_eq!(rig.points(), [(0, 0.0)]);
}
