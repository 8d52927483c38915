//! What a session takes of the memory, counted by the allocator of this thread.

use std::{sync::Arc, thread, time::Duration};

use allocation_counter::measure as count;
use imbolc_net::{
    Dispatcher,
    authority::{Authority, Setup},
    client::{JoinOptions, RemoteDispatcher},
    model::Model,
    protocol::{
        ClientId, ClientMessage, Hello, PROTOCOL_VERSION, SessionId, SessionToken, framing::Codec,
    },
    server::{HostDispatcher, HostOptions},
    studio::{SilentEngine, Studio},
    sync::session::{ConnectionId, Session, SessionConfig},
    util::time::Timestamp,
};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
    sync::mpsc,
    time::sleep,
};

use crate::{
    bench::Bench,
    figure::{Figure, Unit},
    fixture::{
        band::{self, EDITS},
        cutoff, touched, turn_to,
    },
    row::{Row, Target},
};

const INSTRUMENTS: u32 = 64;
const KIB: f64 = 1024.0;

pub fn measure(bench: &mut Bench) {
    if bench.wants("memory/session") {
        let ours = bytes(authority);
        bench.row(Row::new("memory/session", "a session of 64 instruments", ours));
    }
    if bench.wants("memory/client") {
        let what = "a client more, on the host: its connection and its place";
        bench.row(
            Row::new("memory/client", what, a_client_more()).target(Target::AtMost(64.0 * KIB)),
        );
    }
    if bench.wants("memory/snapshot") {
        let what = "a snapshot more, after a knob";
        bench.row(
            Row::new("memory/snapshot", what, a_snapshot_more()).target(Target::AtMost(2.0 * KIB)),
        );
    }
    if bench.wants("memory/history") {
        let what =
            "what 60 s of 30 edits a second leave behind, of all kinds, with a client who follows";
        bench.row(Row::new("memory/history", what, a_minute()));
    }
}

/// How many bytes more there are as long as what `make` returns is kept.
fn bytes<R>(make: impl FnOnce() -> R) -> Figure {
    let mut kept = None;
    let counted = count(|| kept = Some(make()));
    drop(kept);
    of_each(counted.bytes_current, 1)
}

/// So many bytes, taken by so many.
#[expect(clippy::cast_precision_loss, reason = "no such number is near 2⁵²")]
fn of_each(bytes: i64, number: u32) -> Figure {
    Figure::once(bytes as f64 / f64::from(number), Unit::Bytes)
}

fn authority() -> Arc<Authority> {
    let setup = Setup {
        host: "Ana".into(),
        model: band::session(INSTRUMENTS),
        engine: Box::new(SilentEngine::default()),
        config: SessionConfig::default(),
    };
    Authority::hosting(setup, SessionId::new([7; 16]))
}

/// The host runs in this thread, and the clients in another one, so that only
/// what the host takes is counted.
fn a_client_more() -> Figure {
    const CLIENTS: u32 = 8;
    let runtime = current_thread();
    let (host, address) = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (model, engine) = (band::session(INSTRUMENTS), SilentEngine::default());
        let host = HostDispatcher::open("Host", model, engine, listener, HostOptions::default());
        let host = host.unwrap();
        host.request_ownership(&[touched(INSTRUMENTS)]).unwrap();
        (host, address)
    });
    let (order, orders) = mpsc::unbounded_channel();
    let (joined, mut joins) = mpsc::unbounded_channel();
    let clients = thread::spawn(move || current_thread().block_on(join(address, orders, joined)));
    let mut come = |clients| {
        runtime.block_on(async {
            for _ in 0..clients {
                order.send(()).unwrap();
                joins.recv().await.unwrap();
            }
            host.dispatch(turn_to(touched(INSTRUMENTS), cutoff(clients.into()))).unwrap();
            // Until all of them have been told of each other and of the knob.
            sleep(Duration::from_millis(500)).await;
        });
    };
    // What the first ones need is there for all.
    come(2);
    let counted = count(|| come(CLIENTS));
    drop(order);
    runtime.block_on(async { while joins.recv().await.is_some() {} });
    clients.join().unwrap();
    of_each(counted.bytes_current, CLIENTS)
}

/// Joins whenever it is told to, and stays until nobody tells it any more.
async fn join(
    address: String,
    mut orders: mpsc::UnboundedReceiver<()>,
    joined: mpsc::UnboundedSender<()>,
) {
    let mut clients = Vec::new();
    while orders.recv().await.is_some() {
        let options = JoinOptions { name: "Ana".into(), ..JoinOptions::default() };
        clients.push(RemoteDispatcher::<Studio>::connect(&address, options).await.unwrap());
        joined.send(()).unwrap();
    }
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn a_snapshot_more() -> Figure {
    const SNAPSHOTS: u32 = 100;
    let authority = authority();
    let mut kept = Vec::with_capacity(SNAPSHOTS as usize);
    let mut state = (*authority.state()).clone();
    let counted = count(|| {
        for turn in 0..SNAPSHOTS {
            let knob = turn_to(touched(INSTRUMENTS), cutoff(turn.into()));
            Studio::reduce(&mut state.model, &knob).unwrap();
            kept.push(Arc::new(state.clone()));
        }
    });
    of_each(counted.bytes_current, SNAPSHOTS)
}

/// On a virtual clock: what is measured is what is kept.
fn a_minute() -> Figure {
    const EDIT: Duration = Duration::from_millis(33);
    let (id, model) = (SessionId::new([7; 16]), band::session(INSTRUMENTS));
    let mut session = Session::<Studio>::hosted(SessionConfig::default(), id, "Ana", model);
    let hello = Hello {
        protocol: PROTOCOL_VERSION,
        model: Studio::NAME.into(),
        model_version: Studio::VERSION,
        name: "Ben".into(),
        own: vec![],
        privilege: false,
        codecs: vec![Codec::Json.name().into()],
        compression: vec![],
        resume: None,
    };
    let mut now = Timestamp::ZERO;
    let token = SessionToken::new([1; 16]);
    let Ok(admission) = session.handle_hello(now, &hello, token) else {
        unreachable!("there is room for one")
    };
    let ticket = admission.ticket;
    let id = touched(INSTRUMENTS);
    session.claim(ClientId::HOST, &[id]);
    let counted = count(|| {
        for turn in 0..1800 {
            let action = match turn % 2 {
                0 => turn_to(id, cutoff(turn)),
                _ => (EDITS[usize::try_from(turn / 2).unwrap() % EDITS.len()].of)(id),
            };
            // Some make no sense a second time.
            let _ = session.act(now, &action);
            follow(&mut session, now, ticket);
            now = now + EDIT;
        }
    });
    of_each(counted.bytes_current, 1)
}

/// What the shell around a session does, for a client who is never behind.
fn follow(session: &mut Session<Studio>, now: Timestamp, ticket: ConnectionId) {
    drop(session.take_effects());
    session.handle_timeout(now);
    session.handle(now, ticket, ClientMessage::Pong { nonce: now.micros() }).ok().unwrap();
    drop(session.pull(now, ticket).ok().unwrap());
    drop(session.take_forgotten());
}
