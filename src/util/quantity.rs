//! Quantities as types: a value out of range cannot be built, not even from
//! the wire, and a frequency is not a level.
//!
//! Every number is finite, so quantities implement `Eq` and `Ord` and can be
//! encoded as JSON. Nothing here knows where a quantity is used.

use std::{cmp::Ordering, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::unit::{Unit, UnreadableValue};

/// A number is outside the range of its quantity.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[error("{quantity} must be from {min} to {max}{unit}, not {value}")]
pub struct OutOfRange {
    /// The name of the quantity.
    pub quantity: &'static str,
    /// The rejected value.
    pub value: f64,
    /// The smallest allowed value.
    pub min: f64,
    /// The largest allowed value.
    pub max: f64,
    /// The unit with a space before it, or an empty string.
    pub unit: &'static str,
}

/// Declares a quantity: a number with a unit and a range, and how it is shown.
macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident: $inner:ident in $min:literal ..= $max:literal, $unit:literal, $shown:ident) => {
        $(#[$doc])*
        #[doc = concat!("\n\nFrom ", $min, " to ", $max, $unit, ".")]
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name($inner);

        // The number is finite, so equality and order are total.
        impl Eq for $name {}

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                self.0.partial_cmp(&other.0).unwrap_or(Ordering::Equal)
            }
        }

        impl $name {
            /// The smallest value.
            pub const MIN: Self = Self($min);
            /// The largest value.
            pub const MAX: Self = Self($max);

            /// A quantity of `value`.
            ///
            /// # Errors
            /// If `value` is out of range or not a number.
            #[allow(clippy::cast_lossless, reason = "one macro for several widths")]
            pub fn new(value: $inner) -> Result<Self, OutOfRange> {
                if ($min..=$max).contains(&value) {
                    Ok(Self(value))
                } else {
                    Err(OutOfRange {
                        quantity: stringify!($name),
                        value: value as f64,
                        min: $min as f64,
                        max: $max as f64,
                        unit: $unit,
                    })
                }
            }

            /// A quantity of `value`, for constants.
            ///
            /// # Panics
            /// If `value` is out of range; in a constant that is a compile error.
            #[must_use]
            #[allow(unused_comparisons, reason = "one macro for signed and unsigned")]
            pub const fn of(value: $inner) -> Self {
                assert!(value >= $min && value <= $max, "out of range");
                Self(value)
            }

            /// The value as a number.
            #[must_use]
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(<$inner>::deserialize(deserializer)?).map_err(D::Error::custom)
            }
        }

        /// As a musician reads it, with its [unit](Unit).
        impl fmt::Display for $name {
            #[allow(clippy::cast_lossless, reason = "one macro for several widths")]
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&Unit::$shown.shown(self.0 as f64))
            }
        }

        /// Reads what a musician types: what is displayed, and other ways to [write
        /// it](Unit::read).
        impl FromStr for $name {
            type Err = UnreadableValue;

            #[allow(
                clippy::cast_lossless,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::float_cmp,
                reason = "one macro for several widths; a whole number is checked to be one"
            )]
            fn from_str(text: &str) -> Result<Self, UnreadableValue> {
                let expected = || {
                    let (least, most) = (Self::MIN, Self::MAX);
                    UnreadableValue::new(format!("from {least} to {most}"), text)
                };
                let value = Unit::$shown.read(text).ok_or_else(expected)?;
                let number = value as $inner;
                let is_whole = (0.5 as $inner) as f64 == 0.0;
                if is_whole && number as f64 != value {
                    return Err(expected());
                }
                Self::new(number).map_err(|_| expected())
            }
        }
    };
}

