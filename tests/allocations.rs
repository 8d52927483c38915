//! How often the ways that an edit takes ask for memory. It is the same on every
//! machine, loaded or not, so what makes them dearer is seen at once.
//!
//! A limit is what it is today. Who needs more raises it, and says why.

#[path = "../benches/fixture/mod.rs"]
mod fixture;

use std::{sync::Arc, time::Duration};

use allocation_counter::measure;
use fixture::{cutoff, open, studio, touched, turn_to, turning};
use imbolc_net::{
    Dispatcher, NetworkState, ServerMessage,
    model::Model as _,
    protocol::{
        ActionNumber, ClientId, ClientMessage, Hello, PROTOCOL_VERSION, Participant,
        PrivilegeLevel, Roster, Seq, SessionId, SessionToken, StatePatch, Welcome,
        framing::{self, Codec},
    },
    studio::Studio,
    sync::{
        mirror::Mirror,
        session::{Session, SessionConfig, Update},
    },
    util::time::{Millis, Timestamp},
};

/// A jam, and far more instruments than anybody plays.
const SIZES: [u32; 3] = [16, 64, 1024];

/// The most allocations, and the most bytes, that a call of `run` takes. The first
/// calls make room for what comes later.
fn most(mut run: impl FnMut()) -> (u64, u64) {
    (0..140).for_each(|_| run());
    let calls: Vec<_> = (0..32).map(|_| measure(&mut run)).collect();
    let count = calls.iter().map(|call| call.count_total).max().unwrap();
    (count, calls.iter().map(|call| call.bytes_total).max().unwrap())
}

/// Holds what `run` takes to its limits, at every size.
fn holds(what: &str, (count, bytes): (u64, u64), mut run: impl FnMut(u32) -> (u64, u64)) {
    for size in SIZES {
        let (took, took_bytes) = run(size);
        println!("{what}, {size} instruments: {took} allocations, {took_bytes} bytes");
        assert!(took <= count, "{what}, {size} instruments: {took} allocations, not {count}");
        assert!(took_bytes <= bytes, "{what}, {size} instruments: {took_bytes} bytes, not {bytes}");
    }
}

/// Two moments of a session, a turned knob apart.
fn moments(instruments: u32) -> (NetworkState, NetworkState) {
    let (seq, roster) = (Seq(1000), Arc::default());
    let before = NetworkState { seq, model: studio(instruments), roster };
    let mut after = NetworkState { seq: seq.next(), ..before.clone() };
    let knob = turn_to(touched(instruments), cutoff(1));
    Studio::reduce(&mut after.model, &knob).unwrap();
    (before, after)
}

fn knob(instruments: u32) -> ServerMessage {
    let (before, after) = moments(instruments);
    ServerMessage::StatePatchUpdate(before.patch_to(&after))
}

/// A mirror of a studio in which it owns the knob that is turned.
fn mirror(instruments: u32) -> Mirror<Studio> {
    let mut roster = Roster::default();
    let me = ClientId(1);
    roster.participants.insert(me, Participant::new("Ana"));
    roster.owners.insert(touched(instruments), roster.as_owner(me).unwrap());
    let state =
        NetworkState { seq: Seq(1000), model: studio(instruments), roster: Arc::new(roster) };
    let welcome = Welcome {
        session: SessionId::new([0; 16]),
        client_id: me,
        name: "Ana".into(),
        token: SessionToken::new([0; 16]),
        codec: Codec::Json.name().into(),
        compression: None,
        granted: vec![touched(instruments)],
        refused: vec![],
        privilege: PrivilegeLevel::Normal,
        clock: Timestamp::ZERO,
        resume_window: Millis(60_000),
        state,
    };
    Mirror::new(welcome, 1024)
}

#[test]
fn reading_a_snapshot_takes_no_memory() {
    holds("read", (0, 0), |size| {
        let studio = open(size);
        most(|| drop(studio.state()))
    });
}

#[test]
fn dispatching_takes_what_is_touched() {
    holds("dispatch alone", (7, 1600), |size| {
        let studio = open(size);
        most(turning(&studio, touched(size)))
    });
}

#[test]
fn predicting_takes_what_is_touched() {
    holds("dispatch, predicted", (7, 1600), |size| {
        let mut mirror = mirror(size);
        let mut turn = 0;
        most(|| {
            turn += 1;
            let now = Timestamp::from_micros(turn * 1000);
            mirror.dispatch(now, turn_to(touched(size), cutoff(turn))).unwrap();
        })
    });
}

/// An action as it comes in, until its patch is written.
#[test]
fn deciding_takes_what_is_touched() {
    holds("decide and tell", (10, 3600), |size| {
        // What is looked after now and then is not part of it.
        let rarely = Duration::from_secs(3600);
        let config = SessionConfig {
            heartbeat_interval: rarely,
            full_sync_interval: rarely,
            base_spacing: rarely,
            ..SessionConfig::default()
        };
        let id = SessionId::new([0; 16]);
        let mut session = Session::<Studio>::hosted(config, id, "host", studio(size));
        let hello = Hello {
            protocol: PROTOCOL_VERSION,
            model: Studio::NAME.into(),
            model_version: Studio::VERSION,
            name: "Ana".into(),
            own: vec![touched(size)],
            privilege: false,
            codecs: vec![],
            compression: vec![],
            resume: None,
        };
        let token = SessionToken::new([0; 16]);
        let admitted = session.handle_hello(Timestamp::ZERO, &hello, token);
        let ticket = admitted.ok().unwrap().ticket;
        let (mut turn, mut buffer) = (0, Vec::new());
        most(|| {
            turn += 1;
            // Far enough apart that each patch may leave.
            let now = Timestamp::from_micros(turn * 40_000);
            let (number, action) = (ActionNumber(turn), turn_to(touched(size), cutoff(turn)));
            let action = ClientMessage::Action { number, continues: true, action };
            session.handle(now, ticket, action).unwrap();
            drop((session.take_effects(), session.take_forgotten()));
            let outgoing = session.pull(now, ticket).unwrap();
            let Some(Update::Patch { from, to }) = &outgoing.update else { panic!("no patch") };
            let patch = ServerMessage::<Studio>::StatePatchUpdate(from.patch_to(to));
            buffer.clear();
            framing::encode(Codec::Postcard, &patch, &mut buffer).unwrap();
            drop((outgoing, session.take_forgotten()));
        })
    });
}

#[test]
fn comparing_takes_what_differs() {
    holds("patch", (1, 300), |size| {
        let (before, after) = moments(size);
        most(|| drop(before.patch_to(&after)))
    });
}

#[test]
fn encoding_takes_no_memory_but_the_buffer() {
    for codec in Codec::ALL {
        holds(&format!("encode, {}", codec.name()), (0, 0), |size| {
            let knob = knob(size);
            let mut buffer = Vec::new();
            most(|| {
                buffer.clear();
                framing::encode(codec, &knob, &mut buffer).unwrap();
            })
        });
    }
}

#[test]
fn decoding_takes_what_is_in_the_message() {
    for codec in Codec::ALL {
        holds(&format!("decode, {}", codec.name()), (1, 300), |size| {
            let mut frame = Vec::new();
            framing::encode(codec, &knob(size), &mut frame).unwrap();
            most(|| drop(framing::decode::<ServerMessage>(codec, &frame[4..]).unwrap()))
        });
    }
}

#[test]
fn applying_takes_what_is_touched() {
    holds("apply", (5, 1100), |size| {
        let (before, after) = moments(size);
        let patch: StatePatch = before.patch_to(&after);
        most(|| drop(before.patched(&patch).unwrap()))
    });
}
