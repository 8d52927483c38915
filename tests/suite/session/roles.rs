//! Viewers see and follow, and change nothing.

use imbolc_net::{
    SessionEvent,
    protocol::{
        ActionNumber, ClientId, ClientMessage, Hello, OwnershipRefusal, PrivilegeLevel, Refusal,
        Resume, Role, ServerMessage,
    },
    studio::NetworkAction,
    sync::{
        mirror::MirrorError,
        session::{Credentials, MessageOutcome, SessionConfig},
    },
};

use super::{SECOND, updates};
use crate::harness::{BASS, Guest, Harness, LEAD, cutoff, hello, instance, key, play_key};

fn viewing(name: &str) -> Hello {
    Hello { role: Role::Viewer, instance: Some(instance(1)), ..hello(name) }
}

fn viewer(harness: &mut Harness, name: &str) -> Guest {
    let token = harness.token();
    harness.join_by(&viewing(name), Credentials::plain(token))
}

fn act(number: u64, action: NetworkAction) -> ClientMessage {
    ClientMessage::Action { number: ActionNumber(number), continues: false, action }
}

fn role(harness: &Harness, client: ClientId) -> Role {
    harness.session.state().roster.participants[&client].role
}

#[test]
fn every_action_of_a_viewer_is_refused() {
    let mut harness = Harness::new();
    let vic = viewer(&mut harness, "Vic");
    let before = harness.session.state().clone();
    let numbered = ActionNumber;
    let missing = cutoff(imbolc_net::model::InstrumentId(404), 500.0);
    let batch = vec![cutoff(BASS, 500.0)];
    for message in [
        act(1, cutoff(BASS, 500.0)),
        act(2, NetworkAction::Panic),
        act(3, super::add(1001)),
        act(4, super::PLAY),
        act(5, missing),
        ClientMessage::Undo { number: numbered(6) },
        ClientMessage::Redo { number: numbered(7) },
        ClientMessage::Batch { number: numbered(8), actions: batch },
    ] {
        let outcome = harness.session.handle(harness.now, vic.connection, message).unwrap();
        let reason = match outcome {
            MessageOutcome::Refused(Refusal::InBatch { index: 0, reason, .. }) => *reason,
            MessageOutcome::Refused(reason) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason, Refusal::Viewer);
    }
    assert_eq!(*harness.session.state(), before);
}

#[test]
fn mirror_refuses_to_a_viewer_what_the_host_would() {
    let mut harness = Harness::new();
    let mut vic = viewer(&mut harness, "Vic");
    let refused = Err(MirrorError::Refused(Refusal::Viewer));
    assert_eq!(vic.dispatch(cutoff(BASS, 500.0)), refused);
    assert_eq!(vic.mirror.undo().map(drop), refused);
    assert_eq!(vic.mirror.redo().map(drop), refused);
    let own = ClientMessage::RequestOwnership { instruments: vec![BASS] };
    for request in [own, ClientMessage::RequestPrivilege] {
        assert_eq!(vic.mirror.request(request), refused);
    }
    vic.mirror.request(ClientMessage::RequestFullSync).unwrap();
    harness.settle(&mut [&mut vic]);
}

#[test]
fn viewer_gets_no_instrument_and_no_privilege() {
    let mut harness = Harness::new();
    harness.session.release_privilege(ClientId::HOST);
    let asking = Hello { own: vec![BASS], privilege: true, ..viewing("Vic") };
    let (connection, welcome) = harness.welcome(&asking);
    let refused = vec![OwnershipRefusal { instrument: BASS, reason: Refusal::Viewer }];
    assert_eq!((&welcome.granted[..], &welcome.refused), (&[][..], &refused));
    assert_eq!(welcome.privilege, PrivilegeLevel::Normal);
    for request in [
        ClientMessage::RequestOwnership { instruments: vec![BASS] },
        ClientMessage::RequestPrivilege,
    ] {
        harness.session.handle(harness.now, connection, request).unwrap();
    }
    let answers = harness.session.pull(harness.now, connection).unwrap().messages;
    assert!(answers.contains(&ServerMessage::OwnershipAnswer { granted: vec![], refused }));
    let denied = ServerMessage::PrivilegeDenied { holder: None, reserved: None };
    assert!(answers.contains(&denied), "{answers:?}");
    let roster = &harness.session.state().roster;
    assert!(roster.owners.is_empty() && roster.privileged.is_none());
}

