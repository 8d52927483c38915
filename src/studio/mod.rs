//! The built-in model: a studio of instruments, tracks, a mixer and a transport.
//!
//! It knows music and nothing else: no network, no participants, no time, no
//! sound. Each subsystem has a file of its own, with its state, its actions and
//! its reducer; [`Settings`] is the idea that they share.
//!
//! To add a subsystem: a file in `studio/`, a field in [`StudioState`], a variant
//! in [`NetworkAction`], [`Action`] and [`StudioChange`]. The compiler then asks
//! for its route, its access, its reducer and how its change is applied. It does
//! not ask for what compares, i.e. `diff` and `dirty` in `patch`, for what undoing
//! takes back, in `pieces`, nor for what must hold between the parts, in
//! `StudioState::check`: that is asked for by the property tests, once the
//! vocabulary from which they draw has the actions.

mod access;
mod arrangement;
mod automation;
mod client_state;
mod common;
mod drums;
mod effect;
mod globals;
mod instrument;
mod mixer;
mod network_action;
mod patch;
mod piano_roll;
mod plugin;
mod project;
mod reversible;
mod silent_engine;
mod source;
mod state_digest;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::common::reference::Refers as _;
pub use self::{
    arrangement::{
        Arrangement, ArrangementSetting, AtEnd, Clip, ClipAction, ClipChange, ClipId, ClipSetting,
        Part, Parts, Placement, PlacementAction, PlacementChange, PlacementId, PlayMode,
    },
    automation::{
        Automation, AutomationAction, Curve, Lane, LaneChange, LaneSetting, Point, Points, Target,
    },
    client_state::{
        ClientState, ClipboardAction, Layer, LayerAction, LocalAction, MidiAction, MidiPort,
        NavigationAction, Pane, SelectionAction,
    },
    common::{
        automated::{Automated, ChainParameter, NoParameter, SendsParameter},
        bounded::{
            MAX_ACTION_BYTES, MAX_BUSES, MAX_CHAINED, MAX_CLIP_NOTES_IN_ALL, MAX_CLIPS,
            MAX_CLIPS_IN_ALL, MAX_DEFINITIONS, MAX_INSTRUMENTS, MAX_LANES, MAX_LAYER_GROUPS,
            MAX_MAPPINGS, MAX_NAME, MAX_NOTES, MAX_NOTES_IN_ALL, MAX_PARAMETERS,
            MAX_PARAMETERS_IN_ALL, MAX_PASTED, MAX_PATTERNS, MAX_PATTERNS_IN_ALL, MAX_PLACEMENTS,
            MAX_PLACEMENTS_IN_ALL, MAX_POINTS, MAX_POINTS_IN_ALL, MAX_SLICES, MAX_SLOTS,
            MAX_STATE_BYTES, MAX_STEPS_IN_ALL, MAX_STEPS_PASTED, MAX_TOUCHED,
        },
        content::{BadContentHash, Content, ContentHash},
        name::{BadName, Name},
        reference::Reference,
        rhythm::NoteValue,
        settings::Settings,
        tone::{
            Envelope, EnvelopeParameter, EnvelopeSetting, Filter, FilterKind, FilterParameter,
            FilterSetting,
        },
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
        chain::{Chain, ChainSetting, Slot, SlotId},
    },
    globals::{
        midi_map::{
            InstrumentKnob, Mapping, MappingId, MidiMap, MidiMapSetting, MidiTarget, StripKnob,
        },
        playback::{BadRegion, LoopRegion, Transport, TransportAction, TransportSetting},
        session_settings::{
            BadTimeSignature, Click, ClickParameter, ClickSetting, Humanise, HumaniseParameter,
            HumaniseSetting, Key, Scale, SessionParameter, SessionSetting, SessionState,
            TimeSignature, Tuning, TuningParameter, TuningSetting, TuningSystem,
        },
    },
    instrument::{
        Channels, Instrument, InstrumentAction, InstrumentParameter, InstrumentSetting,
        InstrumentState, Output,
        keys::{KeyChange, Keys},
        modulator::{
            Arpeggiator, ArpeggiatorParameter, ArpeggiatorSetting, ArpeggioPattern, ChordShape,
            Groove, GrooveParameter, GrooveSetting, Lfo, LfoParameter, LfoSetting, LfoShape,
            LfoTarget, Swing,
        },
        sends::{BusSend, BusSendParameter, BusSendSetting, Sends, SendsSetting},
    },
    mixer::{
        Bus, BusId, BusParameter, BusSetting, Master, MasterParameter, MasterSetting, Mixer,
        MixerSetting,
        layer_group::{LayerGroup, LayerGroupId, LayerGroupParameter, LayerGroupSetting},
    },
    network_action::{Action, NetworkAction, Route},
    patch::{StudioChange, StudioPatch},
    piano_roll::{
        Note, Notes, PianoRoll, PianoRollAction, Track, TrackChange, TrackSetting, Voices,
    },
    plugin::{
        DefinitionId, Device, Hosted, Loaded, LoadedSetting, ParameterId, PluginId, SynthDefId,
        registry::{BadParameter, Definition, Parameter, Registry, RegistrySetting},
    },
    project::{
        BadProjectName, Names, ProjectAction, ProjectFailure, ProjectName, ProjectNotice,
        ProjectOutcome, ProjectReport, ProjectSetting, Projects, Shelf,
    },
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
};
use crate::{
    model::{
        Access, Digest, DirtyFlags, InstrumentId, Invalid, Model, PatchError, ReversibleChange,
        UndoPolicy,
    },
    util::quantity::{Pitch, Ticks, Velocity},
};

