//! Checks the documents against the code: every example of the wire decodes, every
//! message and the versions are documented, links have targets, and the two documents
//! that newcomers open first stay short.

use std::{fs, path::PathBuf};

use imbolc_net::{
    ClientMessage, ServerMessage,
    protocol::{Refusal, RosterChange},
    studio::{NetworkAction, StudioChange},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

const DOCUMENTS: [&str; 8] = [
    "README.md",
    "ARCHITECTURE.md",
    "docs/decisions.md",
    "docs/extending.md",
    "docs/protocol.md",
    "docs/reliability.md",
    "docs/security.md",
    "docs/studio.md",
];

fn root() -> PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}

fn document(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// Decodes each example in the blocks of `kind`, and encodes it again.
fn check_examples<T: Serialize + DeserializeOwned>(name: &str, kind: &str) {
    let text = document(name);
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
            // Examples may leave out these fields.
            if let Some(hello) = written.get_mut("Hello").and_then(Value::as_object_mut) {
                let left_out = [
                    ("compression", json!([])),
                    ("role", json!("Player")),
                    ("instance", Value::Null),
                ];
                hello.retain(|field, value| {
                    !left_out.iter().any(|(name, default)| field == name && value == default)
                });
            }
            assert_eq!(written, example);
        }
    }
}

#[test]
fn every_example_of_the_wire_decodes() {
    check_examples::<ClientMessage>("docs/protocol.md", "client");
    check_examples::<ServerMessage>("docs/protocol.md", "server");
    check_examples::<Refusal>("docs/protocol.md", "refusal");
    check_examples::<RosterChange>("docs/protocol.md", "roster");
    check_examples::<NetworkAction>("docs/studio.md", "action");
    check_examples::<StudioChange>("docs/studio.md", "studio");
}

#[test]
fn every_message_is_documented() {
    let text = document("docs/protocol.md");
    for side in ["client", "server"] {
        for entry in fs::read_dir(root().join("tests/golden").join(side)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let variant = name.split(['-', '.']).next().unwrap();
            assert!(text.contains(&format!("`{variant}`")), "{variant}");
        }
    }
}

#[test]
fn documented_versions_are_those_of_the_code() {
    use imbolc_net::{model::Model as _, protocol::PROTOCOL_VERSION, studio::Studio};

    let (name, version) = (Studio::NAME, Studio::VERSION);
    let described = format!(
        "protocol version **{PROTOCOL_VERSION}** and model **`{name}`** version **{version}**"
    );
    assert!(document("docs/protocol.md").contains(&described), "{described}");
}

#[test]
fn first_documents_stay_short() {
    for (name, limit) in [("README.md", 250), ("ARCHITECTURE.md", 450)] {
        let lines = document(name).lines().count();
        assert!(lines < limit, "{name} has {lines} lines");
    }
}

/// Every source below `folder`.
fn sources(folder: PathBuf) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &sources(path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &fs::read_to_string(path).unwrap();
        }
    }
    text
}

#[test]
fn tests_of_the_promises_exist() {
    let text = document("docs/security.md");
    let (_, table) = text.split_once("## Tests").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let sources = ["src", "tests", "crates"].map(|folder| sources(root().join(folder))).concat();
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    for row in rows {
        let tests = row.split('|').nth(2).unwrap();
        let names: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{row}");
        for name in names {
            assert!(sources.contains(&format!("fn {name}()")), "{name}");
        }
    }
}

/// The fragment of a link to `heading`.
fn anchor(heading: &str) -> String {
    let kept = |c: char| c.is_alphanumeric() || " -_".contains(c);
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .replace(|c| !kept(c), "")
        .replace(' ', "-")
}

#[test]
fn links_between_documents_have_targets() {
    for name in DOCUMENTS {
        let text = document(name);
        let folder = root().join(name).parent().unwrap().to_owned();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.starts_with("http")) {
            let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
            let linked = if path.is_empty() { root().join(name) } else { folder.join(path) };
            assert!(linked.exists(), "{name} links to {target}");
            if !fragment.is_empty() {
                let linked = fs::read_to_string(linked).unwrap();
                let headings = linked.lines().filter(|line| line.starts_with('#'));
                let found = headings.map(anchor).any(|anchor| anchor == fragment);
                assert!(found, "{name} links to {target}");
            }
        }
    }
}
