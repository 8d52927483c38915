//! The digest of a studio, at the cost of its difference from a known state.
//!
//! Maps are digested entry by entry (an instrument, a note, a point, a step);
//! everything else as a whole, so that no field can be forgotten.

use std::sync::Arc;

use super::studio_state::StudioState;
use crate::model::{Digest, DigestDelta};

/// The digest of `state`. If nothing is known, it starts from an empty studio:
/// there is one way only.
pub(super) fn digest_studio(state: &StudioState, known: Option<(&StudioState, Digest)>) -> Digest {
    let empty = StudioState::default();
    let (from, digest) = known.unwrap_or((&empty, Digest::default()));
    let mut delta = DigestDelta::from(digest);
    // Whatever is added to the state must be named here.
    let StudioState {
        session,
        transport,
        registry,
        mixer,
        piano_roll,
        drums,
        instruments,
        arrangement,
        automation,
        projects,
    } = from;
    delta.at("session", |delta| replace_shared(delta, session, &state.session));
    delta.at("transport", |delta| delta.replace(Some(transport), Some(&state.transport)));
    delta.at("registry", |delta| registry.digest_delta(&state.registry, delta));
    delta.at("mixer", |delta| mixer.digest_delta(&state.mixer, delta));
    delta.at("piano roll", |delta| piano_roll.digest_delta(&state.piano_roll, delta));
    delta.at("drums", |delta| drums.digest_delta(&state.drums, delta));
    delta.at("instruments", |delta| instruments.digest_delta(&state.instruments, delta));
    delta.at("arrangement", |delta| arrangement.digest_delta(&state.arrangement, delta));
    delta.at("automation", |delta| automation.digest_delta(&state.automation, delta));
    delta.at("projects", |delta| replace_shared(delta, projects, &state.projects));
    delta.digest()
}

fn replace_shared<T: serde::Serialize + PartialEq>(
    delta: &mut DigestDelta,
    old: &Arc<T>,
    new: &Arc<T>,
) {
    if !Arc::ptr_eq(old, new) {
        delta.replace(Some(&**old), Some(&**new));
    }
}
