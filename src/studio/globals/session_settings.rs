//! Settings of the session as a whole: name, tempo, key, metre, tuning, click.
//!
//! This file must not know participants; access rules are in `access`.

use crate::{
    studio::common::{
        name::Name,
        range::choices,
        reference::{Reference, Refers},
        rhythm::NoteValue,
        settings::settings,
    },
    util::quantity::{Amount, Bpm, ConcertPitch, CountIn, Decibels},
};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::midi_map::MidiMap;

settings! {
    /// The settings of the session as a whole.
    SessionState, SessionSetting, SessionParameter {
        /// The display name of the session.
        name: Name(Name) = Name::default();
        /// The tempo in quarter notes per minute.
        tempo: Tempo(Bpm) = Bpm::of(120.0);
        /// The tonic.
        key: Key(Key) = Key::C;
        /// The scale above the tonic.
        scale: Scale(Scale) = Scale::Major;
        /// The time signature.
        time_signature: TimeSignature(TimeSignature) = TimeSignature::COMMON;
        /// The delay of every second eighth note: 0 is straight.
        swing: Swing(Amount) = Amount::of(0.0);
        /// The tuning of the keys.
        tuning: Tuning[Tuning] = Tuning::default();
        /// The grid of the cursor; `None` turns snapping off.
        snap: Snap(Option<NoteValue>) = Some(NoteValue::Sixteenth);
        /// The metronome.
        click: Click[Click] = Click::default();
        /// Random deviation of note starts and velocities.
        humanise: Humanise[Humanise] = Humanise::default();
        /// Whether notes sound that began before the position at which playing starts, and
        /// are not over there.
        chase_notes: ChaseNotes(bool) = true;
        /// The mappings of MIDI controllers.
        midi: Midi[MidiMap] = MidiMap::default();
    }
}

settings! {
    /// The tuning of the keys.
    #[derive(Copy)]
    Tuning, TuningSetting, TuningParameter {
        /// The frequency in Hz of the A above middle C.
        concert_pitch: ConcertPitch(ConcertPitch) = ConcertPitch::of(440.0);
        /// The division of the octave.
        system: System(TuningSystem) = TuningSystem::Equal;
    }
}

settings! {
    /// The metronome.
    #[derive(Copy)]
    Click, ClickSetting, ClickParameter {
        /// Whether the click is heard.
        on: On(bool) = false;
        /// The level in dB.
        level: Level(Decibels) = Decibels::of(-12.0);
        /// Whether the first beat of a bar is accented.
        accent: Accent(bool) = true;
        /// The number of count-in bars before playback starts.
        count_in: CountIn(CountIn) = CountIn::of(0);
    }
}

settings! {
    /// Random deviation from what is written.
    #[derive(Copy)]
    Humanise, HumaniseSetting, HumaniseParameter {
        /// The largest deviation of note starts; 1 is an eighth of a beat.
        timing: Timing(Amount) = Amount::of(0.0);
        /// The largest deviation of velocities, from 0 to 1.
        velocity: Velocity(Amount) = Amount::of(0.0);
    }
}

/// A tuning system: a division of the octave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TuningSystem {
    /// Twelve equal steps.
    Equal,
    /// Whole-number ratios to the tonic.
    Just,
    /// Pure fifths from the tonic.
    Pythagorean,
    /// Fifths narrowed so that major thirds are pure.
    Meantone,
    /// Werckmeister III, a well temperament.
    Werckmeister,
}

impl TuningSystem {
    /// All tuning systems, in menu order.
    pub const ALL: &'static [Self] =
        &[Self::Equal, Self::Just, Self::Pythagorean, Self::Meantone, Self::Werckmeister];
}

/// Removes references from the session's settings to what was deleted.
pub(in crate::studio) fn forget_in_session(session: &mut Arc<SessionState>, gone: Reference) {
    if session.midi.refers_to(gone) {
        Arc::make_mut(session).midi.forget(gone);
    }
}

/// A tonic. Each black key has only one of its two names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Key {
    C,
    CSharp,
    D,
    EFlat,
    E,
    F,
    FSharp,
    G,
    AFlat,
    A,
    BFlat,
    B,
}

