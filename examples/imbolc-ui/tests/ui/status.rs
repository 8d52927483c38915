//! How one is doing, in the last line of the screen.

use imbolc_net::status::Status;

use crate::stage::{Scene, Stage};

/// The last line of the screen.
fn line(stage: &mut Stage) -> String {
    let screen = stage.screen();
    screen.lines().last().expect("there are lines").to_owned()
}

#[test]
fn a_host_that_listens_everywhere_shows_an_address_that_can_be_typed() {
    let mut stage = Stage::new(Scene::Hosting);
    for everywhere in ["0.0.0.0:9999", "[::]:9999"] {
        stage.becomes(Status::Hosting { address: everywhere.parse().ok() });
        let line = line(&mut stage);
        assert!(line.contains("mia hosting at "), "{line}");
        assert!(line.contains(":9999") && !line.contains(everywhere), "{line}");
    }
    stage.becomes(Status::Hosting { address: "192.168.1.7:7000".parse().ok() });
    let line = line(&mut stage);
    assert!(line.contains("mia hosting at 192.168.1.7:7000 "), "{line}");
}
