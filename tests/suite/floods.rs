//! A host that sends one kind of message without end and reads nothing: what the client
//! keeps of it, and whether its UI still gets answers.
//!
//! The client runs in a process of its own, so that its memory can be read. By default
//! each flood takes a second; `IMBOLC_FLOOD_SECONDS=60` makes it a minute.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use imbolc_net::{
    Dispatcher, ServerMessage,
    client::{JoinOptions, RemoteDispatcher},
    dispatcher::Status,
    studio::{Studio, StudioState},
};
use serde_json::{Value, json};

use crate::harness::{BASS, cutoff};

/// The address of the host, for the process that is its client.
const HOST: &str = "IMBOLC_TEST_FLOODING_HOST";

/// How many bytes the process of a client may take, its program included.
const MEMORY: u64 = 64 * 1024 * 1024;

/// How long nine of ten calls of the UI may take, on a machine that does much else.
const AT_ONCE: Duration = Duration::from_millis(50);

/// The messages of one turn, of which each has a number.
type Turn = fn(u64) -> Vec<Value>;

/// Each message of the protocol, as badly as a host can send it.
const FLOODS: [(&str, Turn); 28] = [
    ("welcomes", |_| vec![json!({"Welcome": welcome()})]),
    ("resumptions", |_| vec![json!({"ReconnectSuccessful": reconnected()})]),
    ("refused resumptions", |_| vec![json!({"ReconnectFailed": {"reason": "UnknownToken"}})]),
    ("participants", |turn| {
        vec![patch(turn, "roster", |n| json!({"Participant": [n + 2, participant(n)]}))]
    }),
    ("owners", |turn| {
        vec![patch(turn, "roster", |n| json!({"Owned": [n, {"client_id": n, "name": long(64)}]}))]
    }),
    ("changes of the roster", |turn| {
        let other = u64::from(turn % 2 == 0);
        vec![patch(turn, "roster", |n| json!({"Owned": [n % 1000 + 2, owner(other)]}))]
    }),
    ("notes", |turn| vec![patch(turn, "model", |n| json!({"PianoRoll": [1, {"Put": note(n)}]}))]),
    ("clips", |turn| {
        let clip = json!({"name": long(64), "length": 480, "notes": [note(1)]});
        vec![patch(turn, "model", |n| json!({"Clip": [1, n, {"Whole": clip}]}))]
    }),
    ("failures of the disk", |turn| {
        let notice = json!({"Failed": ["Save", {"Disk": {"detail": long(1_000_000)}}]});
        vec![one_change(turn, "model", &json!({"Project": {"Notice": notice}}))]
    }),
    ("patches of nothing", |turn| vec![one_change(turn, "roster", &json!({"Freed": 1}))]),
    ("patches of another state", |turn| {
        vec![one_change(turn + 1_000_000, "roster", &json!({"Freed": 1}))]
    }),
    ("full states that differ from their digest", |turn| {
        let state = json!({"FullStateSync": {"state": state(turn)}});
        let digest = json!({"seq": turn, "digest": "0000000000000000"});
        vec![state, json!({"Ping": {"nonce": 1, "clock": 0, "digest": digest}})]
    }),
    ("meterings", |turn| {
        // As many strips as a metering can hold.
        let strips: BTreeMap<u32, _> = (0..256).map(|id| (id, [turn % 256, 255])).collect();
        vec![json!({"Metering": {
            "playhead": turn % 1000, "tempo": 120.0, "playing": true, "peaks": [0.0, 0.0],
            "instruments": strips, "buses": strips, "engine": "Starting",
        }})]
    }),
    ("acknowledgements without a state", |turn| {
        let applied = |n| json!({"ActionsApplied": {"through": turn * 100 + n, "seq": u64::MAX}});
        (0..100).map(applied).collect()
    }),
    ("acknowledgements of an old state", |_| {
        (0..100).map(|n| json!({"ActionsApplied": {"through": n, "seq": 0}})).collect()
    }),
    ("rejections", |_| {
        let malformed = json!({"Malformed": {"detail": long(10_000)}});
        let reject = |n| json!({"ActionRejected": {"number": n * 20, "reason": malformed}});
        (0..100).map(reject).collect()
    }),
    ("small rejections", |_| {
        let reject = |n| json!({"ActionRejected": {"number": n, "reason": "EngineOnly"}});
        (0..100).map(reject).collect()
    }),
    ("reports of undo", |_| {
        let step = long(100_000);
        vec![json!({"Undone": {"number": 1, "step": step, "changed": 1, "kept": 1}})]
    }),
    ("answers to requests for ownership", |_| {
        let reason = json!({"Invalid": {"Unfit": long(10_000)}});
        let refused: Vec<_> =
            (0..100).map(|n| json!({"instrument": n, "reason": reason})).collect();
        vec![json!({"OwnershipAnswer": {"granted": [], "refused": refused}})]
    }),
    ("answers about the privilege", |_| {
        let holder = json!({"client_id": 0, "name": long(100_000)});
        vec![
            json!("PrivilegeGranted"),
            json!({"PrivilegeDenied": {"holder": holder, "reserved": 5}}),
            json!({"PrivilegeRevoked": {"by": holder}}),
            json!({"PrivilegeRequested": {"by": holder}}),
        ]
    }),
    ("pings", |_| {
        let ping = |n| json!({"Ping": {"nonce": n, "clock": 0, "digest": null}});
        (0..100).map(ping).collect()
    }),
    ("pongs", |_| (0..100).map(|n| json!({"Pong": {"nonce": n}})).collect()),
    ("errors", |_| {
        vec![json!({"Error": {"Malformed": {"detail": long(100_000)}}}), json!("Goodbye")]
    }),
    ("goodbyes", |_| vec![json!("Goodbye")]),
    ("ends", |_| vec![json!("Shutdown")]),
    ("changes of the history", |turn| {
        let change = |n| json!({"number": turn * 100 + n + 1, "after": 1, "cleared": false});
        (0..100).map(|n| json!({"HistoryChanged": change(n)})).collect()
    }),
    ("news of what was not recorded", |_| {
        let message = json!({"what": long(100_000), "reason": "EngineOnly"});
        vec![json!({"NotRecorded": message})]
    }),
    ("notices", |_| {
        let failed = json!({"Failed": long(16_000)});
        vec![json!({"Notice": {"Engine": failed}})]
    }),
];

