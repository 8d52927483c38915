//! A mirror that differs from the authority notices by itself: at the next
//! heartbeat it asks for everything, once, and says so.

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
    ClientMessage, Dispatcher, Event, ServerMessage,
    client::{JoinOptions, RemoteDispatcher},
    dispatcher::Resync,
    model::{Access, Digest, InstrumentId, Invalid, Model, NoEngine, PatchError},
    protocol::{ClientId, StateDigest},
    server::{HostDispatcher, HostOptions},
    studio::{FilterSetting, InstrumentSetting, StudioChange, StudioPatch},
    sync::session::SessionConfig,
    transport::in_memory,
    util::quantity::Hertz,
};
use tokio::time::sleep;

use crate::{
    conformance::eventually,
    room::{BASS, Guest, Room, cutoff},
};

const SECOND: Duration = Duration::from_secs(1);

/// A room in which the host can turn the knobs of the bass, and somebody in it.
fn room() -> (Room, Guest) {
    let mut room = Room::new();
    room.session.claim(ClientId::HOST, &[BASS]);
    let mut ana = room.join("Ana", &[]);
    room.settle(&mut [&mut ana]);
    ana.mirror.take_events();
    (room, ana)
}

/// Turns a knob, and has `guest` hear that it was turned to somewhere else.
fn deceive(room: &mut Room, guest: &mut Guest) {
    room.session.act(room.now, &cutoff(BASS, 800.0)).unwrap();
    room.say(guest).unwrap();
    let lie = InstrumentSetting::Filter(FilterSetting::Cutoff(Hertz::of(801.0)));
    for message in &mut guest.to_guest {
        if let ServerMessage::StatePatchUpdate(patch) = message {
            let changes = vec![StudioChange::Instrument(BASS, lie.clone())];
            patch.model = Some(StudioPatch(changes));
        }
    }
    guest.listen();
    assert_eq!((room.cutoff(BASS), guest.cutoff(BASS)), (800.0, 801.0));
}

/// The digests in the pings that are on their way to `guest`.
fn told(guest: &Guest) -> Vec<Option<StateDigest>> {
    let digests = guest.to_guest.iter().filter_map(|message| match message {
        ServerMessage::Ping { digest, .. } => Some(*digest),
        _ => None,
    });
    digests.collect()
}

/// What there was to repair at `guest`'s.
fn repairs(guest: &mut Guest) -> Vec<Resync> {
    let events = guest.mirror.take_events().into_iter();
    let resyncs = events.filter_map(|event| match event {
        Event::Resynchronised(why) => Some(why),
        _ => None,
    });
    resyncs.filter(Resync::is_repair).collect()
}

#[test]
fn a_mirror_that_differs_notices_at_the_next_heartbeat_and_asks_for_everything_once() {
    let (mut room, mut ana) = room();
    deceive(&mut room, &mut ana);
    let seq = ana.mirror.confirmed().seq;

    for expected in [1, 0] {
        room.pass(5 * SECOND);
        room.say(&mut ana).unwrap();
        assert_eq!(told(&ana).len(), 1);
        ana.listen();
        ana.speak();
        let asked = |message: &&ClientMessage| **message == ClientMessage::RequestFullSync;
        assert_eq!(ana.to_session.iter().filter(asked).count(), expected, "{:?}", ana.to_session);
        // The wish does not arrive before another heartbeat; the answer to the
        // first does.
        ana.to_session.retain(|message| matches!(message, ClientMessage::Pong { .. }));
        room.listen(&mut ana).unwrap();
    }
    assert_eq!(repairs(&mut ana), [], "nothing is repaired yet");
    room.session.handle(room.now, ana.ticket, ClientMessage::RequestFullSync).unwrap();
    room.settle(&mut [&mut ana]);
    assert_eq!(repairs(&mut ana), [Resync::Digest { seq }]);
    assert_eq!(ana.mirror.confirmed(), room.session.state());
    assert_eq!(ana.cutoff(BASS), 800.0);

    for _ in 0..3 {
        room.pass(5 * SECOND);
        room.settle(&mut [&mut ana]);
    }
    assert_eq!(repairs(&mut ana), [], "and all is well from then on");
}

#[test]
fn who_has_what_the_authority_has_is_never_disturbed() {
    let (mut room, mut ana) = room();
    let mut ben = room.join("Ben", &[]);
    let mut heartbeats = 0;
    for turn in 0..600_u16 {
        // The heartbeats fall before, between and into the edits, and Ben hears
        // of most of them later than Ana.
        room.pass(Duration::from_millis(33));
        room.session.act(room.now, &cutoff(BASS, 100.0 + f32::from(turn))).unwrap();
        room.say(&mut ana).unwrap();
        heartbeats += told(&ana).len();
        ana.listen();
        ana.speak();
        room.listen(&mut ana).unwrap();
        if turn % 10 == 0 {
            room.say(&mut ben).unwrap();
            heartbeats += told(&ben).len();
            ben.listen();
            ben.speak();
            room.listen(&mut ben).unwrap();
        }
    }
    assert!(heartbeats >= 6, "{heartbeats}");
    for guest in [&mut ana, &mut ben] {
        assert_eq!(repairs(guest), []);
    }
}

#[test]
fn a_patch_that_is_missing_and_that_no_other_follows_is_noticed_at_the_next_heartbeat() {
    let (mut room, mut ana) = room();
    let have = ana.mirror.confirmed().seq;
    room.session.act(room.now, &cutoff(BASS, 900.0)).unwrap();
    room.say(&mut ana).unwrap();
    let base = room.session.state().seq;
    ana.to_guest.clear();
    room.pass(5 * SECOND);
    room.settle(&mut [&mut ana]);
    assert_eq!(repairs(&mut ana), [Resync::Gap { have, base }]);
    assert_eq!(ana.mirror.confirmed(), room.session.state());
}

