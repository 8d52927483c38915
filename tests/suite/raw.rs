//! A client of raw sockets and raw JSON, with none of the crate's own types,
//! over TCP: what the wire protocol promises, and what becomes of those who
//! break it.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use imbolc_net::{Dispatcher, Mode, dispatcher::Status, model::Model, server::HostOptions};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// A host on a port of its own, in a runtime of its own.
struct Stage {
    runtime: Runtime,
    host: std::sync::Arc<dyn Dispatcher>,
    address: String,
}

impl Stage {
    fn new() -> Self {
        Self::with(HostOptions::default())
    }

    fn with(options: HostOptions) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let mode = Mode::Host {
            session_name: None,
            projects: None,
            name: "host".into(),
            address: "127.0.0.1:0".into(),
            options,
        };
        let host = runtime.block_on(imbolc_net::open(mode)).unwrap();
        let Status::Hosting { address: Some(address) } = host.status() else { panic!() };
        Self { runtime, host, address: address.to_string() }
    }

    fn connect(&self) -> Wire {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        Wire(stream)
    }

    fn join(&self, name: &str, own: &[u32]) -> (Wire, Value) {
        let mut wire = self.connect();
        wire.say(&hello(name, own));
        let welcome = wire.hear()["Welcome"].take();
        assert!(welcome.is_object(), "{name} is welcome");
        (wire, welcome)
    }

    fn participants(&self) -> usize {
        self.host.state().roster.participants.len()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.runtime.block_on(self.host.close());
    }
}

struct Wire(TcpStream);

impl Wire {
    fn send(&mut self, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap();
        self.0.write_all(&length.to_be_bytes()).unwrap();
        self.0.write_all(payload).unwrap();
    }

    fn say(&mut self, message: &Value) {
        self.send(message.to_string().as_bytes());
    }

    /// The next message; null at the end of the connection.
    fn hear(&mut self) -> Value {
        let mut length = [0; 4];
        match self.0.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Value::Null,
            Err(error) => panic!("{error}"),
        }
        let mut payload = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut payload).unwrap();
        serde_json::from_slice(&payload).unwrap()
    }

    /// What the next message of this kind says; others are skipped.
    fn hear_of(&mut self, kind: &str) -> Value {
        loop {
            let mut message = self.hear();
            assert!(!message.is_null(), "the connection ended before {kind}");
            if message == kind {
                return Value::Null;
            }
            if let Some(content) = message.get_mut(kind) {
                return content.take();
            }
        }
    }

    /// The error with which the connection is ended.
    fn hear_error(&mut self) -> Value {
        let error = self.hear_of("Error");
        assert!(self.hear().is_null(), "the connection ends after an error");
        error
    }
}

fn hello(name: &str, own: &[u32]) -> Value {
    json!({"Hello": {
        "protocol": imbolc_net::protocol::PROTOCOL_VERSION, "model": "imbolc-studio", "model_version": imbolc_net::studio::Studio::VERSION, "name": name, "own": own,
        "privilege": false, "codecs": ["json"], "resume": null,
    }})
}

fn knob(number: u64, instrument: u32, cutoff: f64) -> Value {
    let setting = json!({"Set": {"Filter": {"Cutoff": cutoff}}});
    json!({"Action": {"number": number, "action": {"Instrument": [instrument, setting]}}})
}

#[test]
fn a_client_in_any_language_joins_edits_sees_others_and_is_refused_what_is_theirs() {
    let stage = Stage::new();
    let (mut ana, welcome) = stage.join("Ana", &[1]);
    assert_eq!(welcome["granted"], json!([1]));
    assert_eq!(welcome["state"]["model"]["instruments"]["1"]["name"], "Bass");
    let (mut ben, _) = stage.join("Ben", &[2]);
    let me = json!({"client_id": welcome["client_id"], "name": "Ana"});
    assert_eq!(welcome["state"]["roster"]["owners"]["1"], me);

    ana.say(&knob(1, 1, 440.5));
    let applied = ana.hear_of("ActionsApplied");
    assert_eq!(applied["through"], 1);
    let turned = json!([{"Instrument": [1, {"Filter": {"Cutoff": 440.5}}]}]);
    for wire in [&mut ana, &mut ben] {
        loop {
            let patch = wire.hear_of("StatePatchUpdate");
            assert!(patch["base"].as_u64() < patch["seq"].as_u64());
            if patch["model"] == turned {
                break;
            }
        }
    }

    ben.say(&knob(1, 1, 99.0));
    let rejected = ben.hear_of("ActionRejected");
    assert_eq!(rejected["number"], 1);
    assert_eq!(rejected["reason"], json!({"NotOwner": {"instrument": 1, "owner": me}}));
    let cutoff = stage.host.state().model.instruments.iter().next().unwrap().1.filter.cutoff;
    assert_eq!(cutoff.get(), 440.5);

    ben.say(&json!("RequestPrivilege"));
    assert_eq!(ben.hear_of("PrivilegeDenied")["holder"]["name"], "host");
    ben.say(&json!({"RequestOwnership": {"instruments": [1, 3]}}));
    let answer = ben.hear_of("OwnershipAnswer");
    assert_eq!(answer["granted"], json!([3]));
    assert_eq!(answer["refused"][0]["instrument"], 1);
    ben.say(&json!({"Ping": {"nonce": 5}}));
    assert_eq!(ben.hear_of("Pong")["nonce"], 5);
    ben.say(&json!("RequestFullSync"));
    let full = ben.hear_of("FullStateSync");
    assert_eq!(full["state"]["model"]["instruments"]["1"]["filter"]["cutoff"], 440.5);
    ben.say(&json!("Goodbye"));
    while !ben.hear().is_null() {}
}

