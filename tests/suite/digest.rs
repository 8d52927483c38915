//! A mirror that differs from the authority detects it at the next heartbeat: it
//! requests a full state once, and reports it.

mod lengthy;
mod pinned;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use imbolc_net::{
    ClientMessage, Dispatcher, Event, ServerMessage, SessionEvent,
    authority::inline,
    client::{JoinOptions, RemoteDispatcher},
    model::{Access, Digest, InstrumentId, Invalid, Model, NoEngine, PatchError, Reduction},
    protocol::{ClientId, StateDigest},
    server::{HostDispatcher, HostOptions},
    studio::{FilterSetting, InstrumentSetting, StudioChange, StudioPatch},
    sync::Resync,
    sync::session::SessionConfig,
    transport::in_memory,
    util::quantity::Hertz,
};
use tokio::time::sleep;

use crate::{
    conformance::eventually,
    harness::{BASS, Guest, Harness, cutoff},
};

const SECOND: Duration = Duration::from_secs(1);

/// A session in which the host owns the bass, with one guest.
fn harness() -> (Harness, Guest) {
    let mut harness = Harness::new();
    harness.session.claim(ClientId::HOST, &[BASS]);
    let mut ana = harness.join("Ana", &[]);
    harness.settle(&mut [&mut ana]);
    ana.take_events();
    (harness, ana)
}

/// Turns a knob, and changes the value in the patch that `guest` receives.
fn falsify_patch(harness: &mut Harness, guest: &mut Guest) {
    harness.session.act(harness.now, &cutoff(BASS, 800.0)).unwrap();
    harness.transmit(guest).unwrap();
    let wrong = InstrumentSetting::Filter(FilterSetting::Cutoff(Hertz::of(801.0)));
    for message in &mut guest.to_guest {
        if let ServerMessage::StatePatchUpdate(patch) = message {
            let changes = vec![StudioChange::Instrument(BASS, wrong.clone())];
            patch.model = Some(StudioPatch(changes));
        }
    }
    guest.receive();
    assert_eq!((harness.cutoff(BASS), guest.cutoff(BASS)), (800.0, 801.0));
}

/// The digests in the heartbeats on their way to `guest`.
fn sent_digests(guest: &Guest) -> Vec<Option<StateDigest>> {
    let digests = guest.to_guest.iter().filter_map(|message| match message {
        ServerMessage::Ping { digest, .. } => Some(*digest),
        _ => None,
    });
    digests.collect()
}

/// The repairs that `guest` has reported since the last call.
fn repairs(guest: &mut Guest) -> Vec<Resync> {
    let events = guest.take_events().into_iter();
    let resyncs = events.filter_map(|event| match event {
        SessionEvent::Resynchronised(why) => Some(why),
        _ => None,
    });
    resyncs.filter(Resync::is_repair).collect()
}

#[test]
fn differing_mirror_requests_one_full_state() {
    let (mut harness, mut ana) = harness();
    falsify_patch(&mut harness, &mut ana);
    let seq = ana.mirror.confirmed().seq;

    for expected in [1, 0] {
        harness.pass(5 * SECOND);
        harness.transmit(&mut ana).unwrap();
        assert_eq!(sent_digests(&ana).len(), 1);
        ana.receive();
        ana.transmit();
        let asked = |message: &&ClientMessage| **message == ClientMessage::RequestFullSync;
        assert_eq!(ana.to_session.iter().filter(asked).count(), expected, "{:?}", ana.to_session);
        // The request is delayed beyond the next heartbeat; the `Pong` is not.
        ana.to_session.retain(|message| matches!(message, ClientMessage::Pong { .. }));
        harness.receive(&mut ana).unwrap();
    }
    assert_eq!(repairs(&mut ana), [], "before the full state arrives");
    harness.session.handle(harness.now, ana.connection, ClientMessage::RequestFullSync).unwrap();
    harness.settle(&mut [&mut ana]);
    assert_eq!(repairs(&mut ana), [Resync::Digest { seq }]);
    assert_eq!(ana.mirror.confirmed(), harness.session.state());
    assert_eq!(ana.cutoff(BASS), 800.0);

    for _ in 0..3 {
        harness.pass(5 * SECOND);
        harness.settle(&mut [&mut ana]);
    }
    assert_eq!(repairs(&mut ana), [], "after the repair");
}

