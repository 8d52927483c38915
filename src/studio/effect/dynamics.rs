//! Effects that change how loud the sound is, by how loud it is.

use crate::{
    studio::{mixer::BusId, settings::settings},
    util::quantity::{Amount, CompressionRatio, Decibels, Gain, Seconds},
};

settings! {
    /// Makes what is over a threshold softer.
    #[derive(Copy)]
    Compressor, CompressorSetting, CompressorParameter {
        /// Where it begins to work.
        threshold: Threshold(Decibels) = Decibels::of(-18.0);
        /// By how much it divides what is over the threshold.
        ratio: Ratio(CompressionRatio) = CompressionRatio::of(4.0);
        /// How long it takes to begin.
        attack: Attack(Seconds) = Seconds::of(0.01);
        /// How long it takes to end.
        release: Release(Seconds) = Seconds::of(0.1);
        /// How much it makes up for afterwards.
        makeup: Makeup(Gain) = Gain::of(0.0);
        /// The bus that it listens to instead of its own input.
        side_chain: SideChain(Option<BusId>) = None;
        /// How much of the result is heard, against the untreated sound.
        mix: Mix(Amount) = Amount::of(1.0);
    }
}

settings! {
    /// Lets nothing through over a ceiling.
    #[derive(Copy)]
    Limiter, LimiterSetting, LimiterParameter {
        /// The loudest that passes.
        ceiling: Ceiling(Decibels) = Decibels::of(-1.0);
        /// How much louder the sound is made before it.
        drive: Drive(Gain) = Gain::of(0.0);
        /// How far it looks ahead.
        look_ahead: LookAhead(Seconds) = Seconds::of(0.005);
        /// How long it takes to let go.
        release: Release(Seconds) = Seconds::of(0.05);
    }
}

settings! {
    /// Lets nothing through under a threshold.
    #[derive(Copy)]
    Gate, GateSetting, GateParameter {
        /// Where it closes.
        threshold: Threshold(Decibels) = Decibels::of(-40.0);
        /// How soft the sound is while it is closed.
        floor: Floor(Decibels) = Decibels::of(-80.0);
        /// How long it takes to open.
        attack: Attack(Seconds) = Seconds::of(0.001);
        /// How long it stays open.
        hold: Hold(Seconds) = Seconds::of(0.05);
        /// How long it takes to close.
        release: Release(Seconds) = Seconds::of(0.1);
    }
}
