//! Projects of every version still open: `tests/golden/projects` has a file of each,
//! made by the code of its time.

use std::{fs, path::PathBuf};

use imbolc_net::{
    model::{InstrumentId, Model as _},
    projects::{self, Store},
    studio::{
        ChainSetting, EffectKind, InstrumentAction, InstrumentSetting, MAX_SLOTS, Name,
        NetworkAction, ProjectName, SlotId, SourceKind, Studio, StudioState,
    },
};
use serde_json::Value;

use crate::{
    every_action::{ACTIONS, read},
    projects::Directory,
};

/// The first version that was released.
const FIRST: u32 = 3;

fn golden() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/projects")
}

fn name(version: u32) -> ProjectName {
    ProjectName::new(&format!("version-{version}")).unwrap()
}

/// A piece with something of every kind: what all actions lead to that do not delete,
/// then each kind of source and of effect.
fn rich() -> StudioState {
    let deletes =
        |json: &str| ["Delete", "Remove", "Clear", "Unload"].iter().any(|w| json.contains(w));
    let mut state = StudioState::starter();
    let last = ACTIONS.iter().position(|json| json.contains("SaveAs")).unwrap();
    for json in ACTIONS[..last].iter().filter(|json| !deletes(json)) {
        // What needs a deletion before it is refused.
        let mut next = state.clone();
        if Studio::reduce(&mut next, &read(json)).is_ok() {
            state = next;
        }
    }
    let mut effects = (0..).map(SlotId).zip(EffectKind::ALL);
    for (id, source) in (10..).map(InstrumentId).zip(SourceKind::ALL) {
        let name = Name::new(&format!("{source:?} ♭")).unwrap();
        let add = NetworkAction::AddInstrument { id, name, source: *source };
        Studio::reduce(&mut state, &add).unwrap();
        for (slot, effect) in effects.by_ref().take(MAX_SLOTS) {
            let add = ChainSetting::Add(slot, *effect, 0);
            let add = InstrumentAction::Set(InstrumentSetting::Chain(add));
            Studio::reduce(&mut state, &NetworkAction::Instrument(id, add)).unwrap();
        }
    }
    state.at_rest()
}

fn studio_of(document: &[u8]) -> Value {
    serde_json::from_slice::<Value>(document).unwrap()["studio"].take()
}

/// Whether everything in `old` is in `new`, with the same value.
fn contains(new: &Value, old: &Value) -> bool {
    match (new, old) {
        (Value::Object(new), Value::Object(old)) => {
            old.iter().all(|(key, old)| new.get(key).is_some_and(|new| contains(new, old)))
        }
        (Value::Array(new), Value::Array(old)) => {
            new.len() == old.len() && new.iter().zip(old).all(|(new, old)| contains(new, old))
        }
        _ => new == old,
    }
}

#[test]
fn projects_of_every_version_still_open() {
    let (directory, store) = (Directory::new(), Store::open(&golden()).unwrap());
    let copies = Store::open(&directory.0).unwrap();
    for version in FIRST..Studio::VERSION {
        let opened = store.load(&name(version)).unwrap();
        copies.save(&name(version), &opened).unwrap();
        let file = format!("version-{version}.imbolc.json");
        assert_eq!(projects::read(&golden().join(&file)), Ok(opened));
        let old = studio_of(&fs::read(golden().join(&file)).unwrap());
        let new = studio_of(&fs::read(directory.0.join(&file)).unwrap());
        for (part, old) in old.as_object().unwrap() {
            assert!(contains(&new[part], old), "{part} of version {version} is as it was");
        }
    }
}

/// The file that later versions must open. `UPDATE_GOLDEN=1` writes it; once a version is
/// released, its file stays as it is.
#[test]
fn project_of_this_version_is_kept_for_later_ones() {
    let (directory, current) = (Directory::new(), name(Studio::VERSION));
    Store::open(&directory.0).unwrap().save(&current, &rich()).unwrap();
    let file = format!("{current}.imbolc.json");
    let written = fs::read(directory.0.join(&file)).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(golden()).unwrap();
        fs::write(golden().join(&file), &written).unwrap();
    }
    assert!(fs::read(golden().join(&file)).unwrap() == written, "{file} is of another state");
    assert_eq!(Store::open(&golden()).unwrap().load(&current), Ok(rich()));
}
