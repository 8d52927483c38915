//! Units: how the number of a quantity is written for musicians, and read back.
//!
//! Everything that shows or takes a value uses this file, so a value is typed as it is
//! shown. It knows units, never what has them.

/// A text is no value of what it was typed for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("must be {expected}, not {text:?}")]
pub struct UnreadableValue {
    /// What would be one, such as `from 20 Hz to 20 kHz`.
    pub expected: String,
    /// The text.
    pub text: String,
}

impl UnreadableValue {
    /// `text` is not `expected`.
    pub(crate) fn new(expected: impl Into<String>, text: &str) -> Self {
        Self { expected: expected.into(), text: text.trim().into() }
    }
}

/// The unit of a quantity, and with it the precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// No unit: a count, an index, a quality.
    Plain,
    /// A frequency: `82.4 Hz`, `8 kHz`.
    Hertz,
    /// The frequency of a tuning fork, to a tenth: `442.5 Hz`.
    TuningHertz,
    /// A duration in seconds: `5 ms`, `1.25 s`.
    Seconds,
    /// A shift in milliseconds: `+10 ms`.
    Milliseconds,
    /// A level in dB whose minimum, -120, is silence: `-6.0 dB`, `-∞ dB`.
    Level,
    /// A gain in dB: `+3.0 dB`.
    Gain,
    /// A part from 0 to 1: `35 %`.
    Part,
    /// A number that is in percent already: `90 %`.
    Percent,
    /// A place between left at -1 and right at 1: `L20`, `C`, `R20`.
    Pan,
    /// An interval in cents: `+25 cents`.
    Cents,
    /// An interval in semitones: `+7 st`.
    Semitones,
    /// An interval in octaves: `+1.5 oct`.
    Octaves,
    /// A range of octaves: `2 oct`.
    OctaveSpan,
    /// A multiple: `×2`.
    Factor,
    /// A ratio to one: `4:1`.
    Ratio,
    /// Quarter notes per minute: `120 bpm`.
    Bpm,
    /// Grains per second: `25 grains/s`.
    GrainRate,
    /// Bits of a sample: `8 bits`.
    Bits,
    /// Bars: `1 bar`, `2 bars`.
    Bars,
    /// Ticks of 1/480 of a quarter note: `960 ticks`.
    Ticks,
    /// A duration in ticks, as quarter notes: `0.5 beats`.
    Beats,
    /// A key by its name; 60 is `C4`.
    Key,
}

/// The level in dB that is written as silence.
const SILENCE: f64 = -120.0;

/// The ticks of a quarter note.
const TICKS: f64 = 480.0;

/// The names of the keys of an octave.
const KEYS: [&str; 12] = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];

impl Unit {
    /// `value` as text.
    #[must_use]
    pub fn shown(self, value: f64) -> String {
        let signed = |number: String| if value > 0.0 { format!("+{number}") } else { number };
        match self {
            Self::Plain => short(value),
            Self::Hertz => match significant(value) {
                kilo if kilo >= 1000.0 => format!("{} kHz", short(kilo / 1000.0)),
                hertz => format!("{} Hz", short(hertz)),
            },
            Self::TuningHertz => format!("{} Hz", trimmed(value, 1)),
            Self::Seconds => match significant(value) {
                seconds if seconds >= 1.0 => format!("{} s", short(seconds)),
                seconds => format!("{} ms", short(seconds * 1000.0)),
            },
            Self::Milliseconds => signed(short(value)) + " ms",
            Self::Level if value <= SILENCE => "-∞ dB".into(),
            Self::Level | Self::Gain => {
                let number = format!("{value:.1}");
                match &*number {
                    "-0.0" | "0.0" => "0.0 dB".into(),
                    number => signed(number.into()) + " dB",
                }
            }
            Self::Part => format!("{} %", trimmed(value * 100.0, 1)),
            Self::Percent => format!("{} %", short(value)),
            Self::Pan => match (value * 100.0).round() {
                left @ ..0.0 => format!("L{}", -left),
                0.0 => "C".into(),
                right => format!("R{right}"),
            },
            Self::Cents => signed(trimmed(value, 1)) + " cents",
            Self::Semitones => signed(short(value)) + " st",
            Self::Octaves => signed(short(value)) + " oct",
            Self::OctaveSpan => short(value) + " oct",
            Self::Factor => format!("×{}", short(value)),
            Self::Ratio => format!("{}:1", short(value)),
            Self::Bpm => format!("{} bpm", trimmed(value, 2)),
            Self::GrainRate => format!("{} grains/s", short(value)),
            Self::Bits => format!("{} bits", short(value)),
            Self::Bars if (value - 1.0).abs() < f64::EPSILON => "1 bar".into(),
            Self::Bars => format!("{} bars", short(value)),
            Self::Ticks => format!("{} ticks", short(value)),
            Self::Beats => match short(value / TICKS) {
                one if one == "1" => "1 beat".into(),
                beats => format!("{beats} beats"),
            },
            Self::Key => key_name(value),
        }
    }

