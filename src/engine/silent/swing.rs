//! How swing moves what is written to where it is played.
//!
//! It stretches the first eighth of every two and squeezes the second, so that
//! order is kept and no beat moves. It knows nothing of what is played.

use super::schedule;
use crate::{
    quantity::{Amount, Ticks},
    studio::{
        Instrument, SessionParameter, SessionSetting, StudioState, Swing as InstrumentSwing, Target,
    },
};

/// An eighth, in ticks.
const EIGHTH: u32 = 240;

/// The stretch of time within which swing moves things.
const PAIR: u32 = 2 * EIGHTH;

/// The lane that moves the swing of the session.
const SWING: Target = Target::Session(SessionParameter::Swing);

/// How late every second part is, of parts that last `length` ticks: at most
/// half a part, and two thirds of that is a triplet.
pub(super) fn delay(swing: Amount, length: u32) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to half of it")]
    let ticks = (f64::from(swing.get()) * f64::from(length) / 2.0).round() as u32;
    ticks
}

/// How far every second eighth swings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Swing {
    /// How long the first eighth lasts.
    first: u32,
}

impl Swing {
    pub(super) fn of(amount: Amount) -> Self {
        Self { first: EIGHTH + delay(amount, EIGHTH) }
    }

    /// The swing of an instrument, where this is the session's.
    pub(super) fn of_instrument(self, instrument: Option<&Instrument>) -> Self {
        match instrument.map(|instrument| instrument.groove.swing) {
            Some(InstrumentSwing::Own(amount)) => Self::of(amount),
            Some(InstrumentSwing::AsSession) | None => self,
        }
    }

    /// The tick at which that is played which is written at `tick`.
    pub(super) fn played(self, tick: u32) -> u32 {
        let within = tick % PAIR;
        let moved = if within < EIGHTH {
            within * self.first / EIGHTH
        } else {
            self.first + (within - EIGHTH) * (PAIR - self.first) / EIGHTH
        };
        (tick - within).saturating_add(moved)
    }

    /// The first tick at which something may be written that is played at `tick`
    /// or after it.
    pub(super) fn written(self, tick: u32) -> u32 {
        let within = tick % PAIR;
        let straight = if within <= self.first {
            (within * EIGHTH).div_ceil(self.first)
        } else {
            EIGHTH + ((within - self.first) * EIGHTH).div_ceil(PAIR - self.first)
        };
        (tick - within).saturating_add(straight)
    }
}

/// Cuts the ticks from `from` to `to` where the swing of the session may change,
/// and hands out each piece. A lane that moves it does so every two eighths.
pub(super) fn pieces(state: &StudioState, from: u32, to: u32, mut piece: impl FnMut(Swing, Span)) {
    let lane = state.automation.lane(&SWING);
    let Some(lane) = lane.filter(|lane| schedule::moves(state, SWING, lane)) else {
        return piece(Swing::of(state.session.swing), from..to);
    };
    let mut tick = from;
    while tick < to {
        let start = tick - tick % PAIR;
        let end = to.min(start.saturating_add(PAIR));
        let value = Ticks::new(start).ok().and_then(|start| lane.value(start));
        let swing = match value.map(|value| SessionParameter::Swing.setting(value)) {
            Some(SessionSetting::Swing(swing)) => swing,
            _ => state.session.swing,
        };
        piece(Swing::of(swing), tick..end);
        tick = end;
    }
}

type Span = std::ops::Range<u32>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_played_from_a_tick_on_is_what_is_written_from_its_place_on() {
        for swing in [0.0, 0.1, 0.5, 2.0 / 3.0, 0.99, 1.0].map(|n| Swing::of(Amount::of(n))) {
            for tick in 0..3 * PAIR {
                let written = swing.written(tick);
                assert!(swing.played(written) >= tick);
                assert!(written == 0 || swing.played(written - 1) < tick);
            }
        }
    }

    #[test]
    fn beats_stay_and_second_eighths_are_late() {
        let played = |swing: f32, tick| Swing::of(Amount::of(swing)).played(tick);
        assert_eq!([0, 1, 240, 300, 479].map(|tick| played(0.0, tick)), [0, 1, 240, 300, 479]);
        assert_eq!([0, 120, 240, 360, 480].map(|tick| played(1.0, tick)), [0, 180, 360, 420, 480]);
        assert_eq!(played(2.0 / 3.0, 240), 320, "a triplet");
    }
}
