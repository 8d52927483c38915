//! The lobby: discovery events in, a list out; keys in, a choice out.

use std::{cell::Cell, future::pending, time::Duration};

use crossterm::event::{KeyCode, KeyEvent};
use imbolc_net::{
    discovery::{DiscoveryEvent, FoundSession, Versions},
    model::Model as _,
    protocol::PROTOCOL_VERSION,
    studio::Studio,
};
use imbolc_ui::{
    event_loop::Input,
    lobby::{self, Choice, Lobby},
};
use ratatui::{Terminal, backend::TestBackend};
use tokio::{sync::mpsc, time::timeout};

fn session(name: &str, number: u8) -> FoundSession {
    FoundSession {
        id: format!("{name} {number}"),
        name: name.into(),
        session_id: None,
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
    let mut terminal = Terminal::new(TestBackend::new(90, 16)).expect("in memory");
    terminal.draw(|frame| lobby.draw(frame)).expect("in memory");
    terminal.backend().to_string()
}

fn press(lobby: &mut Lobby, code: KeyCode) -> Choice {
    lobby.handle_key(KeyEvent::from(code))
}

#[test]
fn selection_stays_on_session_while_list_changes() {
    let mut lobby = Lobby::default();
    assert!(screen(&lobby).contains("looking for sessions"));
    for number in [20, 21, 22] {
        lobby.update(DiscoveryEvent::Found(session("Friday", number)));
    }
    let mut old = session("Old", 23);
    old.versions.as_mut().expect("it has some").protocol = 1;
    lobby.update(DiscoveryEvent::Found(old));
    let full = FoundSession { participants: Some(64), ..session("Full", 24) };
    lobby.update(DiscoveryEvent::Found(full));
    press(&mut lobby, KeyCode::Down);
    insta::assert_snapshot!("lobby", screen(&lobby));

    lobby.update(DiscoveryEvent::Lost(session("Friday", 20)));
    let renamed = FoundSession { name: "Saturday".into(), ..session("Friday", 21) };
    lobby.update(DiscoveryEvent::Changed(renamed));
    assert!(screen(&lobby).contains("Saturday"));
    let there = FoundSession { name: "Saturday".into(), ..session("Friday", 21) };
    assert_eq!(press(&mut lobby, KeyCode::Enter), Choice::Join(Box::new(there)));
}

#[test]
fn incompatible_session_is_not_joined() {
    let mut lobby = Lobby::default();
    assert_eq!(press(&mut lobby, KeyCode::Enter), Choice::Stay);
    let mut old = session("Old", 23);
    old.versions.as_mut().expect("it has some").protocol = 1;
    lobby.update(DiscoveryEvent::Found(old));
    assert_eq!(press(&mut lobby, KeyCode::Enter), Choice::Stay);
    assert!(screen(&lobby).contains("Old cannot be joined: incompatible protocol version"));
    assert_eq!(press(&mut lobby, KeyCode::Char('q')), Choice::Quit);
}

/// Runs the lobby with one session, Friday, and presses `keys`. Returns the result, if
/// it ends within a second of virtual time, and the final screen.
async fn visit(
    keys: &[KeyCode],
    join: impl AsyncFn(FoundSession) -> Result<u8, String>,
) -> (Option<Result<Option<u8>, String>>, String) {
    let mut found = Some(DiscoveryEvent::Found(session("Friday", 20)));
    let (sender, mut inputs) = mpsc::channel(8);
    let next = async || match found.take() {
        Some(sighting) => Some(sighting),
        None => pending().await,
    };
    let mut terminal = Terminal::new(TestBackend::new(90, 16)).expect("in memory");
    let chosen = {
        let choosing = lobby::choose(next, join, &mut terminal, &mut inputs);
        let pressing = async {
            for key in keys {
                // After everything else has been handled.
                tokio::time::sleep(Duration::from_millis(1)).await;
                sender.send(Input::Key(KeyEvent::from(*key))).await.expect("it reads");
            }
            pending::<()>().await;
        };
        let both = async {
            tokio::select! {
                chosen = choosing => chosen,
                () = pressing => unreachable!("it goes on"),
            }
        };
        timeout(Duration::from_secs(1), both).await.ok()
    };
    (chosen, terminal.backend().to_string())
}

#[tokio::test(start_paused = true)]
async fn lobby_stays_while_joining() {
    let (chosen, screen) = visit(&[KeyCode::Enter, KeyCode::Down], async |_| pending().await).await;
    assert_eq!(chosen, None);
    assert!(screen.contains("joining Friday…  Esc cancels"), "{screen}");
    assert!(screen.contains("192.168.1.20:9999"), "{screen}");

    let keys = [KeyCode::Enter, KeyCode::Esc];
    let (chosen, screen) = visit(&keys, async |_| pending().await).await;
    assert_eq!(chosen, None, "Esc cancels the attempt, not the lobby");
    assert!(screen.contains("Enter join"), "{screen}");
    let keys = [KeyCode::Enter, KeyCode::Char('q')];
    let (chosen, _) = visit(&keys, async |_| pending().await).await;
    assert_eq!(chosen, Some(Ok(None)), "q quits while joining");
}

#[tokio::test(start_paused = true)]
async fn failed_attempt_returns_to_list_with_reason() {
    let tried = Cell::new(0);
    let second = async |found: FoundSession| {
        assert_eq!(found, session("Friday", 20));
        tried.set(tried.get() + 1);
        if tried.get() == 1 { Err("nothing is listening".into()) } else { Ok(tried.get()) }
    };
    let (chosen, screen) = visit(&[KeyCode::Enter], second).await;
    assert_eq!(chosen, None);
    assert!(screen.contains("Friday: nothing is listening"), "{screen}");
    assert!(screen.contains("192.168.1.20:9999"), "{screen}");

    tried.set(0);
    let (chosen, _) = visit(&[KeyCode::Enter, KeyCode::Enter], second).await;
    assert_eq!(chosen, Some(Ok(Some(2))));
}
