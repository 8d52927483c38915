//! The status of a dispatcher, and the identity of its participant.
//!
//! Only values; the implementations of the trait decide when they change.

use std::{
    fmt,
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::{
    model::InstrumentId,
    protocol::{ClientId, PrivilegeLevel, ProtocolError, ReconnectRefusal, SessionId},
    util::option::OptionError,
};

/// The status of a dispatcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// A local session, which no other participant can join.
    Alone,
    /// A host, which other participants can join.
    Hosting {
        /// The address at which it listens; `None` if it is not a network address.
        address: Option<SocketAddr>,
    },
    /// Connected to the host.
    Connected {
        /// The round-trip time; `None` before the first measurement.
        round_trip: Option<Duration>,
    },
    /// The connection was lost, and the client tries to reconnect. The snapshot shows
    /// only your own further edits, which are sent when the connection returns.
    Reconnecting {
        /// When the connection was lost.
        since: Instant,
        /// Why the connection was lost.
        reason: ConnectionError,
        /// Why the last attempt to reconnect failed; `None` before the first failure.
        attempt: Option<ConnectionError>,
        /// The earliest time at which the resume window may end. Afterwards you may
        /// rejoin as a new participant, without your instruments.
        until: Instant,
    },
    /// The dispatcher has ended and accepts no more actions.
    Closed {
        /// The reason.
        reason: CloseReason,
    },
}

impl Status {
    /// The time that is left of the resume window while reconnecting; zero if it may
    /// be over, `None` in any other status.
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

/// Why a connection was lost or could not be opened. Unless it [is
/// final](Self::is_final), another attempt may succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// An option makes no sense.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The host ended the session. It may start again.
    #[error("the host has ended the session")]
    Shutdown,
    /// The host sent nothing for this time.
    #[error("the host has been silent for {} s", .0.as_secs())]
    Silent(Duration),
    /// The host closed the connection.
    #[error("the host has closed the connection")]
    Closed,
    /// The operating system reported an error, described by this text.
    #[error("{0}")]
    Network(String),
    /// The host did not answer in time.
    #[error("the host does not answer")]
    Timeout,
    /// The host reported an error.
    #[error("{0}")]
    Host(ProtocolError),
    /// The host sent an invalid message.
    #[error("the host sent an invalid message: {0}")]
    Malformed(String),
    /// The host refused to resume. The client joins again as a new participant.
    #[error("{0}")]
    ResumeRefused(ReconnectRefusal),
}

impl ConnectionError {
    /// Whether another attempt would fail for the same reason.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Option(_)
                | Self::Malformed(_)
                | Self::Host(
                    ProtocolError::WrongProtocol { .. }
                    // The client would send the same message again after a resume.
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

/// Why a dispatcher accepts no more actions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// [`close`](crate::dispatcher::Dispatcher::close) was called.
    #[error("as requested")]
    ByRequest,
    /// The connection was lost, and another attempt would fail.
    #[error(transparent)]
    ConnectionLost(ConnectionError),
}

/// Your participant in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The id of the session.
    pub session: SessionId,
    /// Your number in it; the host is 0.
    pub client_id: ClientId,
    /// Your name in it, which may have a number appended.
    pub name: String,
    /// Your privilege level.
    pub privilege: PrivilegeLevel,
    /// The instruments that you own.
    pub instruments: Vec<InstrumentId>,
}
