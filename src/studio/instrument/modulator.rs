//! Modulators of an instrument: LFO, arpeggiator, chord and groove.
//!
//! Parameter tables only; they must not know the instrument, nor time.

use crate::{
    studio::{
        common::{
            filter::LfoShape,
            range::{Range, choices},
            rhythm::NoteValue,
            settings::settings,
        },
        globals::session_settings::TimeSignature,
    },
    util::{
        quantity::{Amount, ModulationRate, OctaveSpan, TimingOffset},
        unit::UnreadableValue,
    },
};
use serde::{Deserialize, Serialize};

/// The parameter that an LFO moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum LfoTarget {
    Pitch,
    Level,
    Pan,
    Cutoff,
    Resonance,
    /// The timbre parameter of the source, such as pulse width, FM index,
    /// brightness or position.
    Timbre,
}

settings! {
    /// A low-frequency oscillator.
    #[derive(Copy)]
    Lfo, LfoSetting, LfoParameter {
        /// Whether the LFO is on.
        on: On(bool) = false;
        /// The waveform.
        shape: Shape(LfoShape) = LfoShape::Sine;
        /// The rate in Hz.
        rate: Rate(ModulationRate) = ModulationRate::of(4.0);
        /// The period as a note value; replaces `rate`. `None` ignores the
        /// tempo.
        sync: Sync(Option<NoteValue>) = None;
        /// The modulation depth, from 0 to 1.
        depth: Depth(Amount) = Amount::of(0.2);
        /// The parameter that it moves.
        target: Target(LfoTarget) = LfoTarget::Cutoff;
        /// Whether every note restarts the LFO.
        retrigger: Retrigger(bool) = false;
    }
}

/// The order in which an arpeggiator plays the held keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ArpeggioPattern {
    Up,
    Down,
    UpAndDown,
    AsStruck,
    Random,
    AllAtOnce,
}

settings! {
    /// An arpeggiator: plays the held keys one after the other.
    #[derive(Copy)]
    Arpeggiator, ArpeggiatorSetting, ArpeggiatorParameter {
        /// Whether the arpeggiator is on.
        on: On(bool) = false;
        /// The order of the keys.
        pattern: Pattern(ArpeggioPattern) = ArpeggioPattern::Up;
        /// The note value of a step.
        step: Step(NoteValue) = NoteValue::Sixteenth;
        /// The number of octaves.
        span: Span(OctaveSpan) = OctaveSpan::of(1);
        /// The length of a note, as a fraction of the step.
        gate: Gate(Amount) = Amount::of(0.7);
        /// Whether it continues after the keys are released.
        hold: Hold(bool) = false;
    }
}

impl Arpeggiator {
    /// Whether it continues after the keys are released.
    pub(in crate::studio) const fn holds(&self) -> bool {
        self.on && self.hold
    }
}

/// The chord that one key plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ChordShape {
    Single,
    Octave,
    Power,
    Major,
    Minor,
    Diminished,
    Augmented,
    SuspendedSecond,
    SuspendedFourth,
    Sixth,
    DominantSeventh,
    MajorSeventh,
    MinorSeventh,
    Ninth,
}

impl ChordShape {
    /// All chord shapes, in menu order.
    pub const ALL: &'static [Self] = &[
        Self::Single,
        Self::Octave,
        Self::Power,
        Self::Major,
        Self::Minor,
        Self::Diminished,
        Self::Augmented,
        Self::SuspendedSecond,
        Self::SuspendedFourth,
        Self::Sixth,
        Self::DominantSeventh,
        Self::MajorSeventh,
        Self::MinorSeventh,
        Self::Ninth,
    ];

    /// The notes of the chord in semitones above the key, including 0.
    #[must_use]
    pub const fn semitones(self) -> &'static [u8] {
        match self {
            Self::Single => &[0],
            Self::Octave => &[0, 12],
            Self::Power => &[0, 7],
            Self::Major => &[0, 4, 7],
            Self::Minor => &[0, 3, 7],
            Self::Diminished => &[0, 3, 6],
            Self::Augmented => &[0, 4, 8],
            Self::SuspendedSecond => &[0, 2, 7],
            Self::SuspendedFourth => &[0, 5, 7],
            Self::Sixth => &[0, 4, 7, 9],
            Self::DominantSeventh => &[0, 4, 7, 10],
            Self::MajorSeventh => &[0, 4, 7, 11],
            Self::MinorSeventh => &[0, 3, 7, 10],
            Self::Ninth => &[0, 4, 7, 10, 14],
        }
    }
}

settings! {
    /// The timing of an instrument relative to the beat.
    #[derive(Copy)]
    Groove, GrooveSetting, GrooveParameter {
        /// The swing: the session's or one of its own.
        swing: Swing(Swing) = Swing::AsSession;
        /// The largest random deviation of note starts; 100 % is an eighth of a
        /// beat.
        humanise_timing: HumaniseTiming(Amount) = Amount::of(0.0);
        /// The largest random deviation of velocities, from 0 to 1.
        humanise_velocity: HumaniseVelocity(Amount) = Amount::of(0.0);
        /// The constant offset in milliseconds; negative is early.
        offset: Offset(TimingOffset) = TimingOffset::of(0.0);
        /// The time signature; `None` is the session's.
        time_signature: TimeSignature(Option<TimeSignature>) = None;
    }
}

/// The swing of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Swing {
    /// The swing of the session.
    AsSession,
    /// This swing: 0 is straight.
    Own(Amount),
}

choices! {
    LfoTarget: Pitch Level Pan Cutoff Resonance Timbre;
    ArpeggioPattern: Up Down UpAndDown AsStruck Random AllAtOnce;
    ChordShape: Single Octave Power Major Minor Diminished Augmented SuspendedSecond
        SuspendedFourth Sixth DominantSeventh MajorSeventh MinorSeventh Ninth;
}

/// A lane always sets a swing of the groove's own; [`Swing::AsSession`] reads
/// as 0.
impl Range for Swing {
    fn at(part: Amount) -> Self {
        Self::Own(part)
    }

    fn part(self) -> Amount {
        match self {
            Self::AsSession => Amount::MIN,
            Self::Own(swing) => swing,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AsSession => "as session".into(),
            Self::Own(swing) => swing.text(),
        }
    }

    fn read(text: &str) -> Result<Self, UnreadableValue> {
        match &*text.trim().to_lowercase() {
            "as session" | "session" => Ok(Self::AsSession),
            _ => Amount::read(text).map(Self::Own).map_err(|error| {
                UnreadableValue::new(format!("as session, or {}", error.expected), text)
            }),
        }
    }
}
