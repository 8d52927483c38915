//! Sound that is heard later than it is played is recorded where it is heard.

use proptest::{collection::vec, prelude::*};

use super::*;

const LATENCY: u64 = 50;
const LEVEL: Target = Target::Instrument(BASS, InstrumentParameter::Level);

impl Rig {
    /// A rig that is heard by so much later, and records on an armed track and an armed lane.
    fn heard_after(millis: u64) -> Self {
        let engine = SilentEngine::with_latency(Duration::from_millis(millis));
        let mut rig = Self { engine, ..Self::new() };
        rig.roll(PianoRollAction::Set(TrackSetting::Armed(true)));
        rig.automate(LEVEL, AutomationAction::Add);
        rig.automate(LEVEL, AutomationAction::Set(LaneSetting::Armed(true)));
        rig.transport(TransportAction::Record(true));
        rig
    }

    fn tempo(&mut self, bpm: f32) {
        self.act(&NetworkAction::Session(SessionSetting::Tempo(Bpm::of(bpm))));
    }

    /// The recorded notes: `(tick, pitch, length)`.
    fn recorded(&self) -> Vec<(u32, u8, u32)> {
        let notes = self.state.piano_roll.track(BASS).unwrap().notes();
        notes.map(|note| (note.tick.get(), note.pitch.get(), note.length.get())).collect()
    }

    fn turn_knob(&mut self, value: f32) {
        let action = LEVEL.action(Amount::of(value), &self.state).unwrap();
        self.act(&action);
    }

    /// The recorded points: `(tick, value)`.
    fn curve(&self) -> Vec<(u32, f32)> {
        let points = self.state.automation.lane(&LEVEL).unwrap().points.iter();
        points.map(|point| (point.tick.get(), point.value.get())).collect()
    }

    fn metered(&mut self) -> u32 {
        self.wait(35);
        self.engine.metering.playhead.get()
    }
}

#[test]
fn key_is_recorded_where_it_is_heard() {
    let mut rig = Rig::heard_after(LATENCY);
    rig.transport(TransportAction::Play);
    rig.wait(550);
    rig.strike(40);
    rig.wait(250);
    rig.release(40);
    assert_eq!(rig.recorded(), [(480, 40, 240)]);
}

#[test]
fn key_is_recorded_at_the_tempo_that_is_heard() {
    let mut rig = Rig::heard_after(LATENCY);
    rig.transport(TransportAction::Play);
    rig.wait(500);
    rig.tempo(240.0);
    rig.wait(40);
    // At 490 ms, and 4 ms more.
    rig.strike(40);
    rig.strike(42);
    rig.wait(5);
    rig.key(InstrumentAction::ReleaseLate(Pitch::of(42), KeyHold::Held(Millis(4))));
    rig.wait(15);
    // At 510 ms.
    rig.strike(41);
    rig.wait(25);
    rig.release(40);
    rig.release(41);
    // 535 ms is 35 ms after tick 480.
    assert_eq!(rig.recorded(), [(470, 40, 77), (470, 42, 3), (499, 41, 48)]);
    assert_eq!(rig.engine.playhead(), Ticks::of(480 + 163));
}

#[test]
fn tempo_lane_is_heard_later_too() {
    let mut rig = Rig::heard_after(LATENCY);
    let tempo = Target::Session(SessionParameter::Tempo);
    rig.automate(tempo, AutomationAction::Add);
    for (tick, value) in
        [(0, SessionSetting::Tempo(Bpm::of(120.0))), (480, SessionSetting::Tempo(Bpm::of(240.0)))]
    {
        rig.act(&NetworkAction::Session(value));
        let value = tempo.part(&rig.state).unwrap();
        let point = Point { tick: Ticks::of(tick), value, curve: Curve::Hold };
        rig.automate(tempo, AutomationAction::Put(point));
    }
    rig.transport(TransportAction::Play);
    // One call, in which the tempo changes.
    rig.now = rig.now + Duration::from_millis(540);
    rig.strike(40);
    assert_eq!(rig.engine.metering.playhead, Ticks::of(470));
    assert!((rig.engine.metering.tempo.get() - 120.0).abs() < 0.01);
    rig.wait(35);
    assert!((rig.engine.metering.tempo.get() - 240.0).abs() < 0.01);
    rig.release(40);
    assert_eq!(rig.recorded(), [(470, 40, 58)]);
}

