//! The privilege: at most one participant holds it.

use std::time::Duration;

use imbolc_net::{
    SessionEvent,
    protocol::{ClientId, ClientMessage, Hello, PrivilegeLevel, Refusal, ServerMessage},
    studio::Studio,
    sync::mirror::MirrorError,
    sync::session::{MessageOutcome, SessionConfig},
    util::time::Millis,
};

use super::{PLAY, SECOND, STOP, updates};
use crate::harness::{Guest, Harness, LEAD, cutoff, hello};

/// Nobody sits at the host.
fn unattended() -> Harness {
    Harness::with(SessionConfig { attended: false, ..SessionConfig::default() })
}

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
        SessionEvent::PrivilegeDenied { holder: Some(holder), .. } if &*holder.name == "host"
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
        SessionEvent::PrivilegeDenied {
            holder: Some(holder),
            reserved: Some(Millis(10_000..=10_500))
        }
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

type LeavingWay = fn(&mut Harness, &mut Guest);

/// The ways in which a holder is gone for good.
const LEAVING: [LeavingWay; 2] = [
    |harness, ana| {
        let heard = harness.session.handle(harness.now, ana.connection, ClientMessage::Goodbye);
        assert_eq!(heard, Ok(MessageOutcome::Leaving));
    },
    |harness, ana| {
        harness.cut(ana);
        harness.pass(61 * SECOND);
    },
];

#[test]
fn leaving_holder_gives_the_privilege_back_to_the_host() {
    for leave in LEAVING {
        let mut harness = Harness::new();
        let mut ana = harness.join("Ana", &[]);
        harness.session.release_privilege(ClientId::HOST);
        harness.session.request_privilege(harness.now, ana.id()).unwrap();
        leave(&mut harness, &mut ana);
        assert!(harness.session.state().roster.is_privileged(ClientId::HOST));
        // One that leaves without the privilege takes it from no one.
        let ben = harness.join("Ben", &[]);
        let cho = harness.join("Cho", &[]);
        harness.session.release_privilege(ClientId::HOST);
        harness.session.request_privilege(harness.now, cho.id()).unwrap();
        harness.session.handle(harness.now, ben.connection, ClientMessage::Goodbye).unwrap();
        assert!(harness.session.state().roster.is_privileged(cho.id()));
    }
}

#[test]
fn leaving_holder_frees_the_privilege_of_an_unattended_host() {
    for leave in LEAVING {
        let mut harness = unattended();
        let mut ana = harness.join("Ana", &[]);
        let _ben = harness.join("Ben", &[]);
        harness.session.request_privilege(harness.now, ana.id()).unwrap();
        leave(&mut harness, &mut ana);
        assert_eq!(harness.session.state().roster.privileged, None);
    }
}

#[test]
fn unattended_host_leaves_the_privilege_to_the_first_to_ask() {
    let mut harness = unattended();
    assert!(harness.session.state().roster.participants.is_empty());
    let mut ana = harness.join("Ana", &[]);
    let mut ben = harness.join("Ben", &[]);
    assert_eq!(harness.session.state().roster.privileged, None);
    harness.settle(&mut [&mut ana, &mut ben]);
    assert!(ana.dispatch(PLAY).is_err(), "nobody is alone, and nobody has asked");
    ana.mirror.enqueue(ClientMessage::RequestPrivilege);
    harness.settle(&mut [&mut ana, &mut ben]);
    ana.dispatch(PLAY).unwrap();
    harness.settle(&mut [&mut ana, &mut ben]);
    assert!(ben.mirror.confirmed().model.transport.playing);
    harness.session.request_privilege(harness.now, ben.id()).unwrap_err();

    // A `Hello` may ask, too.
    let asking = Hello { privilege: true, ..hello("Ana") };
    for (mut harness, level) in
        [(unattended(), PrivilegeLevel::Privileged), (Harness::new(), PrivilegeLevel::Normal)]
    {
        assert_eq!(harness.welcome(&asking).1.privilege, level);
    }
}

#[test]
fn operator_of_an_unattended_host_needs_no_privilege() {
    let mut harness = unattended();
    harness.session.act(harness.now, &PLAY).unwrap();
    let ana = harness.join("Ana", &[LEAD]);
    harness.session.request_privilege(harness.now, ana.id()).unwrap();
    harness.session.act(harness.now, &STOP).unwrap();
    assert!(harness.session.state().roster.is_privileged(ana.id()), "she keeps it");
    let refused = harness.session.act(harness.now, &cutoff(LEAD, 500.0));
    assert!(matches!(refused, Err(Refusal::NotOwner { owner: Some(_), .. })), "{refused:?}");
}

