//! What it costs over the network: loopback TCP, with the host in a process of its
//! own, as every peer is, and all clients in this one. The other process runs a
//! tokio runtime of one thread, as a host should, and this one of two.

mod bare;
mod child;
mod cpu;
mod fanout;
mod idle;
mod joining;
mod knob;
mod order;
mod pipeline;
mod relay;
mod role;
mod sweep;
mod syncing;
mod wires;

use std::{process::ExitCode, time::Duration};

use tokio::runtime::{Builder, Runtime};

use crate::bench::Bench;

/// What the bare relay is called in the table.
const RELAY: &str = "bare relay";

/// What the times to another screen take in, and those of the relay do not.
const WHERE_IT_ENDS: &str =
    "ours ends at the event that a UI gets, the relay where the frame has been read";

/// Plays the part of another process, if this is one.
pub fn child() -> Option<ExitCode> {
    role::play()
}

pub fn measure(bench: &mut Bench) {
    let runtime = runtime(2);
    knob::measure(bench, &runtime);
    sweep::measure(bench, &runtime);
    pipeline::measure(bench, &runtime);
    fanout::measure(bench, &runtime);
    joining::measure(bench, &runtime);
    syncing::measure(bench, &runtime);
    idle::measure(bench, &runtime);
}

fn runtime(threads: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap()
}

fn nanoseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

/// Runs a task on the runtime's threads, not on this one, which is none of them.
fn on<T: Send + 'static>(runtime: &Runtime, task: impl Future<Output = T> + Send + 'static) -> T {
    runtime.block_on(async { tokio::spawn(task).await.unwrap() })
}
