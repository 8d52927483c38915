//! How a dispatcher is doing, and who one is in it.

use std::{
    fmt,
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::{
    model::InstrumentId,
    protocol::{ClientId, PrivilegeLevel, ProtocolError, ReconnectRefusal, SessionId},
};

/// How a dispatcher is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// There is nobody else, and nobody can come.
    Alone,
    /// Others can join.
    Hosting {
        /// Where; `None` if that is not a network address.
        address: Option<SocketAddr>,
    },
    /// Connected to the host.
    Connected {
        /// How long a message takes there and back; `None` until it was
        /// measured.
        round_trip: Option<Duration>,
    },
    /// The connection was lost and is being made again. The snapshot stands
    /// still but for one's own edits, which are kept and sent later.
    Reconnecting {
        /// Since when.
        since: Instant,
        /// Why it was lost.
        reason: ConnectionError,
        /// Why the last attempt to make it again failed; `None` before one has.
        attempt: Option<ConnectionError>,
        /// Until when one's place is kept at the least. After that one may come
        /// in as somebody new, without one's instruments.
        until: Instant,
    },
    /// It is over: the dispatcher takes no more actions.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

impl Status {
    /// How long one's place is still kept at the least, while the connection is
    /// lost; zero if it may be gone.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        match self {
            Self::Reconnecting { until, .. } => {
                Some(until.saturating_duration_since(Instant::now()))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alone => f.write_str("alone"),
            Self::Hosting { address: Some(address) } => write!(f, "hosting at {address}"),
            Self::Hosting { address: None } => f.write_str("hosting"),
            Self::Connected { round_trip: None } => f.write_str("connected"),
            Self::Connected { round_trip: Some(time) } => {
                write!(f, "connected, round trip {:.1} ms", time.as_secs_f64() * 1e3)
            }
            Self::Reconnecting { since, reason, attempt, .. } => {
                write!(f, "reconnecting for {:.1} s: {reason}", since.elapsed().as_secs_f64())?;
                match attempt {
                    Some(attempt) if attempt != reason => write!(f, "; trying again: {attempt}"),
                    _ => Ok(()),
                }
            }
            Self::Closed { reason } => write!(f, "closed: {reason}"),
        }
    }
}

/// Why a connection was lost, or could not be made. Another attempt may do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// The host ended the session. It may come back.
    #[error("the host has ended the session")]
    Shutdown,
    /// Nothing was heard from the host for too long.
    #[error("the host has been silent for {} s", .0.as_secs())]
    Silent(Duration),
    /// The connection was closed.
    #[error("the host has closed the connection")]
    Closed,
    /// The network said no.
    #[error("{0}")]
    Network(String),
    /// The host did not answer in time.
    #[error("the host does not answer")]
    Timeout,
    /// The host said what was wrong.
    #[error("{0}")]
    Host(ProtocolError),
    /// The host sent something that cannot be understood.
    #[error("the host sent something that cannot be understood: {0}")]
    Malformed(String),
    /// The host does not know the token any more. A new place is asked for.
    #[error("{0}")]
    ResumeRefused(ReconnectRefusal),
}

impl ConnectionError {
    /// Whether trying again cannot help.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Malformed(_)
                | Self::Host(
                    ProtocolError::WrongProtocol { .. }
                    // What the host cannot read now it cannot read later, and it
                    // would be sent again.
                    | ProtocolError::FrameTooLong { .. }
                    | ProtocolError::Malformed { .. }
                    | ProtocolError::HelloExpected
                    | ProtocolError::HelloRepeated
                    | ProtocolError::ActionOutOfOrder { .. }
                    | ProtocolError::WrongModel { .. }
                    | ProtocolError::NoCommonCodec { .. }
                    | ProtocolError::BadName { .. }
                    | ProtocolError::ListTooLong { .. }
                    | ProtocolError::Superseded
                )
        )
    }
}

/// Why a dispatcher takes no more actions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// It was asked to close.
    #[error("as asked")]
    ByRequest,
    /// The connection cannot be made again.
    #[error(transparent)]
    ConnectionLost(ConnectionError),
}

/// Who one is in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Which session.
    pub session: SessionId,
    /// One's number in it; the host is 0.
    pub client_id: ClientId,
    /// One's name in it.
    pub name: String,
    /// Whether one may control transport, session and buses.
    pub privilege: PrivilegeLevel,
    /// What one owns.
    pub instruments: Vec<InstrumentId>,
}
