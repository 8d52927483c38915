//! The built-in model: a studio of instruments, tracks, a mixer and a transport.
//!
//! It knows music only. It must not know the network, participants, wall-clock
//! time or sound. Each subsystem has a folder with its state, its actions and its
//! reducer; [`Settings`] is the idea that they share. Dependencies point downwards:
//!
//! - `silent_engine` and `client_state` use everything below;
//! - this folder joins the subsystems: `studio_state`, `network_action`, `reducer`,
//!   `added`, `access`, `audibility`, `lookup`, `patch`, `reversible`, `description`,
//!   `state_digest`, `unsaved_mark`, `starter`, `metering`, `studio_notice`;
//! - `automation` and `arrangement`, then `mixer`, `drums`, `piano_roll`,
//!   `instrument`, then `source` and `effect`, then `plugin`;
//! - `project`, `globals`, and lowest `common`.
//!
//! `docs/extending.md` says how to add a subsystem.

mod access;
mod added;
mod arrangement;
mod audibility;
mod automation;
mod client_state;
mod common;
mod description;
mod drums;
mod effect;
mod globals;
mod instrument;
mod lookup;
mod metering;
mod mixer;
mod network_action;
mod patch;
mod piano_roll;
mod plugin;
mod project;
mod project_report;
mod reducer;
mod reversible;
mod silent_engine;
mod source;
mod starter;
mod state_digest;
mod studio_notice;
mod studio_state;
mod unsaved_mark;