/// The model of a studio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Studio;

/// All that a studio shares. Cheap to clone: its parts are shared.
///
/// Every instrument has a track, every drum kit a drum machine, and no track,
/// drum machine, clip or lane is without its instrument; nothing refers to what
/// is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct StudioState {
    /// What holds for the session as a whole.
    pub session: Arc<SessionState>,
    /// Whether the music goes, and from where.
    pub transport: Transport,
    /// The custom `SynthDef`s and the plug-ins.
    pub registry: Registry,
    /// The buses, the strips of layer groups, and the master.
    pub mixer: Mixer,
    /// The tracks.
    pub piano_roll: PianoRoll,
    /// The drum machines.
    pub drums: Drums,
    /// The instruments.
    pub instruments: InstrumentState,
    /// The clips, and where in the piece they are placed.
    pub arrangement: Arrangement,
    /// What moves parameters while the music goes.
    pub automation: Automation,
    /// Under which name all this is kept.
    pub projects: Arc<Projects>,
}

/// What the engine of a studio must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StudioEffect {
    /// A note begins, and lasts until its [`NoteOff`](Self::NoteOff).
    NoteOn {
        /// On which instrument.
        instrument: InstrumentId,
        /// Which key.
        pitch: Pitch,
        /// How hard.
        velocity: Velocity,
    },
    /// A note ends. The instrument may be gone already.
    NoteOff {
        /// On which instrument.
        instrument: InstrumentId,
        /// Which key.
        pitch: Pitch,
    },
    /// The playhead starts to move, from where the transport says.
    Play,
    /// The playhead stops.
    Stop,
    /// The playhead is put somewhere.
    Locate(Ticks),
    /// What the notice of [`Projects`] says is under way is to be done, and
    /// reported.
    Project,
}

impl Model for Studio {
    const NAME: &'static str = "imbolc-studio";
    const VERSION: u32 = 3;

    type State = StudioState;
    type Action = NetworkAction;
    type Patch = StudioPatch;
    type Effect = StudioEffect;

    fn access(_state: &StudioState, action: &NetworkAction) -> Access {
        access::access(action)
    }

