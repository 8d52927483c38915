//! A mirror's own operations: their prediction, and sending them again.

use std::time::Duration;

use imbolc_net::{
    SessionEvent,
    protocol::{ClientId, ClientMessage, Refusal, ServerMessage},
    sync::mirror::MirrorError,
};

use super::PLAY;
use crate::harness::{BASS, Harness, LEAD, cutoff, hello};

#[test]
fn predicted_sweep_never_jumps_back() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let mut shown = Vec::new();
    // A sweep with an edit every 5 ms and a latency of 100 ms in each direction.
    let mut wire_up = std::collections::VecDeque::new();
    let mut wire_down = std::collections::VecDeque::new();
    for step in 0..400_u16 {
        let arrival = harness.now + Duration::from_millis(100);
        if step < 300 {
            ana.dispatch(cutoff(BASS, 1000.0 + f32::from(step))).unwrap();
        }
        ana.transmit();
        wire_up.extend(ana.to_session.drain(..).map(|message| (arrival, message)));
        while wire_up.front().is_some_and(|(due, _)| *due <= harness.now) {
            let (_, message) = wire_up.pop_front().unwrap();
            harness.session.handle(harness.now, ana.connection, message).unwrap();
        }
        harness.transmit(&mut ana).unwrap();
        wire_down.extend(ana.to_guest.drain(..).map(|message| (arrival, message)));
        while wire_down.front().is_some_and(|(due, _)| *due <= harness.now) {
            let (_, message) = wire_down.pop_front().unwrap();
            ana.mirror.handle(message);
            shown.push(ana.cutoff(BASS));
        }
        shown.push(ana.cutoff(BASS));
        harness.now = harness.now + Duration::from_millis(5);
    }
    assert!(shown.windows(2).all(|pair| pair[0] <= pair[1]), "{shown:?}");
    assert_eq!(shown.last(), Some(&1299.0));
    assert_eq!(ana.mirror.predicted(), ana.mirror.confirmed());
}

#[test]
fn refusal_reverts_only_the_refused_action() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS, LEAD]);
    harness.settle(&mut [&mut ana]);
    let before = ana.cutoff(BASS);
    // Ana does not know this yet.
    harness.session.release(ana.id(), &[BASS]);
    ana.dispatch(cutoff(BASS, 99.0)).unwrap();
    ana.dispatch(cutoff(LEAD, 88.0)).unwrap();
    assert_eq!((ana.cutoff(BASS), ana.cutoff(LEAD)), (99.0, 88.0));
    harness.settle(&mut [&mut ana]);
    assert_eq!((ana.cutoff(BASS), ana.cutoff(LEAD)), (before, 88.0));
    let refused: Vec<_> = ana
        .take_events()
        .into_iter()
        .filter_map(|event| match event {
            SessionEvent::Refused { action, reason } => Some((action, reason)),
            _ => None,
        })
        .collect();
    assert!(
        matches!(&refused[..], [(action, Refusal::NotOwner { .. })] if *action == cutoff(BASS, 99.0)),
        "{refused:?}"
    );
}

#[test]
fn lost_request_is_sent_again_after_resume() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    harness.settle(&mut [&mut ana]);
    let give = ClientMessage::ReleaseOwnership { instruments: vec![BASS] };
    let ask = ClientMessage::RequestOwnership { instruments: vec![LEAD] };
    ana.mirror.request(give).unwrap();
    ana.mirror.request(ask).unwrap();
    ana.mirror.enqueue(ClientMessage::Ping { nonce: 1 });
    ana.transmit();
    harness.cut(&mut ana);
    harness.resume(&mut ana).ok().unwrap();
    ana.transmit();
    assert_eq!(ana.to_session.len(), 2, "requests about the old connection are not sent again");
    harness.settle(&mut [&mut ana]);
    assert!(harness.session.state().roster.owned_by(ana.id()).eq([LEAD]));

    // An answered request is not sent again.
    harness.session.claim(ClientId::HOST, &[BASS]);
    harness.cut(&mut ana);
    harness.resume(&mut ana).ok().unwrap();
    ana.transmit();
    assert!(ana.to_session.is_empty(), "{:?}", ana.to_session);
}

