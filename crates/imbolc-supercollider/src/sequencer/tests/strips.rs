//! Parameters and effects of a strip, and how strips come and go.

use imbolc_net::studio::{
    DelaySetting, EffectKind, EffectSetting, FilterKind, FilterSetting, MasterSetting, NoteValue,
    SessionSetting, SlotId, SourceSetting,
};
use imbolc_net::util::quantity::{Bpm, Hertz, Pan};

use super::{server::text, *};

const STRIP: StripId = StripId::Instrument(LEAD);

fn slot(id: u16) -> SlotId {
    SlotId(id)
}

#[test]
fn turned_knob_is_one_message_for_all_voices() {
    let mut stage = Stage::new();
    stage.set(LEAD, InstrumentSetting::Filter(FilterSetting::Kind(FilterKind::LowPass)));
    stage.note_on(LEAD, 60);
    stage.wait(millis(100));
    // This one is still under way.
    stage.note_on(LEAD, 64);
    let before = stage.server.log.len();
    stage.set(LEAD, InstrumentSetting::Filter(FilterSetting::Cutoff(Hertz::of(1_234.0))));
    stage.wait(millis(40));
    assert_eq!(stage.server.count("/c_setn", before), 1);
    assert_eq!(stage.voices_of(LEAD), 2);
    for (_, voice) in stage.server.voices() {
        let values: Vec<_> = (0..32).map(|k| stage.server.parameter(voice, k)).collect();
        assert!(values.contains(&1_234.0), "{values:?}");
    }
}

#[test]
fn edit_of_structure_sounds_in_the_next_note() {
    let mut stage = Stage::loading(millis(20));
    stage.wait(millis(100));
    stage.note_on(LEAD, 60);
    stage.wait(millis(100));
    let old = stage.server.voices().next().unwrap().1.name.clone();
    stage.set(LEAD, InstrumentSetting::Filter(FilterSetting::Kind(FilterKind::HighPass)));
    stage.wait(millis(100));
    stage.note_on(LEAD, 64);
    stage.wait(millis(100));
    let mut names: Vec<_> = stage.server.voices().map(|(_, node)| node.name.clone()).collect();
    assert_eq!(names.len(), 2);
    assert_eq!(names.remove(0), old, "the old voice sounds on");
    assert_ne!(names.remove(0), old);
    stage.note_off(LEAD, 60);
    stage.note_off(LEAD, 64);
    stage.wait(millis(5_000));
    stage.assert_at_rest();
}

#[test]
fn effects_are_in_the_order_of_the_chain() {
    let mut stage = Stage::loading(millis(7));
    stage.wait(millis(50));
    stage.note_on(LEAD, 60);
    let kinds = [EffectKind::Delay, EffectKind::Chorus, EffectKind::Phaser];
    // Their definitions are not there yet.
    for (id, kind) in (1..).zip(kinds) {
        stage.chain(LEAD, ChainSetting::Add(slot(id), kind, 0));
    }
    stage.wait(millis(100));
    let [phaser, chorus, delay] = stage.effects(STRIP).try_into().unwrap();
    // Others with one structure have one name.
    assert!(phaser != chorus && chorus != delay);
    stage.chain(LEAD, ChainSetting::Move(slot(1), 0));
    stage.wait(millis(40));
    assert_eq!(stage.effects(STRIP), [&*delay, &*phaser, &*chorus]);
    stage.chain(LEAD, ChainSetting::Remove(slot(3)));
    stage.chain(LEAD, ChainSetting::Add(slot(4), EffectKind::Phaser, 1));
    stage.wait(millis(60));
    assert_eq!(stage.effects(STRIP), [&*delay, &*phaser, &*chorus]);
    // Removed and moved in one go.
    stage.chain(LEAD, ChainSetting::Remove(slot(1)));
    stage.chain(LEAD, ChainSetting::Move(slot(4), 1));
    stage.chain(LEAD, ChainSetting::Add(slot(5), EffectKind::Delay, 1));
    stage.wait(millis(60));
    assert_eq!(stage.effects(STRIP), [&*chorus, &*delay, &*phaser]);
    // Another structure in the same place.
    let sync = DelaySetting::Sync(Some(NoteValue::Eighth));
    let ping = EffectSetting::Delay(sync);
    stage.chain(LEAD, ChainSetting::Effect(slot(5), ping));
    stage.wait(millis(60));
    assert_eq!(stage.effects(STRIP).len(), 3);
    assert_eq!(stage.effects(STRIP)[0], chorus);
    assert_eq!(stage.effects(STRIP)[2], phaser);
    stage.note_off(LEAD, 60);
    stage.wait(Duration::from_mins(1));
    stage.assert_at_rest();
}