#[test]
fn equal_mirror_never_requests_full_state() {
    let (mut harness, mut ana) = harness();
    let mut ben = harness.join("Ben", &[]);
    let mut heartbeats = 0;
    for turn in 0..600_u16 {
        // Heartbeats fall before, between and into the edits, and Ben receives most
        // edits later than Ana.
        harness.pass(Duration::from_millis(33));
        harness.session.act(harness.now, &cutoff(BASS, 100.0 + f32::from(turn))).unwrap();
        harness.transmit(&mut ana).unwrap();
        heartbeats += sent_digests(&ana).len();
        ana.receive();
        ana.transmit();
        harness.receive(&mut ana).unwrap();
        if turn % 10 == 0 {
            harness.transmit(&mut ben).unwrap();
            heartbeats += sent_digests(&ben).len();
            ben.receive();
            ben.transmit();
            harness.receive(&mut ben).unwrap();
        }
    }
    assert!(heartbeats >= 6, "{heartbeats}");
    for guest in [&mut ana, &mut ben] {
        assert_eq!(repairs(guest), []);
    }
}

#[test]
fn lost_last_patch_is_detected_at_the_next_heartbeat() {
    let (mut harness, mut ana) = harness();
    let have = ana.mirror.confirmed().seq;
    harness.session.act(harness.now, &cutoff(BASS, 900.0)).unwrap();
    harness.transmit(&mut ana).unwrap();
    let base = harness.session.state().seq;
    ana.to_guest.clear();
    harness.pass(5 * SECOND);
    harness.settle(&mut [&mut ana]);
    assert_eq!(repairs(&mut ana), [Resync::Gap { have, base }]);
    assert_eq!(ana.mirror.confirmed(), harness.session.state());
}

#[test]
fn heartbeat_digest_is_that_of_the_last_sent_snapshot() {
    let (mut harness, mut ana) = harness();
    let before = Arc::clone(ana.mirror.confirmed());
    harness.pass(5 * SECOND);
    harness.session.act(harness.now, &cutoff(BASS, 900.0)).unwrap();
    harness.transmit(&mut ana).unwrap();
    let digests = sent_digests(&ana);
    assert_eq!(digests.iter().flatten().map(|digest| digest.seq).collect::<Vec<_>>(), [before.seq]);
    // The digest of an earlier snapshot must be ignored.
    ana.to_guest.retain(|message| !matches!(message, ServerMessage::Ping { .. }));
    ana.receive();
    assert_ne!(ana.mirror.confirmed().seq, before.seq);
    let clock = harness.now;
    for digest in digests {
        ana.mirror.handle(ServerMessage::Ping { nonce: 1, clock, digest });
    }
    ana.transmit();
    assert_eq!(ana.to_session, [ClientMessage::Pong { nonce: 1 }]);
}

#[test]
fn differing_roster_is_detected() {
    let (mut harness, mut ana) = harness();
    harness.session.release(ClientId::HOST, &[BASS]);
    harness.transmit(&mut ana).unwrap();
    for message in &mut ana.to_guest {
        if let ServerMessage::StatePatchUpdate(patch) = message {
            patch.roster.clear();
        }
    }
    ana.receive();
    assert!(ana.mirror.confirmed().roster.owner(BASS).is_some());
    harness.pass(5 * SECOND);
    harness.settle(&mut [&mut ana]);
    assert!(matches!(repairs(&mut ana)[..], [Resync::Digest { .. }]));
    assert_eq!(ana.mirror.confirmed(), harness.session.state());
}

