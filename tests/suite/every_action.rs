//! Every action, once, from a guest to a host over TCP: the host accepts it, and a third
//! participant sees its effect.

mod without_range;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use imbolc_net::{
    Dispatcher, Mode,
    client::JoinOptions,
    dispatcher::{DispatchError, Status},
    protocol::{PrivilegeLevel, Refusal},
    server::HostOptions,
    studio::{
        ArrangementSetting, AutomationAction, BusSendSetting, BusSetting, ChainSetting,
        ChopperSetting, ClipAction, Device, DrumAction, DrumSetting, EffectKind, EffectParameter,
        HitSetting, Instrument, InstrumentAction, InstrumentParameter, InstrumentSetting,
        LaneSetting, LayerGroupSetting, LoadedSetting, MasterParameter, MasterSetting,
        MidiMapSetting, MixerSetting, NetworkAction, PadSetting, PatternSetting, PianoRollAction,
        PlacementAction, PluginId, ProjectAction, ProjectNotice, RegistrySetting, SendsSetting,
        SessionSetting, SlotId, SourceKind, SourceSetting, Target, TrackSetting, TransportAction,
    },
    sync::session::SessionConfig,
    util::quantity::Amount,
};

use crate::{
    conformance::{eventually, join},
    harness::{BASS, LEAD, PAD},
    projects::{Directory, open_in},
};

