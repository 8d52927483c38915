//! The lobby: discovery events in, a list out; keys in, a choice out.

use std::{
    cell::{Cell, RefCell},
    future::pending,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use crossterm::event::{KeyCode, KeyEvent};
use imbolc_net::{
    discovery::{DiscoveryEvent, FoundSession, Versions},
    dispatcher::ConnectionError,
    model::Model as _,
    protocol::{EntryRefusal, PROTOCOL_VERSION, ProtocolError},
    security::{JoinCode, PrivateKey},
    studio::Studio,
};
use imbolc_ui::{
    entry_prompt::{EntryProof, JoinFailure},
    event_loop::Input,
    lobby::{self, Choice, Lobby, LobbyProof},
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
        lobby.update(DiscoveryEvent::Found(session("Friday", number)), false, false);
    }
    let mut old = session("Old", 23);
    old.versions.as_mut().expect("it has some").protocol = 1;
    lobby.update(DiscoveryEvent::Found(old), false, false);
    let full = FoundSession { participants: Some(64), ..session("Full", 24) };
    lobby.update(DiscoveryEvent::Found(full), false, false);
    press(&mut lobby, KeyCode::Down);
    insta::assert_snapshot!("lobby", screen(&lobby));

    lobby.update(DiscoveryEvent::Lost(session("Friday", 20)), false, false);
    let renamed = FoundSession { name: "Saturday".into(), ..session("Friday", 21) };
    lobby.update(DiscoveryEvent::Changed(renamed), false, false);
    assert!(screen(&lobby).contains("Saturday"));
    let there = FoundSession { name: "Saturday".into(), ..session("Friday", 21) };
    assert_eq!(
        press(&mut lobby, KeyCode::Enter),
        Choice::Join(Box::new(there), LobbyProof::Nothing)
    );
}

#[test]
fn second_enter_while_joining_joins_nothing_else() {
    let mut lobby = Lobby::default();
    for number in [20, 21] {
        lobby.update(DiscoveryEvent::Found(session("Friday", number)), false, false);
    }
    assert!(matches!(press(&mut lobby, KeyCode::Enter), Choice::Join(..)));
    for code in [KeyCode::Enter, KeyCode::Down, KeyCode::Enter] {
        assert_eq!(press(&mut lobby, code), Choice::Stay, "{code:?}");
    }
    assert!(screen(&lobby).contains("joining Friday"));
    assert_eq!(press(&mut lobby, KeyCode::Esc), Choice::AbandonJoin);
}

#[test]
fn incompatible_session_is_not_joined() {
    let mut lobby = Lobby::default();
    assert_eq!(press(&mut lobby, KeyCode::Enter), Choice::Stay);
    let mut old = session("Old", 23);
    old.versions.as_mut().expect("it has some").protocol = 1;
    lobby.update(DiscoveryEvent::Found(old), false, false);
    assert_eq!(press(&mut lobby, KeyCode::Enter), Choice::Stay);
    assert!(screen(&lobby).contains("Old cannot be joined: incompatible protocol version"));
    assert_eq!(press(&mut lobby, KeyCode::Char('q')), Choice::Quit);
}

/// Runs the lobby with one session, Friday, and presses `keys`. Returns the result, if
/// it ends within a second of virtual time, and the final screen.
async fn visit(
    keys: &[KeyCode],
    join: impl AsyncFn(FoundSession, EntryProof) -> Result<u8, JoinFailure>,
) -> (Option<Result<Option<u8>, String>>, String) {
    visit_at(90, keys, join).await
}

