//! The errors of discovery.

use crate::{protocol::ProtocolError, util::option::OptionError};

/// Why a session cannot be announced, or browsing cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// An option makes no sense.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The mDNS daemon cannot be started, or rejects a command.
    #[error("mDNS cannot be used: {0}")]
    Start(String),
    /// The operating system provides no random bytes.
    #[error("the operating system provides no random bytes: {0}")]
    Random(getrandom::Error),
    /// The session's name is not valid.
    #[error("{0}")]
    Name(ProtocolError),
    /// The daemon's command queue is full. Try again in a moment.
    #[error("mDNS is busy; try again in a moment")]
    Busy,
    /// The daemon has ended; create a new one.
    #[error("mDNS has ended")]
    Ended,
}