pub use self::{
    added::Added,
    arrangement::{
        Arrangement, ArrangementSetting, AtEnd, Clip, ClipAction, ClipChange, ClipId, ClipSetting,
        Part, Parts, Placement, PlacementAction, PlacementChange, PlacementId, PlayMode,
    },
    audibility::Audibility,
    automation::{
        Automation, AutomationAction, Curve, Lane, LaneChange, LaneSetting, Point, Points, Target,
    },
    client_state::{
        Action, ClientState, ClipboardAction, ClipboardError, Layer, LayerAction, LocalAction,
        MidiAction, MidiPort, NavigationAction, Pane, SelectionAction,
    },
    common::{
        automated::{Automated, NoParameter},
        bounded::{
            MAX_ACTION_BYTES, MAX_BUSES, MAX_CHAINED, MAX_CLIP_NOTES_IN_ALL, MAX_CLIPS,
            MAX_CLIPS_IN_ALL, MAX_DEFINITIONS, MAX_INSTRUMENTS, MAX_LANES, MAX_LAYER_GROUPS,
            MAX_MAPPINGS, MAX_NAME, MAX_NOTES, MAX_NOTES_IN_ALL, MAX_PARAMETERS,
            MAX_PARAMETERS_IN_ALL, MAX_PASTED, MAX_PATTERNS, MAX_PATTERNS_IN_ALL, MAX_PLACEMENTS,
            MAX_PLACEMENTS_IN_ALL, MAX_POINTS, MAX_POINTS_IN_ALL, MAX_RECOVERED, MAX_SLICES,
            MAX_SLOTS, MAX_STATE_BYTES, MAX_STEPS_IN_ALL, MAX_STEPS_PASTED, MAX_TOUCHED,
        },
        content::{BadContentHash, Content, ContentHash},
        filter::{
            Envelope, EnvelopeParameter, EnvelopeSetting, Filter, FilterKind, FilterParameter,
            FilterSetting, LfoShape,
        },
        ids::{BusId, DefinitionId, LayerGroupId, ParameterId, PluginId, SlotId, SynthDefId},
        loop_region::{BadRegion, LoopRegion},
        name::{BadName, Name},
        reference::Reference,
        rhythm::NoteValue,
        settings::Settings,
        studio_effect::{KeyHold, StudioEffect},
    },
    drums::{
        BadSlice, BadStepRegion, ChainedPatterns, Chopper, ChopperSetting, DrumAction, DrumChange,
        DrumMachine, DrumParameter, DrumSetting, Drums, Hit, HitSetting, Pad, PadParameter,
        PadSetting, PadSound, Pattern, PatternId, PatternSetting, Slice, SliceId, Step, StepRegion,
        Steps,
    },
    effect::{
        Band, BandParameter, BandSetting, BitCrusher, BitCrusherParameter, BitCrusherSetting,
        Chorus, ChorusParameter, ChorusSetting, Compressor, CompressorParameter, CompressorSetting,
        Convolution, ConvolutionParameter, ConvolutionSetting, Delay, DelayParameter, DelaySetting,
        Distortion, DistortionCurve, DistortionParameter, DistortionSetting, Effect, EffectKind,
        EffectParameter, EffectSetting, Equaliser, EqualiserParameter, EqualiserSetting, Flanger,
        FlangerParameter, FlangerSetting, Gate, GateParameter, GateSetting, Limiter,
        LimiterParameter, LimiterSetting, Phaser, PhaserParameter, PhaserSetting, Reverb,
        ReverbParameter, ReverbSetting, Tremolo, TremoloParameter, TremoloSetting,
        chain::{Chain, ChainParameter, ChainSetting, Slot},
    },
    globals::{
        midi_map::{
            InstrumentKnob, Mapping, MappingId, MidiMap, MidiMapSetting, MidiTarget, StripKnob,
        },
        playback::{Transport, TransportAction, TransportReport, TransportSetting},
        session_settings::{
            BadTimeSignature, Click, ClickParameter, ClickSetting, Humanise, HumaniseParameter,
            HumaniseSetting, Key, Scale, SessionParameter, SessionSetting, SessionState,
            TimeSignature, Tuning, TuningParameter, TuningSetting, TuningSystem,
        },
    },
    instrument::{
        Channels, Instrument, InstrumentAction, InstrumentParameter, InstrumentSetting,
        InstrumentState, Output,
        held_keys::{KeyChange, Keys},
        modulator::{
            Arpeggiator, ArpeggiatorParameter, ArpeggiatorSetting, ArpeggioPattern, ChordShape,
            Groove, GrooveParameter, GrooveSetting, Lfo, LfoParameter, LfoSetting, LfoTarget,
            Swing,
        },
        sends::{BusSend, BusSendParameter, BusSendSetting, Sends, SendsParameter, SendsSetting},
    },
    metering::{MAX_METERED, Metering, SoundEngine, StripPeaks},
    mixer::{
        Bus, BusParameter, BusSetting, Master, MasterParameter, MasterSetting, Mixer, MixerSetting,
        layer_group::{LayerGroup, LayerGroupParameter, LayerGroupSetting},
    },
    network_action::NetworkAction,
    patch::{StudioChange, StudioPatch},
    piano_roll::{
        Note, Notes, PianoRoll, PianoRollAction, Track, TrackChange, TrackSetting, Voices,
    },
    plugin::{
        Hosted, Loaded, LoadedSetting,
        device::Device,
        registry::{BadParameter, Definition, Parameter, Registry, RegistrySetting},
    },
    project::{
        BadProjectName, Names, ProjectAction, ProjectFailure, ProjectName, ProjectNotice,
        ProjectSetting, Projects, Shelf,
    },
    project_report::{ProjectOutcome, ProjectReport},
    silent_engine::{PlaybackEvent, Played, SilentEngine},
    source::{
        Additive, AdditiveParameter, AdditiveSetting, AudioInput, AudioInputParameter,
        AudioInputSetting, Bow, BowParameter, BowSetting, BusInput, BusInputParameter,
        BusInputSetting, Clap, ClapParameter, ClapSetting, Cowbell, CowbellParameter,
        CowbellSetting, DrumKit, DrumKitParameter, DrumKitSetting, Fm, FmAlgorithm, FmParameter,
        FmSetting, FourOperator, FourOperatorParameter, FourOperatorSetting, Granular,
        GranularParameter, GranularSetting, HiHat, HiHatParameter, HiHatSetting, Kick,
        KickParameter, KickSetting, Mallet, MalletParameter, MalletSetting, Membrane,
        MembraneParameter, MembraneSetting, Noise, NoiseColour, NoiseParameter, NoiseSetting,
        Oscillator, OscillatorParameter, OscillatorSetting, Pipe, PipeParameter, PipeSetting,
        Pluck, PluckParameter, PluckSetting, RingModulation, RingModulationParameter,
        RingModulationSetting, SampleLoop, Sampler, SamplerParameter, SamplerSetting, Snare,
        SnareParameter, SnareSetting, Source, SourceKind, SourceParameter, SourceSetting, SuperSaw,
        SuperSawParameter, SuperSawSetting, SyncSaw, SyncSawParameter, SyncSawSetting, Tom,
        TomParameter, TomSetting, Wave, Wavetable, WavetableParameter, WavetableSetting,
    },
    studio_notice::StudioNotice,
    studio_state::StudioState,
    unsaved_mark::UnsavedMark,
};
use crate::{
    model::{
        Access, Digest, DirtyFlags, InstrumentId, Invalid, JobFault, Model, PatchError, Reduction,
        ReversibleChange, UndoPolicy,
    },
    util::ordmap::Merged,
};

/// The model of a studio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Studio;

impl Model for Studio {
    const NAME: &'static str = "imbolc-studio";
    const VERSION: u32 = 4;

    type State = StudioState;
    type Action = NetworkAction;
    type Patch = StudioPatch;
    type Effect = StudioEffect;
    type Outcome = Option<Added>;
    type Metering = Metering;
    type Notice = StudioNotice;

