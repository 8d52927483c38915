//! The digest of a studio, at the cost of what differs from another one.
//!
//! Each part tallies its own, thing by thing: an instrument, a note, a point, a
//! step. What is not a map of things is tallied as a whole, so that no field can
//! be forgotten.

use std::sync::Arc;

use super::StudioState;
use crate::model::{Digest, Tally};

/// The digest of `state`. If nothing is known, it starts from an empty studio:
/// there is one way only.
pub(super) fn digest(state: &StudioState, known: Option<(&StudioState, Digest)>) -> Digest {
    let empty = StudioState::default();
    let (from, digest) = known.unwrap_or((&empty, Digest::default()));
    let mut tally = Tally::from(digest);
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
    tally.at("session", |tally| replace_shared(tally, session, &state.session));
    tally.at("transport", |tally| tally.replace(Some(transport), Some(&state.transport)));
    tally.at("registry", |tally| registry.tally(&state.registry, tally));
    tally.at("mixer", |tally| mixer.tally(&state.mixer, tally));
    tally.at("piano roll", |tally| piano_roll.tally(&state.piano_roll, tally));
    tally.at("drums", |tally| drums.tally(&state.drums, tally));
    tally.at("instruments", |tally| instruments.tally(&state.instruments, tally));
    tally.at("arrangement", |tally| arrangement.tally(&state.arrangement, tally));
    tally.at("automation", |tally| automation.tally(&state.automation, tally));
    tally.at("projects", |tally| replace_shared(tally, projects, &state.projects));
    tally.digest()
}

fn replace_shared<T: serde::Serialize + PartialEq>(tally: &mut Tally, old: &Arc<T>, new: &Arc<T>) {
    if !Arc::ptr_eq(old, new) {
        tally.replace(Some(&**old), Some(&**new));
    }
}
