//! What an undo says it undid.

use std::collections::BTreeMap;

use imbolc_net::{
    model::Model,
    studio::{NetworkAction, Studio, StudioState},
    util::text::is_plain,
};

use super::continuation::all_actions;
use crate::every_action::read;

/// The names in an action: what it does, without the values.
fn kind(action: &NetworkAction) -> String {
    let json = serde_json::to_string(action).unwrap();
    let mut kind = String::new();
    let mut in_text = false;
    for character in json.chars() {
        in_text ^= character == '"';
        if in_text || character == '"' {
            kind.push(character);
        }
    }
    kind
}

#[test]
fn every_action_is_described_in_plain_words() {
    let mut described = BTreeMap::new();
    for (state, action) in all_actions() {
        let words = Studio::describe(&state, &action);
        assert!((1..=100).contains(&words.chars().count()), "{action:?}: {words:?}");
        assert!(is_plain(&words) && words.trim() == words, "{action:?}: {words:?}");
        assert!(!words.contains("  "), "{action:?}: {words:?}");
        if let Some(other) = described.insert(words.clone(), kind(&action)) {
            assert_eq!(other, kind(&action), "two kinds of action are both called {words:?}");
        }
    }
    assert!(described.len() > 200, "{}", described.len());
}

#[test]
fn description_names_the_value_and_its_place() {
    let mut state = StudioState::starter();
    let mut say = |json: &str| {
        let action = read(json);
        let words = Studio::describe(&state, &action);
        Studio::reduce(&mut state, &action).unwrap();
        words
    };
    let note = |tick| {
        format!(r#"{{"tick":{tick},"pitch":60,"length":480,"velocity":100,"probability":100}}"#)
    };
    let paste =
        |notes: &[String]| format!(r#"{{"PianoRoll":[2,{{"Paste":[{}]}}]}}"#, notes.join(","));
    assert_eq!(
        say(r#"{"Instrument":[1,{"Set":{"Filter":{"Cutoff":1234.5}}}]}"#),
        "cutoff of 1 Bass"
    );
    assert_eq!(say(r#"{"Instrument":[1,{"Set":{"Amp":{"Attack":0.5}}}]}"#), "amp attack of 1 Bass");
    assert_eq!(say(r#"{"Instrument":[1,{"Set":{"Lfo":{"Rate":2.0}}}]}"#), "LFO rate of 1 Bass");
    assert_eq!(say(&paste(&[note(0)])), "1 note in 2 Lead");
    assert_eq!(say(&paste(&[0, 1, 2, 3].map(note))), "4 notes in 2 Lead");
    assert_eq!(
        say(r#"{"AddInstrument":{"id":5,"name":"Kit","source":"DrumKit"}}"#),
        "new instrument 5 Kit"
    );
    assert_eq!(say(r#"{"Drums":[5,{"Set":{"AddPattern":3}}]}"#), "new pattern 3 of 5 Kit");
    assert_eq!(
        say(r#"{"Session":{"TimeSignature":{"beats":7,"unit":8}}}"#),
        "time signature of the session"
    );
    assert_eq!(say(r#"{"DeleteInstrument":2}"#), "deleted instrument 2 Lead");
}

#[test]
fn long_names_are_cut_in_a_description() {
    let name = "ß".repeat(64);
    let mut state = StudioState::starter();
    let rename = read(&format!(r#"{{"Instrument":[1,{{"Set":{{"Name":"{name}"}}}}]}}"#));
    Studio::reduce(&mut state, &rename).unwrap();
    let clip =
        read(&format!(r#"{{"Clip":[1,{{"Create":{{"clip":1,"name":"{name}","length":1920}}}}]}}"#));
    let words = Studio::describe(&state, &clip);
    assert_eq!(words.chars().count(), 100, "{words}");
    assert!(words.ends_with('…'));
}
