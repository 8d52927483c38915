//! The people pane: what its keys do, and what it shows.

use imbolc_net::{
    Event, SessionEvent,
    model::{EngineFault, InstrumentId},
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
fn participants_are_shown_with_instruments() {
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
fn privilege_and_presence_follow_roster() {
    let mut stage = people(Scene::Joined);
    stage.edit_roster(|roster| {
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
fn disconnected_client_sees_time_left() {
    let mut stage = people(Scene::Reconnecting);
    assert!(line_of(&mut stage, "ana").contains("kept for 42 s"));
}

#[test]
fn enter_shows_first_instrument_of_participant() {
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
fn cursor_returns_to_self_when_participant_leaves() {
    let mut stage = people(Scene::Joined);
    stage.press("<end>").edit_roster(|roster| {
        roster.participants.remove(&BEN);
    });
    stage.press("<enter>");
    assert_eq!(stage.app.client_state().instrument(), Some(BASS));
}

#[test]
fn latest_messages_are_at_the_end() {
    let mut stage = people(Scene::Hosting);
    assert!(stage.screen().contains("nothing yet"));
    for instrument in [BASS, LEAD, PAD, DRUMS] {
        let owner = stage.owner(ANA);
        stage.emit(Event::Session(SessionEvent::Ownership { instrument, owner }));
    }
    let screen = stage.screen();
    let at = |text| screen.find(text).unwrap_or_else(|| panic!("{text}: {screen}"));
    assert!(at("ana owns 1 Bass") < at("ana owns 4 Drums"), "{screen}");
    for id in 5..=40 {
        let owner = stage.owner(BEN);
        stage.emit(Event::Session(SessionEvent::Ownership { instrument: InstrumentId(id), owner }));
    }
    stage.resize(60, 16);
    let screen = stage.screen();
    assert!(line_of(&mut stage, "ben owns instrument 40").starts_with('│'));
    assert!(!screen.contains("ana owns"), "{screen}");
    insta::assert_snapshot!(screen);
}

#[test]
fn guest_sees_that_the_sound_is_gone_and_back() {
    let mut stage = Stage::new(Scene::Joined);
    stage.emit(Event::Notice(EngineFault::Failed("no audio device".into()).into()));
    let gone = "the sound is gone: no audio device";
    assert!(stage.screen().contains(gone), "{}", stage.screen());
    stage.emit(Event::Notice(EngineFault::Restarted.into()));
    stage.show(Pane::People);
    let screen = stage.screen();
    for text in [gone, "the sound is back"] {
        assert_eq!(screen.matches(text).count(), 2, "in the line and in the log: {screen}");
    }
}

#[test]
fn long_list_scrolls_and_leaves_room_for_messages() {
    let mut stage = Stage::with_studio(Scene::Joined, StudioState::default());
    stage.show(Pane::People).edit_roster(|roster| {
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
        assert!(stage.screen().contains("Messages"));
        stage.press("<home>");
        assert!(line_of(&mut stage, "mia").contains("host"));
    }
}
