//! The status line, the last line of the screen.

use std::time::Instant;

use imbolc_net::dispatcher::{ConnectionError, Status};

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
    assert!(line.contains("mia hosting at 192.168.1.7:7000 "), "{line}");
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
