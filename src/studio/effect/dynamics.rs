//! Dynamics processors: compressor, limiter and gate.
//!
//! Parameter tables only; no signal processing belongs here.

use crate::{
    studio::common::{ids::BusId, settings::settings},
    util::quantity::{Amount, CompressionRatio, Decibels, Gain, Seconds},
};

settings! {
    /// A compressor: reduces the level of what exceeds the threshold.
    #[derive(Copy)]
    Compressor, CompressorSetting, CompressorParameter {
        /// The level in dB above which it works.
        threshold: Threshold(Decibels) = Decibels::of(-18.0);
        /// The compression ratio: the excess over the threshold is divided by
        /// it.
        ratio: Ratio(CompressionRatio) = CompressionRatio::of(4.0);
        /// The attack time in seconds.
        attack: Attack(Seconds) = Seconds::of(0.01);
        /// The release time in seconds.
        release: Release(Seconds) = Seconds::of(0.1);
        /// The make-up gain in dB.
        makeup: Makeup(Gain) = Gain::of(0.0);
        /// The bus that drives the compressor; `None` is its own input.
        side_chain: SideChain(Option<BusId>) = None;
        /// The wet part of the output: 0 % is dry only, 100 % wet only.
        mix: Mix(Amount) = Amount::of(1.0);
    }
}

settings! {
    /// A limiter: no peak exceeds the ceiling.
    #[derive(Copy)]
    Limiter, LimiterSetting, LimiterParameter {
        /// The highest output level in dB.
        ceiling: Ceiling(Decibels) = Decibels::of(-1.0);
        /// The input gain in dB.
        drive: Drive(Gain) = Gain::of(0.0);
        /// The look-ahead in seconds.
        look_ahead: LookAhead(Seconds) = Seconds::of(0.005);
        /// The release time in seconds.
        release: Release(Seconds) = Seconds::of(0.05);
    }
}

settings! {
    /// A noise gate: attenuates what is below the threshold.
    #[derive(Copy)]
    Gate, GateSetting, GateParameter {
        /// The level in dB below which the gate closes.
        threshold: Threshold(Decibels) = Decibels::of(-40.0);
        /// The level in dB while the gate is closed.
        floor: Floor(Decibels) = Decibels::of(-80.0);
        /// The time in seconds that it takes to open.
        attack: Attack(Seconds) = Seconds::of(0.001);
        /// The time in seconds for which it stays open.
        hold: Hold(Seconds) = Seconds::of(0.05);
        /// The time in seconds that it takes to close.
        release: Release(Seconds) = Seconds::of(0.1);
    }
}
