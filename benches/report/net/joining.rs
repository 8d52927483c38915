//! Time from joining a session to the first snapshot.

use std::time::{Duration, Instant};

use imbolc_net::{
    Dispatcher, ServerMessage,
    client::{ClientConfig, JoinOptions, RemoteDispatcher},
    installation::Installation,
    protocol::framing::Codec,
};
use tokio::{io::AsyncWriteExt, runtime::Runtime, time::sleep};

use super::{
    PLAIN,
    bare_client::{self, Frames},
    child::ChildProcess,
    child_protocol::ChildRole,
    knob::named,
    nanoseconds,
};
use crate::{
    bench::Bench,
    figure::{Samples, Unit},
    row::{Row, Target},
};

const INSTRUMENTS: u32 = 64;

/// How much longer than in clear joining may take, in nanoseconds.
const MAX_CHANNEL: f64 = 1e6;

/// The host opens 20 channels a second for one address.
const BETWEEN: Duration = Duration::from_millis(30);

const TRANSFER: &str = "bare transfer and decoding";

pub fn measure(bench: &mut Bench, runtime: &Runtime) {
    for codec in [Codec::Json, Codec::Postcard] {
        let key = format!("full/join-{}", codec.name());
        if !bench.wants(&key) {
            continue;
        }
        let (rounds, joins) = if bench.quick { (5, 4) } else { (21, 10) };
        let [ours, bare] = super::on(runtime, join_turns(codec, rounds, joins));
        let what = format!(
            "join a session of {INSTRUMENTS} instruments in clear, {}; ours ends at the first snapshot, the peer at the decoded `Welcome`",
            codec.name()
        );
        bench.row(
            Row::new(key, what, ours.median())
                .peer(TRANSFER, bare.median())
                .target(Target::AtMostTimes(1.1, TRANSFER)),
        );
    }
}

/// Joining through the encrypted channel.
pub fn measure_encrypted(bench: &mut Bench, runtime: &Runtime) {
    if !bench.wants("net/join-encrypted") {
        return;
    }
    let (rounds, joins) = if bench.quick { (5, 4) } else { (21, 10) };
    let [encrypted, plain] = super::on(runtime, encrypted_turns(rounds, joins));
    bench.row(
        Row::new(
            "net/join-encrypted",
            format!("join a session of {INSTRUMENTS} instruments through the encrypted channel, without a code, until the first snapshot"),
            encrypted.median(),
        )
        .peer(PLAIN, plain.median())
        .target(Target::AtMostAbove(MAX_CHANNEL, PLAIN)),
    );
}

async fn encrypted_turns(rounds: usize, joins: usize) -> [Samples; 2] {
    let host =
        ChildProcess::start(ChildRole::Host { instruments: INSTRUMENTS, pace: Duration::ZERO });
    let installation = Installation::in_memory().unwrap();
    let mut samples = [Samples::new(Unit::Nanoseconds), Samples::new(Unit::Nanoseconds)];
    for round in 0..=rounds {
        let mut taken = [Vec::new(), Vec::new()];
        for _ in 0..joins {
            for (taken, plain) in taken.iter_mut().zip([false, true]) {
                sleep(BETWEEN).await;
                let installation = Some(installation.clone());
                let options = JoinOptions { plain, installation, ..named("Ana") };
                taken.push(nanoseconds(joining(&host, options).await));
            }
        }
        // The first round warms up.
        if round > 0 {
            samples.iter_mut().zip(taken).for_each(|(samples, taken)| samples.push(taken));
        }
    }
    samples
}

async fn join_turns(codec: Codec, rounds: usize, joins: usize) -> [Samples; 2] {
    let hello = bare_client::hello(codec, vec![]);
    let host =
        ChildProcess::start(ChildRole::Host { instruments: INSTRUMENTS, pace: Duration::ZERO });
    let server = ChildProcess::start(ChildRole::WelcomeServer {
        codec: codec.into(),
        instruments: INSTRUMENTS,
        hello: hello.len(),
    });
    let mut samples = [Samples::new(Unit::Nanoseconds), Samples::new(Unit::Nanoseconds)];
    for round in 0..=rounds {
        let (mut ours, mut its) = (Vec::new(), Vec::new());
        for _ in 0..joins {
            let config = ClientConfig::default().speaking(codec);
            let options = JoinOptions { plain: true, config, ..named("Ana") };
            ours.push(nanoseconds(joining(&host, options).await));
            its.push(nanoseconds(transferring(&server, codec, &hello).await));
        }
        // The first round warms up.
        if round > 0 {
            samples[0].push(ours);
            samples[1].push(its);
        }
    }
    samples
}

async fn joining(host: &ChildProcess, options: JoinOptions) -> Duration {
    let begun = Instant::now();
    let joined = <RemoteDispatcher>::connect(&host.address, options).await.unwrap();
    let instruments = joined.state().model.instruments.len();
    let took = begun.elapsed();
    assert_eq!(instruments, INSTRUMENTS as usize);
    joined.close().await.expect("the goodbye is answered");
    took
}

async fn transferring(server: &ChildProcess, codec: Codec, hello: &[u8]) -> Duration {
    let begun = Instant::now();
    let (reader, mut writer) = bare_client::connect(&server.address).await.into_split();
    writer.write_all(hello).await.unwrap();
    let payload = Frames::new(reader).next().await.unwrap();
    let ServerMessage::Welcome(welcome) = bare_client::decode(codec, &payload) else {
        panic!("no welcome")
    };
    let took = begun.elapsed();
    assert_eq!(welcome.state.model.instruments.len(), INSTRUMENTS as usize);
    took
}
