//! What sounds: scheduled notes, keys and pads, and how they end each other.
//!
//! It tells each beginning and end as it happens. It knows neither what is written nor how
//! time passes.

use std::time::Duration;

use super::{
    chord::{self, KeySource},
    keyboard::Keyboard,
    played::{Moment, PlaybackEvent, Sink},
    ringing_pads::RingingPads,
    sounding_notes::{EndedVoice, SoundingNotes},
    strike::{Strike, Struckable},
};
use crate::{
    model::InstrumentId,
    studio::StudioState,
    util::quantity::{Bpm, Pitch, Velocity},
};

/// Everything that sounds.
#[derive(Clone, Debug, Default)]
pub(super) struct Sounds {
    pub(super) sounding: SoundingNotes,
    pub(super) keyboard: Keyboard,
    ringing: RingingPads,
}

impl Sounds {
    /// Whether nothing sounds, so that the meters are still. A pad sounds for one step.
    pub(super) fn is_silent(&self) -> bool {
        self.keyboard.is_silent() && self.sounding.iter().next().is_none()
    }

    /// Begins a scheduled note or strikes a pad. `here` is as in [`press`](Self::press).
    pub(super) fn strike(
        &mut self,
        state: &StudioState,
        strike: &Strike,
        here: u32,
        moment: Moment,
        sink: Sink<'_>,
    ) {
        let what = strike.what;
        while let Some(ended) = self.sounding.make_room(&what) {
            self.voice_off(ended, moment, sink);
        }
        if let Some((kit, Struckable::Pad(pad))) = what.chokes {
            self.ringing.choke(kit, pad, &mut |what| moment.tell(sink, what));
        }
        let (instrument, velocity, transposed) = (what.instrument, what.velocity, what.transposed);
        let event = match what.key {
            Struckable::Note(pitch) if self.plays_as_written(state, instrument) => {
                PlaybackEvent::NoteOn { instrument, pitch, velocity }
            }
            Struckable::Note(pitch) => {
                let key = (KeySource::Written, pitch, velocity);
                self.press(state, instrument, key, here, moment, sink);
                return self.sounding.begin(strike, false);
            }
            Struckable::Pad(pad) => {
                self.ringing.strike(instrument, pad);
                PlaybackEvent::Pad { instrument, pad, velocity, transposed }
            }
        };
        self.sounding.begin(strike, true);
        moment.tell(sink, event);
    }

    fn plays_as_written(&self, state: &StudioState, id: InstrumentId) -> bool {
        !self.keyboard.is_busy(id) && state.instruments.get(id).is_none_or(chord::plays_as_struck)
    }

    /// A key goes down. `here` is the first tick that the playhead has not played.
    pub(super) fn press(
        &mut self,
        state: &StudioState,
        id: InstrumentId,
        key: (KeySource, Pitch, Velocity),
        here: u32,
        moment: Moment,
        sink: Sink<'_>,
    ) {
        if !self.keyboard.is_busy(id) {
            self.keyboard.take_over(id, self.sounding.hand_over(id));
        }
        self.keyboard.press(state, id, key, here, &mut |what| moment.tell(sink, what));
    }

    pub(super) fn release(
        &mut self,
        id: InstrumentId,
        key: (KeySource, Pitch),
        moment: Moment,
        sink: Sink<'_>,
    ) {
        self.keyboard.release(id, key, &mut |what| moment.tell(sink, what));
    }

    /// Ends the scheduled notes that end at or before this tick.
    pub(super) fn end_notes(&mut self, moment: Moment, sink: Sink<'_>) {
        while let Some(ended) = self.sounding.end_by(moment.tick.into()) {
            self.voice_off(ended, moment, sink);
        }
    }

    /// Ends everything that is written and sounds.
    pub(super) fn cut(&mut self, moment: Moment, sink: Sink<'_>) {
        while let Some(ended) = self.sounding.end_any() {
            self.voice_off(ended, moment, sink);
        }
        self.ringing.cut(&mut |what| moment.tell(sink, what));
        self.keyboard.release_written(&mut |what| moment.tell(sink, what));
    }

    /// Ends everything that sounds, also what is held.
    pub(super) fn silence(&mut self, moment: Moment, sink: Sink<'_>) {
        self.cut(moment, sink);
        self.keyboard.silence(&mut |what| moment.tell(sink, what));
    }

    /// Plays the arpeggios up to and including this tick of the grid.
    pub(super) fn play_arpeggios(
        &mut self,
        state: &StudioState,
        tick: u32,
        moment: Moment,
        sink: Sink<'_>,
    ) {
        if self.keyboard.has_arpeggios() {
            self.keyboard.play(state, tick, &mut |what| moment.tell(sink, what));
        }
    }

    /// Plays the arpeggios off the grid for `time`, which ends at `now`.
    pub(super) fn rest(
        &mut self,
        state: &StudioState,
        (time, tempo): (Duration, Bpm),
        now: Moment,
        sink: Sink<'_>,
    ) {
        self.keyboard.rest(state, time, tempo, &mut |ago, what| {
            Moment { time: now.time.before(ago), ..now }.tell(sink, what);
        });
    }

    /// Follows an edit of what does not wait for the playhead: arpeggiators and pads.
    pub(super) fn follow(
        &mut self,
        state: &StudioState,
        here: u32,
        moment: Moment,
        sink: Sink<'_>,
    ) {
        self.keyboard.follow(state, here, &mut |what| moment.tell(sink, what));
        self.ringing.follow(state, &mut |what| moment.tell(sink, what));
    }

    /// Tells the end of a note. A pad rings on.
    fn voice_off(&mut self, ended: EndedVoice, moment: Moment, sink: Sink<'_>) {
        let EndedVoice { place: (instrument, key), as_written } = ended;
        let Struckable::Note(pitch) = key else { return };
        if as_written {
            moment.tell(sink, PlaybackEvent::NoteOff { instrument, pitch });
        } else {
            self.release(instrument, (KeySource::Written, pitch), moment, sink);
        }
    }
}
