//! Which of the scheduled notes sound.
//!
//! It sees to it that every note that begins ends once. Keys that somebody
//! holds are in the state, not here.

use std::collections::BTreeMap;

use super::schedule::Strike;
use crate::{
    model::InstrumentId,
    quantity::{Pitch, Velocity},
};

/// The scheduled notes that sound.
#[derive(Clone, Debug, Default)]
pub(super) struct Sounding(BTreeMap<(InstrumentId, Pitch), Voice>);

#[derive(Clone, Copy, Debug)]
struct Voice {
    velocity: Velocity,
    end: u32,
}

impl Sounding {
    /// How hard each note of an instrument was struck.
    pub(super) fn of(&self, id: InstrumentId) -> impl Iterator<Item = Velocity> {
        self.0.range((id, Pitch::MIN)..=(id, Pitch::MAX)).map(|(_, voice)| voice.velocity)
    }

    /// When the next note ends.
    pub(super) fn next_end(&self) -> Option<u32> {
        self.0.values().map(|voice| voice.end).min()
    }

    /// Begins a note.
    pub(super) fn begin(&mut self, strike: &Strike) {
        let voice = Voice { velocity: strike.velocity, end: strike.end };
        self.0.insert((strike.instrument, strike.pitch), voice);
    }

    /// Ends the notes that end at or before `tick`.
    pub(super) fn end_by(&mut self, tick: u32) -> Vec<(InstrumentId, Pitch)> {
        self.end(|_, voice| voice.end <= tick)
    }

    /// Ends the notes that cannot sound together with `strike`.
    pub(super) fn make_room(&mut self, strike: &Strike) -> Vec<(InstrumentId, Pitch)> {
        self.end(|(instrument, pitch), _| {
            instrument == strike.instrument && (strike.mono || pitch == strike.pitch)
        })
    }

    /// Ends all notes but those of instruments that are `there`.
    pub(super) fn end_unless(
        &mut self,
        there: impl Fn(InstrumentId) -> bool,
    ) -> Vec<(InstrumentId, Pitch)> {
        self.end(|(instrument, _), _| !there(instrument))
    }

    fn end(
        &mut self,
        mut ends: impl FnMut((InstrumentId, Pitch), &Voice) -> bool,
    ) -> Vec<(InstrumentId, Pitch)> {
        self.0.extract_if(.., |key, voice| ends(*key, voice)).map(|(key, _)| key).collect()
    }
}
