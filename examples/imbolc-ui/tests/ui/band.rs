//! A studio with something of everything in it.

use imbolc_net::{
    model::{InstrumentId, Model as _},
    quantity::{Hertz, NoteLength, Pan, Pitch, Probability, Ticks, Velocity},
    studio::{
        BusId, BusSetting, ChainSetting, EffectKind, FilterSetting, InstrumentAction,
        InstrumentSetting, LayerGroupId, MasterSetting, MixerSetting, Name, NetworkAction, Note,
        Output, PianoRollAction, SendsSetting, SessionSetting, SlotId, SourceKind, Studio,
        StudioState,
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
