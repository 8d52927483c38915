//! The number of allocations on the path of an edit. Unlike time, it is the same on
//! every machine and under any load, so a regression shows at once.
//!
//! Each limit is the current number. If a change needs more, raise the limit and give
//! the reason.

#[path = "../benches/fixture/mod.rs"]
mod fixture;

use std::{sync::Arc, time::Duration};

use allocation_counter::measure;
use fixture::{cutoff, open, studio, touched, turn_to, turning};
use imbolc_net::{
    Dispatcher, NetworkState, ServerMessage,
    model::{InstrumentId, Model as _},
    protocol::{
        ActionNumber, ClientId, ClientMessage, Hello, PROTOCOL_VERSION, Participant,
        PrivilegeLevel, Role, Roster, Seq, SessionId, SessionToken, StatePatch, Welcome,
        framing::{self, Codec},
    },
    studio::{NetworkAction, Note, Notes, PianoRollAction, Studio, StudioState},
    sync::{
        mirror::Mirror,
        session::{Credentials, Session, SessionConfig, SessionOutput, Update},
    },
    util::{
        quantity::{NoteLength, Pitch, Probability, Ticks, Velocity},
        time::{Millis, Timestamp},
    },
};

/// The numbers of instruments: a jam's, and far more than a session has.
const SIZES: [u32; 3] = [16, 64, 1024];

/// The most allocations and the most allocated bytes of a call of `run`. The first
/// calls are not counted, because buffers grow in them.
fn most(mut run: impl FnMut()) -> (u64, u64) {
    (0..140).for_each(|_| run());
    let calls: Vec<_> = (0..32).map(|_| measure(&mut run)).collect();
    let count = calls.iter().map(|call| call.count_total).max().unwrap();
    (count, calls.iter().map(|call| call.bytes_total).max().unwrap())
}

/// Compares the allocations and bytes of `run` with their limits, at every size.
fn assert_allocations(
    what: &str,
    (count, bytes): (u64, u64),
    mut run: impl FnMut(u32) -> (u64, u64),
) {
    for size in SIZES {
        let (found, found_bytes) = run(size);
        println!("{what}, {size} instruments: {found} allocations, {found_bytes} bytes");
        assert!(found <= count, "{what}, {size} instruments: {found} allocations, not {count}");
        assert!(
            found_bytes <= bytes,
            "{what}, {size} instruments: {found_bytes} bytes, not {bytes}"
        );
    }
}

/// Two snapshots of a session that differ by a knob.
fn snapshots(instruments: u32) -> (NetworkState, NetworkState) {
    let (seq, roster) = (Seq(1000), Arc::default());
    let before = NetworkState { seq, model: studio(instruments), roster };
    let mut after = NetworkState { seq: seq.next(), ..before.clone() };
    let knob = turn_to(touched(instruments), cutoff(1));
    Studio::reduce(&mut after.model, &knob).unwrap();
    (before, after)
}

/// The patch of a turned knob.
fn knob(instruments: u32) -> ServerMessage {
    let (before, after) = snapshots(instruments);
    ServerMessage::StatePatchUpdate(before.patch_to(&after))
}

/// A mirror of a client that owns the instrument whose knob is turned.
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
        token: Some(SessionToken::new([0; 16])),
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
fn reading_a_snapshot_allocates_nothing() {
    assert_allocations("read", (0, 0), |size| {
        let studio = open(size);
        most(|| drop(studio.state()))
    });
}

#[test]
fn local_dispatch_allocates_what_it_changes() {
    // An undo step knows its take and its words: 36 bytes.
    assert_allocations("local dispatch", (7, 1664), |size| {
        let studio = open(size);
        most(turning(&studio, touched(size)))
    });
}

#[test]
fn prediction_allocates_what_it_changes() {
    assert_allocations("dispatch, predicted", (7, 1664), |size| {
        let mut mirror = mirror(size);
        let mut turn = 0;
        most(|| {
            turn += 1;
            let now = Timestamp::from_micros(turn * 1000);
            mirror.dispatch(now, turn_to(touched(size), cutoff(turn))).unwrap();
        })
    });
}

