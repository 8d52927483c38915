//! What can go wrong, one enum for each domain: opening a dispatcher, using
//! one, and being found. What can go wrong on the wire is in
//! [`protocol`](crate::protocol).

use std::{io, path::PathBuf};

use crate::{
    mirror::NotTaken,
    protocol::{ProtocolError, Refusal},
    status::{Closed, Lost},
};

/// Why a dispatcher could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The host cannot listen at the address.
    #[error("cannot listen at {address}: {}", plainly(source))]
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
        reason: Lost,
    },
    /// The directory for projects cannot be used.
    #[error("cannot keep projects in {}: {}", directory.display(), plainly(source))]
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

/// What the operating system said, without its error number.
pub(crate) fn plainly(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "the address is in use".into(),
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::ConnectionRefused => "nobody is listening there".into(),
        io::ErrorKind::ConnectionReset => "the connection was reset".into(),
        io::ErrorKind::UnexpectedEof => "the connection was cut".into(),
        io::ErrorKind::TimedOut => "it does not answer".into(),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "it cannot be reached".into()
        }
        io::ErrorKind::InvalidInput => "that is not an address of the form host:port".into(),
        _ => error.to_string(),
    }
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
    Closed(Closed),
}

impl From<NotTaken> for DispatchError {
    fn from(not_taken: NotTaken) -> Self {
        match not_taken {
            NotTaken::Refused(refusal) => Self::Refused(refusal),
            NotTaken::Backlog { limit } => Self::Backlog { limit },
        }
    }
}

/// Why a session cannot be announced, or looked for.
#[cfg(feature = "mdns")]
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// mDNS cannot be used.
    #[error("mDNS cannot be used: {0}")]
    Start(String),
    /// The operating system has no random bytes.
    #[error("the operating system has no random bytes: {0}")]
    Random(getrandom::Error),
    /// The session cannot be called that.
    #[error("{0}")]
    Name(ProtocolError),
    /// Too much is asked at once. In a moment it may do.
    #[error("mDNS has too much to do at the moment")]
    Busy,
    /// Nothing can be said or heard any more.
    #[error("mDNS has ended")]
    Over,
}