#[test]
fn a_client_in_any_language_comes_back_with_its_token() {
    let stage = Stage::new();
    let (mut ana, welcome) = stage.join("Ana", &[1]);
    // Whoever says nothing may not have had its token, and loses its place.
    ana.say(&json!({"Ping": {"nonce": 1}}));
    ana.hear_of("Pong");
    drop(ana);
    let mut token = welcome["token"].clone();
    let mut seq = welcome["state"]["seq"].clone();
    for turn in 1..=5 {
        let mut again = stage.connect();
        let mut hello = hello("whatever", &[]);
        hello["Hello"]["resume"] = json!({"token": token, "seq": seq, "answered": null});
        again.say(&hello);
        let back = again.hear_of("ReconnectSuccessful");
        assert_eq!(back["client_id"], welcome["client_id"]);
        assert_eq!(back["name"], "Ana");
        assert_eq!(back["last_action"], turn - 1);
        assert_ne!(back["token"], token);
        token = back["token"].clone();
        again.say(&knob(turn, 1, 100.0));
        assert_eq!(again.hear_of("ActionsApplied")["through"], turn);
        seq = Value::Null;
    }

    let mut stranger = stage.connect();
    let mut hello = hello("Eve", &[]);
    let guess = "00112233445566778899aabbccddeeff";
    hello["Hello"]["resume"] = json!({"token": guess, "seq": null, "answered": null});
    stranger.say(&hello);
    assert_eq!(stranger.hear_of("ReconnectFailed")["reason"], "UnknownToken");
    assert!(stranger.hear().is_null());
}

/// Has `wrong` done by somebody who has just connected, and expects the error.
#[track_caller]
fn at_the_door(wrong: impl FnOnce(&mut Wire), error: &Value) {
    let stage = Stage::new();
    let (mut ana, _) = stage.join("Ana", &[1]);
    let before = stage.host.state();
    let mut wire = stage.connect();
    wrong(&mut wire);
    assert_eq!(wire.hear_error(), *error);
    assert_eq!(stage.host.state(), before, "nothing has changed");
    ana.say(&json!({"Ping": {"nonce": 1}}));
    assert_eq!(ana.hear_of("Pong")["nonce"], 1, "nobody else has noticed");
}

/// Has `wrong` done by somebody who takes part, and expects the error.
#[track_caller]
fn inside(wrong: impl FnOnce(&mut Wire), error: &Value) {
    let stage = Stage::new();
    let (mut ana, _) = stage.join("Ana", &[1]);
    let (mut eve, _) = stage.join("Eve", &[2]);
    let before = stage.host.state();
    wrong(&mut eve);
    assert_eq!(eve.hear_error(), *error);
    assert_eq!(stage.host.state().model, before.model, "nothing has changed");
    ana.say(&json!({"Ping": {"nonce": 1}}));
    assert_eq!(ana.hear_of("Pong")["nonce"], 1, "nobody else has noticed");
}

fn malformed(error: &Value, says: &str) -> bool {
    error["Malformed"]["detail"].as_str().is_some_and(|detail| detail.contains(says))
}