/// The same, on a screen of `width` columns.
async fn visit_at(
    width: u16,
    keys: &[KeyCode],
    join: impl AsyncFn(FoundSession, EntryProof) -> Result<u8, JoinFailure>,
) -> (Option<Result<Option<u8>, String>>, String) {
    let mut found = Some(DiscoveryEvent::Found(session("Friday", 20)));
    let (sender, mut inputs) = mpsc::channel(8);
    let next = async || match found.take() {
        Some(sighting) => Some((sighting, false)),
        None => pending().await,
    };
    let mut terminal = Terminal::new(TestBackend::new(width, 16)).expect("in memory");
    let chosen = {
        let answers = |_| std::future::ready(true);
        let choosing = lobby::choose(next, |_| false, answers, join, &mut terminal, &mut inputs);
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
    let (chosen, screen) =
        visit(&[KeyCode::Enter, KeyCode::Down], async |_, _| pending().await).await;
    assert_eq!(chosen, None);
    assert!(screen.contains("joining Friday…  Esc cancels"), "{screen}");
    assert!(screen.contains("192.168.1.20:9999"), "{screen}");

    let keys = [KeyCode::Enter, KeyCode::Esc];
    let (chosen, screen) = visit(&keys, async |_, _| pending().await).await;
    assert_eq!(chosen, None, "Esc cancels the attempt, not the lobby");
    assert!(screen.contains("Enter join"), "{screen}");
    let keys = [KeyCode::Enter, KeyCode::Char('q')];
    let (chosen, _) = visit(&keys, async |_, _| pending().await).await;
    assert_eq!(chosen, Some(Ok(None)), "q quits while joining");
}

#[tokio::test(start_paused = true)]
async fn failed_attempt_returns_to_list_with_reason() {
    let tried = Cell::new(0);
    let second = async |found: FoundSession, _| {
        assert_eq!(found, session("Friday", 20));
        tried.set(tried.get() + 1);
        if tried.get() == 1 {
            Err("nothing is listening".to_owned().into())
        } else {
            Ok(tried.get())
        }
    };
    let (chosen, screen) = visit(&[KeyCode::Enter], second).await;
    assert_eq!(chosen, None);
    assert!(screen.contains("Friday: nothing is listening"), "{screen}");
    assert!(screen.contains("192.168.1.20:9999"), "{screen}");

    tried.set(0);
    let (chosen, _) = visit(&[KeyCode::Enter, KeyCode::Enter], second).await;
    assert_eq!(chosen, Some(Ok(Some(2))));
}

#[test]
fn visited_sessions_go_first_then_those_that_answer() {
    let mut lobby = Lobby::default();
    for number in 1..=4 {
        let visited = number == 3;
        lobby.update(DiscoveryEvent::Found(session("Jam", number)), visited, false);
    }
    lobby.heard(&session("Jam", 1), false);
    lobby.heard(&session("Jam", 4), true);
    let order = |lobby: &Lobby| -> Vec<u8> {
        let screen = screen(lobby);
        let ports = screen.split("192.168.1.").skip(1);
        ports.map(|rest| rest[..1].parse().expect("a digit")).collect()
    };
    assert_eq!(order(&lobby), [3, 4, 2, 1]);
    let Choice::Join(first, _) = press(&mut lobby, KeyCode::Enter) else { panic!("it is joined") };
    assert_eq!(first.id, "Jam 3", "the first one is selected until another one is");
}

/// Runs the lobby for a time with sessions that are found at once. Returns the screen.
async fn browse<A: Future<Output = bool> + Send + 'static>(
    sessions: Vec<FoundSession>,
    answers: impl Fn(FoundSession) -> A,
    time: Duration,
) -> String {
    let mut sessions = sessions.into_iter();
    let next = async || match sessions.next() {
        Some(session) => Some((DiscoveryEvent::Found(session), false)),
        None => pending().await,
    };
    let (_sender, mut inputs) = mpsc::channel(8);
    let mut terminal = Terminal::new(TestBackend::new(90, 24)).expect("in memory");
    let join = async |_, _| pending::<Result<(), JoinFailure>>().await;
    let choosing = lobby::choose(next, |_| false, answers, join, &mut terminal, &mut inputs);
    let chosen = timeout(time, choosing).await;
    assert!(chosen.is_err(), "nothing is chosen");
    terminal.backend().to_string()
}

