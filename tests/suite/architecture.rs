//! The layers of `src`, held by what each file imports: dependencies point
//! downwards, nothing below `transport` reaches a runtime, a socket, a file, a
//! thread or the time of day, nothing goes in circles, and a name means one
//! thing.

mod imports;

use std::collections::{BTreeMap, BTreeSet};

use self::imports::{Module, Sources, circles};

/// From the top down. A layer may import the ones after it.
const LAYERS: [&str; 13] = [
    "open",
    "discovery",
    "server",
    "client",
    "projects",
    "authority",
    "dispatcher",
    "transport",
    "sync",
    "studio",
    "protocol",
    "model",
    "util",
];

const PURE: [&str; 5] = ["sync", "studio", "protocol", "model", "util"];

/// What a pure layer must not reach, not even through other files.
const IMPURE: [&str; 19] = [
    "tokio",
    "tokio_util",
    "async_trait",
    "socket2",
    "mdns_sd",
    "if_addrs",
    "hostname",
    "getrandom",
    "std::net",
    "std::fs",
    "std::thread",
    "std::process",
    "std::env",
    "std::collections::hash_map::RandomState",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::sync::Condvar",
    "std::time::Instant",
    "std::time::SystemTime",
];

fn layer(module: &Module) -> Option<usize> {
    LAYERS.iter().position(|layer| module.first().is_some_and(|first| first == layer))
}

#[test]
fn every_module_of_the_root_is_a_layer() {
    let sources = Sources::of_crate();
    let unknown: Vec<_> =
        sources.modules().filter(|module| !module.is_empty() && layer(module).is_none()).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn dependencies_point_downwards() {
    let sources = Sources::of_crate();
    let upward: Vec<_> = sources
        .imports()
        .filter(|(importer, imported)| {
            // The root of the crate exports everything; no file imports it.
            let Some(from) = layer(importer) else { return false };
            layer(imported).is_none_or(|to| to < from)
        })
        .collect();
    assert!(upward.is_empty(), "{upward:#?}");
}

#[test]
fn sync_and_studio_do_not_know_each_other() {
    let sources = Sources::of_crate();
    let known: Vec<_> = sources
        .imports()
        .filter(|(importer, imported)| {
            let pair = (importer.first().map(String::as_str), imported.first().map(String::as_str));
            matches!(pair, (Some("sync"), Some("studio")) | (Some("studio"), Some("sync")))
        })
        .collect();
    assert!(known.is_empty(), "{known:#?}");
}

/// Below the studio, `Studio` is the default of a type parameter and nothing else.
#[test]
fn lower_layers_name_the_studio_as_a_default_only() {
    let sources = Sources::of_crate();
    let named: Vec<_> = sources
        .naming_studio()
        .filter(|module| {
            matches!(
                module.first().map(String::as_str),
                Some("sync" | "protocol" | "model" | "util")
            )
        })
        .collect();
    assert!(named.is_empty(), "{named:?}");
}

#[test]
fn pure_layers_reach_nothing_impure() {
    let sources = Sources::of_crate();
    for module in sources.modules() {
        if module.first().is_none_or(|first| !PURE.contains(&first.as_str())) {
            continue;
        }
        for reached in sources.reachable(module) {
            let found = sources.externals(&reached).find(|path| {
                IMPURE.iter().any(|word| path == word || path.starts_with(&format!("{word}::")))
            });
            assert_eq!(found, None, "{module:?} reaches it through {reached:?}");
        }
    }
}

/// The tracker of sessions and the texts of adverts are tested without a network.
#[test]
fn adverts_and_tracker_reach_no_network_and_no_clock() {
    let sources = Sources::of_crate();
    for file in ["advert", "reachability", "tracker"] {
        let module = vec!["discovery".to_owned(), file.to_owned()];
        assert!(sources.modules().any(|known| *known == module), "{file} is not there");
        let found = sources.externals(&module).find(|path| {
            ["tokio", "mdns_sd", "if_addrs", "hostname", "std::time::Instant"]
                .iter()
                .any(|word| path.starts_with(word))
        });
        assert_eq!(found, None, "{file}");
    }
}

#[test]
fn no_circle_between_folders() {
    let sources = Sources::of_crate();
    let mut folders: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (importer, imported) in sources.imports() {
        let (from, to) = (sources.folder(importer), sources.folder(imported));
        if from != to {
            folders.entry(from).or_default().insert(to);
        }
    }
    let circles = circles(&folders);
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn no_circle_of_more_than_three_files() {
    let sources = Sources::of_crate();
    let mut files: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (importer, imported) in sources.imports() {
        files.entry(importer.clone()).or_default().insert(imported.clone());
    }
    let large: Vec<_> = circles(&files).into_iter().filter(|circle| circle.len() > 3).collect();
    assert!(large.is_empty(), "{large:#?}");
}

#[test]
fn names_are_unique_in_the_crate() {
    let sources = Sources::of_crate();
    let mut places: BTreeMap<&str, Vec<&Module>> = BTreeMap::new();
    for (module, name) in sources.names() {
        // A file may be named after the function that it is for, as `open` is.
        if module.last().is_none_or(|file| file != name) {
            places.entry(name).or_default().push(module);
        }
    }
    places.retain(|_, modules| modules.len() > 1);
    assert!(places.is_empty(), "{places:#?}");
}

#[test]
fn files_stay_under_about_500_lines() {
    let sources = Sources::of_crate();
    let long: Vec<_> = sources.lines().filter(|(_, lines)| *lines > 550).collect();
    assert!(long.is_empty(), "{long:?}");
}

/// The checks above are worth nothing if the imports are not found.
#[test]
fn imports_are_seen_through_every_spelling() {
    let sources = Sources::of(&[
        ("lib.rs", "pub mod low; pub mod high; pub use self::low::Thing;"),
        ("low/mod.rs", "mod inner; pub use inner::{Thing, make};"),
        ("low/inner.rs", "pub struct Thing; pub fn make() {}"),
        (
            "high.rs",
            "use std::{net::TcpStream, time};
             use crate::low::Thing as Other;
             fn now() { time::Instant::now(); }
             macro_rules! call { () => { $crate::low::make() } }
             #[cfg(test)] mod tests { use std::fs; }",
        ),
    ]);
    let module = |path: &str| path.split("::").map(str::to_owned).collect::<Module>();
    let imports: Vec<_> = sources.imports().map(|(_, imported)| imported.clone()).collect();
    assert!(imports.iter().all(|imported| *imported == module("low::inner")), "{imports:?}");
    assert!(!imports.is_empty());
    let externals: BTreeSet<_> = sources.externals(&module("high")).collect();
    assert!(externals.contains("std::net::TcpStream"), "{externals:?}");
    assert!(externals.contains("std::time::Instant::now"), "{externals:?}");
    assert!(!externals.iter().any(|path| path.starts_with("std::fs")), "{externals:?}");
    let names: Vec<_> = sources.names().map(|(_, name)| name).collect();
    assert_eq!(names, ["low", "high", "now", "inner", "Thing", "make"]);
}
