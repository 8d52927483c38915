//! The wire format: the bytes of every message are pinned, and invalid bytes are
//! rejected without a panic.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::{Buf, BytesMut};
use imbolc_net::{
    model::{Digest, EngineFault, InstrumentId, Invalid},
    protocol::{
        ActionNumber, ClientId, ClientMessage, EntryRefusal, Hello, HistoryChange, NetworkState,
        OwnerInfo, OwnershipRefusal, PROTOCOL_VERSION, Participant, Presence, PrivilegeLevel,
        ProtocolError, ReconnectRefusal, Reconnected, Refusal, Rejection, Resume, Role, Roster,
        RosterChange, Seq, ServerMessage, SessionId, SessionToken, StateDigest, StatePatch,
        Welcome,
        framing::{self, Codec, Compression, Format},
        limits,
    },
    studio::{
        BusId, FilterSetting, InstrumentAction, InstrumentSetting, Metering, Note, PianoRollAction,
        SoundEngine, Studio, StudioChange, StudioNotice, StudioPatch, StudioState, TrackChange,
    },
    transport::frame_splitter,
    util::{
        quantity::{Bpm, Decibels, Hertz, NoteLength, Pitch, Probability, Ticks, Velocity},
        text::is_plain,
        time::{Millis, Timestamp},
    },
};
use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use tokio_util::codec::Decoder;

use crate::{
    harness::{BASS, LEAD, cutoff, instance, key},
    strange_host,
};

const TOKEN: SessionToken = SessionToken::new([0xab; 16]);
const SESSION: SessionId = SessionId::new([0x12; 16]);

fn ana() -> OwnerInfo {
    OwnerInfo { client_id: ClientId(3), name: "Ana".into() }
}

fn not_owner() -> Refusal {
    Refusal::NotOwner { instrument: LEAD, owner: Some(ana()) }
}

fn refused() -> Vec<OwnershipRefusal> {
    vec![
        OwnershipRefusal { instrument: LEAD, reason: not_owner() },
        OwnershipRefusal {
            instrument: InstrumentId(9),
            reason: Refusal::Invalid(Invalid::missing("instrument", 9)),
        },
    ]
}

fn state() -> NetworkState {
    let mut roster = Roster::default();
    roster.participants.insert(ClientId::HOST, Participant::new("host"));
    let ana = Participant { round_trip: Some(Millis(5)), ..Participant::new("Ana") };
    roster.participants.insert(ClientId(3), ana);
    let since = Timestamp::from_micros(5_000_000);
    let ben = Participant {
        presence: Presence::Away { since },
        role: Role::Viewer,
        key: Some(key(1)),
        ..Participant::new("Ben")
    };
    roster.participants.insert(ClientId(4), ben);
    roster.owners.insert(BASS, self::ana());
    roster.privileged = roster.as_owner(ClientId::HOST);
    NetworkState { seq: Seq(41), model: StudioState::starter(), roster: Arc::new(roster) }
}

fn note() -> Note {
    Note {
        tick: Ticks::of(960),
        pitch: Pitch::of(60),
        length: NoteLength::of(240),
        velocity: Velocity::of(100),
        probability: Probability::MAX,
    }
}

fn patch() -> StatePatch {
    let knob = InstrumentSetting::Filter(FilterSetting::Cutoff(Hertz::of(1234.5)));
    StatePatch {
        base: Seq(41),
        seq: Seq(43),
        roster: vec![
            RosterChange::Owned(LEAD, ana()),
            RosterChange::Freed(BASS),
            RosterChange::Left(ClientId(4)),
            RosterChange::Privilege(None),
            RosterChange::Participant(
                ClientId(4),
                Participant { key: Some(key(1)), ..Participant::new("Ben") },
            ),
        ],
        model: Some(StudioPatch(vec![
            StudioChange::Instrument(BASS, knob),
            StudioChange::PianoRoll(LEAD, TrackChange::Put(note())),
        ])),
    }
}

