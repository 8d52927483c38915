//! Exact musical time: however elapsed time is divided, the playhead arrives at
//! the same position.
//!
//! It counts in whole numbers and does not round while the tempo is constant. It
//! knows nothing of what is played.

use std::time::Duration;

use crate::util::quantity::{Bpm, Ticks};

/// The parts of a tick.
const TICK: u128 = 1_000_000_000_000;

/// A position in the music.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Playhead {
    /// In parts of a tick.
    place: u128,
}

/// The parts of a tick per microsecond.
pub(super) fn pace(tempo: Bpm) -> u128 {
    // 1 bpm is 480 ticks per minute, which is 8 millionths of a tick per
    // microsecond. The tempo is counted in millionths too.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "20 to 999")]
    let millionths = (f64::from(tempo.get()) * 1e6).round() as u128;
    millionths * 8
}

fn parts_of_ticks(tick: u32) -> u128 {
    u128::from(tick) * TICK
}

impl Playhead {
    /// At the beginning of `tick`.
    pub(super) fn at(tick: u32) -> Self {
        Self { place: parts_of_ticks(tick) }
    }

    /// The current tick.
    pub(super) fn tick(self) -> u32 {
        u32::try_from(self.place / TICK).unwrap_or(u32::MAX).min(Ticks::MAX.get())
    }

    /// Whether `tick` has begun.
    pub(super) fn has_reached(self, tick: u32) -> bool {
        self.place >= parts_of_ticks(tick)
    }

    /// How long ago `tick` began at this tempo, in whole microseconds; zero if it has not.
    pub(super) fn since(self, tick: u32, tempo: Bpm) -> Duration {
        let beyond = self.place.saturating_sub(parts_of_ticks(tick));
        Duration::from_micros(u64::try_from(beyond / pace(tempo)).unwrap_or(u64::MAX))
    }

    /// The position this many parts of a tick earlier; if that is before `from`, by how many.
    pub(super) fn back(self, parts: u128, from: Self) -> Result<Self, u128> {
        let length = self.place.saturating_sub(from.place);
        match parts.checked_sub(length) {
            None | Some(0) => Ok(Self { place: self.place - parts }),
            Some(beyond) => Err(beyond),
        }
    }

    pub(super) fn move_on(&mut self, time: Duration, tempo: Bpm) {
        let end = parts_of_ticks(Ticks::MAX.get());
        self.place = (self.place + time.as_micros().saturating_mul(pace(tempo))).min(end);
    }

    /// Jumps from `tick`, which has begun, to `to`, and keeps the distance from it.
    pub(super) fn jump(&mut self, tick: u32, to: u32) {
        self.place = parts_of_ticks(to) + self.place.saturating_sub(parts_of_ticks(tick));
    }

    /// Advances by the distance that `other` has passed `tick`.
    pub(super) fn take_over(&mut self, other: Self, tick: u32) {
        self.place += other.place.saturating_sub(parts_of_ticks(tick));
    }

    /// Corrects the position as if the tempo had changed at `tick`, if it has begun.
    pub(super) fn change_tempo(&mut self, tick: u32, from: Bpm, to: Bpm) {
        if !self.has_reached(tick) {
            return;
        }
        let beyond = self.place.saturating_sub(parts_of_ticks(tick));
        self.place = parts_of_ticks(tick) + beyond * pace(to) / pace(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_intervals_add_up_to_a_long_one() {
        let tempo = Bpm::of(133.7);
        let mut short = Playhead::default();
        for _ in 0..100_000 {
            short.move_on(Duration::from_micros(37), tempo);
        }
        let mut long = Playhead::default();
        long.move_on(Duration::from_millis(3700), tempo);
        assert_eq!(short, long);
        assert_eq!(long.tick(), 3957);
    }

    #[test]
    fn late_tempo_change_applies_at_its_tick() {
        let (slow, fast) = (Bpm::of(97.3), Bpm::of(211.1));
        let late = |whiles: &[u64]| {
            let mut playhead = Playhead::default();
            let mut tempo = slow;
            for micros in whiles {
                playhead.move_on(Duration::from_micros(*micros), tempo);
                if tempo == slow && playhead.has_reached(100) {
                    playhead.change_tempo(100, slow, fast);
                    tempo = fast;
                }
            }
            playhead
        };
        assert_eq!(late(&[1_000_000]), late(&[1; 1000].map(|n| n * 1000)));
        assert_eq!(late(&[1_000_000]), late(&[128_000, 900, 71_100, 800_000]));
    }
}
