//! The whole wire vocabulary: what a client and the authority say to each
//! other. How it becomes bytes is in [`framing`](crate::protocol::framing); who may say
//! what, and when, is in [`session`](crate::sync::session).
//!
//! A conversation in one breath: the client says [`Hello`]; the authority
//! answers [`Welcome`] with everything, or [`Reconnected`] to somebody who
//! comes back; from then on the client sends numbered actions, and the
//! authority acknowledges them and sends a [`StatePatch`] whenever the state
//! has moved on.
//!
//! One set of types serves every codec, so: enums are externally tagged,
//! nothing is flattened, untagged or left out, and map keys are integers.

pub mod framing;
pub mod limits;
mod roster;
mod state;
mod token;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use state::{NetworkState, Seq, StateDigest, StatePatch};
pub use token::{SessionId, SessionToken};

use crate::{
    model::{InstrumentId, Invalid, Metering, Model},
    studio::Studio,
    util::time::{Millis, Timestamp},
};
pub use roster::{
    ClientId, OwnerInfo, Participant, Presence, PrivilegeLevel, Roster, RosterChange,
};

/// The version of this vocabulary. Both sides must speak the same.
pub const PROTOCOL_VERSION: u32 = 3;

/// The port that a session is found at unless another is named.
pub const DEFAULT_PORT: u16 = 9999;

/// Numbers the actions of one client within its session: 1, 2, 3, …
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

/// What a client says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum ClientMessage<M: Model = Studio> {
    /// The first message of every connection, and only the first.
    Hello(Hello),
    /// Asks for an action to be carried out. Answered, sooner or later and
    /// perhaps together with others, by `ActionsApplied`, after an
    /// `ActionRejected` if it was refused.
    Action {
        /// One more than that of the action before.
        number: ActionNumber,
        /// Whether it goes on with the action before, as in a sweep of a knob,
        /// so that the two are undone in one step. May be left out, and is
        /// ignored if the two do not edit the same thing.
        #[serde(default)]
        continues: bool,
        /// What to do.
        action: M::Action,
    },
    /// Asks for the client's own last step to be taken back. It is numbered and
    /// answered like an action, with an `Undone` before it if it was done.
    Undo {
        /// One more than that of the action before.
        number: ActionNumber,
    },
    /// Asks for the step that was undone last to be done again. Answered like an
    /// `Undo`.
    Redo {
        /// One more than that of the action before.
        number: ActionNumber,
    },
    /// Asks to own these instruments. Answered by `OwnershipAnswer`.
    RequestOwnership {
        /// Which ones.
        instruments: Vec<InstrumentId>,
    },
    /// Gives up these instruments. The next patch shows it.
    ReleaseOwnership {
        /// Which ones.
        instruments: Vec<InstrumentId>,
    },
    /// Asks for the privilege. Answered by `PrivilegeGranted` or
    /// `PrivilegeDenied`.
    RequestPrivilege,
    /// Gives up the privilege. The next patch shows it.
    ReleasePrivilege,
    /// Asks for a `FullStateSync`.
    RequestFullSync,
    /// Asks for a `Pong`, to measure the round trip.
    Ping {
        /// Comes back in the `Pong`.
        nonce: u64,
    },
    /// Answers a `Ping`.
    Pong {
        /// The one of the `Ping`.
        nonce: u64,
    },
    /// Leaves for good: what the client owns is free at once.
    Goodbye,
}

/// Opens a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version of the vocabulary that the client speaks.
    pub protocol: u32,
    /// The [`Model::NAME`] that the client runs.
    pub model: String,
    /// The [`Model::VERSION`] that the client runs.
    pub model_version: u32,
    /// What the client is to be called: 1 to 64 characters, none of them a
    /// control character. Who is called so already makes it `name 2`.
    pub name: String,
    /// The instruments that the client asks to own.
    pub own: Vec<InstrumentId>,
    /// Whether the client asks for the privilege.
    pub privilege: bool,
    /// The codecs that the client speaks, the favourite first; none means
    /// JSON. This message itself is always JSON.
    pub codecs: Vec<String>,
    /// The ways to compress that the client can expand, the favourite first. May
    /// be left out.
    #[serde(default)]
    pub compression: Vec<String>,
    /// Set if the client was here before.
    pub resume: Option<Resume>,
}

