//! Gains, sends, buses and solos.

use imbolc_net::{
    studio::{
        AutomationAction, BusInputSetting, BusParameter, BusSendSetting, BusSetting, EffectKind,
        LayerGroupId, LayerGroupSetting, MasterSetting, Output, SendsSetting, SlotId,
        SourceSetting, Target,
    },
    util::quantity::{Amount, Decibels, Pan},
};
use proptest::prelude::*;

use super::*;

const GROUP: LayerGroupId = LayerGroupId(1);

impl Stage {
    fn send(&mut self, id: InstrumentId, setting: SendsSetting) {
        self.set(id, InstrumentSetting::Sends(setting));
    }

    fn gains(&self, node: &Node) -> [f32; 2] {
        [0, 1].map(|side| self.server.parameter(node, side))
    }

    /// The ways out of an instrument's strip: the audio bus and the gains of each.
    fn ways(&self, id: InstrumentId) -> Vec<(u32, [f32; 2])> {
        let parent = self.fader(StripId::Instrument(id)).unwrap().parent;
        let nodes = self.server.groups[&parent].iter().map(|id| &self.server.nodes[id]);
        nodes.filter_map(|node| Some((node.control("to")?, self.gains(node)))).collect()
    }

    /// The gains from an instrument to the sound card, by all ways.
    fn gains_of(&self, id: InstrumentId) -> [f32; 2] {
        let master = self.fader(StripId::Master).unwrap();
        let mut sum = [0.0; 2];
        for (to, mut gains) in self.ways(id) {
            if master.control("bus") != Some(to) {
                let faders = self.server.nodes.values();
                let bus = faders
                    .filter(|node| node.control("meter").is_some())
                    .find(|node| node.control("bus") == Some(to))
                    .expect("every way leads into a strip");
                gains = times(gains, self.gains(bus));
            }
            sum = [sum[0] + gains[0], sum[1] + gains[1]];
        }
        times(sum, self.gains(master))
    }
}

fn times(a: [f32; 2], b: [f32; 2]) -> [f32; 2] {
    [a[0] * b[0], a[1] * b[1]]
}

#[test]
fn sends_are_taken_before_or_after_the_fader() {
    let mut stage = Stage::new();
    let bus = stage.add_bus(1);
    stage.set(LEAD, InstrumentSetting::Level(Decibels::of(-20.0)));
    stage.set(LEAD, InstrumentSetting::Pan(Pan::of(1.0)));
    stage.send(LEAD, SendsSetting::Add(bus));
    stage.send(LEAD, SendsSetting::Set(bus, BusSendSetting::Level(Decibels::of(0.0))));
    stage.note_on(LEAD, 60);
    stage.wait(millis(100));
    let send = |stage: &Stage| stage.ways(LEAD)[0].1;
    assert_eq!(send(&stage), [0.0, 0.1]);
    stage.send(LEAD, SendsSetting::Set(bus, BusSendSetting::PreFader(true)));
    stage.wait(millis(100));
    assert_eq!(send(&stage), [0.0, 1.0]);
    stage.send(LEAD, SendsSetting::Remove(bus));
    stage.wait(millis(100));
    assert_eq!(stage.ways(LEAD).len(), 1);
}

#[test]
fn output_leads_to_a_bus_until_it_is_deleted() {
    let mut stage = Stage::new();
    let bus = stage.add_bus(1);
    stage.note_on(LEAD, 60);
    stage.set(LEAD, InstrumentSetting::Output(Output::Bus(bus)));
    stage.send(LEAD, SendsSetting::Add(bus));
    stage.wait(millis(100));
    let to = stage.fader(StripId::Bus(bus)).unwrap().control("bus").unwrap();
    assert!(stage.ways(LEAD).iter().all(|(own, _)| *own == to));
    stage.mixer(MixerSetting::DeleteBus(bus));
    stage.wait(millis(100));
    let master = stage.fader(StripId::Master).unwrap().control("bus").unwrap();
    assert_eq!(stage.ways(LEAD).len(), 1);
    assert_eq!(stage.ways(LEAD)[0].0, master);
    // A new one with the same id.
    stage.add_bus(1);
    stage.set(LEAD, InstrumentSetting::Output(Output::Bus(bus)));
    stage.wait(millis(100));
    let new = stage.fader(StripId::Bus(bus)).unwrap().control("bus").unwrap();
    assert_eq!(stage.ways(LEAD)[0].0, new);
    stage.note_off(LEAD, 60);
    stage.wait(millis(5_000));
    stage.assert_at_rest();
}

