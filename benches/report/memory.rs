//! Memory of a session, counted by this thread's allocator.

use std::{sync::Arc, thread, time::Duration};

use allocation_counter::measure as count;
use imbolc_net::{
    Dispatcher,
    authority::{Authority, Setup, threaded},
    client::{JoinOptions, RemoteDispatcher},
    model::Model,
    protocol::{
        ClientId, ClientMessage, Hello, PROTOCOL_VERSION, Role, SessionId, SessionToken,
        framing::Codec,
    },
    server::{HostDispatcher, HostOptions},
    studio::{SilentEngine, Studio},
    sync::session::{ConnectionId, Credentials, Session, SessionConfig, SessionOutput},
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
        let ours = allocated_by(hosted_authority);
        bench.row(Row::new("memory/session", "a session of 64 instruments", ours));
    }
    if bench.wants("memory/client") {
        let what = "each additional client, on the host: connection and session state";
        bench.row(
            Row::new("memory/client", what, additional_client()).target(Target::AtMost(64.0 * KIB)),
        );
    }
    if bench.wants("memory/snapshot") {
        let what = "each additional snapshot, after a knob";
        bench.row(
            Row::new("memory/snapshot", what, additional_snapshot())
                .target(Target::AtMost(2.0 * KIB)),
        );
    }
    if bench.wants("memory/history") {
        let what = "growth over 60 s of 30 mixed edits per second, with a client that keeps up";
        bench.row(Row::new("memory/history", what, minute_of_edits()));
    }
}

/// Bytes that stay allocated while the result of `make` is kept.
fn allocated_by<R>(make: impl FnOnce() -> R) -> Figure {
    let mut kept = None;
    let counted = count(|| kept = Some(make()));
    drop(kept);
    of_each(counted.bytes_current, 1)
}

/// Bytes divided by `number`.
#[expect(clippy::cast_precision_loss, reason = "no such number is near 2⁵²")]
fn of_each(bytes: i64, number: u32) -> Figure {
    Figure::once(bytes as f64 / f64::from(number), Unit::Bytes)
}

fn hosted_authority() -> Arc<Authority> {
    let setup = Setup {
        host: "Ana".into(),
        key: None,
        model: band::session(INSTRUMENTS),
        engine: threaded(SilentEngine::default),
        config: SessionConfig::default(),
    };
    Authority::hosting(setup, SessionId::new([7; 16])).unwrap()
}

/// The host runs in this thread and the clients in another, so that only the
/// host is counted.
fn additional_client() -> Figure {
    const CLIENTS: u32 = 8;
    let runtime = current_thread();
    let (host, address) = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (model, engine) = (band::session(INSTRUMENTS), threaded(SilentEngine::default));
        let host = HostDispatcher::open("Host", model, engine, listener, HostOptions::default());
        let host = host.unwrap();
        host.request_ownership(&[touched(INSTRUMENTS)]).unwrap();
        (host, address)
    });
    let (order, orders) = mpsc::unbounded_channel();
    let (joined, mut joins) = mpsc::unbounded_channel();
    let clients =
        thread::spawn(move || current_thread().block_on(join_on_order(address, orders, joined)));
    let mut come = |clients| {
        runtime.block_on(async {
            for _ in 0..clients {
                order.send(()).unwrap();
                joins.recv().await.unwrap();
            }
            host.dispatch(turn_to(touched(INSTRUMENTS), cutoff(clients.into()))).unwrap();
            // Until all clients have received the roster and the knob.
            sleep(Duration::from_millis(500)).await;
        });
    };
    // The first clients allocate what all share.
    come(2);
    let counted = count(|| come(CLIENTS));
    drop(order);
    runtime.block_on(async { while joins.recv().await.is_some() {} });
    clients.join().unwrap();
    of_each(counted.bytes_current, CLIENTS)
}

/// Joins once per order, and stays until the orders end.
async fn join_on_order(
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

fn additional_snapshot() -> Figure {
    const SNAPSHOTS: u32 = 100;
    let authority = hosted_authority();
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

/// On a virtual clock, because only memory is measured.
fn minute_of_edits() -> Figure {
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
        attempt: 0,
        checks_digests: false,
        role: Role::default(),
        instance: None,
        resume: None,
    };
    let mut now = Timestamp::ZERO;
    let token = SessionToken::new([1; 16]);
    let Ok(admission) = session.handle_hello(now, &hello, Credentials::plain(token)) else {
        unreachable!("the session is empty")
    };
    let ticket = admission.connection;
    let id = touched(INSTRUMENTS);
    session.claim(ClientId::HOST, &[id]);
    let counted = count(|| {
        for turn in 0..1800 {
            let action = match turn % 2 {
                0 => turn_to(id, cutoff(turn)),
                _ => (EDITS[usize::try_from(turn / 2).unwrap() % EDITS.len()].of)(id),
            };
            // Some edits fail the second time.
            let _ = session.act(now, &action);
            keep_up(&mut session, now, ticket);
            now = now + EDIT;
        }
    });
    of_each(counted.bytes_current, 1)
}

/// Drives a session for a client that is always up to date.
fn keep_up(session: &mut Session<Studio>, now: Timestamp, ticket: ConnectionId) {
    session.handle_timeout(now);
    session.handle(now, ticket, ClientMessage::Pong { nonce: now.micros() }).ok().unwrap();
    drop(session.pull(now, ticket).ok().unwrap());
    while !matches!(session.poll(), SessionOutput::Wait(_)) {}
}