/// The index of a message's variant. A new variant does not compile without one, and
/// the tests below require a sample of each.
fn client_variant(message: &ClientMessage) -> usize {
    match message {
        ClientMessage::Hello(_) => 0,
        ClientMessage::Action { .. } => 1,
        ClientMessage::Batch { .. } => 2,
        ClientMessage::Undo { .. } => 3,
        ClientMessage::Redo { .. } => 4,
        ClientMessage::RequestOwnership { .. } => 5,
        ClientMessage::ReleaseOwnership { .. } => 6,
        ClientMessage::RequestPrivilege => 7,
        ClientMessage::ReleasePrivilege => 8,
        ClientMessage::RequestFullSync => 9,
        ClientMessage::Ping { .. } => 10,
        ClientMessage::Pong { .. } => 11,
        ClientMessage::Goodbye => 12,
    }
}

fn server_variant(message: &ServerMessage) -> usize {
    match message {
        ServerMessage::Welcome(_) => 0,
        ServerMessage::ReconnectSuccessful(_) => 1,
        ServerMessage::ReconnectFailed { .. } => 2,
        ServerMessage::StatePatchUpdate(_) => 3,
        ServerMessage::FullStateSync { .. } => 4,
        ServerMessage::Metering(_) => 5,
        ServerMessage::ActionsApplied { .. } => 6,
        ServerMessage::ActionRejected { .. } => 7,
        ServerMessage::Undone { .. } => 8,
        ServerMessage::OwnershipAnswer { .. } => 9,
        ServerMessage::PrivilegeGranted => 10,
        ServerMessage::PrivilegeDenied { .. } => 11,
        ServerMessage::PrivilegeRevoked { .. } => 12,
        ServerMessage::Ping { .. } => 13,
        ServerMessage::Pong { .. } => 14,
        ServerMessage::Error(_) => 15,
        ServerMessage::Goodbye => 16,
        ServerMessage::Shutdown => 17,
        ServerMessage::HistoryChanged(_) => 18,
        ServerMessage::NotRecorded { .. } => 19,
        ServerMessage::PrivilegeRequested { .. } => 20,
        ServerMessage::Notice(_) => 21,
    }
}

fn refusal_variant(refusal: &Refusal) -> usize {
    match refusal {
        Refusal::NotOwner { .. } => 0,
        Refusal::NotPrivileged { .. } => 1,
        Refusal::Viewer => 2,
        Refusal::EngineOnly => 3,
        Refusal::Invalid(_) => 4,
        Refusal::Malformed { .. } => 5,
        Refusal::InBatch { .. } => 6,
        Refusal::Panicked { .. } => 7,
        other => panic!("a new variant needs an index: {other:?}"),
    }
}

