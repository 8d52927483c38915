//! A client of raw TCP and raw JSON, without the crate's types: what the wire
//! protocol promises, and how the host answers violations of it.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use imbolc_net::{Dispatcher, Mode, dispatcher::Status, model::Model, server::HostOptions};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// A host with its own port and runtime.
struct TestHost {
    runtime: Runtime,
    host: std::sync::Arc<dyn Dispatcher>,
    address: String,
}

impl TestHost {
    fn new() -> Self {
        Self::with(HostOptions::default())
    }

    fn with(options: HostOptions) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let mode = Mode::Host { name: "host".into(), address: "127.0.0.1:0".into(), options };
        let host = runtime.block_on(imbolc_net::open(mode)).unwrap();
        let Status::Hosting { address: Some(address) } = host.status() else { panic!() };
        Self { runtime, host, address: address.to_string() }
    }

    fn connect(&self) -> RawConnection {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        RawConnection(stream)
    }

    fn join(&self, name: &str, own: &[u32]) -> (RawConnection, Value) {
        let mut wire = self.connect();
        wire.send(&hello(name, own));
        let welcome = wire.receive()["Welcome"].take();
        assert!(welcome.is_object(), "{name} is admitted");
        (wire, welcome)
    }

    fn participants(&self) -> usize {
        self.host.state().roster.participants.len()
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        let _ = self.runtime.block_on(self.host.close());
    }
}

struct RawConnection(TcpStream);

impl RawConnection {
    fn send_payload(&mut self, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap();
        self.0.write_all(&length.to_be_bytes()).unwrap();
        self.0.write_all(payload).unwrap();
    }

    fn send(&mut self, message: &Value) {
        self.send_payload(message.to_string().as_bytes());
    }

