//! The predicted state between an answer and the patch that contains its actions.

use std::time::Duration;

use imbolc_net::{
    ClientMessage, ServerMessage, SessionEvent,
    protocol::{ActionNumber, ClientId, Refusal},
    sync::session::SessionConfig,
};

use crate::harness::{BASS, Guest, Harness, LEAD, PAD, cutoff, hello};

/// Ana owns the bass and the lead, and was just sent a patch, so that pacing
/// delays the next one.
fn held_back() -> (Harness, Guest) {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS, LEAD]);
    harness.settle(&mut [&mut ana]);
    harness.session.claim(ClientId::HOST, &[PAD]);
    harness.transmit(&mut ana).unwrap();
    ana.receive();
    (harness, ana)
}

/// Ana's actions are decided and acknowledged, but she has no new state yet.
fn receive_answers_only(harness: &mut Harness, ana: &mut Guest) {
    // With a pong, answers do not wait for the patch.
    ana.mirror.enqueue(ClientMessage::Ping { nonce: 7 });
    ana.transmit();
    harness.receive(ana).unwrap();
    harness.transmit(ana).unwrap();
    let is_answer = |message: &ServerMessage| {
        matches!(
            message,
            ServerMessage::ActionsApplied { .. }
                | ServerMessage::ActionRejected { .. }
                | ServerMessage::Pong { .. }
        )
    };
    assert!(ana.to_guest.iter().all(is_answer), "{:?}", ana.to_guest);
    ana.receive();
}

#[test]
fn refusal_keeps_accepted_actions_predicted() {
    let (mut harness, mut ana) = held_back();
    let before = ana.cutoff(BASS);
    // Ana does not know this yet.
    harness.session.release(ana.id(), &[BASS]);
    ana.dispatch(cutoff(LEAD, 88.0)).unwrap();
    ana.dispatch(cutoff(BASS, 99.0)).unwrap();
    receive_answers_only(&mut harness, &mut ana);
    assert_ne!(ana.mirror.confirmed().seq, harness.session.state().seq);
    assert_eq!((ana.cutoff(BASS), ana.cutoff(LEAD)), (before, 88.0));
    let fates = ana.take_settled();
    assert!(
        matches!(
            fates[..],
            [(ActionNumber(2), Err(Refusal::NotOwner { .. })), (ActionNumber(1), Ok(()))]
        ),
        "{fates:?}"
    );
}

#[test]
fn new_session_does_not_return_accepted_actions() {
    let (mut harness, mut ana) = held_back();
    ana.dispatch(cutoff(BASS, 77.0)).unwrap();
    receive_answers_only(&mut harness, &mut ana);
    ana.dispatch(cutoff(LEAD, 88.0)).unwrap();
    let (_, welcome) = Harness::new().welcome(&hello("Ana"));
    ana.mirror.start_anew(welcome);
    let unanswered = ana.take_events().into_iter().find_map(|event| match event {
        SessionEvent::NewSession { unanswered, .. } => Some(unanswered),
        _ => None,
    });
    assert_eq!(unanswered, Some(vec![cutoff(LEAD, 88.0)]));
    assert_eq!(ana.take_settled(), [(ActionNumber(1), Ok(()))], "the result was not taken yet");
}

#[test]
fn outdated_messages_are_discarded() {
    let (mut harness, mut ana) = held_back();
    let before = (**ana.mirror.confirmed()).clone();
    ana.dispatch(cutoff(BASS, 77.0)).unwrap();
    harness.settle(&mut [&mut ana]);
    let now = (**ana.mirror.confirmed()).clone();
    ana.take_events();
    let patch = before.patch_to(&now);
    assert!(patch.base < patch.seq);
    for old in [
        ServerMessage::StatePatchUpdate(patch),
        ServerMessage::FullStateSync { state: before.clone() },
    ] {
        ana.mirror.handle(old);
        assert_eq!(**ana.mirror.confirmed(), now);
        assert_eq!(ana.cutoff(BASS), 77.0);
    }
    assert_eq!(ana.take_events(), []);
    assert!(!ana.has_messages(), "the mirror sends no request");
}

/// The number up to which Ana's actions are acknowledged now.
fn acknowledged(harness: &mut Harness, ana: &mut Guest) -> Option<ActionNumber> {
    ana.transmit();
    harness.receive(ana).unwrap();
    harness.transmit(ana).unwrap();
    let through = ana.to_guest.iter().find_map(|message| match message {
        ServerMessage::ActionsApplied { through, .. } => Some(*through),
        _ => None,
    });
    ana.receive();
    through
}

#[test]
fn sweep_is_acknowledged_with_its_patch() {
    let (mut harness, mut ana) = held_back();
    harness.pass(Duration::from_millis(40));
    let mut told = Vec::new();
    for turn in 1..=100_u16 {
        ana.dispatch(cutoff(BASS, 100.0 + f32::from(turn))).unwrap();
        let through = acknowledged(&mut harness, &mut ana);
        if through.is_some() {
            assert_eq!(ana.mirror.confirmed().seq, harness.session.state().seq, "{turn}");
        }
        told.extend(through);
        harness.pass(Duration::from_millis(2));
    }
    // The first immediately, the others every 33 ms on average.
    let expected = [1, 18, 34, 51, 67, 84, 100].map(ActionNumber);
    assert_eq!(told, expected);
    harness.settle(&mut [&mut ana]);
    assert_eq!(ana.mirror.unanswered(), 0);
}

#[test]
fn many_unacknowledged_actions_do_not_wait_for_a_patch() {
    let (mut harness, mut ana) = held_back();
    let most = SessionConfig::default().max_unacknowledged;
    for turn in 1..most {
        ana.dispatch(cutoff(BASS, 100.0 + turn as f32)).unwrap();
    }
    assert_eq!(acknowledged(&mut harness, &mut ana), None);
    ana.dispatch(cutoff(BASS, 99.0)).unwrap();
    assert_eq!(acknowledged(&mut harness, &mut ana), Some(ActionNumber(most as u64)));
}

#[test]
fn acknowledgement_precedes_the_full_state() {
    let (mut harness, mut ana) = held_back();
    harness.pass(Duration::from_millis(40));
    ana.dispatch(cutoff(BASS, 500.0)).unwrap();
    assert!(acknowledged(&mut harness, &mut ana).is_some());
    // Within the pacing interval. Without the acknowledgement, the mirror would
    // apply the action twice.
    ana.dispatch(cutoff(LEAD, 600.0)).unwrap();
    ana.mirror.enqueue(ClientMessage::RequestFullSync);
    ana.transmit();
    harness.receive(&mut ana).unwrap();
    harness.pass(Duration::from_millis(1));
    harness.transmit(&mut ana).unwrap();
    let full = |message: &ServerMessage| matches!(message, ServerMessage::FullStateSync { .. });
    assert!(ana.to_guest.iter().any(full), "{:?}", ana.to_guest);
    ana.receive();
    assert_eq!(ana.mirror.predicted().model, harness.session.state().model);
    assert_eq!(ana.mirror.unanswered(), 0);
}
