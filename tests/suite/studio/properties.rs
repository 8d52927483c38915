//! Properties that hold for every sequence of actions.

use std::fmt::Debug;

use imbolc_net::{
    model::Model,
    protocol::framing::{self, Codec},
    studio::{
        BusInput, BusParameter, Chain, Compressor, Device, Effect, Hosted, InstrumentParameter,
        MasterParameter, MidiTarget, NetworkAction, Output, PadSound, ParameterId, PatternId,
        SendsParameter, Source, SourceKind, Studio, StudioState, Target,
    },
    util::quantity::PadNumber,
};
use proptest::{collection::vec, prelude::*, strategy::ValueTree, test_runner::TestRunner};
use serde::{Serialize, de::DeserializeOwned};

use super::vocabulary::{action, at_work, burst};

pub fn actions() -> impl Strategy<Value = Vec<NetworkAction>> {
    vec(action(), 0..60)
}

/// Applies each action to a copy and keeps the copy if the action succeeds, as a session does.
pub fn run(mut state: StudioState, actions: &[NetworkAction]) -> StudioState {
    for action in actions {
        let mut copy = state.clone();
        if Studio::reduce(&mut copy, action).is_ok() {
            state = copy;
        }
    }
    state
}

fn patched(from: &StudioState, to: &StudioState) -> StudioState {
    let mut state = from.clone();
    if let Some(patch) = Studio::diff(from, to) {
        Studio::apply(&mut state, &patch).unwrap();
    }
    state
}

/// `value` after encoding and decoding; asserts that both codecs agree.
pub fn through_wire<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) -> T {
    let [binary, text] = Codec::ALL.map(|codec| {
        let mut frame = Vec::new();
        framing::encode(codec, value, &mut frame).unwrap();
        framing::decode(codec, &frame[4..])
            .unwrap_or_else(|error| panic!("{error} in {}", String::from_utf8_lossy(&frame)))
    });
    assert_eq!(binary, text);
    binary
}

/// Asserts the invariants between the parts of the studio, without the checks of the crate.
pub fn assert_nothing_dangles(state: &StudioState) {
    let tracks: Vec<_> = state.piano_roll.tracks().map(|(id, _)| id).collect();
    let instruments: Vec<_> = state.instruments.iter().map(|(id, _)| id).collect();
    assert_eq!(tracks, instruments);
    let notes: usize = state.piano_roll.tracks().map(|(_, track)| track.len()).sum();
    assert_eq!(state.piano_roll.notes(), notes);
    let points: usize = state.automation.lanes().map(|(_, lane)| lane.points.iter().count()).sum();
    assert_eq!(state.automation.points(), points);
    for (id, instrument) in state.instruments.iter() {
        if let Output::Bus(bus) = instrument.output {
            assert!(state.mixer.bus(bus).is_some(), "output of {id}");
        }
        for (bus, _) in instrument.sends.iter() {
            assert!(state.mixer.bus(bus).is_some(), "send of {id}");
        }
        if let Some(group) = instrument.layer_group {
            assert!(state.mixer.layer_group(group).is_some(), "layer group of {id}");
        }
        if let Source::BusInput(BusInput { bus: Some(bus), .. }) = instrument.source {
            assert!(state.mixer.bus(bus).is_some(), "input of {id}");
        }
        let is_kit = instrument.source.kind() == SourceKind::DrumKit;
        assert_eq!(state.drums.machine(id).is_some(), is_kit, "drum machine of {id}");
        instrument.source.hosted().into_iter().for_each(|h| assert_loaded(state, h));
        assert_chain(state, &instrument.chain);
    }
    for (id, part) in state.arrangement.parts() {
        assert!(state.instruments.contains(id), "part of {id}");
        assert!(part.clips().count() > 0, "the part of {id} is empty but stored");
        for (_, placement) in part.placements() {
            assert!(part.clip(placement.clip).is_some(), "placement of {id}");
        }
    }
    for (target, _) in state.automation.lanes() {
        assert!(target_exists(state, target), "lane of {target}");
    }
    state.mixer.buses().for_each(|(_, bus)| assert_chain(state, &bus.chain));
    assert_chain(state, &state.mixer.master.chain);
    assert_no_drum_machine_dangles(state);
    for (_, mapping) in state.session.midi.mappings() {
        match mapping.target {
            MidiTarget::Instrument(id, _) => assert!(state.instruments.contains(id)),
            MidiTarget::Bus(id, _) => assert!(state.mixer.bus(id).is_some()),
            MidiTarget::Master(_) | MidiTarget::Tempo => {}
        }
    }
}

