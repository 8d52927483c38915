//! The people pane: what its keys do, and what it shows.

use imbolc_net::{
    Event,
    model::InstrumentId,
    protocol::{ClientId, Participant, Presence},
    studio::{Pane, StudioState},
    util::time::Timestamp,
};

use crate::stage::{ANA, BASS, BEN, DRUMS, LEAD, MIA, PAD, Scene, Stage};

fn people(scene: Scene) -> Stage {
    let mut stage = Stage::new(scene);
    stage.show(Pane::People);
    stage
}

/// The row of a participant.
fn line_of(stage: &mut Stage, name: &str) -> String {
    let screen = stage.screen();
    let mut lines = screen.lines().filter(|line| line.starts_with('│'));
    let line = lines.find(|line| line.contains(name));
    line.unwrap_or_else(|| panic!("{name} is not here: {screen}")).to_owned()
}

#[test]
fn everyone_is_shown_with_what_is_theirs() {
    let mut stage = people(Scene::Joined);
    for (who, shown) in [
        ("mia", &["★", "host", "here", "-"][..]),
        ("ana", &["(you)", "2.4 ms", "here", "1 Bass, 4 Drums"]),
        ("ben", &["away 7 s", "2 Lead"]),
    ] {
        let line = line_of(&mut stage, who);
        for part in shown {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
    let mut hosting = people(Scene::Hosting);
    assert!(line_of(&mut hosting, "ana").contains("≤ 5 ms"));
    assert!(line_of(&mut hosting, "mia").contains("you, host"));
    assert_eq!(stage.colour_of("ben"), hosting.colour_of("ben"));
    assert_ne!(stage.colour_of("ben"), stage.colour_of("mia"));
}

#[test]
fn the_privilege_and_the_presence_follow_the_roster() {
    let mut stage = people(Scene::Joined);
    stage.reseat(|roster| {
        roster.privileged = roster.as_owner(ANA);
        let since = Timestamp::from_micros(25_000_000);
        let away = Participant { presence: Presence::Away { since }, ..Participant::new("mia") };
        roster.participants.insert(MIA, away);
        roster.participants.insert(BEN, Participant::new("ben"));
        roster.owners.remove(&LEAD);
    });
    assert!(line_of(&mut stage, "ana").contains("★ ana"));
    assert!(!line_of(&mut stage, "mia").contains('★'));
    assert!(line_of(&mut stage, "mia").contains("away 1 min 2 s"));
    let ben = line_of(&mut stage, "ben");
    assert!(ben.contains("here") && !ben.contains("Lead"), "{ben}");
}

#[test]
fn who_is_cut_off_sees_how_long_the_place_is_kept() {
    let mut stage = people(Scene::Reconnecting);
    assert!(line_of(&mut stage, "ana").contains("kept for 42 s"));
}

#[test]
fn enter_leads_to_the_first_instrument_of_whoever_is_under_the_cursor() {
    let mut stage = people(Scene::Joined);
    stage.press("<down><enter>");
    assert_eq!(stage.app.client_state().instrument(), Some(LEAD));
    assert_eq!(stage.app.client_state().pane(), Pane::Instruments);
    stage.show(Pane::People).press("<up><enter>");
    assert_eq!(stage.app.client_state().instrument(), Some(BASS));
    stage.show(Pane::People).press("<home><enter>");
    assert_eq!(stage.app.client_state().pane(), Pane::People);
    let screen = stage.screen();
    assert!(screen.contains("mia owns no instrument"), "{screen}");
}

#[test]
fn who_leaves_takes_the_cursor_back_to_oneself() {
    let mut stage = people(Scene::Joined);
    stage.press("<end>").reseat(|roster| {
        roster.participants.remove(&BEN);
    });
    stage.press("<enter>");
    assert_eq!(stage.app.client_state().instrument(), Some(BASS));
}

#[test]
fn the_latest_news_are_at_the_end_and_as_many_as_there_is_room_for() {
    let mut stage = people(Scene::Hosting);
    assert!(stage.screen().contains("nothing yet"));
    for instrument in [BASS, LEAD, PAD, DRUMS] {
        let owner = stage.owner(ANA);
        stage.happens(Event::Ownership { instrument, owner });
    }
    let screen = stage.screen();
    let at = |text| screen.find(text).unwrap_or_else(|| panic!("{text}: {screen}"));
    assert!(at("ana owns 1 Bass") < at("ana owns 4 Drums"), "{screen}");
    for id in 5..=40 {
        let owner = stage.owner(BEN);
        stage.happens(Event::Ownership { instrument: InstrumentId(id), owner });
    }
    stage.resize(60, 16);
    let screen = stage.screen();
    assert!(line_of(&mut stage, "ben owns instrument 40").starts_with('│'));
    assert!(!screen.contains("ana owns"), "{screen}");
    insta::assert_snapshot!(screen);
}

#[test]
fn a_crowd_scrolls_with_the_cursor_and_leaves_room_for_the_news() {
    let mut stage = Stage::with(Scene::Joined, StudioState::default());
    stage.show(Pane::People).reseat(|roster| {
        for id in 3..=60 {
            roster.participants.insert(ClientId(id), Participant::new(&format!("cellist {id}")));
        }
        for id in 1..=200 {
            let owner = roster.as_owner(ClientId(60)).unwrap();
            roster.owners.insert(InstrumentId(id), owner);
        }
    });
    for (width, height) in [(100, 30), (60, 16)] {
        stage.resize(width, height);
        stage.press("<end>");
        let line = line_of(&mut stage, "cellist 60");
        assert!(line.trim_end_matches('│').ends_with('…'), "{line}");
        assert!(stage.screen().contains("News"));
        stage.press("<home>");
        assert!(line_of(&mut stage, "mia").contains("host"));
    }
}
