//! The faults of a run and their times, derived from one seed.

use std::{fmt, time::Duration};

use crate::proxy::Ending;

/// A SplitMix64 random number generator (Steele, Lea and Flood).
pub struct Rng(u64);

impl Rng {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 to `end`, exclusive.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from)
    }
}

/// A fault of one participant's connection.
#[derive(Clone, Copy)]
pub enum Fault {
    /// It ends; reconnecting works at once.
    Cut(Ending),
    /// Bytes are held back for this long, then delivered.
    Stall(Duration),
    /// It ends, and new connections fail for this long.
    Outage(Ending, Duration),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |ending| match ending {
            Ending::Fin => "closed",
            Ending::Rst => "reset",
            Ending::BlackHole => "silently dead",
        };
        match self {
            Self::Cut(ending) => write!(f, "the connection is {}", name(*ending)),
            Self::Stall(time) => write!(f, "the link stalls for {:.1} s", time.as_secs_f64()),
            Self::Outage(ending, time) => {
                let time = time.as_secs_f64();
                write!(f, "the connection is {}, and the link down for {time:.1} s", name(*ending))
            }
        }
    }
}

/// A fault at a time.
pub struct PlannedFault {
    /// Since the start of the run.
    pub at: Duration,
    /// Index of the participant.
    pub target: usize,
    pub fault: Fault,
}

/// Plans faults for `seconds` seconds. Each participant has one every few seconds,
/// whether or not it has recovered from the previous one.
pub fn plan(seed: u64, seconds: u64, participants: usize) -> Vec<PlannedFault> {
    let mut rng = Rng::new(seed);
    let mut plan = Vec::new();
    for target in 0..participants {
        let mut at = rng.between(500, 2500);
        while at < seconds * 1000 {
            let ending = [Ending::Fin, Ending::Rst, Ending::BlackHole][rng.between(0, 3) as usize];
            let time = Duration::from_millis(rng.between(100, 4000));
            let fault = match rng.below(3) {
                0 => Fault::Cut(ending),
                1 => Fault::Stall(time),
                _ => Fault::Outage(ending, time),
            };
            plan.push(PlannedFault { at: Duration::from_millis(at), target, fault });
            at += rng.between(1000, 8000);
        }
    }
    plan.sort_by_key(|planned| planned.at);
    plan
}