fn client_samples() -> Vec<(&'static str, ClientMessage)> {
    let hello = Hello {
        protocol: PROTOCOL_VERSION,
        model: "imbolc-studio".into(),
        model_version: 2,
        name: "Ana".into(),
        own: vec![BASS, LEAD],
        privilege: true,
        codecs: vec!["postcard".into(), "json".into()],
        compression: vec!["lz4".into()],
        attempt: 0,
        checks_digests: false,
        role: Role::default(),
        instance: None,
        resume: None,
    };
    let resume = Resume {
        token: Some(TOKEN),
        client_id: Some(ClientId(3)),
        seq: Some(Seq(41)),
        answered: Some(ActionNumber(17)),
        history: 2,
    };
    let again = Hello { resume: Some(resume), own: vec![], privilege: false, ..hello.clone() };
    let keyed = Hello {
        role: Role::Viewer,
        instance: Some(instance(9)),
        resume: Some(Resume {
            token: None,
            client_id: None,
            seq: None,
            answered: None,
            history: 0,
        }),
        ..hello.clone()
    };
    let put = imbolc_net::studio::NetworkAction::PianoRoll(LEAD, PianoRollAction::Add(note()));
    let key = imbolc_net::studio::NetworkAction::Instrument(
        BASS,
        InstrumentAction::Play(Pitch::of(40), Velocity::of(127)),
    );
    vec![
        ("Hello", ClientMessage::Hello(hello)),
        ("Hello-resume", ClientMessage::Hello(again)),
        ("Hello-key", ClientMessage::Hello(keyed)),
        (
            "Action",
            ClientMessage::Action {
                number: ActionNumber(17),
                continues: false,
                action: cutoff(BASS, 440.1),
            },
        ),
        (
            "Action-note",
            ClientMessage::Action { number: ActionNumber(18), continues: false, action: put },
        ),
        (
            "Action-key",
            ClientMessage::Action { number: ActionNumber(19), continues: false, action: key },
        ),
        (
            "Batch",
            ClientMessage::Batch {
                number: ActionNumber(20),
                actions: vec![cutoff(BASS, 440.1), cutoff(BASS, 880.0)],
            },
        ),
        ("Undo", ClientMessage::Undo { number: ActionNumber(20) }),
        ("Redo", ClientMessage::Redo { number: ActionNumber(21) }),
        ("RequestOwnership", ClientMessage::RequestOwnership { instruments: vec![BASS, LEAD] }),
        ("ReleaseOwnership", ClientMessage::ReleaseOwnership { instruments: vec![BASS] }),
        ("RequestPrivilege", ClientMessage::RequestPrivilege),
        ("ReleasePrivilege", ClientMessage::ReleasePrivilege),
        ("RequestFullSync", ClientMessage::RequestFullSync),
        ("Ping", ClientMessage::Ping { nonce: 7 }),
        ("Pong", ClientMessage::Pong { nonce: 7 }),
        ("Goodbye", ClientMessage::Goodbye),
    ]
}

/// A patch without changes of the roster, which JSON leaves out.
fn knob_patch() -> StatePatch {
    let StatePatch { base, seq, mut model, .. } = patch();
    model.as_mut().unwrap().0.pop();
    StatePatch { base, seq, roster: vec![], model }
}

fn roster_patch() -> StatePatch {
    StatePatch { model: None, ..patch() }
}

