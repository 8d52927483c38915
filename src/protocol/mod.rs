//! The messages between a client and the authority. docs/protocol.md describes them
//! for clients in other languages.
//!
//! Only data: how messages become bytes is in [`framing`]; which message is allowed
//! when is decided in [`sync::session`](crate::sync::session).
//!
//! In short: the client sends [`Hello`]; the authority answers with [`Welcome`] and
//! the full state, or with [`Reconnected`] if the client resumes. From then on the
//! client sends numbered actions. The authority acknowledges them, and sends a
//! [`StatePatch`] whenever the state has changed.
//!
//! The same types serve every codec, so enums are externally tagged, nothing is
//! flattened, untagged or skipped, and map keys are integers.

pub mod entry;
pub mod framing;
mod history_change;
pub mod limits;
mod refusal;
mod roster;
mod state;
mod token;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use entry::EntryRefusal;
pub use history_change::HistoryChange;
pub use refusal::{OwnershipRefusal, ProtocolError, ReconnectRefusal, Refusal, Rejection};
pub use state::{NetworkState, Seq, StateDigest, StatePatch};
pub use token::{InstanceId, SessionId, SessionToken};

use crate::{
    model::{InstrumentId, Model},
    studio::Studio,
    util::{
        limited::{bounded_list, cut_text},
        time::{Millis, Timestamp},
    },
};
pub use roster::{
    ClientId, OwnerInfo, Participant, Presence, PrivilegeLevel, Role, Roster, RosterChange,
};

/// The version of the protocol. Both sides of a handshake must have the same.
pub const PROTOCOL_VERSION: u32 = 4;

/// The TCP port of a session unless another is given.
pub const DEFAULT_PORT: u16 = 9999;

/// The number of an action, per client and session: 1, 2, 3, …
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ActionNumber(pub u64);

impl ActionNumber {
    /// The number of the next action.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for ActionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A message from a client to the authority.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum ClientMessage<M: Model = Studio> {
    /// Opens a connection: the first message, and only the first.
    Hello(Hello),
    /// Requests an action. `ActionsApplied` answers it, possibly together with later
    /// actions; if it is refused, `ActionRejected` comes first.
    Action {
        /// The number of the previous action plus one.
        number: ActionNumber,
        /// Whether the action continues the previous one, as in the sweep of a knob,
        /// so that both are one undo step. It may be left out, and is ignored if
        /// the two do not edit the same value.
        #[serde(default)]
        continues: bool,
        /// The action.
        action: M::Action,
    },
    /// Requests several actions as one: all are applied, or none. Each is checked
    /// against the state that those before it lead to. Answered like an action;
    /// together they are one undo step.
    Batch {
        /// The number of the previous action plus one.
        number: ActionNumber,
        /// The actions, in order: 1 to 1,024.
        #[serde(deserialize_with = "bounded_list::<{ limits::BATCH }, _, _>")]
        actions: Vec<M::Action>,
    },
    /// Requests to undo the client's own last step. Numbered and answered like an
    /// action; `Undone` precedes the answer on success.
    Undo {
        /// The number of the previous action plus one.
        number: ActionNumber,
    },
    /// Requests to redo the step that the client undid last. Numbered and answered
    /// like `Undo`.
    Redo {
        /// The number of the previous action plus one.
        number: ActionNumber,
    },
    /// Requests ownership of instruments. Answered by `OwnershipAnswer`.
    RequestOwnership {
        /// The instruments.
        instruments: Vec<InstrumentId>,
    },
    /// Releases instruments. The next patch shows it.
    ReleaseOwnership {
        /// The instruments.
        instruments: Vec<InstrumentId>,
    },
    /// Requests the privilege. Answered by `PrivilegeGranted` or
    /// `PrivilegeDenied`.
    RequestPrivilege,
    /// Releases the privilege. The next patch shows it.
    ReleasePrivilege,
    /// Requests a `FullStateSync`.
    RequestFullSync,
    /// Requests a `Pong`, to measure the round-trip time.
    Ping {
        /// Returned in the `Pong`.
        nonce: u64,
    },
    /// Answers a `Ping`.
    Pong {
        /// The nonce of the `Ping`.
        nonce: u64,
    },
    /// Leaves the session: the client's instruments are released at once. Answered
    /// by `Goodbye`.
    Goodbye,
}

