//! The meters.

use super::*;
use crate::studio::silent_engine::meters;

#[test]
fn meters_follow_key_fader_pan_bus_and_master() {
    let mut rig = Rig::new();
    let key = Pitch::of(40);
    rig.set(InstrumentSetting::Level(Decibels::of(0.0)));
    rig.key(InstrumentAction::Play(key, Velocity::MAX));
    assert_eq!(rig.peaks(), [0, 0]);
    rig.set(InstrumentSetting::Level(Decibels::of(-10.0)));
    assert_eq!(rig.peaks(), [-10, -10]);
    rig.set(InstrumentSetting::Pan(Pan::of(-1.0)));
    assert_eq!(rig.peaks(), [-10, -120]);

    let bus = BusId(1);
    rig.act(&NetworkAction::Mixer(MixerSetting::AddBus(bus, Name::default())));
    rig.set(InstrumentSetting::Output(Output::Bus(bus)));
    let mute = BusSetting::Mute(true);
    rig.act(&NetworkAction::Mixer(MixerSetting::Bus(bus, mute)));
    assert_eq!(rig.peaks(), [-120, -120]);
    rig.act(&NetworkAction::Mixer(MixerSetting::DeleteBus(bus)));
    let master = MasterSetting::Level(Decibels::of(-20.0));
    rig.act(&NetworkAction::Mixer(MixerSetting::Master(master)));
    assert_eq!(rig.peaks(), [-30, -120]);

    rig.key(InstrumentAction::Release(key));
    assert_eq!(rig.peaks(), [-120, -120]);
    assert_eq!(rig.engine.pulse(), None);
}

/// The strips of [`Rig::routed`].
#[derive(Clone, Copy, Debug)]
enum Strip {
    Bass,
    Lead,
    Group,
    Bus(u32),
}

use Strip::{Bass, Bus, Group, Lead};

const LEAD: InstrumentId = InstrumentId(2);

impl Rig {
    /// A rig with two held keys. The bass is in a layer group; its output goes to bus 1,
    /// and it sends to bus 2. The lead goes to the master directly.
    fn routed(pre_fader: bool) -> Self {
        let mut rig = Self::new();
        rig.mixer(MixerSetting::AddLayerGroup(LayerGroupId(1), Name::default()));
        for (bus, level) in [(BusId(1), 0.0), (BusId(2), -20.0)] {
            rig.mixer(MixerSetting::AddBus(bus, Name::default()));
            rig.mixer(MixerSetting::Bus(bus, BusSetting::Level(Decibels::of(level))));
        }
        let send = |setting| SendsSetting::Set(BusId(2), setting);
        for setting in [
            InstrumentSetting::Level(Decibels::of(0.0)),
            InstrumentSetting::LayerGroup(Some(LayerGroupId(1))),
            InstrumentSetting::Output(Output::Bus(BusId(1))),
            InstrumentSetting::Sends(SendsSetting::Add(BusId(2))),
            InstrumentSetting::Sends(send(BusSendSetting::Level(Decibels::of(0.0)))),
            InstrumentSetting::Sends(send(BusSendSetting::PreFader(pre_fader))),
        ] {
            rig.set(setting);
        }
        let level = InstrumentSetting::Level(Decibels::of(-40.0));
        rig.act(&NetworkAction::Instrument(LEAD, InstrumentAction::Set(level)));
        for id in [BASS, LEAD] {
            let key = InstrumentAction::Play(Pitch::of(40), Velocity::MAX);
            rig.act(&NetworkAction::Instrument(id, key));
        }
        rig
    }

    fn mixer(&mut self, setting: MixerSetting) {
        self.act(&NetworkAction::Mixer(setting));
    }

    fn solo(&mut self, strip: Strip) {
        use InstrumentAction::Set;
        self.act(&match strip {
            Bass => NetworkAction::Instrument(BASS, Set(InstrumentSetting::Solo(true))),
            Lead => NetworkAction::Instrument(LEAD, Set(InstrumentSetting::Solo(true))),
            Group => NetworkAction::Mixer(MixerSetting::LayerGroup(
                LayerGroupId(1),
                LayerGroupSetting::Solo(true),
            )),
            Bus(id) => NetworkAction::Mixer(MixerSetting::Bus(BusId(id), BusSetting::Solo(true))),
        });
    }

