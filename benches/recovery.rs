//! The cost of a reconnection, and of a slow reader.
//!
//! `cargo bench --bench recovery [-- --quick]`
//!
//! - Time from a cut to the encrypted resumption over loopback TCP, for closed and for reset
//!   connections. Most of it is the backoff of 50 to 100 ms before the first attempt.
//! - Bytes that the host sends to a client that resumes after 1, 10 and 50 s of edits,
//!   compared with a full state. The time is virtual.
//! - Memory of the host, and time from its knob to another screen, during a minute of
//!   30 edits per second with and without a client that stops reading. The minute is
//!   virtual; the times are those of the work.

#![allow(unsafe_code, reason = "an allocator that counts bytes cannot be written without it")]

#[allow(dead_code, reason = "the tests also count attempts")]
#[path = "../tests/suite/cable.rs"]
mod cable;
mod fixture;
#[allow(dead_code, reason = "chaos uses more faults")]
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
    authority::threaded,
    client::{JoinOptions, RemoteDispatcher},
    dispatcher::Status,
    model::{InstrumentId, Model},
    protocol::{
        Hello, PROTOCOL_VERSION, Role,
        framing::{self, Codec},
    },
    server::{HostDispatcher, HostOptions},
    studio::{NetworkAction, Note, PianoRollAction, SilentEngine, Studio},
    transport::{Connector, Listener, MemoryConnector, in_memory},
    util::quantity::{NoteLength, Pitch, Probability, Ticks, Velocity},
};
use proxy::{Ending, Proxy};
use tokio::{io::AsyncWriteExt, net::TcpListener, runtime::Runtime, time::sleep};

const INSTRUMENTS: u32 = 16;
const TOUCHED: InstrumentId = InstrumentId(8);
/// The interval of edits when a knob is turned by hand.
const EDIT: Duration = Duration::from_millis(33);

/// Counts allocated bytes.
struct CountingAllocator;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does the work; this only counts.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn main() {
    let bounces = if fixture::is_quick() { 25 } else { 100 };
    let real = Runtime::new().unwrap();
    for (name, ending) in [("closed", Ending::Fin), ("reset", Ending::Rst)] {
        let times = real.block_on(bounce(ending, bounces));
        let (p50, p99) = (quantile(&times, 0.5), quantile(&times, 0.99));
        println!("from the cut to the resumption, {name}: p50 {p50:.0?}, p99 {p99:.0?}");
        fixture::verdict(&format!("p99 {name}, in seconds"), p99.as_secs_f64(), 0.3);
    }
    for seconds in [1, 10, 50] {
        let (bytes, full) = run_paused(resumption(Duration::from_secs(seconds)));
        println!("sent on resumption after {seconds} s: {bytes} bytes (full state {full})");
        #[expect(clippy::cast_precision_loss, reason = "a few megabytes")]
        fixture::verdict("to a full state", bytes as f64 / full as f64, 1.0);
    }
    let (baseline, quiet) = run_paused(minute_of_edits(false));
    let (together, disturbed) = run_paused(minute_of_edits(true));
    let memory = together.saturating_sub(baseline);
    println!("a client that does not read: at most {} KiB of the host's memory", memory / 1024);
    for (q, name) in [(0.5, "p50"), (0.99, "p99")] {
        let (with, without) = (quantile(&disturbed, q), quantile(&quiet, q));
        println!("from a knob to another screen, {name}: {with:.0?} (without it {without:.0?})");
        let ratio = with.as_secs_f64() / without.as_secs_f64();
        fixture::verdict(&format!("{name}, to that without it"), ratio, 2.0);
    }
}

fn run_paused<T>(measure: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap().block_on(measure)
}

fn open(listener: impl Listener) -> HostDispatcher {
    let (studio, engine) = (fixture::studio(INSTRUMENTS), threaded(SilentEngine::default));
    let options = HostOptions::default();
    let host = HostDispatcher::open("Mia", studio, engine, listener, options).unwrap();
    host.request_ownership(&[TOUCHED]).unwrap();
    host
}

async fn join(connector: impl Connector) -> RemoteDispatcher {
    let options = JoinOptions { name: "Ana".into(), ..JoinOptions::default() };
    let ana = RemoteDispatcher::join(connector, options).await.unwrap();
    until(|| matches!(ana.status(), Status::Connected { round_trip: Some(_), .. })).await;
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

async fn bounce(ending: Ending, times: u32) -> Vec<Duration> {
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
        proxy.cut(ending);
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

/// The bytes that the host sends to a client that resumes after `away`, until both
/// have the same snapshot; and the size of a full state.
async fn resumption(away: Duration) -> (u64, u64) {
    let (listener, connector) = in_memory();
    let host = open(listener);
    let cable = Cable::new(connector);
    let ana = join(cable.clone()).await;
    let mut turn = 0_u32;
    // Alternately a knob and a new note.
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

/// A minute of edits with one client, and optionally a second one that sends but never
/// reads. Returns the peak memory, and the sorted times from each edit to the client's
/// snapshot.
async fn minute_of_edits(with_slow_reader: bool) -> (usize, Vec<Duration>) {
    let (listener, connector) = in_memory();
    let host = open(listener);
    let ana = join(connector.clone()).await;
    let slow_reader = with_slow_reader.then(|| tokio::spawn(run_slow_reader(connector)));
    let (mut times, mut most) = (Vec::new(), 0);
    let begun = tokio::time::Instant::now();
    for turn in 0.. {
        let knob = cutoff(turn);
        let dispatched = Instant::now();
        host.dispatch(turn_to(TOUCHED, knob)).unwrap();
        let shows = || ana.state().model.instruments.get(TOUCHED).unwrap().filter.cutoff == knob;
        until(shows).await;
        times.push(dispatched.elapsed());
        most = most.max(ALLOCATED.load(Relaxed));
        sleep(EDIT).await;
        if begun.elapsed() > Duration::from_mins(1) {
            break;
        }
    }
    if let Some(task) = slow_reader {
        task.abort();
    }
    times.sort();
    (most, times)
}

async fn run_slow_reader(connector: MemoryConnector) {
    let (_reader, mut writer, _) = connector.connect().await.unwrap();
    let hello = Hello {
        protocol: PROTOCOL_VERSION,
        model: Studio::NAME.into(),
        model_version: Studio::VERSION,
        name: "slow reader".into(),
        own: vec![],
        privilege: false,
        codecs: vec![Codec::Json.name().into()],
        compression: vec![],
        attempt: 0,
        checks_digests: false,
        role: Role::default(),
        instance: None,
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