/// The handshake request of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The client's [`PROTOCOL_VERSION`].
    pub protocol: u32,
    /// The client's [`Model::NAME`].
    pub model: String,
    /// The client's [`Model::VERSION`].
    pub model_version: u32,
    /// The requested name: 1 to 64 characters, without control characters. If the
    /// name is taken, a number is appended: `name 2`.
    pub name: String,
    /// The instruments that the client requests ownership of.
    pub own: Vec<InstrumentId>,
    /// Whether the client requests the privilege.
    pub privilege: bool,
    /// As what the client wants to take part. May be left out: as a player.
    #[serde(default)]
    pub role: Role,
    /// The client's codecs, in order of preference; an empty list means JSON. This
    /// message itself is always JSON.
    pub codecs: Vec<String>,
    /// The compressions that the client can expand, in order of preference. May be
    /// left out.
    #[serde(default)]
    pub compression: Vec<String>,
    /// The number of this attempt to connect, which rises with each attempt of the
    /// same participant; 0 if the client does not count. May be left out.
    #[serde(default)]
    pub attempt: u64,
    /// Whether the client compares the digest in each `Ping` with its own state, so
    /// that it needs no full state as a precaution. May be left out.
    #[serde(default)]
    pub checks_digests: bool,
    /// Which program of an installation it is. A client that has proven a key resumes
    /// by both; a plain client may leave it out.
    #[serde(default)]
    pub instance: Option<InstanceId>,
    /// Set if the client resumes its place after a lost connection.
    pub resume: Option<Resume>,
}

/// The part of [`Hello`] with which a client resumes its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// The token from the last `Welcome` or `ReconnectSuccessful`; `None` for a client
    /// that has proven a key.
    pub token: Option<SessionToken>,
    /// The number of the place that the client remembers: no other is resumed. `None`
    /// if it only knows that it had one. May be left out.
    #[serde(default)]
    pub client_id: Option<ClientId>,
    /// The snapshot that the client has. Without it, a full state is sent.
    pub seq: Option<Seq>,
    /// The last action whose result the client knows; `None` if it has no pending
    /// actions.
    pub answered: Option<ActionNumber>,
    /// The number of the last [`HistoryChange`] that the client knows; 0 if it knows
    /// none, or does not predict undo. May be left out.
    #[serde(default)]
    pub history: u64,
}

/// A message from the authority to a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum ServerMessage<M: Model = Studio> {
    /// Accepts a `Hello` without `resume`.
    Welcome(Welcome<M>),
    /// Accepts a `Hello` with `resume`. The state follows, as a patch if possible.
    ReconnectSuccessful(Reconnected),
    /// Rejects a `Hello` with `resume`. The connection is closed; the client may
    /// join again as a new participant.
    ReconnectFailed {
        /// The reason.
        reason: ReconnectRefusal,
    },
    /// The changes since the snapshot that the client has.
    StatePatchUpdate(StatePatch<M>),
    /// The full state; it replaces the client's.
    FullStateSync {
        /// The snapshot.
        state: NetworkState<M>,
    },
    /// What the engine says continuously, at most about 30 times per second and only while
    /// it changes.
    Metering(M::Metering),
    /// Acknowledges every action up to a number. Snapshot `seq` contains those that
    /// were not rejected. It precedes the patch to that snapshot.
    ActionsApplied {
        /// The number of the last action that was decided.
        through: ActionNumber,
        /// The snapshot that contains it.
        seq: Seq,
    },
    /// Refuses an action, which changed nothing.
    ActionRejected {
        /// The number of the action.
        number: ActionNumber,
        /// The reason.
        reason: Refusal,
    },
    /// Reports the result of an `Undo` or `Redo`.
    Undone {
        /// The number of the `Undo` or `Redo`.
        number: ActionNumber,
        /// What the step did, in at most 100 characters, e.g. `cutoff of 1 Bass`;
        /// empty if the model does not say.
        #[serde(deserialize_with = "cut_text::<{ limits::DETAIL }, _, _>")]
        step: String,
        /// How many changes were made. 0 if the step had nothing left to change.
        changed: u32,
        /// How many changes of the step were skipped, because another participant has
        /// edited the same values since.
        kept: u32,
    },
    /// Answers a `RequestOwnership`.
    OwnershipAnswer {
        /// The requested instruments that the client owns now.
        #[serde(
            deserialize_with = "bounded_list::<{ limits::REQUESTED_INSTRUMENTS as usize }, _, _>"
        )]
        granted: Vec<InstrumentId>,
        /// The requested instruments that it does not own, and why.
        #[serde(
            deserialize_with = "bounded_list::<{ limits::REQUESTED_INSTRUMENTS as usize }, _, _>"
        )]
        refused: Vec<OwnershipRefusal>,
    },
    /// Grants the privilege.
    PrivilegeGranted,
    /// Denies the privilege.
    PrivilegeDenied {
        /// The participant that has it; `None` if the client cannot have it, because it is
        /// a viewer.
        holder: Option<OwnerInfo>,
        /// For how long it is still reserved for the holder, which is away; `None` if
        /// the holder is connected.
        reserved: Option<Millis>,
    },
    /// The privilege was taken from the client.
    PrivilegeRevoked {
        /// The participant that has it now.
        by: OwnerInfo,
    },
    /// The heartbeat, every 5 seconds by default. Answered by `Pong`.
    Ping {
        /// Returned in the `Pong`.
        nonce: u64,
        /// The current session time.
        clock: Timestamp,
        /// The digest of the snapshot that was sent last; `None` if a full state is
        /// about to be sent.
        digest: Option<StateDigest>,
    },
    /// Answers a `Ping`.
    Pong {
        /// The nonce of the `Ping`.
        nonce: u64,
    },
    /// Reports an error that ends the connection. A participant is suspended.
    Error(ProtocolError),
    /// Answers a `Goodbye`: the client has left the session.
    Goodbye,
    /// The session ends.
    Shutdown,
    /// The client's undo history has changed by something other than its own
    /// numbered requests.
    HistoryChanged(HistoryChange),
    /// Something that was played during a take was not recorded. Sent once for each
    /// reason and take.
    NotRecorded {
        /// What was not recorded, in at most 100 characters; empty if the model does
        /// not say.
        #[serde(deserialize_with = "cut_text::<{ limits::DETAIL }, _, _>")]
        what: String,
        /// The reason.
        reason: Refusal,
    },
    /// The client holds the privilege, and another participant asks for it. Sent once
    /// per participant in 5 s.
    PrivilegeRequested {
        /// The participant that asks.
        by: OwnerInfo,
    },
    /// What the engine says now and then, at most 10 times per second. After a resume,
    /// what the client may not have received is sent again.
    Notice(M::Notice),
}

