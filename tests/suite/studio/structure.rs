//! Deleting parts of the studio: references to a deleted part are removed, and no action can refer
//! to a missing one.

use imbolc_net::{
    model::{InstrumentId, Invalid, Model},
    studio::{
        BusId, BusInputSetting, ChainSetting, ChopperSetting, CompressorSetting, Definition,
        Device, DrumAction, DrumSetting, EffectKind, EffectSetting, InstrumentAction,
        InstrumentKnob, InstrumentSetting, LayerGroupId, LoadedSetting, Mapping, MappingId,
        MasterSetting, MidiMapSetting, MidiTarget, MixerSetting, Name, NetworkAction, PadSetting,
        PadSound, Parameter, ParameterId, PluginId, RegistrySetting, SessionSetting, SliceId,
        SlotId, SourceKind, SourceSetting, Studio, StudioState,
    },
    util::quantity::{
        Amount, MidiController, PadNumber, ParameterChange, ParameterValue, Pitch, SliceCount,
    },
};

const LEAD: InstrumentId = InstrumentId(2);
const KIT: InstrumentId = InstrumentId(9);
const BUS: BusId = BusId(1);
const SLOT: SlotId = SlotId(1);
const PLUGIN: PluginId = PluginId(4);
const PAD: PadNumber = PadNumber::of(3);
const KNOB: ParameterId = ParameterId(0);

fn act(state: &mut StudioState, action: &NetworkAction) {
    Studio::reduce(state, action).unwrap_or_else(|why| panic!("{why}: {action:?}"));
}

fn refused(state: &StudioState, action: &NetworkAction) -> Invalid {
    Studio::reduce(&mut state.clone(), action).expect_err("it refers to a missing part")
}

fn lead(setting: InstrumentSetting) -> NetworkAction {
    NetworkAction::Instrument(LEAD, InstrumentAction::Set(setting))
}

fn source(setting: SourceSetting) -> NetworkAction {
    lead(InstrumentSetting::Source(setting))
}

fn master(setting: ChainSetting) -> NetworkAction {
    NetworkAction::Mixer(MixerSetting::Master(MasterSetting::Chain(setting)))
}

fn drums(setting: DrumSetting) -> NetworkAction {
    NetworkAction::Drums(KIT, DrumAction::Set(setting))
}

fn map(target: MidiTarget) -> NetworkAction {
    let (controller, from, to) = (MidiController::of(74), Amount::MIN, Amount::MAX);
    let mapping = Mapping { channel: None, controller, target, from, to };
    NetworkAction::Session(SessionSetting::Midi(MidiMapSetting::Put(MappingId(1), mapping)))
}

fn with_kit() -> StudioState {
    let mut state = StudioState::starter();
    let (name, source) = (Name::default(), SourceKind::DrumKit);
    act(&mut state, &NetworkAction::AddInstrument { id: KIT, name, source });
    state
}

fn with_plugin() -> StudioState {
    let mut state = StudioState::starter();
    let value = ParameterValue::of;
    let row = Parameter::new(Name::default(), value(0.0), value(10.0), value(4.0)).unwrap();
    let definition = Definition { name: Name::default(), parameters: vec![row] }.into();
    act(&mut state, &NetworkAction::Registry(RegistrySetting::AddPlugin(PLUGIN, definition)));
    state
}

/// Asserts that `last` leaves no trace of `actions`.
fn assert_removed_by(mut state: StudioState, last: &NetworkAction, actions: &[NetworkAction]) {
    let mut without = state.clone();
    act(&mut without, last);
    for action in actions {
        act(&mut state, action);
    }
    act(&mut state, last);
    assert_eq!(state, without);
}

#[test]
fn deleted_bus_is_removed_from_inputs_and_side_chains() {
    let mut state = StudioState::starter();
    act(&mut state, &source(SourceSetting::Kind(SourceKind::BusInput)));
    act(&mut state, &master(ChainSetting::Add(SLOT, EffectKind::Compressor, 0)));
    let side_chain = EffectSetting::Compressor(CompressorSetting::SideChain(Some(BUS)));
    let uses = [
        source(SourceSetting::BusInput(BusInputSetting::Bus(Some(BUS)))),
        master(ChainSetting::Effect(SLOT, side_chain)),
        map(MidiTarget::Bus(BUS, imbolc_net::studio::StripKnob::Level)),
    ];
    for action in &uses {
        assert_eq!(refused(&state, action), Invalid::missing("bus", 1));
    }
    act(&mut state, &NetworkAction::Mixer(MixerSetting::AddBus(BUS, Name::default())));
    assert_removed_by(state, &NetworkAction::Mixer(MixerSetting::DeleteBus(BUS)), &uses);
}

#[test]
fn deleted_layer_group_is_removed_from_instruments() {
    let mut state = StudioState::starter();
    let group = LayerGroupId(1);
    let join = lead(InstrumentSetting::LayerGroup(Some(group)));
    assert_eq!(refused(&state, &join), Invalid::missing("layer group", 1));
    act(&mut state, &NetworkAction::Mixer(MixerSetting::AddLayerGroup(group, Name::default())));
    let delete = NetworkAction::Mixer(MixerSetting::DeleteLayerGroup(group));
    assert_removed_by(state, &delete, &[join]);
}

