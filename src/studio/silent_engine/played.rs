//! What the engine plays, event by event, with the time of each.
//!
//! Plain values: it must not know what causes an event.

use crate::{
    model::InstrumentId,
    studio::Target,
    util::{
        quantity::{Amount, PadNumber, Pitch, Semitones, Ticks, Velocity},
        time::Timestamp,
    },
};

/// An event of the music.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Played {
    /// The session time of the event: the first microsecond at which the playhead has reached
    /// it, or at which it was caused. It depends neither on how often the engine is called nor
    /// on when, and is never before that of the event before.
    pub time: Timestamp,
    /// The tick of the event. While the playhead stands still, its tick.
    pub tick: Ticks,
    /// How often the playhead had jumped back before it, since playing began.
    pub pass: u32,
    /// The event.
    pub what: PlaybackEvent,
}

/// The kinds of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlaybackEvent {
    /// A note began: a written one, one of a held key, or a step of an arpeggio. Octave and
    /// chord are in it. It ends with one [`NoteOff`](Self::NoteOff), and no second note of the
    /// same pitch begins before.
    NoteOn {
        /// The instrument.
        instrument: InstrumentId,
        /// The note.
        pitch: Pitch,
        /// How hard it was struck.
        velocity: Velocity,
    },
    /// A note ended.
    NoteOff {
        /// The instrument.
        instrument: InstrumentId,
        /// The note.
        pitch: Pitch,
    },
    /// A pad of a drum kit was struck. Its sample is played completely, unless the pad is
    /// struck again or a [`PadOff`](Self::PadOff) follows. A pad that plays a key of another
    /// instrument is reported as notes of that instrument.
    Pad {
        /// The drum kit.
        instrument: InstrumentId,
        /// The pad.
        pad: PadNumber,
        /// How hard it was struck.
        velocity: Velocity,
        /// The sum of the transpositions of pad and step.
        transposed: Semitones,
    },
    /// A pad was choked by another one, or cut: by a stop or a jump of the transport, at the
    /// end of the arrangement, or because the pad plays no sample any more. It may have ended
    /// by itself before.
    PadOff {
        /// The drum kit.
        instrument: InstrumentId,
        /// The pad.
        pad: PadNumber,
    },
    /// The click sounded.
    Click {
        /// Whether it has the accent of the first beat of a bar.
        accent: bool,
    },
    /// A lane moved a parameter.
    Automated {
        /// The parameter.
        target: Target,
        /// The new value, as a part of its range.
        value: Amount,
    },
}

/// Where the events go as they happen.
pub(super) type Sink<'a> = &'a mut dyn FnMut(Played);

/// A point in the music and in time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) time: Timestamp,
    pub(super) tick: u32,
    pub(super) pass: u32,
}

impl Moment {
    pub(super) fn tell(self, sink: Sink<'_>, what: PlaybackEvent) {
        let Self { time, tick, pass } = self;
        sink(Played { time, tick: Ticks::new(tick).unwrap_or(Ticks::MAX), pass, what });
    }
}
