//! Lanes move parameters on time, and give them back.

use imbolc_net::{
    studio::{
        AutomationAction, DelaySetting, EffectKind, EffectSetting, FilterKind, FilterParameter,
        FilterSetting, InstrumentParameter, NoteValue, SessionParameter, SlotId, Target,
    },
    util::quantity::{Amount, Hertz},
};

use super::*;

const CUTOFF: Target =
    Target::Instrument(LEAD, InstrumentParameter::Filter(FilterParameter::Cutoff));

fn moved(stage: &mut Stage, target: Target, value: f32, ago: Duration) {
    stage.event(PlaybackEvent::Automated { target, value: Amount::of(value) }, ago);
}

/// A lead that sounds through a low-pass at 1 kHz, with a lane for its cutoff.
fn filtered() -> Stage {
    let mut stage = Stage::new();
    stage.set(LEAD, InstrumentSetting::Filter(FilterSetting::Kind(FilterKind::LowPass)));
    stage.set(LEAD, InstrumentSetting::Filter(FilterSetting::Cutoff(Hertz::of(1_000.0))));
    stage.act(NetworkAction::Automation(CUTOFF, AutomationAction::Add));
    stage.note_on(LEAD, 60);
    stage.wait(millis(100));
    stage
}

/// The value in the server that was the cutoff at first.
fn cutoff(stage: &Stage, index: usize) -> f32 {
    let (_, voice) = stage.server.voices().next().unwrap();
    stage.server.parameter(voice, index)
}

fn index_of_cutoff(stage: &Stage) -> usize {
    (0..64).find(|index| cutoff(stage, *index) == 1_000.0).unwrap()
}

#[test]
fn lane_moves_a_parameter_on_time() {
    let mut stage = filtered();
    let index = index_of_cutoff(&stage);
    moved(&mut stage, CUTOFF, 1.0, millis(3));
    let due = stage.now.before(millis(3)) + server::LATENCY;
    stage.wait(millis(26));
    assert_eq!(cutoff(&stage, index), 1_000.0);
    stage.wait(millis(10));
    assert_eq!(cutoff(&stage, index), Hertz::MAX.get());
    assert_eq!(stage.server.log.last().unwrap().0, due);
}

#[test]
fn lane_that_ends_gives_the_stored_value_back() {
    let mut stage = filtered();
    let index = index_of_cutoff(&stage);
    // The last value is still under way when the lane ends.
    moved(&mut stage, CUTOFF, 1.0, millis(1));
    stage.act(NetworkAction::Automation(CUTOFF, AutomationAction::Delete));
    stage.wait(millis(200));
    assert_eq!(cutoff(&stage, index), 1_000.0);
}

#[test]
fn edit_is_not_overtaken_by_a_lane_before() {
    let mut stage = filtered();
    let index = index_of_cutoff(&stage);
    moved(&mut stage, CUTOFF, 1.0, millis(1));
    stage.act(NetworkAction::Automation(CUTOFF, AutomationAction::Delete));
    stage.set(LEAD, InstrumentSetting::Filter(FilterSetting::Cutoff(Hertz::of(500.0))));
    stage.wait(millis(200));
    assert_eq!(cutoff(&stage, index), 500.0);
}

#[test]
fn moved_parameter_stays_when_another_is_edited() {
    let mut stage = filtered();
    let index = index_of_cutoff(&stage);
    moved(&mut stage, CUTOFF, 1.0, millis(1));
    stage.set(LEAD, InstrumentSetting::Filter(FilterSetting::Cutoff(Hertz::of(500.0))));
    stage.wait(millis(200));
    assert_eq!(cutoff(&stage, index), Hertz::MAX.get());
}

#[test]
fn lane_before_the_server_is_heard_with_it() {
    let mut stage = filtered();
    let index = index_of_cutoff(&stage);
    stage.online = false;
    stage.sequencer.end();
    moved(&mut stage, CUTOFF, 1.0, millis(1));
    stage.server = ServerModel::new(Duration::ZERO);
    stage.online = true;
    stage.server.run_to(stage.now);
    stage.sequencer.begin(stage.now, &mut stage.server);
    stage.wait(millis(50));
    assert_eq!(cutoff(&stage, index), Hertz::MAX.get());
}

#[test]
fn synced_effect_follows_a_lane_of_the_tempo() {
    let mut stage = Stage::new();
    let slot = SlotId(1);
    stage.chain(LEAD, ChainSetting::Add(slot, EffectKind::Delay, 0));
    let sync = EffectSetting::Delay(DelaySetting::Sync(Some(NoteValue::Quarter)));
    stage.chain(LEAD, ChainSetting::Effect(slot, sync));
    stage.note_on(LEAD, 60);
    let tempo = Target::Session(SessionParameter::Tempo);
    stage.act(NetworkAction::Automation(tempo, AutomationAction::Add));
    stage.wait(millis(100));
    let before = stage.server.log.len();
    moved(&mut stage, tempo, 0.9, Duration::ZERO);
    stage.wait(millis(100));
    assert_eq!(stage.server.count("/c_setn", before), 1);
    moved(&mut stage, Target::Session(SessionParameter::Swing), 0.9, Duration::ZERO);
    stage.wait(millis(100));
    assert_eq!(stage.server.count("/c_setn", before), 1, "swing is heard by itself");
}

#[test]
fn lane_of_a_gain_is_one_message() {
    use InstrumentParameter::{Level, Mute, Pan};

    let mut stage = filtered();
    for (parameter, value, expected) in
        [(Level, 1.0, [3.981, 3.981]), (Pan, 0.25, [3.981, 1.99]), (Mute, 1.0, [0.0, 0.0])]
    {
        let target = Target::Instrument(LEAD, parameter);
        stage.act(NetworkAction::Automation(target, AutomationAction::Add));
        let before = stage.server.log.len();
        moved(&mut stage, target, value, millis(1));
        stage.wait(millis(40));
        assert_eq!(stage.server.log.len(), before + 1);
        let fader = stage.fader(StripId::Instrument(LEAD)).unwrap();
        let gains = [0, 1].map(|side| stage.server.parameter(fader, side));
        let near = |(gain, expected): (f32, f32)| (gain - expected).abs() < 0.01;
        assert!(gains.into_iter().zip(expected).all(near), "{parameter:?}: {gains:?}");
    }
}

#[test]
fn lane_of_a_solo_silences_the_others() {
    let mut stage = filtered();
    stage.note_on(BASS, 40);
    let target = Target::Instrument(LEAD, InstrumentParameter::Solo);
    stage.act(NetworkAction::Automation(target, AutomationAction::Add));
    moved(&mut stage, target, 1.0, millis(1));
    stage.wait(millis(40));
    let gain = |id| {
        let fader = stage.fader(StripId::Instrument(id)).unwrap();
        stage.server.parameter(fader, 0)
    };
    assert!(gain(LEAD) > 0.1);
    assert_eq!(gain(BASS), 0.0);
}