    fn reduce(
        state: &mut StudioState,
        action: &NetworkAction,
    ) -> Result<Vec<StudioEffect>, Invalid> {
        match action {
            NetworkAction::AddInstrument { id, name, source } => {
                instrument::add(state, *id, name, *source)
            }
            NetworkAction::DeleteInstrument(id) => instrument::delete(state, *id),
            NetworkAction::Instrument(id, action) => instrument::reduce(state, *id, action),
            NetworkAction::PianoRoll(id, action) => piano_roll::reduce(state, *id, action),
            NetworkAction::Clip(id, action) => arrangement::reduce_clip(state, *id, action),
            NetworkAction::Placement(id, action) => {
                arrangement::reduce_placement(state, *id, action)
            }
            NetworkAction::Arrangement(setting) => arrangement::reduce(state, setting),
            NetworkAction::Automation(target, action) => automation::reduce(state, *target, action),
            NetworkAction::Project(action) => project::reduce(state, action),
            NetworkAction::ProjectReport(report) => Ok(project::reduce_report(state, report)),
            NetworkAction::Drums(id, action) => drums::reduce(state, *id, action),
            NetworkAction::Adjust(device, parameter, by) => {
                plugin::adjust(state, *device, *parameter, *by)
            }
            NetworkAction::Registry(setting) => plugin::registry::reduce(state, setting),
            NetworkAction::Session(setting) => globals::session_settings::reduce(state, setting),
            NetworkAction::Transport(action) => globals::playback::reduce(state, *action),
            NetworkAction::Mixer(setting) => mixer::reduce(state, setting),
        }
    }

    fn diff(from: &StudioState, to: &StudioState) -> Option<StudioPatch> {
        patch::diff(from, to)
    }

    fn apply(state: &mut StudioState, patch: &StudioPatch) -> Result<(), PatchError> {
        patch::apply(state, patch)
    }

    fn instruments(state: &StudioState) -> Vec<InstrumentId> {
        state.instruments.ids().collect()
    }

    fn exists(state: &StudioState, instrument: InstrumentId) -> bool {
        state.instruments.contains(instrument)
    }

    /// Releases the keys that are held down.
    fn on_release(state: &StudioState, id: InstrumentId) -> Option<NetworkAction> {
        let instrument = state.instruments.get(id)?;
        let silent = instrument.sounding.is_empty();
        (!silent).then_some(NetworkAction::Instrument(id, InstrumentAction::ReleaseAll))
    }

    fn undo_policy(action: &NetworkAction) -> UndoPolicy {
        reversible::undo_policy(action)
    }

    fn continues(previous: &NetworkAction, next: &NetworkAction) -> bool {
        reversible::continues(previous, next)
    }

    fn diff_reversible(from: &StudioState, to: &StudioState) -> Vec<ReversibleChange<StudioPatch>> {
        reversible::diff_reversible(from, to)
    }

    fn check_limits(state: &StudioState) -> Result<(), Invalid> {
        state.piano_roll.check()?;
        state.arrangement.check()?;
        state.automation.check()?;
        state.drums.check()
    }

    /// Ends the notes whose keys are not held any more.
    fn effects_between(from: &StudioState, to: &StudioState) -> Vec<StudioEffect> {
        let mut effects = Vec::new();
        for (id, instrument) in from.instruments.iter() {
            let now = to.instruments.get(id);
            let held = |pitch| now.is_some_and(|now| now.sounding.held(pitch).is_some());
            let ended = instrument.sounding.iter().filter(|(pitch, _)| !held(*pitch));
            effects.extend(ended.map(|(pitch, _)| StudioEffect::NoteOff { instrument: id, pitch }));
        }
        effects
    }

    fn dirty(from: &StudioState, to: &StudioState) -> DirtyFlags {
        patch::dirty(from, to)
    }

    fn digest(state: &StudioState, known: Option<(&StudioState, Digest)>) -> Digest {
        state_digest::digest(state, known)
    }
}

impl StudioState {
    /// A new session with a bass, a lead and a pad, ready to be played.
    #[must_use]
    pub fn starter() -> Self {
        let mut state = Self::default();
        let band = [
            ("Bass", SourceKind::Oscillator),
            ("Lead", SourceKind::Fm),
            ("Pad", SourceKind::Oscillator),
        ];
        for (id, (name, source)) in (1..).zip(band) {
            let added = instrument::add(&mut state, InstrumentId(id), &Name::given(name), source);
            debug_assert!(added.is_ok(), "there is room for three in an empty studio");
        }
        state
    }