#[test]
fn the_digest_of_a_heartbeat_is_that_of_the_moment_the_client_was_sent_last() {
    let (mut room, mut ana) = room();
    let before = Arc::clone(ana.mirror.confirmed());
    room.pass(5 * SECOND);
    room.session.act(room.now, &cutoff(BASS, 900.0)).unwrap();
    room.say(&mut ana).unwrap();
    let digests = told(&ana);
    assert_eq!(digests.iter().flatten().map(|digest| digest.seq).collect::<Vec<_>>(), [before.seq]);
    // A digest of an earlier moment says nothing about this one.
    ana.to_guest.retain(|message| !matches!(message, ServerMessage::Ping { .. }));
    ana.listen();
    assert_ne!(ana.mirror.confirmed().seq, before.seq);
    let clock = room.now;
    for digest in digests {
        ana.mirror.handle(ServerMessage::Ping { nonce: 1, clock, digest });
    }
    ana.speak();
    assert_eq!(ana.to_session, [ClientMessage::Pong { nonce: 1 }]);
}

#[test]
fn a_roster_that_differs_is_noticed_too() {
    let (mut room, mut ana) = room();
    room.session.release(ClientId::HOST, &[BASS]);
    room.say(&mut ana).unwrap();
    for message in &mut ana.to_guest {
        if let ServerMessage::StatePatchUpdate(patch) = message {
            patch.roster.clear();
        }
    }
    ana.listen();
    assert!(ana.mirror.confirmed().roster.owner(BASS).is_some());
    room.pass(5 * SECOND);
    room.settle(&mut [&mut ana]);
    assert!(matches!(repairs(&mut ana)[..], [Resync::Digest { .. }]));
    assert_eq!(ana.mirror.confirmed(), room.session.state());
}

#[test]
fn a_moment_is_not_kept_for_longer_than_until_the_next_one_is_digested() {
    let config = SessionConfig { max_bases: 1, ..SessionConfig::default() };
    let mut room = Room::with(config);
    let mut ana = room.join("Ana", &[]);
    room.pass(5 * SECOND);
    let digested = Arc::downgrade(room.session.state());
    room.settle(&mut [&mut ana]);
    for owned in 0..3 {
        room.session.claim(ClientId::HOST, &[InstrumentId(1 + owned)]);
        room.settle(&mut [&mut ana]);
        room.session.take_forgotten();
    }
    assert!(digested.upgrade().is_some(), "it is what the next digest is worked out from");
    room.pass(5 * SECOND);
    room.settle(&mut [&mut ana]);
    let forgotten = room.session.take_forgotten();
    assert!(digested.upgrade().is_some(), "it is handed out, and not dropped under a lock");
    drop(forgotten);
    assert!(digested.upgrade().is_none());
}

/// One number, which is applied wrongly if it is unlucky, and digests that mean
/// nothing if [`BROKEN`](Abacus) ones are asked for.
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

    fn access(_: &u32, _: &u32) -> Access {
        Access::Privilege
    }

    fn reduce(state: &mut u32, action: &u32) -> Result<Vec<()>, Invalid> {
        *state = *action;
        Ok(vec![])
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

/// What happens to who joins a session in which the number is set to `number`,
/// within a minute: how often everything was repaired, and what it has then.
async fn a_minute_with<const BROKEN: bool>(number: u32) -> (Vec<Resync>, u32) {
    let (listener, connector) = in_memory();
    let options = HostOptions::default();
    let ana = JoinOptions { name: "Ana".into(), ..JoinOptions::default() };
    let host = HostDispatcher::<Abacus<BROKEN>>::open("host", 0, NoEngine, listener, options);
    let host = host.unwrap();
    let remote = RemoteDispatcher::<Abacus<BROKEN>>::join(connector, ana).await.unwrap();
    let mut events = remote.events();
    host.dispatch(number).unwrap();
    eventually("it arrives", || remote.confirmed().seq == host.state().seq).await;
    sleep(60 * SECOND).await;
    let mut repairs = Vec::new();
    while let Some(event) = events.try_next() {
        match event {
            Event::Resynchronised(why) if why.is_repair() => repairs.push(why),
            Event::Status(status) => panic!("{status:?}"),
            _ => {}
        }
    }
    assert_eq!(remote.confirmed().seq, host.state().seq);
    let shown = remote.state().model;
    remote.close().await;
    host.close().await;
    (repairs, shown)
}

#[tokio::test(start_paused = true)]
async fn over_the_network_a_mirror_that_differs_is_put_right_and_says_so() {
    let (repairs, shown) = a_minute_with::<false>(UNLUCKY).await;
    assert!(matches!(repairs[..], [Resync::Digest { .. }]), "{repairs:?}");
    assert_eq!(shown, UNLUCKY);
    assert_eq!(a_minute_with::<false>(UNLUCKY + 1).await, (vec![], UNLUCKY + 1));
}

#[tokio::test(start_paused = true)]
async fn a_digest_that_is_always_wrong_costs_a_full_state_a_heartbeat_and_no_more() {
    let (repairs, shown) = a_minute_with::<true>(7).await;
    assert!((8..=12).contains(&repairs.len()), "{repairs:?}");
    assert_eq!(shown, 7);
}
