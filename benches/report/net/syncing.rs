//! How often the whole state is encoded for those who ask for it together.

use std::time::Duration;

use imbolc_net::{
    ClientMessage, ServerMessage, protocol::framing::Codec, studio::Studio,
    sync::session::SessionConfig,
};
use tokio::{io::AsyncWriteExt, runtime::Runtime, task::JoinSet, time::timeout};

use super::{
    bare::{Bare, decode},
    child::Child,
    order::{Answer, Order, Role},
    wires::frame,
};
use crate::{
    bench::Bench,
    figure::{Samples, Unit},
    row::{Row, Target},
};

const INSTRUMENTS: u32 = 64;
const CLIENTS: usize = 16;

/// What it is held against.
const SENT: &str = "sent";

/// How long the host has to tell everyone what was edited before.
const SETTLED: Duration = Duration::from_millis(200);

pub fn measure(bench: &mut Bench, runtime: &Runtime) {
    if !bench.wants("full/encoded-once") {
        return;
    }
    let rounds = if bench.quick { 1 } else { 5 };
    let [encoded, sent] = ask(runtime, rounds);
    let what = format!(
        "how often the whole state is encoded at most for {CLIENTS} clients who ask for it at the same moment, json; the `Welcome` of each has a secret in it, and is encoded for each"
    );
    bench.row(
        Row::new("full/encoded-once", what, encoded.overall(1.0))
            .peer(SENT, sent.overall(1.0))
            .target(Target::AtMost(1.0)),
    );
}

/// How often it was encoded, and how often it was sent.
fn ask(runtime: &Runtime, rounds: usize) -> [Samples; 2] {
    let SessionConfig { min_patch_interval: pace, min_full_sync_interval: full_sync_pace, .. } =
        SessionConfig::default();
    let mut host = Child::start(Role::Host { instruments: INSTRUMENTS, pace });
    let address = host.address.clone();
    let mut clients = super::on(runtime, async move {
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            clients.push(Bare::join(&address, Codec::ALL[0], vec![]).await);
        }
        clients
    });
    let mut samples = [Samples::new(Unit::Times), Samples::new(Unit::Times)];
    for round in 0..=rounds {
        // A moment of which nobody has asked for the whole yet.
        host.order(Order::Burst { edits: 1, gap: SETTLED });
        // Nobody gets more than one in this time. And a late answer to a ping is a
        // new round trip in the roster: another moment.
        clients = super::on(runtime, attend(clients, full_sync_pace));
        let before = host.order(Order::Cpu);
        clients = super::on(runtime, async move {
            for client in &mut clients {
                client.request_full_sync().await;
            }
            for client in &mut clients {
                client.hear_full_sync().await;
            }
            clients
        });
        let Answer { written, encoded, .. } = host.order(Order::Cpu);
        // The first round warms up.
        if round > 0 {
            samples[0].push(vec![times(encoded - before.encoded)]);
            samples[1].push(vec![times(written - before.written)]);
        }
    }
    samples
}

/// Has everyone hear what is said, and show that it does, for so long.
async fn attend(clients: Vec<Bare>, time: Duration) -> Vec<Bare> {
    let mut attending = JoinSet::new();
    for mut client in clients {
        attending.spawn(async move {
            let _ = timeout(time, client.hear_all()).await;
            client
        });
    }
    attending.join_all().await
}

fn times(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}

impl Bare {
    async fn request_full_sync(&mut self) {
        let request = frame(self.codec, &ClientMessage::<Studio>::RequestFullSync);
        self.writer.write_all(&request).await.unwrap();
    }

    async fn hear_full_sync(&mut self) {
        loop {
            let payload = self.frames.next().await.expect("the host stays");
            match decode(self.codec, &payload) {
                ServerMessage::FullStateSync { .. } => return,
                ServerMessage::Ping { nonce, .. } => self.answer(nonce).await.unwrap(),
                _ => {}
            }
        }
    }
}
