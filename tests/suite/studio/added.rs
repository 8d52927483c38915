//! The outcome of the studio's actions: what each has added.

use imbolc_net::{
    Dispatcher,
    authority::{LocalDispatcher, inline},
    model::{InstrumentId, Invalid, Model, NoEngine},
    studio::{
        Added, BusId, ClipId, Device, DrumAction, InstrumentAction, InstrumentSetting,
        LayerGroupId, MappingId, MasterParameter, NetworkAction, PatternId, PlacementId, PluginId,
        SliceId, SlotId, Studio, StudioState, SynthDefId, Target,
    },
};
use proptest::prelude::*;

use super::{properties::actions, vocabulary::at_work};

const KIT: InstrumentId = InstrumentId(4);

fn action(text: &str) -> NetworkAction {
    serde_json::from_str(text).unwrap()
}

fn outcome_of(state: &mut StudioState, text: &str) -> Result<Option<Added>, Invalid> {
    Studio::reduce(state, &action(text)).map(|reduction| reduction.outcome)
}

#[test]
fn each_adding_action_says_what_it_added() {
    let bass = InstrumentId(1);
    let table = r#"{"name":"x","parameters":[]}"#;
    let plugin = format!(r#"{{"Registry":{{"AddPlugin":[7,{table}]}}}}"#);
    let synth_def = format!(r#"{{"Registry":{{"AddSynthDef":[7,{table}]}}}}"#);
    let rows = [
        (
            r#"{"AddInstrument":{"id":9,"name":"Kit","source":"DrumKit"}}"#,
            Added::Instrument(InstrumentId(9)),
        ),
        (r#"{"Mixer":{"AddBus":[7,"Hall"]}}"#, Added::Bus(BusId(7))),
        (r#"{"Mixer":{"AddLayerGroup":[7,"Keys"]}}"#, Added::LayerGroup(LayerGroupId(7))),
        (
            r#"{"Instrument":[1,{"Set":{"Chain":{"Add":[7,"Delay",0]}}}]}"#,
            Added::Effect(Device::Slot(bass, SlotId(7))),
        ),
        (
            r#"{"Mixer":{"Bus":[7,{"Chain":{"Add":[8,"Delay",0]}}]}}"#,
            Added::Effect(Device::BusSlot(BusId(7), SlotId(8))),
        ),
        (
            r#"{"Mixer":{"Master":{"Chain":{"Add":[9,"Delay",0]}}}}"#,
            Added::Effect(Device::MasterSlot(SlotId(9))),
        ),
        (r#"{"Instrument":[1,{"Set":{"Sends":{"Add":7}}}]}"#, Added::Send(bass, BusId(7))),
        (
            r#"{"Automation":[{"Master":"Level"},"Add"]}"#,
            Added::Lane(Target::Master(MasterParameter::Level)),
        ),
        (
            r#"{"Clip":[1,{"Create":{"clip":7,"name":"A","length":960}}]}"#,
            Added::Clip(bass, ClipId(7)),
        ),
        (
            r#"{"Clip":[1,{"Capture":{"clip":8,"name":"B","region":{"start":0,"end":960}}}]}"#,
            Added::Clip(bass, ClipId(8)),
        ),
        (
            r#"{"Placement":[1,{"Place":{"placement":7,"clip":7,"tick":0}}]}"#,
            Added::Placement(bass, PlacementId(7)),
        ),
        (
            r#"{"Placement":[1,{"Duplicate":{"placement":7,"copy":8,"tick":960}}]}"#,
            Added::Placement(bass, PlacementId(8)),
        ),
        (r#"{"Drums":[4,{"Set":{"AddPattern":7}}]}"#, Added::Pattern(KIT, PatternId(7))),
        (
            r#"{"Drums":[4,{"Set":{"Chopper":{"Put":[7,{"start":0.0,"end":0.5}]}}}]}"#,
            Added::Slice(KIT, SliceId(7)),
        ),
        (
            r#"{"Session":{"Midi":{"Put":[7,{"channel":null,"controller":1,"target":"Tempo","from":0.0,"to":1.0}]}}}"#,
            Added::Mapping(MappingId(7)),
        ),
        (&plugin, Added::Definition(PluginId(7).into())),
        (&synth_def, Added::Definition(SynthDefId(7).into())),
    ];
    let mut state = StudioState::starter();
    for (text, added) in &rows {
        assert_eq!(outcome_of(&mut state, text), Ok(Some(*added)), "{text}");
        match outcome_of(&mut state.clone(), text) {
            Err(Invalid::Exists { .. }) => {}
            // A slice and a mapping are replaced.
            Ok(None) => assert!(text.contains(r#""Put""#), "{text}"),
            other => panic!("{text} adds it again: {other:?}"),
        }
    }
}

#[test]
fn refused_action_returns_no_outcome() {
    let studio = StudioState::starter();
    let studio = LocalDispatcher::<Studio>::open("Ana", studio, inline(|| NoEngine)).unwrap();
    let (bus, again) =
        (action(r#"{"Mixer":{"AddBus":[1,"A"]}}"#), r#"{"Mixer":{"AddBus":[1,"B"]}}"#);
    assert_eq!(studio.dispatch(bus), Ok(Some(Added::Bus(BusId(1)))));
    studio.dispatch(action(again)).unwrap_err();
    let other = action(r#"{"Mixer":{"AddBus":[2,"B"]}}"#);
    studio.dispatch_all(vec![other.clone(), action(again)]).unwrap_err();
    let group = action(r#"{"Mixer":{"AddLayerGroup":[1,"Keys"]}}"#);
    let tempo = action(r#"{"Session":{"Tempo":90.0}}"#);
    assert_eq!(
        studio.dispatch_all(vec![other, tempo, group]),
        Ok(vec![Some(Added::Bus(BusId(2))), None, Some(Added::LayerGroup(LayerGroupId(1)))])
    );
}

/// Everything that has an id.
fn things(state: &StudioState) -> Vec<Added> {
    let mut all = Vec::new();
    for (id, instrument) in state.instruments.iter() {
        all.push(Added::Instrument(id));
        let slots = instrument.chain.slots().iter();
        all.extend(slots.map(|slot| Added::Effect(Device::Slot(id, slot.id))));
        all.extend(instrument.sends.iter().map(|(bus, _)| Added::Send(id, bus)));
    }
    for (id, bus) in state.mixer.buses() {
        all.push(Added::Bus(id));
        let slots = bus.chain.slots().iter();
        all.extend(slots.map(|slot| Added::Effect(Device::BusSlot(id, slot.id))));
    }
    all.extend(state.mixer.layer_groups().map(|(id, _)| Added::LayerGroup(id)));
    let slots = state.mixer.master.chain.slots().iter();
    all.extend(slots.map(|slot| Added::Effect(Device::MasterSlot(slot.id))));
    all.extend(state.automation.lanes().map(|(target, _)| Added::Lane(*target)));
    for (id, part) in state.arrangement.parts() {
        all.extend(part.clips().map(|(clip, _)| Added::Clip(id, clip)));
        all.extend(part.placements().map(|(placement, _)| Added::Placement(id, placement)));
    }
    for (id, machine) in state.drums.machines() {
        all.extend(machine.patterns().map(|(pattern, _)| Added::Pattern(id, pattern)));
        all.extend(machine.chopper().slices().map(|(slice, _)| Added::Slice(id, slice)));
    }
    all.extend(state.session.midi.mappings().map(|(id, _)| Added::Mapping(id)));
    all.extend(state.registry.synth_defs().map(|(id, _)| Added::Definition(id.into())));
    all.extend(state.registry.plugins().map(|(id, _)| Added::Definition(id.into())));
    all
}

/// Whether the action may bring several things at once, of which none is the one to show.
fn replaces_a_whole(action: &NetworkAction) -> bool {
    match action {
        NetworkAction::Drums(_, DrumAction::Chop(_)) | NetworkAction::ProjectReport(_) => true,
        NetworkAction::Instrument(_, InstrumentAction::Set(setting)) => {
            matches!(setting, InstrumentSetting::Source(_))
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is new is told, and nothing else.
    #[test]
    fn outcome_names_what_is_new(actions in actions()) {
        let mut state = at_work();
        for action in actions {
            let mut after = state.clone();
            let Ok(reduction) = Studio::reduce(&mut after, &action) else { continue };
            let (before, now) = (things(&state), things(&after));
            let new: Vec<_> = now.into_iter().filter(|thing| !before.contains(thing)).collect();
            match reduction.outcome {
                Some(added) => prop_assert!(new.contains(&added), "{action:?}: {new:?}"),
                None => prop_assert!(
                    new.is_empty() || replaces_a_whole(&action),
                    "{action:?}: {new:?}"
                ),
            }
            state = after;
        }
    }
}