#[test]
fn backlog_of_actions_is_bounded() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    for turn in 0..1024_u16 {
        ana.dispatch(cutoff(BASS, 100.0 + f32::from(turn))).unwrap();
    }
    assert_eq!(ana.dispatch(cutoff(BASS, 50.0)), Err(MirrorError::Backlog { limit: 1024 }));
    assert_eq!(ana.cutoff(BASS), 1123.0);
    harness.settle(&mut [&mut ana]);
    ana.dispatch(cutoff(BASS, 50.0)).unwrap();
}

#[test]
fn backlog_of_requests_is_bounded() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    let ask = || ClientMessage::RequestOwnership { instruments: vec![BASS] };
    for turn in 0..1024 {
        ana.mirror.request(ask()).unwrap();
        if turn == 500 {
            // A request that was sent but not answered counts as well.
            ana.transmit();
        }
    }
    assert_eq!(ana.mirror.request(ask()), Err(MirrorError::Backlog { limit: 1024 }));
    harness.settle(&mut [&mut ana]);
    ana.mirror.request(ask()).unwrap();
}

#[test]
fn outdated_full_state_is_ignored() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let old = (**harness.session.state()).clone();
    ana.dispatch(cutoff(BASS, 99.0)).unwrap();
    harness.settle(&mut [&mut ana]);
    ana.take_events();
    let before = ana.mirror.confirmed().clone();
    ana.mirror.handle(ServerMessage::FullStateSync { state: old });
    assert_eq!(*ana.mirror.confirmed(), before);
    assert_eq!(ana.cutoff(BASS), 99.0);
    assert_eq!(ana.take_events(), []);
}

#[test]
fn late_acknowledgement_does_not_predict_twice() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    ana.dispatch(cutoff(BASS, 500.0)).unwrap();
    ana.transmit();
    harness.receive(&mut ana).unwrap();
    // A later action of the engine.
    harness.session.act_for_engine(&cutoff(BASS, 900.0));
    harness.transmit(&mut ana).unwrap();
    ana.to_guest.make_contiguous().reverse();
    assert!(matches!(ana.to_guest[0], ServerMessage::StatePatchUpdate(_)));
    assert!(matches!(ana.to_guest[1], ServerMessage::ActionsApplied { .. }));
    ana.receive();
    assert_eq!(ana.cutoff(BASS), 900.0);
}

#[test]
fn new_session_returns_unanswered_actions() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    ana.dispatch(cutoff(BASS, 99.0)).unwrap();
    let mut another = Harness::new();
    let (_, welcome) = another.welcome(&hello("Ana"));
    ana.mirror.start_anew(welcome);
    let unanswered = ana.take_events().into_iter().find_map(|event| match event {
        SessionEvent::NewSession { unanswered, .. } => Some(unanswered),
        _ => None,
    });
    assert_eq!(unanswered, Some(vec![cutoff(BASS, 99.0)]));
    assert_ne!(ana.cutoff(BASS), 99.0);
    let _ = harness.session.act(harness.now, &PLAY);
}

#[test]
fn sign_of_life_overtakes_a_backlog() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    for step in 0..10_u16 {
        ana.dispatch(cutoff(BASS, 1000.0 + f32::from(step))).unwrap();
    }
    ana.mirror.enqueue(ClientMessage::RequestPrivilege);
    ana.mirror.enqueue(ClientMessage::Ping { nonce: 1 });
    assert_eq!(ana.mirror.pull(), Some(ClientMessage::Ping { nonce: 1 }));
    let ping = ServerMessage::Ping { nonce: 2, clock: harness.now, digest: None };
    ana.mirror.handle(ping);
    assert_eq!(ana.mirror.pull(), Some(ClientMessage::Pong { nonce: 2 }));
    // The answer does not count for the request behind it.
    ana.mirror.handle(ServerMessage::Pong { nonce: 1 });
    let rest: Vec<_> = std::iter::from_fn(|| ana.mirror.pull()).collect();
    assert_eq!(rest.len(), 11);
    assert_eq!(rest[10], ClientMessage::RequestPrivilege);
}