    fn access(_state: &StudioState, action: &NetworkAction) -> Access {
        access::access_of(action)
    }

    fn reduce(
        state: &mut StudioState,
        action: &NetworkAction,
    ) -> Result<Reduction<StudioEffect, Option<Added>>, Invalid> {
        let outcome = Added::by(action, state);
        Ok(Reduction { effects: state.reduce(action)?, outcome })
    }

    fn diff(from: &StudioState, to: &StudioState) -> Option<StudioPatch> {
        patch::diff_studio(from, to)
    }

    fn apply(state: &mut StudioState, patch: &StudioPatch) -> Result<(), PatchError> {
        patch::apply_patch(state, patch)
    }

    fn instruments(state: &StudioState) -> Vec<InstrumentId> {
        state.instruments.ids().collect()
    }

    fn exists(state: &StudioState, instrument: InstrumentId) -> bool {
        state.instruments.contains(instrument)
    }

    fn removed(from: &StudioState, to: &StudioState) -> Vec<InstrumentId> {
        let changed = from.instruments.changed(&to.instruments);
        changed.filter(|(_, now)| now.is_none()).map(|(id, _)| id).collect()
    }

    /// Releases the keys that are held down, also by an arpeggiator.
    fn on_release(state: &StudioState, id: InstrumentId) -> Option<NetworkAction> {
        let instrument = state.instruments.get(id)?;
        let silent = instrument.sounding.is_empty() && !instrument.arpeggiator.holds();
        (!silent).then_some(NetworkAction::Instrument(id, InstrumentAction::ReleaseAll))
    }

    fn undo_policy(action: &NetworkAction) -> UndoPolicy {
        reversible::undo_policy(action)
    }

    fn continues(previous: &NetworkAction, next: &NetworkAction) -> bool {
        reversible::continues(previous, next)
    }

    fn describe(state: &StudioState, action: &NetworkAction) -> String {
        description::describe_action(state, action)
    }

    fn diff_reversible(from: &StudioState, to: &StudioState) -> Vec<ReversibleChange<StudioPatch>> {
        reversible::diff_reversible(from, to)
    }

    fn narrow(from: &mut StudioState, to: &mut StudioState) -> usize {
        StudioState::narrow(from, to)
    }

    fn is_recording(state: &StudioState) -> bool {
        state.transport.playing && state.transport.recording
    }

    fn merge_collections(
        state: &mut StudioState,
        from: &mut StudioState,
        to: &StudioState,
    ) -> Merged {
        let mut merged = state.piano_roll.merge_notes(&mut from.piano_roll, &to.piano_roll);
        merged += state.arrangement.merge_clip_notes(&mut from.arrangement, &to.arrangement);
        merged += state.automation.merge_points(&mut from.automation, &to.automation);
        merged += state.drums.merge_steps(&mut from.drums, &to.drums);
        merged
    }

    fn check_limits(state: &StudioState) -> Result<(), Invalid> {
        state.check_limits()
    }

    /// Ends the notes whose keys are not held any more.
    fn effects_between(from: &StudioState, to: &StudioState) -> Vec<StudioEffect> {
        let mut effects = Vec::new();
        for (id, instrument) in from.instruments.iter() {
            let now = to.instruments.get(id);
            let held = |pitch| now.is_some_and(|now| now.sounding.held(pitch).is_some());
            let ended = instrument.sounding.iter().filter(|(pitch, _)| !held(*pitch));
            let off = |(pitch, _)| StudioEffect::NoteOff { instrument: id, pitch, hold: None };
            effects.extend(ended.map(off));
        }
        effects
    }

    fn effect_kind(effect: &StudioEffect) -> crate::model::EffectKind {
        match effect {
            StudioEffect::Save => crate::model::EffectKind::Save,
            StudioEffect::Load => crate::model::EffectKind::Load,
            _ => crate::model::EffectKind::Engine,
        }
    }

    fn on_job_fault(
        state: &StudioState,
        _: &StudioEffect,
        fault: &JobFault,
    ) -> Option<NetworkAction> {
        ProjectReport::of_fault(state, fault).map(NetworkAction::ProjectReport)
    }

    /// A report of the transport is, once the transport has a newer generation.
    fn is_stale(state: &StudioState, action: &NetworkAction) -> bool {
        matches!(action, NetworkAction::TransportReport(report)
            if report.generation != state.transport.generation)
    }

    fn dirty(from: &StudioState, to: &StudioState) -> DirtyFlags {
        patch::dirty(from, to)
    }

    fn digest(state: &StudioState, known: Option<(&StudioState, Digest)>) -> Digest {
        state_digest::digest_studio(state, known)
    }
}
