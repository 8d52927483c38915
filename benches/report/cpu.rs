//! CPU time of this process, and of those that it starts.

use std::{fs, time::Duration};

use rustix::time::{ClockId, clock_gettime};

/// The CPU time that this process has used.
pub fn used() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// The CPU time of a running process, in steps of 10 ms, or 0 if the system does not say.
pub fn of(process: u32) -> Duration {
    hundredths(&process.to_string(), 11)
}

/// The CPU time of the processes that this one has started and that are over, likewise.
pub fn of_children() -> Duration {
    hundredths("self", 13)
}

/// The sum of two consecutive fields of `/proc/…/stat`, counted from behind the name.
fn hundredths(process: &str, first: usize) -> Duration {
    let told = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = told.rsplit(')').next().unwrap_or_default().split_whitespace();
    let sum = fields.skip(first).take(2).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
    Duration::from_millis(10 * sum)
}