/// The actions in an order in which each one is valid.
pub const ACTIONS: &[&str] = &[
    // Parts that others refer to.
    r#"{"Registry":{"AddPlugin":[4,{"name":"Synth","parameters":[{"name":"Cutoff","min":0.0,"max":1.0,"default":0.5}]}]}}"#,
    r#"{"Registry":{"AddSynthDef":[1,{"name":"drone","parameters":[]}]}}"#,
    r#"{"Mixer":{"AddBus":[2,"Reverb"]}}"#,
    r#"{"Mixer":{"AddLayerGroup":[1,"Keys"]}}"#,
    r#"{"AddInstrument":{"id":7,"name":"Kit","source":"DrumKit"}}"#,
    r#"{"AddInstrument":{"id":5,"name":"Plug-in","source":"Vst"}}"#,
    // An instrument.
    r#"{"Instrument":[1,{"Set":{"Name":"Sub bass"}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Source":{"Kind":"Pluck"}}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Source":{"Pluck":{"Damping":0.3}}}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Filter":{"Cutoff":1234.5}}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Amp":{"Attack":0.01}}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Chain":{"Add":[3,"Reverb",0]}}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Chain":{"Add":[4,"Vst",0]}}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Chain":{"Move":[3,0]}}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Chain":{"Bypass":[3,true]}}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Chain":{"Effect":[3,{"Reverb":{"Decay":3.5}}]}}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Chain":{"Effect":[4,{"Vst":{"Load":4}}]}}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Chain":{"Remove":3}}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Lfo":{"Target":"Pan"}}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Arpeggiator":{"Step":"Eighth"}}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Chord":"MinorSeventh"}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Groove":{"Swing":{"Own":0.3}}}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Groove":{"TimeSignature":{"beats":7,"unit":8}}}}]}"#,
    r#"{"Instrument":[1,{"Set":{"LayerGroup":1}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Octave":-1}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Channels":"Mono"}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Level":-6.0}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Pan":0.5}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Mute":true}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Solo":true}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Output":{"Bus":2}}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Sends":{"Add":2}}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Sends":{"Set":[2,{"Level":-9.0}]}}}]}"#,
    r#"{"Instrument":[1,{"Set":{"Sends":{"Set":[2,{"PreFader":true}]}}}]}"#,
    r#"{"Instrument":[5,{"Set":{"Source":{"Vst":{"Load":4}}}}]}"#,
    r#"{"Instrument":[5,{"Set":{"Source":{"Vst":{"Set":[0,0.25]}}}}]}"#,
    r#"{"Instrument":[5,{"Set":{"Source":{"Vst":{"Saved":{"name":"Warm","digest":"00112233445566778899aabbccddeeff"}}}}}]}"#,
    r#"{"Instrument":[5,{"Set":{"Source":{"Vst":{"Reset":0}}}}]}"#,
    r#"{"Instrument":[1,{"Play":[60,100]}]}"#,
    r#"{"Instrument":[1,{"Play":[64,100]}]}"#,
    r#"{"Instrument":[1,{"Play":[65,100]}]}"#,
    r#"{"Instrument":[1,{"Play":[67,100]}]}"#,
    r#"{"Instrument":[1,{"Release":60}]}"#,
    r#"{"Instrument":[1,{"ReleaseLate":[65,"Unknown"]}]}"#,
    r#"{"Instrument":[1,{"ReleaseLate":[64,{"Held":400}]}]}"#,
    r#"{"Instrument":[1,"ReleaseAll"]}"#,
    // Endless knobs.
    r#"{"Mixer":{"Bus":[2,{"Chain":{"Add":[3,"Vst",0]}}]}}"#,
    r#"{"Mixer":{"Bus":[2,{"Chain":{"Effect":[3,{"Vst":{"Load":4}}]}}]}}"#,
    r#"{"Mixer":{"Master":{"Chain":{"Add":[3,"Vst",0]}}}}"#,
    r#"{"Mixer":{"Master":{"Chain":{"Effect":[3,{"Vst":{"Load":4}}]}}}}"#,
    r#"{"Adjust":[{"Source":5},0,-0.05]}"#,
    r#"{"Adjust":[{"Slot":[1,4]},0,0.05]}"#,
    r#"{"Adjust":[{"BusSlot":[2,3]},0,0.05]}"#,
    r#"{"Adjust":[{"MasterSlot":3},0,0.05]}"#,
    r#"{"Instrument":[5,{"Set":{"Source":{"Vst":"Unload"}}}]}"#,
    // The piano roll.
    r#"{"PianoRoll":[1,{"Add":{"tick":0,"pitch":60,"length":480,"velocity":100,"probability":100}}]}"#,
    r#"{"PianoRoll":[1,{"Add":{"tick":0,"pitch":67,"length":480,"velocity":100,"probability":100}}]}"#,
    r#"{"PianoRoll":[1,{"Resize":[0,60,240]}]}"#,
    r#"{"PianoRoll":[1,{"Velocity":[0,60,90]}]}"#,
    r#"{"PianoRoll":[1,{"Probability":[0,60,75]}]}"#,
    r#"{"PianoRoll":[1,{"Move":{"tick":0,"pitch":60,"to_tick":480,"to_pitch":62}}]}"#,
    r#"{"PianoRoll":[1,{"Remove":[0,67]}]}"#,
    r#"{"PianoRoll":[1,{"Paste":[{"tick":960,"pitch":60,"length":480,"velocity":100,"probability":100}]}]}"#,
    r#"{"PianoRoll":[1,{"Set":{"Voices":"Mono"}}]}"#,
    r#"{"PianoRoll":[1,{"Set":{"Armed":true}}]}"#,
    r#"{"PianoRoll":[1,{"Set":{"Looping":true}}]}"#,
    r#"{"PianoRoll":[1,{"Set":{"Region":{"start":0,"end":960}}}]}"#,
    // Clips and placements.
    r#"{"Clip":[1,{"Create":{"clip":1,"name":"Verse","length":1920}}]}"#,
    r#"{"Clip":[1,{"Capture":{"clip":2,"name":"Riff","region":{"start":0,"end":1920}}}]}"#,
    r#"{"Clip":[1,{"Rename":[1,"Chorus"]}]}"#,
    r#"{"Clip":[1,{"Resize":[1,960]}]}"#,
    r#"{"Clip":[1,{"Put":[1,{"tick":0,"pitch":60,"length":480,"velocity":100,"probability":100}]}]}"#,
    r#"{"Clip":[1,{"Take":[1,0,60]}]}"#,
    r#"{"Placement":[1,{"Place":{"placement":1,"clip":2,"tick":3840}}]}"#,
    r#"{"Placement":[1,{"Move":[1,1920]}]}"#,
    r#"{"Placement":[1,{"Resize":[1,960]}]}"#,
    r#"{"Placement":[1,{"Duplicate":{"placement":1,"copy":2,"tick":5760}}]}"#,
    r#"{"Placement":[1,{"Remove":1}]}"#,
    r#"{"Clip":[1,{"Delete":1}]}"#,
    r#"{"PianoRoll":[1,{"DeleteRegion":{"start":0,"end":960}}]}"#,
    r#"{"PianoRoll":[1,"Clear"]}"#,
    // Lanes of all kinds of parameters.
    r#"{"Automation":[{"Instrument":[1,{"Filter":"Cutoff"}]},"Add"]}"#,
    r#"{"Automation":[{"Instrument":[1,{"Sends":[2,"Level"]}]},"Add"]}"#,
    r#"{"Automation":[{"Instrument":[1,{"Chain":{"Bypass":4}}]},"Add"]}"#,
    r#"{"Automation":[{"Pad":[7,0,"Level"]},"Add"]}"#,
    r#"{"Automation":[{"Drums":[7,"Swing"]},"Add"]}"#,
    r#"{"Automation":[{"Hosted":[{"Source":5},0]},"Add"]}"#,
    r#"{"Automation":[{"Bus":[2,"Pan"]},"Add"]}"#,
    r#"{"Automation":[{"LayerGroup":[1,"Level"]},"Add"]}"#,
    r#"{"Automation":[{"Master":"Level"},"Add"]}"#,
    r#"{"Automation":[{"Session":"Tempo"},"Add"]}"#,
    r#"{"Automation":[{"Instrument":[1,{"Sends":[2,"Level"]}]},{"Set":{"Armed":true}}]}"#,
    r#"{"Automation":[{"Bus":[2,"Pan"]},{"Set":{"Enabled":false}}]}"#,
    r#"{"Automation":[{"Instrument":[1,{"Filter":"Cutoff"}]},{"Put":{"tick":480,"value":0.5,"curve":"Linear"}}]}"#,
    r#"{"Automation":[{"Instrument":[1,{"Filter":"Cutoff"}]},{"Move":[480,{"tick":960,"value":0.25,"curve":"Hold"}]}]}"#,
    r#"{"Automation":[{"Instrument":[1,{"Filter":"Cutoff"}]},{"CopyRegion":[{"start":0,"end":3840},3840]}]}"#,
    r#"{"Automation":[{"Instrument":[1,{"Filter":"Cutoff"}]},{"Paste":{"480":{"value":0.5,"curve":"SlowStart"}}}]}"#,
    r#"{"Automation":[{"Instrument":[1,{"Filter":"Cutoff"}]},{"Remove":480}]}"#,
    r#"{"Automation":[{"Instrument":[1,{"Filter":"Cutoff"}]},{"DeleteRegion":{"start":0,"end":3840}}]}"#,
    r#"{"Automation":[{"Master":"Level"},"Delete"]}"#,
    // The drum machine.
    r#"{"Drums":[7,{"Set":{"Swing":0.25}}]}"#,
    r#"{"Drums":[7,{"Set":{"AddPattern":2}}]}"#,
    r#"{"Drums":[7,{"Set":{"AddPattern":3}}]}"#,
    r#"{"Drums":[7,{"Set":{"Pattern":[2,{"Name":"Fill"}]}}]}"#,
    r#"{"Drums":[7,{"Set":{"Pattern":[2,{"Length":32}]}}]}"#,
    r#"{"Drums":[7,{"Set":{"Pattern":[2,{"Resolution":"Eighth"}]}}]}"#,
    r#"{"Drums":[7,{"Set":{"Pattern":[2,{"On":{"pad":0,"step":4,"velocity":100,"probability":1.0,"pitch":0}}]}}]}"#,
    r#"{"Drums":[7,{"Step":[2,0,4,{"Velocity":90}]}]}"#,
    r#"{"Drums":[7,{"Step":[2,0,4,{"Probability":0.5}]}]}"#,
    r#"{"Drums":[7,{"Step":[2,0,4,{"Pitch":7}]}]}"#,
    r#"{"Drums":[7,{"Set":{"Pattern":[2,{"Off":[0,4]}]}}]}"#,
    r#"{"Drums":[7,{"Set":{"Pattern":[2,{"Steps":[{"pad":1,"step":2,"velocity":100,"probability":1.0,"pitch":0}]}]}}]}"#,
    r#"{"Drums":[7,{"Euclid":{"pattern":2,"pad":0,"hits":5,"rotation":0}}]}"#,
    r#"{"Drums":[7,{"ClearRegion":[2,{"first_pad":0,"last_pad":3,"first_step":0,"last_step":7}]}]}"#,
    r#"{"Drums":[7,{"Paste":[2,[{"pad":0,"step":4,"velocity":100,"probability":1.0,"pitch":0}]]}]}"#,
    r#"{"Drums":[7,{"Set":{"Current":2}}]}"#,
    r#"{"Drums":[7,{"Set":{"Chain":[1,2,3]}}]}"#,
    r#"{"Drums":[7,{"Set":{"Chained":true}}]}"#,
    r#"{"Drums":[7,{"Set":{"DeletePattern":3}}]}"#,
    r#"{"Drums":[7,{"Set":{"Chopper":{"Sample":{"name":"break.wav","digest":"00112233445566778899aabbccddeeff"}}}}]}"#,
    r#"{"Drums":[7,{"Chop":8}]}"#,
    r#"{"Drums":[7,{"AssignSlices":0}]}"#,
    r#"{"Drums":[7,{"Set":{"Chopper":{"Put":[33,{"start":0.25,"end":0.5}]}}}]}"#,
    r#"{"Drums":[7,{"Set":{"Chopper":{"Remove":33}}}]}"#,
    r#"{"Drums":[7,{"Set":{"Pad":[0,{"Name":"Kick"}]}}]}"#,
    r#"{"Drums":[7,{"Set":{"Pad":[0,{"Sound":{"Instrument":[2,60]}}]}}]}"#,
    r#"{"Drums":[7,{"Set":{"Pad":[0,{"Level":-3.0}]}}]}"#,
    r#"{"Drums":[7,{"Set":{"Pad":[0,{"Pan":-0.5}]}}]}"#,
    r#"{"Drums":[7,{"Set":{"Pad":[0,{"Pitch":-5}]}}]}"#,
    r#"{"Drums":[7,{"Set":{"Pad":[0,{"Reverse":true}]}}]}"#,
    r#"{"Drums":[7,{"Set":{"Pad":[0,{"Chokes":1}]}}]}"#,
    // The mixer.
    r#"{"Mixer":{"Bus":[2,{"Name":"Hall"}]}}"#,
    r#"{"Mixer":{"Bus":[2,{"Level":-3.0}]}}"#,
    r#"{"Mixer":{"Bus":[2,{"Pan":0.5}]}}"#,
    r#"{"Mixer":{"Bus":[2,{"Mute":true}]}}"#,
    r#"{"Mixer":{"Bus":[2,{"Solo":true}]}}"#,
    r#"{"Mixer":{"Master":{"Level":-3.0}}}"#,
    r#"{"Mixer":{"Master":{"Pan":0.5}}}"#,
    r#"{"Mixer":{"Master":{"Mute":true}}}"#,
    r#"{"Mixer":{"LayerGroup":[1,{"Name":"Layers"}]}}"#,
    r#"{"Mixer":{"LayerGroup":[1,{"Level":-3.0}]}}"#,
    r#"{"Mixer":{"LayerGroup":[1,{"Mute":true}]}}"#,
    r#"{"Mixer":{"LayerGroup":[1,{"Solo":true}]}}"#,
    // The session.
    r#"{"Session":{"Name":"Sunday"}}"#,
    r#"{"Session":{"Tempo":128.0}}"#,
    r#"{"Session":{"Key":"A"}}"#,
    r#"{"Session":{"Scale":"Blues"}}"#,
    r#"{"Session":{"TimeSignature":{"beats":7,"unit":8}}}"#,
    r#"{"Session":{"Swing":0.25}}"#,
    r#"{"Session":{"Tuning":{"ConcertPitch":442.0}}}"#,
    r#"{"Session":{"Snap":"Eighth"}}"#,
    r#"{"Session":{"Click":{"On":true}}}"#,
    r#"{"Session":{"Humanise":{"Timing":0.2}}}"#,
    r#"{"Session":{"ChaseNotes":false}}"#,
    r#"{"Session":{"Midi":{"Channel":10}}}"#,
    r#"{"Session":{"Midi":{"Put":[1,{"channel":null,"controller":74,"target":{"Instrument":[1,"Cutoff"]},"from":0.0,"to":1.0}]}}}"#,
    r#"{"Session":{"Midi":{"Remove":1}}}"#,
    // Playback.
    r#"{"Arrangement":{"Play":"Arrangement"}}"#,
    r#"{"Arrangement":{"AtEnd":"Stop"}}"#,
    r#"{"Transport":{"Region":{"start":0,"end":3840}}}"#,
    r#"{"Transport":{"Loop":true}}"#,
    r#"{"Transport":{"Record":true}}"#,
    r#"{"Transport":"Play"}"#,
    r#""Panic""#,
    r#"{"Transport":{"Locate":1920}}"#,
    r#"{"Transport":"Stop"}"#,
    // Save and load a full session.
    r#"{"Project":{"SaveAs":"Song"}}"#,
    r#"{"Project":"Save"}"#,
    r#"{"Project":{"CreateCheckpoint":"before the bridge"}}"#,
    // Delete parts that others refer to.
    r#"{"Instrument":[1,{"Set":{"Sends":{"Remove":2}}}]}"#,
    r#"{"Mixer":{"DeleteBus":2}}"#,
    r#"{"Mixer":{"DeleteLayerGroup":1}}"#,
    r#"{"Registry":{"DeletePlugin":4}}"#,
    r#"{"Registry":{"DeleteSynthDef":1}}"#,
    r#"{"DeleteInstrument":2}"#,
    r#"{"Project":{"RestoreCheckpoint":"before the bridge"}}"#,
    r#"{"Project":{"DeleteCheckpoint":"before the bridge"}}"#,
    r#"{"Project":"List"}"#,
    // What the restored checkpoint replaced.
    r#"{"Project":{"Recover":"0001 Song"}}"#,
    r#"{"Project":"New"}"#,
    r#"{"Project":{"Load":"Song"}}"#,
];

