//! What a host shows and decides of those who join, and what a client shows of its host.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use imbolc_net::{
    Event, SessionEvent,
    admission::{AdmissionPolicy, CodePause, JoinRequest, PeerAddress, StrangerId, Verdict},
    dispatcher::{DispatchError, HostCommand, HostTrust, Status},
    protocol::{Presence, Refusal, Role},
    security::{JoinCode, PrivateKey},
    studio::{NetworkAction, Pane},
    util::time::Timestamp,
};

use crate::stage::{ANA, BASS, BEN, MIA, Scene, Stage};

/// How long the person looks at a request.
const LOOK: Duration = Duration::from_millis(500);

fn address() -> PeerAddress {
    PeerAddress::of(Some(IpAddr::from([192, 168, 1, 7])))
}

fn request(id: u64, name: Option<&str>) -> JoinRequest {
    JoinRequest {
        id: StrangerId(id),
        key: PrivateKey::new([7; 32]).public(),
        words: ["able", "about", "above", "absent", "abstract", "absurd"],
        name: name.map(Into::into),
        is_name_taken: false,
        address: address(),
        since: Timestamp::from_micros(1),
    }
}

fn hosting() -> Stage {
    let mut stage = Stage::new(Scene::Hosting);
    stage.show(Pane::People);
    stage
}

/// A stranger asks to join.
fn ask(stage: &mut Stage, request: JoinRequest) {
    stage.edit_admission(|admission| {
        admission.requests.retain(|other| other.id != request.id);
        admission.requests.push(request.clone());
    });
    stage.emit(Event::WantsToJoin(request));
}

fn decision(id: u64, verdict: Verdict) -> HostCommand {
    HostCommand::Decide { request: StrangerId(id), verdict }
}

#[test]
fn host_shows_its_code_in_status_and_people() {
    let mut stage = Stage::new(Scene::Hosting);
    let screen = stage.screen();
    let status = screen.lines().last().expect("a line");
    assert!(status.contains("hosting at 192.168.1.20:9999, code 123-456"), "{status}");
    stage.show(Pane::People);
    let screen = stage.screen();
    assert!(screen.contains("code 123-456: type it on the other machine when it asks"), "{screen}");
    stage.resize(60, 16);
    assert!(stage.screen().lines().last().expect("a line").contains("code 123-456"));

    let mut ana = Stage::new(Scene::Joined);
    assert!(!ana.show(Pane::People).screen().contains("code"));
}

#[test]
fn open_session_says_that_everybody_is_admitted() {
    let mut stage = hosting();
    stage.edit_admission(|admission| admission.policy = AdmissionPolicy::Open);
    let screen = stage.screen();
    assert!(screen.contains("open: everybody is admitted, without a code"), "{screen}");
    assert!(screen.contains("hosting at 192.168.1.20:9999, open"), "{screen}");
    assert!(!screen.contains("123-456"), "{screen}");
}

#[test]
fn new_code_is_told_with_its_reason() {
    let mut stage = hosting();
    stage
        .edit_admission(|admission| admission.paused = Some(CodePause::Addresses(vec![address()])));
    let screen = stage.screen();
    assert!(screen.contains("the code is paused for 192.168.1.7, after 5 wrong ones"), "{screen}");
    assert!(screen.contains(":code makes a new one"), "{screen}");
    let status = screen.lines().last().expect("a line");
    assert!(status.contains("code 123-456 paused for some"), "{screen}");
    // Others can still show it.
    let pane = "│code 123-456, paused for 192.168.1.7, after 5 wrong ones";
    assert!(stage.show(Pane::People).screen().contains(pane), "{}", stage.screen());
    stage.press(":code<enter>");
    assert_eq!(stage.administered(), [HostCommand::NewCode]);
    stage.edit_admission(|admission| {
        admission.paused = None;
        admission.code = JoinCode::parse("654-321").expect("a code");
    });
    let screen = stage.screen();
    assert!(screen.contains("new code 654-321"), "{screen}");
    assert!(screen.contains("(the old one was paused for 192.168.1.7"), "{screen}");
}

