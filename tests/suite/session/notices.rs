//! Notices of the engine: how fast they leave, and which participants get them.

use std::time::Duration;

use imbolc_net::{
    model::EngineFault,
    protocol::{ClientMessage, ServerMessage},
    studio::StudioNotice,
};

use super::SECOND;
use crate::harness::{Guest, Harness};

const NONE: [u32; 0] = [];

fn notice(number: u32) -> StudioNotice {
    StudioNotice::Engine(EngineFault::TooManyActions(number))
}

fn notify(harness: &mut Harness, numbers: std::ops::Range<u32>) {
    for number in numbers {
        harness.session.notify(harness.now, notice(number));
    }
}

fn number_of(notice: &StudioNotice) -> u32 {
    match notice {
        StudioNotice::Engine(EngineFault::TooManyActions(number)) => *number,
        other => panic!("{other}"),
    }
}

fn told(harness: &mut Harness) -> Vec<u32> {
    harness.take_notices().iter().map(number_of).collect()
}

/// What is sent to `guest` now.
fn sent(harness: &mut Harness, guest: &Guest) -> Vec<u32> {
    let messages = harness.session.pull(harness.now, guest.connection).unwrap().messages;
    let notice = |message| match message {
        ServerMessage::Notice(notice) => Some(number_of(&notice)),
        _ => None,
    };
    messages.into_iter().filter_map(notice).collect()
}

/// Both answer each other's pings for `time`.
fn stay(harness: &mut Harness, guest: &mut Guest, time: Duration) {
    let end = harness.now + time;
    while harness.now < end {
        harness.settle(&mut [guest]);
        harness.pass(SECOND);
    }
}

#[test]
fn notices_leave_ten_a_second() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[]);
    notify(&mut harness, 0..40);
    let begun = harness.now;
    let mut left = Vec::new();
    while left.len() < 40 {
        for number in told(&mut harness) {
            left.push((harness.now.since(begun).as_millis(), number));
            assert_eq!(sent(&mut harness, &ana), [number], "a guest is told at the same time");
        }
        harness.now = harness.deadline().unwrap();
        harness.session.handle_timeout(harness.now);
    }
    let expected: Vec<_> = (0..40).map(|number| (u128::from(number) * 100, number)).collect();
    assert_eq!(left, expected);
    harness.pass(SECOND);
    notify(&mut harness, 40..41);
    assert_eq!(told(&mut harness), [40], "at once again");
}

#[test]
fn notices_need_no_participant() {
    let mut harness = Harness::new();
    notify(&mut harness, 0..3);
    harness.pass(SECOND);
    assert_eq!(told(&mut harness), [0, 1, 2]);
    assert_eq!(harness.deadline(), None);
}

#[test]
fn newest_64_notices_are_kept() {
    let mut harness = Harness::new();
    notify(&mut harness, 0..100_000);
    harness.pass(60 * SECOND);
    let expected: Vec<_> = (0..1).chain(100_000 - 64..100_000).collect();
    assert_eq!(told(&mut harness), expected);
}

#[test]
fn slow_guest_gets_the_newest_64_notices() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[]);
    for number in 0..100 {
        notify(&mut harness, number..number + 1);
        harness.pass(SECOND / 10);
    }
    assert_eq!(sent(&mut harness, &ana), (36..100).collect::<Vec<_>>());
    assert_eq!(sent(&mut harness, &ana), NONE);
}

#[test]
fn suspended_guest_gets_notices_after_its_resume() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    notify(&mut harness, 0..1);
    stay(&mut harness, &mut ana, 10 * SECOND);
    harness.cut(&mut ana);
    notify(&mut harness, 1..4);
    harness.pass(SECOND);
    harness.resume(&mut ana).unwrap();
    assert_eq!(sent(&mut harness, &ana), [1, 2, 3]);
    assert_eq!(sent(&mut harness, &ana), NONE);
}

#[test]
fn notice_that_is_lost_with_a_connection_is_sent_again() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    notify(&mut harness, 0..1);
    assert_eq!(sent(&mut harness, &ana), [0], "and lost");
    harness.cut(&mut ana);
    harness.resume(&mut ana).unwrap();
    stay(&mut harness, &mut ana, 10 * SECOND);
    harness.cut(&mut ana);
    harness.resume(&mut ana).unwrap();
    assert_eq!(sent(&mut harness, &ana), NONE, "she has answered a later ping");
}

#[test]
fn answer_to_a_ping_confirms_only_notices_before_it() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    harness.pass(6 * SECOND);
    notify(&mut harness, 0..1);
    let messages = harness.session.pull(harness.now, ana.connection).unwrap().messages;
    let [ServerMessage::Notice(_), ServerMessage::Ping { nonce, .. }] = messages[..] else {
        panic!("{messages:?}");
    };
    harness.pass(SECOND);
    notify(&mut harness, 1..2);
    assert_eq!(sent(&mut harness, &ana), [1], "and lost");
    harness.session.handle(harness.now, ana.connection, ClientMessage::Pong { nonce }).unwrap();
    harness.cut(&mut ana);
    harness.resume(&mut ana).unwrap();
    assert_eq!(sent(&mut harness, &ana), [1]);
}

#[test]
fn guest_that_joins_later_gets_no_old_notices() {
    let mut harness = Harness::new();
    notify(&mut harness, 0..3);
    harness.pass(SECOND / 20);
    let mut ana = harness.join("Ana", &[]);
    harness.pass(SECOND);
    assert_eq!(sent(&mut harness, &ana), [1, 2], "what leaves from now on");
    harness.cut(&mut ana);
    harness.resume(&mut ana).unwrap();
    assert_eq!(sent(&mut harness, &ana), [1, 2], "she may not have received it");
}
