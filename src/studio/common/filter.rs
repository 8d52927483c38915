//! The filter and the envelope, of an instrument and as an effect, and the
//! waveforms of an LFO.
//!
//! Parameter tables only; they must not know the instrument.

use crate::{
    studio::common::range::choices,
    util::quantity::{Amount, Hertz, Octaves, Seconds},
};
use serde::{Deserialize, Serialize};

use super::settings::settings;

/// The waveform of an LFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum LfoShape {
    Sine,
    Triangle,
    RampUp,
    RampDown,
    Square,
    SampleAndHold,
}

/// The response of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FilterKind {
    /// No filtering.
    Off,
    /// Passes frequencies below the cutoff.
    LowPass,
    /// Passes frequencies around the cutoff.
    BandPass,
    /// Passes frequencies above the cutoff.
    HighPass,
}

settings! {
    /// A filter.
    #[derive(Copy)]
    Filter, FilterSetting, FilterParameter {
        /// The response.
        kind: Kind(FilterKind) = FilterKind::LowPass;
        /// The cutoff frequency in Hz.
        cutoff: Cutoff(Hertz) = Hertz::of(8000.0);
        /// The resonance at the cutoff, from 0 to 1.
        resonance: Resonance(Amount) = Amount::of(0.1);
        /// The modulation of the cutoff by the envelope, in octaves.
        sweep: Sweep(Octaves) = Octaves::of(0.0);
        /// The keyboard tracking of the cutoff, from 0 to 1.
        tracking: Tracking(Amount) = Amount::of(0.0);
    }
}

settings! {
    /// An ADSR envelope over the level of a note.
    #[derive(Copy)]
    Envelope, EnvelopeSetting, EnvelopeParameter {
        /// The attack time in seconds.
        attack: Attack(Seconds) = Seconds::of(0.005);
        /// The decay time in seconds, from the peak to the sustain level.
        decay: Decay(Seconds) = Seconds::of(0.1);
        /// The sustain level, from 0 to 1.
        sustain: Sustain(Amount) = Amount::of(0.8);
        /// The release time in seconds.
        release: Release(Seconds) = Seconds::of(0.2);
    }
}

choices! {
    FilterKind: Off LowPass BandPass HighPass;
    LfoShape: Sine Triangle RampUp RampDown Square SampleAndHold;
}