fn server_samples() -> Vec<(&'static str, ServerMessage)> {
    let clock = Timestamp::from_micros(1_500_000);
    let digest = StateDigest { seq: Seq(43), digest: Digest(0x00f0_e1d2_c3b4_a596) };
    let welcome = Welcome {
        session: SESSION,
        client_id: ClientId(3),
        name: "Ana".into(),
        token: Some(TOKEN),
        codec: "json".into(),
        compression: None,
        granted: vec![BASS],
        refused: refused(),
        privilege: PrivilegeLevel::Normal,
        clock,
        resume_window: Millis(60_000),
        state: state(),
    };
    let back = Reconnected {
        session: SESSION,
        client_id: ClientId(3),
        name: "Ana".into(),
        token: Some(TOKEN),
        codec: "postcard".into(),
        compression: Some("lz4".into()),
        last_action: ActionNumber(17),
        seq: Seq(41),
        rejected: vec![Rejection { number: ActionNumber(16), reason: not_owner() }],
        history: vec![HistoryChange { number: 3, after: ActionNumber(16), cleared: false }],
        privilege: PrivilegeLevel::Privileged,
        clock,
        resume_window: Millis(60_000),
    };
    let metering = Metering {
        playhead: Ticks::of(1920),
        tempo: Bpm::of(174.0),
        playing: true,
        peaks: [Decibels::of(-6.5), Decibels::of(-120.0)],
        instruments: [(InstrumentId(2), [Decibels::of(-9.0), Decibels::of(-12.5)])]
            .into_iter()
            .collect(),
        buses: [(BusId(1), [Decibels::of(-115.0), Decibels::of(12.0)])].into_iter().collect(),
        engine: SoundEngine::Sounding { cpu: 12, late: 0, rate: 48_000 },
    };
    let missing = Metering { engine: SoundEngine::Missing, ..Metering::default() };
    let rejected = |reason| ServerMessage::ActionRejected { number: ActionNumber(17), reason };
    vec![
        ("Welcome", ServerMessage::Welcome(welcome)),
        ("ReconnectSuccessful", ServerMessage::ReconnectSuccessful(back)),
        (
            "ReconnectFailed",
            ServerMessage::ReconnectFailed { reason: ReconnectRefusal::UnknownToken },
        ),
        ("StatePatchUpdate", ServerMessage::StatePatchUpdate(patch())),
        ("StatePatchUpdate-knob", ServerMessage::StatePatchUpdate(knob_patch())),
        ("StatePatchUpdate-roster", ServerMessage::StatePatchUpdate(roster_patch())),
        ("FullStateSync", ServerMessage::FullStateSync { state: state() }),
        ("Metering", ServerMessage::Metering(metering)),
        ("Metering-missing", ServerMessage::Metering(missing)),
        (
            "ActionsApplied",
            ServerMessage::ActionsApplied { through: ActionNumber(17), seq: Seq(43) },
        ),
        ("ActionRejected-owner", rejected(not_owner())),
        ("ActionRejected-privilege", rejected(Refusal::NotPrivileged { holder: None })),
        ("ActionRejected-viewer", rejected(Refusal::Viewer)),
        ("ActionRejected-engine", rejected(Refusal::EngineOnly)),
        ("ActionRejected-invalid", rejected(Refusal::Invalid(Invalid::exists("instrument", 1)))),
        ("ActionRejected-malformed", rejected(Refusal::Malformed { detail: "why".into() })),
        ("ActionRejected-panicked", rejected(Refusal::Panicked { detail: "why".into() })),
        (
            "ActionRejected-batch",
            rejected(Refusal::InBatch { index: 1, count: 2, reason: Box::new(not_owner()) }),
        ),
        (
            "Undone",
            ServerMessage::Undone {
                number: ActionNumber(20),
                step: "cutoff of 1 Bass".into(),
                changed: 2,
                kept: 1,
            },
        ),
        (
            "OwnershipAnswer",
            ServerMessage::OwnershipAnswer { granted: vec![BASS], refused: refused() },
        ),
        ("PrivilegeGranted", ServerMessage::PrivilegeGranted),
        ("PrivilegeDenied", ServerMessage::PrivilegeDenied { holder: Some(ana()), reserved: None }),
        ("PrivilegeDenied-viewer", ServerMessage::PrivilegeDenied { holder: None, reserved: None }),
        ("PrivilegeRevoked", ServerMessage::PrivilegeRevoked { by: ana() }),
        ("Ping", ServerMessage::Ping { nonce: 1_500_000, clock, digest: Some(digest) }),
        ("Ping-bare", ServerMessage::Ping { nonce: 1_500_000, clock, digest: None }),
        ("Pong", ServerMessage::Pong { nonce: 7 }),
        ("Error", ServerMessage::Error(ProtocolError::WrongProtocol { speaks: 1 })),
        ("Error-removed", ServerMessage::Error(ProtocolError::NotAdmitted(EntryRefusal::Removed))),
        ("Error-bare", ServerMessage::Error(ProtocolError::HelloExpected)),
        ("Goodbye", ServerMessage::Goodbye),
        ("Shutdown", ServerMessage::Shutdown),
        (
            "HistoryChanged",
            ServerMessage::HistoryChanged(HistoryChange {
                number: 3,
                after: ActionNumber(17),
                cleared: false,
            }),
        ),
        (
            "NotRecorded",
            ServerMessage::NotRecorded { what: "1 note in 1 Bass".into(), reason: not_owner() },
        ),
        ("PrivilegeRequested", ServerMessage::PrivilegeRequested { by: ana() }),
        ("Notice", ServerMessage::Notice(EngineFault::Failed("why".into()).into())),
        ("Notice-sound", ServerMessage::Notice(StudioNotice::Sound("why".into()))),
        ("Notice-bare", ServerMessage::Notice(EngineFault::Restarted.into())),
    ]
}

