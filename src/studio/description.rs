//! What an action does, in a few words: `cutoff of 1 Bass`. A user interface says
//! it when a step is undone.
//!
//! It reads the state and changes nothing. Names of participants are not its
//! business.

use std::fmt::{self, Write as _};

use super::{
    arrangement::{ClipAction, ClipId, PlacementAction, PlacementId},
    automation::{AutomationAction, LaneSetting, Target},
    common::{
        ids::{BusId, DefinitionId, LayerGroupId, ParameterId, SlotId},
        range,
        settings::{ParamPath, PathStep, Settings},
        studio_effect::KeyHold,
    },
    drums::{ChopperSetting, DrumAction, DrumSetting, Pad, PatternId, PatternSetting},
    effect::{
        Effect, EffectSetting,
        chain::{Chain, ChainSetting},
    },
    globals::{
        midi_map::MidiMapSetting,
        session_settings::{SessionSetting, SessionState},
    },
    instrument::{
        Instrument, InstrumentAction, InstrumentSetting,
        sends::{BusSend, SendsSetting},
    },
    mixer::{Bus, BusSetting, Master, MasterSetting, MixerSetting, layer_group::LayerGroup},
    network_action::NetworkAction,
    piano_roll::{PianoRollAction, Track},
    plugin::{Hosted, LoadedSetting, device::Device, registry::RegistrySetting},
    source::{Source, SourceSetting},
    studio_state::StudioState,
};
use crate::{
    model::InstrumentId,
    util::{
        quantity::{Amount, PadNumber, StepNumber},
        text::shortened,
    },
};

/// The most characters of a description.
const MAX_CHARACTERS: usize = 100;

/// Describes `action`, which is about to be applied to `state`: 1 to 100 plain
/// characters.
pub(super) fn describe_action(state: &StudioState, action: &NetworkAction) -> String {
    shortened(&Describer(state).action(action), MAX_CHARACTERS)
}

struct Describer<'a>(&'a StudioState);

