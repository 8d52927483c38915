//! The sessions on the LAN: sightings in, a list out; keys in, a choice out.

use crossterm::event::{KeyCode, KeyEvent};
use imbolc_net::{
    discovery::{FoundSession, Sighting, Versions},
    model::Model as _,
    protocol::PROTOCOL_VERSION,
    studio::Studio,
};
use imbolc_ui::lobby::{Choice, Lobby};
use ratatui::{Terminal, backend::TestBackend};

fn session(name: &str, number: u8) -> FoundSession {
    FoundSession {
        id: format!("{name} {number}"),
        name: name.into(),
        host: Some("stage".into()),
        versions: Some(Versions {
            protocol: PROTOCOL_VERSION,
            model: Studio::NAME.into(),
            model_version: Studio::VERSION,
        }),
        participants: Some(2),
        max_participants: Some(64),
        secret: false,
        addresses: vec![([192, 168, 1, number], 9999).into()],
    }
}

fn screen(lobby: &Lobby) -> String {
    let mut terminal = Terminal::new(TestBackend::new(90, 10)).expect("in memory");
    terminal.draw(|frame| lobby.draw(frame)).expect("in memory");
    terminal.backend().to_string()
}

fn press(lobby: &mut Lobby, code: KeyCode) -> Choice {
    lobby.key(KeyEvent::from(code))
}

#[test]
fn sessions_are_listed_as_they_come_and_go_and_the_choice_stays_with_its_session() {
    let mut lobby = Lobby::default();
    assert!(screen(&lobby).contains("looking for sessions"));
    for number in [20, 21, 22] {
        lobby.see(Sighting::Found(session("Friday", number)));
    }
    let mut old = session("Old", 23);
    old.versions.as_mut().expect("it has some").protocol = 1;
    lobby.see(Sighting::Found(old));
    let full = FoundSession { participants: Some(64), ..session("Full", 24) };
    lobby.see(Sighting::Found(full));
    press(&mut lobby, KeyCode::Down);
    insta::assert_snapshot!("lobby", screen(&lobby));

    lobby.see(Sighting::Lost(session("Friday", 20)));
    let renamed = FoundSession { name: "Saturday".into(), ..session("Friday", 21) };
    lobby.see(Sighting::Changed(renamed));
    assert!(screen(&lobby).contains("Saturday"));
    let there = ([192, 168, 1, 21], 9999).into();
    assert_eq!(press(&mut lobby, KeyCode::Enter), Choice::Join(there));
}

#[test]
fn what_cannot_be_joined_is_not_and_why_is_said() {
    let mut lobby = Lobby::default();
    assert_eq!(press(&mut lobby, KeyCode::Enter), Choice::Stay);
    let mut old = session("Old", 23);
    old.versions.as_mut().expect("it has some").protocol = 1;
    lobby.see(Sighting::Found(old));
    assert_eq!(press(&mut lobby, KeyCode::Enter), Choice::Stay);
    assert!(screen(&lobby).contains("Old cannot be joined: it speaks another version"));
    assert_eq!(press(&mut lobby, KeyCode::Char('q')), Choice::Leave);
}
