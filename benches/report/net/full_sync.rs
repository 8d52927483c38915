//! How often the full state is encoded for clients that request it together.

use std::time::Duration;

use imbolc_net::{
    ClientMessage, ServerMessage, protocol::framing::Codec, studio::Studio,
    sync::session::SessionConfig,
};
use tokio::{io::AsyncWriteExt, runtime::Runtime, task::JoinSet, time::timeout};

use super::{
    bare_client::{BareClient, decode},
    child::ChildProcess,
    child_protocol::{ChildAnswer, ChildOrder, ChildRole},
    frame_sizes::frame,
};
use crate::{
    bench::Bench,
    figure::{Samples, Unit},
    row::{Row, Target},
};

const INSTRUMENTS: u32 = 64;
const CLIENTS: usize = 16;

/// Name of the peer.
const SENT: &str = "sent";

/// Time for the host to send the previous edit to all clients.
const SETTLED: Duration = Duration::from_millis(200);

pub fn measure(bench: &mut Bench, runtime: &Runtime) {
    if !bench.wants("full/encoded-once") {
        return;
    }
    let rounds = if bench.quick { 1 } else { 5 };
    let [encoded, sent] = ask(runtime, rounds);
    let what = format!(
        "encodings of the full state for {CLIENTS} clients that request it at the same seq, json, at most"
    );
    bench.row(
        Row::new("full/encoded-once", what, encoded.overall(1.0))
            .peer(SENT, sent.overall(1.0))
            .target(Target::AtMost(1.0)),
    );
}

/// Encodings and sent copies of the full state.
fn ask(runtime: &Runtime, rounds: usize) -> [Samples; 2] {
    let SessionConfig { min_patch_interval: pace, min_full_sync_interval: full_sync_pace, .. } =
        SessionConfig::default();
    let mut host = ChildProcess::start(ChildRole::Host { instruments: INSTRUMENTS, pace });
    let address = host.address.clone();
    let mut clients = super::on(runtime, async move {
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            clients.push(BareClient::join(&address, Codec::ALL[0], vec![]).await);
        }
        clients
    });
    let mut samples = [Samples::new(Unit::Times), Samples::new(Unit::Times)];
    for round in 0..=rounds {
        // Move to a new state, which has not been encoded yet.
        host.order(ChildOrder::Burst { edits: 1, gap: SETTLED });
        // Wait for the minimum interval between full states. Answer pings
        // meanwhile, because a late pong changes the roster.
        clients = super::on(runtime, attend(clients, full_sync_pace));
        let before = host.order(ChildOrder::Cpu);
        clients = super::on(runtime, async move {
            for client in &mut clients {
                client.request_full_sync().await;
            }
            for client in &mut clients {
                client.hear_full_sync().await;
            }
            clients
        });
        let ChildAnswer { written, encoded, .. } = host.order(ChildOrder::Cpu);
        // The first round warms up.
        if round > 0 {
            samples[0].push(vec![to_f64(encoded - before.encoded)]);
            samples[1].push(vec![to_f64(written - before.written)]);
        }
    }
    samples
}

/// Lets all clients read and answer pings for `time`.
async fn attend(clients: Vec<BareClient>, time: Duration) -> Vec<BareClient> {
    let mut attending = JoinSet::new();
    for mut client in clients {
        attending.spawn(async move {
            let _ = timeout(time, client.hear_all()).await;
            client
        });
    }
    attending.join_all().await
}

fn to_f64(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}

impl BareClient {
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
