//! Sources in which one sine moves the frequency of another.

use serde::{Deserialize, Serialize};

use super::Wave;
use crate::{
    studio::settings::settings,
    util::quantity::{Amount, Cents, FrequencyRatio, ModulationIndex},
};

/// Which operator of four moves which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FmAlgorithm {
    /// Four in a row.
    Stack,
    /// Two rows of two.
    Pairs,
    /// Three move one.
    Star,
    /// One moves three.
    Fan,
    /// None moves another.
    Organ,
}

settings! {
    /// Two sines, one of which modulates the frequency of the other.
    #[derive(Copy)]
    Fm, FmSetting, FmParameter {
        /// The frequency of the modulator, as a multiple of the carrier's.
        ratio: Ratio(FrequencyRatio) = FrequencyRatio::of(2.0);
        /// How deep the modulation is.
        index: Index(ModulationIndex) = ModulationIndex::of(2.0);
        /// How much of the modulator modulates itself.
        feedback: Feedback(Amount) = Amount::of(0.0);
    }
}

settings! {
    /// Four sines.
    #[derive(Copy)]
    FourOperator, FourOperatorSetting, FourOperatorParameter {
        /// Which moves which.
        algorithm: Algorithm(FmAlgorithm) = FmAlgorithm::Stack;
        /// The frequency of the second, as a multiple of the first.
        ratio2: Ratio2(FrequencyRatio) = FrequencyRatio::of(1.0);
        /// That of the third.
        ratio3: Ratio3(FrequencyRatio) = FrequencyRatio::of(2.0);
        /// That of the fourth.
        ratio4: Ratio4(FrequencyRatio) = FrequencyRatio::of(3.0);
        /// How deep the second modulates.
        index2: Index2(ModulationIndex) = ModulationIndex::of(1.0);
        /// How deep the third does.
        index3: Index3(ModulationIndex) = ModulationIndex::of(0.5);
        /// How deep the fourth does.
        index4: Index4(ModulationIndex) = ModulationIndex::of(0.25);
        /// How much of the fourth modulates itself.
        feedback: Feedback(Amount) = Amount::of(0.0);
    }
}

settings! {
    /// A sine whose amplitude another one multiplies.
    #[derive(Copy)]
    RingModulation, RingModulationSetting, RingModulationParameter {
        /// The frequency of the other, as a multiple of its own.
        ratio: Ratio(FrequencyRatio) = FrequencyRatio::of(1.5);
        /// The shape of the other.
        wave: Wave(Wave) = Wave::Sine;
        /// How far the other is out of tune.
        detune: Detune(Cents) = Cents::of(0.0);
        /// How much of the product is heard.
        mix: Mix(Amount) = Amount::of(1.0);
    }
}