/// The actions that only the engine may send.
const REPORTS: [&str; 2] = [
    r#"{"ProjectReport":{"task":"List","outcome":{"Done":{"known":[],"checkpoints":[],"saved":null,"recovered":[]}}}}"#,
    r#"{"TransportReport":{"generation":3,"position":1920,"ended":false}}"#,
];

/// Names the variants of each family in an exhaustive match, so that a missing variant does not
/// compile.
macro_rules! families {
    ($( $family:ty { $( $variant:ident, )+ } )+) => {
        $( impl Family for $family {
            fn tick_off(&self, left: &mut BTreeSet<String>) {
                let variant = match self { $( Self::$variant { .. } => stringify!($variant), )+ };
                left.remove(&format!("{}::{variant}", stringify!($family)));
            }
        } )+

        fn all_variants() -> BTreeSet<String> {
            [$($( format!("{}::{}", stringify!($family), stringify!($variant)), )+)+].into()
        }
    };
}

families! {
    NetworkAction {
        AddInstrument, DeleteInstrument, Instrument, PianoRoll, Clip, Placement, Arrangement,
        Automation, Project, ProjectReport, Drums, Adjust, Registry, Session, Transport, Panic,
        TransportReport, Mixer,
    }
    InstrumentAction { Set, Play, Release, ReleaseLate, ReleaseAll, }
    InstrumentSetting {
        Name, Source, Filter, Amp, Chain, Lfo, Arpeggiator, Chord, Groove, LayerGroup, Octave,
        Channels, Level, Pan, Mute, Solo, Output, Sends,
    }
    LoadedSetting<PluginId> { Load, Unload, Set, Reset, Saved, }
    ChainSetting { Add, Remove, Move, Bypass, Effect, }
    SendsSetting { Add, Remove, Set, }
    BusSendSetting { Level, PreFader, }
    PianoRollAction {
        Add, Remove, Move, Resize, Velocity, Probability, Paste, DeleteRegion, Clear, Set,
    }
    TrackSetting { Voices, Armed, Looping, Region, }
    ClipAction { Create, Capture, Rename, Resize, Put, Take, Delete, }
    PlacementAction { Place, Move, Resize, Duplicate, Remove, }
    ArrangementSetting { Play, AtEnd, }
    AutomationAction { Add, Delete, Set, Put, Remove, Move, DeleteRegion, CopyRegion, Paste, }
    LaneSetting { Enabled, Armed, }
    Target { Instrument, Pad, Drums, Hosted, Bus, LayerGroup, Master, Session, }
    ProjectAction {
        New, Save, SaveAs, Load, List, CreateCheckpoint, RestoreCheckpoint, DeleteCheckpoint,
        Recover,
    }
    DrumAction { Set, Step, Euclid, ClearRegion, Paste, Chop, AssignSlices, }
    DrumSetting {
        Swing, Chopper, Pad, AddPattern, DeletePattern, Pattern, Current, Chain, Chained,
    }
    ChopperSetting { Sample, Put, Remove, }
    PadSetting { Name, Sound, Level, Pan, Pitch, Reverse, Chokes, }
    PatternSetting { Name, Length, Resolution, On, Off, Steps, }
    HitSetting { Velocity, Probability, Pitch, }
    Device { Source, Slot, BusSlot, MasterSlot, }
    RegistrySetting { AddSynthDef, DeleteSynthDef, AddPlugin, DeletePlugin, }
    SessionSetting {
        Name, Tempo, Key, Scale, TimeSignature, Swing, Tuning, Snap, Click, Humanise,
        ChaseNotes, Midi,
    }
    MidiMapSetting { Channel, Put, Remove, }
    TransportAction { Play, Stop, Locate, Record, Loop, Region, }
    MixerSetting {
        AddBus, DeleteBus, Bus, Master, AddLayerGroup, DeleteLayerGroup, LayerGroup,
    }
    BusSetting { Name, Level, Pan, Mute, Solo, Chain, }
    MasterSetting { Level, Pan, Mute, Chain, }
    LayerGroupSetting { Name, Level, Mute, Solo, }
}

