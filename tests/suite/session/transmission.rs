//! What is sent over a connection, and when.

use std::{collections::BTreeSet, time::Duration};

use imbolc_net::{
    SessionEvent,
    protocol::{ClientId, ClientMessage, Hello, Seq},
    sync::{
        Resync,
        session::{ConnectionId, Update},
    },
};

use super::{SECOND, updates};
use crate::harness::{BASS, Harness, LEAD, cutoff, hello};

#[test]
fn first_patch_is_immediate_then_paced() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[]);
    harness.session.claim(ClientId::HOST, &[BASS]);
    assert_eq!(updates(&mut harness, &ana).0, ["patch"]);
    harness.pass(SECOND);
    let mut sent = Vec::new();
    // An edit every millisecond for ten seconds.
    for millisecond in 0..10_000_u16 {
        harness.session.act(harness.now, &cutoff(BASS, 100.0 + f32::from(millisecond))).unwrap();
        if updates(&mut harness, &ana).0 == ["patch"] {
            sent.push(millisecond);
        }
        harness.now = harness.now + Duration::from_millis(1);
        if millisecond % 1000 == 0 {
            let pong = ClientMessage::Pong { nonce: 0 };
            harness.session.handle(harness.now, ana.connection, pong).unwrap();
        }
    }
    assert_eq!(sent[0], 0, "the first edit after a pause is sent immediately");
    assert!(sent.windows(2).all(|pair| pair[1] - pair[0] >= 33), "{sent:?}");
    assert!((290..=310).contains(&sent.len()), "{}", sent.len());
}

#[test]
fn waiting_patch_needs_no_further_wake_up() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[]);
    let quiet = harness.session.pull(harness.now, ana.connection).unwrap().next;
    assert!(quiet.on_change);
    harness.session.claim(ClientId::HOST, &[BASS]);
    let out = harness.session.pull(harness.now, ana.connection).unwrap();
    assert!(out.update.is_some());
    assert!(!out.next.on_change, "a change would have to wait");
    assert_eq!(out.next.at, harness.now + Duration::from_millis(33));
    harness.session.claim(ClientId::HOST, &[LEAD]);
    let out = harness.session.pull(harness.now, ana.connection).unwrap();
    assert!(out.is_empty());
    assert!(!out.next.on_change);
    assert_eq!(out.next.at, harness.now + Duration::from_millis(33));
    harness.now = out.next.at;
    assert!(harness.session.pull(harness.now, ana.connection).unwrap().update.is_some());
    // There is no change when the interval ends, so from then on a change wakes it.
    harness.now = harness.now + Duration::from_millis(33);
    assert!(harness.session.pull(harness.now, ana.connection).unwrap().next.on_change);
}

#[test]
fn slightly_late_pull_keeps_the_interval() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[]);
    harness.pass(SECOND);
    let begun = harness.now;
    let mut edits = 0_u16;
    let mut late = |harness: &mut Harness, late| {
        edits += 1;
        harness.session.act(harness.now, &cutoff(BASS, 100.0 + f32::from(edits))).unwrap();
        let due = harness.session.pull(harness.now, ana.connection).unwrap().next.at;
        harness.now = due + late;
        assert_eq!(updates(harness, &ana).0, ["patch"]);
        due
    };
    harness.session.claim(ClientId::HOST, &[BASS]);
    assert_eq!(updates(&mut harness, &ana).0, ["patch"]);
    for number in 1..=30 {
        let due = late(&mut harness, Duration::from_millis(2));
        assert_eq!(due, begun + number * Duration::from_millis(33));
    }
    // A larger delay moves the interval; otherwise two patches could follow at once.
    let due = late(&mut harness, Duration::from_millis(20));
    assert_eq!(late(&mut harness, Duration::ZERO), due + Duration::from_millis(20 + 33));
}

#[test]
fn clients_share_the_pacing_intervals() {
    let mut harness = Harness::new();
    let guests = [harness.join("Ana", &[]), harness.join("Ben", &[])];
    harness.session.claim(ClientId::HOST, &[BASS]);
    let mut due = [0, 1].map(|guest: usize| {
        // The second guest joins the pacing late.
        harness.now = harness.now + Duration::from_millis(10);
        harness.session.pull(harness.now, guests[guest].connection).unwrap().next.at
    });
    assert_eq!(due[0], due[1]);
    harness.now = due[0];
    harness.session.claim(ClientId::HOST, &[LEAD]);
    for (guest, due) in guests.iter().zip(&mut due) {
        let out = harness.session.pull(harness.now, guest.connection).unwrap();
        assert!(out.update.is_some());
        *due = out.next.at;
    }
    assert_eq!(due, [harness.now + Duration::from_millis(33); 2]);
}

