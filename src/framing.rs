//! How messages become bytes: a length, and a payload in the codec that was
//! agreed on. Pure: bytes in, values out.
//!
//! ```text
//! [u32 length of the payload, big-endian][payload: one message]
//! ```

use bytes::{BufMut, BytesMut};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio_util::codec::LengthDelimitedCodec;

use crate::{config::limits, protocol::ActionNumber};

/// How a payload is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Codec {
    /// Text, so that any language can join with what it has.
    #[default]
    Json,
}

impl Codec {
    /// All there are, the one that the authority prefers first.
    pub const ALL: [Self; 1] = [Self::Json];

    /// What it is called in the handshake.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
        }
    }

    /// The codec of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name() == name)
    }

    /// The first of a client's codecs that is known here; who names none means
    /// JSON.
    #[must_use]
    pub fn agree(names: &[String]) -> Option<Self> {
        if names.is_empty() {
            return Some(Self::Json);
        }
        names.iter().find_map(|name| Self::from_name(name))
    }
}

/// Why bytes are not a message, or a message cannot become bytes.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CodecError(String);

impl CodecError {
    /// The complaint, short enough to be sent back.
    #[must_use]
    pub fn detail(&self) -> String {
        self.0.chars().take(limits::DETAIL).collect()
    }
}

/// The splitter of a byte stream into payloads of at most `limit` bytes. A
/// longer one is refused when its length is read, before memory is taken.
#[must_use]
pub fn splitter(limit: usize) -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(limit).new_codec()
}

/// Appends `message` to `buffer` as a frame.
///
/// # Errors
/// If the message cannot be written, which does not happen for messages of
/// [`protocol`](crate::protocol), or is longer than 4 GiB. `buffer` is as it
/// was then.
pub fn encode<T: Serialize>(
    codec: Codec,
    message: &T,
    buffer: &mut BytesMut,
) -> Result<(), CodecError> {
    let start = buffer.len();
    buffer.put_u32(0);
    let written = match codec {
        Codec::Json => serde_json::to_writer((&mut *buffer).writer(), message),
    };
    let length = written.map_err(|error| CodecError(error.to_string())).and_then(|()| {
        u32::try_from(buffer.len() - start - 4)
            .map_err(|_| CodecError("a frame cannot be longer than 4 GiB".into()))
    });
    match length {
        Ok(length) => {
            buffer[start..start + 4].copy_from_slice(&length.to_be_bytes());
            Ok(())
        }
        Err(error) => {
            buffer.truncate(start);
            Err(error)
        }
    }
}

/// Reads the message in `payload`.
///
/// # Errors
/// If it is not one. It never panics, whatever the bytes.
pub fn decode<T: DeserializeOwned>(codec: Codec, payload: &[u8]) -> Result<T, CodecError> {
    match codec {
        Codec::Json => {
            serde_json::from_slice(payload).map_err(|error| CodecError(error.to_string()))
        }
    }
}

/// The number of the action in a payload that could not be read, e.g. because a
/// value in it is out of range: it can then be refused by its number, and its
/// sender may go on. Only JSON says so much of what it does not understand.
#[must_use]
pub fn unreadable_action(codec: Codec, payload: &[u8]) -> Option<ActionNumber> {
    #[derive(Deserialize)]
    enum Salvaged {
        Action { number: ActionNumber },
    }
    match codec {
        Codec::Json => {
            let Salvaged::Action { number } = serde_json::from_slice(payload).ok()?;
            Some(number)
        }
    }
}

/// The protocol version that a `Hello` names which could not be read, e.g.
/// because that version has other fields.
#[must_use]
pub fn protocol_version(hello: &[u8]) -> Option<u32> {
    #[derive(Deserialize)]
    enum Salvaged {
        Hello { protocol: u32 },
    }
    let Salvaged::Hello { protocol } = serde_json::from_slice(hello).ok()?;
    Some(protocol)
}
