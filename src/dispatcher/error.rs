//! The errors of opening and of using a dispatcher.
//!
//! Why a connection was lost is in `status`; refusals and errors that cross the wire
//! are in [`protocol`](crate::protocol).

use std::{io, path::PathBuf};

use crate::{
    admission::DecisionError,
    dispatcher::{CloseReason, ConnectionError},
    protocol::{ProtocolError, Refusal},
    sync::mirror::MirrorError,
    util::{io::describe, option::OptionError},
};

/// Why a dispatcher could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The host cannot listen at an address.
    #[error("cannot listen at {address}: {}", describe(source))]
    Listen {
        /// The address.
        address: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The host cannot be reached, or rejects the handshake.
    #[error("cannot join {address}: {reason}")]
    Join {
        /// The address of the host.
        address: String,
        /// The reason.
        reason: ConnectionError,
    },
    /// The directory for projects cannot be used.
    #[error("cannot keep projects in {}: {}", directory.display(), describe(source))]
    Projects {
        /// The directory.
        directory: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// An option makes no sense.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The participant's name is not allowed.
    #[error("{0}")]
    Name(ProtocolError),
    /// The operating system does not provide random bytes.
    #[error("the operating system does not provide random bytes: {0}")]
    Random(getrandom::Error),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

/// Why a dispatcher does not perform a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DispatchError {
    /// The action is not allowed, or impossible. Nothing has changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many actions are unanswered, because the connection is lost or slow.
    #[error("{limit} actions are unanswered already")]
    Backlog {
        /// The most unanswered actions.
        limit: usize,
    },
    /// The connection is lost at the moment. Actions are queued until it returns;
    /// requests for ownership, the privilege and a full state are not.
    #[error("there is no connection to the host at the moment")]
    Offline,
    /// Only the host of the session may do this.
    #[error("only the host of the session can do this")]
    NotHost,
    /// There is no question to answer, and no client to admit.
    #[error(transparent)]
    Undecided(#[from] DecisionError),
    /// There is no such participant, or it is the host.
    #[error("there is no such participant")]
    NoParticipant,
    /// What a participant owns is freed only while it is away.
    #[error("this participant is not away")]
    NotAway,
    /// The operating system gave no random numbers for a new code.
    #[error("the operating system gives no random numbers")]
    NoRandomNumbers,
    /// The client lost its place before the action was answered.
    #[error("your place in the session was lost before the host answered")]
    Unanswered,
    /// The dispatcher is closed.
    #[error("the session is closed: {0}")]
    Closed(CloseReason),
}

/// What is lost when a dispatcher closes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseError {
    /// A save was accepted and has failed: what was not saved, and why.
    #[error("not saved: {0}")]
    NotSaved(String),
    /// The host has not answered this many of your actions, and may never have
    /// received them.
    #[error("{actions} of your edits may not have reached the host")]
    Unanswered {
        /// Their number: at least 1.
        actions: usize,
    },
}

impl From<MirrorError> for DispatchError {
    fn from(error: MirrorError) -> Self {
        match error {
            MirrorError::Refused(refusal) => Self::Refused(refusal),
            MirrorError::Backlog { limit } => Self::Backlog { limit },
        }
    }
}