#[test]
fn full_states_are_periodic_and_rate_limited() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    let mut fulls = Vec::new();
    for second in 1..=95 {
        harness.pass(SECOND);
        harness
            .session
            .handle(harness.now, ana.connection, ClientMessage::Pong { nonce: 0 })
            .unwrap();
        if updates(&mut harness, &ana).0 == ["full"] {
            fulls.push(second);
        }
    }
    assert_eq!(fulls, [30, 60, 90]);

    harness.pass(SECOND);
    let mut answered = 0;
    for _ in 0..100 {
        ana.mirror.enqueue(ClientMessage::RequestFullSync);
        ana.transmit();
        harness.receive(&mut ana).unwrap();
        answered += usize::from(updates(&mut harness, &ana).0 == ["full"]);
        harness.now = harness.now + Duration::from_millis(10);
    }
    assert_eq!(answered, 1);
}

/// Pulls, and returns the `seq` of a full state.
fn full(harness: &mut Harness, connection: ConnectionId) -> Option<Seq> {
    match harness.session.pull(harness.now, connection).unwrap().update {
        Some(Update::Full(state)) => Some(state.seq),
        _ => None,
    }
}

#[test]
fn client_that_checks_digests_gets_full_states_on_request() {
    let mut harness = Harness::new();
    let (ana, _) = harness.welcome(&Hello { checks_digests: true, ..hello("Ana") });
    let mut fulls = Vec::new();
    for second in 1..=95 {
        harness.pass(SECOND);
        let message = match second {
            50..=53 => ClientMessage::RequestFullSync,
            _ => ClientMessage::Pong { nonce: 0 },
        };
        harness.session.handle(harness.now, ana, message).unwrap();
        fulls.extend(full(&mut harness, ana).map(|_| second));
    }
    assert_eq!(fulls, [50, 52, 54], "at most one in two seconds");
}

#[test]
fn one_full_state_serves_all_that_are_due() {
    let mut harness = Harness::new();
    let guests: Vec<_> = (0..9).map(|_| harness.join("Ana", &[]).connection).collect();
    harness.session.claim(ClientId::HOST, &[BASS]);
    let mut made = BTreeSet::new();
    for (hertz, &guest) in (100_u16..).zip(&guests) {
        harness.session.act(harness.now, &cutoff(BASS, hertz.into())).unwrap();
        harness.session.handle(harness.now, guest, ClientMessage::RequestFullSync).unwrap();
        let full = full(&mut harness, guest).unwrap();
        made.insert(full);
        // What the client lacks follows in a patch from there.
        harness.now = harness.now + Duration::from_millis(33);
        let update = harness.session.pull(harness.now, guest).unwrap().update;
        let now = harness.session.state().seq;
        assert!(
            matches!(&update, Some(Update::Patch { from, to }) if from.seq == full && to.seq == now)
                || (full == now && update.is_none()),
            "{update:?}"
        );
    }
    assert_eq!(made.len(), 2, "the last one asks after 264 ms");
}

#[test]
fn client_with_a_newer_state_waits_for_the_next_full_one() {
    for later in [0, 50] {
        let mut harness = Harness::new();
        let (ana, ben) = (harness.join("Ana", &[]), harness.join("Ben", &[]));
        harness.session.claim(ClientId::HOST, &[BASS]);
        harness
            .session
            .handle(harness.now, ana.connection, ClientMessage::RequestFullSync)
            .unwrap();
        let made = harness.now;
        assert!(full(&mut harness, ana.connection).is_some());

        harness.now = harness.now + Duration::from_millis(later);
        harness.session.act(harness.now, &cutoff(BASS, 100.0)).unwrap();
        assert_eq!(updates(&mut harness, &ben).0, ["patch"]);
        harness
            .session
            .handle(harness.now, ben.connection, ClientMessage::RequestFullSync)
            .unwrap();
        let out = harness.session.pull(harness.now, ben.connection).unwrap();
        assert!(out.update.is_none(), "it would ignore an older state");
        harness.now = made + Duration::from_millis(250);
        assert!(out.next.at <= harness.now);
        let newest = harness.session.state().seq;
        assert_eq!(full(&mut harness, ben.connection), Some(newest));
    }
}

