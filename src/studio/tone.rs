//! What shapes an instrument's sound after its source: a filter, and an
//! envelope over its loudness.
//!
//! Tables of parameters only: they know nothing of the instrument they are in.

use serde::{Deserialize, Serialize};

use super::settings::settings;
use crate::util::quantity::{Amount, Hertz, Octaves, Seconds};

/// Which frequencies a filter lets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FilterKind {
    /// All of them.
    Off,
    /// Those below the cutoff.
    LowPass,
    /// Those around the cutoff.
    BandPass,
    /// Those above the cutoff.
    HighPass,
}

settings! {
    /// A filter.
    #[derive(Copy)]
    Filter, FilterSetting, FilterParameter {
        /// Which frequencies pass.
        kind: Kind(FilterKind) = FilterKind::LowPass;
        /// Where it begins to cut.
        cutoff: Cutoff(Hertz) = Hertz::of(8000.0);
        /// How much it stresses the cutoff.
        resonance: Resonance(Amount) = Amount::of(0.1);
        /// How far the envelope moves the cutoff.
        sweep: Sweep(Octaves) = Octaves::of(0.0);
        /// How far the cutoff follows the keyboard.
        tracking: Tracking(Amount) = Amount::of(0.0);
    }
}

settings! {
    /// What becomes of a note's loudness while its key is held, and after.
    #[derive(Copy)]
    Envelope, EnvelopeSetting, EnvelopeParameter {
        /// How long it takes to rise.
        attack: Attack(Seconds) = Seconds::of(0.005);
        /// How long it then takes to fall to the sustained level.
        decay: Decay(Seconds) = Seconds::of(0.1);
        /// What it stays at while the key is held.
        sustain: Sustain(Amount) = Amount::of(0.8);
        /// How long it takes to fall silent after the key is released.
        release: Release(Seconds) = Seconds::of(0.2);
    }
}