/// From the arrival of an action to its encoded patch.
#[test]
fn session_allocates_what_it_changes() {
    assert_allocations("decide and encode", (10, 3712), |size| {
        // Periodic work is not counted.
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
            attempt: 0,
            checks_digests: false,
            role: Role::default(),
            instance: None,
            resume: None,
        };
        let token = SessionToken::new([0; 16]);
        let admitted = session.handle_hello(Timestamp::ZERO, &hello, Credentials::plain(token));
        let ticket = admitted.ok().unwrap().connection;
        let (mut turn, mut buffer) = (0, Vec::new());
        most(|| {
            turn += 1;
            // Longer than the minimum interval between patches.
            let now = Timestamp::from_micros(turn * 40_000);
            let (number, action) = (ActionNumber(turn), turn_to(touched(size), cutoff(turn)));
            let action = ClientMessage::Action { number, continues: true, action };
            session.handle(now, ticket, action).unwrap();
            drain(&mut session);
            let outgoing = session.pull(now, ticket).unwrap();
            let Some(Update::Patch { from, to }) = &outgoing.update else { panic!("no patch") };
            let patch = ServerMessage::<Studio>::StatePatchUpdate(from.patch_to(to));
            buffer.clear();
            framing::encode(Codec::Postcard, &patch, &mut buffer).unwrap();
            drop(outgoing);
            drain(&mut session);
        })
    });
}

/// Polls the session until it waits.
fn drain(session: &mut Session<Studio>) {
    while !matches!(session.poll(), SessionOutput::Wait(_)) {}
}

#[test]
fn diff_allocates_what_differs() {
    assert_allocations("patch", (1, 300), |size| {
        let (before, after) = snapshots(size);
        most(|| drop(before.patch_to(&after)))
    });
}

#[test]
fn encoding_allocates_only_the_buffer() {
    for codec in Codec::ALL {
        assert_allocations(&format!("encode, {}", codec.name()), (0, 0), |size| {
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
fn decoding_allocates_what_the_message_contains() {
    for codec in Codec::ALL {
        assert_allocations(&format!("decode, {}", codec.name()), (1, 300), |size| {
            let mut frame = Vec::new();
            framing::encode(codec, &knob(size), &mut frame).unwrap();
            most(|| drop(framing::decode::<ServerMessage>(codec, &frame[4..]).unwrap()))
        });
    }
}

#[test]
fn applying_a_patch_allocates_what_it_changes() {
    assert_allocations("apply", (5, 1100), |size| {
        let (before, after) = snapshots(size);
        let patch: StatePatch = before.patch_to(&after);
        most(|| drop(before.patched(&patch).unwrap()))
    });
}

/// What the undo histories of thirty clients that paste at full pace keep alive,
/// beside the state.
#[test]
fn histories_of_thirty_pasting_clients_are_bounded() {
    const CLIENTS: u32 = 30;
    let paste = |instrument, round: u8| {
        let note = |tick| Note {
            tick: Ticks::of(tick),
            pitch: Pitch::of(60),
            length: NoteLength::of(1),
            velocity: Velocity::of(round + 1),
            probability: Probability::MAX,
        };
        let notes: Notes = (0..4096).map(note).collect();
        NetworkAction::PianoRoll(InstrumentId(instrument), PianoRollAction::Paste(notes))
    };
    let mut kept = None;
    let total = measure(|| {
        let (config, id) = (SessionConfig::default(), SessionId::new([0; 16]));
        let mut session = Session::<Studio>::hosted(config, id, "host", studio(CLIENTS));
        let hello = Hello {
            protocol: PROTOCOL_VERSION,
            model: Studio::NAME.into(),
            model_version: Studio::VERSION,
            name: "Ana".into(),
            own: vec![],
            privilege: false,
            codecs: vec![],
            compression: vec![],
            attempt: 0,
            checks_digests: false,
            role: Role::default(),
            instance: None,
            resume: None,
        };
        let ids: Vec<_> = session.state().model.instruments.iter().map(|(id, _)| id).collect();
        let tickets: Vec<_> = (0..)
            .zip(&ids)
            .map(|(number, &id)| {
                let hello = Hello { own: vec![id], ..hello.clone() };
                let token = SessionToken::new(u128::to_be_bytes(number));
                session
                    .handle_hello(Timestamp::ZERO, &hello, Credentials::plain(token))
                    .ok()
                    .unwrap()
                    .connection
            })
            .collect();
        for round in 0..16_u8 {
            let now = Timestamp::from_micros(u64::from(round) * 1000);
            for (ticket, id) in tickets.iter().zip(&ids) {
                let number = ActionNumber(u64::from(round) + 1);
                let action = paste(id.0, round);
                let message = ClientMessage::Action { number, continues: false, action };
                session.handle(now, *ticket, message).unwrap();
                drain(&mut session);
            }
        }
        kept = Some(session);
    });
    let json = serde_json::to_vec(&kept.as_ref().unwrap().state().model).unwrap();
    let mut copy = None;
    let state = measure(|| copy = Some(serde_json::from_slice::<StudioState>(&json).unwrap()));
    let beside = total.bytes_current - state.bytes_current;
    println!("beside a state of {} bytes: {beside} bytes", state.bytes_current);
    assert!(beside < 64 * 1024 * 1024, "{beside} bytes");
}
