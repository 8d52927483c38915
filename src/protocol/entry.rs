//! The messages of a connection before its client is admitted, always in JSON.
//!
//! Only data; [`admission`](crate::admission) decides.

use serde::{Deserialize, Serialize};

use super::{Hello, ProtocolError, limits};
use crate::{
    security::{CodeMac, Element, WordsCommitment, WordsNonce},
    util::limited::cut_text,
};

/// A message of a client that is not admitted yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryRequest {
    /// Joins or resumes, as in [`ClientMessage`](super::ClientMessage).
    Hello(Hello),
    /// Begins to prove that it has the code. Answered by `CodeElement`.
    ProveCode {
        /// The client's message of SPAKE2.
        element: Element,
    },
    /// Proves it. Answered by `CodeConfirmed`.
    ConfirmCode {
        /// The client's MAC.
        mac: CodeMac,
    },
    /// Asks the person at the host to join. Answered by `Nonce`.
    Ask {
        /// To the nonce that it will reveal.
        commitment: WordsCommitment,
    },
    /// Shows the nonce. Both sides know the words now.
    Reveal {
        /// The nonce.
        nonce: WordsNonce,
    },
    /// Says its name, because its person has accepted the words. Answered by `Admitted`
    /// when a person at the host has decided.
    Introduce {
        /// The name.
        #[serde(deserialize_with = "cut_text::<{ limits::NAME as usize }, _, _>")]
        name: String,
    },
}

/// A message of a host to a client that is not admitted yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryReply {
    /// Answers `ProveCode`.
    CodeElement {
        /// The host's message of SPAKE2.
        element: Element,
    },
    /// Answers `ConfirmCode`: the client is admitted, and known from now on.
    CodeConfirmed {
        /// The host's MAC.
        mac: CodeMac,
    },
    /// Answers `Ask`.
    Nonce {
        /// The host's part of the words.
        nonce: WordsNonce,
    },
    /// A person has admitted the client.
    Admitted,
    /// The host closes the connection for this reason.
    Error(ProtocolError),
}

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
    /// The person at the host has not answered in time.
    #[error("nobody at the host has answered")]
    Unanswered,
    /// Too many questions wait, or another one of the same address or key.
    #[error("too many are waiting: try again in a minute")]
    Busy,
    /// The host has removed the client's key.
    #[error("the host has removed you from this session")]
    Removed,
    /// The client does not encrypt, and this session admits no such client.
    #[error("the host admits encrypted connections only")]
    PlainNotAdmitted,
    /// The client sent a message that is not expected in this state of the connection.
    #[error("the message is not expected now")]
    OutOfTurn,
}
