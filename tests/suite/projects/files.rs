//! Project files that are links, special files, damaged or cut off.

use std::{
    env, fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use imbolc_net::{
    projects::{self, Store},
    studio::{ProjectAction, ProjectFailure, StudioState},
};

use super::{Directory, attempt, name, open_local};

fn entries(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn damage(file: &Path) {
    let text = fs::read_to_string(file).unwrap();
    fs::write(file, &text[..text.len() / 2]).unwrap();
}

#[test]
fn saving_through_a_link_keeps_link_and_mode() {
    let (directory, elsewhere) = (Directory::new(), Directory::new());
    let (store, other) = (Store::open(&directory.0).unwrap(), Store::open(&elsewhere.0).unwrap());
    let (song, first) = (name("Song"), StudioState::starter().at_rest());
    other.save(&song, &first).unwrap();
    let (link, target) = (directory.file("Song.imbolc.json"), elsewhere.file("Song.imbolc.json"));
    fs::set_permissions(&target, PermissionsExt::from_mode(0o640)).unwrap();
    symlink(&target, &link).unwrap();
    let second = StudioState::default();
    store.save(&song, &second).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(other.load(&song), Ok(second.clone()));
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(store.load(&name("Song.bak")), Ok(first), "the backup is of what was replaced");

    symlink(elsewhere.file("nowhere"), directory.file("Lost.imbolc.json")).unwrap();
    let lost = store.save(&name("Lost"), &second);
    assert!(matches!(lost, Err(ProjectFailure::Disk { .. })), "{lost:?}");
}

#[test]
fn new_project_is_readable_as_far_as_the_umask_allows() {
    let directory = Directory::new();
    Store::open(&directory.0).unwrap().save(&name("Song"), &StudioState::starter()).unwrap();
    fs::write(directory.file("usual"), "").unwrap();
    let mode = |file| fs::metadata(directory.file(file)).unwrap().permissions().mode();
    assert_eq!(mode("Song.imbolc.json"), mode("usual"));
}

#[test]
fn damaged_file_never_becomes_the_backup() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).unwrap();
    let (song, first) = (name("Song"), StudioState::default());
    store.save(&song, &first).unwrap();
    store.save(&song, &StudioState::starter()).unwrap();
    let file = directory.file("Song.imbolc.json");
    damage(&file);
    let backup = name("Song.bak");
    let why = Box::new(ProjectFailure::Truncated);
    let expected = ProjectFailure::BackupIsWhole { why, backup: backup.clone() };
    assert_eq!(store.load(&song), Err(expected));
    assert_eq!(store.load(&backup), Ok(first.clone()));
    store.save(&song, &StudioState::starter()).unwrap();
    assert_eq!(store.load(&backup), Ok(first), "not what was damaged");

    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen(r#""version":"#, r#""version":9"#, 1)).unwrap();
    let newer = fs::read(&file).unwrap();
    store.save(&song, &StudioState::starter()).unwrap();
    let kept = fs::read(directory.file("Song.imbolc.json.bak")).unwrap();
    assert!(kept == newer, "what a newer program wrote is whole");
}

#[test]
fn damaged_file_without_whole_backup_says_only_that() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).unwrap();
    let song = name("Song");
    store.save(&song, &StudioState::starter()).unwrap();
    store.save(&song, &StudioState::starter()).unwrap();
    damage(&directory.file("Song.imbolc.json"));
    damage(&directory.file("Song.imbolc.json.bak"));
    assert_eq!(store.load(&song), Err(ProjectFailure::Truncated));
}

#[tokio::test]
async fn special_file_in_a_projects_place_is_refused_at_once() {
    let directory = Directory::new();
    let d = open_local(Some(&directory.0)).await;
    fs::create_dir(directory.file("Folder.imbolc.json")).unwrap();
    let places = ["Pipe.imbolc.json", "Piped.imbolc.json.bak", "Locked.imbolc.json.lock"];
    for place in places {
        assert!(Command::new("mkfifo").arg(directory.file(place)).status().unwrap().success());
    }
    symlink("/dev/zero", directory.file("Zero.imbolc.json")).unwrap();
    for special in ["Folder", "Pipe", "Zero"] {
        for task in [ProjectAction::Load(name(special)), ProjectAction::SaveAs(name(special))] {
            let refused = attempt(&*d, task.clone()).await;
            assert!(matches!(refused, Err(ProjectFailure::Disk { .. })), "{task:?} {refused:?}");
        }
    }
    for special in ["Folder.imbolc.json", "Pipe.imbolc.json", "Zero.imbolc.json"] {
        let refused = projects::read(&directory.file(special)).unwrap_err().to_string();
        assert_eq!(refused, format!("{special} is not a file"));
    }
    let large = directory.file("Large.imbolc.json");
    fs::File::create(&large).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(projects::read(&large), Err(ProjectFailure::TooLarge));
    let locked = attempt(&*d, ProjectAction::SaveAs(name("Locked"))).await;
    assert!(matches!(locked, Err(ProjectFailure::Disk { .. })), "{locked:?}");
    let missing = attempt(&*d, ProjectAction::Load(name("Piped"))).await;
    assert_eq!(missing, Err(ProjectFailure::Missing));
    attempt(&*d, ProjectAction::SaveAs(name("Piped"))).await.unwrap();
    attempt(&*d, ProjectAction::Save).await.unwrap();
}

#[tokio::test]
async fn remains_of_a_crash_are_removed_by_the_next_save() {
    let directory = Directory::new();
    Store::open(&directory.0).unwrap();
    fs::write(directory.file("Song.imbolc.json.a1B2c3.new"), "{").unwrap();
    fs::write(directory.file("Song two.imbolc.json.a1B2c3.new"), "{").unwrap();
    let d = open_local(Some(&directory.0)).await;
    attempt(&*d, ProjectAction::SaveAs(name("Song"))).await.unwrap();
    let expected = ["Song two.imbolc.json.a1B2c3.new", "Song.imbolc.json", "Song.imbolc.json.lock"];
    assert_eq!(entries(&directory.0), expected);
}

const LIMITED: &str = "IMBOLC_TEST_LIMITED_DIRECTORY";

/// In a process that cannot write files of more than a few kilobytes, like on a full disk.
#[test]
fn full_disk_leaves_the_project_and_no_scrap() {
    if let Some(directory) = env::var_os(LIMITED) {
        let store = Store::open(&PathBuf::from(directory)).unwrap();
        for project in ["Song", "Other"] {
            let failed = store.save(&name(project), &StudioState::starter());
            assert!(matches!(failed, Err(ProjectFailure::Disk { .. })), "{failed:?}");
        }
        return;
    }
    let directory = Directory::new();
    let store = Store::open(&directory.0).unwrap();
    let small = StudioState::default();
    store.save(&name("Song"), &small).unwrap();
    let before = entries(&directory.0);
    let limited = Command::new("sh")
        .args(["-c", "ulimit -f 2; trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", "projects::files::full_disk_leaves_the_project_and_no_scrap"])
        .env(LIMITED, &directory.0)
        .output()
        .unwrap();
    assert!(limited.status.success(), "{limited:?}");
    let out = String::from_utf8_lossy(&limited.stdout).into_owned();
    assert!(out.contains("1 passed"), "{out}");
    assert_eq!(entries(&directory.0), before);
    assert_eq!(store.load(&name("Song")), Ok(small));
}
