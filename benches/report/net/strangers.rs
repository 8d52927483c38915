//! What a crowd of strangers costs a session: 5,000 clients from 100 addresses that never
//! finish their handshakes.
//!
//! The same is measured on a second host without strangers, in turn, while the crowd is
//! there: the arithmetic of the crowd, which would be on other machines, delays both.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use imbolc_net::{
    Dispatcher,
    client::{JoinOptions, RemoteDispatcher},
    installation::Installation,
    security::{Initiator, JoinCode, PrivateKey},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
    time::{sleep, timeout},
};

use super::{
    bare_client::connect_from,
    child::ChildProcess,
    child_protocol::{ChildOrder, ChildRole},
    knob::{INSTRUMENTS, KnobPlan, KnobStudios, knob_turns, named},
    nanoseconds,
};
use crate::{
    bench::Bench,
    figure::{Figure, Samples, Unit},
    fixture,
    row::{Row, Target},
};

const CLIENTS: u32 = 5000;
const ADDRESSES: u8 = 100;

/// Between two bytes of a stranger, and before it is back.
const SECOND: Duration = Duration::from_secs(1);

/// Name of the peer.
const ALONE: &str = "without strangers";

/// How long a known client may take to join, in nanoseconds.
const MAX_JOIN: f64 = 1e9;

pub fn measure(bench: &mut Bench, runtime: &Runtime) {
    if !bench.wants("strangers/") {
        return;
    }
    let (clients, lasts, rounds, turns, joins) = if bench.quick {
        (CLIENTS / 10, Duration::from_secs(3), 3, 50, 10)
    } else {
        (CLIENTS, Duration::from_secs(20), 9, 1000, 100)
    };
    let [mut besieged, mut alone] = [(), ()].map(|()| super::on(runtime, GuardedStudios::open()));
    let host = besieged.studios.host.address.parse().unwrap();
    let mut crowd =
        ChildProcess::start(ChildRole::Strangers { host, clients, addresses: ADDRESSES });
    // They have all come once, and the first ones are back.
    std::thread::sleep(3 * SECOND);
    let what = format!("{clients} strangers from {ADDRESSES} addresses");

    let joined = [&besieged, &alone].map(GuardedStudios::joiner);
    let joined = joined.map(|joiner| super::on(runtime, joiner.join(joins)));
    let [its, own] = joined.map(|took| {
        let mut samples = Samples::new(Unit::Nanoseconds);
        samples.push(took);
        samples
    });
    bench.row(
        Row::new(
            "strangers/join",
            format!("{what}: how long a known client takes to join, at most"),
            its.overall(1.0),
        )
        .peer(ALONE, own.overall(1.0))
        .target(Target::AtMost(MAX_JOIN)),
    );

    let cpu = [&mut besieged, &mut alone].map(|guarded| guarded.studios.host.cpu());
    let (made, begun) = (crowd.order(ChildOrder::Cpu), Instant::now());
    std::thread::sleep(lasts);
    let share = |used: Duration| {
        Figure::once(used.as_secs_f64() / begun.elapsed().as_secs_f64(), Unit::Core)
    };
    let after = crowd.order(ChildOrder::Cpu);
    let connected = f64::from(u32::try_from(after.connected - made.connected).unwrap());
    let each_second = connected / begun.elapsed().as_secs_f64();
    bench.row(
        Row::new(
            "strangers/cpu",
            format!("{what}: CPU use of the host"),
            share(besieged.studios.host.cpu() - cpu[0]),
        )
        .peer(ALONE, share(alone.studios.host.cpu() - cpu[1]))
        .peer("of the strangers", share(after.cpu - made.cpu)),
    );
    bench.row(Row::new(
        "strangers/connections",
        format!("{what}: connections that they make"),
        Figure::once(each_second, Unit::PerSecond),
    ));

    let plan = KnobPlan {
        quiet: Duration::from_millis(2),
        pace: Duration::ZERO,
        rounds,
        turns,
        in_a_row: 1,
    };
    let [its, own] =
        super::on(runtime, async move { knob_turns(plan, besieged.studios, alone.studios).await });
    bench.row(
        Row::new(
            "strangers/knob-p99",
            format!(
                "{what}: knob on one client to the snapshot of another, p99, patches not paced"
            ),
            its.at(0.99),
        )
        .peer(ALONE, own.at(0.99))
        .target(Target::AtMostTimes(1.5, ALONE)),
    );
}