/// What a client shows who comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// The token of the last `Welcome` or `ReconnectSuccessful`.
    pub token: SessionToken,
    /// The moment that the client has; without it, a full state is sent.
    pub seq: Option<Seq>,
    /// The last action whose fate the client knows; without it, the client
    /// knows of none that are on their way.
    pub answered: Option<ActionNumber>,
}

/// What the authority says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum ServerMessage<M: Model = Studio> {
    /// Answers a `Hello` of somebody new.
    Welcome(Welcome<M>),
    /// Answers a `Hello` of somebody who comes back in time. The state follows,
    /// as a patch if that is possible.
    ReconnectSuccessful(Reconnected),
    /// Answers a `Hello` of somebody who cannot be let back in. The connection
    /// is closed; the client may join anew.
    ReconnectFailed {
        /// Why not.
        reason: ReconnectRefusal,
    },
    /// What leads on from the moment that the client has.
    StatePatchUpdate(StatePatch<M>),
    /// Everything; it replaces what the client has.
    FullStateSync {
        /// The moment.
        state: NetworkState<M>,
    },
    /// The playhead and the meters, about 30 times a second while they move.
    Metering(Metering),
    /// Every action through this number has been decided, and the moment `seq`
    /// contains those that were not rejected. It precedes the patch to that
    /// moment.
    ActionsApplied {
        /// The last number that was decided.
        through: ActionNumber,
        /// The moment that contains it.
        seq: Seq,
    },
    /// An action was refused; it changed nothing.
    ActionRejected {
        /// Which one.
        number: ActionNumber,
        /// Why.
        reason: Refusal,
    },
    /// A step was taken back, or done again.
    Undone {
        /// The number of the `Undo` or `Redo`.
        number: ActionNumber,
        /// How many of its changes stay as they are, because somebody else has
        /// changed the same things since.
        kept: u32,
    },
    /// Answers a `RequestOwnership`.
    OwnershipAnswer {
        /// What the client owns of what it asked for.
        granted: Vec<InstrumentId>,
        /// What it does not get, and why.
        refused: Vec<OwnershipRefusal>,
    },
    /// The client has the privilege.
    PrivilegeGranted,
    /// The client does not get the privilege.
    PrivilegeDenied {
        /// Who has it.
        holder: OwnerInfo,
    },
    /// The client had the privilege, and it is with somebody else now.
    PrivilegeRevoked {
        /// Who has it.
        by: OwnerInfo,
    },
    /// Asks for a `Pong`. Sent every 5 seconds.
    Ping {
        /// Comes back in the `Pong`.
        nonce: u64,
        /// The session's clock.
        clock: Timestamp,
        /// The digest of the moment that the client was sent last. `None` if it
        /// is about to be sent everything.
        digest: Option<StateDigest>,
    },
    /// Answers a `Ping`.
    Pong {
        /// The one of the `Ping`.
        nonce: u64,
    },
    /// The client did something that cannot be answered otherwise. The
    /// connection is closed, and the client suspended if it had joined.
    Error(ProtocolError),
    /// The session ends.
    Shutdown,
}

/// What somebody new gets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Welcome<M: Model = Studio> {
    /// Which session this is.
    pub session: SessionId,
    /// The number that the client goes by.
    pub client_id: ClientId,
    /// The name that the client goes by.
    pub name: String,
    /// Lets the client come back. It is a secret.
    pub token: SessionToken,
    /// The codec of this and every further message, in both directions.
    pub codec: String,
    /// How the authority compresses large frames, if it does.
    pub compression: Option<String>,
    /// What the client owns.
    pub granted: Vec<InstrumentId>,
    /// What the client asked for and does not own, and why.
    pub refused: Vec<OwnershipRefusal>,
    /// Whether the client has the privilege.
    pub privilege: PrivilegeLevel,
    /// The session's clock.
    pub clock: Timestamp,
    /// How long the place of a client is kept that cannot be reached.
    pub resume_window: Millis,
    /// Everything.
    pub state: NetworkState<M>,
}