    fn mute(&mut self, strip: Strip) {
        use InstrumentAction::Set;
        self.act(&match strip {
            Bass => NetworkAction::Instrument(BASS, Set(InstrumentSetting::Mute(true))),
            Lead => NetworkAction::Instrument(LEAD, Set(InstrumentSetting::Mute(true))),
            Group => NetworkAction::Mixer(MixerSetting::LayerGroup(
                LayerGroupId(1),
                LayerGroupSetting::Mute(true),
            )),
            Bus(id) => NetworkAction::Mixer(MixerSetting::Bus(BusId(id), BusSetting::Mute(true))),
        });
    }

    /// The paths that are heard: the bass by its output, the bass by its send, the lead.
    fn heard(&mut self) -> String {
        self.wait(40);
        let amplitude = 10f32.powf(self.engine.metering.peaks[0].get() / 20.0);
        // Each path is ten times louder than the next one.
        format!("{:03.0}", amplitude * 100.0)
    }
}

#[test]
fn soloed_strip_is_heard_by_every_path() {
    for pre_fader in [false, true] {
        for (soloed, muted, heard) in [
            (vec![], vec![], "111"),
            (vec![Bass], vec![], "110"),
            (vec![Lead], vec![], "001"),
            (vec![Group], vec![], "110"),
            (vec![Bus(1)], vec![], "100"),
            (vec![Bus(2)], vec![], "010"),
            (vec![Bus(1), Bus(2)], vec![], "110"),
            (vec![Bass, Bus(1)], vec![], "110"),
            (vec![Lead, Bus(1)], vec![], "101"),
            (vec![Lead, Bus(2)], vec![], "011"),
            (vec![Lead, Group], vec![], "111"),
            (vec![Bass, Lead], vec![], "111"),
            (vec![Bass], vec![Bass], "000"),
            (vec![Bass], vec![Group], "000"),
            (vec![Bass], vec![Bus(1)], "010"),
            (vec![Bass], vec![Bus(2)], "100"),
            (vec![Group], vec![Group], "000"),
            (vec![Bus(1)], vec![Bus(1)], "000"),
            (vec![Bus(2)], vec![Bass], "000"),
            (vec![Lead], vec![Lead], "000"),
        ] {
            let mut rig = Rig::routed(pre_fader);
            for strip in &soloed {
                rig.solo(*strip);
            }
            for strip in &muted {
                rig.mute(*strip);
            }
            let routing = format!("pre: {pre_fader}, solo: {soloed:?}, mute: {muted:?}");
            assert_eq!(rig.heard(), heard, "{routing}");
        }
    }
}

#[test]
fn solo_of_a_bus_without_sources_silences_the_others() {
    let mut rig = Rig::routed(false);
    rig.mixer(MixerSetting::AddBus(BusId(3), Name::default()));
    rig.solo(Bus(3));
    assert_eq!(rig.heard(), "000");
}

#[test]
fn notes_under_the_playhead_move_the_meters() {
    let mut rig = Rig::new();
    let note = Note {
        tick: Ticks::of(480),
        pitch: Pitch::of(40),
        length: NoteLength::of(480),
        velocity: Velocity::MAX,
        probability: Probability::MAX,
    };
    let add = PianoRollAction::Add(note);
    rig.act(&NetworkAction::PianoRoll(BASS, add));
    rig.transport(TransportAction::Play);
    assert_eq!(rig.peaks(), [-120, -120]);
    rig.wait(600);
    assert_eq!(rig.peaks(), [-6, -6]);
    rig.wait(500);
    assert_eq!(rig.peaks(), [-120, -120]);
}

#[test]
fn lane_moves_the_meters_while_playing() {
    let mut rig = Rig::with([note(0, 40, 4000)]);
    let target = Target::Instrument(BASS, InstrumentParameter::Mute);
    rig.automate(target, AutomationAction::Add);
    for (tick, value) in [(0, 1.0), (480, 0.0)] {
        let point = Point { tick: Ticks::of(tick), value: Amount::of(value), curve: Curve::Hold };
        rig.automate(target, AutomationAction::Put(point));
    }
    rig.transport(TransportAction::Play);
    rig.wait(100);
    assert_eq!(rig.peaks(), [-120, -120]);
    rig.wait(500);
    assert_eq!(rig.peaks(), [-8, -8]);
    assert!(!rig.state.instruments.get(BASS).unwrap().mute, "the state is unchanged");
}