#[test]
fn deleted_instrument_is_removed_from_pads_and_mappings() {
    let sound = PadSetting::Sound(PadSound::Instrument(LEAD, Pitch::of(60)));
    let uses = [
        drums(DrumSetting::Pad(PAD, sound)),
        map(MidiTarget::Instrument(LEAD, InstrumentKnob::Cutoff)),
    ];
    assert_removed_by(with_kit(), &NetworkAction::DeleteInstrument(LEAD), &uses);
    let mut state = with_kit();
    act(&mut state, &NetworkAction::DeleteInstrument(LEAD));
    for action in &uses {
        assert_eq!(refused(&state, action), Invalid::missing("instrument", 2));
    }
}

#[test]
fn deleted_plugin_is_unloaded_everywhere() {
    let mut state = with_plugin();
    act(&mut state, &source(SourceSetting::Kind(SourceKind::Vst)));
    act(&mut state, &master(ChainSetting::Add(SLOT, EffectKind::Vst, 0)));
    let uses = [
        source(SourceSetting::Vst(LoadedSetting::Load(PLUGIN))),
        source(SourceSetting::Vst(LoadedSetting::Set(KNOB, ParameterValue::of(9.0)))),
        master(ChainSetting::Effect(SLOT, EffectSetting::Vst(LoadedSetting::Load(PLUGIN)))),
    ];
    let delete = NetworkAction::Registry(RegistrySetting::DeletePlugin(PLUGIN));
    assert_removed_by(state, &delete, &uses);
}

#[test]
fn hosted_parameter_stays_within_its_range() {
    let mut state = with_plugin();
    act(&mut state, &source(SourceSetting::Kind(SourceKind::Vst)));
    let set = |id, value| {
        source(SourceSetting::Vst(LoadedSetting::Set(ParameterId(id), ParameterValue::of(value))))
    };
    refused(&state, &set(0, 5.0));
    act(&mut state, &source(SourceSetting::Vst(LoadedSetting::Load(PLUGIN))));
    act(&mut state, &set(0, 5.0));
    assert_eq!(refused(&state, &set(1, 5.0)), Invalid::missing("parameter", 1));
    refused(&state, &set(0, 10.5));
}

#[test]
fn endless_knob_starts_at_default_and_is_clamped() {
    let mut state = with_plugin();
    act(&mut state, &source(SourceSetting::Kind(SourceKind::Vst)));
    let turn = |by| NetworkAction::Adjust(Device::Source(LEAD), KNOB, ParameterChange::of(by));
    assert_eq!(refused(&state, &turn(1.0)), Invalid::missing("parameter", 0));
    act(&mut state, &source(SourceSetting::Vst(LoadedSetting::Load(PLUGIN))));
    for (by, value) in [(1.0, 5.0), (2.5, 7.5), (2_000_000.0, 10.0), (-2_000_000.0, 0.0)] {
        act(&mut state, &turn(by));
        let hosted = state.instruments.get(LEAD).unwrap().source.hosted().unwrap();
        assert_eq!(hosted.touched(KNOB), Some(ParameterValue::of(value)), "after {by}");
    }
    let slot = NetworkAction::Adjust(Device::MasterSlot(SLOT), KNOB, ParameterChange::of(1.0));
    assert_eq!(refused(&state, &slot), Invalid::missing("effect", 1));
}

#[test]
fn changing_the_source_of_a_kit_deletes_its_machine() {
    let mut state = with_kit();
    act(&mut state, &drums(DrumSetting::Swing(Amount::MAX)));
    let kind = |kind| {
        let setting = InstrumentSetting::Source(SourceSetting::Kind(kind));
        NetworkAction::Instrument(KIT, InstrumentAction::Set(setting))
    };
    act(&mut state, &kind(SourceKind::Kick));
    assert_eq!(
        refused(&state, &drums(DrumSetting::Chained(true))),
        Invalid::missing("drum kit", 9)
    );
    act(&mut state, &kind(SourceKind::DrumKit));
    assert_eq!(state, with_kit());
}

#[test]
fn pads_of_removed_slices_become_silent() {
    let mut state = with_kit();
    let kit = |action| NetworkAction::Drums(KIT, action);
    act(&mut state, &kit(DrumAction::Chop(SliceCount::of(4))));
    act(&mut state, &kit(DrumAction::AssignSlices(PadNumber::of(13))));
    let sounds = |state: &StudioState| {
        let machine = state.drums.machine(KIT).unwrap();
        [12, 13, 14, 15].map(|pad| machine.pad(PadNumber::of(pad)).sound)
    };
    let slice = |id| PadSound::Slice(SliceId(id));
    assert_eq!(sounds(&state), [PadSound::Nothing, slice(1), slice(2), slice(3)]);
    act(&mut state, &drums(DrumSetting::Chopper(ChopperSetting::Remove(SliceId(1)))));
    act(&mut state, &kit(DrumAction::Chop(SliceCount::of(2))));
    let nothing = || PadSound::Nothing;
    assert_eq!(sounds(&state), [nothing(), nothing(), slice(2), nothing()]);
    let lost = PadSetting::Sound(slice(3));
    assert_eq!(refused(&state, &drums(DrumSetting::Pad(PAD, lost))), Invalid::missing("slice", 3));
}
