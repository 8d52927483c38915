//! The conversion between lane values, from 0 to 1, and parameter values.
//!
//! To automate a new quantity, add it to one of the lists below; to automate a
//! new enum, list its variants with `choices!` beside it. No parameter may be
//! named here.

use crate::util::quantity::{
    Amount, BitDepth, Bpm, Cents, CompressionRatio, ConcertPitch, CountIn, Decibels, Feedback,
    FrequencyRatio, Gain, GrainRate, Harmonics, Hertz, InputChannel, ModulationIndex,
    ModulationRate, OctaveShift, OctaveSpan, Octaves, Pan, Pitch, Quality, Seconds, Semitones,
    TimingOffset, VoiceCount,
};

/// A type that a lane can move: a mapping between its range and 0 to 1.
pub(in crate::studio) trait Range: Copy {
    /// Whether it is a quantity, which a hand sweeps, and not a choice.
    const IS_QUANTITY: bool = true;

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
macro_rules! linear {
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

/// Maps a range to the variants of an enum, in this order and of equal size.
macro_rules! choices {
    ($($choice:ident: $($one:ident)+;)+) => { $(
        // A new variant does not compile until it is listed here.
        const _: fn($choice) = |choice| match choice { $( $choice::$one => (), )+ };

        impl $crate::studio::common::range::Range for $choice {
            const IS_QUANTITY: bool = false;

            fn at(part: $crate::util::quantity::Amount) -> Self {
                const ALL: &[$choice] = &[$( $choice::$one, )+];
                ALL[$crate::studio::common::range::nearest(part, ALL.len())]
            }

            fn part(self) -> $crate::util::quantity::Amount {
                const ALL: &[$choice] = &[$( $choice::$one, )+];
                let at = ALL.iter().position(|one| *one == self).unwrap_or_default();
                $crate::studio::common::range::part_of_choice(at, ALL.len())
            }
        }
    )+ };
}

pub(in crate::studio) use choices;

linear! {
    Amount Bpm Cents Decibels Feedback Gain ModulationIndex Octaves Pan Seconds TimingOffset
}
by_factor! {
    CompressionRatio ConcertPitch FrequencyRatio GrainRate Hertz ModulationRate Quality
}
in_steps! {
    BitDepth(u8) CountIn(u8) Harmonics(u8) InputChannel(u8) OctaveShift(i8) OctaveSpan(u8)
    Pitch(u8) Semitones(i8) VoiceCount(u8)
}

/// `false` in the lower half, `true` in the upper.
impl Range for bool {
    const IS_QUANTITY: bool = false;

    fn at(part: Amount) -> Self {
        part.get() >= 0.5
    }

    fn part(self) -> Amount {
        if self { Amount::MAX } else { Amount::MIN }
    }
}

/// The index of the variant at this fraction, of `count` variants.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "there are a few"
)]
pub(in crate::studio) fn nearest(part: Amount, count: usize) -> usize {
    let last = count - 1;
    ((part.get() * last as f32).round() as usize).min(last)
}

/// The fraction at which the variant with this index lies, of `count` variants.
#[expect(clippy::cast_precision_loss, reason = "there are a few")]
pub(in crate::studio) fn part_of_choice(at: usize, count: usize) -> Amount {
    amount(at as f32 / (count - 1) as f32)
}