#[test]
fn denied_viewer_is_told_by_an_event() {
    let mut harness = Harness::new();
    let mut vic = viewer(&mut harness, "Vic");
    vic.mirror.handle(ServerMessage::PrivilegeDenied { holder: None, reserved: None });
    let denied = SessionEvent::PrivilegeDenied { holder: None, reserved: None };
    assert!(vic.take_events().contains(&denied));
}

#[test]
fn sole_viewer_may_do_nothing() {
    let config = SessionConfig { attended: false, ..SessionConfig::default() };
    let mut harness = Harness::with(config);
    let mut vic = viewer(&mut harness, "Vic");
    let roster = &harness.session.state().roster;
    assert!(!roster.may_play(vic.id(), BASS) && !roster.may_lead(vic.id()));
    assert_eq!(vic.dispatch(cutoff(BASS, 500.0)), Err(MirrorError::Refused(Refusal::Viewer)));
}

#[test]
fn player_beside_a_viewer_asks_for_instruments() {
    let mut harness = Harness::new();
    viewer(&mut harness, "Vic");
    harness.session.act(harness.now, &cutoff(BASS, 500.0)).unwrap_err();
    harness.session.claim(ClientId::HOST, &[BASS]);
    harness.session.act(harness.now, &cutoff(BASS, 500.0)).unwrap();
}

#[test]
fn demoted_player_loses_all_in_one_step() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS, LEAD]);
    harness.session.release_privilege(ClientId::HOST);
    harness.session.request_privilege(harness.now, ana.id()).unwrap();
    ana.dispatch(play_key(BASS, 40)).unwrap();
    harness.settle(&mut [&mut ana]);
    // It is under way when she is made a viewer.
    ana.dispatch(cutoff(BASS, 500.0)).unwrap();
    ana.transmit();
    ana.take_events();
    assert!(harness.session.set_role(ana.id(), Role::Viewer));
    let state = harness.session.state();
    assert!(state.roster.owned_by(ana.id()).next().is_none());
    assert!(state.roster.is_privileged(ClientId::HOST));
    let bass = state.model.instruments.get(BASS).unwrap();
    assert!(bass.sounding.is_empty(), "no key hangs");

    let number = ActionNumber(2);
    harness.settle(&mut [&mut ana]);
    assert!(ana.take_settled().contains(&(number, Err(Refusal::Viewer))));
    assert_eq!(ana.mirror.predicted(), harness.session.state());
    let told = ana.take_events().into_iter().any(|event| {
        matches!(event, SessionEvent::RoleChanged { participant, role: Role::Viewer }
            if &*participant.name == "Ana")
    });
    assert!(told);
}

#[test]
fn sole_player_that_is_demoted_holds_no_key() {
    let config = SessionConfig { attended: false, ..SessionConfig::default() };
    let mut harness = Harness::with(config);
    let mut ana = harness.join("Ana", &[]);
    ana.dispatch(play_key(BASS, 40)).unwrap();
    harness.settle(&mut [&mut ana]);
    harness.session.set_role(ana.id(), Role::Viewer);
    let bass = harness.session.state().model.instruments.get(BASS).unwrap().clone();
    assert!(bass.sounding.is_empty(), "no key hangs");
}