/// What somebody gets who comes back in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconnected {
    /// Which session this is.
    pub session: SessionId,
    /// The number that the client goes by, as before.
    pub client_id: ClientId,
    /// The name that the client goes by, as before.
    pub name: String,
    /// The token for the next time. The old one stops working once this one
    /// has been used.
    pub token: SessionToken,
    /// The codec of this and every further message, in both directions.
    pub codec: String,
    /// How the authority compresses large frames, if it does.
    pub compression: Option<String>,
    /// The last action of this client that was decided. What comes after it
    /// must be sent again.
    pub last_action: ActionNumber,
    /// The first moment that contains them.
    pub seq: Seq,
    /// Those of them that were rejected and whose fate the client does not know.
    pub rejected: Vec<Rejection>,
    /// Whether the client still has the privilege.
    pub privilege: PrivilegeLevel,
    /// The session's clock.
    pub clock: Timestamp,
    /// How long the place of a client is kept that cannot be reached.
    pub resume_window: Millis,
}

/// Why somebody is not let back in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ReconnectRefusal {
    /// The token was never given out here, was used up, or its window is over:
    /// which of them is nobody's business who has to guess.
    #[error("the session does not know this token, or no longer")]
    UnknownToken,
}

/// Why an action, or a wish, was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The sender does not own the instrument.
    #[error("instrument {instrument} belongs to {}", owner.as_ref().map_or("nobody: own it first", |owner| &*owner.name))]
    NotOwner {
        /// Which one.
        instrument: InstrumentId,
        /// Who does, if anybody.
        owner: Option<OwnerInfo>,
    },
    /// The sender does not have the privilege.
    #[error("this needs the privilege, which {} has", holder.as_ref().map_or("nobody", |holder| &*holder.name))]
    NotPrivileged {
        /// Who does, if anybody.
        holder: Option<OwnerInfo>,
    },
    /// Only the engine says this, whoever has the privilege.
    #[error("only the engine says this")]
    EngineOnly,
    /// The action makes no sense in the state as it is.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The action could not be read, e.g. because a value is out of range.
    #[error("the action cannot be read: {detail}")]
    Malformed {
        /// What the decoder said.
        detail: String,
    },
}

/// An action that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// Which one.
    pub number: ActionNumber,
    /// Why.
    pub reason: Refusal,
}

/// An instrument that somebody does not get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnershipRefusal {
    /// Which one.
    pub instrument: InstrumentId,
    /// Why not.
    pub reason: Refusal,
}

/// What a client did wrong, or what ended its connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ProtocolError {
    /// The client speaks another version of the protocol.
    #[error("the host speaks protocol version {speaks}")]
    WrongProtocol {
        /// The version that the authority speaks.
        speaks: u32,
    },
    /// The client runs another model, or another version of it.
    #[error("the host runs model {name} version {version}")]
    WrongModel {
        /// The model that the authority runs.
        name: String,
        /// Its version.
        version: u32,
    },
    /// The authority speaks none of the client's codecs.
    #[error("the host speaks these codecs: {}", speaks.join(", "))]
    NoCommonCodec {
        /// The codecs that it speaks.
        speaks: Vec<String>,
    },
    /// The client cannot be called that.
    #[error("a name has 1 to {limit} characters, none of them a control character")]
    BadName {
        /// The most characters a name may have.
        limit: u32,
    },
    /// A list in a message has too many items.
    #[error("a list may have {limit} items")]
    ListTooLong {
        /// The most items it may have.
        limit: u32,
    },
    /// The first message was not `Hello`.
    #[error("the first message must be Hello")]
    HelloExpected,
    /// `Hello` came a second time.
    #[error("Hello may be said once only")]
    HelloRepeated,
    /// `Hello` did not come in time.
    #[error("the handshake took longer than {seconds} s")]
    HandshakeTimeout {
        /// How long it may take.
        seconds: u64,
    },
    /// A frame was announced that is longer than allowed.
    #[error("a frame may have {limit} bytes")]
    FrameTooLong {
        /// The most bytes a frame may have at this point.
        limit: u64,
    },
    /// A message could not be read.
    #[error("the message cannot be read: {detail}")]
    Malformed {
        /// What the decoder said.
        detail: String,
    },
    /// The number of an action was not the next one.
    #[error("the next action must have number {expected}")]
    ActionOutOfOrder {
        /// The number that was expected.
        expected: ActionNumber,
    },
    /// There are as many participants or connections as there may be.
    #[error("there is room for {limit}")]
    SessionFull {
        /// How many there may be.
        limit: u32,
    },
    /// Somebody with the client's token has taken its place.
    #[error("another connection has taken over")]
    Superseded,
    /// Nothing was heard from the client for too long.
    #[error("nothing was heard for {seconds} s")]
    Silent {
        /// For how long.
        seconds: u64,
    },
}
