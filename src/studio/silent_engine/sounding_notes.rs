//! The notes of the schedule that have begun and are not over.
//!
//! Every note that begins ends once. It does not know what an instrument plays instead of
//! them: octaves, chords and arpeggios.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use super::strike::{Origin, Strike, Struck, Struckable, VoiceKey};
use crate::{
    model::InstrumentId,
    util::quantity::{Pitch, Velocity},
};

/// The sounding notes and pads.
#[derive(Clone, Debug, Default)]
pub(super) struct SoundingNotes {
    voices: BTreeMap<VoiceKey, Voice>,
    /// The same voices, ordered by their ends.
    ends: BTreeSet<(i64, VoiceKey)>,
}

#[derive(Clone, Copy, Debug)]
struct Voice {
    velocity: Velocity,
    end: i64,
    origin: Origin,
    as_written: bool,
}

/// A note or pad that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct EndedVoice {
    pub(super) place: VoiceKey,
    /// Whether it sounded as written, until now.
    pub(super) as_written: bool,
}

impl SoundingNotes {
    /// The voices that sound as written, ordered by instrument, with their velocities.
    pub(super) fn iter(&self) -> impl Iterator<Item = (VoiceKey, Velocity)> {
        let voices = self.voices.iter().filter(|(_, voice)| voice.as_written);
        voices.map(|(place, voice)| (*place, voice.velocity))
    }

    pub(super) fn next_end(&self) -> Option<i64> {
        self.ends.first().map(|(end, _)| *end)
    }

    /// Begins a note, which may sound as written. An earlier one on the same key must have
    /// been ended.
    pub(super) fn begin(&mut self, strike: &Strike, as_written: bool) {
        let Strike { what, end, origin, .. } = *strike;
        let place = what.place();
        self.voices.insert(place, Voice { velocity: what.velocity, end, origin, as_written });
        self.ends.insert((end, place));
    }

    /// Ends the first of the notes that end at or before `tick`.
    pub(super) fn end_by(&mut self, tick: i64) -> Option<EndedVoice> {
        let (end, place) = *self.ends.first()?;
        if end <= tick { self.end(place) } else { None }
    }

    /// The notes of an instrument that sounded as written, until now.
    pub(super) fn hand_over(
        &mut self,
        id: InstrumentId,
    ) -> impl Iterator<Item = (Pitch, Velocity)> {
        let voices = self.voices.range_mut(notes_of(id));
        voices.filter_map(|((_, key), voice)| match key {
            Struckable::Note(pitch) if std::mem::take(&mut voice.as_written) => {
                Some((*pitch, voice.velocity))
            }
            _ => None,
        })
    }

    /// Ends one of the notes that cannot sound together with `strike`.
    pub(super) fn make_room(&mut self, strike: &Struck) -> Option<EndedVoice> {
        let all = notes_of(strike.instrument);
        let beside = if strike.mono { self.voices.range(all).next() } else { None };
        let beside = beside.map(|(place, _)| *place);
        let unfit = [Some(strike.place()), strike.chokes, beside];
        unfit.into_iter().flatten().find_map(|place| self.end(place))
    }

    /// Ends the first of all notes.
    pub(super) fn end_any(&mut self) -> Option<EndedVoice> {
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

    fn end(&mut self, place: VoiceKey) -> Option<EndedVoice> {
        let Voice { end, as_written, .. } = self.voices.remove(&place)?;
        self.ends.remove(&(end, place));
        Some(EndedVoice { place, as_written })
    }
}

/// The places of the notes of an instrument.
fn notes_of(id: InstrumentId) -> RangeInclusive<VoiceKey> {
    let note = |pitch| (id, Struckable::Note(pitch));
    note(Pitch::MIN)..=note(Pitch::MAX)
}