#[test]
fn pad_moves_the_meters_through_the_strip_of_its_kit() {
    let mut rig = Rig::drumming();
    rig.step(FIRST, 0, 0);
    let tempo = SessionSetting::Tempo(Bpm::of(60.0));
    rig.act(&NetworkAction::Session(tempo));
    rig.transport(TransportAction::Play);
    let loud = rig.peaks();
    assert_eq!(loud, [-8, -8], "velocity 100 and a fader at -6 dB");
    let mute = InstrumentAction::Set(InstrumentSetting::Mute(true));
    rig.act(&NetworkAction::Instrument(KIT, mute));
    assert_eq!(rig.peaks(), [-120, -120]);
}

#[test]
fn layer_group_strip_affects_its_instruments() {
    let mut rig = Rig::new();
    let group = LayerGroupId(1);
    let mixer = |rig: &mut Rig, setting| rig.act(&NetworkAction::Mixer(setting));
    mixer(&mut rig, MixerSetting::AddLayerGroup(group, Name::default()));
    rig.set(InstrumentSetting::LayerGroup(Some(group)));
    rig.set(InstrumentSetting::Level(Decibels::of(0.0)));
    rig.key(InstrumentAction::Play(Pitch::of(40), Velocity::MAX));
    let strip = |setting| MixerSetting::LayerGroup(group, setting);
    mixer(&mut rig, strip(LayerGroupSetting::Level(Decibels::of(-10.0))));
    assert_eq!(rig.peaks(), [-10, -10]);
    mixer(&mut rig, strip(LayerGroupSetting::Mute(true)));
    assert_eq!(rig.peaks(), [-120, -120]);
}

#[test]
fn meters_ignore_parameters_that_are_not_metered() {
    let mut rig = Rig::drumming();
    let (group, send) = (LayerGroupId(1), BusId(2));
    let mixer = |rig: &mut Rig, setting| rig.act(&NetworkAction::Mixer(setting));
    mixer(&mut rig, MixerSetting::AddLayerGroup(group, Name::default()));
    for bus in [BusId(1), send] {
        mixer(&mut rig, MixerSetting::AddBus(bus, Name::default()));
    }
    rig.set(InstrumentSetting::LayerGroup(Some(group)));
    rig.set(InstrumentSetting::Output(Output::Bus(BusId(1))));
    rig.set(InstrumentSetting::Sends(SendsSetting::Add(send)));
    rig.key(InstrumentAction::Play(Pitch::of(40), Velocity::MAX));
    rig.step(FIRST, 0, 0);
    rig.transport(TransportAction::Play);
    rig.wait(10);

    let peaks = |state: &StudioState| meters::peaks(state, &rig.engine.performance.sounds, true);
    let own = [BASS, KIT].into_iter().flat_map(|id| {
        let there = rig.state.instruments.get(id).unwrap().parameters();
        there.into_iter().map(move |parameter| Target::Instrument(id, parameter))
    });
    let pad = PadParameter::all().into_iter().map(|p| Target::Pad(KIT, PadNumber::of(0), p));
    let drums = DrumParameter::ALL.iter().map(|p| Target::Drums(KIT, *p));
    let bus = BusParameter::all().into_iter().map(|p| Target::Bus(send, p));
    let layers = LayerGroupParameter::all().into_iter().map(|p| Target::LayerGroup(group, p));
    let master = MasterParameter::all().into_iter().map(Target::Master);
    let session = SessionParameter::all().into_iter().map(Target::Session);
    for target in own.chain(pad).chain(drums).chain(bus).chain(layers).chain(master).chain(session)
    {
        let moves = [0.0, 0.3, 1.0].into_iter().any(|part| {
            let mut state = rig.state.clone();
            let action = target.action(Amount::of(part), &state).unwrap();
            Studio::reduce(&mut state, &action).unwrap();
            peaks(&state) != peaks(&rig.state)
        });
        assert_eq!(moves, meters::reads(target), "{target}");
    }
}
