//! The layers of each crate, held by what each file imports: dependencies point
//! downwards, nothing pure reaches a runtime, a socket, a file, a thread or the
//! time of day, nothing goes in circles, and a name means one thing.

mod imports;

use std::collections::{BTreeMap, BTreeSet};

use self::imports::{Module, Sources, circles};

/// A crate and its layers, from the top down. A layer may import the ones after it.
struct Layers {
    sources: &'static Sources,
    all: &'static [&'static str],
    pure: &'static [&'static str],
}

/// The network layer.
const NET: [&str; 16] = [
    "open",
    "discovery",
    "server",
    "client",
    "projects",
    "authority",
    "dispatcher",
    "installation",
    "transport",
    "admission",
    "sync",
    "studio",
    "protocol",
    "security",
    "model",
    "util",
];

const SOUND: [&str; 10] = [
    "doctor",
    "render",
    "engine",
    "server",
    "samples",
    "sequencer",
    "sounds",
    "output",
    "synth_def",
    "commands",
];

fn crates() -> [Layers; 2] {
    [
        Layers {
            sources: Sources::of_crate(),
            all: &NET,
            // Pure but for one thing: `snow` and `spake2` draw the random numbers of a
            // handshake and of a run of the code from the operating system.
            pure: &["admission", "sync", "studio", "protocol", "security", "model", "util"],
        },
        Layers {
            sources: Sources::of_sound(),
            all: &SOUND,
            pure: &["sequencer", "sounds", "output", "synth_def", "commands"],
        },
    ]
}

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

impl Layers {
    fn of(&self, module: &Module) -> Option<usize> {
        self.all.iter().position(|layer| module.first().is_some_and(|first| first == layer))
    }
}

#[test]
fn every_module_of_the_root_is_a_layer() {
    for layers in crates() {
        let modules = layers.sources.modules();
        let unknown: Vec<_> =
            modules.filter(|module| !module.is_empty() && layers.of(module).is_none()).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}

#[test]
fn dependencies_point_downwards() {
    for layers in crates() {
        let upward: Vec<_> = layers
            .sources
            .imports()
            .filter(|(importer, imported)| {
                // The root of the crate exports everything; no file imports it.
                let Some(from) = layers.of(importer) else { return false };
                layers.of(imported).is_none_or(|to| to < from)
            })
            .collect();
        assert!(upward.is_empty(), "{upward:#?}");
    }
}

#[test]
fn sync_studio_and_admission_do_not_know_each_other() {
    const APART: [&str; 3] = ["sync", "studio", "admission"];
    let sources = Sources::of_crate();
    let layer = |module: &Module| {
        APART.into_iter().find(|layer| module.first().is_some_and(|first| first == layer))
    };
    let known: Vec<_> = sources
        .imports()
        .filter(|(importer, imported)| {
            let pair = layer(importer).zip(layer(imported));
            pair.is_some_and(|(importer, imported)| importer != imported)
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
    for Layers { sources, pure, .. } in crates() {
        for module in sources.modules() {
            if module.first().is_none_or(|first| !pure.contains(&first.as_str())) {
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
    for Layers { sources, .. } in crates() {
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
}

#[test]
fn no_circle_of_more_than_three_files() {
    for Layers { sources, .. } in crates() {
        let mut files: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
        for (importer, imported) in sources.imports() {
            files.entry(importer.clone()).or_default().insert(imported.clone());
        }
        let large: Vec<_> = circles(&files).into_iter().filter(|circle| circle.len() > 3).collect();
        assert!(large.is_empty(), "{large:#?}");
    }
}

#[test]
fn names_are_unique_in_the_crate() {
    for Layers { sources, .. } in crates() {
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
}

#[test]
fn files_stay_under_about_500_lines() {
    for Layers { sources, .. } in crates() {
        let long: Vec<_> = sources.lines().filter(|(_, lines)| *lines > 550).collect();
        assert!(long.is_empty(), "{long:?}");
    }
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
