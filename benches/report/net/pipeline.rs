//! Actions per second that a host accepts from clients that send without waiting for
//! answers.

use std::{
    hint::black_box,
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
        let took = super::on(runtime, send_all(host.address.clone(), Arc::clone(&pipelines)));
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
async fn send_all(address: String, pipelines: Arc<[Pipeline]>) -> Duration {
    let mut joined = Vec::new();
    for pipeline in &*pipelines {
        joined.push(BareClient::join(&address, pipeline.codec, vec![pipeline.instrument]).await);
    }
    let begun = Instant::now();
    let mut sending = JoinSet::new();
    for (at, client) in joined.into_iter().enumerate() {
        let pipelines = Arc::clone(&pipelines);
        sending.spawn(async move { send(client, &pipelines[at]).await });
    }
    let clients = sending.join_all().await;
    let took = begun.elapsed();
    for client in clients {
        client.leave().await;
    }
    took
}

async fn send(client: BareClient, pipeline: &Pipeline) -> BareClient {
    let BareClient { codec, mut frames, mut writer } = client;
    let answered = async {
        loop {
            let payload = frames.next().await.expect("the host stays");
            match decode(pipeline.codec, &payload) {
                ServerMessage::ActionsApplied { through, .. } if through == pipeline.last => break,
                ServerMessage::ActionRejected { reason, .. } => panic!("{reason}"),
                _ => {}
            }
        }
    };
    let sent = async { writer.write_all(&pipeline.frames).await.unwrap() };
    tokio::join!(sent, answered);
    BareClient { codec, frames, writer }
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
