//! What it costs to come back, and what somebody costs who does not listen.
//!
//! `cargo bench --bench recovery [-- --quick]`
//!
//! - The time from a cut to the resumption, over loopback TCP, for connections
//!   that are closed and for those that are reset. Most of it is the pause before
//!   the first attempt, of 50 to 100 ms.
//! - The bytes that the host sends to who comes back after 1, 10 and 50 s, while
//!   others edit, against those of a full state. The seconds are virtual.
//! - The memory of the host, and the time from its knob to another screen, for a
//!   minute of 30 edits a second with a client that stops reading, against a
//!   minute without it. The minute is virtual; what is measured is the work.

#![allow(unsafe_code, reason = "an allocator that counts bytes cannot be written without it")]

#[allow(dead_code, reason = "it counts attempts for others")]
#[path = "../tests/suite/cable.rs"]
mod cable;
mod fixture;
#[allow(dead_code, reason = "it can do more to a network")]
#[path = "../examples/chaos/proxy.rs"]
mod proxy;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

use cable::Cable;
use fixture::{cutoff, quantile, turn_to};
use imbolc_net::{
    ClientMessage, Dispatcher, Event, ServerMessage,
    client::{JoinOptions, RemoteDispatcher},
    dispatcher::Status,
    model::{InstrumentId, Model},
    protocol::{
        Hello, PROTOCOL_VERSION,
        framing::{self, Codec},
    },
    server::{HostDispatcher, HostOptions},
    studio::{NetworkAction, Note, PianoRollAction, SilentEngine, Studio},
    transport::{Connector, Listener, MemoryConnector, in_memory},
    util::quantity::{NoteLength, Pitch, Probability, Ticks, Velocity},
};
use proxy::{How, Proxy};
use tokio::{io::AsyncWriteExt, net::TcpListener, runtime::Runtime, time::sleep};

const INSTRUMENTS: u32 = 16;
const TOUCHED: InstrumentId = InstrumentId(8);
/// As often as a hand turns a knob.
const EDIT: Duration = Duration::from_millis(33);

/// Counts the bytes that are taken and not given back.
struct Counting;

static TAKEN: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does the work; this only counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.fetch_add(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        TAKEN.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    let bounces = if fixture::is_quick() { 25 } else { 100 };
    let real = Runtime::new().unwrap();
    for (name, how) in [("closed", How::Fin), ("reset", How::Rst)] {
        let times = real.block_on(bounce(how, bounces));
        let (p50, p99) = (quantile(&times, 0.5), quantile(&times, 0.99));
        println!("from the cut to the resumption, {name}: p50 {p50:.0?}, p99 {p99:.0?}");
        fixture::verdict(&format!("p99 {name}, in seconds"), p99.as_secs_f64(), 0.3);
    }
    for seconds in [1, 10, 50] {
        let (bytes, full) = virtually(resumption(Duration::from_secs(seconds)));
        println!("sent on resumption after {seconds} s: {bytes} bytes (full state {full})");
        #[expect(clippy::cast_precision_loss, reason = "a few megabytes")]
        fixture::verdict("to a full state", bytes as f64 / full as f64, 1.0);
    }
    let (alone, quiet) = virtually(a_minute(false));
    let (together, disturbed) = virtually(a_minute(true));
    let memory = together.saturating_sub(alone);
    println!("a client that does not read: {} KiB of the host's memory at most", memory / 1024);
    for (q, name) in [(0.5, "p50"), (0.99, "p99")] {
        let (with, without) = (quantile(&disturbed, q), quantile(&quiet, q));
        println!("from a knob to another screen, {name}: {with:.0?} (without it {without:.0?})");
        let ratio = with.as_secs_f64() / without.as_secs_f64();
        fixture::verdict(&format!("{name}, to that without it"), ratio, 2.0);
    }
}

fn virtually<T>(measure: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap().block_on(measure)
}

fn open(listener: impl Listener) -> HostDispatcher {
    let (studio, engine) = (fixture::studio(INSTRUMENTS), SilentEngine::default());
    let options = HostOptions::default();
    let host = HostDispatcher::open("Mia", studio, engine, listener, options).unwrap();
    host.request_ownership(&[TOUCHED]).unwrap();
    host
}

async fn join(connector: impl Connector) -> RemoteDispatcher {
    let options = JoinOptions { name: "Ana".into(), ..JoinOptions::default() };
    let ana = RemoteDispatcher::join(connector, options).await.unwrap();
    until(|| matches!(ana.status(), Status::Connected { round_trip: Some(_) })).await;
    ana
}