fn frame<T: Serialize>(codec: Codec, message: &T) -> Vec<u8> {
    let mut buffer = Vec::new();
    framing::encode(codec, message, &mut buffer).unwrap();
    buffer
}

/// Compares the payload of a message in each codec with its golden file, byte for byte,
/// and decodes it again. `UPDATE_GOLDEN=1` writes the files; review the difference.
fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
    side: &str,
    name: &str,
    message: &T,
) {
    for codec in Codec::ALL {
        let frame = frame(codec, message);
        let mut frame = &frame[..];
        let length = frame.get_u32() as usize;
        assert_eq!(length, frame.len(), "{name}: the length prefix is wrong");
        let (text, kind) = match codec {
            Codec::Json => (String::from_utf8(frame.to_vec()).unwrap(), "json"),
            Codec::Postcard => (hex(frame), "postcard"),
        };
        let file = format!("{name}.{kind}");
        let path: PathBuf =
            [env!("CARGO_MANIFEST_DIR"), "tests", "golden", side, &file].iter().collect();
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let golden = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(text, golden, "{side}/{file}: the bytes on the wire have changed");
        assert_eq!(Codec::of(frame), codec, "{side}/{file}: the codec is not recognised");
        assert_eq!(framing::decode::<T>(codec, frame).unwrap(), *message, "{side}/{file}");
    }
}

/// Hexadecimal digits, 32 bytes per line.
fn hex(bytes: &[u8]) -> String {
    let line = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    bytes.chunks(32).map(|bytes| line(bytes) + "\n").collect()
}

#[test]
fn client_messages_are_pinned() {
    let samples = client_samples();
    for (name, message) in &samples {
        check("client", name, message);
    }
    let mut seen: Vec<_> = samples.iter().map(|(_, message)| client_variant(message)).collect();
    seen.dedup();
    assert_eq!(seen, (0..13).collect::<Vec<_>>(), "a variant has no sample");
}

#[test]
fn server_messages_are_pinned() {
    let samples = server_samples();
    for (name, message) in &samples {
        check("server", name, message);
    }
    let mut seen: Vec<_> = samples.iter().map(|(_, message)| server_variant(message)).collect();
    seen.dedup();
    assert_eq!(seen, (0..22).collect::<Vec<_>>(), "a variant has no sample");
    let mut refusals: Vec<_> = samples
        .iter()
        .filter_map(|(_, message)| match message {
            ServerMessage::ActionRejected { reason, .. } => Some(refusal_variant(reason)),
            _ => None,
        })
        .collect();
    refusals.sort_unstable();
    assert_eq!(refusals, (0..8).collect::<Vec<_>>(), "a refusal has no sample");
}

#[test]
fn long_frame_is_rejected_before_memory_is_allocated() {
    let mut splitter = frame_splitter(1000);
    let mut bytes = BytesMut::from(&1001_u32.to_be_bytes()[..]);
    let error = splitter.decode(&mut bytes).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    assert!(bytes.capacity() < 1000, "{}", bytes.capacity());

    let mut bytes = BytesMut::from(&u32::MAX.to_be_bytes()[..]);
    assert!(frame_splitter(1000).decode(&mut bytes).is_err());
}