#[test]
fn floods_include_every_message_of_the_protocol() {
    let flooded: BTreeSet<_> = FLOODS.iter().flat_map(|(_, turn)| turn(0)).map(kind).collect();
    let message = |json: Value| serde_json::from_value::<ServerMessage>(json);
    for (name, turn) in FLOODS {
        for json in turn(1) {
            assert!(message(json.clone()).is_ok(), "{name}: {:.200}", json.to_string());
        }
    }
    // The decoder names every message that it knows.
    let unknown = message(json!({"Unknown": 1})).unwrap_err().to_string();
    let known = unknown.split('`').skip(3).step_by(2).map(str::to_owned);
    assert_eq!(flooded, known.collect(), "{unknown}");
}

/// Each flood in turn, four at a time.
#[test]
fn flood_of_any_message_fits_into_64_mb_and_the_ui_answers() {
    if let Ok(host) = env::var(HOST) {
        return be_flooded(&host);
    }
    for floods in FLOODS.chunks(4) {
        thread::scope(|scope| {
            for (name, turn) in floods {
                scope.spawn(move || run(name, *turn));
            }
        });
    }
}

fn seconds() -> Duration {
    let seconds = env::var("IMBOLC_FLOOD_SECONDS").map_or(1, |text| text.parse().unwrap());
    Duration::from_secs(seconds)
}

fn run(name: &str, turn: Turn) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // The client's answers must not vanish in the operating system.
    socket2::SockRef::from(&listener).set_recv_buffer_size(4096).unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| flood(&listener, turn, &is_over));
        let client = Command::new(env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg("floods::flood_of_any_message_fits_into_64_mb_and_the_ui_answers")
            .env(HOST, &address)
            .output()
            .unwrap();
        is_over.store(true, Relaxed);
        // Ends the wait for another connection.
        drop(TcpStream::connect(&address));
        let text = String::from_utf8_lossy(&client.stdout).into_owned();
        let measured = text.lines().find_map(|line| line.strip_prefix("measured: "));
        println!("{name}: {}", measured.unwrap_or("nothing"));
        assert!(client.status.success() && measured.is_some(), "{name}: {client:?}");
    });
}

/// Admits whoever connects, and floods it until the connection ends.
fn flood(listener: &TcpListener, turn: Turn, is_over: &AtomicBool) {
    for stream in listener.incoming() {
        if is_over.load(Relaxed) {
            return;
        }
        let mut stream = stream.unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
        let mut length = [0; 4];
        let has_hello = stream.read_exact(&mut length).and_then(|()| {
            let mut hello = vec![0; u32::from_be_bytes(length) as usize];
            stream.read_exact(&mut hello)
        });
        let welcome = frames(&[json!({"Welcome": welcome()})]);
        let mut sent = has_hello.and_then(|()| stream.write_all(&welcome));
        let mut turns = 1;
        // The host has no work with messages that are always the same.
        let same = (turn(1) == turn(2)).then(|| frames(&turn(1)).repeat(100));
        while sent.is_ok() && !is_over.load(Relaxed) {
            sent = match &same {
                Some(frames) => stream.write_all(frames),
                None => stream.write_all(&frames(&turn(turns))),
            };
            turns += 1;
        }
    }
}