#[test]
fn key_before_the_heard_turn_is_recorded_before_the_end() {
    let mut rig = Rig::heard_after(LATENCY).goes_round(0, 480);
    rig.wait(530);
    assert!(rig.engine.playhead() < Ticks::of(40), "the playhead has turned");
    rig.strike(40);
    rig.wait(10);
    rig.strike(41);
    rig.wait(5);
    rig.release(41);
    rig.wait(25);
    // Held through the turn, which is heard at 550 ms.
    rig.release(40);
    assert_eq!(rig.recorded(), [(460, 40, 20), (470, 41, 5)]);
    rig.strike(42);
    rig.wait(50);
    rig.release(42);
    assert_eq!(rig.recorded()[0], (19, 42, 48), "after the heard turn");
}

#[test]
fn key_is_not_recorded_before_playing_started() {
    let mut rig = Rig::heard_after(LATENCY);
    rig.transport(TransportAction::Locate(Ticks::of(960)));
    rig.transport(TransportAction::Play);
    rig.wait(20);
    rig.strike(40);
    rig.wait(130);
    rig.release(40);
    assert_eq!(rig.recorded(), [(960, 40, 96)]);

    rig.transport(TransportAction::Locate(Ticks::of(1920)));
    rig.wait(10);
    rig.strike(41);
    rig.wait(140);
    rig.release(41);
    assert_eq!(rig.recorded()[1], (1920, 41, 96), "nor before the place it jumped to");
}

#[test]
fn key_before_the_heard_end_of_the_count_in_starts_there() {
    let mut rig = Rig::heard_after(LATENCY);
    for click in [ClickSetting::On(true), ClickSetting::CountIn(CountIn::of(1))] {
        rig.act(&NetworkAction::Session(SessionSetting::Click(click)));
    }
    rig.transport(TransportAction::Locate(Ticks::of(960)));
    rig.transport(TransportAction::Play);
    // Two seconds of count-in.
    rig.wait(2020);
    assert_eq!(rig.engine.metering.playhead, Ticks::of(960));
    assert!(rig.engine.playhead() > Ticks::of(960));
    for key in [40, 41, 42] {
        rig.strike(key);
    }
    rig.turn_knob(0.25);
    rig.wait(20);
    rig.release(40);
    rig.wait(60);
    // Held for 80 ms, of which 50 ms are heard after the count-in.
    rig.release(41);
    rig.key(InstrumentAction::ReleaseLate(Pitch::of(42), KeyHold::Held(Millis(50))));
    assert_eq!(rig.recorded(), [(960, 41, 48), (960, 42, 19)]);
    assert_eq!(rig.curve(), [], "a control that is moved in the count-in is not recorded");
}

#[test]
fn control_is_recorded_where_it_is_heard() {
    let mut rig = Rig::heard_after(LATENCY);
    let was = LEVEL.part(&rig.state).unwrap().get();
    rig.transport(TransportAction::Play);
    rig.wait(550);
    rig.turn_knob(0.25);
    rig.wait(500);
    rig.turn_knob(0.5);
    rig.wait(100);
    assert_eq!(rig.curve(), [(479, was), (480, 0.25), (960, 0.5)]);
}

