//! Whether a session differs from what was last saved, loaded or begun.
//!
//! It is computed from the shared state, so every participant sees the same mark. It
//! knows no file and no project.

use super::{state_digest::digest_studio, studio_state::StudioState};
use crate::{model::Digest, util::quantity::Ticks};

/// Tells whether a state has unsaved changes: what a project stores of it, except for
/// the position of the playhead, differs from what was last saved, loaded or begun. An
/// undo back to that clears the mark.
///
/// It remembers the last state, so that the next one costs only what differs. Keep one,
/// and ask once per changed snapshot.
///
/// ```
/// use imbolc_net::{
///     model::Model,
///     studio::{NetworkAction, SessionSetting, Studio, StudioState, UnsavedMark},
///     util::quantity::Bpm,
/// };
///
/// let (mut state, mut mark) = (StudioState::starter(), UnsavedMark::default());
/// assert!(!mark.is_unsaved(&state));
/// let faster = SessionSetting::Tempo(Bpm::new(128.0)?);
/// Studio::reduce(&mut state, &NetworkAction::Session(faster))?;
/// assert!(mark.is_unsaved(&state));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct UnsavedMark {
    piece: StudioState,
    digest: Digest,
}

impl UnsavedMark {
    /// Whether `state` has unsaved changes.
    #[must_use]
    pub fn is_unsaved(&mut self, state: &StudioState) -> bool {
        self.digest(state) != state.projects.saved
    }

    /// The digest of the piece in `state`, as [`Projects::saved`](super::Projects::saved)
    /// has it.
    #[must_use]
    pub fn digest(&mut self, state: &StudioState) -> Digest {
        let mut piece = state.at_rest();
        piece.transport.position = Ticks::MIN;
        self.digest = digest_studio(&piece, Some((&self.piece, self.digest)));
        self.piece = piece;
        self.digest
    }
}