#[test]
fn a_length_over_the_limit_is_refused_before_and_after_the_handshake() {
    let length =
        |length: u32| move |wire: &mut Wire| wire.0.write_all(&length.to_be_bytes()).unwrap();
    at_the_door(length(16 * 1024 + 1), &json!({"FrameTooLong": {"limit": 16 * 1024}}));
    at_the_door(length(u32::MAX), &json!({"FrameTooLong": {"limit": 16 * 1024}}));
    inside(length(1024 * 1024 + 1), &json!({"FrameTooLong": {"limit": 1024 * 1024}}));
    inside(length(u32::MAX), &json!({"FrameTooLong": {"limit": 1024 * 1024}}));
}

#[test]
fn an_error_reaches_even_a_client_that_goes_on_sending() {
    inside(
        |wire| {
            wire.0.write_all(&u32::MAX.to_be_bytes()).unwrap();
            wire.0.write_all(&vec![7; 1024 * 1024]).unwrap();
        },
        &json!({"FrameTooLong": {"limit": 1024 * 1024}}),
    );
}

#[test]
fn who_is_told_why_may_finish_its_sentence() {
    let stage = Stage::new();
    let (mut eve, _) = stage.join("Eve", &[2]);
    eve.0.write_all(&u32::MAX.to_be_bytes()).unwrap();
    assert_eq!(eve.hear_of("Error"), json!({"FrameTooLong": {"limit": 1024 * 1024}}));
    // To a host that had hung up at once, the second of these would fail, and
    // with a reset the error might be lost on its way.
    for _ in 0..32 {
        eve.0.write_all(&[7; 64 * 1024]).unwrap();
    }
    assert!(eve.hear().is_null());
}

#[test]
fn a_frame_that_is_cut_short_suspends_its_client_and_nobody_else() {
    let stage = Stage::new();
    let (mut ana, _) = stage.join("Ana", &[1]);
    let (mut eve, welcome) = stage.join("Eve", &[2]);
    eve.say(&json!({"Ping": {"nonce": 1}}));
    eve.0.write_all(&100_u32.to_be_bytes()).unwrap();
    eve.0.write_all(b"{\"Action").unwrap();
    drop(eve);
    let id = &welcome["client_id"];
    loop {
        let patch = ana.hear_of("StatePatchUpdate");
        let gone = patch["roster"].as_array().into_iter().flatten().any(|change| {
            let who = &change["Participant"];
            who[0] == *id && who[1]["presence"]["Away"].is_object()
        });
        if gone {
            break;
        }
    }
    assert_eq!(stage.participants(), 3, "its place is kept");
}

#[test]
fn what_is_not_a_message_is_refused() {
    for (payload, says) in [
        (&b"hello?"[..], "expected"),
        (b"", "EOF"),
        (b"\xff\xfe\x00", "expected"),
        (b"{\"Dance\":{}}", "unknown variant `Dance`"),
        (b"[[[[[[", "expected"),
    ] {
        let stage = Stage::new();
        let mut wire = stage.connect();
        wire.send(payload);
        let error = wire.hear_error();
        assert!(malformed(&error, says), "{error}");

        let (mut eve, _) = stage.join("Eve", &[]);
        eve.send(payload);
        let error = eve.hear_error();
        assert!(malformed(&error, says), "{error}");
    }
    // A tower of brackets does not fell the decoder.
    let stage = Stage::new();
    let (mut eve, _) = stage.join("Eve", &[]);
    eve.send("[".repeat(500_000).as_bytes());
    assert!(malformed(&eve.hear_error(), ""));
}

#[test]
fn the_first_message_is_hello_and_only_the_first() {
    at_the_door(|wire| wire.say(&json!("RequestFullSync")), &json!("HelloExpected"));
    at_the_door(|wire| wire.say(&knob(1, 1, 99.0)), &json!("HelloExpected"));
    inside(|wire| wire.say(&hello("Eve", &[])), &json!("HelloRepeated"));
}

#[test]
fn a_version_that_does_not_match_is_answered_with_the_one_that_would() {
    let hello = |field: &'static str, value: Value| {
        move |wire: &mut Wire| {
            let mut hello = hello("Eve", &[]);
            hello["Hello"][field] = value;
            wire.say(&hello);
        }
    };
    at_the_door(hello("protocol", json!(1)), &json!({"WrongProtocol": {"speaks": 3}}));
    let of_the_future = json!({"Hello": {"protocol": 4, "who": "Eve"}});
    at_the_door(|wire| wire.say(&of_the_future), &json!({"WrongProtocol": {"speaks": 3}}));
    let model = json!({"WrongModel": {"name": "imbolc-studio", "version": 3}});
    at_the_door(hello("model", json!("chess")), &model);
    at_the_door(hello("model_version", json!(99)), &model);
    let codec = json!({"NoCommonCodec": {"speaks": ["postcard", "json"]}});
    at_the_door(hello("codecs", json!(["morse"])), &codec);
    for name in ["", "a\u{0}b", "tab\there", &"x".repeat(65)] {
        at_the_door(hello("name", json!(name)), &json!({"BadName": {"limit": 64}}));
    }
    let many: Vec<u32> = (0..1025).collect();
    at_the_door(hello("own", json!(many)), &json!({"ListTooLong": {"limit": 1024}}));
}

