//! Why an action or a request of a participant is refused.
//!
//! Only data; the rules are in `sync`.

use std::cell::Cell;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::{ActionNumber, OwnerInfo};
use crate::model::{InstrumentId, Invalid};

/// Why an action or a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The sender does not own the instrument.
    #[error("instrument {instrument} {}", owner.as_ref().map_or("has no owner: request it first".into(), |owner| format!("belongs to {owner}")))]
    NotOwner {
        /// The instrument.
        instrument: InstrumentId,
        /// The owner, if it has one.
        owner: Option<OwnerInfo>,
    },
    /// The sender does not have the privilege.
    #[error("this needs the privilege, which {} has", holder.as_ref().map_or("no participant", |holder| &*holder.name))]
    NotPrivileged {
        /// The participant that has it, if any.
        holder: Option<OwnerInfo>,
    },
    /// Only the engine may send this action.
    #[error("only the engine may send this")]
    EngineOnly,
    /// The action is impossible in the current state.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// An action of a batch was refused, and with it the batch.
    #[error("action {} of {count}: {reason}", index.saturating_add(1))]
    InBatch {
        /// The position of the action in the batch, from 0.
        index: u32,
        /// How many actions the batch has.
        count: u32,
        /// Why the action was refused. Not a refused batch again.
        #[serde(deserialize_with = "unnested")]
        reason: Box<Refusal>,
    },
    /// The action cannot be encoded or decoded, e.g. because a value is out of range
    /// or a number is not finite.
    #[error("the action cannot be encoded or decoded: {detail}")]
    Malformed {
        /// The error text of the encoder or decoder.
        detail: String,
    },
    /// The model's code failed. Nothing has changed.
    #[error("the program failed in this action: {detail}")]
    Panicked {
        /// The text of the panic.
        detail: String,
    },
}

/// Deserializes the reason in a refused batch. A reason in a reason, and so on, would
/// exhaust the stack.
fn unnested<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<Refusal>, D::Error> {
    thread_local! {
        static IN_BATCH: Cell<bool> = const { Cell::new(false) };
    }
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            IN_BATCH.set(false);
        }
    }
    if IN_BATCH.replace(true) {
        return Err(D::Error::custom("a batch is not part of a batch"));
    }
    let _leave = Leave;
    Box::deserialize(deserializer)
}

/// A refused action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// The number of the action.
    pub number: ActionNumber,
    /// The reason.
    pub reason: Refusal,
}

/// An instrument whose ownership was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnershipRefusal {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The reason.
    pub reason: Refusal,
}
