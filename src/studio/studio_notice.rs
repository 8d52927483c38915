//! What an engine of the studio says now and then, beside the state.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    model::{EngineFault, MAX_REASON},
    util::limited::cut_text,
};

/// A notice for every participant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum StudioNotice {
    /// The engine does not do its work, or does it again.
    Engine(EngineFault),
    /// A problem of the sound, or its end, in a line of at most [`MAX_REASON`] characters: a
    /// longer one is cut on its way to a guest.
    Sound(#[serde(deserialize_with = "cut_text::<MAX_REASON, _, _>")] String),
}

impl From<EngineFault> for StudioNotice {
    fn from(fault: EngineFault) -> Self {
        Self::Engine(fault)
    }
}

/// The notice in a musician's words.
impl fmt::Display for StudioNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(EngineFault::Failed(why)) => write!(f, "the sound is gone: {why}"),
            Self::Engine(EngineFault::Restarted) => f.write_str("the sound is back"),
            Self::Engine(EngineFault::Blocked) => f.write_str("the sound is stuck"),
            Self::Engine(EngineFault::Unblocked) => f.write_str("the sound goes on"),
            Self::Engine(other) => other.fmt(f),
            Self::Sound(words) => f.write_str(words),
        }
    }
}
