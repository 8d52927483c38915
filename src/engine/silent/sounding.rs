//! Which of the scheduled notes sound.
//!
//! It sees to it that every note that begins ends once. Keys that somebody
//! holds are in the state, not here.

use std::collections::BTreeMap;

use super::schedule::{Key, Strike};
use crate::{
    model::InstrumentId,
    quantity::{PadNumber, Pitch, Velocity},
};

/// The scheduled notes that sound, and the pads.
#[derive(Clone, Debug, Default)]
pub(super) struct Sounding(BTreeMap<(InstrumentId, Key), Voice>);

#[derive(Clone, Copy, Debug)]
struct Voice {
    velocity: Velocity,
    end: u32,
}

impl Sounding {
    /// What sounds on an instrument, and how hard it was struck.
    pub(super) fn of(&self, id: InstrumentId) -> impl Iterator<Item = (Key, Velocity)> {
        let all = (id, Key::Note(Pitch::MIN))..=(id, Key::Pad(PadNumber::MAX));
        self.0.range(all).map(|((_, key), voice)| (*key, voice.velocity))
    }

    /// When the next note ends.
    pub(super) fn next_end(&self) -> Option<u32> {
        self.0.values().map(|voice| voice.end).min()
    }

    /// Begins a note.
    pub(super) fn begin(&mut self, strike: &Strike) {
        let voice = Voice { velocity: strike.velocity, end: strike.end };
        self.0.insert((strike.instrument, strike.key), voice);
    }

    /// Ends the notes that end at or before `tick`.
    pub(super) fn end_by(&mut self, tick: u32) -> Vec<(InstrumentId, Key)> {
        self.end(|_, voice| voice.end <= tick)
    }

    /// Ends the notes that cannot sound together with `strike`.
    pub(super) fn make_room(&mut self, strike: &Strike) -> Vec<(InstrumentId, Key)> {
        self.end(|(instrument, key), _| {
            let again = key == strike.key || strike.mono && matches!(key, Key::Note(_));
            instrument == strike.instrument && again || strike.chokes == Some((instrument, key))
        })
    }

    /// Ends all notes but those of instruments that are `there`.
    pub(super) fn end_unless(
        &mut self,
        there: impl Fn(InstrumentId) -> bool,
    ) -> Vec<(InstrumentId, Key)> {
        self.end(|(instrument, _), _| !there(instrument))
    }

    fn end(
        &mut self,
        mut ends: impl FnMut((InstrumentId, Key), &Voice) -> bool,
    ) -> Vec<(InstrumentId, Key)> {
        self.0.extract_if(.., |key, voice| ends(*key, voice)).map(|(key, _)| key).collect()
    }
}
