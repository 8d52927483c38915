//! How long the calls of a participant take while others keep a lock busy, and how
//! long a lock is held at most.
//!
//! The calls follow each other closely, so one of them falls into each long hold. On a
//! busy machine the threads also wait for a core: the processor time that this process
//! uses during a call leaves out that of the holder, and how late the pauses end tells
//! that of the caller.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{cpu, nanoseconds};
use crate::{
    bench::Bench,
    figure::{Samples, Unit},
    row::{Row, Target},
};

/// The longest that a lock may be held, in nanoseconds.
const MAX_HOLD: f64 = 10e6;

/// The longest that a call may take at p99, in nanoseconds.
const MAX_WAIT: f64 = 2e6;

/// Name of the peer that waits for nothing but a core.
const TIMER: &str = "a timer at the same time, p99";

/// A call: how long it took, the processor time that this process used meanwhile, and
/// how late the pause after it ended.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Wait {
    took: Duration,
    cpu: Duration,
    late: Duration,
}

/// Calls for `lasts`, with pauses of `gap`.
pub fn waits(lasts: Duration, gap: Duration, mut call: impl FnMut()) -> Vec<Wait> {
    let (end, mut waits) = (Instant::now() + lasts, Vec::new());
    while Instant::now() < end {
        let (cpu, begun) = (cpu::used(), Instant::now());
        call();
        let (took, cpu, paused) = (begun.elapsed(), cpu::used() - cpu, Instant::now());
        thread::sleep(gap);
        waits.push(Wait { took, cpu, late: paused.elapsed() - gap });
    }
    waits
}

/// The rows `key-wait` and `key-hold`. Each round is the waits of one turn.
pub fn rows(bench: &mut Bench, key: &str, what: &str, rounds: &[Vec<Wait>]) {
    let parts = [|wait: &Wait| wait.took, |wait: &Wait| wait.cpu, |wait: &Wait| wait.late];
    let [took, cpu, late] = parts.map(|part| {
        let mut samples = Samples::new(Unit::Nanoseconds);
        for waits in rounds {
            samples.push(waits.iter().map(|wait| nanoseconds(part(wait))).collect());
        }
        samples
    });
    bench.row(
        Row::new(format!("{key}-wait"), format!("{what}, p99"), took.at(0.99))
            .peer("median", took.at(0.5))
            .peer("longest", took.overall(1.0))
            .peer(TIMER, late.at(0.99))
            .target(Target::AtMost(MAX_WAIT)),
    );
    bench.row(
        Row::new(
            format!("{key}-hold"),
            "the same: processor time during the longest call, which bounds the longest hold",
            cpu.overall(1.0),
        )
        .peer("at p99.9", cpu.overall(0.999))
        .target(Target::AtMost(MAX_HOLD)),
    );
}

/// Bytes of this process that are resident, or 0 if the system does not say.
pub fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kibibytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    kibibytes.unwrap_or(0_u64) * 1024
}