#[test]
fn sole_participant_needs_no_privilege() {
    let mut harness = Harness::new();
    harness.session.release_privilege(ClientId::HOST);
    harness.session.act(harness.now, &PLAY).unwrap();
    let _ana = harness.join("Ana", &[]);
    let refused = harness.session.act(harness.now, &STOP);
    assert_eq!(refused, Err(Refusal::NotPrivileged { holder: None }));

    let mut harness = unattended();
    let mut ben = harness.join("Ben", &[]);
    ben.dispatch(PLAY).unwrap();
    harness.settle(&mut [&mut ben]);
    assert!(harness.session.state().model.transport.playing);
}

fn asked_by(events: &[SessionEvent<Studio>]) -> Vec<&str> {
    let asks = events.iter().filter_map(|event| match event {
        SessionEvent::PrivilegeRequested { by } => Some(&*by.name),
        _ => None,
    });
    asks.collect()
}

#[test]
fn holder_sees_who_asks_for_the_privilege() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    let mut ben = harness.join("Ben", &[]);
    ana.mirror.enqueue(ClientMessage::RequestPrivilege);
    harness.settle(&mut [&mut ana, &mut ben]);
    assert_eq!(asked_by(&harness.take_news()), ["Ana"], "the host holds it");
    harness.welcome(&Hello { privilege: true, ..hello("Cho") });
    assert_eq!(asked_by(&harness.take_news()), ["Cho"], "a Hello asks, too");

    harness.session.release_privilege(ClientId::HOST);
    harness.session.request_privilege(harness.now, ana.id()).unwrap();
    ben.mirror.enqueue(ClientMessage::RequestPrivilege);
    harness.settle(&mut [&mut ana, &mut ben]);
    assert_eq!(asked_by(&ana.take_events()), ["Ben"]);
    assert_eq!(asked_by(&ben.take_events()), [""; 0]);
    assert_eq!(asked_by(&harness.take_news()), [""; 0], "the host does not hold it");
    // The host does not ask, it takes.
    harness.session.request_privilege(harness.now, ClientId::HOST).unwrap();
    harness.settle(&mut [&mut ana, &mut ben]);
    assert_eq!(asked_by(&ana.take_events()), [""; 0]);
}

#[test]
fn requests_in_a_loop_reach_the_holder_every_five_seconds() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[]);
    let ben = harness.join("Ben", &[]);
    let mut told = Vec::new();
    for _ in 0..100 {
        for guest in [&ana, &ben] {
            let ask = ClientMessage::RequestPrivilege;
            harness.session.handle(harness.now, guest.connection, ask).unwrap();
        }
        told.extend(harness.take_news());
        harness.pass(SECOND / 10);
    }
    let mut told = asked_by(&told);
    told.sort_unstable();
    assert_eq!(told, ["Ana", "Ana", "Ben", "Ben"], "in ten seconds");
}

#[test]
fn each_holder_is_told_who_asks() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    let mut ben = harness.join("Ben", &[]);
    harness.session.request_privilege(harness.now, ben.id()).unwrap_err();
    assert_eq!(asked_by(&harness.take_news()), ["Ben"]);
    harness.session.release_privilege(ClientId::HOST);
    harness.session.request_privilege(harness.now, ana.id()).unwrap();
    harness.session.request_privilege(harness.now, ben.id()).unwrap_err();
    harness.settle(&mut [&mut ana, &mut ben]);
    assert_eq!(asked_by(&ana.take_events()), ["Ben"], "she was not told before");

    // She cannot be told while she is away.
    let mut cho = harness.join("Cho", &[]);
    harness.cut(&mut ana);
    harness.session.request_privilege(harness.now, cho.id()).unwrap_err();
    harness.resume(&mut ana).ok().unwrap();
    harness.session.request_privilege(harness.now, cho.id()).unwrap_err();
    harness.settle(&mut [&mut ana, &mut ben, &mut cho]);
    assert_eq!(asked_by(&ana.take_events()), ["Cho"]);
}

#[test]
fn clients_that_come_and_go_do_not_flood_the_holder() {
    let mut harness = unattended();
    let ana = harness.join("Ana", &[]);
    harness.session.request_privilege(harness.now, ana.id()).unwrap();
    for _ in 0..1000 {
        let (ben, _) = harness.welcome(&Hello { privilege: true, ..hello("Ben") });
        harness.session.handle(harness.now, ben, ClientMessage::Goodbye).unwrap();
    }
    assert!(harness.session.has_room(ana.connection), "she is listened to");
    let (_, messages) = updates(&mut harness, &ana);
    let is_request = |message: &&_| matches!(message, ServerMessage::PrivilegeRequested { .. });
    let told = messages.iter().filter(is_request).count();
    assert!((1..=16).contains(&told), "{told}");
}
