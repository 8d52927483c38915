//! Silence, suspension and resumption.

use std::time::Duration;

use imbolc_net::{
    protocol::{
        ActionNumber, ClientId, ClientMessage, Hello, ProtocolError, Resume, Seq, ServerMessage,
        SessionToken,
    },
    sync::session::Rejected,
    util::time::Millis,
};

use super::{PLAY, SECOND, updates};
use crate::harness::{BASS, Harness, LEAD, cutoff, hello};

#[test]
fn silent_client_is_pinged_then_suspended() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[BASS]);
    let mut pings = 0;
    for tick in 1..=149 {
        harness.pass(SECOND / 10);
        let (_, messages) = updates(&mut harness, &ana);
        let pinged = messages.iter().any(|m| matches!(m, ServerMessage::Ping { .. }));
        assert_eq!(pinged, tick % 50 == 0, "after {} s", f64::from(tick) / 10.0);
        pings += u32::from(pinged);
    }
    assert_eq!(pings, 2);
    assert!(!harness.session.state().roster.is_away(ana.id()));
    harness.pass(SECOND / 10);
    assert!(harness.session.state().roster.is_away(ana.id()));
    assert!(matches!(
        harness.session.pull(harness.now, ana.connection),
        Err(ProtocolError::Silent { seconds: 15 })
    ));
}

#[test]
fn roster_shows_rounded_round_trips() {
    let mut harness = Harness::new();
    let (mut ana, mut ben) = (harness.join("Ana", &[]), harness.join("Ben", &[]));
    let seen = |guest: &crate::harness::Guest, of: ClientId| {
        guest.mirror.confirmed().roster.participants[&of].round_trip
    };
    let mut ping = |harness: &mut Harness, ana: &mut crate::harness::Guest, answer_after: u64| {
        harness.pass(5 * SECOND);
        harness.transmit(ana).unwrap();
        ana.receive();
        ana.transmit();
        harness.pass(Duration::from_millis(answer_after));
        harness.receive(ana).unwrap();
        harness.settle(&mut [ana, &mut ben]);
        seen(&ben, ana.id())
    };
    assert_eq!(ping(&mut harness, &mut ana, 0), Some(Millis(1)));
    assert_eq!(ping(&mut harness, &mut ana, 7), Some(Millis(10)));
    let seq = harness.session.state().seq;
    assert_eq!(ping(&mut harness, &mut ana, 9), Some(Millis(10)));
    assert_eq!(harness.session.state().seq, seq, "a similar value is not published");

    // A pong without a ping is no measurement.
    let nonsense = ClientMessage::Pong { nonce: 1 };
    harness.session.handle(harness.now, ana.connection, nonsense).unwrap();
    assert_eq!(harness.session.state().seq, seq);

    harness.cut(&mut ana);
    assert_eq!(harness.session.state().roster.participants[&ana.id()].round_trip, None);
}

#[test]
fn any_message_postpones_the_suspension() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[]);
    for _ in 0..10 {
        harness.pass(10 * SECOND);
        harness
            .session
            .handle(harness.now, ana.connection, ClientMessage::Pong { nonce: 0 })
            .unwrap();
    }
    assert!(!harness.session.state().roster.is_away(ana.id()));
}

#[test]
fn place_is_kept_for_the_resume_window() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let ben = harness.join("Ben", &[]);
    harness.cut(&mut ana);
    harness.pass(Duration::from_millis(59_900));
    assert!(harness.session.claim(ClientId::HOST, &[BASS]).granted.is_empty());
    assert!(harness.session.state().roster.participants.contains_key(&ana.id()));
    harness.pass(SECOND / 10);
    assert!(!harness.session.state().roster.participants.contains_key(&ana.id()));
    assert_eq!(harness.session.claim(ClientId::HOST, &[BASS]).granted, [BASS]);
    assert!(matches!(harness.resume(&mut ana), Err(Rejected::Unknown(_))));
    let _ = ben;
}

#[test]
fn poll_says_when_the_timers_are_due() {
    let mut harness = Harness::new();
    assert_eq!(harness.deadline(), None);
    let mut ana = harness.join("Ana", &[]);
    // While there are clients, every second: a longer gap shows a pause of the host.
    assert_eq!(harness.deadline(), Some(harness.now + SECOND));
    harness.pass(Duration::from_millis(14_500));
    assert_eq!(harness.deadline(), Some(harness.now + SECOND / 2));
    harness.cut(&mut ana);
    assert_eq!(harness.deadline(), Some(harness.now + SECOND));
    harness.pass(Duration::from_millis(59_500));
    assert_eq!(harness.deadline(), Some(harness.now + SECOND / 2));
    harness.pass(SECOND / 2);
    assert_eq!(harness.deadline(), None);
}

#[test]
fn resume_restores_id_name_and_instruments() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let before = ana.id();
    harness.cut(&mut ana);
    harness.pass(30 * SECOND);
    harness.resume(&mut ana).ok().unwrap();
    assert_eq!(ana.id(), before);
    harness.settle(&mut [&mut ana]);
    let roster = &ana.mirror.confirmed().roster;
    assert!(roster.owns(before, BASS));
    assert!(!roster.is_away(before));
    assert_eq!(ana.mirror.name(), "Ana");
}