fn assert_chain(state: &StudioState, chain: &Chain) {
    for slot in chain.slots() {
        if let Effect::Compressor(Compressor { side_chain: Some(bus), .. }) = slot.effect {
            assert!(state.mixer.bus(bus).is_some(), "side-chain");
        }
        slot.effect.hosted().into_iter().for_each(|h| assert_loaded(state, h));
    }
}

fn assert_loaded(state: &StudioState, hosted: &dyn Hosted) {
    let Some(id) = hosted.definition() else {
        return assert_eq!(hosted.count(), 0);
    };
    let table = state.registry.definition(id).expect("the loaded definition is in the registry");
    let mut found = 0;
    for (n, row) in (0..).zip(&table.parameters) {
        if let Some(value) = hosted.touched(ParameterId(n)) {
            let (min, max) = row.range();
            assert!((min..=max).contains(&value), "{value} in {min} to {max}");
            found += 1;
        }
    }
    assert_eq!(hosted.count(), found, "every touched parameter is in the table");
}

fn assert_no_drum_machine_dangles(state: &StudioState) {
    let mut steps = 0;
    for (id, machine) in state.drums.machines() {
        assert!(state.instruments.contains(id), "instrument of machine {id}");
        let there = |pattern: &PatternId| machine.pattern(*pattern).is_some();
        assert!(machine.current().iter().all(there), "current pattern of {id}");
        assert!(machine.chain().patterns().iter().all(there), "chain of {id}");
        steps += machine.patterns().map(|(_, pattern)| pattern.steps().len()).sum::<usize>();
        for number in 0..16 {
            match machine.pad(PadNumber::of(number)).sound {
                PadSound::Slice(slice) => assert!(machine.chopper().slice(slice).is_some()),
                PadSound::Instrument(id, _) => assert!(state.instruments.contains(id)),
                PadSound::Nothing | PadSound::Sample(_) => {}
            }
        }
    }
    assert_eq!(state.drums.steps(), steps);
}

proptest! {
    #[test]
    fn patch_leads_from_any_state_to_any_other(
        before in actions(), here in actions(), there in actions(),
    ) {
        let base = run(at_work(), &before);
        let (here, there) = (run(base.clone(), &here), run(base.clone(), &there));
        for (from, to) in [(&base, &here), (&here, &base), (&here, &there)] {
            prop_assert_eq!(&patched(from, to), to);
        }
        prop_assert_eq!(Studio::diff(&here, &here), None);
        prop_assert_eq!(Studio::diff(&here, &through_wire(&here)), None, "equal without shared memory");
    }

    #[test]
    fn burst_of_edits_arrives(before in actions(), burst in burst()) {
        let from = run(at_work(), &before);
        let to = run(from.clone(), &burst);
        prop_assert_eq!(&patched(&from, &to), &to);
        prop_assert_eq!(&patched(&to, &from), &from);
    }

    #[test]
    fn mirror_with_every_patch_has_the_same_state(actions in actions()) {
        let mut state = at_work();
        let mut mirror = through_wire(&state);
        for action in &actions {
            let next = run(state.clone(), std::slice::from_ref(action));
            if let Some(patch) = Studio::diff(&state, &next) {
                Studio::apply(&mut mirror, &through_wire(&patch)).unwrap();
                prop_assert!(!Studio::dirty(&state, &next).is_empty());
            }
            prop_assert_eq!(&mirror, &next);
            state = next;
        }
    }

    #[test]
    fn codecs_preserve_states_actions_and_patches(before in actions(), then in actions()) {
        let from = run(at_work(), &before);
        let to = run(from.clone(), &then);
        prop_assert_eq!(&through_wire(&to), &to);
        prop_assert_eq!(&through_wire(&then), &then);
        if let Some(patch) = Studio::diff(&from, &to) {
            prop_assert_eq!(&through_wire(&patch), &patch);
        }
    }

    #[test]
    fn references_never_dangle(actions in actions()) {
        let mut state = at_work();
        for action in &actions {
            state = run(state, std::slice::from_ref(action));
            assert_nothing_dangles(&state);
        }
    }

    #[test]
    fn reducing_a_copy_leaves_the_original_unchanged(
        before in actions(), action in action(),
    ) {
        let state = run(at_work(), &before);
        let written = serde_json::to_string(&state).unwrap();
        let _ = Studio::reduce(&mut state.clone(), &action);
        prop_assert_eq!(serde_json::to_string(&state).unwrap(), written);
    }

    #[test]
    fn authority_and_mirror_reduce_alike(before in actions(), action in action()) {
        let mut authority = run(at_work(), &before);
        let mut mirror = through_wire(&authority);
        let outcome = Studio::reduce(&mut authority, &action);
        prop_assert_eq!(&Studio::reduce(&mut mirror, &action), &outcome);
        if outcome.is_ok() {
            prop_assert_eq!(mirror, authority);
        }
    }

    #[test]
    fn patch_for_another_state_never_panics(
        here in actions(), there in actions(), elsewhere in actions(),
    ) {
        let [here, there, mut elsewhere] =
            [here, there, elsewhere].map(|actions| run(at_work(), &actions));
        if let Some(patch) = Studio::diff(&here, &there) {
            let _ = Studio::apply(&mut elsewhere, &patch);
        }
    }
}

