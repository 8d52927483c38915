//! What an engine of the studio says now and then, beside the state.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::EngineFault;

/// A notice for every participant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum StudioNotice {
    /// The engine does not do its work, or does it again.
    Engine(EngineFault),
}

impl From<EngineFault> for StudioNotice {
    fn from(fault: EngineFault) -> Self {
        Self::Engine(fault)
    }
}

/// The notice in a musician's words.
impl fmt::Display for StudioNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Engine(fault) = self;
        match fault {
            EngineFault::Failed(why) => write!(f, "the sound is gone: {why}"),
            EngineFault::Restarted => f.write_str("the sound is back"),
            EngineFault::Blocked => f.write_str("the sound is stuck"),
            EngineFault::Unblocked => f.write_str("the sound goes on"),
            other => other.fmt(f),
        }
    }
}
