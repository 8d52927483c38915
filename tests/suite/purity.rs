//! The rules are pure: these modules know no runtime, no socket, no clock and
//! no dice, and `session` and `mirror` know nothing of the studio.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn sources(module: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    if src.join(format!("{module}.rs")).is_file() {
        found.push(src.join(format!("{module}.rs")));
    }
    if src.join(module).is_dir() {
        walk(&src.join(module), &mut found);
    }
    found
}

/// The code of a file: without comments, and without its tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap();
    code.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// Whether `code` names `word` or something in it. A word that ends in `::` is a
/// module of the crate, of which only what is in it counts as named.
fn names(code: &str, word: &str) -> bool {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).any(|path| {
        let path = path.strip_prefix("crate::").unwrap_or(path);
        match word.strip_suffix("::") {
            Some(_) => path.starts_with(word),
            None => path == word || path.starts_with(&format!("{word}::")),
        }
    })
}

#[track_caller]
fn never_names(modules: &[&str], words: &[&str]) {
    for path in modules.iter().flat_map(|module| sources(module)) {
        let code = code(&path);
        let named = |word: &&&str| names(&code, word);
        if let Some(word) = words.iter().find(named) {
            panic!("{} names {word}", path.display());
        }
    }
}

#[test]
fn the_rules_know_no_runtime_no_socket_no_clock_and_no_dice() {
    let pure = ["model", "protocol", "studio", "sync", "util"];
    never_names(
        &pure,
        &[
            "tokio",
            "std::net",
            "std::thread",
            "std::fs",
            "Instant",
            "SystemTime",
            "getrandom",
            "rand",
            "Mutex",
        ],
    );
}

#[test]
fn what_is_made_of_announcements_knows_no_network_and_no_clock() {
    never_names(
        &["discovery/advert", "discovery/reachability", "discovery/tracker"],
        &[
            "tokio",
            "mdns_sd",
            "if_addrs",
            "hostname",
            "Clock",
            "Instant",
            "SystemTime",
            "UdpSocket",
        ],
    );
}

#[test]
fn the_rules_know_nothing_above_them() {
    let below = ["model", "protocol", "util"];
    // The studio has a transport of its own.
    never_names(&["studio"], &["server::", "client::", "dispatcher::", "authority::"]);
    never_names(&below, &["server::", "client::", "dispatcher::", "authority::", "transport::"]);
}

#[test]
fn the_machinery_knows_nothing_of_music() {
    never_names(&["sync", "server", "transport"], &["Instrument", "NetworkAction", "StudioState"]);
    never_names(&["sync"], &["Studio", "studio"]);
}

#[test]
fn this_test_sees_what_it_looks_for() {
    let code = "use crate::{\n    server::NetServer,\n};\nlet client = tokio::spawn(f);";
    assert!(names(code, "server::"));
    assert!(names(code, "tokio"));
    assert!(!names(code, "client::"));
    assert!(!names(code, "NetServe"));
}
