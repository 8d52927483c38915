//! Generates SCREENS.md and docs/screens.svg from the screens that the tests draw, and
//! fails if the files are stale.
//!
//! Update them with `UPDATE_SCREENS=1 cargo test -p imbolc-ui --test ui gallery`.

use std::{fmt::Write as _, fs, path::Path};

use crate::{
    screens::PANES,
    stage::{Scene, Stage},
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/SCREENS.md");

fn gallery() -> String {
    let mut text = String::from(
        "# The screens\n\n\
         Ana has joined Mia's session; Ben's cable has just come out. Made by \
         `tests/ui/gallery.rs`.\n",
    );
    for (pane, keys) in PANES {
        let mut stage = Stage::new(Scene::Joined);
        stage.play_at(960, -9.0);
        let screen = stage.show(pane).press(keys).screen();
        write!(text, "\n## {pane:?}\n\n```text\n{screen}\n```\n").expect("to a string");
    }
    text
}

#[test]
fn published_screens_are_current() {
    let gallery = gallery();
    if std::env::var_os("UPDATE_SCREENS").is_some() {
        fs::write(FILE, &gallery).expect("it can be written");
    }
    let shown = fs::read_to_string(Path::new(FILE)).expect("it is there");
    assert!(shown == gallery, "SCREENS.md is stale: UPDATE_SCREENS=1 writes it anew");
}