/// The answer to the [`Hello`] of a new participant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Welcome<M: Model = Studio> {
    /// The id of the session.
    pub session: SessionId,
    /// The client's number.
    pub client_id: ClientId,
    /// The client's name.
    #[serde(deserialize_with = "cut_text::<{ limits::NAME as usize }, _, _>")]
    pub name: String,
    /// The secret with which a plain client can resume; `None` for a client that has
    /// proven a key.
    pub token: Option<SessionToken>,
    /// The codec of this and all further messages, in both directions.
    pub codec: String,
    /// The compression of large frames from the authority, if any.
    pub compression: Option<String>,
    /// The requested instruments that the client owns.
    #[serde(deserialize_with = "bounded_list::<{ limits::REQUESTED_INSTRUMENTS as usize }, _, _>")]
    pub granted: Vec<InstrumentId>,
    /// The requested instruments that it does not own, and why.
    #[serde(deserialize_with = "bounded_list::<{ limits::REQUESTED_INSTRUMENTS as usize }, _, _>")]
    pub refused: Vec<OwnershipRefusal>,
    /// The client's privilege level.
    pub privilege: PrivilegeLevel,
    /// The current session time.
    pub clock: Timestamp,
    /// How long the place of a client is reserved after its connection is lost.
    pub resume_window: Millis,
    /// The full state.
    pub state: NetworkState<M>,
}

/// The answer to the [`Hello`] of a client that resumes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconnected {
    /// The id of the session.
    pub session: SessionId,
    /// The client's number, as before.
    pub client_id: ClientId,
    /// The client's name, as before.
    #[serde(deserialize_with = "cut_text::<{ limits::NAME as usize }, _, _>")]
    pub name: String,
    /// The token for the next resume of a plain client. The previous token works until
    /// this token is used.
    pub token: Option<SessionToken>,
    /// The codec of this and all further messages, in both directions.
    pub codec: String,
    /// The compression of large frames from the authority, if any.
    pub compression: Option<String>,
    /// The number of the last action that was decided. The client sends later ones
    /// again.
    pub last_action: ActionNumber,
    /// A snapshot that contains all decided actions.
    pub seq: Seq,
    /// The rejected actions whose result the client does not know.
    #[serde(deserialize_with = "bounded_list::<{ limits::MISSED }, _, _>")]
    pub rejected: Vec<Rejection>,
    /// The changes of the undo history that the client does not know, in order.
    #[serde(deserialize_with = "bounded_list::<{ limits::MISSED }, _, _>")]
    pub history: Vec<HistoryChange>,
    /// The client's privilege level, which may have changed.
    pub privilege: PrivilegeLevel,
    /// The current session time.
    pub clock: Timestamp,
    /// How long the place of a client is reserved after its connection is lost.
    pub resume_window: Millis,
}
