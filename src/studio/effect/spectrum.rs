//! Effects that change the spectrum of the sound.

use serde::{Deserialize, Serialize};

use crate::{
    studio::settings::settings,
    util::quantity::{Amount, BitDepth, Gain, Hertz, Quality},
};

settings! {
    /// One band of an equaliser.
    #[derive(Copy)]
    Band, BandSetting, BandParameter {
        /// Where it is.
        frequency: Frequency(Hertz) = Hertz::of(1000.0);
        /// How much it adds or takes away.
        gain: Gain(Gain) = Gain::of(0.0);
        /// How narrow it is.
        quality: Quality(Quality) = Quality::of(0.7);
    }
}

impl Band {
    fn at(hertz: f32) -> Self {
        Self { frequency: Hertz::of(hertz), ..Self::default() }
    }
}

settings! {
    /// An equaliser of six bands, the outer two of which are shelves.
    #[derive(Copy)]
    Equaliser, EqualiserSetting, EqualiserParameter {
        /// All below its frequency.
        low: Low[Band] = Band::at(80.0);
        /// Warmth.
        low_mid: LowMid[Band] = Band::at(250.0);
        /// Body.
        mid: Mid[Band] = Band::at(800.0);
        /// Presence.
        high_mid: HighMid[Band] = Band::at(2500.0);
        /// Brilliance.
        presence: Presence[Band] = Band::at(6000.0);
        /// All above its frequency.
        high: High[Band] = Band::at(12_000.0);
    }
}

/// How a wave is bent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DistortionCurve {
    /// Rounded, as by a valve.
    Soft,
    /// Cut off, as by a transistor.
    Hard,
    /// Folded back.
    Fold,
    /// Its lower half turned up.
    Rectify,
}

settings! {
    /// Overtones by bending the wave.
    #[derive(Copy)]
    Distortion, DistortionSetting, DistortionParameter {
        /// How it is bent.
        curve: Curve(DistortionCurve) = DistortionCurve::Soft;
        /// How far it is driven into the bend.
        drive: Drive(Amount) = Amount::of(0.3);
        /// What is cut off above, afterwards.
        tone: Tone(Hertz) = Hertz::of(8000.0);
        /// How much louder the result is made.
        level: Level(Gain) = Gain::of(0.0);
        /// How much of the result is heard.
        mix: Mix(Amount) = Amount::of(1.0);
    }
}

settings! {
    /// Fewer bits and fewer samples.
    #[derive(Copy)]
    BitCrusher, BitCrusherSetting, BitCrusherParameter {
        /// How many bits are left.
        bits: Bits(BitDepth) = BitDepth::of(8);
        /// How many samples a second are left.
        rate: Rate(Hertz) = Hertz::of(11_025.0);
        /// How much noise hides the steps.
        dither: Dither(Amount) = Amount::of(0.0);
        /// How much of the result is heard.
        mix: Mix(Amount) = Amount::of(1.0);
    }
}
