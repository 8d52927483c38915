//! Which actions in a row are one step, walked over every action of the studio.

use std::mem::discriminant;

use imbolc_net::{
    model::{Model, UndoPolicy},
    protocol::SessionId,
    studio::{NetworkAction, Studio, StudioState},
    sync::session::{Session, SessionConfig},
    util::time::Timestamp,
};
use serde_json::Value;

use crate::every_action::{ACTIONS, every_kind, read};

/// Every action, each with a state in which it is possible.
pub fn all_actions() -> Vec<(StudioState, NetworkAction)> {
    let mut state = StudioState::starter();
    let mut actions = Vec::new();
    for action in ACTIONS.iter().map(|json| read(json)).chain(every_kind()) {
        actions.push((state.clone(), action.clone()));
        let mut next = state.clone();
        let stays = !matches!(action, NetworkAction::Project(_));
        if stays && Studio::reduce(&mut next, &action).is_ok() {
            state = next;
        }
    }
    actions
}

/// Every action that can be a step, each with a state in which it is possible.
fn steps() -> Vec<(StudioState, NetworkAction)> {
    let mut steps = all_actions();
    steps.retain(|(_, action)| Studio::undo_policy(action) == UndoPolicy::Step);
    steps
}

/// The state after `action`, if it is possible.
pub fn after(state: &StudioState, action: &NetworkAction) -> Option<StudioState> {
    let mut next = state.clone();
    Studio::reduce(&mut next, action).ok()?;
    Some(next)
}

/// The state as JSON with every number replaced, so that only the structure and the
/// choices are left.
fn shape(state: &StudioState) -> Value {
    fn without_numbers(value: &mut Value) {
        match value {
            Value::Number(_) => *value = Value::from(0),
            Value::Array(values) => values.iter_mut().for_each(without_numbers),
            Value::Object(fields) => fields.values_mut().for_each(without_numbers),
            Value::Null | Value::Bool(_) | Value::String(_) => {}
        }
    }
    let mut value = serde_json::to_value(state).unwrap();
    without_numbers(&mut value);
    value
}

/// Dispatches both at the same moment and undoes once.
fn undo_one(state: &StudioState, actions: [&NetworkAction; 2]) -> StudioState {
    let id = SessionId::new([1; 16]);
    let mut session: Session<Studio> =
        Session::hosted(SessionConfig::default(), id, "me", state.clone());
    for action in actions {
        session.act(Timestamp::ZERO, action).unwrap();
    }
    let _ = session.undo();
    session.state().model.clone()
}

#[test]
fn only_edits_of_one_quantity_are_one_step() {
    let steps = steps();
    let (mut pairs, mut continued, mut reverted) = (0, 0, 0);
    for (state, first) in &steps {
        let Some(middle) = after(state, first) else { continue };
        for (_, second) in &steps {
            // Only `Adjust` and `Set` can mean the same quantity.
            let related = discriminant(first) == discriminant(second);
            if !related && !Studio::continues(first, second) {
                continue;
            }
            let Some(end) = after(&middle, second) else { continue };
            let one_step = Studio::continues(first, second);
            let is_reverted = Studio::diff_reversible(state, &end).is_empty();
            pairs += 1;
            if one_step {
                continued += 1;
                assert_eq!(shape(&middle), shape(&end), "{first:?}, {second:?}");
            }
            reverted += usize::from(is_reverted && !one_step);
            // A deletion and what brings the same id back are two steps.
            if one_step || is_reverted {
                let undone = undo_one(state, [first, second]);
                let expected = if one_step { state } else { &middle };
                let left = Studio::diff_reversible(expected, &undone);
                assert!(left.is_empty(), "{first:?}, {second:?}: {left:?}");
            }
        }
    }
    assert!(pairs > 1000 && continued > 20 && reverted > 20, "{pairs} {continued} {reverted}");
}

#[test]
fn deletion_survives_an_addition_of_the_same_id() {
    let bring = |json: &[&str]| {
        let mut state = StudioState::starter();
        for json in json {
            Studio::reduce(&mut state, &read(json)).unwrap();
        }
        state
    };
    let bus = r#"{"Mixer":{"AddBus":[2,"Reverb"]}}"#;
    let kit = r#"{"AddInstrument":{"id":5,"name":"Kit","source":"DrumKit"}}"#;
    let clip = r#"{"Clip":[1,{"Create":{"clip":1,"name":"Verse","length":1920}}]}"#;
    for (before, deletion, addition) in [
        (vec![bus, r#"{"Mixer":{"Bus":[2,{"Level":-9.0}]}}"#], r#"{"Mixer":{"DeleteBus":2}}"#, bus),
        (
            vec![r#"{"Mixer":{"AddLayerGroup":[1,"Keys"]}}"#],
            r#"{"Mixer":{"DeleteLayerGroup":1}}"#,
            r#"{"Mixer":{"AddLayerGroup":[1,"Other"]}}"#,
        ),
        (
            vec![r#"{"Drums":[4,{"Set":{"Pattern":[1,{"Length":12}]}}]}"#],
            r#"{"Drums":[4,{"Set":{"DeletePattern":1}}]}"#,
            r#"{"Drums":[4,{"Set":{"AddPattern":1}}]}"#,
        ),
        (
            vec![bus, r#"{"Instrument":[1,{"Set":{"Sends":{"Add":2}}}]}"#],
            r#"{"Instrument":[1,{"Set":{"Sends":{"Remove":2}}}]}"#,
            r#"{"Instrument":[1,{"Set":{"Sends":{"Add":2}}}]}"#,
        ),
        (
            vec![r#"{"Registry":{"AddSynthDef":[1,{"name":"drone","parameters":[]}]}}"#],
            r#"{"Registry":{"DeleteSynthDef":1}}"#,
            r#"{"Registry":{"AddSynthDef":[1,{"name":"other","parameters":[]}]}}"#,
        ),
        (vec![clip], r#"{"Clip":[1,{"Delete":1}]}"#, clip),
        (vec![kit], r#"{"DeleteInstrument":5}"#, kit),
    ] {
        let start = bring(&before);
        let (deletion, addition) = (read(deletion), read(addition));
        let id = SessionId::new([1; 16]);
        let mut session: Session<Studio> =
            Session::hosted(SessionConfig::default(), id, "me", start.clone());
        session.act(Timestamp::ZERO, &deletion).unwrap();
        let deleted = session.state().model.clone();
        session.act(Timestamp::ZERO, &addition).unwrap();
        session.undo().unwrap();
        let left = Studio::diff_reversible(&deleted, &session.state().model);
        assert!(left.is_empty(), "{addition:?} is undone first: {left:?}");
        session.undo().unwrap();
        let left = Studio::diff_reversible(&start, &session.state().model);
        assert!(left.is_empty(), "{deletion:?} is undone: {left:?}");
    }
}

#[test]
fn switching_on_and_off_at_once_is_two_steps() {
    let start = StudioState::starter();
    let mute = |on| read(&format!(r#"{{"Instrument":[1,{{"Set":{{"Mute":{on}}}}}]}}"#));
    let undone = undo_one(&start, [&mute(true), &mute(false)]);
    assert!(undone.instruments.iter().next().unwrap().1.mute, "the second is undone alone");
}
