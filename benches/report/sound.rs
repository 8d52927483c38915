//! Sound: what `scsynth` computes, and what the engine adds to it.
//!
//! Rows whose programs are missing are left out, and a line says why. The times are CPU
//! times, and of several runs the least, because other load only adds to them.

mod bare_voice;
mod engine;
mod graph;
mod jitter;
mod knob;
#[path = "../../crates/imbolc-supercollider/tests/server_bench/recorder.rs"]
mod recorder;
mod rendering;
#[path = "../../crates/imbolc-supercollider/tests/server_bench/room.rs"]
mod room;
#[path = "../../crates/imbolc-supercollider/tests/server_bench/mod.rs"]
mod server_bench;
#[path = "../../crates/imbolc-supercollider/tests/support/mod.rs"]
mod support;
mod voices;

use std::thread;

use crate::bench::Bench;

pub fn measure(bench: &mut Bench) {
    graph::measure(bench);
    row(bench, "sound/voices", voices::measure);
    row(bench, "sound/render-64", rendering::measure);
    row(bench, "sound/engine-64", |bench| engine::notes(bench, 64));
    if !bench.quick {
        row(bench, "sound/engine-256", |bench| engine::notes(bench, 256));
        row(bench, "sound/engine-64-lanes", engine::lanes);
    }
    row(bench, "sound/jitter", jitter::measure);
    row(bench, "sound/knob", knob::measure);
}

/// Measures a row on a thread of its name: the line that says that a program is missing
/// names the thread.
fn row(bench: &mut Bench, key: &str, measure: impl FnOnce(&mut Bench) + Send) {
    if bench.wants(key) {
        let named = thread::Builder::new().name(key.into());
        let done =
            thread::scope(|scope| named.spawn_scoped(scope, || measure(bench)).unwrap().join());
        if done.is_err() {
            eprintln!("left out: {key}: it failed, as said above");
        }
    }
}
