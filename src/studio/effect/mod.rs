//! What a chain is made of: one of several kinds of effect, each with parameters
//! of its own.
//!
//! A new kind is a table of parameters and a row in `kinds!`. It knows how an
//! effect is described, never how one is made, nor what it is a part of.

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

use super::{
    hosted::{Hosted, Loaded, PluginId},
    kinds::kinds,
    reference::{Reference, Refers},
    tone::Filter,
};

kinds! {
    /// What a slot of a chain does to the sound.
    Effect, EffectKind, EffectSetting, EffectParameter, "the effect in this slot is of another kind" {
        /// A filter.
        Filter(Filter);
        /// An equaliser of several bands.
        Equaliser(Arc<Equaliser>);
        /// Echoes.
        Delay(Delay);
        /// A room.
        Reverb(Reverb);
        /// Several detuned copies.
        Chorus(Chorus);
        /// A copy whose delay sweeps.
        Flanger(Flanger);
        /// Notches that sweep.
        Phaser(Phaser);
        /// Overtones by bending the wave.
        Distortion(Distortion);
        /// Fewer bits and fewer samples.
        BitCrusher(BitCrusher);
        /// Makes loud parts softer.
        Compressor(Compressor);
        /// Lets nothing through over a ceiling.
        Limiter(Limiter);
        /// Lets nothing through under a threshold.
        Gate(Gate);
        /// Loudness that goes up and down.
        Tremolo(Tremolo);
        /// A room as it was recorded.
        Convolution(Arc<Convolution>);
        /// A plug-in.
        Vst(Arc<Loaded<PluginId>>);
    }
}

impl Effect {
    /// The plug-in, if it is one.
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
