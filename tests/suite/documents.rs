//! ARCHITECTURE.md stays true: its map is that of the sources, the tests that it
//! names exist, and every example of the wire can be read.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use imbolc_net::{
    ClientMessage, ServerMessage,
    protocol::{Refusal, RosterChange},
    studio::{NetworkAction, StudioChange},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

fn root() -> PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}

fn architecture() -> String {
    fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap()
}

/// The Rust files under a directory, and what is in them.
fn sources(directory: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

/// What stands between two backticks, on one line.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

#[test]
fn the_map_has_a_row_for_every_file_and_no_other() {
    let text = architecture();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `src/")?.split('`').next());
    let rows: BTreeSet<_> = rows.map(|row| format!("src/{row}")).collect();
    let files = sources(&root().join("src")).into_iter().map(|(name, _)| name).collect();
    assert_eq!(rows, files);
}

#[test]
fn every_test_that_is_named_exists() {
    let is_test = |name: &&str| {
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        name.chars().all(word) && name.matches('_').count() > 2
    };
    let code: String = ["src", "tests"]
        .into_iter()
        .flat_map(|directory| sources(&root().join(directory)))
        .map(|(_, code)| code)
        .collect();
    let text = architecture();
    let named: Vec<_> = quoted(&text).filter(is_test).collect();
    assert!(named.len() > 20, "{named:?}");
    for name in named {
        assert!(code.contains(&format!("fn {name}(")), "there is no test {name}");
    }
}

/// Reads each example in the blocks of a kind, and writes it again.
fn check_examples<T: Serialize + DeserializeOwned>(kind: &str) {
    let text = architecture();
    let blocks: Vec<_> = text.split(&format!("```json {kind}\n")).skip(1).collect();
    assert!(!blocks.is_empty(), "{kind}");
    for block in blocks {
        let block = block.split("```").next().unwrap();
        for example in serde_json::Deserializer::from_str(block).into_iter::<Value>() {
            let example = example.unwrap();
            let read: T = serde_json::from_str(&example.to_string())
                .unwrap_or_else(|error| panic!("{error} in {example}"));
            let mut written: Value =
                serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
            // What may be left out is.
            if let Some(hello) = written.get_mut("Hello").and_then(Value::as_object_mut) {
                hello.retain(|field, value| field != "compression" || *value != json!([]));
            }
            assert_eq!(written, example);
        }
    }
}

#[test]
fn every_example_of_the_wire_is_one() {
    check_examples::<ClientMessage>("client");
    check_examples::<ServerMessage>("server");
    check_examples::<NetworkAction>("action");
    check_examples::<Refusal>("refusal");
    check_examples::<RosterChange>("roster");
    check_examples::<StudioChange>("studio");
}

#[test]
fn every_message_is_documented() {
    let text = architecture();
    for side in ["client", "server"] {
        for entry in fs::read_dir(root().join("tests/golden").join(side)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let variant = name.split(['-', '.']).next().unwrap();
            assert!(text.contains(&format!("`{variant}`")), "{variant}");
        }
    }
}

#[test]
fn the_versions_that_are_described_are_those_of_the_code() {
    use imbolc_net::{model::Model as _, protocol::PROTOCOL_VERSION, studio::Studio};

    let (name, version) = (Studio::NAME, Studio::VERSION);
    let described = format!(
        "protocol version **{PROTOCOL_VERSION}** and model **`{name}`** version **{version}**"
    );
    assert!(architecture().contains(&described), "{described}");
}
