//! The frequencies of keys.
//!
//! It must not know instruments.

use imbolc_net::{
    studio::{Key, Tuning, TuningSystem},
    util::quantity::Pitch,
};

/// The ratios of twelve notes to the tonic.
const JUST: [f64; 12] = [
    1.0,
    16.0 / 15.0,
    9.0 / 8.0,
    6.0 / 5.0,
    5.0 / 4.0,
    4.0 / 3.0,
    45.0 / 32.0,
    3.0 / 2.0,
    8.0 / 5.0,
    5.0 / 3.0,
    9.0 / 5.0,
    15.0 / 8.0,
];

const PYTHAGOREAN: [f64; 12] = [
    1.0,
    256.0 / 243.0,
    9.0 / 8.0,
    32.0 / 27.0,
    81.0 / 64.0,
    4.0 / 3.0,
    729.0 / 512.0,
    3.0 / 2.0,
    128.0 / 81.0,
    27.0 / 16.0,
    16.0 / 9.0,
    243.0 / 128.0,
];

/// Quarter-comma meantone, in cents above the tonic.
const MEANTONE: [f64; 12] =
    [0.0, 76.05, 193.16, 310.26, 386.31, 503.42, 579.47, 696.58, 772.63, 889.74, 1006.84, 1082.89];

/// Werckmeister III, in cents above the tonic.
const WERCKMEISTER: [f64; 12] = [
    0.0, 90.225, 192.18, 294.135, 390.225, 498.045, 588.27, 696.09, 792.18, 888.27, 996.09, 1092.18,
];

/// The frequency of a key in Hz. The concert pitch is that of the A above middle C, in every
/// system; unequal systems are tuned from the tonic of `key`.
#[must_use]
pub fn frequency(pitch: Pitch, tuning: &Tuning, key: Key) -> f32 {
    const A: i32 = 69;
    let tonic = key as i32;
    let cents = |note: i32| {
        let (octave, degree) = ((note - tonic).div_euclid(12), (note - tonic).rem_euclid(12));
        let degree = usize::try_from(degree).unwrap_or_default();
        let above = match tuning.system {
            TuningSystem::Equal => f64::from(u8::try_from(degree).unwrap_or_default()) * 100.0,
            TuningSystem::Just => JUST[degree].log2() * 1200.0,
            TuningSystem::Pythagorean => PYTHAGOREAN[degree].log2() * 1200.0,
            TuningSystem::Meantone => MEANTONE[degree],
            TuningSystem::Werckmeister => WERCKMEISTER[degree],
        };
        f64::from(octave) * 1200.0 + above
    };
    let difference = cents(pitch.get().into()) - cents(A);
    #[expect(clippy::cast_possible_truncation, reason = "at most 16 kHz")]
    let frequency = (f64::from(tuning.concert_pitch.get()) * (difference / 1200.0).exp2()) as f32;
    frequency
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concert_pitch_is_the_a_in_every_system_and_key() {
        let systems = [
            TuningSystem::Equal,
            TuningSystem::Just,
            TuningSystem::Pythagorean,
            TuningSystem::Meantone,
            TuningSystem::Werckmeister,
        ];
        for system in systems {
            for key in [Key::C, Key::FSharp, Key::B] {
                let tuning = Tuning { system, ..Tuning::default() };
                assert!((frequency(Pitch::of(69), &tuning, key) - 440.0).abs() < 1e-3);
                let [low, high] = [45, 57].map(|pitch| frequency(Pitch::of(pitch), &tuning, key));
                assert!((high / low - 2.0).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn intervals_are_those_of_their_system() {
        let ratio = |system, degree: u8| {
            let tuning = Tuning { system, ..Tuning::default() };
            let [low, high] = [60, 60 + degree].map(Pitch::of);
            frequency(high, &tuning, Key::C) / frequency(low, &tuning, Key::C)
        };
        let near = |left: f32, right: f32| assert!((left / right - 1.0).abs() < 1e-4, "{left}");
        near(ratio(TuningSystem::Equal, 7), 2_f32.powf(7.0 / 12.0));
        near(ratio(TuningSystem::Just, 4), 1.25);
        near(ratio(TuningSystem::Pythagorean, 4), 81.0 / 64.0);
        near(ratio(TuningSystem::Meantone, 4), 1.25);
        near(ratio(TuningSystem::Werckmeister, 7), 2_f32.powf(696.09 / 1200.0));
    }
}
