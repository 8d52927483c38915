//! The scheduled notes that sound.
//!
//! Every note that begins ends once. Keys held by a participant are in the state,
//! not here.

use std::collections::{BTreeMap, BTreeSet};

use super::strike::{Origin, Strike, Struck, Struckable, VoiceKey};
use crate::util::quantity::{Pitch, Velocity};

/// The sounding notes and pads.
#[derive(Clone, Debug, Default)]
pub(super) struct Sounding {
    voices: BTreeMap<VoiceKey, Voice>,
    /// The same voices, ordered by their ends.
    ends: BTreeSet<(i64, VoiceKey)>,
}

#[derive(Clone, Copy, Debug)]
struct Voice {
    velocity: Velocity,
    end: i64,
    origin: Origin,
}

impl Sounding {
    /// The sounding voices, ordered by instrument, with their velocities.
    pub(super) fn iter(&self) -> impl Iterator<Item = (VoiceKey, Velocity)> {
        self.voices.iter().map(|(place, voice)| (*place, voice.velocity))
    }

    pub(super) fn next_end(&self) -> Option<i64> {
        self.ends.first().map(|(end, _)| *end)
    }

    /// Begins a note. An earlier one on the same key must have been ended.
    pub(super) fn begin(&mut self, strike: &Strike) {
        let Strike { what, end, origin, .. } = *strike;
        let place = what.place();
        self.voices.insert(place, Voice { velocity: what.velocity, end, origin });
        self.ends.insert((end, place));
    }

    /// Ends the first of the notes that end at or before `tick`.
    pub(super) fn end_by(&mut self, tick: i64) -> Option<VoiceKey> {
        let (end, place) = *self.ends.first()?;
        (end <= tick && self.end(place)).then_some(place)
    }

    /// Ends one of the notes that cannot sound together with `strike`.
    pub(super) fn make_room(&mut self, strike: &Struck) -> Option<VoiceKey> {
        let notes = |key| (strike.instrument, Struckable::Note(key));
        let all = notes(Pitch::MIN)..=notes(Pitch::MAX);
        let beside = if strike.mono { self.voices.range(all).next() } else { None };
        let beside = beside.map(|(place, _)| *place);
        let unfit = [Some(strike.place()), strike.chokes, beside];
        unfit.into_iter().flatten().find(|place| self.end(*place))
    }

    /// Ends the first of all notes.
    pub(super) fn end_any(&mut self) -> Option<VoiceKey> {
        self.end_by(i64::MAX)
    }

    /// Gives each note the end that `revised` says.
    pub(super) fn revise(&mut self, revised: impl Fn(VoiceKey, &Origin, i64) -> i64) {
        self.change(|place, voice| voice.end = revised(place, &voice.origin, voice.end));
    }

    /// Cuts the notes of this pass at `tick`, plus their delay.
    pub(super) fn trim(&mut self, pass: u32, tick: i64) {
        self.change(|_, voice| {
            if voice.origin.pass == pass {
                voice.end = voice.end.min(tick + voice.origin.late());
            }
        });
    }

    /// Shifts the origin of all ticks.
    pub(super) fn shift(&mut self, by: i64) {
        self.change(|_, voice| {
            voice.end += by;
            voice.origin.base += by;
        });
    }

    fn change(&mut self, change: impl Fn(VoiceKey, &mut Voice)) {
        self.voices.iter_mut().for_each(|(place, voice)| change(*place, voice));
        self.ends = self.voices.iter().map(|(place, voice)| (voice.end, *place)).collect();
    }

    fn end(&mut self, place: VoiceKey) -> bool {
        let ended = self.voices.remove(&place);
        ended.is_some_and(|voice| self.ends.remove(&(voice.end, place)))
    }
}
