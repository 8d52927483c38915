//! The conversion between lane values, from 0 to 1, and parameter values.
//!
//! To automate a new quantity, add it to one of the lists below; to automate a
//! new enum, list its variants with `choices!` beside it. No parameter may be
//! named here.

use crate::util::{
    quantity::{
        Amount, BitDepth, Bpm, Cents, CompressionRatio, ConcertPitch, CountIn, Decibels, Feedback,
        FrequencyRatio, Gain, GrainRate, Harmonics, Hertz, InputChannel, ModulationIndex,
        ModulationRate, OctaveShift, OctaveSpan, Octaves, Pan, Pitch, Quality, Seconds, Semitones,
        TimingOffset, VoiceCount,
    },
    unit::UnreadableValue,
};

/// A type that a lane can move: a mapping between its range and 0 to 1.
pub(in crate::studio) trait Range: Copy {
    /// Whether it is a quantity, which a hand sweeps, and not a choice.
    const IS_QUANTITY: bool = true;

    /// The value at this fraction of the range.
    fn at(part: Amount) -> Self;
    /// The fraction of the range at which the value lies.
    fn part(self) -> Amount;
    /// The value as a musician reads it, with its unit.
    fn text(self) -> String;
    /// The value that a musician has typed.
    ///
    /// # Errors
    /// If `text` is no value of this type; the error says which there are.
    fn read(text: &str) -> Result<Self, UnreadableValue>;
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

            fn text(self) -> String {
                self.to_string()
            }

            fn read(text: &str) -> Result<Self, UnreadableValue> {
                text.parse()
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

            fn text(self) -> String {
                self.to_string()
            }

            fn read(text: &str) -> Result<Self, UnreadableValue> {
                text.parse()
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

            fn text(self) -> String {
                self.to_string()
            }

            fn read(text: &str) -> Result<Self, UnreadableValue> {
                text.parse()
            }
        }
    )+ };
}

/// Maps a range to the variants of an enum, in this order and of equal size.
///
/// A variant is written in words, unless a text follows it in square brackets; it may be
/// typed in further ways, which follow in round ones.
macro_rules! choices {
    ($($choice:ident: $($one:ident $([$shown:literal])? $(($($other:literal)+))?)+;)+) => { $(
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

            fn text(self) -> String {
                self.to_string()
            }

            fn read(text: &str) -> Result<Self, $crate::util::unit::UnreadableValue> {
                let all = [$(
                    ($choice::$one, &[stringify!($one), $($shown,)? $($($other,)+)?][..]),
                )+];
                $crate::studio::common::range::read_choice(&all, text)
            }
        }

        /// In words.
        impl std::fmt::Display for $choice {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let (name, shown): (&str, &[&str]) = match self {
                    $( $choice::$one => (stringify!($one), &[$($shown)?]), )+
                };
                let words = || $crate::studio::common::range::as_words(name);
                f.pad(&shown.first().map_or_else(words, |shown| (*shown).to_owned()))
            }
        }

        /// Reads the name of a variant, or the beginning of only one name, in any case.
        impl std::str::FromStr for $choice {
            type Err = $crate::util::unit::UnreadableValue;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::studio::common::range::Range::read(text)
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

    fn text(self) -> String {
        if self { "on" } else { "off" }.into()
    }

    fn read(text: &str) -> Result<Self, UnreadableValue> {
        match &*text.trim().to_lowercase() {
            "on" | "yes" | "true" | "1" => Ok(true),
            "off" | "no" | "false" | "0" => Ok(false),
            _ => Err(UnreadableValue::new("on or off", text)),
        }
    }
}

/// A name in camel case as words: `low pass`.
pub(in crate::studio) fn as_words(name: &str) -> String {
    let mut words = String::new();
    for (at, character) in name.char_indices() {
        if at > 0 && character.is_uppercase() {
            words.push(' ');
        }
        words.extend(character.to_lowercase());
    }
    words
}

/// The choice with this name, or the only one with a name that begins so.
pub(in crate::studio) fn read_choice<T: Copy + ToString>(
    all: &[(T, &[&str])],
    text: &str,
) -> Result<T, UnreadableValue> {
    let plain = |name: &str| -> String {
        let name = name.to_lowercase().replace('♯', "#").replace('♭', "b");
        name.chars().filter(|letter| !matches!(letter, ' ' | '-' | '_')).collect()
    };
    let typed = plain(text);
    let called =
        |names: &[&str], is: &dyn Fn(&str) -> bool| names.iter().any(|name| is(&plain(name)));
    let exact = all.iter().find(|(_, names)| called(names, &|name| name == typed));
    let mut begun = all.iter().filter(|(_, names)| called(names, &|name| name.starts_with(&typed)));
    let only = (begun.next(), begun.next());
    match (exact, only) {
        (Some((choice, _)), _) | (None, (Some((choice, _)), None)) if !typed.is_empty() => {
            Ok(*choice)
        }
        _ => {
            let mut names: Vec<_> = all.iter().map(|(choice, _)| choice.to_string()).collect();
            let last = names.pop().unwrap_or_default();
            Err(UnreadableValue::new(format!("{} or {last}", names.join(", ")), text))
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
pub(in crate::studio) fn nearest(part: Amount, count: usize) -> usize {
    let last = count - 1;
    ((part.get() * last as f32).round() as usize).min(last)
}

/// The fraction at which the variant with this index lies, of `count` variants.
#[expect(clippy::cast_precision_loss, reason = "there are a few")]
pub(in crate::studio) fn part_of_choice(at: usize, count: usize) -> Amount {
    amount(at as f32 / (count - 1) as f32)
}
