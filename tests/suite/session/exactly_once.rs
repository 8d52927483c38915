//! Every action counts exactly once.

use imbolc_net::{
    SessionEvent,
    protocol::{ActionNumber, ClientMessage, ProtocolError, Refusal, ServerMessage},
};

use super::{add, updates};
use crate::harness::{BASS, Harness, cutoff};

#[test]
fn repeated_action_counts_once() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    ana.dispatch(add(1001)).unwrap();
    ana.transmit();
    harness.receive(&mut ana).unwrap();
    // It has arrived, but its answer has not.
    harness.cut(&mut ana);
    harness.resume(&mut ana).ok().unwrap();
    assert_eq!(ana.mirror.unanswered(), 0);
    harness.settle(&mut [&mut ana]);
    assert_eq!(harness.session.state().model.instruments.len(), 5);

    let seq = harness.session.state().seq;
    let again =
        ClientMessage::Action { number: ActionNumber(1), continues: false, action: add(1002) };
    harness.session.handle(harness.now, ana.connection, again).unwrap();
    assert_eq!(harness.session.state().seq, seq);
    let (_, messages) = updates(&mut harness, &ana);
    let applied = ServerMessage::ActionsApplied { through: ActionNumber(1), seq };
    assert!(messages.contains(&applied), "it is acknowledged again: {messages:?}");
}

#[test]
fn lost_action_is_sent_again() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    ana.dispatch(add(1001)).unwrap();
    ana.transmit();
    harness.cut(&mut ana);
    assert_eq!(harness.session.state().model.instruments.len(), 4);
    harness.resume(&mut ana).ok().unwrap();
    harness.settle(&mut [&mut ana]);
    assert_eq!(harness.session.state().model.instruments.len(), 5);
}

#[test]
fn number_out_of_order_ends_the_connection() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[BASS]);
    let skipped = ClientMessage::Action {
        number: ActionNumber(2),
        continues: false,
        action: cutoff(BASS, 99.0),
    };
    assert_eq!(
        harness.session.handle(harness.now, ana.connection, skipped),
        Err(ProtocolError::ActionOutOfOrder { expected: ActionNumber(1) })
    );
    assert_ne!(harness.cutoff(BASS), 99.0);
}

#[test]
fn action_number_zero_ends_the_connection() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[BASS]);
    let number = ActionNumber(0);
    let error = Err(ProtocolError::ActionOutOfOrder { expected: ActionNumber(1) });
    let action = ClientMessage::Action { number, continues: false, action: cutoff(BASS, 99.0) };
    for message in [action, ClientMessage::Undo { number }, ClientMessage::Redo { number }] {
        assert_eq!(harness.session.handle(harness.now, ana.connection, message), error);
    }
    let unreadable = harness.session.handle_unreadable_action(
        harness.now,
        ana.connection,
        number,
        String::new(),
    );
    assert_eq!(unreadable, error);
}

#[test]
fn resume_repeats_a_lost_rejection() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    harness.settle(&mut [&mut ana]);
    // Ana does not know this yet.
    harness.session.release(ana.id(), &[BASS]);
    ana.dispatch(cutoff(BASS, 99.0)).unwrap();
    ana.transmit();
    harness.receive(&mut ana).unwrap();
    harness.cut(&mut ana);
    ana.take_settled();
    harness.resume(&mut ana).ok().unwrap();
    let settled = ana.take_settled();
    assert!(
        matches!(&settled[..], [(ActionNumber(1), Err(Refusal::NotOwner { .. }))]),
        "{settled:?}"
    );
    assert!(ana.take_events().iter().any(|event| matches!(event, SessionEvent::Refused { .. })));
}