#[test]
fn effect_without_parameters_comes_and_goes() {
    let mut stage = Stage::new();
    let add = ChainSetting::Add(slot(1), EffectKind::Convolution, 0);
    stage.mixer(MixerSetting::Master(MasterSetting::Chain(add)));
    stage.wait(millis(50));
    assert_eq!(stage.effects(StripId::Master).len(), 1);
    stage.assert_at_rest();
    let remove = ChainSetting::Remove(slot(1));
    stage.mixer(MixerSetting::Master(MasterSetting::Chain(remove)));
    stage.wait(millis(50));
    stage.assert_at_rest();
}

#[test]
fn effect_is_in_the_chain_before_the_first_note() {
    let mut stage = Stage::new();
    stage.chain(LEAD, ChainSetting::Add(slot(1), EffectKind::Delay, 0));
    stage.press(LEAD, 60);
    assert_eq!(stage.effects(STRIP).len(), 1);
    assert_eq!(stage.voices_of(LEAD), 1);
}

#[test]
fn effect_is_bypassed_as_soon_as_it_is_there() {
    let mut stage = Stage::new();
    stage.note_on(LEAD, 60);
    stage.wait(millis(50));
    stage.chain(LEAD, ChainSetting::Add(slot(1), EffectKind::Delay, 0));
    stage.chain(LEAD, ChainSetting::Bypass(slot(1), true));
    stage.wait(millis(50));
    let runs = |stage: &Stage| stage.server.nodes.values().find(|n| n.is_effect()).unwrap().runs;
    assert!(!runs(&stage));
    stage.chain(LEAD, ChainSetting::Bypass(slot(1), false));
    stage.wait(millis(50));
    assert!(runs(&stage));
}

#[test]
fn knob_of_a_new_effect_is_not_overtaken() {
    let mut stage = Stage::new();
    stage.note_on(LEAD, 60);
    stage.wait(millis(50));
    stage.chain(LEAD, ChainSetting::Add(slot(1), EffectKind::Filter, 0));
    let cutoff = EffectSetting::Filter(FilterSetting::Cutoff(Hertz::of(777.0)));
    stage.chain(LEAD, ChainSetting::Effect(slot(1), cutoff));
    stage.wait(millis(100));
    let effect = stage.server.nodes.values().find(|node| node.is_effect()).unwrap();
    let values: Vec<_> = (0..8).map(|k| stage.server.parameter(effect, k)).collect();
    assert!(values.contains(&777.0), "{values:?}");
}

#[test]
fn synced_effect_follows_the_tempo() {
    let mut stage = Stage::new();
    stage.chain(LEAD, ChainSetting::Add(slot(1), EffectKind::Delay, 0));
    let sync = EffectSetting::Delay(DelaySetting::Sync(Some(NoteValue::Quarter)));
    stage.chain(LEAD, ChainSetting::Effect(slot(1), sync));
    stage.note_on(LEAD, 60);
    stage.act(NetworkAction::Session(SessionSetting::Tempo(Bpm::of(100.0))));
    stage.wait(millis(100));
    let time = |stage: &Stage| {
        let effect = stage.server.nodes.values().find(|node| node.is_effect()).unwrap();
        (0..8).map(|k| stage.server.parameter(effect, k)).collect::<Vec<_>>()
    };
    let before = time(&stage);
    stage.act(NetworkAction::Session(SessionSetting::Tempo(Bpm::of(50.0))));
    stage.wait(millis(100));
    let after = time(&stage);
    let moved: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).collect();
    assert!(!moved.is_empty() && moved.iter().all(|(a, b)| **a * 2.0 == **b), "{moved:?}");
}

