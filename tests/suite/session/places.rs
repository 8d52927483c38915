//! Which connection has a client's place, how long the place is kept, and why it
//! is gone.

use std::time::Duration;

use imbolc_net::{
    protocol::{
        ActionNumber, ClientId, ClientMessage, Hello, ProtocolError, Resume, ServerMessage,
    },
    studio::Studio,
    sync::session::{Accepted, ConnectionId, MessageOutcome, Rejected},
};

use super::SECOND;
use crate::harness::{BASS, Guest, Harness, cutoff, hello};

const PAUSES: [Duration; 3] =
    [Duration::from_secs(20), Duration::from_secs(45), Duration::from_secs(55)];

fn attempt(number: u64, resume: &Resume) -> Hello {
    Hello { attempt: number, resume: Some(resume.clone()), ..hello("resuming") }
}

fn is_superseded<T>(result: &Result<T, Rejected>) -> bool {
    matches!(result, Err(Rejected::Unfit(ProtocolError::Superseded)))
}

/// What the session tells `connection`.
fn fault(harness: &mut Harness, connection: ConnectionId) -> Option<ProtocolError> {
    harness.session.pull(harness.now, connection).err()
}

fn is_here(harness: &Harness, client: ClientId) -> bool {
    let roster = &harness.session.state().roster;
    roster.participants.contains_key(&client) && !roster.is_away(client)
}

#[test]
fn newer_attempt_beats_older_one() {
    for order in [[2, 3, 4], [4, 2, 3], [4, 3, 2], [3, 4, 2], [2, 4, 3], [3, 2, 4]] {
        let mut harness = Harness::new();
        let mut ana = harness.join("Ana", &[BASS]);
        let resume = ana.mirror.resume();
        harness.cut(&mut ana);
        let mut newest = (0, None);
        for number in order {
            let answer = harness.handshake(&attempt(number, &resume));
            assert_eq!(is_superseded(&answer), number < newest.0, "{number} of {order:?}");
            if let Ok(admission) = answer {
                newest = (number, Some(admission));
            }
        }
        let admission = newest.1.unwrap();
        assert_eq!(fault(&mut harness, admission.connection), None, "{order:?}");

        // The token that the newest attempt was given is valid still.
        let ServerMessage::ReconnectSuccessful(back) = admission.answer else {
            panic!("{:?}", admission.answer);
        };
        let resume = Resume { token: back.token, ..resume };
        assert!(harness.handshake(&attempt(5, &resume)).is_ok(), "{order:?}");
    }
}

#[test]
fn older_attempt_takes_no_suspended_place() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let resume = ana.mirror.resume();
    harness.cut(&mut ana);
    let newer = harness.handshake(&attempt(7, &resume)).unwrap();
    harness.session.disconnected(harness.now, newer.connection);
    for older in [6, 7] {
        assert!(is_superseded(&harness.handshake(&attempt(older, &resume))));
        assert!(harness.session.state().roster.is_away(ana.id()));
    }
    assert!(harness.handshake(&attempt(8, &resume)).is_ok());
}

#[test]
fn last_hello_wins_for_clients_without_attempts() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[BASS]);
    let resume = ana.mirror.resume();
    let first = harness.handshake(&attempt(0, &resume)).unwrap();
    let second = harness.handshake(&attempt(0, &resume)).unwrap();
    assert_eq!(fault(&mut harness, first.connection), Some(ProtocolError::Superseded));
    assert_eq!(fault(&mut harness, second.connection), None);
}

#[test]
fn pause_of_the_host_suspends_nobody() {
    for pause in PAUSES {
        let mut harness = Harness::new();
        let mut ana = harness.join("Ana", &[BASS]);
        harness.settle(&mut [&mut ana]);
        harness.pass(4 * SECOND);
        ana.dispatch(cutoff(BASS, 500.0)).unwrap();
        ana.transmit();

        // What she has sent is read after the timers.
        harness.pause(pause);
        harness.session.handle_timeout(harness.now);
        harness.pass(SECOND);
        assert!(is_here(&harness, ana.id()), "after {pause:?}");
        harness.receive(&mut ana).unwrap();
        harness.settle(&mut [&mut ana]);
        assert_eq!(harness.cutoff(BASS), 500.0);
        let undo = ClientMessage::Undo { number: ActionNumber(2) };
        let undone = harness.session.handle(harness.now, ana.connection, undo);
        assert_eq!(undone, Ok(MessageOutcome::Staying));
        assert_eq!(harness.cutoff(BASS), 8000.0, "her history is kept");
    }
}

#[test]
fn pause_of_the_host_ends_no_resume_window() {
    for pause in PAUSES {
        let mut harness = Harness::new();
        let mut ana = harness.join("Ana", &[BASS]);
        harness.cut(&mut ana);
        harness.pass(50 * SECOND);
        ana.dispatch(cutoff(BASS, 500.0)).unwrap();
        harness.pause(pause);
        harness.session.handle_timeout(harness.now);
        harness.pass(4 * SECOND);
        harness.resume(&mut ana).ok().unwrap();
        harness.settle(&mut [&mut ana]);
        assert!(harness.session.state().roster.owns(ana.id(), BASS));
        assert_eq!(harness.cutoff(BASS), 500.0);
    }
}