/// The properties above prove nothing if random actions are mostly refused.
#[test]
fn random_actions_cover_the_vocabulary() {
    let mut runner = TestRunner::deterministic();
    let strategy = actions();
    let mut done = String::new();
    for _ in 0..400 {
        let mut state = at_work();
        for action in strategy.new_tree(&mut runner).unwrap().current() {
            let mut copy = state.clone();
            if Studio::reduce(&mut copy, &action).is_ok() {
                state = copy;
                done += &serde_json::to_string(&action).unwrap();
            }
        }
    }
    for word in [
        "AddInstrument",
        "DeleteInstrument",
        "AddBus",
        "DeleteBus",
        "AddLayerGroup",
        "DeleteLayerGroup",
        "AddPlugin",
        "DeletePlugin",
        "AddSynthDef",
        "DeleteSynthDef",
        r#""LayerGroup":0"#,
        r#""Kind":"DrumKit""#,
        r#""BusInput":{"Bus":1"#,
        r#""Load":"#,
        r#""Vst":{"Set""#,
        r#""Vst":{"Reset""#,
        r#""Vst":{"Saved""#,
        r#""Vst":"Unload""#,
        r#""SynthDef":{"Set""#,
        "Adjust",
        r#""Chain":{"Add""#,
        r#""Chain":{"Move""#,
        "Bypass",
        r#""Chain":{"Remove""#,
        r#""SideChain":1"#,
        r#""Sends":{"Add""#,
        r#""Midi":{"Put""#,
        r#""Midi":{"Remove""#,
        "AddPattern",
        "DeletePattern",
        r#""Chain":["#,
        r#""On":{"#,
        r#""Off":["#,
        r#"{"Step":["#,
        "Euclid",
        "ClearRegion",
        r#""Paste":[1"#,
        "Chop\":",
        "AssignSlices",
        r#""Sound":{"Slice""#,
        r#""Sound":{"Instrument""#,
    ] {
        assert!(done.contains(word), "no action with {word} succeeded");
    }
}

/// Whether the target of a lane exists.
fn target_exists(state: &StudioState, target: &Target) -> bool {
    let has = |chain: &Chain, slot| chain.slot(slot).is_some();
    let instrument = |id| state.instruments.get(id);
    let bus = |id| state.mixer.bus(id);
    let master = &state.mixer.master.chain;
    match *target {
        Target::Instrument(id, InstrumentParameter::Chain(parameter)) => {
            instrument(id).is_some_and(|i| has(&i.chain, parameter.slot()))
        }
        Target::Instrument(id, InstrumentParameter::Sends(SendsParameter(to, _))) => {
            instrument(id).is_some() && bus(to).is_some()
        }
        Target::Instrument(id, _) | Target::Pad(id, ..) | Target::Drums(id, _) => {
            instrument(id).is_some()
        }
        Target::Hosted(Device::Source(id), _) => instrument(id).is_some(),
        Target::Hosted(Device::Slot(id, slot), _) => {
            instrument(id).is_some_and(|i| has(&i.chain, slot))
        }
        Target::Hosted(Device::BusSlot(id, slot), _) => {
            bus(id).is_some_and(|b| has(&b.chain, slot))
        }
        Target::Hosted(Device::MasterSlot(slot), _) => has(master, slot),
        Target::Bus(id, BusParameter::Chain(parameter)) => {
            bus(id).is_some_and(|b| has(&b.chain, parameter.slot()))
        }
        Target::Bus(id, _) => bus(id).is_some(),
        Target::LayerGroup(id, _) => state.mixer.layer_group(id).is_some(),
        Target::Master(MasterParameter::Chain(parameter)) => has(master, parameter.slot()),
        Target::Master(_) | Target::Session(_) => true,
    }
}
