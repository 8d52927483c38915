//! Spectral effects: equaliser, distortion and bit crusher.
//!
//! Parameter tables only; no signal processing belongs here.

use crate::{
    studio::common::{range::choices, settings::settings},
    util::quantity::{Amount, BitDepth, Gain, Hertz, Quality},
};
use serde::{Deserialize, Serialize};

settings! {
    /// One band of an equaliser.
    #[derive(Copy)]
    Band, BandSetting, BandParameter {
        /// The centre or corner frequency in Hz.
        frequency: Frequency(Hertz) = Hertz::of(1000.0);
        /// The gain in dB.
        gain: Gain(Gain) = Gain::of(0.0);
        /// The quality factor Q; a higher one is narrower.
        quality: Quality(Quality) = Quality::of(0.7);
    }
}

impl Band {
    fn at(hertz: f32) -> Self {
        Self { frequency: Hertz::of(hertz), ..Self::default() }
    }
}

settings! {
    /// A six-band equaliser. The lowest and the highest band are shelves.
    #[derive(Copy)]
    Equaliser, EqualiserSetting, EqualiserParameter {
        /// The low shelf.
        low: Low[Band] = Band::at(80.0);
        /// The band around 250 Hz.
        low_mid: LowMid[Band] = Band::at(250.0);
        /// The band around 800 Hz.
        mid: Mid[Band] = Band::at(800.0);
        /// The band around 2.5 kHz.
        high_mid: HighMid[Band] = Band::at(2500.0);
        /// The band around 6 kHz.
        presence: Presence[Band] = Band::at(6000.0);
        /// The high shelf.
        high: High[Band] = Band::at(12_000.0);
    }
}

/// The transfer curve of a waveshaper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DistortionCurve {
    /// Soft clipping, as a valve does.
    Soft,
    /// Hard clipping, as a transistor does.
    Hard,
    /// Wavefolding.
    Fold,
    /// Full-wave rectification.
    Rectify,
}

settings! {
    /// A waveshaper that adds overtones.
    #[derive(Copy)]
    Distortion, DistortionSetting, DistortionParameter {
        /// The transfer curve.
        curve: Curve(DistortionCurve) = DistortionCurve::Soft;
        /// The input drive, from 0 to 1.
        drive: Drive(Amount) = Amount::of(0.3);
        /// The cutoff in Hz of the low-pass filter at the output.
        tone: Tone(Hertz) = Hertz::of(8000.0);
        /// The output gain in dB.
        level: Level(Gain) = Gain::of(0.0);
        /// The wet part of the output: 0 % is dry only, 100 % wet only.
        mix: Mix(Amount) = Amount::of(1.0);
    }
}

settings! {
    /// A reduction of bit depth and sample rate.
    #[derive(Copy)]
    BitCrusher, BitCrusherSetting, BitCrusherParameter {
        /// The bit depth.
        bits: Bits(BitDepth) = BitDepth::of(8);
        /// The sample rate in Hz.
        rate: Rate(Hertz) = Hertz::of(11_025.0);
        /// The level of dither noise, from 0 to 1.
        dither: Dither(Amount) = Amount::of(0.0);
        /// The wet part of the output: 0 % is dry only, 100 % wet only.
        mix: Mix(Amount) = Amount::of(1.0);
    }
}

choices! {
    DistortionCurve: Soft Hard Fold Rectify;
}