impl Describer<'_> {
    fn action(&self, action: &NetworkAction) -> String {
        match action {
            NetworkAction::AddInstrument { id, name, .. } => format!("new instrument {id} {name}"),
            NetworkAction::DeleteInstrument(id) => {
                format!("deleted instrument {}", self.instrument(*id))
            }
            NetworkAction::Instrument(id, action) => self.instrument_action(*id, action),
            NetworkAction::PianoRoll(id, action) => self.piano_roll(*id, action),
            NetworkAction::Clip(id, action) => self.clip_action(*id, action),
            NetworkAction::Placement(id, action) => self.placement_action(*id, action),
            NetworkAction::Arrangement(setting) => {
                format!("{} of the arrangement", variant(setting))
            }
            NetworkAction::Automation(target, action) => self.lane(*target, action),
            NetworkAction::Project(action) => format!("project: {}", variant(action)),
            NetworkAction::ProjectReport(report) => {
                format!("outcome of project: {}", variant(&report.task))
            }
            NetworkAction::Drums(id, action) => self.drums(*id, action),
            NetworkAction::Adjust(device, parameter, _) => {
                let hosted = device.hosted(self.0).and_then(Hosted::definition);
                let parameter = self.parameter(hosted, *parameter);
                format!("turn of {parameter} of {}", self.device(*device))
            }
            NetworkAction::Registry(setting) => self.registry(setting),
            NetworkAction::Session(setting) => Self::session(setting),
            NetworkAction::Transport(action) => format!("transport: {}", variant(action)),
            NetworkAction::TransportReport(_) => "where the music stopped".into(),
            NetworkAction::Mixer(setting) => self.mixer(setting),
            NetworkAction::Panic => "silences everything".into(),
        }
    }

    /// The number and the name of an instrument.
    fn instrument(&self, id: InstrumentId) -> String {
        match self.0.instruments.get(id) {
            Some(instrument) => format!("{id} {}", instrument.name),
            None => format!("instrument {id}"),
        }
    }

    fn bus(&self, id: BusId) -> String {
        let name = self.0.mixer.bus(id).map(|bus| &bus.name);
        name.map_or_else(|| format!("bus {id}"), |name| format!("bus {id} {name}"))
    }

    fn layer_group(&self, id: LayerGroupId) -> String {
        let name = self.0.mixer.layer_group(id).map(|group| &group.name);
        name.map_or_else(|| format!("layer group {id}"), |name| format!("layer group {id} {name}"))
    }

    fn device(&self, device: Device) -> String {
        match device {
            Device::Source(id) => self.instrument(id),
            Device::Slot(id, slot) => format!("effect {slot} of {}", self.instrument(id)),
            Device::BusSlot(id, slot) => format!("effect {slot} of {}", self.bus(id)),
            Device::MasterSlot(slot) => format!("effect {slot} of the master"),
        }
    }

    fn parameter(&self, of: Option<DefinitionId>, parameter: ParameterId) -> String {
        let definition = of.and_then(|id| self.0.registry.definition(id));
        let row = definition.and_then(|definition| definition.parameter(parameter));
        row.map_or_else(|| format!("parameter {parameter}"), |row| row.name().to_string())
    }

    fn instrument_action(&self, id: InstrumentId, action: &InstrumentAction) -> String {
        let instrument = self.instrument(id);
        match action {
            InstrumentAction::Set(InstrumentSetting::Source(setting)) => {
                self.source(id, setting, &instrument)
            }
            InstrumentAction::Set(InstrumentSetting::Chain(setting)) => {
                let chain = self.0.instruments.get(id).map(|instrument| &instrument.chain);
                self.chain(chain, setting, &instrument)
            }
            InstrumentAction::Set(InstrumentSetting::Sends(setting)) => match setting {
                SendsSetting::Add(bus) => format!("new send of {instrument} to {}", self.bus(*bus)),
                SendsSetting::Remove(bus) => {
                    format!("removed send of {instrument} to {}", self.bus(*bus))
                }
                SendsSetting::Set(bus, setting) => {
                    let what = path_words::<BusSend>(setting);
                    format!("send {what} of {instrument} to {}", self.bus(*bus))
                }
            },
            InstrumentAction::Set(setting) => {
                format!("{} of {instrument}", path_words::<Instrument>(setting))
            }
            InstrumentAction::Play(..) => format!("key of {instrument}"),
            InstrumentAction::Release(_) => format!("released key of {instrument}"),
            InstrumentAction::ReleaseLate(_, KeyHold::Unknown) => {
                format!("key of {instrument}, released late")
            }
            InstrumentAction::ReleaseLate(_, KeyHold::Held(time)) => {
                format!("key of {instrument}, held for {time}")
            }
            InstrumentAction::ReleaseAll => format!("all released keys of {instrument}"),
        }
    }

    fn source(&self, id: InstrumentId, setting: &SourceSetting, instrument: &str) -> String {
        let source = self.0.instruments.get(id).and_then(|instrument| instrument.source.hosted());
        let loaded = source.and_then(Hosted::definition);
        match setting {
            SourceSetting::Kind(kind) => format!("source {} of {instrument}", variant(kind)),
            SourceSetting::Vst(setting) => {
                format!("{} of {instrument}", self.hosted(loaded, setting))
            }
            SourceSetting::SynthDef(setting) => {
                format!("{} of {instrument}", self.hosted(loaded, setting))
            }
            setting => format!("{} of {instrument}", path_words::<Source>(setting)),
        }
    }

    /// What a setting of a plug-in or a custom `SynthDef` sets.
    fn hosted<K: Copy + Into<DefinitionId>>(
        &self,
        loaded: Option<DefinitionId>,
        setting: &LoadedSetting<K>,
    ) -> String {
        match setting {
            LoadedSetting::Load(id) => {
                let id = (*id).into();
                let name = self.0.registry.definition(id).map(|definition| &definition.name);
                let name = name.map(ToString::to_string).unwrap_or_default();
                format!("loaded {} {name}", id.what())
            }
            LoadedSetting::Unload => "unloaded plug-in".into(),
            LoadedSetting::Set(parameter, _) => self.parameter(loaded, *parameter),
            LoadedSetting::Reset(parameter) => {
                format!("reset {}", self.parameter(loaded, *parameter))
            }
            LoadedSetting::Saved(_) => "saved state".into(),
        }
    }

    /// A change of the chain of `strip`.
    fn chain(&self, chain: Option<&Chain>, setting: &ChainSetting, strip: &str) -> String {
        let effect = |id: SlotId| {
            let effect = chain.and_then(|chain| chain.slot(id)).map(|slot| &slot.effect);
            effect.map_or_else(|| format!("effect {id}"), |effect| variant(&effect.kind()))
        };
        match setting {
            ChainSetting::Add(_, kind, _) => format!("new {} in {strip}", variant(kind)),
            ChainSetting::Remove(id) => format!("removed {} of {strip}", effect(*id)),
            ChainSetting::Move(id, _) => format!("place of {} in {strip}", effect(*id)),
            ChainSetting::Bypass(id, _) => format!("bypass of {} of {strip}", effect(*id)),
            ChainSetting::Effect(id, setting) => {
                let what = match setting {
                    EffectSetting::Kind(kind) => format!("kind {}", variant(kind)),
                    EffectSetting::Vst(setting) => {
                        let slot = chain.and_then(|chain| chain.slot(*id));
                        let hosted = slot.and_then(|slot| slot.effect.hosted());
                        self.hosted(hosted.and_then(Hosted::definition), setting)
                    }
                    setting => path_words::<Effect>(setting),
                };
                format!("{what} of {} of {strip}", effect(*id))
            }
        }
    }

    fn piano_roll(&self, id: InstrumentId, action: &PianoRollAction) -> String {
        let instrument = self.instrument(id);
        match action {
            PianoRollAction::Add(_) => format!("new note in {instrument}"),
            PianoRollAction::Remove(..) => format!("removed note of {instrument}"),
            PianoRollAction::Move { .. } => format!("moved note of {instrument}"),
            PianoRollAction::Resize(..) => format!("length of a note of {instrument}"),
            PianoRollAction::Velocity(..) => format!("velocity of a note of {instrument}"),
            PianoRollAction::Probability(..) => format!("probability of a note of {instrument}"),
            PianoRollAction::Paste(notes) => {
                format!("{} in {instrument}", counted(notes.len(), "note"))
            }
            PianoRollAction::DeleteRegion(_) => format!("deleted region of notes of {instrument}"),
            PianoRollAction::Clear => format!("all notes of {instrument}"),
            PianoRollAction::Set(setting) => {
                format!("track {} of {instrument}", path_words::<Track>(setting))
            }
        }
    }

    /// The name of a clip and its instrument.
    fn clip(&self, id: InstrumentId, clip: ClipId) -> String {
        let instrument = self.instrument(id);
        let part = self.0.arrangement.part(id);
        match part.and_then(|part| part.clip(clip)) {
            Some(clip) => format!("clip {} of {instrument}", clip.name),
            None => format!("clip {clip} of {instrument}"),
        }
    }

    fn clip_action(&self, id: InstrumentId, action: &ClipAction) -> String {
        let clip = |clip: &ClipId| self.clip(id, *clip);
        match action {
            ClipAction::Create { name, .. } => {
                format!("new clip {name} of {}", self.instrument(id))
            }
            ClipAction::Capture { name, .. } => {
                format!("captured clip {name} of {}", self.instrument(id))
            }
            ClipAction::Rename(id, _) => format!("name of {}", clip(id)),
            ClipAction::Resize(id, _) => format!("length of {}", clip(id)),
            ClipAction::Put(id, _) => format!("note in {}", clip(id)),
            ClipAction::Take(id, ..) => format!("removed note of {}", clip(id)),
            ClipAction::Delete(id) => format!("deleted {}", clip(id)),
        }
    }

    fn placement_action(&self, id: InstrumentId, action: &PlacementAction) -> String {
        let placed = |placement: &PlacementId| {
            let part = self.0.arrangement.part(id);
            match part.and_then(|part| part.placement(*placement)) {
                Some(placement) => self.clip(id, placement.clip),
                None => format!("placement {placement} of {}", self.instrument(id)),
            }
        };
        match action {
            PlacementAction::Place { clip, .. } => format!("placed {}", self.clip(id, *clip)),
            PlacementAction::Move(placement, _) => format!("moved {}", placed(placement)),
            PlacementAction::Resize(placement, _) => {
                format!("length of a placed {}", placed(placement))
            }
            PlacementAction::Duplicate { placement, .. } => {
                format!("copy of {}", placed(placement))
            }
            PlacementAction::Remove(placement) => format!("removed {}", placed(placement)),
        }
    }

    fn lane(&self, target: Target, action: &AutomationAction) -> String {
        let action_words = target.action(Amount::MIN, self.0).map(|action| self.action(&action));
        let lane = action_words.unwrap_or_else(|| target.to_string());
        match action {
            AutomationAction::Add => format!("new lane: {lane}"),
            AutomationAction::Delete => format!("deleted lane: {lane}"),
            AutomationAction::Set(LaneSetting::Enabled(_)) => format!("lane on or off: {lane}"),
            AutomationAction::Set(LaneSetting::Armed(_)) => format!("armed lane: {lane}"),
            AutomationAction::Put(_) => format!("point in lane: {lane}"),
            AutomationAction::Remove(_) => format!("removed point in lane: {lane}"),
            AutomationAction::Move(..) => format!("moved point in lane: {lane}"),
            AutomationAction::DeleteRegion(_) => format!("deleted region of lane: {lane}"),
            AutomationAction::CopyRegion(..) => format!("copied region of lane: {lane}"),
            AutomationAction::Paste(points) => {
                format!("{} in lane: {lane}", counted(points.len(), "point"))
            }
        }
    }

    fn drums(&self, id: InstrumentId, action: &DrumAction) -> String {
        let kit = self.instrument(id);
        let in_pattern = |pattern: &PatternId| format!("pattern {pattern} of {kit}");
        match action {
            DrumAction::Set(setting) => Self::drum_setting(&kit, setting),
            DrumAction::Step(pattern, pad, step, setting) => {
                let what = variant(setting);
                format!("{what} of {} in {}", cell(*pad, *step), in_pattern(pattern))
            }
            DrumAction::Euclid { pattern, pad, .. } => {
                format!("rhythm of pad {} in {}", pad_number(*pad), in_pattern(pattern))
            }
            DrumAction::ClearRegion(pattern, _) => {
                format!("cleared steps in {}", in_pattern(pattern))
            }
            DrumAction::Paste(pattern, steps) => {
                format!("{} in {}", counted(steps.len(), "step"), in_pattern(pattern))
            }
            DrumAction::Chop(slices) => format!("chop of {kit} into {}", slices.get()),
            DrumAction::AssignSlices(_) => format!("slices on the pads of {kit}"),
        }
    }

    fn drum_setting(kit: &str, setting: &DrumSetting) -> String {
        match setting {
            DrumSetting::Swing(_) => format!("drum swing of {kit}"),
            DrumSetting::Chopper(ChopperSetting::Sample(_)) => format!("sample of {kit}"),
            DrumSetting::Chopper(ChopperSetting::Put(slice, _)) => {
                format!("slice {slice} of {kit}")
            }
            DrumSetting::Chopper(ChopperSetting::Remove(slice)) => {
                format!("removed slice {slice} of {kit}")
            }
            DrumSetting::Pad(pad, setting) => {
                format!("{} of pad {} of {kit}", path_words::<Pad>(setting), pad_number(*pad))
            }
            DrumSetting::AddPattern(pattern) => format!("new pattern {pattern} of {kit}"),
            DrumSetting::DeletePattern(pattern) => format!("deleted pattern {pattern} of {kit}"),
            DrumSetting::Pattern(pattern, setting) => {
                let what = match setting {
                    PatternSetting::Name(_) => "name".to_owned(),
                    PatternSetting::Length(_) => "length".to_owned(),
                    PatternSetting::Resolution(_) => "resolution".to_owned(),
                    PatternSetting::On(step) => cell(step.pad, step.step),
                    PatternSetting::Off(pad, step) => format!("removed {}", cell(*pad, *step)),
                    PatternSetting::Steps(_) => "all steps".to_owned(),
                };
                format!("{what} of pattern {pattern} of {kit}")
            }
            DrumSetting::Current(_) => format!("chosen pattern of {kit}"),
            DrumSetting::Chain(_) => format!("pattern chain of {kit}"),
            DrumSetting::Chained(_) => format!("pattern chain on or off of {kit}"),
        }
    }

    fn registry(&self, setting: &RegistrySetting) -> String {
        let name = |id: DefinitionId| {
            let definition = self.0.registry.definition(id);
            definition.map_or_else(|| id.number().to_string(), |found| found.name.to_string())
        };
        match setting {
            RegistrySetting::AddSynthDef(_, added) => format!("new SynthDef {}", added.name),
            RegistrySetting::DeleteSynthDef(id) => {
                format!("deleted SynthDef {}", name((*id).into()))
            }
            RegistrySetting::AddPlugin(_, added) => format!("new plug-in {}", added.name),
            RegistrySetting::DeletePlugin(id) => format!("deleted plug-in {}", name((*id).into())),
        }
    }

    fn session(setting: &SessionSetting) -> String {
        match setting {
            SessionSetting::Midi(MidiMapSetting::Channel(_)) => "MIDI channel".into(),
            SessionSetting::Midi(MidiMapSetting::Put(id, _)) => format!("MIDI mapping {id}"),
            SessionSetting::Midi(MidiMapSetting::Remove(id)) => {
                format!("removed MIDI mapping {id}")
            }
            setting => format!("{} of the session", path_words::<SessionState>(setting)),
        }
    }

    fn mixer(&self, setting: &MixerSetting) -> String {
        match setting {
            MixerSetting::AddBus(id, name) => format!("new bus {id} {name}"),
            MixerSetting::DeleteBus(id) => format!("deleted {}", self.bus(*id)),
            MixerSetting::Bus(id, BusSetting::Chain(setting)) => {
                self.chain(self.0.mixer.bus(*id).map(|bus| &bus.chain), setting, &self.bus(*id))
            }
            MixerSetting::Bus(id, setting) => {
                format!("{} of {}", path_words::<Bus>(setting), self.bus(*id))
            }
            MixerSetting::Master(MasterSetting::Chain(setting)) => {
                self.chain(Some(&self.0.mixer.master.chain), setting, "the master")
            }
            MixerSetting::Master(setting) => {
                format!("{} of the master", path_words::<Master>(setting))
            }
            MixerSetting::AddLayerGroup(id, name) => format!("new layer group {id} {name}"),
            MixerSetting::DeleteLayerGroup(id) => format!("deleted {}", self.layer_group(*id)),
            MixerSetting::LayerGroup(id, setting) => {
                format!("{} of {}", path_words::<LayerGroup>(setting), self.layer_group(*id))
            }
        }
    }
}

