//! How long an action waits for the lock of its own client, which holds many actions
//! that the host has not answered, while patches arrive.

use std::{thread, time::Duration};

use imbolc_net::{
    Dispatcher,
    client::{ClientConfig, JoinOptions, RemoteDispatcher},
    model::InstrumentId,
};
use tokio::{
    io::{AsyncReadExt, copy},
    net::TcpListener,
    runtime::Runtime,
    sync::watch,
};

use super::{
    bare_client::connect,
    child::ChildProcess,
    child_protocol::{ChildOrder, ChildRole},
    load::{self, PAGE},
    probe,
};
use crate::{bench::Bench, fixture};

const INSTRUMENTS: u32 = 40;
const OWN: InstrumentId = InstrumentId(1);

/// Actions that are not answered.
const KNOBS: u64 = 1024;
const PASTES: u64 = 64;

/// Pause between two actions. They stay unanswered, too, so there must be few.
const GAP: Duration = Duration::from_millis(5);

/// Interval of the host's edits: there is a new one for each patch.
const EDITS: Duration = Duration::from_millis(5);

pub fn measure(bench: &mut Bench, runtime: &Runtime) {
    if !bench.wants("load/pending-wait") && !bench.wants("load/pending-hold") {
        return;
    }
    let (lasts, turns) =
        if bench.quick { (Duration::from_millis(500), 1) } else { (Duration::from_secs(3), 5) };
    let rounds: Vec<_> = (0..turns).map(|_| turn(runtime, lasts)).collect();
    let what = format!(
        "`dispatch` on a client with {KNOBS} knobs and {PASTES} pastes of {PAGE} notes that are unanswered, while patches arrive"
    );
    probe::rows(bench, "load/pending", &what, &rounds);
}

fn turn(runtime: &Runtime, lasts: Duration) -> Vec<probe::Wait> {
    let mut host = ChildProcess::start(ChildRole::LargeHost { instruments: INSTRUMENTS, pages: 1 });
    let (address, is_deaf) = (host.address.clone(), watch::Sender::new(false));
    let address = super::on(runtime, forward(address, is_deaf.subscribe()));
    let client = super::on(runtime, async move {
        let config = ClientConfig { backlog: 10_000, ..ClientConfig::default() };
        let options =
            JoinOptions { name: "Ana".into(), own: vec![OWN], config, ..JoinOptions::default() };
        <RemoteDispatcher>::connect(&address, options).await.unwrap()
    });
    is_deaf.send_replace(true);
    let mut turn = 0;
    let mut knob = || {
        turn += 1;
        client.dispatch(fixture::turn_to(OWN, fixture::cutoff(turn))).unwrap();
    };
    for (paste, velocity) in (0..PASTES).zip(1..) {
        client.dispatch(load::paste(OWN, u32::try_from(paste % 8).unwrap(), velocity)).unwrap();
        (0..KNOBS / PASTES).for_each(|_| knob());
    }
    let edits = u32::try_from(lasts.as_millis() / EDITS.as_millis()).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| host.order(ChildOrder::Burst { edits, gap: EDITS }));
        probe::waits(lasts, GAP, knob)
    })
}

/// Forwards one connection to `address`, and returns its own. Once `is_deaf`, what the
/// client sends is discarded.
async fn forward(address: String, mut is_deaf: watch::Receiver<bool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        client.set_nodelay(true).unwrap();
        let (mut from_host, mut to_host) = connect(&address).await.into_split();
        let (mut from_client, mut to_client) = client.into_split();
        tokio::spawn(async move { copy(&mut from_host, &mut to_client).await });
        tokio::select! {
            _ = copy(&mut from_client, &mut to_host) => {}
            _ = is_deaf.wait_for(|is_deaf| *is_deaf) => {}
        }
        // `to_host` stays open.
        let mut discarded = vec![0; 64 * 1024];
        while from_client.read(&mut discarded).await.is_ok_and(|read| read > 0) {}
        drop(to_host);
    });
    own
}
