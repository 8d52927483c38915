//! How the part of a range that a lane holds becomes a value, and back.
//!
//! A new quantity is a word in one of the lists below, and a new choice of a few
//! is listed with `choices!` beside its enum; a lane cannot move anything else.

use crate::util::quantity::{
    Amount, BitDepth, Bpm, Cents, CompressionRatio, ConcertPitch, CountIn, Decibels, Feedback,
    FrequencyRatio, Gain, GrainRate, Harmonics, Hertz, InputChannel, ModulationIndex,
    ModulationRate, OctaveShift, OctaveSpan, Octaves, Pan, Pitch, Quality, Seconds, Semitones,
    TimingOffset, VoiceCount,
};

/// A value that a lane can move: its range, from 0 to 1.
pub(in crate::studio) trait Range: Copy {
    /// The value at this part of the range.
    fn at(part: Amount) -> Self;
    /// At which part of the range the value is.
    fn part(self) -> Amount;
}

/// The amount that `part` is, which is from 0 to 1 but for rounding.
pub(in crate::studio) fn amount(part: f32) -> Amount {
    Amount::new(part.clamp(0.0, 1.0)).unwrap_or(Amount::MIN)
}

/// Evenly from the smallest value to the largest.
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

/// By the same factor everywhere, as the ear hears it.
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

/// In whole steps from the smallest value to the largest.
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

/// Gives a choice of a few a range, evenly in this order.
macro_rules! choices {
    ($($choice:ident: $($one:ident)+;)+) => { $(
        // A new one must be named here before it compiles.
        const _: fn($choice) = |choice| match choice { $( $choice::$one => (), )+ };

        impl $crate::studio::common::range::Range for $choice {
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

/// Off in the lower half, on in the upper.
impl Range for bool {
    fn at(part: Amount) -> Self {
        part.get() >= 0.5
    }

    fn part(self) -> Amount {
        if self { Amount::MAX } else { Amount::MIN }
    }
}

/// Which of `count` choices is at this part.
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

/// At which part the choice at this place of `count` is.
#[expect(clippy::cast_precision_loss, reason = "there are a few")]
pub(in crate::studio) fn part_of_choice(at: usize, count: usize) -> Amount {
    amount(at as f32 / (count - 1) as f32)
}