#[test]
fn snapshot_is_kept_only_until_the_next_digest() {
    let config = SessionConfig { max_bases: 1, ..SessionConfig::default() };
    let mut harness = Harness::with(config);
    let mut ana = harness.join("Ana", &[]);
    harness.pass(5 * SECOND);
    let digested = Arc::downgrade(harness.session.state());
    harness.settle(&mut [&mut ana]);
    for owned in 0..3 {
        harness.session.claim(ClientId::HOST, &[InstrumentId(1 + owned)]);
        harness.settle(&mut [&mut ana]);
        harness.take_forgotten();
    }
    assert!(digested.upgrade().is_some(), "the next digest is computed from it");
    harness.pass(5 * SECOND);
    harness.settle(&mut [&mut ana]);
    let forgotten = harness.take_forgotten();
    assert!(
        digested.upgrade().is_some(),
        "it is handed out, so that no lock is held when it is dropped"
    );
    drop(forgotten);
    assert!(digested.upgrade().is_none());
}

/// A number. A patch to [`UNLUCKY`] is applied wrongly, and if `BROKEN`, every digest
/// differs from every other.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Abacus<const BROKEN: bool>;

const UNLUCKY: u32 = 13;

impl<const BROKEN: bool> Model for Abacus<BROKEN> {
    const NAME: &'static str = "abacus";
    const VERSION: u32 = 1;

    type State = u32;
    type Action = u32;
    type Patch = u32;
    type Effect = ();
    type Outcome = ();
    type Metering = ();
    type Notice = ();

    fn access(_: &u32, _: &u32) -> Access {
        Access::Privilege
    }

    fn reduce(state: &mut u32, action: &u32) -> Result<Reduction<()>, Invalid> {
        *state = *action;
        Ok(Reduction::default())
    }

    fn diff(from: &u32, to: &u32) -> Option<u32> {
        (from != to).then_some(*to)
    }

    fn apply(state: &mut u32, patch: &u32) -> Result<(), PatchError> {
        *state = if *patch == UNLUCKY { UNLUCKY + 1 } else { *patch };
        Ok(())
    }

    fn instruments(_: &u32) -> Vec<InstrumentId> {
        vec![]
    }

    fn digest(state: &u32, _: Option<(&u32, Digest)>) -> Digest {
        static DIGESTS: AtomicU64 = AtomicU64::new(0);
        if BROKEN { Digest(DIGESTS.fetch_add(1, Relaxed)) } else { Digest::of(state) }
    }
}

/// Joins a session in which the number is set to `number`. Returns the repairs of a
/// minute, and the number that the client shows then.
async fn a_minute_with<const BROKEN: bool>(number: u32) -> (Vec<Resync>, u32) {
    let (listener, connector) = in_memory();
    let options = HostOptions::default();
    let ana = JoinOptions { name: "Ana".into(), ..JoinOptions::default() };
    let host =
        HostDispatcher::<Abacus<BROKEN>>::open("host", 0, inline(|| NoEngine), listener, options);
    let host = host.unwrap();
    let remote = RemoteDispatcher::<Abacus<BROKEN>>::join(connector, ana).await.unwrap();
    let mut events = remote.events();
    host.dispatch(number).unwrap();
    eventually("the patch arrives", || remote.confirmed().seq == host.state().seq).await;
    sleep(60 * SECOND).await;
    let mut repairs = Vec::new();
    while let Some(event) = events.try_next() {
        match event {
            Event::Session(SessionEvent::Resynchronised(why)) if why.is_repair() => {
                repairs.push(why)
            }
            Event::Status(status) => panic!("{status:?}"),
            _ => {}
        }
    }
    assert_eq!(remote.confirmed().seq, host.state().seq);
    let shown = remote.state().model;
    remote.close().await.unwrap();
    host.close().await.unwrap();
    (repairs, shown)
}

#[tokio::test(start_paused = true)]
async fn differing_client_is_repaired_over_the_network() {
    let (repairs, shown) = a_minute_with::<false>(UNLUCKY).await;
    assert!(matches!(repairs[..], [Resync::Digest { .. }]), "{repairs:?}");
    assert_eq!(shown, UNLUCKY);
    assert_eq!(a_minute_with::<false>(UNLUCKY + 1).await, (vec![], UNLUCKY + 1));
}

#[tokio::test(start_paused = true)]
async fn broken_digest_costs_one_full_state_per_heartbeat() {
    let (repairs, shown) = a_minute_with::<true>(7).await;
    assert!((8..=12).contains(&repairs.len()), "{repairs:?}");
    assert_eq!(shown, 7);
}
