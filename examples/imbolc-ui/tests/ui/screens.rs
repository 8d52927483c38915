//! Every pane in every scene, as snapshots.
//!
//! Update them with `INSTA_UPDATE=always cargo test -p imbolc-ui --test ui`.

use imbolc_net::studio::Pane;

use crate::stage::{BASS, LEAD, Scene, Stage};

/// The panes, and the keys that lead to something to see.
pub const PANES: [(Pane, &str); 8] = [
    (Pane::Instruments, ""),
    (Pane::Mixer, ""),
    (Pane::PianoRoll, ""),
    (Pane::Drums, "]]]"),
    (Pane::Automation, ""),
    (Pane::Arrangement, ""),
    (Pane::Session, ""),
    (Pane::People, ""),
];

/// Their titles.
const TITLES: [&str; 8] =
    ["Instruments", "Mixer", "Roll", "Drums", "Automation", "Arrange", "Session", "People"];

#[test]
fn every_pane_in_every_scene() {
    for scene in Scene::ALL {
        for (pane, keys) in PANES {
            let mut stage = Stage::new(scene);
            stage.show(pane).press(keys);
            let name = format!("{pane:?}-{scene:?}").to_lowercase();
            insta::assert_snapshot!(name, stage.screen());
        }
    }
}

#[test]
fn absence_shows_its_duration() {
    let screen = Stage::new(Scene::Joined).screen();
    assert!(screen.contains("ben away 7 s"), "{screen}");
}

#[test]
fn participants_have_different_colours() {
    let mut stage = Stage::new(Scene::Hosting);
    let (ana, ben) = (stage.colour_of("ana"), stage.colour_of("ben"));
    assert!(ana.is_some() && ben.is_some() && ana != ben, "{ana:?} {ben:?}");
}

#[test]
fn unconfirmed_edit_is_marked() {
    let mut stage = Stage::new(Scene::Reconnecting);
    stage.press("+");
    assert!(stage.screen().contains("-5.0 dB*"), "{}", stage.screen());
    let mut stage = Stage::new(Scene::Joined);
    stage.press("+");
    assert!(stage.screen().contains("-5.0 dB "), "{}", stage.screen());
}

#[test]
fn remote_edit_is_shown_with_a_message() {
    let mut stage = Stage::new(Scene::Joined);
    stage.remote_edit(&crate::band::cutoff(LEAD, 512.0));
    let screen = stage.press("]").screen();
    assert!(
        screen.lines().any(|line| line.contains("cutoff") && line.contains("512 Hz")),
        "{screen}"
    );
    assert!(screen.contains("ben: 2 Lead: filter cutoff 512 Hz"), "{screen}");
    stage.remote_edit(&crate::band::cutoff(BASS, 99.0));
    assert!(!stage.screen().contains("ana: 1 Bass"), "own edits are not reported");
}

#[test]
fn help_scrolls_on_smallest_terminal() {
    let mut stage = Stage::new(Scene::Local);
    assert!(stage.press("?").screen().contains("Ctrl-C"));
    stage.resize(60, 16);
    assert!(!stage.screen().contains("Ctrl-C"));
    assert!(stage.press(&"<down>".repeat(20)).screen().contains("Ctrl-C"));
    assert!(!stage.press("<esc>").screen().contains("Ctrl-C"), "{}", stage.screen());
    assert!(stage.press("?").screen().contains("previous, next row"), "from the start");
}

#[test]
fn too_small_terminal_shows_a_hint() {
    let mut stage = Stage::new(Scene::Local);
    stage.resize(59, 16);
    let screen = stage.screen();
    assert!(screen.starts_with("needs 60 × 16, has 59 × 16"), "{screen}");
    stage.resize(60, 16);
    assert!(stage.screen().contains("Bass"));
}

#[test]
fn tabs_fit_on_smallest_terminal() {
    let mut stage = Stage::new(Scene::Local);
    stage.resize(60, 16);
    for (at, (pane, _)) in PANES.into_iter().enumerate() {
        let screen = stage.show(pane).screen();
        let titles = screen.lines().next().unwrap_or_default();
        assert!((1..=PANES.len()).all(|at| titles.contains(&at.to_string())), "{titles}");
        assert!(titles.chars().count() <= 59 && titles.contains("8 Peo"), "{titles}");
        assert!(screen.contains(&format!("┌ {} ─", TITLES[at])), "{screen}");
        assert!(titles.contains(TITLES[at]), "the one that is shown has all of its name: {titles}");
    }
}

#[test]
fn owner_and_absence_fit_on_eighty_columns() {
    let mut stage = Stage::new(Scene::Joined);
    stage.resize(80, 24);
    assert!(stage.screen().contains("ben away 7 s"), "{}", stage.screen());
    let knobs = stage.press("<right>").screen();
    assert!(knobs.contains("cutoff") && knobs.contains("8 kHz"), "{knobs}");
    assert!(!knobs.contains("ben away 7 s"), "{knobs}");
}

#[test]
fn status_is_visible_while_typing() {
    let mut stage = Stage::new(Scene::Reconnecting);
    let screen = stage.press(":tempo").screen();
    assert!(screen.contains(":tempo") && screen.contains("kept for 42 s"), "{screen}");
}