    /// The piece alone, as it is kept: nothing sounds, nothing moves, and under
    /// which name it is kept is not part of it.
    #[must_use]
    pub fn at_rest(&self) -> Self {
        let mut state = self.clone();
        state.transport.playing = false;
        state.transport.recording = false;
        state.instruments.release_all();
        state.projects = Arc::default();
        state
    }

    /// Puts another piece in the place of this one.
    fn replace(&mut self, other: &Self) -> Vec<StudioEffect> {
        let mut effects: Vec<_> = self
            .instruments
            .iter()
            .flat_map(|(id, played)| instrument::silence(id, &played.sounding))
            .collect();
        if self.transport.playing {
            effects.push(StudioEffect::Stop);
        }
        effects.push(StudioEffect::Locate(other.transport.position));
        *self = Self { projects: Arc::clone(&self.projects), ..other.at_rest() };
        effects
    }

    /// Checks what must hold between the parts; within a part its types see to
    /// it.
    fn check(&self) -> Result<(), &'static str> {
        if !self.instruments.ids().eq(self.piano_roll.ids()) {
            return Err("instruments and tracks do not match");
        }
        if !self.drums.match_kits(&self.instruments) {
            return Err("drum kits and drum machines do not match");
        }
        if self.arrangement.parts().any(|(id, _)| !self.instruments.contains(id)) {
            return Err("there is a clip of an instrument that is not there");
        }
        if self.automation.lanes().any(|(target, _)| target.check(self).is_err()) {
            return Err("a lane moves something that is not there");
        }
        let checked = self
            .check_references(&self.session.midi)
            .and_then(|()| self.registry.check())
            .and_then(|()| self.check_references(&self.mixer))
            .and_then(|()| self.check_references(&self.drums))
            .and_then(|()| self.check_references(&self.instruments));
        checked.map_err(|_| "something refers to what is not there")
    }

    /// Lets go of what is gone, wherever it is referred to.
    fn forget(&mut self, gone: Reference) {
        globals::session_settings::forget(&mut self.session, gone);
        self.mixer.forget(gone);
        self.drums.forget(gone);
        self.instruments.forget(gone);
        match gone {
            Reference::Instrument(id) => self.automation.forget_instrument(id),
            Reference::Bus(bus) => self.automation.forget_bus(bus),
            Reference::LayerGroup(group) => self.automation.forget_layer_group(group),
            Reference::Definition(_) | Reference::Parameter(..) => {}
        }
    }

    fn require_instrument(&self, id: InstrumentId) -> Result<(), Invalid> {
        if self.instruments.contains(id) { Ok(()) } else { Err(Invalid::missing("instrument", id)) }
    }
}

/// A state as it is read, before it is known to be one.
#[derive(Deserialize)]
struct Unchecked {
    session: Arc<SessionState>,
    transport: Transport,
    registry: Registry,
    mixer: Mixer,
    piano_roll: PianoRoll,
    drums: Drums,
    instruments: InstrumentState,
    arrangement: Arrangement,
    automation: Automation,
    projects: Arc<Projects>,
}

impl TryFrom<Unchecked> for StudioState {
    type Error = &'static str;

    fn try_from(read: Unchecked) -> Result<Self, Self::Error> {
        let Unchecked {
            session,
            transport,
            mixer,
            piano_roll,
            instruments,
            arrangement,
            automation,
            projects,
            registry,
            drums,
        } = read;
        let state = Self {
            session,
            transport,
            registry,
            mixer,
            piano_roll,
            drums,
            instruments,
            arrangement,
            automation,
            projects,
        };
        state.check()?;
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_with_a_dangling_reference_is_refused_from_the_wire() {
        let json = serde_json::to_string(&StudioState::starter()).unwrap();
        assert!(serde_json::from_str::<StudioState>(&json).is_ok());
        let no_such_bus = json.replacen(r#""output":"Master""#, r#""output":{"Bus":7}"#, 1);
        assert!(serde_json::from_str::<StudioState>(&no_such_bus).is_err());
        let no_track = json.replacen(r#""piano_roll":{"1":"#, r#""piano_roll":{"9":"#, 1);
        assert_ne!(json, no_track);
        assert!(serde_json::from_str::<StudioState>(&no_track).is_err());
    }
}