fn forged(number: u16) -> FoundSession {
    let [high, low] = number.to_be_bytes();
    let addresses = vec![([10, 0, high, low], 9999).into()];
    FoundSession { id: format!("forged {number}"), addresses, ..session("Friday", 1) }
}

#[tokio::test(start_paused = true)]
async fn real_session_shows_before_two_thousand_forged_ones() {
    let mut sessions: Vec<_> = (0..2000).map(forged).collect();
    sessions.push(session("Real", 20));
    let real = session("Real", 20);
    // A refusal takes a moment.
    let answers = move |session: FoundSession| {
        let answers = session == real;
        async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            answers
        }
    };
    let screen = browse(sessions, answers, Duration::from_secs(60)).await;
    let first = screen.lines().nth(2).expect("a row");
    assert!(first.contains("Real"), "{screen}");
}

#[tokio::test(start_paused = true)]
async fn eight_sessions_on_the_screen_are_tried_at_a_time() {
    let tried = Rc::new(RefCell::new(Vec::new()));
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let answers = |session: FoundSession| {
        tried.borrow_mut().push(session.id);
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        async move {
            most.fetch_max(now.fetch_add(1, Relaxed) + 1, Relaxed);
            tokio::time::sleep(Duration::from_millis(100)).await;
            now.fetch_sub(1, Relaxed);
            true
        }
    };
    browse((0..100).map(forged).collect(), answers, Duration::from_secs(60)).await;
    assert_eq!(most.load(Relaxed), 8);
    // A screen of 24 lines has room for 19.
    let expected: Vec<_> = (0..19).map(|number| forged(number).id).collect();
    assert_eq!(*tried.borrow(), expected);
}

#[test]
fn lock_marks_the_sessions_that_ask_for_a_code() {
    let mut lobby = Lobby::default();
    for (number, name) in [(20, "Locked"), (21, "Known")] {
        let found = FoundSession { secret: true, ..session(name, number) };
        lobby.update(DiscoveryEvent::Found(found), false, name == "Known");
    }
    lobby.update(DiscoveryEvent::Found(session("Free", 22)), false, false);
    let screen = screen(&lobby);
    for (name, mark) in [("Locked", "locked"), ("Known", "known"), ("Free", "open")] {
        let line = screen.lines().find(|line| line.contains(name)).expect("a row");
        assert!(line.contains(&format!(" {mark} ")), "{line}");
    }
    assert!(screen.contains("locked: asks for a code"), "{screen}");
}

/// A host that refuses with this.
fn refusal(refusal: EntryRefusal) -> JoinFailure {
    let reason = ConnectionError::Host(ProtocolError::NotAdmitted(refusal));
    JoinFailure::at("stage:9999", &reason)
}

#[tokio::test(start_paused = true)]
async fn lobby_asks_for_the_code_until_it_is_right() {
    let shown = RefCell::new(Vec::new());
    let join = async |_: FoundSession, proof: EntryProof| {
        shown.borrow_mut().push(proof.code.clone());
        match proof.code {
            None => Err(refusal(EntryRefusal::CodeNeeded)),
            Some(code) if code == JoinCode::parse("123-456").expect("a code") => Ok(7),
            Some(_) => Err(refusal(EntryRefusal::WrongCode)),
        }
    };
    let typed = |code: &str| code.chars().map(KeyCode::Char).collect::<Vec<_>>();
    let enter = || vec![KeyCode::Enter];
    let keys = [enter(), typed("12x3")].concat();
    let (_, screen) = visit(&keys, join).await;
    assert!(screen.contains("Friday: the host asks for its code"), "{screen}");
    assert!(screen.contains("code: 123_"), "{screen}");

    let keys = [enter(), typed("111111"), enter()].concat();
    let (chosen, screen) = visit(&keys, join).await;
    assert_eq!(chosen, None);
    assert!(screen.contains("Friday: the code is wrong"), "{screen}");

    shown.borrow_mut().clear();
    let keys = [enter(), typed("111111"), enter(), typed("123-456"), enter()].concat();
    let (chosen, _) = visit(&keys, join).await;
    assert_eq!(chosen, Some(Ok(Some(7))));
    assert_eq!(shown.borrow().len(), 3, "each code that is typed is shown once");
}

