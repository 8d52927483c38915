//! Actions per second that a host accepts from clients that send without waiting for
//! answers.

use std::{
    hint::black_box,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use imbolc_net::{
    ClientMessage, ServerMessage,
    model::InstrumentId,
    protocol::{
        ActionNumber,
        framing::{self, Codec},
    },
    studio::Studio,
    sync::session::SessionConfig,
};
use tokio::{io::AsyncWriteExt, runtime::Runtime, task::JoinSet};

use super::{
    PLAIN,
    bare_client::{BareClient, decode, split},
    child::ChildProcess,
    child_protocol::ChildRole,
};
use crate::{
    bench::Bench,
    figure::{Samples, Unit},
    fixture::{cutoff, turn_to},
    row::{Row, Target},
};

const INSTRUMENTS: u32 = 64;

/// From where the one client of the encrypted row connects.
const LOCAL: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

const LOOP: &str = "decoding only";

pub fn measure(bench: &mut Bench, runtime: &Runtime) {
    for codec in [Codec::Json, Codec::Postcard] {
        for (clients, name) in [(1, "one"), (8, "eight")] {
            let key = format!("actions/{name}-{}", codec.name());
            if bench.wants(&key) {
                pipeline_row(bench, runtime, codec, clients, &key);
            }
        }
    }
}

fn pipeline_row(bench: &mut Bench, runtime: &Runtime, codec: Codec, clients: u32, key: &str) {
    let (rounds, actions) = if bench.quick { (3, 20_000) } else { (11, 100_000) };
    let host = ChildProcess::start(ChildRole::Host {
        instruments: INSTRUMENTS,
        pace: SessionConfig::default().min_patch_interval,
    });
    let pipelines: Arc<[_]> =
        (1..=clients).map(|client| Pipeline::new(codec, client, actions / clients)).collect();
    let (mut ours, mut bare) = (Samples::new(Unit::PerSecond), Samples::new(Unit::PerSecond));
    for round in 0..=rounds {
        let took =
            super::on(runtime, send_all(host.address.clone(), Arc::clone(&pipelines), false));
        let decoded = decode_all(&pipelines);
        // The first round warms up.
        if round > 0 {
            ours.push(vec![f64::from(actions) / took.as_secs_f64()]);
            bare.push(vec![f64::from(actions) / decoded.as_secs_f64()]);
        }
    }
    let from = if clients == 1 { "one client" } else { "eight clients" };
    let what = format!("actions accepted per second, pipelined, {from}, {}", codec.name());
    let row = Row::new(key, what, ours.at(0.5))
        .peer(LOOP, bare.at(0.5))
        .target(Target::AtLeastTimes(0.5, LOOP));
    bench.row(if codec == Codec::Postcard { row.target(Target::AtLeast(1e6)) } else { row });
}

/// The same through the encrypted channel, from one client.
pub fn measure_encrypted(bench: &mut Bench, runtime: &Runtime) {
    if !bench.wants("net/actions-encrypted") {
        return;
    }
    let (rounds, actions) = if bench.quick { (3, 20_000) } else { (11, 100_000) };
    let pace = SessionConfig::default().min_patch_interval;
    let host = ChildProcess::start(ChildRole::Host { instruments: INSTRUMENTS, pace });
    let pipelines: Arc<[_]> = [Pipeline::new(Codec::Postcard, 1, actions)].into();
    let mut samples = [Samples::new(Unit::PerSecond), Samples::new(Unit::PerSecond)];
    for round in 0..=rounds {
        for (samples, encrypted) in samples.iter_mut().zip([true, false]) {
            let sending = send_all(host.address.clone(), Arc::clone(&pipelines), encrypted);
            let took = super::on(runtime, sending);
            // The first round warms up.
            if round > 0 {
                samples.push(vec![f64::from(actions) / took.as_secs_f64()]);
            }
        }
    }
    let [encrypted, plain] = samples;
    bench.row(
        Row::new(
            "net/actions-encrypted",
            "actions accepted per second through the encrypted channel, pipelined, one client, postcard; the client has sealed them before",
            encrypted.at(0.5),
        )
        .peer(PLAIN, plain.at(0.5))
        .target(Target::AtLeastTimes(0.9, PLAIN)),
    );
}

/// All messages of a client: actions, then a ping. Acknowledgements may wait
/// for the next patch, but are sent along with a pong.
struct Pipeline {
    codec: Codec,
    instrument: InstrumentId,
    frames: Vec<u8>,
    last: ActionNumber,
}

impl Pipeline {
    /// A sweep of a knob, in which only the first edit starts an undo step.
    fn new(codec: Codec, client: u32, actions: u32) -> Self {
        // The host owns the first instrument.
        let instrument = InstrumentId(1 + client);
        let mut frames = Vec::new();
        for turn in 1..=u64::from(actions) {
            let action = ClientMessage::<Studio>::Action {
                number: ActionNumber(turn),
                continues: turn > 1,
                action: turn_to(instrument, cutoff(turn)),
            };
            framing::encode(codec, &action, &mut frames).unwrap();
        }
        framing::encode(codec, &ClientMessage::<Studio>::Ping { nonce: 1 }, &mut frames).unwrap();
        Self { codec, instrument, frames, last: ActionNumber(actions.into()) }
    }
}

/// The time until the last action of each client is acknowledged.
async fn send_all(address: String, pipelines: Arc<[Pipeline]>, encrypted: bool) -> Duration {
    let mut joined = Vec::new();
    for pipeline in &*pipelines {
        let &Pipeline { codec, instrument, .. } = pipeline;
        let mut client = if encrypted {
            BareClient::join_encrypted(LOCAL, &address, codec, vec![instrument]).await
        } else {
            BareClient::join(&address, codec, vec![instrument]).await
        };
        let frames = client.sealed(&pipeline.frames).into_owned();
        joined.push((client, frames));
    }
    let begun = Instant::now();
    let mut sending = JoinSet::new();
    for (at, (client, frames)) in joined.into_iter().enumerate() {
        let pipelines = Arc::clone(&pipelines);
        sending.spawn(async move { send(client, &frames, pipelines[at].last).await });
    }
    let clients = sending.join_all().await;
    let took = begun.elapsed();
    for client in clients {
        client.leave().await;
    }
    took
}

async fn send(mut client: BareClient, sent: &[u8], last: ActionNumber) -> BareClient {
    let BareClient { codec, frames, writer, .. } = &mut client;
    let answered = async {
        loop {
            let payload = frames.next().await.expect("the host stays");
            match decode(*codec, &payload) {
                ServerMessage::ActionsApplied { through, .. } if through == last => break,
                ServerMessage::ActionRejected { reason, .. } => panic!("{reason}"),
                _ => {}
            }
        }
    };
    let sending = async { writer.write_all(sent).await.unwrap() };
    tokio::join!(sending, answered);
    client
}

/// The time to decode the same messages and discard them.
fn decode_all(pipelines: &[Pipeline]) -> Duration {
    pipelines
        .iter()
        .map(|pipeline| {
            let mut rest = BytesMut::from(&pipeline.frames[..]);
            let begun = Instant::now();
            while let Some(payload) = split(&mut rest) {
                let read = framing::decode::<ClientMessage<Studio>>(pipeline.codec, &payload);
                black_box(read.unwrap());
            }
            begun.elapsed()
        })
        .sum()
}
