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
    ["Instruments", "Mixer", "Roll", "Drums", "Auto", "Arrange", "Session", "People"];

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
fn whoever_is_away_is_so_for_a_counted_time() {
    let screen = Stage::new(Scene::Joined).screen();
    assert!(screen.contains("ben away 7 s"), "{screen}");
}

#[test]
fn a_participant_has_one_colour() {
    let mut stage = Stage::new(Scene::Hosting);
    let (ana, ben) = (stage.colour_of("ana"), stage.colour_of("ben"));
    assert!(ana.is_some() && ben.is_some() && ana != ben, "{ana:?} {ben:?}");
}

#[test]
fn an_edit_that_is_not_confirmed_is_marked_until_it_is() {
    let mut stage = Stage::new(Scene::Reconnecting);
    stage.press("+");
    assert!(stage.screen().contains("-5.0*"), "{}", stage.screen());
    let mut stage = Stage::new(Scene::Joined);
    stage.press("+");
    assert!(stage.screen().contains("-5.0 "), "{}", stage.screen());
}

#[test]
fn somebody_elses_edit_is_shown_and_told() {
    let mut stage = Stage::new(Scene::Joined);
    stage.somebody(&crate::band::cutoff(LEAD, 512.0));
    let screen = stage.press("]").screen();
    assert!(screen.contains("filter cutoff 512"), "{screen}");
    assert!(screen.contains("ben: 2 Lead: filter cutoff 512"), "{screen}");
    stage.somebody(&crate::band::cutoff(BASS, 99.0));
    assert!(!stage.screen().contains("ana: 1 Bass"), "one's own edits are no news");
}

#[test]
fn all_keys_can_be_read_also_on_the_smallest_terminal() {
    let mut stage = Stage::new(Scene::Alone);
    assert!(stage.press("?").screen().contains("Ctrl-C"));
    stage.resize(60, 16);
    assert!(!stage.screen().contains("Ctrl-C"));
    assert!(stage.press("<down><down><down><down><down>").screen().contains("Ctrl-C"));
    assert!(!stage.press("<esc>").screen().contains("Ctrl-C"), "{}", stage.screen());
    assert!(stage.press("?").screen().contains("another instrument"), "from the beginning");
}

#[test]
fn a_terminal_that_has_become_too_small_says_so() {
    let mut stage = Stage::new(Scene::Alone);
    stage.resize(59, 16);
    let screen = stage.screen();
    assert!(screen.starts_with("the terminal has 59 columns and 16 lines"), "{screen}");
    stage.resize(60, 16);
    assert!(stage.screen().contains("Bass"));
}

#[test]
fn every_pane_has_its_number_on_the_smallest_terminal() {
    let mut stage = Stage::new(Scene::Alone);
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
fn on_eighty_columns_it_is_seen_whose_an_instrument_is_and_who_is_away() {
    let mut stage = Stage::new(Scene::Joined);
    stage.resize(80, 24);
    assert!(stage.screen().contains("ben away 7 s"), "{}", stage.screen());
    let knobs = stage.press("<right>").screen();
    assert!(knobs.contains("filter cutoff 8000"), "{knobs}");
    assert!(!knobs.contains("ben away 7 s"), "{knobs}");
}

#[test]
fn how_the_network_is_doing_is_seen_while_one_types() {
    let mut stage = Stage::new(Scene::Reconnecting);
    let screen = stage.press(":tempo").screen();
    assert!(screen.contains(":tempo") && screen.contains("kept for 42 s"), "{screen}");
}
