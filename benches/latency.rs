//! How long it takes from a knob on one screen to the snapshot of another, over
//! loopback TCP, and how that compares with a bare relay.
//!
//! `cargo bench --bench latency [-- --quick]`
//!
//! Both ways end at the same place: a task that waits for an event of a
//! broadcast channel. Ours is the event that says that the snapshot has changed.
//! The relay has a task for the sender, which forwards frames of the same sizes
//! between two sockets, and one for the receiver, which reads a frame and sends
//! the event. What the relay sends is written to its socket on the spot, without
//! a task in between, so it is as bare as can be.
//!
//! It is measured twice: after quiet moments that are longer than the pace of the
//! patches, as when a musician touches a knob now and then; and in the thick of
//! it, one turn upon the other with no pace, which tells what of the time is the
//! way itself and what is the machine waking up. The two ways take turns.

mod fixture;

use std::time::{Duration, Instant};

use bytes::BytesMut;
use imbolc_net::{
    ClientMessage, Dispatcher, Event, ServerMessage,
    client::JoinOptions,
    config::SessionConfig,
    dispatcher::{Events, HostDispatcher, HostOptions, RemoteDispatcher},
    engine::SilentEngine,
    framing::{self, Codec},
    model::{DirtyFlags, Model},
    protocol::{ActionNumber, InstrumentId, Seq, StatePatch},
    quantity::Hertz,
    studio::Studio,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf},
    sync::broadcast,
    task::yield_now,
    time::sleep,
};

const INSTRUMENTS: u32 = 16;

/// When a knob is turned again.
#[derive(Clone, Copy)]
enum Turns {
    /// After more than the 33 ms from one patch to the next.
    Apart,
    /// At once, in a session that does not pace its patches.
    Together,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let (apart, together) = if fixture::is_quick() { (50, 2_000) } else { (1_000, 50_000) };
    // Not in the task of `main`, which no worker runs.
    tokio::spawn(async move {
        println!("from a knob to the other screen, after a quiet moment:");
        let ratio = compare(Turns::Apart, apart).await;
        fixture::verdict("the median, to that of the bare relay", ratio, 2.0);
        println!("from a knob to the other screen, in the thick of it:");
        let ratio = compare(Turns::Together, together).await;
        fixture::verdict("the median, to that of the bare relay", ratio, 2.0);
    })
    .await
    .unwrap();
}

async fn compare(turns: Turns, number: u64) -> f64 {
    let mut studio = Studios::open(turns).await;
    let mut relay = Relay::open(studio.frame_sizes()).await;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for turn in 0..number + 5 {
        turns.wait().await;
        let took = studio.turn(turn).await;
        turns.wait().await;
        let relayed = relay.send().await;
        // The first ones warm up.
        if turn >= 5 {
            ours.push(took);
            bare.push(relayed);
        }
    }
    report(ours, bare)
}

impl Turns {
    async fn wait(self) {
        match self {
            Self::Apart => sleep(Duration::from_millis(40)).await,
            Self::Together => yield_now().await,
        }
    }

    fn pace(self) -> Duration {
        match self {
            Self::Apart => SessionConfig::default().patch_pace,
            Self::Together => Duration::ZERO,
        }
    }
}

/// A host, and the two who joined it.
struct Studios {
    host: HostDispatcher,
    here: RemoteDispatcher,
    there: RemoteDispatcher,
    events: Events,
    instrument: InstrumentId,
}

