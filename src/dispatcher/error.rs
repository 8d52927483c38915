//! What can go wrong, one enum for each domain: opening a dispatcher, using
//! one, and being found. What can go wrong on the wire is in
//! [`protocol`](crate::protocol).

use std::{io, path::PathBuf};

use crate::{
    dispatcher::{CloseReason, ConnectionError},
    protocol::{ProtocolError, Refusal},
    sync::mirror::MirrorError,
    util::io::describe,
};

/// Why a dispatcher could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The host cannot listen at the address.
    #[error("cannot listen at {address}: {}", describe(source))]
    Listen {
        /// Where.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// The host cannot be reached, or does not let one in.
    #[error("cannot join {address}: {reason}")]
    Join {
        /// Where.
        address: String,
        /// Why not.
        reason: ConnectionError,
    },
    /// The directory for projects cannot be used.
    #[error("cannot keep projects in {}: {}", directory.display(), describe(source))]
    Projects {
        /// Which one.
        directory: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// One cannot be called that.
    #[error("{0}")]
    Name(ProtocolError),
    /// The operating system has no random bytes.
    #[error("the operating system has no random bytes: {0}")]
    Random(getrandom::Error),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

/// Why a dispatcher does not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DispatchError {
    /// It may not be done, or makes no sense. Nothing has changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many actions are unanswered: the connection is gone, or slow.
    #[error("{limit} actions are unanswered already")]
    Backlog {
        /// How many may be.
        limit: usize,
    },
    /// There is no connection at the moment. Actions are kept until there is
    /// one; wishes for ownership and privilege are not.
    #[error("there is no connection to the host at the moment")]
    Offline,
    /// The session ended before the action was answered, and cannot be resumed.
    #[error("the session ended before the host had answered")]
    Unanswered,
    /// The dispatcher is closed.
    #[error("the session is closed: {0}")]
    Closed(CloseReason),
}

impl From<MirrorError> for DispatchError {
    fn from(not_taken: MirrorError) -> Self {
        match not_taken {
            MirrorError::Refused(refusal) => Self::Refused(refusal),
            MirrorError::Backlog { limit } => Self::Backlog { limit },
        }
    }
}
