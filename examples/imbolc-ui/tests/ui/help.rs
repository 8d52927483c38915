//! The help: every key of every pane, on a terminal of 80 columns and 24 lines.

use imbolc_ui::{app::GLOBAL_KEYS, pane};

use crate::stage::{Scene, Stage};

/// The two columns of the help, one after the other, with single blanks.
fn columns(stage: &mut Stage) -> String {
    let buffer = stage.buffer();
    let (width, height) = (buffer.area.width, buffer.area.height);
    let half = 1 + (width - 2) / 2;
    let mut text = String::new();
    for column in [1..half, half..width - 1] {
        for y in 3..height - 3 {
            text.extend(column.clone().map(|x| buffer[(x, y)].symbol()));
            text.push(' ');
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn help_of_every_pane_fits_80_columns() {
    for (which, pane) in pane::all_panes() {
        for (width, height) in [(80, 24), (60, 16), (100, 30)] {
            let mut stage = Stage::new(Scene::Joined);
            stage.resize(width, height);
            stage.show(which).press("?");
            let mut shown = vec![columns(&mut stage)];
            // What does not fit in the height is reached by scrolling.
            for _ in 0..64 {
                stage.press("<down>");
                let next = columns(&mut stage);
                if shown.last() == Some(&next) {
                    break;
                }
                shown.push(next);
            }
            for (key, what) in pane.key_help().iter().chain(GLOBAL_KEYS) {
                let entry = format!("{} {what}", key.trim());
                let there = shown.iter().any(|shown| shown.contains(&entry));
                assert!(there, "{which:?} {width}x{height}: {entry}\n{}", shown[0]);
            }
        }
    }
}
