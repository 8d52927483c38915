//! CPU use of a session that is idle, and of one that plays.

use std::time::{Duration, Instant};

use tokio::{runtime::Runtime, time::sleep};

use super::{
    child::ChildProcess,
    child_protocol::{ChildOrder, ChildRole},
    cpu,
    knob::{join, named},
};
use crate::{
    bench::Bench,
    figure::{Samples, Unit},
    row::{Row, Target},
};

const INSTRUMENTS: u32 = 64;
const CLIENTS: u32 = 8;

/// Limit as a share of a core.
const MAX_IDLE: f64 = 0.01;
const MAX_PLAYING: f64 = 0.05;

pub fn measure(bench: &mut Bench, runtime: &Runtime) {
    let (rounds, lasts) = if bench.quick { (1, 1) } else { (5, 5) };
    let lasts = Duration::from_secs(lasts);
    let row = |key: &str, what: String, samples: &Samples, limit| {
        Row::new(key, what, samples.at(0.5)).target(Target::AtMost(limit))
    };
    if bench.wants("idle/host") || bench.wants("idle/all") {
        let [host, all] = super::on(runtime, run(rounds, lasts, false));
        let what = format!("idle session with {CLIENTS} encrypted clients: CPU use of the host");
        bench.row(row("idle/host", what.clone(), &host, MAX_IDLE));
        bench.row(row("idle/all", format!("{what} and all clients"), &all, MAX_IDLE));
    }
    if bench.wants("play/host-64") {
        let [host, _] = super::on(runtime, run(rounds, lasts, true));
        let what = format!(
            "{INSTRUMENTS} tracks play in a session with {CLIENTS} encrypted clients: CPU use of the host"
        );
        bench.row(row("play/host-64", what, &host, MAX_PLAYING));
    }
}

async fn run(rounds: usize, lasts: Duration, plays: bool) -> [Samples; 2] {
    let pace = imbolc_net::sync::session::SessionConfig::default().min_patch_interval;
    let mut host = ChildProcess::start(ChildRole::Host { instruments: INSTRUMENTS, pace });
    if plays {
        host.order(ChildOrder::Play);
    }
    let mut clients = Vec::new();
    for number in 1..=CLIENTS {
        clients.push(join(&host, named(&format!("Ana {number}"))).await);
    }
    let mut samples = [Samples::new(Unit::Core), Samples::new(Unit::Core)];
    for round in 0..=rounds {
        let (its, own, begun) = (host.cpu(), cpu::used(), Instant::now());
        sleep(lasts).await;
        let (its, own) = (host.cpu() - its, cpu::used() - own);
        let share = |used: Duration| used.as_secs_f64() / begun.elapsed().as_secs_f64();
        // The first round warms up.
        if round > 0 {
            samples[0].push(vec![share(its)]);
            samples[1].push(vec![share(its + own)]);
        }
    }
    samples
}