fn add_note(tick: u32) -> NetworkAction {
    let note = Note {
        tick: Ticks::of(tick),
        pitch: Pitch::of(100),
        length: NoteLength::of(240),
        velocity: Velocity::of(100),
        probability: Probability::MAX,
    };
    NetworkAction::PianoRoll(TOUCHED, PianoRollAction::Add(note))
}

async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        sleep(Duration::from_millis(1)).await;
    }
}

async fn bounce(how: How, times: u32) -> Vec<Duration> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let _host = open(listener);
    let proxy = Proxy::to(address).await.unwrap();
    let ana = join(imbolc_net::transport::TcpConnector { address: proxy.address.to_string() });
    let ana = ana.await;
    let mut events = ana.events();
    let mut took = Vec::new();
    for _ in 0..times {
        let begun = Instant::now();
        proxy.cut(how);
        loop {
            if let Event::Status(Status::Connected { .. }) = events.next().await.unwrap() {
                break;
            }
        }
        took.push(begun.elapsed());
        sleep(Duration::from_millis(20)).await;
    }
    took.sort();
    took
}

/// What the host sends to a client that comes back after `away`, until both have
/// the same snapshot; and how long the frame of a full state would be.
async fn resumption(away: Duration) -> (u64, u64) {
    let (listener, connector) = in_memory();
    let host = open(listener);
    let cable = Cable::new(connector);
    let ana = join(cable.clone()).await;
    let mut turn = 0_u32;
    // A knob and a new note, in turn.
    let mut edit = || {
        turn += 1;
        let action = if turn.is_multiple_of(2) {
            turn_to(TOUCHED, cutoff(turn.into()))
        } else {
            add_note(turn)
        };
        host.dispatch(action).unwrap();
    };
    for _ in 0..60 {
        edit();
        sleep(EDIT).await;
    }
    cable.pull();
    let begun = tokio::time::Instant::now();
    while begun.elapsed() < away {
        edit();
        sleep(EDIT).await;
    }
    let before = host.stats().bytes_out;
    cable.plug();
    until(|| ana.unanswered() == 0 && ana.state() == host.state()).await;
    let sent = host.stats().bytes_out - before;
    let state = ServerMessage::<Studio>::FullStateSync { state: (*host.state()).clone() };
    let mut frame = Vec::new();
    framing::encode(Codec::Json, &state, &mut frame).unwrap();
    (sent, frame.len() as u64)
}

/// A minute of edits, which Ana sees, with or without somebody who talks and
/// never listens: the most memory that was taken, and how long each edit took to
/// her screen, the shortest first.
async fn a_minute(with_deaf: bool) -> (usize, Vec<Duration>) {
    let (listener, connector) = in_memory();
    let host = open(listener);
    let ana = join(connector.clone()).await;
    let deaf = with_deaf.then(|| tokio::spawn(never_listens(connector)));
    let (mut times, mut most) = (Vec::new(), 0);
    let begun = tokio::time::Instant::now();
    for turn in 0.. {
        let knob = cutoff(turn);
        let dispatched = Instant::now();
        host.dispatch(turn_to(TOUCHED, knob)).unwrap();
        let shows = || ana.state().model.instruments.get(TOUCHED).unwrap().filter.cutoff == knob;
        until(shows).await;
        times.push(dispatched.elapsed());
        most = most.max(TAKEN.load(Relaxed));
        sleep(EDIT).await;
        if begun.elapsed() > Duration::from_mins(1) {
            break;
        }
    }
    if let Some(deaf) = deaf {
        deaf.abort();
    }
    times.sort();
    (most, times)
}

async fn never_listens(connector: MemoryConnector) {
    let (_reader, mut writer) = connector.connect().await.unwrap();
    let hello = Hello {
        protocol: PROTOCOL_VERSION,
        model: Studio::NAME.into(),
        model_version: Studio::VERSION,
        name: "deaf".into(),
        own: vec![],
        privilege: false,
        codecs: vec![Codec::Json.name().into()],
        compression: vec![],
        resume: None,
    };
    let mut next = ClientMessage::<Studio>::Hello(hello);
    loop {
        let mut frame = Vec::new();
        framing::encode(Codec::Json, &next, &mut frame).unwrap();
        if writer.write_all(&frame).await.is_err() {
            std::future::pending::<()>().await;
        }
        next = ClientMessage::Pong { nonce: 0 };
        sleep(Duration::from_secs(1)).await;
    }
}