    /// The value that `text` says, in the unit of the quantity. It may be written without
    /// a unit, with another one of the same kind (`8k`, `8 kHz`, `8000`), in any case and
    /// with any minus sign. `None` if it is no number with such a unit.
    #[must_use]
    pub fn read(self, text: &str) -> Option<f64> {
        let text = text.trim().to_lowercase().replace('−', "-").replace('♯', "#");
        match self {
            Self::Pan => return read_pan(&text),
            Self::Key => return read_key(&text),
            Self::Level if matches!(&*silence_of(&text), "-inf" | "-∞" | "silence") => {
                return Some(SILENCE);
            }
            _ => {}
        }
        let text = if self == Self::Factor { text.trim_start_matches(['×', 'x']) } else { &text };
        let text = text.trim();
        let end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-'));
        let (number, unit) = text.split_at(end.unwrap_or(text.len()));
        let number: f64 = number.parse().ok()?;
        let value = number * self.scale(unit.trim())?;
        Some(if self == Self::Beats { value.round() } else { value })
    }

    /// What a number with `unit` is multiplied by.
    #[expect(clippy::match_same_arms, reason = "one quantity a line")]
    fn scale(self, unit: &str) -> Option<f64> {
        Some(match (self, unit) {
            (Self::Part, "" | "%" | "percent") => 0.01,
            (Self::Beats, "" | "beats" | "beat") => TICKS,
            (_, "") => 1.0,
            (Self::Hertz | Self::TuningHertz, "hz") => 1.0,
            (Self::Hertz | Self::TuningHertz, "k" | "khz") => 1000.0,
            (Self::Seconds, "s" | "sec") | (Self::Milliseconds, "ms") => 1.0,
            (Self::Seconds, "ms") => 0.001,
            (Self::Milliseconds, "s") => 1000.0,
            (Self::Level | Self::Gain, "db")
            | (Self::Percent, "%" | "percent")
            | (Self::Cents, "cents" | "cent" | "ct" | "c")
            | (Self::Semitones, "st" | "semitones" | "semitone")
            | (Self::Octaves | Self::OctaveSpan, "oct" | "octaves" | "octave")
            | (Self::Factor, "×" | "x")
            | (Self::Ratio, ":1" | ": 1")
            | (Self::Bpm, "bpm")
            | (Self::GrainRate, "grains/s" | "/s")
            | (Self::Bits, "bits" | "bit")
            | (Self::Bars, "bars" | "bar")
            | (Self::Ticks | Self::Beats, "ticks" | "tick") => 1.0,
            (Self::Semitones, "oct" | "octaves" | "octave") => 12.0,
            (Self::Cents, "st" | "semitones" | "semitone") => 100.0,
            _ => return None,
        })
    }
}

/// A level without its unit.
fn silence_of(text: &str) -> String {
    text.trim_end_matches("db").trim().into()
}

/// `L20`, `20L`, `C`, `R20`; a bare number is in percent to the right.
fn read_pan(text: &str) -> Option<f64> {
    let percent = |number: &str| number.trim().trim_end_matches('%').trim().parse::<f64>().ok();
    let sided = |side| text.strip_prefix(side).or_else(|| text.strip_suffix(side));
    let percent = if matches!(text, "c" | "centre" | "center") {
        0.0
    } else if let Some(left) = sided('l') {
        -percent(left)?
    } else {
        percent(sided('r').unwrap_or(text))?
    };
    Some(percent / 100.0)
}

/// The name and octave of a key.
fn key_name(value: f64) -> String {
    let octave = (value / 12.0).floor();
    let below = KEYS.iter().zip(0_u8..).filter(|(_, at)| f64::from(*at) <= value - octave * 12.0);
    format!("{}{}", below.last().map_or("C", |(name, _)| name), octave - 1.0)
}

/// A key by its name, such as `c#4` or `eb3`, or its MIDI number.
fn read_key(text: &str) -> Option<f64> {
    if let Ok(number) = text.parse::<u8>() {
        return Some(number.into());
    }
    let mut letters = text.chars();
    let letter = letters.next()?.to_uppercase().to_string();
    let white = KEYS.iter().zip(0_u8..).find(|(name, _)| **name == letter)?.1;
    let rest = letters.as_str();
    let (shift, octave) = match rest.chars().next()? {
        '#' => (1.0, &rest[1..]),
        'b' => (-1.0, &rest[1..]),
        '♭' => (-1.0, rest.trim_start_matches('♭')),
        _ => (0.0, rest),
    };
    let octave: i8 = octave.trim().parse().ok()?;
    Some((f64::from(octave) + 1.0) * 12.0 + f64::from(white) + shift)
}

/// The digits that a musician reads.
const DIGITS: i32 = 3;

/// How many decimals leave three significant digits; digits before the point all stay.
fn decimals(value: f64) -> usize {
    let before = if value == 0.0 { 1.0 } else { value.abs().log10().floor() + 1.0 };
    (0..=6)
        .find(|decimals| f64::from(*decimals) + before >= f64::from(DIGITS))
        .map_or(6, |it| usize::try_from(it).unwrap_or_default())
}

