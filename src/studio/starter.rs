//! What a session begins with.
//!
//! It knows no more of the studio than a user does: it performs actions.

use std::sync::Arc;

use super::{
    common::name::Name,
    drums::{DrumAction, DrumSetting, PadSetting},
    network_action::NetworkAction,
    source::SourceKind,
    studio_state::StudioState,
    unsaved_mark::UnsavedMark,
};
use crate::{model::InstrumentId, util::quantity::PadNumber};

/// The names of the first pads of the drum kit.
const PADS: [&str; 8] =
    ["Kick", "Snare", "Closed hat", "Open hat", "Clap", "Low tom", "High tom", "Crash"];

impl StudioState {
    /// A new session with a bass, a lead, a pad and a drum kit, ready to be played.
    #[must_use]
    pub fn starter() -> Self {
        let mut state = Self::default();
        let band = [
            ("Bass", SourceKind::Oscillator),
            ("Lead", SourceKind::Fm),
            ("Pad", SourceKind::Oscillator),
            ("Drums", SourceKind::DrumKit),
        ];
        let kit = InstrumentId(4);
        let instruments = (1..).zip(band).map(|(id, (name, source))| {
            NetworkAction::AddInstrument { id: InstrumentId(id), name: Name::given(name), source }
        });
        let pads = (0..).zip(PADS).map(|(pad, name)| {
            let name = PadSetting::Name(Name::given(name));
            NetworkAction::Drums(kit, DrumAction::Set(DrumSetting::Pad(PadNumber::of(pad), name)))
        });
        for action in instruments.chain(pads) {
            let done = state.reduce(&action);
            debug_assert!(done.is_ok(), "there is room for four in an empty studio");
        }
        state.regarded_as_saved()
    }

    /// This state without [unsaved changes](UnsavedMark), e.g. one with which a session
    /// begins.
    #[must_use]
    pub fn regarded_as_saved(mut self) -> Self {
        let saved = UnsavedMark::default().digest(&self);
        Arc::make_mut(&mut self.projects).saved = saved;
        self
    }
}
