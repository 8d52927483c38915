//! What a session begins with.
//!
//! It knows no more of the studio than a user does who adds instruments.

use std::sync::Arc;

use super::{
    common::name::Name, source::SourceKind, studio_state::StudioState, unsaved_mark::UnsavedMark,
};
use crate::model::InstrumentId;

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
            let added = state.add_instrument(InstrumentId(id), &Name::given(name), source);
            debug_assert!(added.is_ok(), "there is room for three in an empty studio");
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
