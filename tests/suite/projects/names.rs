//! Names are kept and compared in NFC, and cleaned when they are read.

use std::fs;

use imbolc_net::{
    projects::Store,
    studio::{Name, ProjectAction, ProjectName, StudioState},
};

use super::{Directory, attempt, name, open_local};

const COMPOSED: &str = "\u{c9}lise";
const DECOMPOSED: &str = "E\u{301}lise";

#[tokio::test]
async fn project_from_another_system_is_found_by_typing_its_name() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).unwrap();
    store.save(&name("Song"), &StudioState::default()).unwrap();
    fs::rename(
        directory.file("Song.imbolc.json"),
        directory.file(&format!("{DECOMPOSED}.imbolc.json")),
    )
    .unwrap();
    let checkpoints = directory.file(&format!("{DECOMPOSED}.checkpoints"));
    Store::open(&checkpoints).unwrap().save(&name("verse"), &StudioState::starter()).unwrap();
    assert_eq!(name(COMPOSED), name(DECOMPOSED));

    let d = open_local(Some(&directory.0)).await;
    assert!(d.state().model.projects.known.iter().eq([&name(COMPOSED)]));
    attempt(&*d, ProjectAction::Load(name(COMPOSED))).await.unwrap();
    assert!(d.state().model.projects.checkpoints.iter().eq([&name("verse")]));
    attempt(&*d, ProjectAction::RestoreCheckpoint(name("verse"))).await.unwrap();
    attempt(&*d, ProjectAction::Save).await.unwrap();
    assert!(!directory.file(&format!("{COMPOSED}.imbolc.json")).exists(), "it is the same file");
    assert_eq!(store.load(&name(COMPOSED)), Ok(StudioState::starter().at_rest()));
}

#[test]
fn unclean_file_names_are_listed_and_load() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).unwrap();
    store.save(&name("Song"), &StudioState::default()).unwrap();
    let long = "x".repeat(90);
    let files = ["a:b", "a?b", " Song", "Song.", "CON", &long, "..", "tab\there"];
    for file in files {
        let copy = directory.file(&format!("{file}.imbolc.json"));
        fs::copy(directory.file("Song.imbolc.json"), copy).unwrap();
    }
    let listed = store.list().unwrap();
    let names: Vec<_> = listed.iter().map(ProjectName::as_str).collect();
    let cut = "x".repeat(64);
    let expected = ["Song", "Song 2", "Song 3", "_", "_CON", "a_b", "a_b 2", "tab here", &cut];
    assert_eq!(names, expected);
    for listed in listed.iter() {
        assert_eq!(store.load(listed), Ok(StudioState::default()), "{listed}");
    }
}

#[test]
fn unclean_names_in_a_file_are_cleaned() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).unwrap();
    store.save(&name("Song"), &StudioState::starter()).unwrap();
    let file = directory.file("Song.imbolc.json");
    let text = fs::read_to_string(&file).unwrap();
    let of = |name: &str| format!(r#""name":"{name}""#);
    let changed = text
        .replacen(&of("Bass"), &of(&format!("{DECOMPOSED}\\nand \\u001b[2J{}", "x".repeat(80))), 1)
        .replacen(&of("Lead"), &of(" "), 1);
    assert_ne!(text, changed);
    fs::write(&file, changed).unwrap();
    let state = store.load(&name("Song")).unwrap();
    let names: Vec<_> = state.instruments.iter().map(|(_, i)| i.name.as_str().to_owned()).collect();
    let expected: String = format!("{COMPOSED} and [2J{}", "x".repeat(80));
    assert_eq!(names[0], expected.chars().take(64).collect::<String>());
    assert_eq!(names[1..], ["Untitled", "Pad", "Drums"]);
}

#[test]
fn names_of_instruments_are_kept_in_nfc() {
    assert_eq!(Name::new(DECOMPOSED).unwrap().as_str(), COMPOSED);
    let read: Name = serde_json::from_str(&format!("\"{DECOMPOSED}\"")).unwrap();
    assert_eq!(read.as_str(), COMPOSED);
}
