//! What holds for the session as a whole: its name, tempo, key, metre and tuning.
//!
//! It knows nothing of participants; who may change it is said in `access`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    StudioEffect, StudioState,
    midi_map::{MidiMap, MidiMapSetting},
    name::Name,
    reference::{Reference, Refers},
    rhythm::NoteValue,
    settings::{Settings, settings},
};
use crate::{
    model::Invalid,
    util::quantity::{Amount, Bpm, ConcertPitch, CountIn, Decibels},
};

settings! {
    /// What holds for the session as a whole.
    SessionState, SessionSetting, SessionParameter {
        /// What the piece is called.
        name: Name(Name) = Name::default();
        /// How fast it goes, in quarter notes a minute.
        tempo: Tempo(Bpm) = Bpm::of(120.0);
        /// The tonic.
        key: Key(Key) = Key::C;
        /// The scale on the tonic.
        scale: Scale(Scale) = Scale::Major;
        /// The metre.
        time_signature: TimeSignature(TimeSignature) = TimeSignature::COMMON;
        /// How late every second eighth note is: straight at 0.
        swing: Swing(Amount) = Amount::of(0.0);
        /// What the keys are tuned to.
        tuning: Tuning[Tuning] = Tuning::default();
        /// What the cursor snaps to, if to anything.
        snap: Snap(Option<NoteValue>) = Some(NoteValue::Sixteenth);
        /// What beats time.
        click: Click[Click] = Click::default();
        /// How far notes are from the beat, and velocities from what is written,
        /// by chance.
        humanise: Humanise[Humanise] = Humanise::default();
        /// Which knobs of MIDI controllers turn what.
        midi: Midi[MidiMap] = MidiMap::default();
    }
}

settings! {
    /// What the keys are tuned to.
    #[derive(Copy)]
    Tuning, TuningSetting, TuningParameter {
        /// The A above middle C.
        concert_pitch: ConcertPitch(ConcertPitch) = ConcertPitch::of(440.0);
        /// How an octave is divided.
        system: System(TuningSystem) = TuningSystem::Equal;
    }
}

settings! {
    /// What beats time.
    #[derive(Copy)]
    Click, ClickSetting, ClickParameter {
        /// Whether it is heard.
        on: On(bool) = false;
        /// How loud.
        level: Level(Decibels) = Decibels::of(-12.0);
        /// Whether the first beat of a bar sounds different.
        accent: Accent(bool) = true;
        /// How many bars are counted in.
        count_in: CountIn(CountIn) = CountIn::of(0);
    }
}

settings! {
    /// What is left to chance.
    #[derive(Copy)]
    Humanise, HumaniseSetting, HumaniseParameter {
        /// How far notes are from the beat, at most an eighth of one.
        timing: Timing(Amount) = Amount::of(0.0);
        /// How far velocities are from what is written.
        velocity: Velocity(Amount) = Amount::of(0.0);
    }
}

/// How an octave is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TuningSystem {
    /// Into twelve equal steps.
    Equal,
    /// By whole-number ratios from the tonic.
    Just,
    /// By pure fifths from the tonic.
    Pythagorean,
    /// By slightly narrow fifths, so that thirds are pure.
    Meantone,
    /// Well tempered, after Werckmeister's third.
    Werckmeister,
}

impl TuningSystem {
    /// All of them, in the order in which a menu shows them.
    pub const ALL: &'static [Self] =
        &[Self::Equal, Self::Just, Self::Pythagorean, Self::Meantone, Self::Werckmeister];
}

pub(super) fn reduce(
    state: &mut StudioState,
    setting: &SessionSetting,
) -> Result<Vec<StudioEffect>, Invalid> {
    Arc::make_mut(&mut state.session).set(setting.clone())?;
    if let SessionSetting::Midi(MidiMapSetting::Put(..)) = setting {
        state.check_references(&state.session.midi)?;
    }
    Ok(Vec::new())
}

/// The session lets go of what is gone, if it refers to it.
pub(super) fn forget(session: &mut Arc<SessionState>, gone: Reference) {
    if session.midi.refers_to(gone) {
        Arc::make_mut(session).midi.forget(gone);
    }
}

/// The tonic. A black key has one name of its two.
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
    /// All of them, upwards from C.
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

/// The scale on the tonic.
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
    /// All of them, in the order in which a menu shows them.
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

/// A metre, such as 3/4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Fraction", into = "Fraction")]
pub struct TimeSignature {
    beats: u8,
    unit: u8,
}

/// Why a fraction is not a metre.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time signature has 1 to 32 beats of a whole, half, 4th, 8th, 16th or 32nd note")]
pub struct BadTimeSignature;

impl TimeSignature {
    /// 4/4.
    pub const COMMON: Self = Self { beats: 4, unit: 4 };

    /// A bar of `beats` notes, each of which is a whole note divided by `unit`.
    ///
    /// # Errors
    /// Unless `beats` is 1 to 32 and `unit` a power of two up to 32.
    pub const fn new(beats: u8, unit: u8) -> Result<Self, BadTimeSignature> {
        let fits = beats >= 1 && beats <= 32 && unit <= 32 && unit.is_power_of_two();
        if fits { Ok(Self { beats, unit }) } else { Err(BadTimeSignature) }
    }

    /// The upper number.
    #[must_use]
    pub const fn beats(self) -> u8 {
        self.beats
    }

    /// The lower number.
    #[must_use]
    pub const fn unit(self) -> u8 {
        self.unit
    }

    /// How long a bar is, in ticks of 1/480 of a quarter note.
    #[must_use]
    pub fn bar(self) -> u32 {
        u32::from(self.beats) * (4 * 480 / u32::from(self.unit))
    }
}

/// How a metre is written.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metre_that_no_one_can_count_is_refused_from_the_wire_too() {
        assert!(TimeSignature::new(0, 4).is_err());
        assert!(TimeSignature::new(33, 4).is_err());
        assert!(TimeSignature::new(4, 0).is_err());
        assert!(TimeSignature::new(4, 3).is_err());
        assert!(serde_json::from_str::<TimeSignature>(r#"{"beats":4,"unit":5}"#).is_err());
    }

    #[test]
    fn a_bar_is_as_long_as_its_beats() {
        assert_eq!(TimeSignature::COMMON.bar(), 1920);
        assert_eq!(TimeSignature::new(7, 8).map(TimeSignature::bar), Ok(1680));
    }
}
