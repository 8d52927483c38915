//! CPU use of an idle session.

use std::time::{Duration, Instant};

use tokio::{runtime::Runtime, time::sleep};

use super::{child::ChildProcess, child_protocol::ChildRole, cpu, knob::join};
use crate::{
    bench::Bench,
    figure::{Samples, Unit},
    row::{Row, Target},
};

const INSTRUMENTS: u32 = 64;
const CLIENTS: u32 = 8;

pub fn measure(bench: &mut Bench, runtime: &Runtime) {
    if !bench.wants("idle/host") && !bench.wants("idle/all") {
        return;
    }
    let (rounds, lasts) = if bench.quick { (1, 1) } else { (5, 5) };
    let [host, all] = super::on(runtime, rest(rounds, Duration::from_secs(lasts)));
    let row = |key: &str, what: &str, samples: &Samples| {
        Row::new(key, what, samples.at(0.5)).target(Target::AtMost(0.01))
    };
    bench.row(row("idle/host", "idle session with 8 clients: CPU use of the host", &host));
    bench.row(row(
        "idle/all",
        "idle session with 8 clients: CPU use of the host and all clients",
        &all,
    ));
}

async fn rest(rounds: usize, lasts: Duration) -> [Samples; 2] {
    let pace = imbolc_net::sync::session::SessionConfig::default().min_patch_interval;
    let mut host = ChildProcess::start(ChildRole::Host { instruments: INSTRUMENTS, pace });
    let mut clients = Vec::new();
    for number in 1..=CLIENTS {
        clients.push(join(&host, &format!("Ana {number}"), vec![]).await);
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