#[test]
fn resume_without_a_base_gets_the_full_state() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let mut ben = harness.join("Ben", &[LEAD]);
    harness.settle(&mut [&mut ana, &mut ben]);
    harness.cut(&mut ana);
    ben.dispatch(cutoff(LEAD, 700.0)).unwrap();
    harness.settle(&mut [&mut ben]);
    harness.resume(&mut ana).ok().unwrap();
    assert_eq!(updates(&mut harness, &ana).0, ["patch"]);

    harness.cut(&mut ana);
    let resume = Resume { seq: None, ..ana.mirror.resume() };
    harness.resume_with(&mut ana, resume).ok().unwrap();
    assert_eq!(updates(&mut harness, &ana).0, ["full"]);

    harness.cut(&mut ana);
    let resume = Resume { seq: Some(Seq(999_999)), ..ana.mirror.resume() };
    harness.resume_with(&mut ana, resume).ok().unwrap();
    assert_eq!(updates(&mut harness, &ana).0, ["full"], "a snapshot that never existed");
}

#[test]
fn used_token_invalidates_the_one_before() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    let first = ana.mirror.resume();
    harness.cut(&mut ana);
    harness.resume(&mut ana).ok().unwrap();
    let second = ana.mirror.resume();
    assert_ne!(first.token, second.token);

    // The answer with the second token may be lost, so the first token still works.
    harness.cut(&mut ana);
    harness.resume_with(&mut ana, first.clone()).ok().unwrap();
    let third = ana.mirror.resume();
    assert_ne!(third.token, first.token);

    harness.cut(&mut ana);
    harness.resume_with(&mut ana, third.clone()).ok().unwrap();
    harness.cut(&mut ana);
    for used_up in [first, second] {
        assert!(matches!(harness.resume_with(&mut ana, used_up), Err(Rejected::Unknown(_))));
    }
    harness.resume_with(&mut ana, third).ok().unwrap();
}

#[test]
fn client_without_welcome_keeps_no_place() {
    let mut harness = Harness::new();
    let (connection, _) = harness.welcome(&Hello { own: vec![BASS], ..hello("Ana") });
    harness.session.disconnected(harness.now, connection);
    let (_, welcome) = harness.welcome(&Hello { own: vec![BASS], ..hello("Ana") });
    assert_eq!((&*welcome.name, &welcome.granted[..]), ("Ana", &[BASS][..]));
}

#[test]
fn client_can_resume_many_times() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    for turn in 0..100_u16 {
        ana.dispatch(cutoff(BASS, 100.0 + f32::from(turn))).unwrap();
        harness.cut(&mut ana);
        harness.pass(20 * SECOND);
        harness.resume(&mut ana).ok().unwrap();
        harness.settle(&mut [&mut ana]);
        assert_eq!(harness.cutoff(BASS), 100.0 + f32::from(turn));
    }
}

#[test]
fn unknown_token_is_refused() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    let guess = Resume { token: Some(SessionToken::new([0xee; 16])), ..ana.mirror.resume() };
    assert!(matches!(harness.resume_with(&mut ana, guess), Err(Rejected::Unknown(_))));
    assert_eq!(harness.session.state().roster.participants.len(), 2);
}

#[test]
fn resume_supersedes_stale_connection() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let old = ana.connection;
    harness.resume(&mut ana).ok().unwrap();
    assert!(matches!(harness.session.pull(harness.now, old), Err(ProtocolError::Superseded)));
    let edit = ClientMessage::Action {
        number: ActionNumber(1),
        continues: false,
        action: cutoff(BASS, 99.0),
    };
    assert_eq!(
        harness.session.handle(harness.now, old, edit.clone()),
        Err(ProtocolError::Superseded)
    );
    // The end of the old connection does not suspend the new one.
    harness.session.disconnected(harness.now, old);
    assert!(!harness.session.state().roster.is_away(ana.id()));
    harness.session.handle(harness.now, ana.connection, edit).unwrap();
    assert_eq!(harness.cutoff(BASS), 99.0);
}

#[test]
fn goodbye_releases_everything_at_once() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS, LEAD]);
    let mut ben = harness.join("Ben", &[]);
    harness.session.handle(harness.now, ana.connection, ClientMessage::Goodbye).unwrap();
    harness.settle(&mut [&mut ben]);
    assert!(ben.mirror.confirmed().roster.owners.is_empty());
    assert!(matches!(harness.resume(&mut ana), Err(Rejected::Unknown(_))));
}

#[test]
fn release_is_sent_after_earlier_actions() {
    let mut harness = Harness::new();
    harness.session.release_privilege(ClientId::HOST);
    let mut ana = harness.join("Ana", &[BASS]);
    harness.session.request_privilege(harness.now, ana.id()).unwrap();
    harness.settle(&mut [&mut ana]);

    ana.dispatch(PLAY).unwrap();
    ana.mirror.enqueue(ClientMessage::ReleasePrivilege);
    ana.dispatch(cutoff(BASS, 99.0)).unwrap();
    ana.mirror.enqueue(ClientMessage::Goodbye);
    ana.transmit();
    assert!(harness.receive(&mut ana).is_ok());
    let studio = &harness.session.state().model;
    assert!(studio.transport.playing, "she still had the privilege when she pressed play");
    assert_eq!(harness.cutoff(BASS), 99.0, "she still had the bass when she turned the knob");
}
