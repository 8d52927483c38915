//! The heard position: where the playhead was a constant time ago.
//!
//! It keeps the way of the playhead since its start, as far as that is not heard yet, and walks
//! it backwards. It must not know the music.

use std::{collections::VecDeque, time::Duration};

use super::playhead::{Playhead, pace};
use crate::util::quantity::Bpm;

/// The way of the playhead that is not heard yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Trail {
    /// How much later it is heard than it is played, in microseconds.
    latency: u128,
    /// Oldest first; the playhead is on the last one. Empty while it stands.
    legs: VecDeque<Leg>,
    /// The tick of the first turn that was heard since it was last asked for.
    left: Option<u32>,
}

/// A part of the way without a jump and at one tempo.
#[derive(Clone, Copy, Debug)]
struct Leg {
    from: Playhead,
    /// Where it ends; not in use for the last leg.
    to: Playhead,
    tempo: Bpm,
    /// The length of the count-in, if it is a part of that: its positions are those within it.
    counts: Option<u32>,
    /// Whether the playhead jumps back where it ends.
    turns: bool,
}

/// A position that is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    /// During the count-in, where the playhead is after it.
    pub(super) tick: u32,
    pub(super) tempo: Bpm,
    /// How many ticks of the count-in are left to hear; `None` after it.
    pub(super) counting: Option<u32>,
}

impl Trail {
    pub(super) fn new(latency: Duration) -> Self {
        Self { latency: latency.as_micros(), ..Self::default() }
    }

    /// Positions that have been heard stay heard.
    pub(super) fn set_latency(&mut self, latency: Duration) {
        self.latency = latency.as_micros();
    }

    /// The playhead starts here, with a count-in of this length or without. Nothing before it
    /// is heard.
    pub(super) fn start(&mut self, from: Playhead, tempo: Bpm, counts: Option<u32>) {
        self.stop();
        let from = if counts.is_some() { Playhead::default() } else { from };
        self.legs.push_back(Leg { from, to: from, tempo, counts, turns: false });
    }

    /// The playhead stands from now on: positions that were not heard are forgotten.
    pub(super) fn stop(&mut self) {
        self.legs.clear();
    }

    /// The tempo has changed at a place on the last leg.
    pub(super) fn change_tempo(&mut self, at: Playhead, tempo: Bpm) {
        let Some(last) = self.legs.back_mut().filter(|last| last.tempo != tempo) else { return };
        if at <= last.from {
            last.tempo = tempo;
            return;
        }
        last.to = at;
        let leg = Leg { from: at, to: at, tempo, ..*last };
        self.legs.push_back(leg);
    }

    /// The count-in has ended, and the playhead moves on from here.
    pub(super) fn end_count(&mut self, length: u32, from: Playhead) {
        if let Some(last) = self.legs.back_mut() {
            last.to = Playhead::at(length);
            let leg = Leg { from, to: from, counts: None, ..*last };
            self.legs.push_back(leg);
        }
    }

    /// The playhead has jumped back to a tick, and is at `here` now.
    pub(super) fn turn(&mut self, until: u32, to: u32, here: Playhead) {
        if let Some(last) = self.legs.back_mut() {
            let to = Playhead::at(to);
            let leg = Leg { from: to, to, ..*last };
            (last.to, last.turns) = (Playhead::at(until), true);
            self.legs.push_back(leg);
            self.hear(here);
        }
    }

    /// Forgets heard positions when the playhead is at `here`.
    pub(super) fn hear(&mut self, here: Playhead) {
        if let Some((heard, _)) = self.find(here) {
            self.forget(heard);
        }
    }

    /// The turns that are not heard yet count as heard: the playhead has come to its end.
    pub(super) fn hear_all(&mut self) {
        self.forget(self.legs.len());
    }

    fn forget(&mut self, legs: usize) {
        for leg in self.legs.drain(..legs).filter(|leg| leg.turns) {
            self.left.get_or_insert(leg.to.tick());
        }
    }

    /// The tick of the first turn that was heard since the last call.
    pub(super) fn take_left(&mut self) -> Option<u32> {
        self.left.take()
    }

    /// Whether a turn has been played and is not heard yet.
    pub(super) fn is_ahead(&self) -> bool {
        self.legs.iter().any(|leg| leg.turns)
    }

    /// The heard position while the playhead, or the count-in, is at `here`; `None` while it stands.
    /// Nothing before its start is. During the count-in, the playhead stands at `start`.
    pub(super) fn heard(&self, here: Playhead, start: Playhead) -> Option<Heard> {
        let (index, place) = self.find(here)?;
        let leg = self.legs.get(index)?;
        let counting = leg.counts.map(|length| length.saturating_sub(place.tick()));
        let after = || self.legs.iter().skip(index).find(|leg| leg.counts.is_none());
        let place = counting.map_or(place, |_| after().map_or(start, |leg| leg.from));
        Some(Heard { tick: place.tick(), tempo: leg.tempo, counting })
    }

    /// The leg that is heard, and the place on it. Times are counted in parts of a tick at the
    /// tempo of each leg, so that only a change of tempo rounds.
    fn find(&self, here: Playhead) -> Option<(usize, Playhead)> {
        let (mut rest, mut unit, mut here) = (self.latency, 1, Some(here));
        let mut start = None;
        for (index, leg) in self.legs.iter().enumerate().rev() {
            let pace = pace(leg.tempo);
            rest = rest.saturating_mul(pace) / unit;
            unit = pace;
            match here.take().unwrap_or(leg.to).back(rest, leg.from) {
                Ok(heard) => return Some((index, heard)),
                Err(beyond) => rest = beyond,
            }
            start = Some((index, leg.from));
        }
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trail_keeps_what_is_not_heard_and_no_more() {
        let tempo = Bpm::of(120.0);
        let mut trail = Trail::new(Duration::from_millis(30));
        trail.start(Playhead::default(), tempo, None);
        let mut here = Playhead::default();
        let mut left = Vec::new();
        for _ in 0..100_000 {
            here.move_on(Duration::from_millis(25), tempo);
            while here.has_reached(1) {
                here.jump(1, 0);
                trail.turn(1, 0, here);
            }
            left.extend(trail.take_left());
            // 30 ms are 28.8 ticks.
            assert!(trail.legs.len() <= 30, "{}", trail.legs.len());
            if left.len() > 3 {
                return;
            }
        }
        panic!("no turn was heard");
    }
}
