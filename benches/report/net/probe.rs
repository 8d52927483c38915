//! How long the calls of a participant take while others keep a lock busy, and how
//! long a lock is held.
//!
//! The calls follow each other closely, so one of them falls into each long hold. On a
//! busy machine the caller and the holder also wait for a core. A call waits for the
//! lock no longer than it takes without the caller's wait for a core, and the holder
//! computes no longer than this process does meanwhile: the lesser of the two counts. It
//! leaves out the time in which the holder is interrupted.

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

/// A call: how long it took, and about how long another thread held the lock
/// and computed meanwhile.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Wait {
    took: Duration,
    held: Duration,
}

/// Calls for `lasts`, with pauses of `gap`.
pub fn waits(lasts: Duration, gap: Duration, mut call: impl FnMut()) -> Vec<Wait> {
    let (end, mut waits) = (Instant::now() + lasts, Vec::new());
    while Instant::now() < end {
        let (queued, cpu, begun) = (queued(), cpu::used(), Instant::now());
        call();
        let (took, cpu) = (begun.elapsed(), cpu::used() - cpu);
        let runnable = self::queued().saturating_sub(queued);
        waits.push(Wait { took, held: cpu.min(took.saturating_sub(runnable)) });
        thread::sleep(gap);
    }
    waits
}

/// How long this thread has waited for a core, or 0 if the system does not say.
fn queued() -> Duration {
    let schedule = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = schedule.split_whitespace().nth(1).and_then(|queued| queued.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

/// The rows `key-wait` and `key-hold`. Each round is the waits of one turn.
pub fn rows(bench: &mut Bench, key: &str, what: &str, rounds: &[Vec<Wait>]) {
    let [took, held] = [|wait: &Wait| wait.took, |wait: &Wait| wait.held].map(|part| {
        let mut samples = Samples::new(Unit::Nanoseconds);
        for waits in rounds {
            samples.push(waits.iter().map(|wait| nanoseconds(part(wait))).collect());
        }
        samples
    });
    bench.row(
        Row::new(format!("{key}-wait"), format!("{what}: wait for the lock, p99"), held.at(0.99))
            .peer("median", held.at(0.5))
            .peer("with waits for a core", took.at(0.99))
            .target(Target::AtMost(MAX_WAIT)),
    );
    bench.row(
        Row::new(
            format!("{key}-hold"),
            "the same: the longest wait for the lock, about the longest hold",
            held.overall(1.0),
        )
        .peer("p99.9", held.overall(0.999))
        .peer("with waits for a core", took.overall(1.0))
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