#[test]
fn abandoned_attempts_of_a_pause_take_no_place() {
    for pause in PAUSES {
        let mut harness = Harness::new();
        let mut ana = harness.join("Ana", &[BASS]);
        let (old, resume) = (ana.connection, ana.mirror.resume());
        ana.dispatch(cutoff(BASS, 500.0)).unwrap();
        harness.pause(pause);
        // Her attempts waited in the kernel. The newest, which is the only one that she
        // has not given up, is read first.
        let admission = harness.handshake(&attempt(4, &resume)).unwrap();
        for given_up in [2, 3] {
            assert!(is_superseded(&harness.handshake(&attempt(given_up, &resume))));
        }
        harness.session.disconnected(harness.now, old);
        harness.session.handle_timeout(harness.now);
        assert!(is_here(&harness, ana.id()));
        accept(&mut ana, admission);
        harness.settle(&mut [&mut ana]);
        assert_eq!(ana.mirror.name(), "Ana");
        assert!(ana.mirror.confirmed().roster.owns(ana.id(), BASS));
        assert_eq!(harness.cutoff(BASS), 500.0, "the edit of the outage counts once");
    }
}

fn accept(guest: &mut Guest, admission: Accepted<Studio>) {
    let ServerMessage::ReconnectSuccessful(back) = admission.answer else {
        panic!("{:?}", admission.answer);
    };
    guest.to_guest.clear();
    guest.to_session.clear();
    guest.connection = admission.connection;
    guest.mirror.reconnected(back);
}

#[test]
fn client_that_is_gone_after_a_pause_is_suspended() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[BASS]);
    harness.pause(55 * SECOND);
    harness.session.handle_timeout(harness.now);
    harness.pass(20 * SECOND);
    assert!(harness.session.state().roster.is_away(ana.id()));
}

#[test]
fn host_that_is_always_late_suspends_the_silent() {
    // A stop after each of these times, and how often it takes to lose a place.
    for (stop, running) in [(2, 5), (2, 0), (5, 0), (20, 5)] {
        let mut harness = Harness::new();
        let ana = harness.join("Ana", &[BASS]);
        let mut rounds = 0;
        while harness.session.state().roster.participants.contains_key(&ana.id()) {
            harness.pause(stop * SECOND);
            harness.session.handle_timeout(harness.now);
            harness.pass(running * SECOND);
            rounds += 1;
            assert!(rounds <= 100, "{stop} s of every {} s", stop + running);
        }
    }
}

#[test]
fn place_that_is_lost_in_a_pause_is_kept_as_long_as_any() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[BASS]);
    harness.pause(30 * SECOND);
    // The end of the connection is read before the timers run.
    harness.session.disconnected(harness.now, ana.connection);
    harness.session.handle_timeout(harness.now);
    harness.pass(60 * SECOND);
    assert!(!harness.session.state().roster.participants.contains_key(&ana.id()));
}

#[test]
fn sign_of_life_counts_before_its_message() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[BASS]);
    for _ in 0..4 {
        harness.pass(10 * SECOND);
        // A part of a long message arrives.
        harness.session.heard(harness.now, ana.connection).unwrap();
    }
    assert!(is_here(&harness, ana.id()));
    harness.pass(15 * SECOND);
    assert!(!is_here(&harness, ana.id()));
    assert!(harness.session.heard(harness.now, ana.connection).is_err());
}

#[test]
fn client_without_its_token_keeps_no_place_in_silence() {
    let mut harness = Harness::new();
    let (ghost, _) = harness.welcome(&Hello { own: vec![BASS], ..hello("Ana") });
    harness.pass(15 * SECOND);
    assert_eq!(fault(&mut harness, ghost), Some(ProtocolError::Silent { seconds: 15 }));
    let (_, welcome) = harness.welcome(&Hello { own: vec![BASS], ..hello("Ana") });
    assert_eq!((&*welcome.name, &welcome.granted[..]), ("Ana", &[BASS][..]));
}

#[test]
fn connection_learns_why_it_has_no_place() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    let first = ana.connection;
    harness.resume(&mut ana).ok().unwrap();
    let second = ana.connection;
    harness.session.heard(harness.now, second).unwrap();
    let superseded = Some(ProtocolError::Superseded);
    assert_eq!(fault(&mut harness, first), superseded, "a newer connection is live");

    harness.pass(15 * SECOND);
    assert_eq!(fault(&mut harness, first), superseded, "a newer connection is suspended");
    assert_eq!(fault(&mut harness, second), Some(ProtocolError::Silent { seconds: 15 }));

    harness.pass(60 * SECOND);
    assert_eq!(fault(&mut harness, first), superseded, "a newer connection has expired");
    assert_eq!(fault(&mut harness, second), Some(ProtocolError::Expired { seconds: 60 }));

    let ben = harness.join("Ben", &[]);
    harness.session.handle(harness.now, ben.connection, ClientMessage::Goodbye).unwrap();
    assert_eq!(fault(&mut harness, ben.connection), Some(ProtocolError::Left));
}