#[test]
fn strip_number_rests_before_it_is_used_again() {
    let mut stage = Stage::new();
    stage.note_on(LEAD, 60);
    stage.wait(millis(50));
    let bus = stage.fader(STRIP).unwrap().control("bus");
    stage.act(NetworkAction::DeleteInstrument(LEAD));
    stage.note_on(BASS, 60);
    stage.wait(millis(50));
    assert_ne!(stage.fader(StripId::Instrument(BASS)).unwrap().control("bus"), bus);
}

#[test]
fn strip_stays_until_its_effects_have_rung_out() {
    let mut stage = Stage::new();
    stage.chain(LEAD, ChainSetting::Add(slot(1), EffectKind::Delay, 0));
    stage.note_on(LEAD, 60);
    stage.wait(millis(100));
    stage.note_off(LEAD, 60);
    stage.wait(millis(2_500));
    assert!(stage.has_strip(LEAD), "it echoes");
    // What is bypassed does not ring.
    stage.chain(LEAD, ChainSetting::Bypass(slot(1), true));
    stage.note_on(LEAD, 60);
    stage.wait(millis(100));
    stage.note_off(LEAD, 60);
    stage.wait(millis(2_500));
    assert!(!stage.has_strip(LEAD));
}

#[test]
fn meters_of_a_strip_that_goes_are_silent() {
    for panic in [false, true] {
        let mut stage = Stage::new();
        stage.note_on(LEAD, 60);
        stage.wait(millis(50));
        let meter = stage.fader(STRIP).unwrap().control("meter").unwrap() as usize;
        stage.server.buses[meter..meter + 2].fill(0.5);
        if panic {
            stage.sequencer.silence(stage.now, &mut stage.server);
        } else {
            stage.act(NetworkAction::DeleteInstrument(LEAD));
        }
        stage.note_on(BASS, 60);
        stage.wait(millis(50));
        assert_eq!(stage.server.buses[meter..meter + 2], [0.0; 2]);
        let next = stage.fader(StripId::Instrument(BASS)).unwrap().control("meter");
        assert_ne!(next.unwrap() as usize, meter, "what is read last may be older");
    }
}

#[test]
fn open_input_opens_and_closes() {
    let mut stage = Stage::loading(millis(30));
    let input = stage.add(9, SourceKind::AudioInput);
    stage.wait(millis(100));
    assert_eq!(stage.voices_of(input), 1);
    // Another structure: the new one opens, the old one closes.
    stage.set(input, InstrumentSetting::Filter(FilterSetting::Kind(FilterKind::HighPass)));
    stage.wait(millis(200));
    assert_eq!(stage.voices_of(input), 1);
    stage.set(input, InstrumentSetting::Source(SourceSetting::Kind(SourceKind::Oscillator)));
    stage.wait(millis(5_000));
    assert_eq!(stage.voices_of(input), 0);
    stage.assert_at_rest();
}

#[test]
fn fader_and_pan_are_balance() {
    let mut stage = Stage::new();
    stage.note_on(LEAD, 60);
    stage.set(LEAD, InstrumentSetting::Pan(Pan::of(-0.5)));
    stage.set(LEAD, InstrumentSetting::Level(imbolc_net::util::quantity::Decibels::of(0.0)));
    let before = stage.server.log.len();
    stage.wait(millis(100));
    let fader = stage.fader(STRIP).unwrap();
    assert_eq!([0, 1].map(|k| stage.server.parameter(fader, k)), [1.0, 0.5]);
    let sent: Vec<_> = stage.server.log[before..].iter().map(|(_, m)| text(m)).collect();
    assert!(sent.len() < 6, "{sent:?}");
}
