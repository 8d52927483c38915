//! How many actions a host takes in a second from clients that send them as fast as
//! the socket takes them, and wait for nothing.

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
    bare::{Bare, decode, split},
    child::Child,
    order::Role,
};
use crate::{
    bench::Bench,
    figure::{Samples, Unit},
    fixture::{cutoff, turn_to},
    row::{Row, Target},
};

const INSTRUMENTS: u32 = 64;

const LOOP: &str = "decoding in a bare loop";

pub fn measure(bench: &mut Bench, runtime: &Runtime) {
    for codec in [Codec::Json, Codec::Postcard] {
        for (clients, name) in [(1, "one"), (8, "eight")] {
            let key = format!("actions/{name}-{}", codec.name());
            if bench.wants(&key) {
                row(bench, runtime, codec, clients, &key);
            }
        }
    }
}

fn row(bench: &mut Bench, runtime: &Runtime, codec: Codec, clients: u32, key: &str) {
    let (rounds, actions) = if bench.quick { (3, 20_000) } else { (11, 100_000) };
    let host = Child::start(Role::Host {
        instruments: INSTRUMENTS,
        pace: SessionConfig::default().patch_pace,
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
    let what = format!("actions taken a second, pipelined, {from}, {}", codec.name());
    let row = Row::new(key, what, ours.at(0.5))
        .peer(LOOP, bare.at(0.5))
        .target(Target::AtLeastTimes(0.5, LOOP));
    bench.row(if codec == Codec::Postcard { row.target(Target::AtLeast(1e6)) } else { row });
}

/// All that a client has to say, one action upon the other. Last of all it asks
/// whether anybody is there: what is acknowledged may wait for the next patch, but
/// goes along with the answer.
struct Pipeline {
    codec: Codec,
    instrument: InstrumentId,
    frames: Vec<u8>,
    last: ActionNumber,
}

impl Pipeline {
    /// A sweep of a knob, of which only the first edit begins anything.
    fn new(codec: Codec, client: u32, actions: u32) -> Self {
        // The first instrument is the host's own.
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

/// How long it takes until the last action of every client is answered.
async fn send_all(address: String, pipelines: Arc<[Pipeline]>) -> Duration {
    let mut joined = Vec::new();
    for pipeline in &*pipelines {
        joined.push(Bare::join(&address, pipeline.codec, vec![pipeline.instrument]).await);
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

async fn send(client: Bare, pipeline: &Pipeline) -> Bare {
    let Bare { codec, mut frames, mut writer } = client;
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
    Bare { codec, frames, writer }
}

/// How long it takes to read the same, and do nothing with it.
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
