//! The effects that a chain can hold; each kind has its own parameters.
//!
//! A new kind needs a table of parameters and a row in `kinds!`. This module
//! describes effects. It must not process audio, and must not know which chain
//! an effect is in.

pub(super) mod chain;

mod dynamics;
mod modulation;
mod space;
mod spectrum;

use std::sync::Arc;

pub use self::{
    dynamics::{
        Compressor, CompressorParameter, CompressorSetting, Gate, GateParameter, GateSetting,
        Limiter, LimiterParameter, LimiterSetting,
    },
    modulation::{
        Chorus, ChorusParameter, ChorusSetting, Flanger, FlangerParameter, FlangerSetting, Phaser,
        PhaserParameter, PhaserSetting, Tremolo, TremoloParameter, TremoloSetting,
    },
    space::{
        Convolution, ConvolutionParameter, ConvolutionSetting, Delay, DelayParameter, DelaySetting,
        Reverb, ReverbParameter, ReverbSetting,
    },
    spectrum::{
        Band, BandParameter, BandSetting, BitCrusher, BitCrusherParameter, BitCrusherSetting,
        Distortion, DistortionCurve, DistortionParameter, DistortionSetting, Equaliser,
        EqualiserParameter, EqualiserSetting,
    },
};

use crate::studio::{
    common::{
        filter::Filter,
        ids::PluginId,
        kinds::kinds,
        reference::{Reference, Refers},
    },
    plugin::{Hosted, Loaded},
};

kinds! {
    /// An effect and its parameters.
    Effect, EffectKind, EffectSetting, EffectParameter, "the effect in this slot is of another kind" {
        /// A filter.
        Filter(Filter);
        /// A six-band equaliser.
        Equaliser(Arc<Equaliser>);
        /// A delay line with feedback.
        Delay(Delay);
        /// An algorithmic reverb.
        Reverb(Reverb);
        /// Several copies with modulated delays.
        Chorus(Chorus);
        /// A copy with a short, modulated delay.
        Flanger(Flanger);
        /// Notches that sweep through the spectrum.
        Phaser(Phaser);
        /// A waveshaper.
        Distortion(Distortion);
        /// A reduction of bit depth and sample rate.
        BitCrusher(BitCrusher);
        /// A compressor.
        Compressor(Compressor);
        /// A limiter.
        Limiter(Limiter);
        /// A noise gate.
        Gate(Gate);
        /// A periodic change of the level.
        Tremolo(Tremolo);
        /// A reverb from a recorded impulse response.
        Convolution(Arc<Convolution>);
        /// A plug-in.
        Vst(Arc<Loaded<PluginId>>);
    }
}

impl Effect {
    /// The hosted plug-in, if the effect is one.
    #[must_use]
    pub fn hosted(&self) -> Option<&dyn Hosted> {
        if let Self::Vst(plugin) = self { Some(plugin.as_ref()) } else { None }
    }

    pub(super) fn hosted_mut(&mut self) -> Option<&mut dyn Hosted> {
        match self {
            Self::Vst(plugin) => {
                let plugin: &mut Loaded<_> = Arc::make_mut(plugin);
                Some(plugin)
            }
            _ => None,
        }
    }
}

impl Refers for Effect {
    fn references(&self, each: &mut dyn FnMut(Reference)) {
        match self {
            Self::Compressor(Compressor { side_chain: Some(bus), .. }) => {
                each(Reference::Bus(*bus));
            }
            Self::Vst(plugin) => plugin.references(each),
            _ => {}
        }
    }

    fn forget(&mut self, gone: Reference) {
        match self {
            Self::Compressor(Compressor { side_chain, .. }) => {
                side_chain.take_if(|bus| Reference::Bus(*bus) == gone);
            }
            Self::Vst(plugin) if plugin.refers_to(gone) => Arc::make_mut(plugin).forget(gone),
            _ => {}
        }
    }
}
