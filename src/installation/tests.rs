//! The files of an installation, as programs find them that start, change and end.

use std::{
    fs,
    path::Path,
    sync::{Arc, Barrier},
    thread,
};

use tempfile::TempDir;

use super::*;

/// The number of threads that stand for programs that start at once.
const PROGRAMS: u8 = 8;

fn state_directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn opened(directory: &Path) -> Installation {
    Installation::open(directory).unwrap()
}

fn key_of(number: u8) -> PublicKey {
    PrivateKey::new([number; 32]).public()
}

fn labels(session: u8, machine: &str, address: &str) -> HostLabels {
    HostLabels {
        session: Some(format!("jam {session}")),
        machine: Some(machine.into()),
        address: address.into(),
    }
}

fn seen_participant(number: u8, name: &str, last_seen: u64) -> KnownParticipant {
    KnownParticipant { key: key_of(number), name: name.into(), last_seen }
}

fn is_known(installation: &Installation, number: u8) -> bool {
    installation.known().iter().any(|known| known.key == key_of(number))
}

/// As a host does that admits one more.
fn admit_one(installation: &Installation, number: u8) -> io::Result<()> {
    installation.update_known(&[], &[seen_participant(number, "Ana", number.into())])
}

fn key_under(installation: &Installation, labels: &HostLabels) -> Option<PublicKey> {
    installation.pinned_under(labels).map(|(key, _)| key)
}

fn address_label(address: &str) -> HostLabels {
    HostLabels { address: address.into(), ..HostLabels::default() }
}

/// Runs `program` in as many threads as there are programs, all at once.
fn at_once<R: Send>(program: impl Fn(u8) -> R + Sync) -> Vec<R> {
    let barrier = Barrier::new(PROGRAMS.into());
    thread::scope(|scope| {
        let start = |number| {
            let (barrier, program) = (&barrier, &program);
            scope.spawn(move || {
                barrier.wait();
                program(number)
            })
        };
        let programs: Vec<_> = (1..=PROGRAMS).map(start).collect();
        programs.into_iter().map(|program| program.join().unwrap()).collect()
    })
}

#[test]
fn key_is_made_once_and_kept() {
    let directory = state_directory();
    let state = directory.path().join("a/state");
    let first = opened(&state);
    assert_eq!(first.notice(), None);
    let second = opened(&state);
    assert_eq!(second.public(), first.public());
    assert_eq!(second.private().expose(), first.private().expose());
    assert_eq!(first.private().public(), first.public());
    let text = fs::read_to_string(state.join("identity.key")).unwrap();
    assert_eq!(text.len(), 65);
    assert_eq!(text, format!("{}\n", crate::util::hex::Hex(first.private().expose())));
    assert_ne!(opened(&directory.path().join("b")).public(), first.public());
    assert_ne!(
        Installation::in_memory().unwrap().public(),
        Installation::in_memory().unwrap().public()
    );
    let remains = fs::read_dir(&state).unwrap().count();
    assert_eq!(remains, 1, "nothing but the key");
}

#[test]
fn programs_that_start_at_once_have_one_key() {
    for _ in 0..8 {
        let directory = state_directory();
        let keys = at_once(|_| opened(&directory.path().join("state")).public());
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
        assert_eq!(opened(&directory.path().join("state")).public(), keys[0]);
    }
}

