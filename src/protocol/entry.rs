//! Why a host does not admit a client.
//!
//! Only data; [`admission`](crate::admission) decides.

use serde::{Deserialize, Serialize};

/// Why a host does not admit a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum EntryRefusal {
    /// The client's key is not known: it has to show the code.
    #[error("the host asks for its code")]
    CodeNeeded,
    /// The same, or a person at the host may be asked.
    #[error("the host asks for its code, or can be asked")]
    CodeOrQuestion,
    /// The code is wrong.
    #[error("the code is wrong")]
    WrongCode,
    /// The host has made a new code since the client began to show this one.
    #[error("the host has a new code")]
    CodeReplaced,
    /// Too many wrong codes were shown. A person at the host has to make a new one.
    #[error("too many wrong codes were shown: the host has to make a new one")]
    CodesPaused,
    /// A person at the host has declined.
    #[error("the host has declined")]
    Declined,
    /// Nobody at the host has answered in time.
    #[error("nobody at the host has answered")]
    Unanswered,
    /// Too many others wait, or another one of the same address does.
    #[error("too many are waiting: try again in a minute")]
    Busy,
    /// The host has removed the client's key.
    #[error("the host has removed you from this session")]
    Removed,
    /// The client does not encrypt, and this session admits no such client.
    #[error("the host admits encrypted connections only")]
    PlainNotAdmitted,
}