fn frames(messages: &[Value]) -> Vec<u8> {
    let mut frames = Vec::new();
    for message in messages {
        let payload = message.to_string();
        frames.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
        frames.extend(payload.into_bytes());
    }
    frames
}

/// The client: a UI that dispatches, reads the state, and is behind with the events.
fn be_flooded(host: &str) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (name, own, plain) = ("Ana".into(), vec![BASS], true);
    let options = JoinOptions { name, own, plain, ..JoinOptions::default() };
    let client: RemoteDispatcher<Studio> =
        runtime.block_on(RemoteDispatcher::connect(host, options)).unwrap();
    let (_never_read, mut events) = (client.events(), client.events());
    let (begun, mut calls, mut hertz) = (Instant::now(), Vec::new(), 100.0);
    while begun.elapsed() < seconds() {
        let called = Instant::now();
        // It may be refused: too many are unanswered, or the session is over.
        let _ = client.dispatch(cutoff(BASS, hertz));
        let _ = (client.state(), client.status(), client.identity());
        (0..16).for_each(|_| drop(events.try_next()));
        calls.push(called.elapsed());
        hertz = if hertz < 10_000.0 { hertz + 1.0 } else { 100.0 };
        thread::sleep(Duration::from_millis(1));
    }
    let status = match client.status() {
        Status::Connected { .. } => "connected".into(),
        other => other.to_string(),
    };
    calls.sort();
    let (number, usual, worst) = (calls.len(), calls[calls.len() * 9 / 10], calls[calls.len() - 1]);
    let (now, peak) = (memory("VmRSS"), memory("VmHWM"));
    println!(
        "measured: {now} bytes, at most {peak}; {number} calls, nine of ten within {usual:?}, \
         the slowest {worst:?}; {status:.80}"
    );
    assert!(peak < MEMORY, "{peak} bytes");
    assert!(usual < AT_ONCE, "{usual:?}");
}

/// How many bytes of memory this process takes, by its name in `/proc`.
fn memory(what: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn kind(message: Value) -> String {
    match message {
        Value::Object(object) => object.keys().next().unwrap().clone(),
        other => other.as_str().unwrap().to_owned(),
    }
}

fn long(characters: usize) -> String {
    "x".repeat(characters)
}

fn participant(n: u64) -> Value {
    json!({
        "name": format!("{n:064}"), "presence": "Here", "role": "Viewer",
        "key": format!("{n:016x}{:048}", 2), "round_trip": null,
    })
}

fn owner(client: u64) -> Value {
    json!({"client_id": client, "name": "Mia"})
}

fn note(n: u64) -> Value {
    json!({"tick": n, "pitch": 60, "length": 10, "velocity": 100, "probability": 100})
}

fn state(seq: u64) -> Value {
    let roster = json!({
        "participants": {"0": participant(0), "1": participant(1)},
        "owners": {"1": owner(1)},
        "privileged": owner(0),
    });
    json!({"seq": seq, "model": StudioState::starter(), "roster": roster})
}

fn welcome() -> Value {
    let mut welcome = reconnected();
    let fields = welcome.as_object_mut().unwrap();
    for field in ["last_action", "seq", "rejected", "history"] {
        fields.remove(field);
    }
    fields.insert("granted".into(), json!([1]));
    fields.insert("refused".into(), json!([]));
    fields.insert("state".into(), state(0));
    welcome
}

fn reconnected() -> Value {
    let rejection = |n| json!({"number": n, "reason": "EngineOnly"});
    json!({
        "session": "000102030405060708090a0b0c0d0e0f",
        "client_id": 1,
        "name": "Ana",
        "token": "101112131415161718191a1b1c1d1e1f",
        "codec": "json",
        "compression": null,
        "last_action": 0,
        "seq": 0,
        "rejected": (0..100).map(rejection).collect::<Vec<_>>(),
        "history": [],
        "privilege": "Normal",
        "clock": 0,
        "resume_window": 60_000,
    })
}

/// The patch of this turn, with a thousand changes of which each has a number of its
/// own.
fn patch(turn: u64, part: &str, change: impl Fn(u64) -> Value) -> Value {
    let changes: Vec<_> = (turn * 1000..(turn + 1) * 1000).map(change).collect();
    json!({"StatePatchUpdate": {"base": turn.saturating_sub(1), "seq": turn, part: changes}})
}

fn one_change(turn: u64, part: &str, change: &Value) -> Value {
    json!({"StatePatchUpdate": {"base": turn.saturating_sub(1), "seq": turn, part: [change]}})
}
