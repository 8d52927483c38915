//! The sound sources of instruments; each kind has its own parameters. One file
//! per family.
//!
//! A new kind needs a table of parameters and a row in `kinds!`. This module
//! describes sources and must not synthesise audio.

mod fm;
mod granular;
mod inputs;
mod oscillators;
mod percussion;
mod physical;
mod samplers;

use std::sync::Arc;

pub use self::{
    fm::{
        Fm, FmAlgorithm, FmParameter, FmSetting, FourOperator, FourOperatorParameter,
        FourOperatorSetting, RingModulation, RingModulationParameter, RingModulationSetting,
    },
    granular::{
        Additive, AdditiveParameter, AdditiveSetting, Granular, GranularParameter, GranularSetting,
    },
    inputs::{
        AudioInput, AudioInputParameter, AudioInputSetting, BusInput, BusInputParameter,
        BusInputSetting,
    },
    oscillators::{
        Noise, NoiseColour, NoiseParameter, NoiseSetting, Oscillator, OscillatorParameter,
        OscillatorSetting, SuperSaw, SuperSawParameter, SuperSawSetting, SyncSaw, SyncSawParameter,
        SyncSawSetting, Wave, Wavetable, WavetableParameter, WavetableSetting,
    },
    percussion::{
        Clap, ClapParameter, ClapSetting, Cowbell, CowbellParameter, CowbellSetting, HiHat,
        HiHatParameter, HiHatSetting, Kick, KickParameter, KickSetting, Snare, SnareParameter,
        SnareSetting, Tom, TomParameter, TomSetting,
    },
    physical::{
        Bow, BowParameter, BowSetting, Mallet, MalletParameter, MalletSetting, Membrane,
        MembraneParameter, MembraneSetting, Pipe, PipeParameter, PipeSetting, Pluck,
        PluckParameter, PluckSetting,
    },
    samplers::{
        DrumKit, DrumKitParameter, DrumKitSetting, SampleLoop, Sampler, SamplerParameter,
        SamplerSetting,
    },
};

use crate::studio::{
    common::{
        ids::{PluginId, SynthDefId},
        kinds::kinds,
        reference::{Reference, Refers},
    },
    plugin::{Hosted, Loaded},
};

kinds! {
    /// The sound source of an instrument and its parameters.
    Source, SourceKind, SourceSetting, SourceParameter, "the source of this instrument is of another kind" {
        /// A periodic waveform.
        Oscillator(Oscillator);
        /// Several detuned saws.
        SuperSaw(SuperSaw);
        /// A saw that is hard-synced to another oscillator.
        SyncSaw(SyncSaw);
        /// A wavetable with interpolation.
        Wavetable(Arc<Wavetable>);
        /// Noise.
        Noise(Noise);
        /// Two-operator FM.
        Fm(Fm);
        /// Four-operator FM.
        FourOperator(FourOperator);
        /// A ring modulator.
        RingModulation(RingModulation);
        /// A plucked string.
        Pluck(Pluck);
        /// A bowed string.
        Bow(Bow);
        /// A blown pipe.
        Pipe(Pipe);
        /// A struck bar.
        Mallet(Mallet);
        /// A struck membrane.
        Membrane(Membrane);
        /// A synthesised bass drum.
        Kick(Kick);
        /// A synthesised snare drum.
        Snare(Snare);
        /// A synthesised hi-hat.
        HiHat(HiHat);
        /// A synthesised hand clap.
        Clap(Clap);
        /// A synthesised tom.
        Tom(Tom);
        /// A synthesised cowbell.
        Cowbell(Cowbell);
        /// A sample at the pitch of the key.
        Sampler(Arc<Sampler>);
        /// The pads of a drum machine.
        DrumKit(DrumKit);
        /// Grains of a sample.
        Granular(Arc<Granular>);
        /// A sum of harmonics.
        Additive(Additive);
        /// An input of the sound card.
        AudioInput(AudioInput);
        /// The signal of a bus.
        BusInput(BusInput);
        /// A plug-in.
        Vst(Arc<Loaded<PluginId>>);
        /// A custom `SynthDef`.
        SynthDef(Arc<Loaded<SynthDefId>>);
    }
}

impl Default for Source {
    fn default() -> Self {
        Self::of(SourceKind::Oscillator)
    }
}

impl Source {
    /// The hosted plug-in or custom `SynthDef`, if the source is one.
    #[must_use]
    pub fn hosted(&self) -> Option<&dyn Hosted> {
        match self {
            Self::Vst(plugin) => Some(plugin.as_ref()),
            Self::SynthDef(synth_def) => Some(synth_def.as_ref()),
            _ => None,
        }
    }

    pub(super) fn hosted_mut(&mut self) -> Option<&mut dyn Hosted> {
        match self {
            Self::Vst(plugin) => {
                let plugin: &mut Loaded<_> = Arc::make_mut(plugin);
                Some(plugin)
            }
            Self::SynthDef(synth_def) => {
                let synth_def: &mut Loaded<_> = Arc::make_mut(synth_def);
                Some(synth_def)
            }
            _ => None,
        }
    }
}

impl Refers for Source {
    fn references(&self, each: &mut dyn FnMut(Reference)) {
        match self {
            Self::BusInput(BusInput { bus: Some(bus), .. }) => each(Reference::Bus(*bus)),
            Self::Vst(plugin) => plugin.references(each),
            Self::SynthDef(synth_def) => synth_def.references(each),
            _ => {}
        }
    }

    fn forget(&mut self, gone: Reference) {
        match self {
            Self::BusInput(BusInput { bus, .. }) => {
                bus.take_if(|bus| Reference::Bus(*bus) == gone);
            }
            Self::Vst(plugin) if plugin.refers_to(gone) => Arc::make_mut(plugin).forget(gone),
            Self::SynthDef(synth_def) if synth_def.refers_to(gone) => {
                Arc::make_mut(synth_def).forget(gone);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        studio::common::settings::Settings,
        util::quantity::{Amount, ModulationIndex},
    };

    #[test]
    fn diff_of_new_kind_omits_default_parameters() {
        let fm = Fm { index: ModulationIndex::of(9.0), ..Fm::default() };
        let mut settings = Vec::new();
        Source::default().diff(&Source::Fm(fm), &mut |setting| settings.push(setting));
        assert_eq!(
            settings,
            [
                SourceSetting::Kind(SourceKind::Fm),
                SourceSetting::Fm(FmSetting::Index(ModulationIndex::of(9.0))),
            ]
        );
    }

    #[test]
    fn parameter_of_another_kind_is_refused() {
        let setting = SourceSetting::Kick(KickSetting::Click(Amount::MAX));
        let mut source = Source::of(SourceKind::Pluck);
        assert!(source.set(setting).is_err());
        assert_eq!(source, Source::of(SourceKind::Pluck));
    }
}