#[test]
fn player_again_asks_again_and_undoes_what_it_did() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    ana.dispatch(cutoff(BASS, 500.0)).unwrap();
    harness.settle(&mut [&mut ana]);
    harness.session.set_role(ana.id(), Role::Viewer);
    harness.session.set_role(ana.id(), Role::Player);
    harness.settle(&mut [&mut ana]);
    assert!(ana.dispatch(cutoff(BASS, 900.0)).is_err(), "nothing is given back by itself");
    let own = ClientMessage::RequestOwnership { instruments: vec![BASS] };
    ana.mirror.request(own).unwrap();
    harness.settle(&mut [&mut ana]);
    ana.mirror.undo().unwrap();
    harness.settle(&mut [&mut ana]);
    assert_eq!(harness.cutoff(BASS), 8000.0);
}

#[test]
fn later_hello_raises_no_role_of_a_key() {
    let mut harness = Harness::new();
    let credentials = Credentials::proven(key(1));
    let hello = |number| Hello { instance: Some(instance(number)), ..hello("Ana") };
    let ana = harness.join_by(&hello(1), credentials);
    let second = harness.join_by(&hello(2), credentials);
    harness.session.set_role(ana.id(), Role::Viewer);
    assert_eq!(role(&harness, second.id()), Role::Viewer, "so her other program is none, too");

    let again = harness.join_by(&hello(1), credentials);
    assert_eq!(role(&harness, again.id()), Role::Viewer);
    harness.session.disconnected(harness.now, again.connection);
    harness.pass(61 * SECOND);
    let later = harness.join_by(&hello(1), credentials);
    assert_eq!(role(&harness, later.id()), Role::Viewer);

    harness.session.set_role(later.id(), Role::Player);
    let raised = harness.join_by(&hello(3), credentials);
    assert_eq!(role(&harness, raised.id()), Role::Player);
    let lowered = harness.join_by(&Hello { role: Role::Viewer, ..hello(4) }, credentials);
    assert_eq!(role(&harness, lowered.id()), Role::Viewer);
}

#[test]
fn role_of_a_plain_client_stays_with_its_place() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    harness.session.set_role(ana.id(), Role::Viewer);
    harness.cut(&mut ana);
    harness.resume(&mut ana).unwrap();
    assert_eq!(role(&harness, ana.id()), Role::Viewer);
}

#[test]
fn resuming_program_keeps_the_role_that_it_was_given() {
    let mut harness = Harness::new();
    let mut vic = viewer(&mut harness, "Vic");
    harness.session.set_role(vic.id(), Role::Player);
    harness.settle(&mut [&mut vic]);
    let resume = |resume| Hello { resume: Some(resume), ..viewing("Vic") };
    drop(harness.handshake(&resume(vic.mirror.resume())).unwrap());
    assert_eq!(role(&harness, vic.id()), Role::Player);
    // A program that was started again asks anew.
    let fresh = Resume { seq: None, ..vic.mirror.resume() };
    drop(harness.handshake(&resume(fresh)).unwrap());
    assert_eq!(role(&harness, vic.id()), Role::Viewer);
}

#[test]
fn host_cannot_be_made_a_viewer() {
    let mut harness = Harness::new();
    let before = harness.session.state().clone();
    assert!(!harness.session.set_role(ClientId::HOST, Role::Viewer));
    assert!(!harness.session.set_role(ClientId(404), Role::Viewer));
    assert_eq!(*harness.session.state(), before);
}

#[test]
fn viewer_follows_the_session() {
    let mut harness = Harness::new();
    let (mut vic, mut ana) = (viewer(&mut harness, "Vic"), harness.join("Ana", &[BASS]));
    ana.dispatch(cutoff(BASS, 500.0)).unwrap();
    harness.settle(&mut [&mut vic, &mut ana]);
    assert_eq!(vic.cutoff(BASS), 500.0);
    let (_, messages) = updates(&mut harness, &vic);
    assert!(!messages.iter().any(|message| matches!(message, ServerMessage::Error(_))));
}