impl Key {
    /// All keys, upwards from C.
    pub const ALL: &'static [Self] = &[
        Self::C,
        Self::CSharp,
        Self::D,
        Self::EFlat,
        Self::E,
        Self::F,
        Self::FSharp,
        Self::G,
        Self::AFlat,
        Self::A,
        Self::BFlat,
        Self::B,
    ];
}

/// A scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Scale {
    Major,
    Minor,
    HarmonicMinor,
    Dorian,
    Phrygian,
    Lydian,
    Mixolydian,
    MajorPentatonic,
    MinorPentatonic,
    Blues,
    Chromatic,
}

impl Scale {
    /// All scales, in menu order.
    pub const ALL: &'static [Self] = &[
        Self::Major,
        Self::Minor,
        Self::HarmonicMinor,
        Self::Dorian,
        Self::Phrygian,
        Self::Lydian,
        Self::Mixolydian,
        Self::MajorPentatonic,
        Self::MinorPentatonic,
        Self::Blues,
        Self::Chromatic,
    ];
}

/// A time signature, such as 3/4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Fraction", into = "Fraction")]
pub struct TimeSignature {
    beats: u8,
    unit: u8,
}

/// The fraction is not a supported time signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time signature has 1 to 32 beats of a whole, half, 4th, 8th, 16th or 32nd note")]
#[non_exhaustive]
pub struct BadTimeSignature;

impl TimeSignature {
    /// 4/4, common time.
    pub const COMMON: Self = Self { beats: 4, unit: 4 };

    /// A bar of `beats` notes of the value 1/`unit`.
    ///
    /// # Errors
    /// [`BadTimeSignature`] unless `beats` is 1 to 32 and `unit` is 1, 2, 4, 8,
    /// 16 or 32.
    pub const fn new(beats: u8, unit: u8) -> Result<Self, BadTimeSignature> {
        let fits = beats >= 1 && beats <= 32 && unit <= 32 && unit.is_power_of_two();
        if fits { Ok(Self { beats, unit }) } else { Err(BadTimeSignature) }
    }

    /// The numerator: the number of beats in a bar.
    #[must_use]
    pub const fn beats(self) -> u8 {
        self.beats
    }

    /// The denominator: the note value of a beat.
    #[must_use]
    pub const fn unit(self) -> u8 {
        self.unit
    }

    /// The length of a bar in ticks, 480 per quarter note.
    #[must_use]
    pub fn bar(self) -> u32 {
        u32::from(self.beats) * (4 * 480 / u32::from(self.unit))
    }
}

/// The serialized form of a [`TimeSignature`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fraction {
    beats: u8,
    unit: u8,
}

impl TryFrom<Fraction> for TimeSignature {
    type Error = BadTimeSignature;

    fn try_from(fraction: Fraction) -> Result<Self, BadTimeSignature> {
        Self::new(fraction.beats, fraction.unit)
    }
}

impl From<TimeSignature> for Fraction {
    fn from(signature: TimeSignature) -> Self {
        Self { beats: signature.beats, unit: signature.unit }
    }
}

choices! {
    Key: C CSharp D EFlat E F FSharp G AFlat A BFlat B;
    Scale: Major Minor HarmonicMinor Dorian Phrygian Lydian Mixolydian MajorPentatonic
        MinorPentatonic Blues Chromatic;
    TuningSystem: Equal Just Pythagorean Meantone Werckmeister;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsupported_time_signature_is_not_deserialized() {
        assert!(TimeSignature::new(0, 4).is_err());
        assert!(TimeSignature::new(33, 4).is_err());
        assert!(TimeSignature::new(4, 0).is_err());
        assert!(TimeSignature::new(4, 3).is_err());
        assert!(serde_json::from_str::<TimeSignature>(r#"{"beats":4,"unit":5}"#).is_err());
    }

    #[test]
    fn bar_length_follows_the_time_signature() {
        assert_eq!(TimeSignature::COMMON.bar(), 1920);
        assert_eq!(TimeSignature::new(7, 8).map(TimeSignature::bar), Ok(1680));
    }
}