#[tokio::test(start_paused = true)]
async fn question_shows_words_and_the_claimed_name() {
    let mut stage = hosting();
    ask(&mut stage, request(1, None));
    assert!(stage.screen().contains("1 asks to join"));
    assert!(stage.screen().contains("able about above absent abstract absurd"));
    let taken = JoinRequest { is_name_taken: true, ..request(1, Some("ana")) };
    ask(&mut stage, taken);
    let screen = stage.screen();
    assert!(screen.contains("192.168.1.7 asks to join as “ana” (taken)"), "{screen}");
    insta::assert_snapshot!("asked", screen);
    // Where there is less room, the keys have a line of their own.
    stage.resize(60, 16);
    let narrow = stage.screen();
    assert!(narrow.contains("y in  Y for good  n no"), "{narrow}");
}

#[tokio::test(start_paused = true)]
async fn keys_answer_the_question_under_the_cursor() {
    for (key, verdict) in [("y", Verdict::Once), ("Y", Verdict::ForGood), ("n", Verdict::No)] {
        let mut stage = hosting();
        ask(&mut stage, request(1, Some("eve")));
        ask(&mut stage, request(2, Some("zoe")));
        stage.screen();
        stage.press("<down>");
        tokio::time::advance(LOOK).await;
        stage.press(key);
        assert_eq!(stage.administered(), [decision(2, verdict)]);
    }
}

#[tokio::test(start_paused = true)]
async fn key_in_flight_admits_nobody_who_just_came_up() {
    let mut stage = hosting();
    ask(&mut stage, request(1, Some("eve")));
    ask(&mut stage, request(2, Some("zoe")));
    stage.screen();
    tokio::time::advance(LOOK).await;
    // The one that the person looks at goes, and the key comes.
    stage.edit_admission(|admission| admission.requests.retain(|it| it.id != StrangerId(1)));
    stage.press("y");
    assert_eq!(stage.administered(), []);
    assert!(stage.screen().contains("look, then press it again"));
    // A name that comes late is new, too.
    tokio::time::advance(LOOK).await;
    ask(&mut stage, request(2, Some("mallory")));
    stage.press("y");
    assert_eq!(stage.administered(), []);
    tokio::time::advance(LOOK).await;
    stage.press("y");
    assert_eq!(stage.administered(), [decision(2, Verdict::Once)]);
}

#[tokio::test(start_paused = true)]
async fn question_takes_no_key_from_who_plays() {
    let mut stage = hosting();
    stage.press("k");
    ask(&mut stage, request(1, Some("eve")));
    stage.screen();
    tokio::time::advance(LOOK).await;
    stage.press("y");
    assert_eq!(stage.administered(), []);
    assert!(stage.app.plays_notes(), "the keyboard still plays");
    stage.press("<esc>");

    // Nor from another pane, where it is told, too.
    stage.show(Pane::Mixer);
    assert!(stage.screen().contains("asks to join as “eve”"));
    stage.press("y").press("Y").press("n");
    assert_eq!(stage.administered(), []);
}

#[test]
fn admit_by_name_from_every_pane() {
    let mut stage = Stage::new(Scene::Hosting);
    stage.press(":admit eve<enter>");
    assert_eq!(stage.administered(), [HostCommand::Admit { name: "eve".into() }]);
    stage.press(":admit<enter>");
    assert!(stage.screen().contains("a name is needed"));
}

#[test]
fn role_and_removal_are_asked_once() {
    for (key, question, command) in [
        ("v", "ana will be a viewer", HostCommand::SetRole { client: ANA, role: Role::Viewer }),
        ("D", "ana will be removed, and a new code made", HostCommand::Remove { client: ANA }),
    ] {
        let mut stage = hosting();
        stage.press("<down>").press(key);
        assert_eq!(stage.administered(), []);
        assert!(stage.screen().contains(question), "{}", stage.screen());
        stage.press("n");
        assert_eq!(stage.administered(), []);
        stage.press(key).press("y");
        assert_eq!(stage.administered(), [command]);
    }
    // To play again takes nothing from anybody.
    let mut stage = hosting();
    stage.edit_roster(|roster| {
        roster.participants.get_mut(&ANA).expect("she is there").role = Role::Viewer;
    });
    stage.press("<down>v");
    assert_eq!(stage.administered(), [HostCommand::SetRole { client: ANA, role: Role::Player }]);
}

