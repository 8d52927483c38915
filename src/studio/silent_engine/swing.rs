//! Swing: from the written tick to the tick that is played.
//!
//! It stretches the first eighth of each pair and compresses the second, so that
//! order is kept and no beat moves. It knows nothing of what is played.

use crate::{studio::TimeSignature, util::quantity::Amount};

/// An eighth, in ticks.
const EIGHTH: u32 = 240;

/// The pair of eighths within which swing moves notes, in ticks.
const PAIR: u32 = 2 * EIGHTH;

/// The delay of every second part, for parts of `length` ticks: at most half a
/// part. Two thirds of that is a triplet.
pub(super) fn delay(swing: Amount, length: u32) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to half of it")]
    let ticks = (f64::from(swing.get()) * f64::from(length) / 2.0).round() as u32;
    ticks
}

/// The first tick of the pair of eighths that contains `tick`. Pairs are counted
/// from the start of each bar; `None` for the remainder, which does not swing.
pub(super) fn pair(tick: u32, metre: TimeSignature) -> Option<u32> {
    let within_bar = tick % metre.bar();
    let within = within_bar % PAIR;
    (within_bar - within + PAIR <= metre.bar()).then(|| tick - within)
}

/// The map from written to played ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SwingCurve {
    /// The length of the first eighth, in ticks.
    first: u32,
    metre: TimeSignature,
}

impl SwingCurve {
    pub(super) fn of(amount: Amount, metre: TimeSignature) -> Self {
        Self { first: EIGHTH + delay(amount, EIGHTH), metre }
    }

    /// The played tick for a written `tick`; never before it.
    pub(super) fn played(self, tick: u32) -> u32 {
        let Some(start) = pair(tick, self.metre) else { return tick };
        let within = tick - start;
        let moved = if within < EIGHTH {
            within * self.first / EIGHTH
        } else {
            self.first + (within - EIGHTH) * (PAIR - self.first) / EIGHTH
        };
        start.saturating_add(moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metre(beats: u8, unit: u8) -> TimeSignature {
        TimeSignature::new(beats, unit).unwrap()
    }

    #[test]
    fn swing_keeps_order_and_plays_no_note_early() {
        for swing in [0.0, 0.1, 0.5, 2.0 / 3.0, 0.99, 1.0] {
            for metre in [metre(4, 4), metre(7, 8), metre(5, 32)] {
                let swing = SwingCurve::of(Amount::of(swing), metre);
                for tick in 0..3 * metre.bar() {
                    assert!(swing.played(tick) >= tick);
                    assert!(swing.played(tick + 1) >= swing.played(tick));
                }
            }
        }
    }

    #[test]
    fn swing_delays_second_eighths_only() {
        let played = |swing, tick| SwingCurve::of(Amount::of(swing), metre(4, 4)).played(tick);
        assert_eq!([0, 1, 240, 300, 479].map(|tick| played(0.0, tick)), [0, 1, 240, 300, 479]);
        assert_eq!([0, 120, 240, 360, 480].map(|tick| played(1.0, tick)), [0, 180, 360, 420, 480]);
        assert_eq!(played(2.0 / 3.0, 240), 320, "a triplet");
    }

    #[test]
    fn remainder_of_a_bar_is_straight() {
        let swing = SwingCurve::of(Amount::of(1.0), metre(7, 8));
        let bar = 7 * 240;
        let eighths = [0, 1, 5, 6, 7, 8].map(|eighth| swing.played(eighth * 240));
        assert_eq!(eighths, [0, 360, 1320, 1440, bar, bar + 360]);
        assert_eq!(swing.played(bar - 60), bar - 60);
    }
}
