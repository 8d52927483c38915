//! What an instrument's sound begins with: one of several kinds, each with
//! parameters of its own, one file a family.
//!
//! A new kind is a table of parameters and a row in `kinds!`. It knows how a
//! sound is described, never how one is made.

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

use super::{
    hosted::{Hosted, Loaded, PluginId, SynthDefId},
    kinds::kinds,
    reference::{Reference, Refers},
};

kinds! {
    /// What an instrument's sound begins with.
    Source, SourceKind, SourceSetting, SourceParameter, "the source of this instrument is of another kind" {
        /// A periodic wave.
        Oscillator(Oscillator);
        /// Many saws, slightly out of tune.
        SuperSaw(SuperSaw);
        /// A wave that restarts with every period of another.
        SyncSaw(SyncSaw);
        /// One wave of a table, and those between.
        Wavetable(Arc<Wavetable>);
        /// Noise.
        Noise(Noise);
        /// Two sines, one of which modulates the other.
        Fm(Fm);
        /// Four sines that modulate one another.
        FourOperator(FourOperator);
        /// A sine whose amplitude another one multiplies.
        RingModulation(RingModulation);
        /// A plucked string.
        Pluck(Pluck);
        /// A bowed string.
        Bow(Bow);
        /// A pipe that is blown.
        Pipe(Pipe);
        /// A bar that is struck.
        Mallet(Mallet);
        /// A stretched skin.
        Membrane(Membrane);
        /// A drum whose pitch falls.
        Kick(Kick);
        /// A drum with wires under its skin.
        Snare(Snare);
        /// Two cymbals on a stand.
        HiHat(HiHat);
        /// Hands.
        Clap(Clap);
        /// A drum that can be tuned.
        Tom(Tom);
        /// A cowbell.
        Cowbell(Cowbell);
        /// A recording, at the pitch of the key.
        Sampler(Arc<Sampler>);
        /// The pads of a drum machine.
        DrumKit(DrumKit);
        /// Grains of a recording.
        Granular(Arc<Granular>);
        /// A sum of harmonics.
        Additive(Additive);
        /// An input of the sound card.
        AudioInput(AudioInput);
        /// What a bus carries.
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
    /// The plug-in or the custom `SynthDef`, if it is one.
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
        studio::settings::Settings,
        util::quantity::{Amount, ModulationIndex},
    };

    #[test]
    fn another_kind_is_sent_with_only_the_parameters_that_are_not_its_defaults() {
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
    fn a_parameter_of_another_kind_is_refused() {
        let setting = SourceSetting::Kick(KickSetting::Click(Amount::MAX));
        let mut source = Source::of(SourceKind::Pluck);
        assert!(source.set(setting).is_err());
        assert_eq!(source, Source::of(SourceKind::Pluck));
    }
}