#[test]
fn only_what_an_absent_one_owns_is_freed() {
    let mut stage = hosting();
    stage.press("<down>f");
    assert!(stage.screen().contains("ana is not away"));
    stage.press("<down>f");
    assert!(stage.screen().contains("the instruments of ben will be free"));
    stage.press("f");
    assert_eq!(stage.administered(), [HostCommand::Free { client: BEN }]);
    stage.press("<home>D");
    assert_eq!(stage.administered(), [], "not the host itself");
}

#[test]
fn client_decides_about_nobody() {
    let mut stage = Stage::new(Scene::Joined);
    stage.show(Pane::People).press("<home>").press("vDfyYn");
    assert_eq!(stage.administered(), []);
    let error = DispatchError::NotHost.to_string();
    assert_eq!(error, "only the host of the session can do this");
}

#[test]
fn role_and_key_of_each_are_shown_to_everybody() {
    let key = PrivateKey::new([7; 32]).public();
    let mut stage = Stage::new(Scene::Joined);
    stage.edit_roster(|roster| {
        roster.participants.get_mut(&ANA).expect("she is there").key = Some(key);
        let ben = roster.participants.get_mut(&BEN).expect("he is there");
        (ben.role, ben.presence, ben.key) = (Role::Viewer, Presence::Here, None);
    });
    stage.show(Pane::People);
    let screen = stage.screen();
    let row = |name| screen.lines().find(|line| line.contains(name)).expect("a row");
    assert!(row("ana ").contains(&key.to_string()[..8]), "{screen}");
    assert!(row("ben ").contains("viewer plain"), "{screen}");
    assert!(!row("mia ").contains("plain"), "{screen}");
    stage.resize(60, 16);
    assert!(!stage.screen().contains(&key.to_string()[..8]));
    assert!(stage.screen().contains("viewer plain"));
}

#[test]
fn viewer_sees_that_it_is_one() {
    let mut stage = Stage::new(Scene::Joined);
    stage.edit_roster(|roster| {
        roster.participants.get_mut(&ANA).expect("she is there").role = Role::Viewer;
    });
    stage.refuse_all(Refusal::Viewer);
    assert!(stage.screen().lines().last().expect("a line").contains("viewer"));
    stage.press("+");
    assert!(stage.screen().contains(&Refusal::Viewer.to_string()), "{}", stage.screen());
    let participant = stage.owner(ANA).expect("she takes part");
    stage.emit(Event::Session(SessionEvent::RoleChanged { participant, role: Role::Player }));
    assert!(stage.screen().contains("you are a player now"));
    let participant = stage.owner(MIA).expect("she takes part");
    stage.emit(Event::Session(SessionEvent::RoleChanged { participant, role: Role::Viewer }));
    assert!(stage.screen().contains("mia is a viewer now"));
    let asked: Vec<NetworkAction> = stage.dispatched();
    assert!(!asked.is_empty(), "{BASS}");
}

#[test]
fn status_marks_connections_that_prove_nothing() {
    let mut stage = Stage::new(Scene::Joined);
    for (trust, mark) in [
        (HostTrust::Unverified, ", unverified"),
        (HostTrust::Plain, ", plain"),
        (HostTrust::Verified, ""),
    ] {
        let round_trip = Some(Duration::from_micros(2400));
        stage.set_status(Status::Connected { round_trip, heard: Instant::now(), trust });
        let screen = stage.screen();
        let status = screen.lines().last().expect("a line");
        assert!(status.contains(&format!("connected, 2.4 ms{mark}  ")), "{status}");
    }
}