#[test]
fn lane_plays_in_the_next_pass_before_the_turn_is_heard() {
    let mut rig = Rig::heard_after(LATENCY);
    let point = Point { tick: Ticks::MIN, value: Amount::of(0.25), curve: Curve::Hold };
    rig.automate(LEVEL, AutomationAction::Put(point));
    let mut rig = rig.goes_round(0, 480);
    rig.wait(300);
    rig.turn_knob(0.75);
    rig.wait(220);
    let heard = |rig: &Rig| rig.engine.performance.moved.get(&LEVEL).map(|value| value.get());
    assert_eq!(heard(&rig), Some(0.25));
    rig.turn_knob(0.5);
    assert_eq!(heard(&rig), Some(0.25), "the control is still recorded in the pass before");
    rig.wait(100);
    assert_eq!(heard(&rig), Some(0.25));
    assert_eq!(rig.curve(), [(0, 0.25), (240, 0.75), (451, 0.5), (480, 0.25)]);
}

#[test]
fn stop_stops_where_it_is_played() {
    let mut rig = Rig::heard_after(LATENCY);
    rig.transport(TransportAction::Play);
    let mut metered = vec![rig.metered(), rig.metered(), rig.metered()];
    assert_eq!(metered, [0, 19, 52]);
    let played = rig.engine.playhead();
    assert_eq!(played, Ticks::of(100));
    rig.transport(TransportAction::Stop);
    metered.push(rig.engine.metering.playhead.get());
    assert_eq!(rig.state.transport.position, played);
    metered.push(rig.metered());
    rig.transport(TransportAction::Play);
    metered.extend([rig.metered(), rig.metered(), rig.metered()]);
    assert_eq!(metered[3..], [100, 100, 100, 119, 152], "it never goes back");
}

#[test]
fn key_held_at_a_stop_is_recorded_until_then() {
    let mut rig = Rig::heard_after(LATENCY);
    rig.transport(TransportAction::Play);
    rig.wait(550);
    rig.strike(40);
    rig.wait(250);
    rig.transport(TransportAction::Stop);
    assert_eq!(rig.recorded(), [(480, 40, 240)]);
}

#[test]
fn key_held_at_the_end_is_recorded_until_the_end() {
    // The end is before the start, unless the loop turns back; then both are heard later.
    for (latency, end, key) in [(50, 576, (432, 144)), (100, 48, (384, 96))] {
        let mut rig = Rig::heard_after(latency);
        let (name, clip, placement) = (Name::default(), ClipId(1), PlacementId(1));
        let create = ClipAction::Create { clip, name, length: NoteLength::of(end) };
        rig.act(&NetworkAction::Clip(BASS, create));
        let place = PlacementAction::Place { placement, clip, tick: Ticks::MIN };
        rig.act(&NetworkAction::Placement(BASS, place));
        for set in [
            ArrangementSetting::Play(PlayMode::Arrangement),
            ArrangementSetting::AtEnd(AtEnd::Stop),
        ] {
            rig.act(&NetworkAction::Arrangement(set));
        }
        rig.transport(TransportAction::Locate(Ticks::of(384)));
        rig.transport(TransportAction::Region(region(0, 480)));
        rig.transport(TransportAction::Loop(end < 384));
        rig.transport(TransportAction::Play);
        rig.wait(100);
        rig.strike(40);
        rig.wait(400);
        assert!(!rig.state.transport.playing);
        assert_eq!(rig.state.transport.position, Ticks::of(end));
        assert_eq!(rig.recorded(), [(key.0, 40, key.1)]);
    }
}

#[test]
fn playhead_of_a_late_call_is_heard_at_its_place() {
    let mut rig = Rig::heard_after(LATENCY).goes_round(0, 48);
    // A pass lasts 50 ms: one call plays twenty of them, and a half.
    rig.now = rig.now + Duration::from_millis(1025);
    rig.strike(40);
    assert_eq!(rig.engine.metering.playhead, Ticks::of(24));
    rig.wait(10);
    rig.release(40);
    assert_eq!(rig.recorded(), [(24, 40, 9)]);
}

/// A deed of a participant, and how long after the previous one, in milliseconds.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Strike(u8),
    Release(u8),
    Turn(f32),
    Tempo(f32),
}

