//! Errors of discovery.

use crate::protocol::ProtocolError;

/// Why a session cannot be announced, or looked for.
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
