//! What plays with an instrument by itself: an oscillator too slow to be heard,
//! an arpeggiator, chords, and a groove.
//!
//! Tables of parameters only: they know nothing of the instrument they are in,
//! and nothing of time.

use serde::{Deserialize, Serialize};

use super::{rhythm::NoteValue, session_settings::TimeSignature, settings::settings};
use crate::util::quantity::{Amount, ModulationRate, OctaveSpan, TimingOffset};

/// The shape of a modulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum LfoShape {
    Sine,
    Triangle,
    RampUp,
    RampDown,
    Square,
    SampleAndHold,
}

/// What a modulation moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum LfoTarget {
    Pitch,
    Level,
    Pan,
    Cutoff,
    Resonance,
    /// What the source has for a colour: pulse width, index, brightness, place.
    Timbre,
}

settings! {
    /// An oscillator too slow to be heard, that moves something.
    #[derive(Copy)]
    Lfo, LfoSetting, LfoParameter {
        /// Whether it moves anything.
        on: On(bool) = false;
        /// Its shape.
        shape: Shape(LfoShape) = LfoShape::Sine;
        /// How fast it is.
        rate: Rate(ModulationRate) = ModulationRate::of(4.0);
        /// How long a period lasts instead, if it follows the tempo.
        sync: Sync(Option<NoteValue>) = None;
        /// How far it moves it.
        depth: Depth(Amount) = Amount::of(0.2);
        /// What it moves.
        target: Target(LfoTarget) = LfoTarget::Cutoff;
        /// Whether every note begins it anew.
        retrigger: Retrigger(bool) = false;
    }
}

/// In which order the held keys are played.
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
    /// Plays the held keys one after the other.
    #[derive(Copy)]
    Arpeggiator, ArpeggiatorSetting, ArpeggiatorParameter {
        /// Whether it does.
        on: On(bool) = false;
        /// In which order.
        pattern: Pattern(ArpeggioPattern) = ArpeggioPattern::Up;
        /// How fast.
        step: Step(NoteValue) = NoteValue::Sixteenth;
        /// Through how many octaves.
        span: Span(OctaveSpan) = OctaveSpan::of(1);
        /// How much of a step a note lasts.
        gate: Gate(Amount) = Amount::of(0.7);
        /// Whether it goes on after the keys are released.
        hold: Hold(bool) = false;
    }
}

/// What one key plays.
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
    /// All of them, in the order in which a menu shows them.
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

    /// The keys above the one that is struck, and that one, in semitones.
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
    /// How an instrument stands to the beat.
    #[derive(Copy)]
    Groove, GrooveSetting, GrooveParameter {
        /// How late every second step is, if not as in the whole session.
        swing: Swing(Swing) = Swing::AsSession;
        /// How far notes are from the beat by chance, at most an eighth of one.
        humanise_timing: HumaniseTiming(Amount) = Amount::of(0.0);
        /// How far velocities differ by chance.
        humanise_velocity: HumaniseVelocity(Amount) = Amount::of(0.0);
        /// How early or late the instrument is as a whole.
        offset: Offset(TimingOffset) = TimingOffset::of(0.0);
        /// Its metre, if it has one of its own.
        time_signature: TimeSignature(Option<TimeSignature>) = None;
    }
}

/// How much an instrument swings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Swing {
    /// As much as the session does.
    AsSession,
    /// As much as this: straight at 0.
    Own(Amount),
}
