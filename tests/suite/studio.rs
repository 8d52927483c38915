//! The studio as a model: access rules, reducers, patches, digests and serialized forms.
//!
//! These tests use the public API only and must not depend on how parts are compared.

mod access;
mod added;
mod digest;
mod limits;
mod moved;
mod patches;
pub mod properties;
mod schedule;
mod structure;
mod values;
pub mod vocabulary;
mod wording;

use imbolc_net::{
    model::{InstrumentId, Model},
    studio::{
        Name, NetworkAction, Note, PianoRollAction, SourceKind, Studio, StudioPatch, StudioState,
    },
    util::quantity::{NoteLength, Pitch, Probability, Ticks, Velocity},
};

/// `state` after `action`.
fn after(state: &StudioState, action: &NetworkAction) -> StudioState {
    let mut state = state.clone();
    Studio::reduce(&mut state, action).unwrap();
    state
}

fn patch(from: &StudioState, to: &StudioState) -> StudioPatch {
    Studio::diff(from, to).expect("the states should differ")
}

fn note(tick: u32, pitch: u8) -> Note {
    Note {
        tick: Ticks::of(tick),
        pitch: Pitch::of(pitch),
        length: NoteLength::of(240),
        velocity: Velocity::of(100),
        probability: Probability::MAX,
    }
}

/// A studio with `instruments` instruments of `notes` notes each.
fn studio(instruments: u32, notes: u32) -> StudioState {
    let mut state = StudioState::default();
    for id in (1..=instruments).map(InstrumentId) {
        let name = Name::new(&format!("Instrument {id}")).unwrap();
        let add = NetworkAction::AddInstrument { id, name, source: SourceKind::Oscillator };
        Studio::reduce(&mut state, &add).unwrap();
        let track = (0..notes).map(|n| note(n * 240, 60)).collect();
        let paste = NetworkAction::PianoRoll(id, PianoRollAction::Paste(track));
        Studio::reduce(&mut state, &paste).unwrap();
    }
    state
}
