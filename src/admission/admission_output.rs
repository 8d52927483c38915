//! What the shell must do after a change, and what it can show.

use super::{AdmissionPolicy, CodePause, JoinRequest, KnownParticipant, StrangerId};
use crate::{
    protocol::EntryRefusal,
    security::{JoinCode, PublicKey},
    util::time::Timestamp,
};

/// One thing that the shell must do after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "an output is returned once"]
pub enum AdmissionOutput {
    /// Send message 2.
    Answer(StrangerId),
    /// The question was decided: send `Admitted`, and wait for the `Hello`.
    Admit(StrangerId),
    /// Tell the client why it is not admitted, and close the connection within 2 s.
    Refuse(StrangerId, EntryRefusal),
    /// Close the connection at once, to make room for another. It is forgotten.
    Evict(StrangerId),
    /// Close the connection at once: it took too long. It is forgotten.
    TimedOut(StrangerId),
    /// Tell the person at the host that a client asks to join. It comes again when the
    /// stranger has said its name.
    Asked(JoinRequest),
    /// [`AdmissionControl::status`](super::AdmissionControl::status) has changed.
    Changed,
    /// Save the keys that this installation admits. These are all of them.
    KnownChanged(Vec<KnownParticipant>),
    /// There is nothing left to do until the next change. Call
    /// [`handle_timeout`](super::AdmissionControl::handle_timeout) at this time; it may still
    /// be too early then.
    Wait(Option<Timestamp>),
}

/// What a host's screen shows of admission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmissionStatus {
    /// Which clients the host admits.
    pub policy: AdmissionPolicy,
    /// The code.
    pub code: JoinCode,
    /// For which addresses codes are paused.
    pub paused: Option<CodePause>,
    /// The questions that wait, the oldest first.
    pub requests: Vec<JoinRequest>,
}

/// A client that may join the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// The key that it has proven to hold; `None` for a plain client.
    pub key: Option<PublicKey>,
    /// Whether its key is admitted for good.
    pub is_known: bool,
    /// How many places of the session it has to leave free for known keys.
    pub kept_places: u32,
}
