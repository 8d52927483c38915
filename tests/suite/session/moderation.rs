//! The host removes participants, and frees what absent ones own.

use imbolc_net::{
    SessionEvent,
    protocol::{
        ActionNumber, ClientId, ClientMessage, EntryRefusal, Hello, ProtocolError, Resume, Role,
    },
    sync::session::{Credentials, Rejected, Removed, SessionConfig},
};

use super::SECOND;
use crate::harness::{BASS, Guest, Harness, cutoff, hello, instance, key, play_key};

const REMOVED: ProtocolError = ProtocolError::NotAdmitted(EntryRefusal::Removed);

fn of(name: &str, number: u8) -> Hello {
    Hello { instance: Some(instance(number)), own: vec![BASS], ..hello(name) }
}

fn ana(harness: &mut Harness) -> Guest {
    harness.join_by(&of("Ana", 1), Credentials::proven(key(1)))
}

fn is_refused(harness: &mut Harness, hello: &Hello) -> bool {
    let answer = harness.enter(hello, Credentials::proven(key(1)));
    matches!(answer, Err(Rejected::Unfit(REMOVED)))
}

#[test]
fn removed_participant_loses_its_place_at_once() {
    let mut harness = Harness::new();
    let mut ana = ana(&mut harness);
    ana.dispatch(play_key(BASS, 40)).unwrap();
    harness.settle(&mut [&mut ana]);
    let removed = harness.session.remove_participant(ana.id());
    assert_eq!(removed, Some(Removed { key: Some(key(1)), name: "Ana".into() }));
    let state = harness.session.state();
    assert_eq!(state.roster.participants.len(), 1);
    assert!(state.roster.owners.is_empty());
    assert!(state.model.instruments.get(BASS).unwrap().sounding.is_empty(), "no key hangs");
    assert_eq!(harness.session.pull(harness.now, ana.connection).unwrap_err(), REMOVED);
    let action = cutoff(BASS, 500.0);
    let late = ClientMessage::Action { number: ActionNumber(2), continues: false, action };
    assert_eq!(harness.session.handle(harness.now, ana.connection, late), Err(REMOVED));
    assert_ne!(harness.cutoff(BASS), 500.0);
}

#[test]
fn removed_key_is_refused_until_it_is_readmitted() {
    let mut harness = Harness::new();
    let ana = ana(&mut harness);
    let resume = Some(Resume { ..ana.mirror.resume() });
    harness.session.remove_participant(ana.id());
    // Whatever the shell says of it: it was admitted by the shell each time.
    for hello in [of("Ana", 1), of("Zoe", 2), Hello { attempt: 9, resume, ..of("Ana", 1) }] {
        assert!(is_refused(&mut harness, &hello));
    }
    assert!(!harness.session.readmit_key(key(2)));
    assert!(is_refused(&mut harness, &of("Ana", 1)));
    assert!(harness.session.readmit_key(key(1)));
    let back = harness.join_by(&of("Ana", 1), Credentials::proven(key(1)));
    assert_eq!(back.mirror.name(), "Ana");
}

#[test]
fn every_program_of_a_removed_key_goes() {
    let mut harness = Harness::new();
    let ana = ana(&mut harness);
    let second = harness.join_by(&of("Ana", 2), Credentials::proven(key(1)));
    let ben = harness.join_by(&of("Ben", 1), Credentials::proven(key(2)));
    harness.session.remove_participant(ana.id());
    assert_eq!(harness.session.pull(harness.now, second.connection).unwrap_err(), REMOVED);
    assert!(harness.session.pull(harness.now, ben.connection).is_ok());
    assert_eq!(harness.session.state().roster.participants.len(), 2);
}

#[test]
fn only_the_place_of_a_plain_client_is_removed() {
    let mut harness = Harness::new();
    let (mut ana, ben) = (harness.join("Ana", &[]), harness.join("Ben", &[]));
    let removed = harness.session.remove_participant(ana.id());
    assert_eq!(removed, Some(Removed { key: None, name: "Ana".into() }));
    assert!(harness.session.pull(harness.now, ben.connection).is_ok(), "plain clients differ");
    assert!(matches!(harness.resume(&mut ana), Err(Rejected::Unknown(_))));
    harness.join("Ana", &[]);
}

#[test]
fn host_cannot_be_removed() {
    let mut harness = Harness::new();
    assert_eq!(harness.session.remove_participant(ClientId::HOST), None);
    assert_eq!(harness.session.remove_participant(ClientId(404)), None);
    assert_eq!(harness.session.state().roster.participants.len(), 1);
}

#[test]
fn only_what_an_absent_participant_owns_is_freed() {
    let mut harness = Harness::new();
    let (mut ana, mut ben) = (harness.join("Ana", &[BASS]), harness.join("Ben", &[]));
    harness.session.release_privilege(ClientId::HOST);
    harness.session.request_privilege(harness.now, ana.id()).unwrap();
    harness.settle(&mut [&mut ana, &mut ben]);
    for client in [ana.id(), ClientId::HOST, ClientId(404)] {
        assert!(!harness.session.free(client));
    }
    assert!(harness.session.state().roster.owns(ana.id(), BASS));

    harness.cut(&mut ana);
    ben.take_events();
    assert!(harness.session.free(ana.id()));
    let roster = &harness.session.state().roster;
    assert!(roster.owner(BASS).is_none() && roster.is_privileged(ClientId::HOST));
    harness.settle(&mut [&mut ben]);
    let freed = SessionEvent::Ownership { instrument: BASS, owner: None };
    assert!(ben.take_events().contains(&freed));
    // She has lost nothing else.
    harness.resume(&mut ana).unwrap();
}

#[test]
fn unattended_host_decides_the_same() {
    let config = SessionConfig { attended: false, ..SessionConfig::default() };
    let mut harness = Harness::with(config);
    let mut ben = harness.join("Ben", &[BASS]);
    harness.session.request_privilege(harness.now, ben.id()).unwrap();
    harness.cut(&mut ben);
    assert!(harness.session.free(ben.id()));
    assert!(harness.session.state().roster.privileged.is_none());
    assert!(harness.session.set_role(ben.id(), Role::Viewer));
    let ana = ana(&mut harness);
    assert!(harness.session.remove_participant(ana.id()).is_some());
    assert!(is_refused(&mut harness, &of("Ana", 1)));
    harness.pass(61 * SECOND);
    assert!(is_refused(&mut harness, &of("Ana", 1)), "until the session ends");
}