#[test]
fn an_action_that_cannot_be_is_rejected_by_its_number_and_the_next_one_counts() {
    let stage = Stage::new();
    let (mut ana, _) = stage.join("Ana", &[1]);
    let wrong = [
        // Out of range, not a number, not there.
        (knob(1, 1, 20_001.0), "Malformed"),
        (knob(2, 1, 19.9), "Malformed"),
        (knob(3, 1, f64::NAN), "Malformed"),
        (knob(4, 404, 99.0), "Invalid"),
        (json!({"Action": {"number": 5, "action": {"Explode": 1}}}), "Malformed"),
        (json!({"Action": {"number": 6, "action": {"DeleteInstrument": 404}}}), "Invalid"),
        (json!({"Action": {"number": 7, "action": {"Transport": "Play"}}}), "NotPrivileged"),
        (
            json!({"Action": {"number": 8, "action": {"PianoRoll": [1, {"Remove": [0, 60]}]}}}),
            "Invalid",
        ),
    ];
    for (number, (action, reason)) in (1..).zip(&wrong) {
        ana.say(action);
        let rejected = ana.hear_of("ActionRejected");
        assert_eq!(rejected["number"], number);
        assert!(!rejected["reason"][reason].is_null(), "{rejected}");
    }
    ana.say(&knob(9, 1, 123.0));
    while ana.hear_of("ActionsApplied")["through"] != 9 {}

    inside(|eve| eve.say(&knob(3, 2, 99.0)), &json!({"ActionOutOfOrder": {"expected": 1}}));
}

#[test]
fn what_was_said_before_a_fault_counts_though_they_arrive_together() {
    let framed = |payload: &[u8]| {
        [&u32::try_from(payload.len()).unwrap().to_be_bytes()[..], payload].concat()
    };
    let knobs = [(1, 100.0), (2, 200.0), (3, 300.0)];
    let said = knobs.map(|(number, to)| framed(knob(number, 1, to).to_string().as_bytes()));
    for fault in [framed(b"{"), u32::MAX.to_be_bytes().to_vec()] {
        let stage = Stage::new();
        let (mut ana, _) = stage.join("Ana", &[1]);
        ana.0.write_all(&[&said.concat()[..], &fault].concat()).unwrap();
        ana.hear_of("Error");
        let state = stage.host.state();
        let bass = state.model.instruments.get(imbolc_net::model::InstrumentId(1)).unwrap();
        assert!((bass.filter.cutoff.get() - 300.0).abs() < f32::EPSILON, "{fault:?}");
    }
}

#[test]
fn a_client_that_sends_without_end_and_never_reads_costs_nobody_anything() {
    let stage = Stage::new();
    let (mut ana, _) = stage.join("Ana", &[1]);
    let (mut eve, _) = stage.join("Eve", &[2]);
    eve.0.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut frame = Vec::new();
    let ask = br#""RequestPrivilege""#;
    frame.extend_from_slice(&u32::try_from(ask.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(ask);
    let flood: Vec<u8> = frame.iter().copied().cycle().take(frame.len() * 1000).collect();
    // It is listened to for as long as it could be answered, and no longer.
    let mut sent = 0;
    while eve.0.write_all(&flood).is_ok() {
        sent += flood.len();
        assert!(sent < 256 * 1024 * 1024, "it is listened to without end");
    }
    for number in 1..=20_u64 {
        ana.say(&knob(number, 1, 100.0));
        assert_eq!(ana.hear_of("ActionsApplied")["through"], number);
    }
}

#[test]
fn connections_that_say_nothing_leave_room_for_those_who_do() {
    use imbolc_net::server::ServerConfig;

    let server = ServerConfig { max_connections: 3, ..ServerConfig::default() };
    let stage = Stage::with(HostOptions { server, ..HostOptions::default() });
    let (mut ana, _) = stage.join("Ana", &[1]);
    let _mute = [stage.connect(), stage.connect()];
    let mut late = stage.connect();
    assert_eq!(late.hear_error(), json!({"SessionFull": {"limit": 3}}));
    ana.say(&json!({"Ping": {"nonce": 1}}));
    assert_eq!(ana.hear_of("Pong")["nonce"], 1);
}