fn deeds() -> impl Strategy<Value = Vec<(u64, Deed)>> {
    let deed = prop_oneof![
        4 => (40_u8..44).prop_map(Deed::Strike),
        4 => (40_u8..44).prop_map(Deed::Release),
        2 => (0_u8..=4).prop_map(|part| Deed::Turn(f32::from(part) / 4.0)),
        // Ratios that do not round.
        1 => prop_oneof![Just(60.0), Just(120.0), Just(240.0)].prop_map(Deed::Tempo),
    ];
    vec((0_u64..120, deed), 0..40)
}

/// Notes `(tick, pitch, length)`, and points `(tick, value)`.
type Recorded = (Vec<(u32, u8, u32)>, Vec<(u32, f32)>);

/// The recording of the deeds of a participant that hears everything `late` milliseconds later
/// and acts later by as much. The tempo is changed when it is changed.
fn recorded_late(late: u64, count_in: bool, deeds: &[(u64, Deed)]) -> Recorded {
    let mut rig = Rig::heard_after(late);
    for click in [ClickSetting::On(count_in), ClickSetting::CountIn(CountIn::of(1))] {
        rig.act(&NetworkAction::Session(SessionSetting::Click(click)));
    }
    let mut rig = rig.goes_round(0, 240);
    let start = rig.now;
    let mut at = 0;
    let mut plan: Vec<_> = deeds
        .iter()
        .map(|(after, deed)| {
            at += after;
            (if matches!(deed, Deed::Tempo(_)) { at } else { at + late }, *deed)
        })
        .collect();
    plan.sort_by_key(|(at, _)| *at);
    for (at, deed) in plan {
        let now = rig.now.since(start);
        rig.wait(at - u64::try_from(now.as_millis()).unwrap());
        match deed {
            Deed::Strike(key) => rig.strike(key),
            Deed::Release(key) => rig.release(key),
            Deed::Turn(value) => rig.turn_knob(value),
            Deed::Tempo(bpm) => rig.tempo(bpm),
        }
    }
    let end = Duration::from_millis(9000 + late);
    rig.wait(u64::try_from((start + end).since(rig.now).as_millis()).unwrap());
    (rig.recorded(), rig.curve())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn recording_does_not_depend_on_the_latency(
        deeds in deeds(), late in 1_u64..400, count_in in any::<bool>(),
    ) {
        let now = recorded_late(0, count_in, &deeds);
        prop_assert_eq!(recorded_late(late, count_in, &deeds), now);
    }
}

#[test]
fn tempo_set_at_the_start_is_heard_from_there() {
    let mut rig = Rig::heard_after(100);
    rig.transport(TransportAction::Play);
    rig.tempo(240.0);
    rig.wait(500);
    rig.strike(40);
    rig.wait(200);
    rig.release(40);
    // 400 ms at 240 bpm.
    assert_eq!(rig.recorded(), [(768, 40, 384)]);
}

/// A server of sound is there later than the engine, with a latency of its own.
#[test]
fn latency_that_changes_counts_from_then_on() {
    let mut rig = Rig::heard_after(0);
    rig.transport(TransportAction::Play);
    rig.wait(500);
    rig.engine.set_latency(Duration::from_millis(50));
    rig.wait(500);
    rig.strike(40);
    rig.wait(100);
    rig.release(40);
    assert_eq!(rig.recorded(), [(960 - 48, 40, 96)]);
}

#[test]
fn lanes_are_those_that_move_something() {
    let mut rig = Rig::heard_after(0);
    rig.automate(
        LEVEL,
        AutomationAction::Put(Point {
            tick: Ticks::MIN,
            value: Amount::of(0.25),
            curve: Curve::Linear,
        }),
    );
    assert!(rig.engine.lanes().is_empty());
    rig.transport(TransportAction::Play);
    rig.wait(50);
    assert_eq!(rig.engine.lanes().get(&LEVEL), Some(&Amount::of(0.25)));
    rig.transport(TransportAction::Stop);
    assert!(rig.engine.lanes().is_empty());
}