#[test]
fn bus_that_comes_with_its_reader_is_read() {
    let mut stage = Stage::loading(millis(50));
    let reader = stage.add(9, SourceKind::BusInput);
    let without = stage.state.clone();
    let bus = BusId(1);
    let mut with = without.clone();
    for action in [
        NetworkAction::Mixer(MixerSetting::AddBus(bus, Name::default())),
        NetworkAction::Instrument(
            reader,
            InstrumentAction::Set(InstrumentSetting::Source(SourceSetting::BusInput(
                BusInputSetting::Bus(Some(bus)),
            ))),
        ),
    ] {
        Studio::reduce(&mut with, &action).unwrap();
    }
    // In one go, as an undo brings it back.
    stage.state = with.clone();
    stage.wait(millis(300));
    let heard = stage.server.voices().next().unwrap().1;
    let parameters = |stage: &Stage, voice: &Node| -> Vec<f32> {
        (0..16).map(|index| stage.server.parameter(voice, index)).collect()
    };
    let (name, values) = (heard.name.clone(), parameters(&stage, heard));
    // From the beginning.
    let mut other = Stage::of(with, ServerModel::new(millis(50)));
    other.wait(millis(300));
    let voice = other.server.voices().next().unwrap().1;
    assert_eq!((&voice.name, parameters(&other, voice)), (&name, values));
    // Without the bus it is another sound.
    let mut silent = Stage::of(without, ServerModel::new(Duration::ZERO));
    silent.wait(millis(100));
    assert_ne!(silent.server.voices().next().map(|(_, node)| node.name.clone()), Some(name));
}

#[test]
fn master_and_bus_effects_come_and_go() {
    let mut stage = Stage::loading(millis(20));
    let bus = stage.add_bus(1);
    let slot = SlotId(1);
    let add = ChainSetting::Add(slot, EffectKind::Delay, 0);
    stage.mixer(MixerSetting::Bus(bus, BusSetting::Chain(add.clone())));
    stage.mixer(MixerSetting::Master(MasterSetting::Chain(add)));
    stage.wait(millis(200));
    for strip in [StripId::Bus(bus), StripId::Master] {
        assert_eq!(stage.effects(strip).len(), 1, "{strip:?}");
    }
    stage.mixer(MixerSetting::Master(MasterSetting::Chain(ChainSetting::Remove(slot))));
    stage.wait(millis(100));
    assert!(stage.effects(StripId::Master).is_empty());
    stage.assert_at_rest();
}

#[test]
fn mute_of_a_bus_follows_a_lane() {
    let mut stage = Stage::new();
    let bus = stage.add_bus(1);
    stage.set(LEAD, InstrumentSetting::Output(Output::Bus(bus)));
    stage.note_on(LEAD, 60);
    let target = Target::Bus(bus, BusParameter::Mute);
    stage.act(NetworkAction::Automation(target, AutomationAction::Add));
    stage.wait(millis(100));
    assert_ne!(stage.gains_of(LEAD), [0.0; 2]);
    let value = Amount::of(1.0);
    stage.event(PlaybackEvent::Automated { target, value }, Duration::ZERO);
    stage.wait(millis(100));
    assert_eq!(stage.gains_of(LEAD), [0.0; 2]);
}

#[derive(Clone, Debug)]
struct Mix {
    strips: [(i16, i8, bool, bool); 5],
    group_of: [bool; 2],
    outputs: [Option<bool>; 2],
    sends: [Option<(bool, i16, bool)>; 3],
}

