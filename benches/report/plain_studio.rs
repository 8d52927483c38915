//! A peer for the studio's state: the same content in plain structs, lists and maps,
//! with the same serialization and no sharing.

use std::collections::BTreeMap;

use imbolc_net::{
    model::InstrumentId,
    studio::{
        Arpeggiator, AtEnd, BusId, BusSend, Channels, Chopper, ChordShape, ClipId, Curve, Envelope,
        Filter, Groove, LayerGroupId, Lfo, LoopRegion, Mixer, Name, Note, NoteValue, Output, Pad,
        PatternId, Placement, PlacementId, PlayMode, Projects, Registry, SessionState, Slot,
        Source, Step, StudioState, Target, Transport, Voices,
    },
    util::quantity::{
        Amount, Decibels, NoteLength, OctaveShift, PadNumber, Pan, Pitch, StepCount, Ticks,
        Velocity,
    },
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlainStudio {
    pub session: SessionState,
    pub transport: Transport,
    pub registry: Registry,
    pub mixer: Mixer,
    pub piano_roll: BTreeMap<InstrumentId, Track>,
    pub drums: BTreeMap<InstrumentId, DrumMachine>,
    pub instruments: BTreeMap<InstrumentId, Instrument>,
    pub arrangement: Arrangement,
    pub automation: Vec<(Target, Lane)>,
    pub projects: Projects,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Track {
    pub voices: Voices,
    pub armed: bool,
    pub looping: bool,
    pub region: LoopRegion,
    pub notes: Vec<Note>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DrumMachine {
    pub swing: Amount,
    pub chained: bool,
    pub current: Option<PatternId>,
    pub chain: Vec<PatternId>,
    pub pads: BTreeMap<PadNumber, Pad>,
    pub patterns: BTreeMap<PatternId, Pattern>,
    pub chopper: Chopper,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pattern {
    pub name: Name,
    pub length: StepCount,
    pub resolution: NoteValue,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Instrument {
    pub name: Name,
    pub source: Source,
    pub filter: Filter,
    pub amp: Envelope,
    pub chain: Vec<Slot>,
    pub lfo: Lfo,
    pub arpeggiator: Arpeggiator,
    pub chord: ChordShape,
    pub groove: Groove,
    pub layer_group: Option<LayerGroupId>,
    pub octave: OctaveShift,
    pub channels: Channels,
    pub level: Decibels,
    pub pan: Pan,
    pub mute: bool,
    pub solo: bool,
    pub output: Output,
    pub sends: BTreeMap<BusId, BusSend>,
    pub sounding: BTreeMap<Pitch, Velocity>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Arrangement {
    pub play: PlayMode,
    pub at_end: AtEnd,
    pub parts: BTreeMap<InstrumentId, Part>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Part {
    pub clips: BTreeMap<ClipId, Clip>,
    pub placements: BTreeMap<PlacementId, Placement>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Clip {
    pub name: Name,
    pub length: NoteLength,
    pub notes: Vec<Note>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lane {
    pub enabled: bool,
    pub armed: bool,
    pub points: BTreeMap<Ticks, Bend>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bend {
    pub value: Amount,
    pub curve: Curve,
}

impl PlainStudio {
    /// The same content.
    pub fn of(state: &StudioState) -> Self {
        let text = serde_json::to_string(state).unwrap();
        let plain = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&plain).unwrap(), text, "they differ");
        plain
    }
}