    /// The next message; null when the connection has ended.
    fn receive(&mut self) -> Value {
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

    /// The content of the next message of this kind; skips others.
    fn receive_kind(&mut self, kind: &str) -> Value {
        loop {
            let mut message = self.receive();
            assert!(!message.is_null(), "the connection ended before {kind}");
            if message == kind {
                return Value::Null;
            }
            if let Some(content) = message.get_mut(kind) {
                return content.take();
            }
        }
    }

    /// The error that ends the connection.
    fn receive_error(&mut self) -> Value {
        let error = self.receive_kind("Error");
        assert!(self.receive().is_null(), "the connection ends after an error");
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
fn raw_client_joins_edits_and_is_refused() {
    let server = TestHost::new();
    let (mut ana, welcome) = server.join("Ana", &[1]);
    assert_eq!(welcome["granted"], json!([1]));
    assert_eq!(welcome["state"]["model"]["instruments"]["1"]["name"], "Bass");
    let (mut ben, _) = server.join("Ben", &[2]);
    let me = json!({"client_id": welcome["client_id"], "name": "Ana"});
    assert_eq!(welcome["state"]["roster"]["owners"]["1"], me);

    ana.send(&knob(1, 1, 440.5));
    let applied = ana.receive_kind("ActionsApplied");
    assert_eq!(applied["through"], 1);
    let turned = json!([{"Instrument": [1, {"Filter": {"Cutoff": 440.5}}]}]);
    for wire in [&mut ana, &mut ben] {
        loop {
            let patch = wire.receive_kind("StatePatchUpdate");
            assert!(patch["base"].as_u64() < patch["seq"].as_u64());
            if patch["model"] == turned {
                break;
            }
        }
    }

    ben.send(&knob(1, 1, 99.0));
    let rejected = ben.receive_kind("ActionRejected");
    assert_eq!(rejected["number"], 1);
    assert_eq!(rejected["reason"], json!({"NotOwner": {"instrument": 1, "owner": me}}));
    let cutoff = server.host.state().model.instruments.iter().next().unwrap().1.filter.cutoff;
    assert_eq!(cutoff.get(), 440.5);

    ben.send(&json!("RequestPrivilege"));
    assert_eq!(ben.receive_kind("PrivilegeDenied")["holder"]["name"], "host");
    ben.send(&json!({"RequestOwnership": {"instruments": [1, 3]}}));
    let answer = ben.receive_kind("OwnershipAnswer");
    assert_eq!(answer["granted"], json!([3]));
    assert_eq!(answer["refused"][0]["instrument"], 1);
    ben.send(&json!({"Ping": {"nonce": 5}}));
    assert_eq!(ben.receive_kind("Pong")["nonce"], 5);
    ben.send(&json!("RequestFullSync"));
    let full = ben.receive_kind("FullStateSync");
    assert_eq!(full["state"]["model"]["instruments"]["1"]["filter"]["cutoff"], 440.5);
    ben.send(&json!("Goodbye"));
    assert_eq!(last_message(&mut ben), "Goodbye");
}

fn last_message(wire: &mut RawConnection) -> Value {
    std::iter::from_fn(|| Some(wire.receive()).filter(|message| !message.is_null()))
        .last()
        .unwrap_or_default()
}

#[test]
fn every_goodbye_is_answered() {
    let server = TestHost::new();
    // Right after the handshake, together with the rest of a batch, and after a resume.
    let (mut ana, _) = server.join("Ana", &[1]);
    ana.send(&json!("Goodbye"));
    assert_eq!(last_message(&mut ana), "Goodbye");

    let (mut ana, _) = server.join("Ana", &[1]);
    for number in 1..=200 {
        ana.send(&knob(number, 1, 440.5));
        ana.send(&json!("RequestFullSync"));
    }
    ana.send(&json!("Goodbye"));
    assert_eq!(last_message(&mut ana), "Goodbye");

    let (ana, welcome) = server.join("Ana", &[1]);
    let mut again = server.connect();
    let mut hello = hello("ignored", &[]);
    hello["Hello"]["resume"] = json!({"token": welcome["token"], "seq": null, "answered": null});
    again.send(&hello);
    again.send(&json!("Goodbye"));
    assert_eq!(last_message(&mut again), "Goodbye");
    assert_eq!(server.participants(), 1);
    drop(ana);
}

#[test]
fn raw_client_resumes_with_its_token() {
    let server = TestHost::new();
    let (mut ana, welcome) = server.join("Ana", &[1]);
    // Without a message the host does not know that the token arrived, and frees the
    // place.
    ana.send(&json!({"Ping": {"nonce": 1}}));
    ana.receive_kind("Pong");
    drop(ana);
    let mut token = welcome["token"].clone();
    let mut seq = welcome["state"]["seq"].clone();
    for turn in 1..=5 {
        let mut again = server.connect();
        let mut hello = hello("ignored", &[]);
        hello["Hello"]["resume"] = json!({"token": token, "seq": seq, "answered": null});
        again.send(&hello);
        let back = again.receive_kind("ReconnectSuccessful");
        assert_eq!(back["client_id"], welcome["client_id"]);
        assert_eq!(back["name"], "Ana");
        assert_eq!(back["last_action"], turn - 1);
        assert_ne!(back["token"], token);
        token = back["token"].clone();
        again.send(&knob(turn, 1, 100.0));
        assert_eq!(again.receive_kind("ActionsApplied")["through"], turn);
        seq = Value::Null;
    }

    let mut eve = server.connect();
    let mut hello = hello("Eve", &[]);
    let guess = "00112233445566778899aabbccddeeff";
    hello["Hello"]["resume"] = json!({"token": guess, "seq": null, "answered": null});
    eve.send(&hello);
    assert_eq!(eve.receive_kind("ReconnectFailed")["reason"], "UnknownToken");
    assert!(eve.receive().is_null());
}

/// Has a new connection do `wrong`, and expects the error.
#[track_caller]
fn expect_error_before_hello(wrong: impl FnOnce(&mut RawConnection), error: &Value) {
    let server = TestHost::new();
    let (mut ana, _) = server.join("Ana", &[1]);
    let before = server.host.state();
    let mut wire = server.connect();
    wrong(&mut wire);
    assert_eq!(wire.receive_error(), *error);
    assert_eq!(server.host.state(), before, "nothing has changed");
    ana.send(&json!({"Ping": {"nonce": 1}}));
    assert_eq!(ana.receive_kind("Pong")["nonce"], 1, "other clients are not affected");
}

/// Has a participant do `wrong`, and expects the error.
#[track_caller]
fn expect_error_after_hello(wrong: impl FnOnce(&mut RawConnection), error: &Value) {
    let server = TestHost::new();
    let (mut ana, _) = server.join("Ana", &[1]);
    let (mut eve, _) = server.join("Eve", &[2]);
    let before = server.host.state();
    wrong(&mut eve);
    assert_eq!(eve.receive_error(), *error);
    assert_eq!(server.host.state().model, before.model, "nothing has changed");
    ana.send(&json!({"Ping": {"nonce": 1}}));
    assert_eq!(ana.receive_kind("Pong")["nonce"], 1, "other clients are not affected");
}

fn malformed(error: &Value, expected: &str) -> bool {
    error["Malformed"]["detail"].as_str().is_some_and(|detail| detail.contains(expected))
}

#[test]
fn frames_over_the_limit_end_the_connection() {
    let length = |length: u32| {
        move |wire: &mut RawConnection| wire.0.write_all(&length.to_be_bytes()).unwrap()
    };
    expect_error_before_hello(
        length(16 * 1024 + 1),
        &json!({"FrameTooLong": {"limit": 16 * 1024}}),
    );
    expect_error_before_hello(length(u32::MAX), &json!({"FrameTooLong": {"limit": 16 * 1024}}));
    expect_error_after_hello(
        length(1024 * 1024 + 1),
        &json!({"FrameTooLong": {"limit": 1024 * 1024}}),
    );
    expect_error_after_hello(length(u32::MAX), &json!({"FrameTooLong": {"limit": 1024 * 1024}}));
}

#[test]
fn error_reaches_a_client_that_keeps_sending() {
    expect_error_after_hello(
        |wire| {
            wire.0.write_all(&u32::MAX.to_be_bytes()).unwrap();
            wire.0.write_all(&vec![7; 1024 * 1024]).unwrap();
        },
        &json!({"FrameTooLong": {"limit": 1024 * 1024}}),
    );
}

#[test]
fn faulty_client_may_finish_its_write() {
    let server = TestHost::new();
    let (mut eve, _) = server.join("Eve", &[2]);
    eve.0.write_all(&u32::MAX.to_be_bytes()).unwrap();
    assert_eq!(eve.receive_kind("Error"), json!({"FrameTooLong": {"limit": 1024 * 1024}}));
    // If the host closed the connection at once, the second write would fail, and
    // the reset might discard the error.
    for _ in 0..32 {
        eve.0.write_all(&[7; 64 * 1024]).unwrap();
    }
    assert!(eve.receive().is_null());
}

#[test]
fn truncated_frame_suspends_only_its_client() {
    let server = TestHost::new();
    let (mut ana, _) = server.join("Ana", &[1]);
    let (mut eve, welcome) = server.join("Eve", &[2]);
    eve.send(&json!({"Ping": {"nonce": 1}}));
    eve.0.write_all(&100_u32.to_be_bytes()).unwrap();
    eve.0.write_all(b"{\"Action").unwrap();
    drop(eve);
    let id = &welcome["client_id"];
    loop {
        let patch = ana.receive_kind("StatePatchUpdate");
        let gone = patch["roster"].as_array().into_iter().flatten().any(|change| {
            let change = &change["Participant"];
            change[0] == *id && change[1]["presence"]["Away"].is_object()
        });
        if gone {
            break;
        }
    }
    assert_eq!(server.participants(), 3, "its place is kept");
}

#[test]
fn malformed_messages_end_the_connection() {
    for (payload, detail) in [
        (&b"hello?"[..], "expected"),
        (b"", "EOF"),
        (b"\xff\xfe\x00", "expected"),
        (b"{\"Dance\":{}}", "unknown variant `Dance`"),
        (b"[[[[[[", "expected"),
    ] {
        let server = TestHost::new();
        let mut wire = server.connect();
        wire.send_payload(payload);
        let error = wire.receive_error();
        assert!(malformed(&error, detail), "{error}");

        let (mut eve, _) = server.join("Eve", &[]);
        eve.send_payload(payload);
        let error = eve.receive_error();
        assert!(malformed(&error, detail), "{error}");
    }
    // Deep nesting does not overflow the stack of the decoder.
    let server = TestHost::new();
    let (mut eve, _) = server.join("Eve", &[]);
    eve.send_payload("[".repeat(500_000).as_bytes());
    assert!(malformed(&eve.receive_error(), ""));
}

#[test]
fn hello_is_the_first_message_and_only_that() {
    expect_error_before_hello(|wire| wire.send(&json!("RequestFullSync")), &json!("HelloExpected"));
    expect_error_before_hello(|wire| wire.send(&knob(1, 1, 99.0)), &json!("HelloExpected"));
    expect_error_after_hello(|wire| wire.send(&hello("Eve", &[])), &json!("HelloRepeated"));
}

#[test]
fn mismatch_is_answered_with_the_supported_version() {
    let hello = |field: &'static str, value: Value| {
        move |wire: &mut RawConnection| {
            let mut hello = hello("Eve", &[]);
            hello["Hello"][field] = value;
            wire.send(&hello);
        }
    };
    expect_error_before_hello(
        hello("protocol", json!(1)),
        &json!({"WrongProtocol": {"speaks": 4}}),
    );
    let of_the_future = json!({"Hello": {"protocol": 99, "who": "Eve"}});
    expect_error_before_hello(
        |wire| wire.send(&of_the_future),
        &json!({"WrongProtocol": {"speaks": 4}}),
    );
    let model = json!({"WrongModel": {"name": "imbolc-studio", "version": 4}});
    expect_error_before_hello(hello("model", json!("chess")), &model);
    expect_error_before_hello(hello("model_version", json!(99)), &model);
    let codec = json!({"NoCommonCodec": {"speaks": ["postcard", "json"]}});
    expect_error_before_hello(hello("codecs", json!(["morse"])), &codec);
    for name in ["", "a\u{0}b", "tab\there", &"x".repeat(65)] {
        expect_error_before_hello(hello("name", json!(name)), &json!({"BadName": {"limit": 64}}));
    }
    let many: Vec<u32> = (0..1025).collect();
    expect_error_before_hello(hello("own", json!(many)), &json!({"ListTooLong": {"limit": 1024}}));
}

#[test]
fn invalid_action_is_rejected_by_its_number() {
    let server = TestHost::new();
    let (mut ana, _) = server.join("Ana", &[1]);
    let wrong = [
        // Out of range, not a number, unknown.
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
        ana.send(action);
        let rejected = ana.receive_kind("ActionRejected");
        assert_eq!(rejected["number"], number);
        assert!(!rejected["reason"][reason].is_null(), "{rejected}");
    }
    ana.send(&knob(9, 1, 123.0));
    while ana.receive_kind("ActionsApplied")["through"] != 9 {}

    expect_error_after_hello(
        |eve| eve.send(&knob(3, 2, 99.0)),
        &json!({"ActionOutOfOrder": {"expected": 1}}),
    );
}

#[test]
fn actions_before_a_fault_count() {
    let framed = |payload: &[u8]| {
        [&u32::try_from(payload.len()).unwrap().to_be_bytes()[..], payload].concat()
    };
    let knobs = [(1, 100.0), (2, 200.0), (3, 300.0)];
    let actions = knobs.map(|(number, to)| framed(knob(number, 1, to).to_string().as_bytes()));
    for fault in [framed(b"{"), u32::MAX.to_be_bytes().to_vec()] {
        let server = TestHost::new();
        let (mut ana, _) = server.join("Ana", &[1]);
        ana.0.write_all(&[&actions.concat()[..], &fault].concat()).unwrap();
        ana.receive_kind("Error");
        let state = server.host.state();
        let bass = state.model.instruments.get(imbolc_net::model::InstrumentId(1)).unwrap();
        assert!((bass.filter.cutoff.get() - 300.0).abs() < f32::EPSILON, "{fault:?}");
    }
}

#[test]
fn flooding_client_delays_no_other_client() {
    let server = TestHost::new();
    let (mut ana, _) = server.join("Ana", &[1]);
    let (mut eve, _) = server.join("Eve", &[2]);
    eve.0.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut frame = Vec::new();
    let ask = br#""RequestPrivilege""#;
    frame.extend_from_slice(&u32::try_from(ask.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(ask);
    let flood: Vec<u8> = frame.iter().copied().cycle().take(frame.len() * 1000).collect();
    // The host reads while there is room for the answers, and then stops.
    let mut sent = 0;
    while eve.0.write_all(&flood).is_ok() {
        sent += flood.len();
        assert!(sent < 256 * 1024 * 1024, "the host reads without limit");
    }
    for number in 1..=20_u64 {
        ana.send(&knob(number, 1, 100.0));
        assert_eq!(ana.receive_kind("ActionsApplied")["through"], number);
    }
}