fn mix() -> impl Strategy<Value = Mix> {
    let strip = (-60_i16..=6, -10_i8..=10, prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    let send = proptest::option::of((any::<bool>(), -60_i16..=6, any::<bool>()));
    let outputs = prop::array::uniform2(any::<Option<bool>>());
    (prop::array::uniform5(strip), any::<[bool; 2]>(), outputs, prop::array::uniform3(send))
        .prop_map(|(strips, group_of, outputs, sends)| Mix { strips, group_of, outputs, sends })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// The level of one note, by the gains in the server and by the meters of the silent engine.
    #[test]
    fn gains_are_those_of_the_silent_engine(mix in mix()) {
        let mut stage = Stage::new();
        let buses = [stage.add_bus(1), stage.add_bus(2)];
        stage.mixer(MixerSetting::AddLayerGroup(GROUP, Name::default()));
        let level = |level: i16| Decibels::of(f32::from(level));
        let pan = |pan: i8| Pan::of(f32::from(pan) / 10.0);
        for (id, strip, in_group, output) in [
            (BASS, mix.strips[0], mix.group_of[0], mix.outputs[0]),
            (LEAD, mix.strips[1], mix.group_of[1], mix.outputs[1]),
        ] {
            stage.set(id, InstrumentSetting::Level(level(strip.0)));
            stage.set(id, InstrumentSetting::Pan(pan(strip.1)));
            stage.set(id, InstrumentSetting::Mute(strip.2));
            stage.set(id, InstrumentSetting::Solo(strip.3));
            stage.set(id, InstrumentSetting::LayerGroup(in_group.then_some(GROUP)));
            if let Some(second) = output {
                let bus = buses[usize::from(second)];
                stage.set(id, InstrumentSetting::Output(Output::Bus(bus)));
            }
        }
        for (bus, (gain, side, mute, solo)) in buses.into_iter().zip([mix.strips[2], mix.strips[3]]) {
            stage.mixer(MixerSetting::Bus(bus, BusSetting::Level(level(gain))));
            stage.mixer(MixerSetting::Bus(bus, BusSetting::Pan(pan(side))));
            stage.mixer(MixerSetting::Bus(bus, BusSetting::Mute(mute)));
            stage.mixer(MixerSetting::Bus(bus, BusSetting::Solo(solo)));
        }
        let (gain, side, mute, solo) = mix.strips[4];
        stage.mixer(MixerSetting::LayerGroup(GROUP, LayerGroupSetting::Level(level(gain))));
        stage.mixer(MixerSetting::LayerGroup(GROUP, LayerGroupSetting::Mute(mute)));
        stage.mixer(MixerSetting::LayerGroup(GROUP, LayerGroupSetting::Solo(solo)));
        stage.mixer(MixerSetting::Master(MasterSetting::Level(level(gain))));
        stage.mixer(MixerSetting::Master(MasterSetting::Pan(pan(side))));
        for (id, send) in [(LEAD, mix.sends[0]), (LEAD, mix.sends[1]), (BASS, mix.sends[2])] {
            let Some((second, gain, pre)) = send else { continue };
            let bus = buses[usize::from(second)];
            stage.try_act(&NetworkAction::Instrument(
                id,
                InstrumentAction::Set(InstrumentSetting::Sends(SendsSetting::Add(bus))),
            ));
            stage.send(id, SendsSetting::Set(bus, BusSendSetting::Level(level(gain))));
            stage.send(id, SendsSetting::Set(bus, BusSendSetting::PreFader(pre)));
        }
        let play = InstrumentAction::Play(Pitch::of(60), Velocity::MAX);
        stage.act(NetworkAction::Instrument(LEAD, play));
        stage.wait(millis(100));
        let peaks = stage.engine.advance_into(stage.now, &stage.state, &mut |_| {}).metering.peaks;
        for (gain, peak) in stage.gains_of(LEAD).into_iter().zip(peaks) {
            let level = (20.0 * gain.log10()).clamp(Decibels::MIN.get(), Decibels::MAX.get());
            prop_assert!((level - peak.get()).abs() < 0.01, "{level} is {peak:?}");
        }
    }
}

#[test]
fn buses_come_and_go_more_often_than_there_are_numbers() {
    let mut stage = Stage::new();
    for _ in 0..70 {
        let bus = stage.add_bus(1);
        stage.wait(millis(50));
        assert!(stage.fader(StripId::Bus(bus)).is_some());
        stage.mixer(MixerSetting::DeleteBus(bus));
        stage.wait(millis(50));
    }
    stage.assert_at_rest();
}