trait Family {
    /// Removes its variant from the variants that are left to try.
    fn tick_off(&self, left: &mut BTreeSet<String>);
}

/// The families that an action belongs to, outermost first.
fn families(action: &NetworkAction) -> Vec<&dyn Family> {
    use NetworkAction as A;

    let mut families: Vec<&dyn Family> = vec![action];
    match action {
        A::AddInstrument { .. }
        | A::DeleteInstrument(_)
        | A::ProjectReport(_)
        | A::TransportReport(_)
        | A::Panic => {}
        A::Instrument(_, action) => {
            families.push(action);
            if let InstrumentAction::Set(setting) = action {
                families.push(setting);
                match setting {
                    InstrumentSetting::Source(SourceSetting::Vst(setting)) => {
                        families.push(setting);
                    }
                    InstrumentSetting::Chain(setting) => families.push(setting),
                    InstrumentSetting::Sends(setting) => {
                        families.push(setting);
                        if let SendsSetting::Set(_, setting) = setting {
                            families.push(setting);
                        }
                    }
                    _ => {}
                }
            }
        }
        A::PianoRoll(_, action) => {
            families.push(action);
            if let PianoRollAction::Set(setting) = action {
                families.push(setting);
            }
        }
        A::Clip(_, action) => families.push(action),
        A::Placement(_, action) => families.push(action),
        A::Arrangement(setting) => families.push(setting),
        A::Automation(target, action) => {
            families.extend([target as &dyn Family, action]);
            if let AutomationAction::Set(setting) = action {
                families.push(setting);
            }
        }
        A::Project(action) => families.push(action),
        A::Drums(_, action) => {
            families.push(action);
            match action {
                DrumAction::Step(.., setting) => families.push(setting),
                DrumAction::Set(setting) => {
                    families.push(setting);
                    match setting {
                        DrumSetting::Chopper(setting) => families.push(setting),
                        DrumSetting::Pad(_, setting) => families.push(setting),
                        DrumSetting::Pattern(_, setting) => families.push(setting),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        A::Adjust(device, ..) => families.push(device),
        A::Registry(setting) => families.push(setting),
        A::Session(setting) => {
            families.push(setting);
            if let SessionSetting::Midi(setting) = setting {
                families.push(setting);
            }
        }
        A::Transport(action) => families.push(action),
        A::Mixer(setting) => {
            families.push(setting);
            match setting {
                MixerSetting::Bus(_, setting) => families.push(setting),
                MixerSetting::Master(setting) => families.push(setting),
                MixerSetting::LayerGroup(_, setting) => families.push(setting),
                _ => {}
            }
        }
    }
    families
}

pub fn read(json: &str) -> NetworkAction {
    serde_json::from_str(json).unwrap_or_else(|e| panic!("{e} in {json}"))
}

/// An action for each kind of source and of effect.
pub fn every_kind() -> impl Iterator<Item = NetworkAction> {
    let set = |setting| NetworkAction::Instrument(PAD, InstrumentAction::Set(setting));
    let sources = SourceKind::ALL.iter().map(move |kind| {
        let setting = SourceSetting::Kind(*kind);
        set(InstrumentSetting::Source(setting))
    });
    let effects = EffectKind::ALL.iter().flat_map(move |kind| {
        [ChainSetting::Add(SlotId(1), *kind, 0), ChainSetting::Remove(SlotId(1))]
            .map(|setting| set(InstrumentSetting::Chain(setting)))
    });
    sources.chain(effects)
}

async fn host(directory: &Directory) -> (Arc<dyn Dispatcher>, String) {
    // Send a patch for each action.
    let session = SessionConfig { min_patch_interval: Duration::ZERO, ..SessionConfig::default() };
    let mode = Mode::Host {
        name: "host".into(),
        address: "127.0.0.1:0".into(),
        options: HostOptions { session, ..HostOptions::default() },
    };
    let host = open_in(Some(&directory.0), mode).await.unwrap();
    let Status::Hosting { address: Some(address) } = host.status() else { panic!() };
    (host, address.to_string())
}

async fn guest(address: &str) -> Arc<dyn Dispatcher> {
    let options = JoinOptions {
        name: "Ana".into(),
        own: vec![BASS, LEAD, PAD],
        privilege: true,
        ..JoinOptions::default()
    };
    imbolc_net::open(Mode::Remote { address: address.into(), options }).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_action_of_a_guest_reaches_all_participants() {
    let directory = Directory::new();
    let (host, address) = host(&directory).await;
    host.release_privilege().unwrap();
    let guest = guest(&address).await;
    let listener = join(&address, "Ben", &[]).await;
    assert_eq!(guest.identity().privilege, PrivilegeLevel::Privileged);

    let mut left = all_variants();
    for action in every_kind().chain(ACTIONS.iter().map(|json| read(json))) {
        families(&action).iter().for_each(|family| family.tick_off(&mut left));
        let before = host.state();
        guest.commit(action.clone()).await.unwrap_or_else(|e| panic!("{e} at {action:?}"));
        assert_ne!(host.state().seq, before.seq, "{action:?}");
        if let NetworkAction::Project(task) = &action {
            let done = ProjectNotice::Done(task.clone());
            eventually(&format!("{done:?}"), || host.state().model.projects.notice == done).await;
        }
        eventually(&format!("all snapshots agree after {action:?}"), || {
            let truth = host.state();
            guest.state() == truth && listener.state() == truth
        })
        .await;
    }

    for report in REPORTS.map(read) {
        families(&report).iter().for_each(|family| family.tick_off(&mut left));
        let before = host.state();
        for d in [&guest, &host] {
            let refused = d.commit(report.clone()).await;
            assert_eq!(refused, Err(DispatchError::Refused(Refusal::EngineOnly)));
        }
        assert_eq!(host.state(), before);
    }
    assert_eq!(left, BTreeSet::new(), "variants without an action");
}

/// Moves each parameter to an end of its range and adds a lane for it. Returns the expected
/// positions.
async fn turn_all(
    guest: &dyn Dispatcher,
    parameters: Vec<InstrumentParameter>,
) -> Vec<(Target, f32)> {
    let mut turned = Vec::new();
    for parameter in parameters {
        let target = Target::Instrument(BASS, parameter);
        let model = &guest.state().model;
        let now = target.part(model).expect("the parameter exists");
        // The farther end, so that the value changes.
        let part = Amount::of(if now.get() < 0.5 { 1.0 } else { 0.0 });
        guest.dispatch(target.action(part, model).expect("the parameter exists")).unwrap();
        guest.dispatch(NetworkAction::Automation(target, AutomationAction::Add)).unwrap();
        turned.push((target, part.get()));
    }
    guest.commit(NetworkAction::Automation(FADER, AutomationAction::Add)).await.unwrap();
    turned
}

const FADER: Target = Target::Master(MasterParameter::Level);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_parameter_can_be_set_and_automated_remotely() {
    let directory = Directory::new();
    let (host, address) = host(&directory).await;
    host.release_privilege().unwrap();
    let guest = guest(&address).await;
    let listener = join(&address, "Ben", &[]).await;
    let (none, slot) = (Instrument::default().parameters(), SlotId(1));
    let set = |setting| NetworkAction::Instrument(BASS, InstrumentAction::Set(setting));

    let sources = SourceKind::ALL
        .iter()
        .map(|kind| vec![set(InstrumentSetting::Source(SourceSetting::Kind(*kind)))]);
    let effects = EffectKind::ALL.iter().map(|kind| {
        [ChainSetting::Remove(slot), ChainSetting::Add(slot, *kind, 0)]
            .map(|setting| set(InstrumentSetting::Chain(setting)))
            .into()
    });
    let mut all = 0;
    for makes in sources.chain(effects) {
        for action in &makes {
            // The first removal finds an empty chain.
            let _ = guest.dispatch(action.clone());
        }
        let model = &guest.state().model;
        let mut parameters = model.instruments.get(BASS).unwrap().parameters();
        parameters.retain(|parameter| !none.contains(parameter) || all == 0);
        parameters.retain(|parameter| {
            model.automation.lane(&Target::Instrument(BASS, *parameter)).is_none()
        });
        let turned = turn_all(&*guest, parameters).await;
        guest.commit(NetworkAction::Automation(FADER, AutomationAction::Delete)).await.unwrap();
        eventually(&format!("all agree after {makes:?}"), || {
            let truth = host.state();
            guest.state() == truth && listener.state() == truth
        })
        .await;
        let seen = listener.state();
        for (target, part) in &turned {
            let is = target.part(&seen.model).unwrap_or_else(|| panic!("{target} does not exist"));
            assert!((is.get() - part).abs() < 1e-3, "{target} is at {is}, not {part}");
            assert!(seen.model.automation.lane(target).is_some(), "{target}");
        }
        all += turned.len();
    }
    let every = InstrumentParameter::all().len() + EffectParameter::all().len();
    assert!(all >= every, "{all} of {every}");
}