#[test]
fn frames_survive_any_split_of_the_stream() {
    let samples = client_samples();
    for (codec, size) in
        Codec::ALL.into_iter().flat_map(|codec| [1, 2, 3, 5, 7, 64, 1000].map(|size| (codec, size)))
    {
        let mut stream = Vec::new();
        for (_, message) in &samples {
            framing::encode(codec, message, &mut stream).unwrap();
        }
        let (mut splitter, mut buffer) = (frame_splitter(10_000), BytesMut::new());
        let mut decoded = Vec::new();
        for chunk in stream.chunks(size) {
            buffer.extend_from_slice(chunk);
            while let Some(payload) = splitter.decode(&mut buffer).unwrap() {
                decoded.push(framing::decode::<ClientMessage>(codec, &payload).unwrap());
            }
        }
        assert!(decoded.iter().eq(samples.iter().map(|(_, message)| message)), "chunks of {size}");
    }
}

#[test]
fn invalid_numbers_in_json_are_rejected() {
    let knob = |value: &str| {
        let json = format!(
            r#"{{"Action":{{"number":1,"action":{{"Instrument":[1,{{"Set":{{"Filter":{{"Cutoff":{value}}}}}}}]}}}}}}"#
        );
        framing::decode::<ClientMessage>(Codec::Json, json.as_bytes())
    };
    assert!(knob("1000").is_ok());
    for value in ["null", "1e999", "-1e999", "NaN", "Infinity", "19", "20001", "\"1000\"", "[]"] {
        let error = knob(value).unwrap_err();
        assert!(!error.detail().is_empty());
        assert!(error.detail().chars().count() <= 300);
    }
}

#[test]
fn invalid_numbers_in_postcard_are_rejected() {
    let knob = ClientMessage::<Studio>::Action {
        number: ActionNumber(1),
        continues: false,
        action: cutoff(BASS, 1000.0),
    };
    let mut payload = frame(Codec::Postcard, &knob).split_off(4);
    assert_eq!(framing::decode::<ClientMessage>(Codec::Postcard, &payload).unwrap(), knob);
    let at = payload.len() - 4;
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 19.0, 20_001.0] {
        payload[at..].copy_from_slice(&value.to_le_bytes());
        assert!(framing::decode::<ClientMessage>(Codec::Postcard, &payload).is_err(), "{value}");
        // With its number, the action is refused and the connection goes on.
        let number = framing::unreadable_action(Codec::Postcard, &payload);
        assert_eq!(number, Some(ActionNumber(1)));
    }
}

#[test]
fn bytes_after_a_message_are_rejected() {
    for codec in Codec::ALL {
        let mut payload = frame(codec, &ClientMessage::<Studio>::Ping { nonce: 7 }).split_off(4);
        payload.extend_from_slice(b"0");
        assert!(framing::decode::<ClientMessage>(codec, &payload).is_err(), "{codec:?}");
    }
}

#[test]
fn only_large_messages_are_compressed_if_negotiated() {
    let agree = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).into()).collect();
        Compression::agree(&names)
    };
    assert_eq!(agree(&["zip", "lz4"]), Some(Compression::Lz4));
    assert_eq!(agree(&["zip"]), None);
    assert_eq!(agree(&[]), None);
    for codec in Codec::ALL {
        for (name, message) in server_samples() {
            let uncompressed = frame(codec, &message);
            for compression in [None, Some(Compression::Lz4)] {
                let mut buffer = Vec::new();
                Format { codec, compression }.encode(&message, &mut buffer).unwrap();
                let payload = &buffer[4..];
                assert_eq!(
                    u32::from_be_bytes(buffer[..4].try_into().unwrap()) as usize,
                    payload.len()
                );
                if compression.is_some() && uncompressed.len() >= limits::COMPRESSED_FROM {
                    assert!(buffer.len() < uncompressed.len() / 2, "{name}: {}", buffer.len());
                } else {
                    assert_eq!(buffer, uncompressed, "{name}");
                }
                let payload = framing::expand(payload, uncompressed.len()).unwrap();
                assert_eq!(*payload, uncompressed[4..], "{name}");
            }
        }
    }
}