/// A host that knows its clients, and two of them.
struct GuardedStudios {
    studios: KnobStudios,
    installation: Installation,
}

impl GuardedStudios {
    async fn open() -> Self {
        let (instruments, pace) = (INSTRUMENTS, Duration::ZERO);
        let mut host = ChildProcess::start(ChildRole::GuardedHost { instruments, pace });
        let code = host.order(ChildOrder::Cpu).code.unwrap();
        let installation = Installation::in_memory().unwrap();
        let with = |name| JoinOptions {
            installation: Some(installation.clone()),
            code: JoinCode::parse(&code),
            ..named(name)
        };
        let here = JoinOptions { own: vec![fixture::touched(INSTRUMENTS)], ..with("Here") };
        let here = RemoteDispatcher::connect(&host.address, here).await.unwrap();
        // The host knows the key, and the client the host.
        let there = JoinOptions { code: None, ..with("There") };
        let there = RemoteDispatcher::connect(&host.address, there).await.unwrap();
        Self { studios: KnobStudios::new(host, here, there), installation }
    }

    fn joiner(&self) -> KnownClient {
        let (address, installation) =
            (self.studios.host.address.clone(), self.installation.clone());
        KnownClient { address, installation }
    }
}

/// A client that the host knows.
struct KnownClient {
    address: String,
    installation: Installation,
}

impl KnownClient {
    /// Joins and leaves again and again; returns how long it took until the first
    /// snapshot, in nanoseconds.
    async fn join(self, times: usize) -> Vec<f64> {
        let mut took = Vec::new();
        for _ in 0..times {
            // The host opens 20 channels a second for one address.
            sleep(SECOND / 15).await;
            let begun = Instant::now();
            let joined = loop {
                let installation = Some(self.installation.clone());
                let options = JoinOptions { installation, ..named("Ana") };
                // Another connection may have needed its place.
                if let Ok(joined) = <RemoteDispatcher>::connect(&self.address, options).await {
                    break joined;
                }
            };
            took.push(nanoseconds(begun.elapsed()));
            joined.close().await.expect("the goodbye is answered");
        }
        took
    }
}

/// The strangers of a child process.
pub struct Crowd(Arc<AtomicU64>);

impl Crowd {
    pub async fn gather(host: SocketAddr, clients: u32, addresses: u8) -> Self {
        // Other machines would not take the host's cores. Without the permissions the
        // figures are worse and no less true.
        let _ = tokio::spawn(async { rustix::process::nice(19) }).await;
        let limit = getrlimit(Resource::Nofile);
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
        let connected = Arc::<AtomicU64>::default();
        let (_, opening) = Initiator::new(&PrivateKey::new([1; 32])).unwrap();
        let opening: Arc<[u8]> = opening.into();
        for client in 0..clients {
            let ip =
                Ipv4Addr::new(127, 0, 1 + u8::try_from(client % u32::from(addresses)).unwrap(), 1);
            let (connected, opening) = (Arc::clone(&connected), Arc::clone(&opening));
            tokio::spawn(async move {
                // They do not all come at the same moment.
                sleep(SECOND * client / clients).await;
                loop {
                    if let Ok(stream) = connect_from(ip, &host.to_string()).await {
                        connected.fetch_add(1, Ordering::Relaxed);
                        trickle(stream, &opening).await;
                    }
                    sleep(SECOND).await;
                }
            });
        }
        Self(connected)
    }

    /// Connections so far.
    pub fn connected(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Writes a byte a second, until the host closes the connection.
async fn trickle(mut stream: TcpStream, bytes: &[u8]) {
    for byte in bytes {
        let written = stream.write_all(&[*byte]).await;
        if written.is_err() || timeout(SECOND, stream.read(&mut [0; 64])).await.is_ok() {
            return;
        }
    }
}