quantity! {
    /// A position in musical time, in ticks of 1/480 of a quarter note.
    Ticks: u32 in 0 ..= 2_000_000_000, " ticks", Ticks
}
quantity! {
    /// A tempo, in quarter notes per minute.
    Bpm: f32 in 20.0 ..= 999.0, " bpm", Bpm
}
quantity! {
    /// A level relative to full scale or to unity gain; the minimum is silence.
    Decibels: f32 in -120.0 ..= 12.0, " dB", Level
}
quantity! {
    /// The length of a note, in ticks of 1/480 of a quarter note.
    NoteLength: u32 in 1 ..= 2_000_000_000, " ticks", Beats
}
quantity! {
    /// A key by its MIDI note number: 60 is middle C.
    Pitch: u8 in 0 ..= 127, "", Key
}
quantity! {
    /// The MIDI velocity of a note-on. 0 is excluded, because in MIDI it means
    /// note-off.
    Velocity: u8 in 1 ..= 127, "", Plain
}
quantity! {
    /// The probability that a note or step plays: never at 0, always at 100.
    Probability: u8 in 0 ..= 100, " %", Percent
}
quantity! {
    /// An audible frequency.
    Hertz: f32 in 20.0 ..= 20_000.0, " Hz", Hertz
}
quantity! {
    /// A duration in real time, such as an envelope's attack.
    Seconds: f32 in 0.0 ..= 60.0, " s", Seconds
}
quantity! {
    /// A proportion: none at 0, all at 1.
    Amount: f32 in 0.0 ..= 1.0, "", Part
}
quantity! {
    /// A position in the stereo field: left at -1, centre at 0, right at 1.
    Pan: f32 in -1.0 ..= 1.0, "", Pan
}
quantity! {
    /// The gain of a feedback path: below 0 the signal is inverted.
    Feedback: f32 in -1.0 ..= 1.0, "", Part
}
quantity! {
    /// A detuning, in hundredths of a semitone.
    Cents: f32 in -1200.0 ..= 1200.0, " cents", Cents
}
quantity! {
    /// An interval in octaves.
    Octaves: f32 in -8.0 ..= 8.0, " octaves", Octaves
}
quantity! {
    /// The frequency of an FM modulator, as a multiple of the carrier's.
    FrequencyRatio: f32 in 0.0625 ..= 32.0, "", Factor
}
quantity! {
    /// The depth of frequency modulation: peak deviation divided by modulator
    /// frequency.
    ModulationIndex: f32 in 0.0 ..= 32.0, "", Plain
}
quantity! {
    /// The rate of a modulator such as an LFO.
    ModulationRate: f32 in 0.01 ..= 50.0, " Hz", Hertz
}
quantity! {
    /// The gain of an equaliser band or a make-up stage.
    Gain: f32 in -24.0 ..= 24.0, " dB", Gain
}
quantity! {
    /// The Q of a resonance: centre frequency divided by bandwidth.
    Quality: f32 in 0.1 ..= 30.0, "", Plain
}
quantity! {
    /// The ratio of a compressor: input change per output change above the threshold.
    CompressionRatio: f32 in 1.0 ..= 20.0, "", Ratio
}
quantity! {
    /// The resolution that a bit crusher reduces a sample to.
    BitDepth: u8 in 1 ..= 24, " bits", Bits
}
quantity! {
    /// An interval in semitones.
    Semitones: i8 in -48 ..= 48, " semitones", Semitones
}
quantity! {
    /// A transposition by whole octaves.
    OctaveShift: i8 in -4 ..= 4, " octaves", Octaves
}
quantity! {
    /// The range of an arpeggio.
    OctaveSpan: u8 in 1 ..= 4, " octaves", OctaveSpan
}
quantity! {
    /// The number of unison voices.
    VoiceCount: u8 in 1 ..= 16, " voices", Plain
}
quantity! {
    /// How late an instrument plays; negative values are early.
    TimingOffset: f32 in -100.0 ..= 100.0, " ms", Milliseconds
}
quantity! {
    /// The density of granular synthesis: new grains per second.
    GrainRate: f32 in 0.5 ..= 200.0, " grains/s", GrainRate
}
quantity! {
    /// The number of harmonics in additive synthesis.
    Harmonics: u8 in 1 ..= 64, " harmonics", Plain
}
quantity! {
    /// The tuning frequency of the A above middle C.
    ConcertPitch: f32 in 380.0 ..= 500.0, " Hz", TuningHertz
}
quantity! {
    /// A parameter of a custom `SynthDef` or a plug-in, in the unit that its
    /// parameter table states.
    ParameterValue: f32 in -1_000_000.0 ..= 1_000_000.0, "", Plain
}
quantity! {
    /// A relative change of a [`ParameterValue`].
    ParameterChange: f32 in -2_000_000.0 ..= 2_000_000.0, "", Plain
}
quantity! {
    /// A physical input of the sound card, counted from 1.
    InputChannel: u8 in 1 ..= 64, "", Plain
}
quantity! {
    /// A MIDI channel, counted from 1 as on the front of a keyboard.
    MidiChannel: u8 in 1 ..= 16, "", Plain
}
quantity! {
    /// A MIDI controller: 1 is the modulation wheel, 7 the volume.
    MidiController: u8 in 0 ..= 127, "", Plain
}
quantity! {
    /// A pad of a drum machine, counted from 0.
    PadNumber: u8 in 0 ..= 15, "", Plain
}

impl std::hash::Hash for PadNumber {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

quantity! {
    /// A step of a pattern, counted from 0.
    StepNumber: u8 in 0 ..= 127, "", Plain
}
quantity! {
    /// The number of steps in a pattern.
    StepCount: u8 in 1 ..= 128, " steps", Plain
}
quantity! {
    /// The number of slices of a chopped sample.
    SliceCount: u8 in 1 ..= 64, " slices", Plain
}
quantity! {
    /// The number of bars counted in before playback.
    CountIn: u8 in 0 ..= 4, " bars", Bars
}
