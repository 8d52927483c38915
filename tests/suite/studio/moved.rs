//! What an engine asks of two snapshots: the state with its lanes applied, and what changed.

use std::collections::BTreeMap;

use imbolc_net::{
    model::{InstrumentId, Model},
    studio::{
        BusId, BusSetting, ChainSetting, Definition, Device, EffectKind, EffectSetting,
        LoadedSetting, MAX_TOUCHED, MixerSetting, Name, NetworkAction, Parameter, ParameterId,
        PluginId, RegistrySetting, SlotId, SourceKind, Studio, StudioState, Target,
    },
    util::quantity::{Amount, ParameterValue},
};
use proptest::{collection::vec, prelude::*};

use super::{
    after,
    properties::{actions, run, through_wire},
    values::targets,
    vocabulary::{amount, at_work, target},
};

/// `state` after the action of a knob that is turned to `value`.
fn turned(state: &StudioState, target: Target, value: Amount) -> StudioState {
    let knob = target.part(state).and_then(|_| target.action(value, state));
    run(state.clone(), knob.as_slice())
}

fn moved(state: &StudioState, target: Target, value: Amount) -> StudioState {
    let mut state = state.clone();
    state.move_to(target, value);
    state
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn moved_lane_gives_what_a_turned_knob_gives(
        actions in actions(), others in vec(target(), 0..40), value in amount(),
    ) {
        let state = run(at_work(), &actions);
        for target in targets(&state).into_iter().chain(others) {
            let moved = moved(&state, target, value);
            prop_assert_eq!(&moved, &turned(&state, target, value), "{}", target);
            if target.part(&state).is_none() {
                prop_assert!(Studio::dirty(&state, &moved).is_empty(), "{}", target);
            }
        }
    }

    #[test]
    fn changed_instruments_are_those_that_differ(before in actions(), then in actions()) {
        let from = run(at_work(), &before);
        let to = run(from.clone(), &then);
        let all = |state: &StudioState| -> BTreeMap<_, _> {
            state.instruments.iter().map(|(id, it)| (id, it.clone())).collect()
        };
        let mut followed = all(&from);
        for (id, now) in from.instruments.changed(&to.instruments) {
            prop_assert_ne!(followed.get(&id), now, "{} has not changed", id);
            match now {
                Some(now) => drop(followed.insert(id, now.clone())),
                None => drop(followed.remove(&id)),
            }
        }
        prop_assert_eq!(followed, all(&to));
    }
}

#[test]
fn moved_lane_touches_no_more_than_a_definition_may_hold() {
    let (bus, slot, plugin) = (BusId(1), SlotId(1), PluginId(9));
    let [least, most, default] = [0.0, 1.0, 0.5].map(ParameterValue::of);
    let row = Parameter::new(Name::default(), least, most, default).unwrap();
    let table = Definition { name: Name::default(), parameters: vec![row; MAX_TOUCHED + 1] };
    let effect = |setting| {
        let setting = ChainSetting::Effect(slot, EffectSetting::Vst(setting));
        NetworkAction::Mixer(MixerSetting::Bus(bus, BusSetting::Chain(setting)))
    };
    let add = BusSetting::Chain(ChainSetting::Add(slot, EffectKind::Vst, 0));
    let mut state = [
        NetworkAction::Registry(RegistrySetting::AddPlugin(plugin, table.into())),
        NetworkAction::Mixer(MixerSetting::AddBus(bus, Name::default())),
        NetworkAction::Mixer(MixerSetting::Bus(bus, add)),
        effect(LoadedSetting::Load(plugin)),
    ]
    .iter()
    .fold(StudioState::default(), |state, action| after(&state, action));
    let knob = |number| Target::Hosted(Device::BusSlot(bus, slot), ParameterId(number));
    let last = u16::try_from(MAX_TOUCHED).unwrap();
    for number in 0..last {
        state.move_to(knob(number), Amount::MAX);
        assert_eq!(knob(number).part(&state), Some(Amount::MAX));
    }
    assert_eq!(moved(&state, knob(last), Amount::MAX), state);
    assert_eq!(knob(0).part(&moved(&state, knob(0), Amount::MIN)), Some(Amount::MIN));
}

#[test]
fn snapshots_are_compared_by_memory() {
    let state = at_work();
    let (id, equal) = (InstrumentId(9), through_wire(&state));
    let name = Name::default();
    let add_bus = NetworkAction::Mixer(MixerSetting::AddBus(BusId(9), name.clone()));
    let add_kit = NetworkAction::AddInstrument { id, name, source: SourceKind::DrumKit };
    let (with_kit, with_bus) = (after(&state, &add_kit), after(&state, &add_bus));
    let same = |other: &StudioState| {
        let mixer = state.mixer.is_same(&other.mixer);
        [state.instruments.is_same(&other.instruments), state.drums.is_same(&other.drums), mixer]
    };
    assert_eq!(same(&state.clone()), [true, true, true]);
    assert_eq!(same(&with_kit), [false, false, true]);
    assert_eq!(same(&with_bus), [true, true, false]);
    assert_eq!((same(&equal), &equal), ([false, false, false], &state));
}
