//! What goes wrong with an engine, as the machinery around it finds out.

use serde::{Deserialize, Serialize};

use crate::{model::MAX_REASON, util::limited::cut_text};

/// Why the engine does not do its work, or only a part of it. The session goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum EngineFault {
    /// It panicked, with this message. It is built again, after a while.
    #[error("the engine failed: {0}")]
    Failed(#[serde(deserialize_with = "cut_text::<MAX_REASON, _, _>")] String),
    /// It was built again, and plays on.
    #[error("the engine runs again")]
    Restarted,
    /// It does not return from a call: nothing sounds on, and the playhead and the meters
    /// stand.
    #[error("the engine does not answer")]
    Blocked,
    /// It has returned from that call.
    #[error("the engine answers again")]
    Unblocked,
    /// So much was played while it was busy that it begins anew from the present state.
    #[error("the engine was too slow, and begins anew from the present state")]
    Overrun,
    /// It returned more actions at once than are performed; so many were dropped.
    #[error("the engine asked for too much at once: {0} actions are dropped")]
    TooManyActions(u32),
    /// It asked for an action that is impossible.
    #[error("an action of the engine is refused: {0}")]
    Refused(#[serde(deserialize_with = "cut_text::<MAX_REASON, _, _>")] String),
    /// A metering or a notice of it cannot be sent, and is dropped.
    #[error("the engine's report cannot be sent: {0}")]
    Unsendable(#[serde(deserialize_with = "cut_text::<MAX_REASON, _, _>")] String),
}

/// A model without notices says nothing of its engine.
impl From<EngineFault> for () {
    fn from(_: EngineFault) {}
}

/// The fault in words.
impl From<EngineFault> for String {
    fn from(fault: EngineFault) -> Self {
        fault.to_string()
    }
}
