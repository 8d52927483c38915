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
    protocol::{
        ClientId, EntryRefusal, PrivilegeLevel, ProtocolError, ReconnectRefusal, SessionId,
    },
    security::{ChannelError, Entry, PublicKey},
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
        /// What is known of the host.
        trust: HostTrust,
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

/// What a client knows of its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostTrust {
    /// The connection is not encrypted: it stays within this process, or the client asked
    /// for that.
    Plain,
    /// The connection is encrypted, but the session was opened on purpose, and nothing
    /// shows that it is the one that the user means.
    Unverified,
    /// The host's key was verified by the code or by a person, or the host is on this
    /// machine.
    Verified,
}

impl fmt::Display for HostTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Unverified => "unverified",
            Self::Verified => "verified",
        })
    }
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
            Self::Connected { round_trip, heard, trust } => {
                f.write_str("connected")?;
                match round_trip {
                    _ if self.is_quiet() => {
                        write!(f, ", no word for {} s", heard.elapsed().as_secs())?;
                    }
                    Some(time) => write!(f, ", round trip {:.1} ms", time.as_secs_f64() * 1e3)?,
                    None => {}
                }
                match trust {
                    HostTrust::Verified => Ok(()),
                    HostTrust::Plain | HostTrust::Unverified => write!(f, ", {trust}"),
                }
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
    /// The host is not known to this computer, so it was told nothing.
    #[error("this computer does not know the host: type its code{}", or_ask(*entry))]
    UnknownHost {
        /// Its key.
        host: PublicKey,
        /// How a client can enter, as the host says.
        entry: Entry,
    },
    /// The host is not the one that was verified before, so it was told nothing. A code
    /// verifies it; otherwise the user has to forget the other host.
    #[error("another computer answers at {label} than before")]
    OtherHost {
        /// The session, machine or address at which it answers.
        label: String,
        /// Its key.
        host: PublicKey,
    },
    /// The host seems to be too old for an encrypted connection. Nothing proves
    /// that it was the host that answered.
    #[error("an older host, no encryption")]
    NoEncryption,
    /// What a program at the host's address sent in clear, before the connection was
    /// encrypted. Nothing proves that it was the host.
    #[error("not verified: {0}")]
    Unverified(ProtocolError),
    /// There is no encrypted channel, or no longer.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// The host cannot prove that it has the code that was typed. That code is not shown
    /// to it again.
    #[error("the host does not have this code: it may be another computer")]
    HostNotProven,
    /// The person at this computer has not accepted the words.
    #[error("the words were not accepted")]
    WordsDeclined,
    /// This program itself failed, e.g. it could not encode a message. The host has
    /// done nothing wrong.
    #[error("this program has failed: {0}")]
    Internal(String),
}

/// The second half of what an unknown host asks for.
const fn or_ask(entry: Entry) -> &'static str {
    match entry {
        Entry::Ask => ", or ask to be let in",
        Entry::Code | Entry::Open => "",
    }
}

impl ConnectionError {
    /// Whether another attempt would fail for the same reason.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        if let Self::Host(ProtocolError::NotAdmitted(refusal)) = self {
            return !matches!(refusal, EntryRefusal::Busy);
        }
        matches!(
            self,
            Self::Option(_)
                | Self::Malformed(_)
                | Self::Internal(_)
                | Self::UnknownHost { .. }
                | Self::HostNotProven
                | Self::WordsDeclined
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
        let round_trip = Some(Duration::from_millis(12));
        Status::Connected { round_trip, heard, trust: HostTrust::Verified }
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
    fn status_says_what_is_not_verified() {
        let (round_trip, heard) = (None, Instant::now());
        let status = |trust| Status::Connected { round_trip, heard, trust }.to_string();
        assert_eq!(status(HostTrust::Plain), "connected, plain");
        assert_eq!(status(HostTrust::Unverified), "connected, unverified");
        assert_eq!(status(HostTrust::Verified), "connected");
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
        let not_admitted = |refusal| host(ProtocolError::NotAdmitted(refusal));
        let key = PublicKey::new([9; 32]).unwrap();
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
            (ConnectionError::NoEncryption, "an older host, no encryption", false),
            (
                ConnectionError::Unverified(ProtocolError::Superseded),
                "not verified: another program has taken your place",
                false,
            ),
            (
                ConnectionError::Channel(ChannelError::DoesNotOpen),
                "a message of the encrypted channel does not open",
                false,
            ),
            (
                ConnectionError::OtherHost { label: "stage:9999".into(), host: key },
                "another computer answers at stage:9999 than before",
                false,
            ),
            (
                ConnectionError::UnknownHost { host: key, entry: Entry::Code },
                "this computer does not know the host: type its code",
                true,
            ),
            (
                ConnectionError::UnknownHost { host: key, entry: Entry::Ask },
                "this computer does not know the host: type its code, or ask to be let in",
                true,
            ),
            (
                ConnectionError::HostNotProven,
                "the host does not have this code: it may be another computer",
                true,
            ),
            (ConnectionError::WordsDeclined, "the words were not accepted", true),
            (
                not_admitted(EntryRefusal::Busy),
                "too many are waiting: try again in a minute",
                false,
            ),
            (
                not_admitted(EntryRefusal::Removed),
                "the host has removed you from this session",
                true,
            ),
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
