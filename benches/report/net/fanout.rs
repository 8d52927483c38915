//! CPU time of the host to send one edit to many clients.

use std::{net::Ipv4Addr, time::Duration};

use imbolc_net::protocol::framing::Codec;
use tokio::runtime::Runtime;

use super::{
    PLAIN,
    bare_client::{self, BareClient, Frames},
    child::ChildProcess,
    child_protocol::{ChildOrder, ChildRole},
    frame_sizes::FrameSizes,
    nanoseconds,
};
use crate::{
    bench::Bench,
    figure::{Figure, Samples, Unit},
    row::{Row, Target},
};

const INSTRUMENTS: u32 = 64;
const CLIENTS: [usize; 4] = [1, 16, 64, 256];

const WRITES: &str = "writing the same bytes";

pub fn measure(bench: &mut Bench, runtime: &Runtime) {
    if !bench.wants("fanout/") {
        return;
    }
    let linear = bench.wants("fanout/linear");
    let mut costs = Vec::new();
    for clients in CLIENTS {
        if !linear && !bench.wants(&format!("fanout/{clients}")) {
            continue;
        }
        let [ours, bare] = fanout_turns(bench.quick, runtime, clients);
        let what = format!(
            "CPU time of the host per patch and client, {clients} clients in clear; patches not paced"
        );
        costs.push(ours.at(0.5).value());
        bench.row(
            Row::new(format!("fanout/{clients}"), what, ours.at(0.5))
                .peer(WRITES, bare.at(0.5))
                .target(Target::AtMostTimes(1.5, WRITES)),
        );
    }
    let [_, few, .., many] = costs[..] else { return };
    bench.row(
        Row::new(
            "fanout/linear",
            "the same for 256 clients, relative to 16",
            Figure::once(many / few, Unit::Times),
        )
        .target(Target::AtMost(1.3)),
    );
}

/// The cost of sending an edit to 64 clients through the encrypted channel.
pub fn measure_encrypted(bench: &mut Bench, runtime: &Runtime) {
    if !bench.wants("net/fanout-encrypted") {
        return;
    }
    let (rounds, edits) = if bench.quick { (3, 20) } else { (15, 100) };
    let (pace, clients) = (Duration::ZERO, 64);
    let mut hosts = [true, false].map(|encrypted| {
        let host = ChildProcess::start(ChildRole::Host { instruments: INSTRUMENTS, pace });
        let address = host.address.clone();
        super::on(runtime, async move {
            for number in 1..=clients {
                let ip = Ipv4Addr::new(127, 0, 1, number);
                let joined = if encrypted {
                    BareClient::join_encrypted(ip, &address, Codec::ALL[0], vec![]).await
                } else {
                    BareClient::join(&address, Codec::ALL[0], vec![]).await
                };
                tokio::spawn(joined.attend());
            }
        });
        host
    });
    let mut samples = [Samples::new(Unit::Nanoseconds), Samples::new(Unit::Nanoseconds)];
    for round in 0..=rounds {
        for (samples, host) in samples.iter_mut().zip(&mut hosts) {
            let cost = cost_per_client(host, edits, gap(clients.into()));
            // The first round warms up.
            if round > 0 {
                samples.push(vec![cost]);
            }
        }
    }
    let [encrypted, plain] = samples;
    bench.row(
        Row::new(
            "net/fanout-encrypted",
            format!("CPU time of the host per patch and client, {clients} encrypted clients; patches not paced"),
            encrypted.at(0.5),
        )
        .peer(PLAIN, plain.at(0.5))
        .target(Target::AtMostTimes(1.2, PLAIN)),
    );
}

/// Long enough for each client to receive a patch before the next one.
fn gap(clients: u32) -> Duration {
    Duration::from_millis(2) + Duration::from_micros(60) * clients
}

fn fanout_turns(quick: bool, runtime: &Runtime, clients: usize) -> [Samples; 2] {
    let (rounds, edits) = if quick { (3, 20) } else { (15, 100) };
    let mut host =
        ChildProcess::start(ChildRole::Host { instruments: INSTRUMENTS, pace: Duration::ZERO });
    let patch = FrameSizes::of(Codec::ALL[0], INSTRUMENTS).patch;
    let mut writer = ChildProcess::start(ChildRole::Writer { clients, patch });
    let (ours, its) = (host.address.clone(), writer.address.clone());
    let kept = super::on(runtime, async move {
        // Keep the writers: dropping them closes the connections.
        let mut kept = Vec::new();
        for _ in 0..clients {
            tokio::spawn(BareClient::join(&ours, Codec::ALL[0], vec![]).await.attend());
            let (reader, writer) = bare_client::connect(&its).await.into_split();
            tokio::spawn(Frames::new(reader).sink());
            kept.push(writer);
        }
        kept
    });
    let gap = gap(u32::try_from(clients).unwrap());
    let mut samples = [Samples::new(Unit::Nanoseconds), Samples::new(Unit::Nanoseconds)];
    for round in 0..=rounds {
        for (samples, child) in samples.iter_mut().zip([&mut host, &mut writer]) {
            let cost = cost_per_client(child, edits, gap);
            // The first round warms up.
            if round > 0 {
                samples.push(vec![cost]);
            }
        }
    }
    drop(kept);
    samples
}

/// The CPU time per patch and client, in nanoseconds.
fn cost_per_client(child: &mut ChildProcess, edits: u32, gap: Duration) -> f64 {
    let before = child.order(ChildOrder::Cpu);
    let after = child.order(ChildOrder::Burst { edits, gap });
    let written = u32::try_from(after.written - before.written).unwrap();
    nanoseconds(after.cpu - before.cpu) / f64::from(written)
}
