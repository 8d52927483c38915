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
        /// When the last byte from the host arrived.
        heard: Instant,
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

    /// How long nothing has arrived from the host while connected; `None` in any other
    /// status. Up to 2 s are normal: that often a client asks for a sign of life.
    #[must_use]
    pub fn silent_for(&self) -> Option<Duration> {
        match self {
            Self::Connected { heard, .. } => Some(heard.elapsed()),
            _ => None,
        }
    }

    /// Whether nothing has arrived from the host for 3 s or more while connected.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.silent_for().is_some_and(|silent| silent >= QUIET)
    }
}

/// The silence that a user should know of. 3 s: a client asks for a
/// sign of life every 2 s.
const QUIET: Duration = Duration::from_secs(3);

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alone => f.write_str("alone"),
            Self::Hosting { address: Some(address) } => write!(f, "hosting at {address}"),
            Self::Hosting { address: None } => f.write_str("hosting"),
            Self::Connected { heard, .. } if self.is_quiet() => {
                write!(f, "connected, no word for {} s", heard.elapsed().as_secs())
            }
            Self::Connected { round_trip: None, .. } => f.write_str("connected"),
            Self::Connected { round_trip: Some(time), .. } => {
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
    /// This program itself failed, e.g. it could not encode a message. The host has
    /// done nothing wrong.
    #[error("this program has failed: {0}")]
    Internal(String),
}

impl ConnectionError {
    /// Whether another attempt would fail for the same reason.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Option(_)
                | Self::Malformed(_)
                | Self::Internal(_)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn connected(silent: u64) -> Status {
        let heard = Instant::now().checked_sub(Duration::from_secs(silent)).unwrap();
        Status::Connected { round_trip: Some(Duration::from_millis(12)), heard }
    }

    #[test]
    fn silence_is_told_from_three_seconds_on() {
        assert_eq!(connected(0).to_string(), "connected, round trip 12.0 ms");
        assert_eq!(connected(2).to_string(), "connected, round trip 12.0 ms");
        assert_eq!(connected(3).to_string(), "connected, no word for 3 s");
        assert_eq!(connected(14).to_string(), "connected, no word for 14 s");
        assert!(connected(3).silent_for().unwrap() >= QUIET);
        assert_eq!(Status::Alone.silent_for(), None);
    }

    #[test]
    fn countdown_of_the_resume_window_moves() {
        let now = Instant::now();
        let until = now + Duration::from_mins(1);
        let reason = ConnectionError::Closed;
        let status = Status::Reconnecting { since: now, reason, attempt: None, until };
        let before = status.time_left().unwrap();
        std::thread::sleep(Duration::from_millis(2));
        assert!(status.time_left().unwrap() < before);
    }

    #[test]
    fn each_cause_of_a_lost_connection_has_its_own_words() {
        let host = ConnectionError::Host;
        let refused = ConnectionError::ResumeRefused(ReconnectRefusal::UnknownToken);
        let causes = [
            (ConnectionError::Shutdown, "the host has ended the session", false),
            (
                ConnectionError::Silent(Duration::from_secs(15)),
                "the host has been silent for 15 s",
                false,
            ),
            (ConnectionError::Closed, "the host has closed the connection", false),
            (ConnectionError::Network("no route".into()), "no route", false),
            (ConnectionError::Timeout, "the host does not answer", false),
            (
                ConnectionError::Malformed("a gap".into()),
                "the host sent an invalid message: a gap",
                true,
            ),
            (refused, "the host no longer keeps your place", false),
            (ConnectionError::Internal("a bug".into()), "this program has failed: a bug", true),
            (host(ProtocolError::Superseded), "another program has taken your place", true),
            (
                host(ProtocolError::Silent { seconds: 15 }),
                "the client sent nothing for 15 s",
                false,
            ),
        ];
        for (at, (cause, words, is_final)) in causes.iter().enumerate() {
            assert_eq!(cause.to_string(), *words);
            assert_eq!(cause.is_final(), *is_final, "{cause}");
            assert!(causes[..at].iter().all(|(_, other, _)| other != words), "{words}");
        }
    }
}
