//! The playhead: tempo, seeking and loops.

use super::*;

#[test]
fn playhead_moves_at_the_tempo_and_keeps_its_place() {
    let mut rig = Rig::new();
    rig.transport(TransportAction::Locate(Ticks::of(480)));
    assert_eq!(rig.engine.pulse(), None);
    rig.transport(TransportAction::Play);
    assert!(rig.engine.pulse().is_some());
    assert_eq!(rig.wait(1000), 480 + 960);
    rig.transport(TransportAction::Stop);
    assert_eq!(rig.wait(1000), 1440);
    assert_eq!(rig.state.transport.position, Ticks::of(1440));
    assert_eq!(rig.engine.pulse(), None);
}

#[test]
fn play_right_after_stop_continues_from_the_same_place() {
    let mut rig = Rig::new();
    rig.transport(TransportAction::Play);
    rig.wait(1000);
    for effect in [StudioEffect::Stop, StudioEffect::Play] {
        rig.perform(effect);
    }
    assert_eq!(rig.wait(500), 960 + 480);
}

#[test]
fn tempo_change_causes_no_jump() {
    let mut rig = Rig::new();
    rig.transport(TransportAction::Play);
    rig.wait(1000);
    rig.act(&NetworkAction::Session(SessionSetting::Tempo(Bpm::of(240.0))));
    assert_eq!(rig.engine.playhead().get(), 960);
    assert_eq!(rig.wait(1000), 960 + 1920);
}

#[test]
fn playhead_can_be_located_while_playing() {
    let mut rig = Rig::new();
    rig.transport(TransportAction::Play);
    rig.wait(1000);
    rig.transport(TransportAction::Locate(Ticks::of(10_000)));
    assert_eq!(rig.wait(500), 10_480);
}

#[test]
fn loop_repeats_only_if_the_playhead_reaches_its_end() {
    let mut rig = Rig::new();
    let region = LoopRegion::new(Ticks::of(480), Ticks::of(960)).unwrap();
    rig.transport(TransportAction::Region(region));
    rig.transport(TransportAction::Loop(true));
    rig.transport(TransportAction::Play);
    assert_eq!(rig.wait(1250), 480 + 240);
    rig.transport(TransportAction::Locate(Ticks::of(2000)));
    assert_eq!(rig.wait(500), 2480);
}

#[test]
fn saved_playhead_is_metered_from_the_start() {
    let mut rig = Rig::new();
    rig.state.transport.position = Ticks::of(777);
    rig.engine.reset(rig.now, &rig.state);
    assert_eq!(rig.wait(34), 777);
}

#[test]
fn tempo_lane_moves_the_playhead_faster() {
    let mut rig = Rig::new();
    let target = Target::Session(SessionParameter::Tempo);
    rig.automate(target, AutomationAction::Add);
    let part = |bpm: f32| Amount::of((bpm - 20.0) / 979.0);
    for (tick, bpm) in [(0, 120.0), (960, 240.0)] {
        let point = Point { tick: Ticks::of(tick), value: part(bpm), curve: Curve::Hold };
        rig.automate(target, AutomationAction::Put(point));
    }
    rig.transport(TransportAction::Play);
    let there = rig.wait(2000);
    assert!((960 + 1919..=960 + 1921).contains(&there), "{there}");
}
