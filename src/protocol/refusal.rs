//! Why the authority refuses something, or ends a connection.
//!
//! Only data; when it does so is decided in [`sync::session`](crate::sync::session).

use serde::{Deserialize, Deserializer, Serialize};

use super::{ActionNumber, EntryRefusal, OwnerInfo, limits};
use crate::{
    model::{InstrumentId, Invalid},
    util::limited::{bounded_list, cut_text, unnested},
};

/// Why a client cannot resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum ReconnectRefusal {
    /// The token is unknown, was replaced, or its resume window is over. The three
    /// are not told apart, so that a guessed token reveals nothing. For a client that has
    /// proven a key: there is no place of this key and instance.
    #[error("the host no longer keeps your place")]
    UnknownToken,
}

/// Why an action or a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The sender does not own the instrument.
    #[error("instrument {instrument} {}", owner.as_ref().map_or("has no owner: request it first".into(), |owner| format!("belongs to {owner}")))]
    NotOwner {
        /// The instrument.
        instrument: InstrumentId,
        /// The owner, if it has one.
        owner: Option<OwnerInfo>,
    },
    /// The sender does not have the privilege.
    #[error("this needs the privilege, which {} has", holder.as_ref().map_or("no participant", |holder| &*holder.name))]
    NotPrivileged {
        /// The participant that has it, if any.
        holder: Option<OwnerInfo>,
    },
    /// The sender is a viewer: it sees and follows, and changes nothing.
    #[error("you are a viewer: the host can make you a player")]
    Viewer,
    /// Only the engine may send this action.
    #[error("only the engine may send this")]
    EngineOnly,
    /// The action is impossible in the current state.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// An action of a batch was refused, and with it the batch.
    #[error("action {} of {count}: {reason}", index.saturating_add(1))]
    InBatch {
        /// The position of the action in the batch, from 0.
        index: u32,
        /// How many actions the batch has.
        count: u32,
        /// Why the action was refused. Not a refused batch again.
        #[serde(deserialize_with = "unnested")]
        reason: Box<Refusal>,
    },
    /// The action cannot be encoded or decoded, e.g. because a value is out of range
    /// or a number is not finite.
    #[error("the action cannot be encoded or decoded: {detail}")]
    Malformed {
        /// The error text of the encoder or decoder.
        #[serde(deserialize_with = "cut_text::<{ limits::DETAIL }, _, _>")]
        detail: String,
    },
    /// The model's code failed. Nothing has changed.
    #[error("the program failed in this action: {detail}")]
    Panicked {
        /// The text of the panic.
        #[serde(deserialize_with = "cut_text::<{ limits::DETAIL }, _, _>")]
        detail: String,
    },
}

/// A refused action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// The number of the action.
    pub number: ActionNumber,
    /// The reason.
    pub reason: Refusal,
}

/// An instrument whose ownership was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnershipRefusal {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The reason.
    pub reason: Refusal,
}

/// Why the authority ends a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The client uses another version of the protocol.
    #[error("the host uses protocol version {speaks}")]
    WrongProtocol {
        /// The version of the authority.
        speaks: u32,
    },
    /// The client uses another model, or another version of it.
    #[error("the host uses model {name} version {version}")]
    WrongModel {
        /// The model of the authority.
        #[serde(deserialize_with = "cut_text::<{ limits::DETAIL }, _, _>")]
        name: String,
        /// Its version.
        version: u32,
    },
    /// The authority supports none of the client's codecs.
    #[error("the host supports these codecs: {}", speaks.join(", "))]
    NoCommonCodec {
        /// The codecs that it supports.
        #[serde(deserialize_with = "codec_names")]
        speaks: Vec<String>,
    },
    /// The requested name is not allowed.
    #[error("a name must have 1 to {limit} characters, and no control characters")]
    BadName {
        /// The most characters of a name.
        limit: u32,
    },
    /// A list in a message has too many items.
    #[error("a list may have at most {limit} items")]
    ListTooLong {
        /// The most items of the list.
        limit: u32,
    },
    /// The first message was not `Hello`.
    #[error("the first message must be Hello")]
    HelloExpected,
    /// The client sent a second `Hello`.
    #[error("Hello may be sent only once")]
    HelloRepeated,
    /// `Hello` did not arrive in time.
    #[error("the handshake took longer than {seconds} s")]
    HandshakeTimeout {
        /// The time limit, in seconds.
        seconds: u64,
    },
    /// The length prefix of a frame exceeds the limit.
    #[error("a frame may have at most {limit} bytes")]
    FrameTooLong {
        /// The most bytes of a frame at this point of the connection.
        limit: u64,
    },
    /// A message could not be decoded.
    #[error("the message cannot be decoded: {detail}")]
    Malformed {
        /// The error text of the decoder.
        #[serde(deserialize_with = "cut_text::<{ limits::DETAIL }, _, _>")]
        detail: String,
    },
    /// The number of an action was not the next one.
    #[error("the next action must have number {expected}")]
    ActionOutOfOrder {
        /// The expected number.
        expected: ActionNumber,
    },
    /// The limit of participants is reached.
    #[error("the session is full: {limit} is the limit")]
    SessionFull {
        /// The limit.
        limit: u32,
    },
    /// Another connection has taken the client's place by a later attempt: it has shown
    /// the client's token, or the same key and instance.
    #[error("another program has taken your place")]
    Superseded,
    /// The client sent nothing for too long, and is suspended.
    #[error("the client sent nothing for {seconds} s")]
    Silent {
        /// The time limit, in seconds.
        seconds: u64,
    },
    /// The client was away for longer than its place is kept.
    #[error("the client was away for over {seconds} s, so its place is gone")]
    Expired {
        /// The resume window, in seconds.
        seconds: u64,
    },
    /// The client has left the session.
    #[error("the client has left the session")]
    Left,
    /// The host does not admit the client.
    #[error("{0}")]
    NotAdmitted(EntryRefusal),
}

/// Deserializes a list of codecs, of limited length.
fn codec_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct CodecName(#[serde(deserialize_with = "cut_text::<{ limits::DETAIL }, _, _>")] String);
    let names = bounded_list::<{ limits::CODECS }, CodecName, D>(deserializer)?;
    Ok(names.into_iter().map(|CodecName(name)| name).collect())
}
