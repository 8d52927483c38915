//! Measurements over loopback TCP. The host, and each peer, runs in a child process
//! with one worker thread; all clients run in this process with two.

mod bare_client;
mod child;
mod child_main;
mod child_protocol;
mod fanout;
mod frame_sizes;
mod full_sync;
mod idle;
mod joining;
mod knob;
mod load;
mod peers;
mod pending;
mod pipeline;
mod probe;
mod strangers;
mod sweep;

use std::{process::ExitCode, time::Duration};

use tokio::runtime::{Builder, Runtime};

use crate::{bench::Bench, cpu};

/// Name of the relay in the table.
const RELAY: &str = "bare relay";

/// Name of the same without encryption.
const PLAIN: &str = "in clear";

/// The end points of the times to another screen.
const WHERE_IT_ENDS: &str =
    "ours ends at the event for the UI, the relay when the frame has been read";

/// Runs as a child process, if this is one.
pub fn child() -> Option<ExitCode> {
    child_main::run()
}

pub fn measure(bench: &mut Bench) {
    let runtime = runtime(2);
    knob::measure(bench, &runtime);
    sweep::measure(bench, &runtime);
    pipeline::measure(bench, &runtime);
    fanout::measure(bench, &runtime);
    joining::measure(bench, &runtime);
    full_sync::measure(bench, &runtime);
    idle::measure(bench, &runtime);
    load::measure(bench);
    pending::measure(bench, &runtime);
    knob::measure_encrypted(bench, &runtime);
    pipeline::measure_encrypted(bench, &runtime);
    joining::measure_encrypted(bench, &runtime);
    fanout::measure_encrypted(bench, &runtime);
    strangers::measure(bench, &runtime);
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
