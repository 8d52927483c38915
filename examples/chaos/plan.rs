//! What goes wrong, and when: all of it from one seed.

use std::{fmt, time::Duration};

use crate::proxy::How;

/// A source of numbers that look random and are the same for the same seed
/// (Steele, Lea and Flood's SplitMix64).
pub struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.roll(to - from)
    }
}

/// What happens to somebody's connection.
#[derive(Clone, Copy)]
pub enum Fault {
    /// It ends, and the next one gets through.
    Cut(How),
    /// Nothing comes through for a while, and then all of it.
    Stall(Duration),
    /// It ends, and no other gets through for a while.
    Outage(How, Duration),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = |how| match how {
            How::Fin => "closed",
            How::Rst => "reset",
            How::BlackHole => "silently dead",
        };
        match self {
            Self::Cut(end) => write!(f, "the connection is {}", how(*end)),
            Self::Stall(time) => write!(f, "the link stalls for {:.1} s", time.as_secs_f64()),
            Self::Outage(end, time) => {
                let time = time.as_secs_f64();
                write!(f, "the connection is {}, and the cable out for {time:.1} s", how(*end))
            }
        }
    }
}

/// One thing that goes wrong.
pub struct Mishap {
    /// How long after the beginning.
    pub at: Duration,
    /// To whom, counted from 0.
    pub whom: usize,
    pub what: Fault,
}

/// What goes wrong within so many seconds, to so many participants. Each is hurt
/// every few seconds, whether or not it is back from the last time.
pub fn plan(seed: u64, seconds: u64, participants: usize) -> Vec<Mishap> {
    let mut dice = Dice::new(seed);
    let mut plan = Vec::new();
    for whom in 0..participants {
        let mut at = dice.between(500, 2500);
        while at < seconds * 1000 {
            let how = [How::Fin, How::Rst, How::BlackHole][dice.between(0, 3) as usize];
            let time = Duration::from_millis(dice.between(100, 4000));
            let what = match dice.roll(3) {
                0 => Fault::Cut(how),
                1 => Fault::Stall(time),
                _ => Fault::Outage(how, time),
            };
            plan.push(Mishap { at: Duration::from_millis(at), whom, what });
            at += dice.between(1000, 8000);
        }
    }
    plan.sort_by_key(|mishap| mishap.at);
    plan
}