#[test]
fn debug_output_hides_the_token() {
    let hello = &client_samples()[1].1;
    assert!(!format!("{hello:?}").contains("abab"), "{hello:?}");
    assert!(String::from_utf8_lossy(&frame(Codec::Json, hello)).contains("abab"));
}

#[test]
fn undecodable_action_still_has_a_number() {
    let number_in = |json: &str| framing::unreadable_action(Codec::Json, json.as_bytes());
    let number = Some(ActionNumber(7));
    assert_eq!(number_in(r#"{"Action":{"number":7,"action":{"What":["ever"]}}}"#), number);
    assert_eq!(number_in(r#"{"Action":{"action":{"What":["ever"]},"number":7}}"#), number);
    assert_eq!(number_in(r#"{"Action":{"action":{"What":["ever"]}}}"#), None);
    assert_eq!(number_in(r#"{"Batch":{"number":7,"actions":[{"What":["ever"]}]}}"#), number);
    assert_eq!(number_in(r#"{"Ping":{"number":7}}"#), None);
    assert_eq!(number_in("{"), None);
}

proptest! {
    #[test]
    fn decoding_random_bytes_never_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..512),
    ) {
        for codec in Codec::ALL {
            let _ = framing::decode::<ClientMessage>(codec, &bytes);
            let _ = framing::decode::<ServerMessage>(codec, &bytes);
            let _ = framing::unreadable_action(codec, &bytes);
        }
        if let Ok(expanded) = framing::expand(&bytes, 4096) {
            prop_assert!(expanded.len() <= 4096);
        }
        let mut splitter = frame_splitter(4096);
        let mut buffer = BytesMut::from(&bytes[..]);
        while let Ok(Some(payload)) = splitter.decode(&mut buffer) {
            prop_assert!(payload.len() <= 4096);
        }
    }

    #[test]
    fn decoding_damaged_messages_never_panics(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
        codec in prop::sample::select(&Codec::ALL[..]),
    ) {
        let frames: Vec<_> = client_samples().iter().map(|(_, message)| frame(codec, message))
            .chain(server_samples().iter().map(|(_, message)| frame(codec, message)))
            .collect();
        let mut payload = frames[which.index(frames.len())][4..].to_vec();
        let at = at.index(payload.len());
        payload[at] = byte;
        payload.truncate(payload.len().max(1) - cut.index(payload.len()) / 4);
        // A damaged message that still decodes can be encoded again.
        if let Ok(message) = framing::decode::<ClientMessage>(codec, &payload) {
            prop_assert!(!frame(codec, &message).is_empty());
        }
        if let Ok(message) = framing::decode::<ServerMessage>(codec, &payload) {
            prop_assert!(!frame(codec, &message).is_empty());
        }
    }
}

#[test]
fn timestamp_is_in_microseconds() {
    let time = Timestamp::ZERO + Duration::from_millis(1500);
    assert_eq!(serde_json::to_string(&time).unwrap(), "1500000");
}

#[test]
fn every_text_of_a_host_is_printable_once_decoded() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/server");
    let mut decoded = 0;
    for tricky in strange_host::messages(&golden) {
        let json = serde_json::to_vec(&tricky).unwrap();
        // The names of a format are compared and not shown.
        let is_format = ["codec", "compression"].iter().any(|field| {
            let fields = tricky.as_object().and_then(|message| message.values().next());
            fields.is_some_and(|fields| fields[field].as_str().is_some_and(|name| !is_plain(name)))
        });
        if is_format {
            continue;
        }
        let Ok(message) = framing::decode::<ServerMessage>(Codec::Json, &json) else { continue };
        decoded += 1;
        // JSON escapes control characters, but no others.
        let text = serde_json::to_string(&message).unwrap();
        assert!(text.contains("FORGED"), "{tricky}");
        assert!(is_plain(&text) && !text.contains("\\u"), "{text:?}");
    }
    assert!(decoded > 20, "{decoded} texts");
}
