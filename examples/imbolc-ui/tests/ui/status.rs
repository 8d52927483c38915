//! The status line, the last line of the screen.

use std::time::{Duration, Instant};

use imbolc_net::{
    dispatcher::{ConnectionError, Status},
    studio::SoundEngine,
};
use imbolc_ui::app::Pace;

use crate::stage::{Scene, Stage};

/// The status line.
fn line(stage: &mut Stage) -> String {
    let screen = stage.screen();
    screen.lines().last().expect("there are lines").to_owned()
}

#[test]
fn host_on_all_interfaces_shows_one_to_join() {
    let mut stage = Stage::new(Scene::Hosting);
    for everywhere in ["0.0.0.0:9999", "[::]:9999"] {
        stage.set_status(Status::Hosting { address: everywhere.parse().ok() });
        let line = line(&mut stage);
        assert!(line.contains("mia hosting at "), "{line}");
        assert!(line.contains(":9999") && !line.contains(everywhere), "{line}");
    }
    stage.set_status(Status::Hosting { address: "192.168.1.7:7000".parse().ok() });
    let line = line(&mut stage);
    assert!(line.contains("mia hosting at 192.168.1.7:7000, code "), "{line}");
}

#[test]
fn loss_reason_stays_while_attempts_fail() {
    let mut stage = Stage::new(Scene::Joined);
    let since = Instant::now();
    let lost = |reason, attempt| Status::Reconnecting { since, reason, attempt, until: since };
    stage.set_status(lost(ConnectionError::Shutdown, None));
    let refused = || Some(ConnectionError::Network("nothing is listening there".into()));
    stage.set_status(lost(ConnectionError::Shutdown, refused()));
    let end = "ana reconnecting: the host has ended the session; retrying";
    assert!(line(&mut stage).starts_with(end), "{}", line(&mut stage));
    // Why the attempts fail is in the message log.
    assert!(stage.screen().contains("reconnecting failed: nothing is listening there"));
    stage.set_status(lost(ConnectionError::Closed, refused()));
    let closed = "ana reconnecting: the host has closed the connection; your place may be gone";
    assert!(line(&mut stage).starts_with(closed), "{}", line(&mut stage));
}

#[test]
fn status_says_which_engine_and_how_it_is() {
    let sounding = |cpu, late| SoundEngine::Sounding { cpu, late, rate: 48_000 };
    for (engine, words) in [
        (SoundEngine::Silent, "  silent"),
        (SoundEngine::Starting, "  scsynth starts"),
        (sounding(12, 0), "  scsynth 12 % "),
        (sounding(87, 3), "  scsynth 87 %, 3 late"),
        (SoundEngine::Missing, "  scsynth: no sound"),
    ] {
        // Guests are told, too; on the smallest terminal it still fits.
        for (scene, width) in [(Scene::Local, 100), (Scene::Hosting, 100), (Scene::Joined, 60)] {
            let mut stage = Stage::new(scene);
            stage.resize(width, 16);
            stage.edit_metering(|metering| metering.engine = engine);
            let line = line(&mut stage) + " ";
            assert!(line.contains(words), "{line}");
        }
    }
}

#[test]
fn engine_that_changes_without_event_is_seen() {
    let mut stage = Stage::new(Scene::Local);
    stage.screen();
    let later = Instant::now() + Duration::from_secs(1);
    assert_eq!(stage.app.pace(later), Pace::Rest);
    stage.edit_metering(|metering| metering.engine = SoundEngine::Starting);
    stage.screen();
    assert_eq!(stage.app.pace(later), Pace::Slow);
    stage.edit_metering(|metering| metering.engine = SoundEngine::Missing);
    assert_eq!(stage.app.pace(later), Pace::Fast);
}