/// `1 note`, `4 notes`.
fn counted(how_many: usize, what: &str) -> String {
    format!("{how_many} {what}{}", if how_many == 1 { "" } else { "s" })
}

/// Pads and steps count from 1 on the screen.
fn pad_number(pad: PadNumber) -> u32 {
    u32::from(pad.get()) + 1
}

fn cell(pad: PadNumber, step: StepNumber) -> String {
    format!("step {} of pad {}", u32::from(step.get()) + 1, pad_number(pad))
}

/// What a setting sets, in words: `amp attack`. The cutoff and the resonance say
/// without the filter what they are.
fn path_words<S: Settings>(setting: &S::Setting) -> String {
    let mut path = ParamPath::new();
    S::path(setting, &mut path);
    let mut names = path.iter().filter_map(|step| match step {
        PathStep::Part(name) => Some(*name),
        PathStep::Number(_) => None,
    });
    let names: Vec<_> = match (names.next(), names.clone().next()) {
        (Some("Filter"), Some("Cutoff" | "Resonance")) => names.collect(),
        (first, _) => first.into_iter().chain(names).collect(),
    };
    let mut words = String::new();
    for name in names {
        if !words.is_empty() {
            words.push(' ');
        }
        push_words(&mut words, name);
    }
    words
}

/// The name of an enum's variant, in words: `all at once`.
fn variant(value: &impl fmt::Debug) -> String {
    let mut debug = String::new();
    let _ = write!(debug, "{value:?}");
    let name = debug.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let mut words = String::new();
    push_words(&mut words, name);
    words
}

/// Appends a name in camel case as words.
fn push_words(words: &mut String, name: &str) {
    match name {
        "Lfo" => words.push_str("LFO"),
        "Vst" => words.push_str("plug-in"),
        name => words.push_str(&range::as_words(name)),
    }
}
