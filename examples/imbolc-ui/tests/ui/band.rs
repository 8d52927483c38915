//! A studio with something of everything in it.

use imbolc_net::{
    model::{InstrumentId, Model as _},
    quantity::{Hertz, NoteLength, Pitch, Probability, Ticks, Velocity},
    studio::{
        BusId, FilterSetting, InstrumentAction, InstrumentSetting, MixerSetting, Name,
        NetworkAction, Note, Output, PianoRollAction, SessionSetting, SourceKind, Studio,
        StudioState,
    },
};

use crate::stage::{BASS, DRUMS, PAD};

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
    second_bar(&mut studio);
    studio
}

/// A soft note, one that may not be played and one that lasts, for the bass.
fn second_bar(studio: &mut StudioState) {
    let soft = Note { velocity: Velocity::of(20), ..note(1920, 48) };
    let maybe = Note { probability: Probability::of(70), ..note(2400, 50) };
    let long = Note { length: NoteLength::of(960), ..note(2880, 48) };
    for note in [soft, maybe, long] {
        act(studio, &NetworkAction::PianoRoll(BASS, PianoRollAction::Add(note)));
    }
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
