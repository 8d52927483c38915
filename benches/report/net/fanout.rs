//! What it costs the host to tell many clients of one edit.

use std::time::Duration;

use imbolc_net::protocol::framing::Codec;
use tokio::runtime::Runtime;

use super::{
    bare::{self, Bare, Frames},
    child::Child,
    nanoseconds,
    order::{Order, Role},
    wires::FrameSizes,
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
    let mut costs = Vec::new();
    for clients in CLIENTS {
        let [ours, bare] = take_turns(bench.quick, runtime, clients);
        let what = format!(
            "CPU of the host for one patch to {clients} clients, a client; patches not paced"
        );
        costs.push(ours.at(0.5).value());
        bench.row(
            Row::new(format!("fanout/{clients}"), what, ours.at(0.5))
                .peer(WRITES, bare.at(0.5))
                .target(Target::AtMostTimes(1.5, WRITES)),
        );
    }
    let [_, few, .., many] = costs[..] else { unreachable!("one each") };
    bench.row(
        Row::new(
            "fanout/linear",
            "the same of 256 clients, to that of 16",
            Figure::once(many / few, Unit::Times),
        )
        .target(Target::AtMost(1.3)),
    );
}

fn take_turns(quick: bool, runtime: &Runtime, clients: usize) -> [Samples; 2] {
    let (rounds, edits) = if quick { (3, 20) } else { (15, 100) };
    let mut host = Child::start(Role::Host { instruments: INSTRUMENTS, pace: Duration::ZERO });
    let patch = FrameSizes::of(Codec::ALL[0], INSTRUMENTS).patch;
    let mut writer = Child::start(Role::Writer { clients, patch });
    let (ours, its) = (host.address.clone(), writer.address.clone());
    let kept = super::on(runtime, async move {
        // What is kept is what would hang up.
        let mut kept = Vec::new();
        for _ in 0..clients {
            tokio::spawn(Bare::join(&ours, Codec::ALL[0], vec![]).await.attend());
            let (reader, writer) = bare::connect(&its).await.into_split();
            tokio::spawn(Frames::new(reader).sink());
            kept.push(writer);
        }
        kept
    });
    // Long enough for every client to have the one patch before the next.
    let gap =
        Duration::from_millis(2) + Duration::from_micros(60) * u32::try_from(clients).unwrap();
    let mut samples = [Samples::new(Unit::Nanoseconds), Samples::new(Unit::Nanoseconds)];
    for round in 0..=rounds {
        for (samples, child) in samples.iter_mut().zip([&mut host, &mut writer]) {
            let cost = a_client(child, edits, gap);
            // The first round warms up.
            if round > 0 {
                samples.push(vec![cost]);
            }
        }
    }
    drop(kept);
    samples
}

/// The CPU time for one patch to one client, in nanoseconds.
fn a_client(child: &mut Child, edits: u32, gap: Duration) -> f64 {
    let before = child.order(Order::Cpu);
    let after = child.order(Order::Burst { edits, gap });
    let written = u32::try_from(after.written - before.written).unwrap();
    nanoseconds(after.cpu - before.cpu) / f64::from(written)
}