impl Studios {
    async fn open(turns: Turns) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let model = fixture::studio(INSTRUMENTS);
        let session = SessionConfig { patch_pace: turns.pace(), ..SessionConfig::default() };
        let options = HostOptions { session, ..HostOptions::default() };
        let engine = SilentEngine::default();
        let host = HostDispatcher::open("Host", model, engine, listener, options).unwrap();
        let instrument = fixture::touched(INSTRUMENTS);
        let options =
            JoinOptions { name: "Here".into(), own: vec![instrument], ..JoinOptions::default() };
        let here = RemoteDispatcher::connect(&address, options).await.unwrap();
        let options = JoinOptions { name: "There".into(), ..JoinOptions::default() };
        let there = RemoteDispatcher::connect(&address, options).await.unwrap();
        let events = there.events();
        Self { host, here, there, events, instrument }
    }

    /// How long it takes until a turned knob shows on the other screen.
    async fn turn(&mut self, turn: u64) -> Duration {
        while self.events.try_next().is_some() {}
        let cutoff = fixture::cutoff(turn);
        let action = fixture::turn_to(self.instrument, cutoff);
        let begun = Instant::now();
        self.here.dispatch(action).unwrap();
        loop {
            let event = self.events.next().await.unwrap();
            let edited = matches!(event, Event::Changed(f) if f.contains(DirtyFlags::INSTRUMENTS));
            if edited && self.cutoff_there() == cutoff {
                return begun.elapsed();
            }
        }
    }

    fn cutoff_there(&self) -> Hertz {
        self.there.state().model.instruments.get(self.instrument).unwrap().filter.cutoff
    }

    /// How many bytes an action takes to the host, and its patch from there.
    fn frame_sizes(&self) -> (usize, usize) {
        let before = self.host.state();
        let action = fixture::turn_to(self.instrument, fixture::cutoff(1));
        let mut after = (*before).clone();
        Studio::reduce(&mut after.model, &action).unwrap();
        let patch = StatePatch { base: Seq(1000), seq: Seq(1001), ..before.patch_to(&after) };
        let number = ActionNumber(1000);
        let action =
            frame_size(&ClientMessage::<Studio>::Action { number, continues: false, action });
        (action, frame_size(&ServerMessage::<Studio>::StatePatchUpdate(patch)))
    }
}

fn frame_size(message: &impl serde::Serialize) -> usize {
    let mut buffer = BytesMut::new();
    framing::encode(Codec::Json, message, &mut buffer).unwrap();
    buffer.len()
}

/// Two sockets, and somebody in between who forwards.
struct Relay {
    near: TcpStream,
    action: Vec<u8>,
    arrived: broadcast::Receiver<()>,
}

impl Relay {
    async fn open((action, patch): (usize, usize)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (near, from) = pair(&listener).await;
        let (to, far) = pair(&listener).await;
        tokio::spawn(async move {
            let (mut frame, patch) = (vec![0; action], vec![1; patch]);
            let (from, mut to) = (from.into_split().0, to.into_split().1);
            let mut from = BufReader::new(from);
            while from.read_exact(&mut frame).await.is_ok() {
                to.write_all(&patch).await.unwrap();
            }
        });
        let (arrival, arrived) = broadcast::channel(16);
        tokio::spawn(receive(far.into_split().0, patch, arrival));
        Self { near, action: vec![0; action], arrived }
    }

    /// How long it takes until what is sent arrives at the other end.
    async fn send(&mut self) -> Duration {
        let begun = Instant::now();
        assert_eq!(self.near.try_write(&self.action).unwrap(), self.action.len());
        self.arrived.recv().await.unwrap();
        begun.elapsed()
    }
}

async fn receive(far: OwnedReadHalf, patch: usize, arrival: broadcast::Sender<()>) {
    let mut frame = vec![0; patch];
    let mut far = BufReader::new(far);
    while far.read_exact(&mut frame).await.is_ok() {
        // Nobody may be waiting any more.
        let _ = arrival.send(());
    }
}

/// Both ends of a connection.
async fn pair(listener: &TcpListener) -> (TcpStream, TcpStream) {
    let address = listener.local_addr().unwrap();
    let (calling, called) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (calling, (called, _)) = (calling.unwrap(), called.unwrap());
    calling.set_nodelay(true).unwrap();
    called.set_nodelay(true).unwrap();
    (calling, called)
}

/// Prints how the two compare, and returns the ratio of their medians.
fn report(mut ours: Vec<Duration>, mut bare: Vec<Duration>) -> f64 {
    ours.sort();
    bare.sort();
    let ratio = |part| {
        let (ours, bare) = (fixture::quantile(&ours, part), fixture::quantile(&bare, part));
        let ratio = ours.as_secs_f64() / bare.as_secs_f64();
        println!("  p{:.0}: {ours:>8.1?}, bare relay {bare:>8.1?}, ratio {ratio:.2}", part * 100.0);
        ratio
    };
    let [median, ..] = [0.5, 0.9, 0.99].map(ratio);
    median
}
