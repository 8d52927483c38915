//! How long it takes from joining a session to a snapshot that can be drawn.

use std::time::{Duration, Instant};

use imbolc_net::{Dispatcher, ServerMessage};
use tokio::{io::AsyncWriteExt, runtime::Runtime};

use super::{
    bare::{self, Frames},
    child::Child,
    knob::join,
    nanoseconds,
    order::Role,
};
use crate::{
    bench::Bench,
    figure::{Samples, Unit},
    row::{Row, Target},
};

const INSTRUMENTS: u32 = 64;

const TRANSFER: &str = "bare transfer and decoding";

pub fn measure(bench: &mut Bench, runtime: &Runtime) {
    if !bench.wants("full/join") {
        return;
    }
    let (rounds, joins) = if bench.quick { (5, 4) } else { (21, 10) };
    let [ours, bare] = super::on(runtime, take_turns(rounds, joins));
    let what = format!("from joining a session of {INSTRUMENTS} instruments to its snapshot, JSON");
    bench.row(
        Row::new("full/join", what, ours.median())
            .peer(TRANSFER, bare.median())
            .target(Target::AtMostTimes(1.1, TRANSFER)),
    );
}

async fn take_turns(rounds: usize, joins: usize) -> [Samples; 2] {
    let hello = bare::hello(vec![]);
    let host = Child::start(Role::Host { instruments: INSTRUMENTS, pace: Duration::ZERO });
    let giver = Child::start(Role::Giver { instruments: INSTRUMENTS, hello: hello.len() });
    let mut samples = [Samples::new(Unit::Nanoseconds), Samples::new(Unit::Nanoseconds)];
    for round in 0..=rounds {
        let (mut ours, mut its) = (Vec::new(), Vec::new());
        for _ in 0..joins {
            ours.push(nanoseconds(joining(&host).await));
            its.push(nanoseconds(transferring(&giver, &hello).await));
        }
        // The first round warms up.
        if round > 0 {
            samples[0].push(ours);
            samples[1].push(its);
        }
    }
    samples
}

async fn joining(host: &Child) -> Duration {
    let begun = Instant::now();
    let joined = join(host, "Ana", vec![]).await;
    let instruments = joined.state().model.instruments.len();
    let took = begun.elapsed();
    assert_eq!(instruments, INSTRUMENTS as usize);
    joined.close().await;
    took
}

async fn transferring(giver: &Child, hello: &[u8]) -> Duration {
    let begun = Instant::now();
    let (reader, mut writer) = bare::connect(&giver.address).await.into_split();
    writer.write_all(hello).await.unwrap();
    let payload = Frames::new(reader).next().await.unwrap();
    let ServerMessage::Welcome(welcome) = bare::decode(&payload) else { panic!("no welcome") };
    let took = begun.elapsed();
    assert_eq!(welcome.state.model.instruments.len(), INSTRUMENTS as usize);
    took
}