/// `value` with three significant digits, as a number.
fn significant(value: f64) -> f64 {
    format!("{value:.*}", decimals(value)).parse().unwrap_or(value)
}

/// `value` with three significant digits; digits before the point all stay.
fn short(value: f64) -> String {
    trimmed(value, decimals(value))
}

/// `value` with at most this many decimals, and without zeros at the end.
fn trimmed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::Unit;

    #[test]
    fn value_has_its_unit_and_a_musicians_precision() {
        for (unit, value, text) in [
            (Unit::Hertz, 8000.0, "8 kHz"),
            (Unit::Hertz, 440.0, "440 Hz"),
            (Unit::Hertz, 12_543.0, "12.5 kHz"),
            (Unit::Hertz, 999.7, "1 kHz"),
            (Unit::Hertz, 82.41, "82.4 Hz"),
            (Unit::Hertz, 0.05, "0.05 Hz"),
            (Unit::TuningHertz, 442.5, "442.5 Hz"),
            (Unit::Seconds, 0.005, "5 ms"),
            (Unit::Seconds, 0.0, "0 ms"),
            (Unit::Seconds, 0.9996, "1 s"),
            (Unit::Seconds, 1.25, "1.25 s"),
            (Unit::Milliseconds, 10.0, "+10 ms"),
            (Unit::Level, -6.0, "-6.0 dB"),
            (Unit::Level, -120.0, "-∞ dB"),
            (Unit::Level, -0.001, "0.0 dB"),
            (Unit::Gain, 3.0, "+3.0 dB"),
            (Unit::Part, 0.35, "35 %"),
            (Unit::Part, 0.125, "12.5 %"),
            (Unit::Part, -0.4, "-40 %"),
            (Unit::Percent, 90.0, "90 %"),
            (Unit::Pan, -0.2, "L20"),
            (Unit::Pan, 0.001, "C"),
            (Unit::Pan, 1.0, "R100"),
            (Unit::Cents, 25.0, "+25 cents"),
            (Unit::Semitones, 7.0, "+7 st"),
            (Unit::Octaves, -1.5, "-1.5 oct"),
            (Unit::Factor, 1.48, "×1.48"),
            (Unit::Ratio, 4.0, "4:1"),
            (Unit::Bpm, 120.0, "120 bpm"),
            (Unit::Bars, 1.0, "1 bar"),
            (Unit::Beats, 480.0, "1 beat"),
            (Unit::Beats, 160.0, "0.333 beats"),
            (Unit::Key, 60.0, "C4"),
            (Unit::Key, 0.0, "C-1"),
            (Unit::Key, 127.0, "G9"),
            (Unit::Plain, 0.7, "0.7"),
            (Unit::Plain, 12_345.6, "12346"),
        ] {
            assert_eq!(unit.shown(value), text);
            let read = unit.read(text).unwrap();
            assert_eq!(unit.shown(read), text, "{unit:?}: {text} is typed as it is shown");
        }
    }

    #[test]
    fn value_is_typed_with_or_without_a_unit() {
        for (unit, texts, value) in [
            (Unit::Hertz, &["8k", "8 kHz", "8khz", "8000", " 8000 hz"][..], 8000.0),
            (Unit::Seconds, &["5 ms", "0.005 s", "0.005", "5ms"], 0.005),
            (Unit::Level, &["-3", "-3 dB", "−3.0 dB", "-3db"], -3.0),
            (Unit::Level, &["-inf", "-∞ dB", "−∞", "-inf dB", "silence"], -120.0),
            (Unit::Part, &["35", "35%", "35 percent"], 0.35),
            (Unit::Pan, &["L20", "l20", "20L", "-20", "−20 %"], -0.2),
            (Unit::Pan, &["C", "centre", "0"], 0.0),
            (Unit::Ratio, &["4", "4:1"], 4.0),
            (Unit::Factor, &["2", "×2", "x2", "2x"], 2.0),
            (Unit::Semitones, &["+12", "12 st", "1 oct"], 12.0),
            (Unit::Bpm, &["120", "120 bpm", "120BPM"], 120.0),
            (Unit::Key, &["C#4", "c#4", "db4", "61", "D♭4"], 61.0),
            (Unit::Key, &["B#3", "C4"], 60.0),
            (Unit::Key, &["Cb4", "b3"], 59.0),
        ] {
            for text in texts {
                let read = unit.read(text);
                assert!(read.is_some_and(|read| (read - value).abs() < 1e-9), "{text}: {read:?}");
            }
        }
        for (unit, text) in [
            (Unit::Hertz, "8 ms"),
            (Unit::Hertz, "fast"),
            (Unit::Hertz, ""),
            (Unit::Seconds, "5 Hz"),
            (Unit::Part, "1,5"),
            (Unit::Pan, "left"),
            (Unit::Key, "H4"),
            (Unit::Plain, "NaN"),
        ] {
            assert_eq!(unit.read(text), None, "{text}");
        }
    }
}
