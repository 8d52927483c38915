//! What becomes of what is played and turned meanwhile.

use super::*;

#[test]
fn keys_that_are_played_while_an_armed_track_records_become_notes() {
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
    assert_eq!(rig.played(), [], "nobody hears a note twice");
}

#[test]
fn what_is_turned_while_an_armed_lane_records_becomes_points() {
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
    assert_eq!(points, [(480, 1.0), (960, 0.0)]);
}