#[tokio::test(start_paused = true)]
async fn person_can_be_asked_after_a_wrong_code() {
    let join = async |_: FoundSession, proof: EntryProof| match proof {
        EntryProof { ask: Some(_), .. } => Ok(7),
        EntryProof { code: None, .. } => Err(refusal(EntryRefusal::CodeOrQuestion)),
        EntryProof { code: Some(_), .. } => Err(refusal(EntryRefusal::WrongCode)),
    };
    let typed = "111111".chars().map(KeyCode::Char);
    let enter = || [KeyCode::Enter].into_iter();
    let keys: Vec<_> = enter().chain(typed).chain(enter()).chain(enter()).collect();
    let (chosen, screen) = visit(&keys, join).await;
    assert_eq!(chosen, Some(Ok(Some(7))), "{screen}");
}

#[tokio::test(start_paused = true)]
async fn narrow_lobby_shows_the_question_whole() {
    let join = async |_: FoundSession, _: EntryProof| Err(refusal(EntryRefusal::CodeOrQuestion));
    let (_, screen) = visit_at(60, &[KeyCode::Enter, KeyCode::Char('1')], join).await;
    for part in ["the host asks for its code, or can be asked", "code: 1_", "person there"] {
        assert!(screen.contains(part), "{part}: {screen}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_host_than_before_is_joined_by_its_code() {
    let reason = ConnectionError::OtherHost {
        label: "Friday".into(),
        host: PrivateKey::new([7; 32]).public(),
    };
    let join = async |_: FoundSession, proof: EntryProof| match proof.code {
        Some(_) => Ok(7),
        None => Err(JoinFailure::at("stage:9999", &reason)),
    };
    let (_, screen) = visit_at(60, &[KeyCode::Enter], join).await;
    for part in ["another computer answers at Friday", "--forget-host", "code: _"] {
        assert!(screen.contains(part), "{part}: {screen}");
    }
    let typed = "123456".chars().map(KeyCode::Char);
    let enter = || [KeyCode::Enter].into_iter();
    let keys: Vec<_> = enter().chain(typed).chain(enter()).collect();
    assert_eq!(visit(&keys, join).await.0, Some(Ok(Some(7))));
}

#[tokio::test(start_paused = true)]
async fn enter_alone_asks_only_where_a_person_can_answer() {
    for (why, asks) in [(EntryRefusal::CodeNeeded, false), (EntryRefusal::CodeOrQuestion, true)] {
        let asked = Cell::new(false);
        let join = async |_: FoundSession, proof: EntryProof| {
            asked.set(asked.get() || proof.ask.is_some());
            Err(refusal(why))
        };
        let (_, screen) = visit(&[KeyCode::Enter, KeyCode::Enter], join).await;
        assert_eq!(asked.get(), asks, "{screen}");
        assert_eq!(screen.contains("Enter alone asks the person there"), asks, "{screen}");
    }
}

#[tokio::test(start_paused = true)]
async fn escape_leaves_the_code_but_not_the_lobby() {
    let join = async |_: FoundSession, _: EntryProof| Err(refusal(EntryRefusal::CodeNeeded));
    let keys = [KeyCode::Enter, KeyCode::Char('1'), KeyCode::Esc];
    let (chosen, screen) = visit(&keys, join).await;
    assert_eq!(chosen, None);
    assert!(screen.contains("Enter join"), "{screen}");
}
