//! The positions of the beats in the session's time signature.
//!
//! It knows nothing of what is played.

use crate::studio::{StudioState, TimeSignature};

/// The beats of a time signature; the first is at tick 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClickBeats {
    beat: u32,
    bar: u32,
}

impl ClickBeats {
    pub(super) fn of(metre: TimeSignature) -> Self {
        Self { beat: metre.bar() / u32::from(metre.beats()), bar: metre.bar() }
    }

    /// The first beat at or after `tick`.
    pub(super) fn next(self, tick: u32) -> Option<u32> {
        tick.checked_next_multiple_of(self.beat)
    }

    /// Whether a bar begins at `tick`.
    pub(super) fn begins_bar(self, tick: u32) -> bool {
        tick.is_multiple_of(self.bar)
    }

    /// The last beat at or before `tick` if its click still sounds, for a quarter of
    /// a beat.
    pub(super) fn sounding(self, tick: u32) -> Option<u32> {
        let within = tick % self.beat;
        (within * 4 < self.beat).then(|| tick - within)
    }
}

/// The length of the count-in, in ticks: 0 while the click is off.
pub(super) fn count_in(state: &StudioState) -> u32 {
    let click = state.session.click;
    let bars = if click.on { u32::from(click.count_in.get()) } else { 0 };
    bars * ClickBeats::of(state.session.time_signature).bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_signature_determines_beats_and_bars() {
        let beats = ClickBeats::of(TimeSignature::new(7, 8).unwrap());
        assert_eq!([0, 1, 240, 241].map(|tick| beats.next(tick)), [0, 240, 240, 480].map(Some));
        assert!(beats.begins_bar(1680) && !beats.begins_bar(1920));
        assert_eq!([240, 299, 300].map(|tick| beats.sounding(tick)), [Some(240), Some(240), None]);
    }
}
