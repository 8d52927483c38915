//! Frequency and ring modulation sources.
//!
//! Parameter tables only; no synthesis belongs here.

use crate::{
    studio::common::{range::choices, settings::settings},
    util::quantity::{Amount, Cents, FrequencyRatio, ModulationIndex},
};
use serde::{Deserialize, Serialize};

use super::Wave;

/// The routing of the four operators of a [`FourOperator`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FmAlgorithm {
    /// A series: each operator modulates the next.
    Stack,
    /// Two pairs of a modulator and a carrier.
    Pairs,
    /// Three operators modulate the fourth.
    Star,
    /// One operator modulates the other three.
    Fan,
    /// No modulation: the operators are added, as the drawbars of an organ.
    Organ,
}

settings! {
    /// Two-operator FM: a modulator and a carrier.
    #[derive(Copy)]
    Fm, FmSetting, FmParameter {
        /// The modulator frequency as a multiple of the carrier's.
        ratio: Ratio(FrequencyRatio) = FrequencyRatio::of(2.0);
        /// The modulation index.
        index: Index(ModulationIndex) = ModulationIndex::of(2.0);
        /// The self-modulation of the modulator, from 0 to 1.
        feedback: Feedback(Amount) = Amount::of(0.0);
    }
}

settings! {
    /// Four-operator FM.
    #[derive(Copy)]
    FourOperator, FourOperatorSetting, FourOperatorParameter {
        /// The routing of the operators.
        algorithm: Algorithm(FmAlgorithm) = FmAlgorithm::Stack;
        /// The frequency of operator 2 as a multiple of operator 1's.
        ratio2: Ratio2(FrequencyRatio) = FrequencyRatio::of(1.0);
        /// The frequency of operator 3 as a multiple of operator 1's.
        ratio3: Ratio3(FrequencyRatio) = FrequencyRatio::of(2.0);
        /// The frequency of operator 4 as a multiple of operator 1's.
        ratio4: Ratio4(FrequencyRatio) = FrequencyRatio::of(3.0);
        /// The modulation index of operator 2.
        index2: Index2(ModulationIndex) = ModulationIndex::of(1.0);
        /// The modulation index of operator 3.
        index3: Index3(ModulationIndex) = ModulationIndex::of(0.5);
        /// The modulation index of operator 4.
        index4: Index4(ModulationIndex) = ModulationIndex::of(0.25);
        /// The self-modulation of operator 4, from 0 to 1.
        feedback: Feedback(Amount) = Amount::of(0.0);
    }
}

settings! {
    /// Ring modulation: a sine multiplied by a modulator.
    #[derive(Copy)]
    RingModulation, RingModulationSetting, RingModulationParameter {
        /// The modulator frequency as a multiple of the carrier's.
        ratio: Ratio(FrequencyRatio) = FrequencyRatio::of(1.5);
        /// The waveform of the modulator.
        wave: Wave(Wave) = Wave::Sine;
        /// The detuning of the modulator in cents.
        detune: Detune(Cents) = Cents::of(0.0);
        /// The wet part of the output: 0 % is the plain sine, 100 % the product only.
        mix: Mix(Amount) = Amount::of(1.0);
    }
}

choices! {
    FmAlgorithm: Stack Pairs Star Fan Organ;
}
