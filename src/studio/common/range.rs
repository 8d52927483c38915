//! The conversion between lane values, from 0 to 1, and parameter values.
//!
//! To automate a new quantity or enum, add it to one of the lists below. No
//! parameter may be named here.

use crate::{
    studio::{
        ArpeggioPattern, Channels, ChordShape, DistortionCurve, FilterKind, FmAlgorithm, Key,
        LfoShape, LfoTarget, NoiseColour, NoteValue, SampleLoop, Scale, Swing, TuningSystem, Wave,
    },
    util::quantity::{
        Amount, BitDepth, Bpm, Cents, CompressionRatio, ConcertPitch, CountIn, Decibels, Feedback,
        FrequencyRatio, Gain, GrainRate, Harmonics, Hertz, InputChannel, ModulationIndex,
        ModulationRate, OctaveShift, OctaveSpan, Octaves, Pan, Pitch, Quality, Seconds, Semitones,
        TimingOffset, VoiceCount,
    },
};

/// A type that a lane can move: a mapping between its range and 0 to 1.
pub(in crate::studio) trait Range: Copy {
    /// The value at this fraction of the range.
    fn at(part: Amount) -> Self;
    /// The fraction of the range at which the value lies.
    fn part(self) -> Amount;
}

/// `part`, clamped to 0 to 1 against rounding errors.
pub(in crate::studio) fn amount(part: f32) -> Amount {
    Amount::new(part.clamp(0.0, 1.0)).unwrap_or(Amount::MIN)
}

/// A linear mapping from the smallest to the largest value.
macro_rules! evenly {
    ($($quantity:ident)+) => { $(
        impl Range for $quantity {
            fn at(part: Amount) -> Self {
                let (min, max) = (Self::MIN.get(), Self::MAX.get());
                Self::new((min + (max - min) * part.get()).clamp(min, max)).unwrap_or(Self::MIN)
            }

            fn part(self) -> Amount {
                let (min, max) = (Self::MIN.get(), Self::MAX.get());
                amount((self.get() - min) / (max - min))
            }
        }
    )+ };
}

/// A logarithmic mapping: equal steps multiply by equal factors, as the ear
/// hears it.
macro_rules! by_factor {
    ($($quantity:ident)+) => { $(
        impl Range for $quantity {
            fn at(part: Amount) -> Self {
                let (min, max) = (Self::MIN.get(), Self::MAX.get());
                Self::new((min * (max / min).powf(part.get())).clamp(min, max)).unwrap_or(Self::MIN)
            }

            fn part(self) -> Amount {
                let (min, max) = (Self::MIN.get(), Self::MAX.get());
                amount((self.get() / min).ln() / (max / min).ln())
            }
        }
    )+ };
}

/// A mapping to whole numbers, with linear spacing.
macro_rules! in_steps {
    ($($quantity:ident($number:ty))+) => { $(
        impl Range for $quantity {
            #[expect(clippy::cast_possible_truncation, reason = "it is a small whole number")]
            #[allow(clippy::cast_sign_loss, reason = "where there is no sign, it is positive")]
            fn at(part: Amount) -> Self {
                let (min, max) = (f32::from(Self::MIN.get()), f32::from(Self::MAX.get()));
                let step = (min + (max - min) * part.get()).round();
                Self::new(step as $number).unwrap_or(Self::MIN)
            }

            fn part(self) -> Amount {
                let (min, max) = (f32::from(Self::MIN.get()), f32::from(Self::MAX.get()));
                amount((f32::from(self.get()) - min) / (max - min))
            }
        }
    )+ };
}

/// A mapping to the variants of an enum, in this order and of equal size.
macro_rules! choices {
    ($($choice:ident: $($one:ident)+;)+) => { $(
        // A new variant does not compile until it is listed here.
        const _: fn($choice) = |choice| match choice { $( $choice::$one => (), )+ };

        impl Range for $choice {
            fn at(part: Amount) -> Self {
                const ALL: &[$choice] = &[$( $choice::$one, )+];
                ALL[nearest(part, ALL.len())]
            }

            fn part(self) -> Amount {
                const ALL: &[$choice] = &[$( $choice::$one, )+];
                place(ALL.iter().position(|one| *one == self).unwrap_or_default(), ALL.len())
            }
        }
    )+ };
}

evenly! {
    Amount Bpm Cents Decibels Feedback Gain ModulationIndex Octaves Pan Seconds TimingOffset
}
by_factor! {
    CompressionRatio ConcertPitch FrequencyRatio GrainRate Hertz ModulationRate Quality
}
in_steps! {
    BitDepth(u8) CountIn(u8) Harmonics(u8) InputChannel(u8) OctaveShift(i8) OctaveSpan(u8)
    Pitch(u8) Semitones(i8) VoiceCount(u8)
}
choices! {
    ArpeggioPattern: Up Down UpAndDown AsStruck Random AllAtOnce;
    Channels: Mono Stereo;
    ChordShape: Single Octave Power Major Minor Diminished Augmented SuspendedSecond
        SuspendedFourth Sixth DominantSeventh MajorSeventh MinorSeventh Ninth;
    DistortionCurve: Soft Hard Fold Rectify;
    FilterKind: Off LowPass BandPass HighPass;
    FmAlgorithm: Stack Pairs Star Fan Organ;
    Key: C CSharp D EFlat E F FSharp G AFlat A BFlat B;
    LfoShape: Sine Triangle RampUp RampDown Square SampleAndHold;
    LfoTarget: Pitch Level Pan Cutoff Resonance Timbre;
    NoteValue: Whole Half Quarter QuarterTriplet Eighth EighthTriplet Sixteenth SixteenthTriplet
        ThirtySecond;
    NoiseColour: White Pink Brown Blue Crackle;
    SampleLoop: Once Forward PingPong;
    Scale: Major Minor HarmonicMinor Dorian Phrygian Lydian Mixolydian MajorPentatonic
        MinorPentatonic Blues Chromatic;
    TuningSystem: Equal Just Pythagorean Meantone Werckmeister;
    Wave: Sine Triangle Saw Square Noise;
}

/// `false` in the lower half, `true` in the upper.
impl Range for bool {
    fn at(part: Amount) -> Self {
        part.get() >= 0.5
    }

    fn part(self) -> Amount {
        if self { Amount::MAX } else { Amount::MIN }
    }
}

/// `None` first, then the note values.
impl Range for Option<NoteValue> {
    fn at(part: Amount) -> Self {
        let at = nearest(part, NoteValue::ALL.len() + 1);
        at.checked_sub(1).map(|at| NoteValue::ALL[at])
    }

    fn part(self) -> Amount {
        let at = self.and_then(|value| NoteValue::ALL.iter().position(|one| *one == value));
        place(at.map_or(0, |at| at + 1), NoteValue::ALL.len() + 1)
    }
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
}

/// The index of the variant at this fraction, of `count` variants.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "there are a few"
)]
fn nearest(part: Amount, count: usize) -> usize {
    let last = count - 1;
    ((part.get() * last as f32).round() as usize).min(last)
}

/// The fraction at which the variant with this index lies, of `count` variants.
#[expect(clippy::cast_precision_loss, reason = "there are a few")]
fn place(at: usize, count: usize) -> Amount {
    amount(at as f32 / (count - 1) as f32)
}
