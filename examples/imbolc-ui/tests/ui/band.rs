//! A studio with something of everything in it.

use std::sync::Arc;

use imbolc_net::{
    model::{InstrumentId, Model as _},
    quantity::{
        Amount, Hertz, MidiController, NoteLength, Pan, Pitch, Probability, Ticks, Velocity,
    },
    studio::{
        BusId, BusSetting, ChainSetting, Definition, EffectKind, FilterSetting, InstrumentAction,
        InstrumentKnob, InstrumentSetting, LayerGroupId, Mapping, MappingId, MasterSetting,
        MidiMapSetting, MidiTarget, MixerSetting, Name, Names, NetworkAction, Note, Output,
        PianoRollAction, ProjectAction, ProjectName, ProjectNotice, Projects, RegistrySetting,
        SendsSetting, SessionSetting, SlotId, SourceKind, Studio, StudioState, SynthDefId,
    },
};

use crate::stage::{BASS, DRUMS, LEAD, PAD};

/// The band.
pub fn studio() -> StudioState {
    let mut studio = StudioState::starter();
    let name = |text| Name::new(text).expect("a name");
    act(&mut studio, &NetworkAction::Session(SessionSetting::Name(name("Friday"))));
    let kit = SourceKind::DrumKit;
    act(&mut studio, &NetworkAction::AddInstrument { id: DRUMS, name: name("Drums"), source: kit });
    act(&mut studio, &NetworkAction::Mixer(MixerSetting::AddBus(BusId(1), name("Reverb"))));
    let output = InstrumentSetting::Output(Output::Bus(BusId(1)));
    act(&mut studio, &NetworkAction::Instrument(PAD, InstrumentAction::Set(output)));
    for (tick, pitch) in [(0, 36), (480, 36), (720, 43), (960, 41), (1440, 43)] {
        let add = PianoRollAction::Add(note(tick, pitch));
        act(&mut studio, &NetworkAction::PianoRoll(BASS, add));
    }
    desk(&mut studio);
    shelf(&mut studio);
    studio
}

/// What the mixer shows besides faders.
fn desk(studio: &mut StudioState) {
    let name = |text| Name::new(text).expect("a name");
    let mut mix = |setting| act(studio, &NetworkAction::Mixer(setting));
    mix(MixerSetting::AddBus(BusId(2), name("Echo")));
    mix(MixerSetting::AddLayerGroup(LayerGroupId(1), name("Warm")));
    let reverb = ChainSetting::Add(SlotId(1), EffectKind::Reverb, 0);
    mix(MixerSetting::Bus(BusId(1), BusSetting::Chain(reverb)));
    mix(MixerSetting::Bus(BusId(2), BusSetting::Mute(true)));
    let limiter = ChainSetting::Add(SlotId(1), EffectKind::Limiter, 0);
    mix(MixerSetting::Master(MasterSetting::Chain(limiter)));
    let mut set = |id, setting| {
        act(studio, &NetworkAction::Instrument(id, InstrumentAction::Set(setting)));
    };
    set(BASS, InstrumentSetting::Sends(SendsSetting::Add(BusId(1))));
    for (slot, kind) in [(1, EffectKind::Distortion), (2, EffectKind::Chorus)] {
        let add = ChainSetting::Add(SlotId(slot), kind, u8::MAX);
        set(BASS, InstrumentSetting::Chain(add));
    }
    set(BASS, InstrumentSetting::Chain(ChainSetting::Bypass(SlotId(2), true)));
    set(LEAD, InstrumentSetting::Pan(Pan::of(-0.2)));
    set(PAD, InstrumentSetting::LayerGroup(Some(LayerGroupId(1))));
}

/// What the session has besides music: definitions, mappings and projects.
fn shelf(studio: &mut StudioState) {
    let name = |text| Name::new(text).expect("a name");
    for (id, text) in [(1, "Warble"), (2, "Rumble")] {
        let definition = Arc::new(Definition { name: name(text), parameters: Vec::new() });
        let add = RegistrySetting::AddSynthDef(SynthDefId(id), definition);
        act(studio, &NetworkAction::Registry(add));
    }
    let mapping = Mapping {
        channel: None,
        controller: MidiController::of(74),
        target: MidiTarget::Instrument(BASS, InstrumentKnob::Cutoff),
        from: Amount::MIN,
        to: Amount::MAX,
    };
    let put = SessionSetting::Midi(MidiMapSetting::Put(MappingId(1), mapping));
    act(studio, &NetworkAction::Session(put));
    let names = |names: &[&str]| {
        Names::new(names.iter().map(|name| ProjectName::new(name).expect("a name")))
    };
    studio.projects = Arc::new(Projects {
        current: ProjectName::new("friday").ok(),
        known: names(&["friday", "monday", "sketches"]),
        checkpoints: names(&["before the bridge"]),
        notice: ProjectNotice::Done(ProjectAction::Save),
    });
}

/// Does something in a studio.
pub fn act(studio: &mut StudioState, action: &NetworkAction) {
    Studio::reduce(studio, action).unwrap_or_else(|why| panic!("{action:?}: {why}"));
}

/// A note of an eighth.
pub fn note(tick: u32, pitch: u8) -> Note {
    Note {
        tick: Ticks::new(tick).expect("in range"),
        pitch: Pitch::new(pitch).expect("in range"),
        length: NoteLength::of(240),
        velocity: Velocity::of(100),
        probability: Probability::MAX,
    }
}

/// Turns the cutoff of an instrument.
pub fn cutoff(id: InstrumentId, hertz: f32) -> NetworkAction {
    let setting = FilterSetting::Cutoff(Hertz::new(hertz).expect("in range"));
    NetworkAction::Instrument(id, InstrumentAction::Set(InstrumentSetting::Filter(setting)))
}
