//! The privilege: at most one participant holds it.

use std::time::Duration;

use imbolc_net::{
    SessionEvent,
    protocol::{ClientId, ClientMessage, Hello, PrivilegeLevel, Refusal, ServerMessage},
    sync::mirror::MirrorError,
    sync::session::MessageOutcome,
    util::time::Millis,
};

use super::{PLAY, SECOND, STOP, updates};
use crate::harness::{Harness, hello};

#[test]
fn denied_privilege_names_its_holder() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    let mut ben = harness.join("Ben", &[]);
    assert!(matches!(
        ana.dispatch(PLAY),
        Err(MirrorError::Refused(Refusal::NotPrivileged { holder: Some(_) }))
    ));
    ana.mirror.enqueue(ClientMessage::RequestPrivilege);
    harness.settle(&mut [&mut ana, &mut ben]);
    assert!(ana.take_events().iter().any(|event| matches!(
        event,
        SessionEvent::PrivilegeDenied { holder, .. } if &*holder.name == "host"
    )));

    harness.session.release_privilege(ClientId::HOST);
    ana.mirror.enqueue(ClientMessage::RequestPrivilege);
    harness.settle(&mut [&mut ana, &mut ben]);
    ana.dispatch(PLAY).unwrap();
    harness.settle(&mut [&mut ana, &mut ben]);
    assert!(ben.mirror.confirmed().model.transport.playing);
    assert!(
        harness.session.act(harness.now, &STOP).is_err(),
        "the host is refused too while Ana has it"
    );

    ben.mirror.enqueue(ClientMessage::RequestPrivilege);
    harness.settle(&mut [&mut ana, &mut ben]);
    assert!(harness.session.state().roster.is_privileged(ana.id()));

    // But the host may take it back at any time.
    harness.session.request_privilege(harness.now, ClientId::HOST).unwrap();
    harness.session.act(harness.now, &STOP).unwrap();
    let (_, messages) = updates(&mut harness, &ana);
    assert!(
        messages.iter().any(|message| matches!(
            message,
            ServerMessage::PrivilegeRevoked { by } if &*by.name == "host"
        )),
        "{messages:?}"
    );
}

#[test]
fn only_the_host_takes_the_privilege_in_a_blip() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    let mut ben = harness.join("Ben", &[]);
    harness.session.release_privilege(ClientId::HOST);
    harness.session.request_privilege(harness.now, ana.id()).unwrap();
    harness.settle(&mut [&mut ana, &mut ben]);
    harness.cut(&mut ana);
    harness.pass(Duration::from_millis(4500));
    ben.mirror.enqueue(ClientMessage::RequestPrivilege);
    harness.settle(&mut [&mut ben]);
    assert!(ben.take_events().iter().any(|event| matches!(
        event,
        SessionEvent::PrivilegeDenied { holder, reserved: Some(Millis(10_000..=10_500)) }
            if &*holder.name == "Ana"
    )));
    let asked = Hello { privilege: true, ..hello("Cho") };
    assert_eq!(harness.welcome(&asked).1.privilege, PrivilegeLevel::Normal);

    // A stop of the host is no absence.
    harness.pause(20 * SECOND);
    assert!(harness.session.request_privilege(harness.now, ben.id()).is_err());

    // A client that is back in time has lost nothing.
    harness.resume(&mut ana).ok().unwrap();
    assert!(harness.session.state().roster.is_privileged(ana.id()));
    harness.cut(&mut ana);
    harness.session.request_privilege(harness.now, ClientId::HOST).unwrap();
}

#[test]
fn privilege_of_an_away_holder_can_be_taken() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    let mut ben = harness.join("Ben", &[]);
    harness.session.release_privilege(ClientId::HOST);
    harness.session.request_privilege(harness.now, ana.id()).unwrap();
    assert!(harness.session.request_privilege(harness.now, ben.id()).is_err());
    harness.cut(&mut ana);
    harness.pass(Duration::from_millis(14_900));
    harness.session.heard(harness.now, ben.connection).unwrap();
    assert!(harness.session.request_privilege(harness.now, ben.id()).is_err());
    harness.pass(SECOND / 10);
    harness.session.request_privilege(harness.now, ben.id()).unwrap();
    harness.resume(&mut ana).ok().unwrap();
    harness.settle(&mut [&mut ana, &mut ben]);
    let roster = &ana.mirror.confirmed().roster;
    assert_eq!(roster.privilege(ana.id()), PrivilegeLevel::Normal);
    assert_eq!(roster.privilege(ben.id()), PrivilegeLevel::Privileged);
}

#[test]
fn resumed_holder_keeps_the_privilege() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    harness.session.release_privilege(ClientId::HOST);
    harness.session.request_privilege(harness.now, ana.id()).unwrap();
    harness.cut(&mut ana);
    harness.resume(&mut ana).ok().unwrap();
    assert_eq!(harness.session.state().roster.privilege(ana.id()), PrivilegeLevel::Privileged);
}

#[test]
fn privilege_of_a_removed_holder_is_free() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[]);
    harness.session.release_privilege(ClientId::HOST);
    harness.session.request_privilege(harness.now, ana.id()).unwrap();
    let heard = harness.session.handle(harness.now, ana.connection, ClientMessage::Goodbye);
    assert_eq!(heard, Ok(MessageOutcome::Leaving));
    assert_eq!(harness.session.state().roster.privileged, None);
}