#[cfg(unix)]
#[test]
fn only_the_user_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = state_directory();
    let state = directory.path().join("state");
    let installation = opened(&state);
    installation.pin(key_of(1), &address_label("stage:9999")).unwrap();
    admit_one(&installation, 2).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    let names = ["identity.key", "known-hosts.json", "known-participants.json", "keys.lock"];
    for name in names {
        assert_eq!(mode(&state.join(name)), 0o600, "{name}");
    }

    fs::set_permissions(state.join("identity.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let again = opened(&state);
    assert_eq!(again.public(), installation.public());
    assert_eq!(mode(&state.join("identity.key")), 0o600);
    let notice = again.notice().unwrap();
    assert!(notice.starts_with("other users could read "), "{notice}");
    assert_eq!(opened(&state).notice(), None);
}

/// What is wrong with a key file, and what the notice says of it.
#[test]
fn unusable_key_file_is_told_and_left_alone() {
    for (content, why) in [
        ("", "64 hexadecimal digits"),
        ("0123", "64 hexadecimal digits"),
        (&"0".repeat(63), "64 hexadecimal digits"),
        (&"0".repeat(66), "64 hexadecimal digits"),
        (&"x".repeat(64), "64 hexadecimal digits"),
        (&"0".repeat(129), "too long"),
    ] {
        let directory = state_directory();
        let path = directory.path().join("identity.key");
        make_private(&path, content);
        let installation = opened(directory.path());
        let notice = installation.notice().unwrap();
        assert!(notice.contains("in memory only") && notice.contains(why), "{notice}");
        assert!(notice.contains("identity.key") && !notice.contains('\n'), "{notice}");
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
        assert_ne!(opened(directory.path()).public(), installation.public());
    }

    let directory = state_directory();
    fs::create_dir(directory.path().join("identity.key")).unwrap();
    let notice = opened(directory.path()).notice().unwrap().to_owned();
    assert!(notice.contains("not a regular file"), "{notice}");
}

fn make_private(path: &Path, content: &str) {
    fs::write(path, content).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn link_in_place_of_the_key_file_is_not_followed() {
    let (directory, other) = (state_directory(), state_directory());
    let elsewhere = opened(other.path());
    for target in ["identity.key", "missing"] {
        let target = other.path().join(target);
        let link = directory.path().join("identity.key");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let installation = opened(directory.path());
        assert_ne!(installation.public(), elsewhere.public());
        let notice = installation.notice().unwrap();
        assert!(notice.contains("not a regular file"), "{notice}");
        assert_eq!(fs::read_link(&link).unwrap(), target);
        fs::remove_file(&link).unwrap();
    }
    assert!(!other.path().join("missing").exists());
}

/// A directory that cannot be made, and one that cannot be written, not even by root.
#[test]
fn key_that_cannot_be_kept_is_in_memory() {
    let directory = state_directory();
    fs::write(directory.path().join("file"), "").unwrap();
    let impossible = directory.path().join("file/state");
    let unwritable = cfg!(target_os = "linux").then(|| "/proc/self".into());
    for path in [Some(impossible), unwritable].into_iter().flatten() {
        let installation = opened(&path);
        let notice = installation.notice().unwrap();
        assert!(notice.contains("a key in memory only"), "{notice}");
        assert!(notice.contains(&*path.to_string_lossy()) && !notice.contains('\n'), "{notice}");
        admit_one(&installation, 1).unwrap_err();
        installation.pin(key_of(2), &address_label("stage:9999")).unwrap_err();
        assert!(is_known(&installation, 1) && installation.is_pinned(key_of(2)));
        installation.update_known(&[seen_participant(1, "Ana", 1)], &[]).unwrap_err();
        assert!(!is_known(&installation, 1));
    }
}

#[test]
fn nothing_shows_the_private_key() {
    let directory = state_directory();
    let installation = opened(directory.path());
    let shown = format!("{installation:?} {installation:#?}");
    assert!(shown.contains(&installation.public().to_string()), "{shown}");
    assert!(shown.contains(&*directory.path().to_string_lossy()), "{shown}");
    let digits = crate::util::hex::Hex(installation.private().expose()).to_string();
    let bytes = format!("{:?}", installation.private().expose());
    assert!(!shown.contains(&digits) && !shown.contains(&bytes));
    make_private(&directory.path().join("identity.key"), &format!("{digits}0"));
    let notice = opened(directory.path()).notice().unwrap().to_owned();
    assert!(!notice.contains(&digits), "{notice}");
}

#[test]
fn pin_is_found_by_key_and_by_each_label() {
    let directory = state_directory();
    let installation = opened(directory.path());
    installation.pin(key_of(1), &labels(1, "stage", "10.0.0.1:9999")).unwrap();
    let clone = installation.clone();
    for installation in [clone, opened(directory.path())] {
        assert!(installation.is_pinned(key_of(1)) && !installation.is_pinned(key_of(2)));
        for found in [
            labels(1, "other", "10.0.0.2:9999"),
            labels(2, "Stage", "10.0.0.2:9999"),
            labels(2, "other", "10.0.0.1:9999"),
        ] {
            assert_eq!(key_under(&installation, &found), Some(key_of(1)), "{found:?}");
        }
        assert_eq!(key_under(&installation, &labels(2, "other", "10.0.0.1:9998")), None);
        assert_eq!(key_under(&installation, &HostLabels::default()), None);
    }
    installation.pin(key_of(2), &labels(2, "cellar", "10.0.0.2:9999")).unwrap();
    let mixed = labels(2, "stage", "10.0.0.1:9999");
    assert_eq!(key_under(&installation, &mixed), Some(key_of(2)), "the session counts first");
    let mixed = labels(3, "stage", "10.0.0.2:9999");
    assert_eq!(key_under(&installation, &mixed), Some(key_of(1)), "then the machine");
}

#[test]
fn pin_replaces_another_key_of_the_same_host() {
    let installation = Installation::in_memory().unwrap();
    installation.pin(key_of(1), &labels(1, "stage", "10.0.0.1:9999")).unwrap();
    // The machine was installed anew.
    installation.pin(key_of(2), &labels(2, "stage", "10.0.0.1:9999")).unwrap();
    assert!(!installation.is_pinned(key_of(1)) && installation.is_pinned(key_of(2)));
    installation.pin(key_of(3), &HostLabels { machine: None, ..labels(2, "", "b:9999") }).unwrap();
    assert!(installation.is_pinned(key_of(2)), "others use the same name");
    assert_eq!(key_under(&installation, &labels(2, "", "b:9999")), Some(key_of(3)));
    // Of a host that is known by its address only, nothing is left.
    installation.pin(key_of(4), &address_label("c:9999")).unwrap();
    installation.pin(key_of(5), &address_label("C:9999")).unwrap();
    assert!(!installation.is_pinned(key_of(4)));
    assert_eq!(key_under(&installation, &address_label("c:9999")), Some(key_of(5)));
}

/// Two rehearsal rooms whose routers give out the same addresses.
#[test]
fn address_in_another_network_does_not_cost_a_pin() {
    let installation = Installation::in_memory().unwrap();
    let (home, cellar) = (labels(1, "home", "10.0.0.1:9999"), labels(2, "cellar", "10.0.0.1:9999"));
    installation.pin(key_of(1), &home).unwrap();
    installation.pin(key_of(2), &cellar).unwrap();
    assert!(installation.is_pinned(key_of(1)) && installation.is_pinned(key_of(2)));
    assert_eq!(key_under(&installation, &address_label("10.0.0.1:9999")), Some(key_of(2)));
    assert_eq!(key_under(&installation, &home), Some(key_of(1)));
    // Found by its address alone, it keeps its other labels.
    installation.pin(key_of(1), &address_label("10.0.0.7:9999")).unwrap();
    assert_eq!(key_under(&installation, &labels(9, "home", "x:1")), Some(key_of(1)));
    assert_eq!(key_under(&installation, &address_label("10.0.0.7:9999")), Some(key_of(1)));
}

#[test]
fn known_host_that_has_moved_takes_no_label_of_another() {
    let directory = state_directory();
    let installation = opened(directory.path());
    installation.refresh(key_of(1), &labels(1, "stage", "10.0.0.1:9999")).unwrap();
    assert!(!installation.is_pinned(key_of(1)), "it is not known");
    installation.pin(key_of(1), &labels(1, "stage", "10.0.0.1:9999")).unwrap();
    installation.pin(key_of(2), &labels(2, "cellar", "10.0.0.2:9999")).unwrap();
    installation.refresh(key_of(2), &labels(1, "Stage", "10.0.0.1:9999")).unwrap();
    for (label, owner) in [("10.0.0.1:9999", 1), ("10.0.0.2:9999", 2)] {
        assert_eq!(key_under(&installation, &address_label(label)), Some(key_of(owner)));
    }
    for (mine, owner) in [(labels(1, "x", "x"), 1), (labels(9, "stage", "x"), 1)] {
        assert_eq!(key_under(&installation, &mine), Some(key_of(owner)));
    }
    // The same on the same day is not written.
    let path = directory.path().join("known-hosts.json");
    fs::remove_file(&path).unwrap();
    installation.refresh(key_of(2), &address_label("10.0.0.2:9999")).unwrap();
    assert!(!path.exists());
    installation.refresh(key_of(2), &address_label("10.0.0.3:9999")).unwrap();
    assert!(path.exists());
}

#[test]
fn host_is_forgotten_by_each_of_its_labels() {
    let directory = state_directory();
    let digits = key_of(1).to_string();
    for label in ["10.0.0.1", "10.0.0.1:9999", "STAGE", "Jam 1", &digits] {
        let installation = opened(directory.path());
        installation.pin(key_of(1), &labels(1, "stage", "10.0.0.1:9999")).unwrap();
        installation.pin(key_of(2), &labels(2, "cellar", "10.0.0.2:9999")).unwrap();
        assert_eq!(installation.forget_host("10.0.0.1:9998").unwrap(), 0);
        assert_eq!(installation.forget_host(label).unwrap(), 1, "{label}");
        for installation in [installation, opened(directory.path())] {
            assert!(!installation.is_pinned(key_of(1)), "{label}");
            assert!(installation.is_pinned(key_of(2)), "{label}");
        }
    }
}

#[test]
fn known_participant_has_its_last_name_and_date() {
    let directory = state_directory();
    let installation = opened(directory.path());
    assert_eq!(installation.known(), []);
    let first = [seen_participant(1, "Ana", 10), seen_participant(2, "Ben\u{1b}[2J\u{202e}", 20)];
    installation.update_known(&[], &first).unwrap();
    let then = [seen_participant(1, "Anna", 30), first[1].clone()];
    installation.update_known(&first, &then).unwrap();
    for installation in [installation.clone(), opened(directory.path())] {
        assert_eq!(
            installation.known(),
            [seen_participant(2, "Ben[2J", 20), seen_participant(1, "Anna", 30)]
        );
    }
    installation.update_known(&then, &then[1..]).unwrap();
    for installation in [installation.clone(), opened(directory.path())] {
        assert!(!is_known(&installation, 1) && is_known(&installation, 2));
    }
}

#[test]
fn longest_unseen_is_forgotten_first() {
    let many = |number: u32| {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        bytes[4] = 7;
        PublicKey::new(bytes).unwrap()
    };
    let seen = |number: u32, last_seen| {
        let participant = KnownParticipant { key: many(number), name: "Ana".into(), last_seen };
        [participant]
    };
    let installation = Installation::in_memory().unwrap();
    for number in 0..1024 {
        installation.update_known(&[], &seen(number, number.into())).unwrap();
        installation.pin(many(number), &address_label(&format!("host{number}:9999"))).unwrap();
    }
    installation.update_known(&seen(0, 0), &seen(0, 2000)).unwrap();
    installation.pin(many(0), &address_label("moved:9999")).unwrap();
    installation.update_known(&[], &seen(1024, 2001)).unwrap();
    installation.pin(many(1024), &address_label("new:9999")).unwrap();
    let known: Vec<_> = installation.known().iter().map(|known| known.key).collect();
    assert_eq!(known.len(), 1024);
    for (number, is_left) in [(0, true), (1, false), (2, true), (1024, true)] {
        assert_eq!(known.contains(&many(number)), is_left, "{number}");
        assert_eq!(installation.is_pinned(many(number)), is_left, "{number}");
    }
}

#[test]
fn programs_do_not_lose_what_others_add() {
    let directory = state_directory();
    let programs: Vec<_> = (0..PROGRAMS).map(|_| opened(directory.path())).collect();
    at_once(|number| {
        let installation = &programs[usize::from(number) - 1];
        admit_one(installation, number).unwrap();
        installation.pin(key_of(number), &address_label(&format!("host{number}:9999"))).unwrap();
    });
    let all = opened(directory.path());
    for number in 1..=PROGRAMS {
        assert!(is_known(&all, number) && all.is_pinned(key_of(number)), "{number}");
    }
    // A key that another program has forgotten does not come back.
    all.update_known(&all.known(), &all.known()[1..]).unwrap();
    let gone = (1..=PROGRAMS).find(|number| !is_known(&all, *number)).unwrap();
    admit_one(&programs[1], 100).unwrap();
    assert!(!is_known(&opened(directory.path()), gone));
    assert!(!is_known(&programs[1], gone));
}

#[test]
fn list_that_is_not_understood_is_kept_aside() {
    for (name, content) in [
        ("known-hosts.json", "[{"),
        ("known-participants.json", ""),
        ("known-participants.json", r#"{"version":2,"known":[]}"#),
        ("known-participants.json", r#"[{"key":"00","name":"Ana","last_seen":1}]"#),
        ("known-hosts.json", &"[".repeat(100_000)),
    ] {
        let directory = state_directory();
        let (path, aside) =
            (directory.path().join(name), directory.path().join(format!("{name}.broken")));
        fs::write(&path, content).unwrap();
        let installation = opened(directory.path());
        let notice = installation.notice().unwrap();
        assert!(notice.contains("is kept as") && notice.contains(".broken"), "{notice}");
        assert_eq!(fs::read_to_string(&aside).unwrap(), content);
        admit_one(&installation, 1).unwrap();
        installation.pin(key_of(2), &address_label("stage:9999")).unwrap();
        let again = opened(directory.path());
        assert_eq!(again.notice(), None);
        assert!(is_known(&again, 1) && again.is_pinned(key_of(2)));

        // While the program runs, and a file is kept aside already: neither is lost.
        fs::write(&path, "other").unwrap();
        let one = admit_one(&installation, 3).is_err();
        let other = installation.pin(key_of(4), &address_label("cellar:9999")).is_err();
        assert!(one ^ other, "the file that is not understood is not written");
        assert!(is_known(&installation, 3) && installation.is_pinned(key_of(4)));
        assert_eq!(fs::read_to_string(&path).unwrap(), "other");
        assert_eq!(fs::read_to_string(&aside).unwrap(), content);
        let notice = opened(directory.path()).notice().unwrap().to_owned();
        assert!(notice.contains("cannot be used"), "{notice}");

        // What could not be written is written with the next change.
        fs::remove_file(&path).unwrap();
        admit_one(&installation, 5).unwrap();
        installation.pin(key_of(6), &address_label("attic:9999")).unwrap();
        let again = opened(directory.path());
        assert!([3, 5].into_iter().all(|number| is_known(&again, number)));
        assert!([4, 6].into_iter().all(|number| again.is_pinned(key_of(number))));
    }
}

#[test]
fn lock_of_another_program_is_not_waited_for_without_end() {
    let directory = state_directory();
    let installation = Arc::new(opened(directory.path()));
    let lock = private_files::lock_directory(directory.path()).unwrap();
    let begun = std::time::Instant::now();
    let refused = admit_one(&installation, 1).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
    assert!(begun.elapsed().as_secs() < 10);
    assert!(is_known(&installation, 1));
    drop(lock);
    admit_one(&installation, 2).unwrap();
    assert!(is_known(&opened(directory.path()), 1));
}