#[test]
fn client_that_drains_no_answers_is_not_read() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[]);
    let mut asked = 0;
    while harness.session.has_room(ana.connection) {
        let ask = ClientMessage::RequestPrivilege;
        harness.session.handle(harness.now, ana.connection, ask).unwrap();
        asked += 1;
        assert!(asked < 10_000, "answers pile up without end");
    }
    assert_eq!(asked, 256);
    drop(harness.session.pull(harness.now, ana.connection).unwrap());
    assert!(harness.session.has_room(ana.connection));
}

#[test]
fn missing_patch_requests_one_full_state() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    harness.session.claim(ClientId::HOST, &[BASS]);
    let mut patch = |hertz| {
        harness.now = harness.now + SECOND;
        harness.session.act(harness.now, &cutoff(BASS, hertz)).unwrap();
        harness.transmit(&mut ana).unwrap();
        ana.to_guest.pop_back().unwrap()
    };
    let (first, second, third) = (patch(100.0), patch(200.0), patch(300.0));
    ana.to_guest.clear();
    ana.to_guest.extend([first.clone(), third.clone(), second, third, first]);
    ana.receive();
    assert_eq!(ana.cutoff(BASS), 100.0, "a patch to another base is not applied");
    ana.transmit();
    assert_eq!(ana.to_session, [ClientMessage::RequestFullSync]);
    harness.settle(&mut [&mut ana]);
    assert_eq!(ana.cutoff(BASS), 300.0);
    assert!(
        ana.take_events()
            .iter()
            .any(|event| matches!(event, SessionEvent::Resynchronised(Resync::Gap { .. })))
    );
}

#[test]
fn metering_is_paced_and_stops_when_unchanged() {
    use imbolc_net::{studio::Metering, util::quantity::Ticks};

    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[]);
    let mut sent = 0;
    for tick in 0..1000 {
        harness.session.meter(&Metering { playhead: Ticks::of(tick), ..Metering::default() });
        sent += u32::from(
            harness.session.pull(harness.now, ana.connection).unwrap().metering.is_some(),
        );
        harness.now = harness.now + Duration::from_millis(1);
    }
    assert!((29..=31).contains(&sent), "{sent}");
    harness.now = harness.now + SECOND;
    assert!(harness.session.pull(harness.now, ana.connection).unwrap().metering.is_some());
    harness.now = harness.now + SECOND;
    assert!(harness.session.pull(harness.now, ana.connection).unwrap().metering.is_none());
}

#[test]
fn metering_does_not_overtake_the_state() {
    use imbolc_net::{studio::Metering, util::quantity::Ticks};

    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[]);
    harness.session.claim(ClientId::HOST, &[BASS]);
    assert_eq!(updates(&mut harness, &ana).0, ["patch"]);
    // An engine answers a stop: where it was, and that nothing plays.
    harness.session.act(harness.now, &cutoff(BASS, 100.0)).unwrap();
    harness.session.meter(&Metering { playhead: Ticks::of(960), ..Metering::default() });
    let out = harness.session.pull(harness.now, ana.connection).unwrap();
    assert!(out.update.is_none() && out.metering.is_none(), "{out:?}");
    assert_eq!(out.next.at, harness.now + Duration::from_millis(33), "both wait for the patch");
    harness.now = out.next.at;
    let out = harness.session.pull(harness.now, ana.connection).unwrap();
    assert!(out.update.is_some() && out.metering.is_some(), "{out:?}");
}

#[test]
fn edits_without_a_pause_hold_no_metering_up() {
    use imbolc_net::{studio::Metering, util::quantity::Ticks};

    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[]);
    harness.session.claim(ClientId::HOST, &[BASS]);
    let mut sent = 0;
    for millisecond in 0..1000_u16 {
        harness.session.act(harness.now, &cutoff(BASS, 100.0 + f32::from(millisecond))).unwrap();
        let playhead = Ticks::of(millisecond.into());
        harness.session.meter(&Metering { playhead, ..Metering::default() });
        sent += u32::from(
            harness.session.pull(harness.now, ana.connection).unwrap().metering.is_some(),
        );
        harness.now = harness.now + Duration::from_millis(1);
    }
    assert!((29..=31).contains(&sent), "{sent}");
}
