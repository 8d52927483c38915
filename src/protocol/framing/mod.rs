//! How messages become bytes: a length, and a payload in the codec that was
//! agreed on. Pure: bytes in, values out.
//!
//! ```text
//! [u32 length of the payload, big-endian][payload: one message]
//! ```
//!
//! A large payload may be [compressed](Compression).

mod compression;

use std::str::FromStr;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio_util::codec::LengthDelimitedCodec;

pub use self::compression::{Compression, expand};
use crate::protocol::{ActionNumber, limits};

/// How a payload is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Text, so that any language can join with what it has.
    #[default]
    Json,
    /// [Postcard](https://postcard.jamesmunns.com/wire-format), for whoever has
    /// the same types: a ninth of the bytes of a state, and a fifth of those
    /// of an edit.
    Postcard,
}

impl Codec {
    /// All there are, the best one first.
    pub const ALL: [Self; 2] = [Self::Postcard, Self::Json];

    /// What it is called in the handshake.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Postcard => "postcard",
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

    /// The codec of a payload that may be in either, as the answer to a `Hello`
    /// may. A message is a string or an object in JSON, and in Postcard it
    /// begins with the number of its variant, of which there are fewer.
    #[must_use]
    pub fn of(payload: &[u8]) -> Self {
        match payload.first() {
            Some(b'"' | b'{') => Self::Json,
            _ => Self::Postcard,
        }
    }
}

impl FromStr for Codec {
    type Err = NoSuchCodec;

    fn from_str(name: &str) -> Result<Self, NoSuchCodec> {
        Self::from_name(name).ok_or(NoSuchCodec)
    }
}

/// A name that is not one of a codec's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the codecs are called {}", Codec::ALL.map(Codec::name).join(" and "))]
pub struct NoSuchCodec;

/// What was agreed on in the handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Format {
    /// How both sides write.
    pub codec: Codec,
    /// How the authority makes large frames small, if the client can expand them.
    pub compression: Option<Compression>,
}

impl Format {
    /// Appends `message` to `buffer` as a frame, compressed if it is
    /// [large](limits::COMPRESSED_FROM) and that was agreed on.
    ///
    /// # Errors
    /// As [`encode`].
    pub fn encode<T: Serialize>(self, message: &T, buffer: &mut Vec<u8>) -> Result<(), CodecError> {
        let start = buffer.len();
        encode(self.codec, message, buffer)?;
        if let Some(compression) = self.compression
            && buffer.len() - start >= limits::COMPRESSED_FROM
        {
            compression.compress(buffer, start);
        }
        Ok(())
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
    buffer: &mut Vec<u8>,
) -> Result<(), CodecError> {
    let start = buffer.len();
    buffer.extend([0; 4]);
    let written = match codec {
        Codec::Json => serde_json::to_writer(&mut *buffer, message)
            .map_err(|error| CodecError(error.to_string())),
        Codec::Postcard => postcard::serialize_with_flavor(message, Behind(buffer))
            .map_err(|error| CodecError(error.to_string())),
    };
    let length = written.and_then(|()| {
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

/// What Postcard writes goes behind what is there.
struct Behind<'a>(&'a mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Behind<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        // Most are a number of a few bytes: one by one is quicker than a copy of a
        // length that is not known before.
        self.0.extend(bytes.iter().copied());
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
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
        Codec::Postcard => match postcard::take_from_bytes(payload) {
            Ok((message, [])) => Ok(message),
            Ok((_, rest)) => Err(CodecError(format!("{} bytes too many", rest.len()))),
            Err(error) => Err(CodecError(error.to_string())),
        },
    }
}

/// The number of the action in a payload that could not be read, e.g. because a
/// value in it is out of range: it can then be refused by its number, and its
/// sender may go on.
#[must_use]
pub fn unreadable_action(codec: Codec, payload: &[u8]) -> Option<ActionNumber> {
    #[derive(Deserialize)]
    enum Salvaged {
        Action { number: ActionNumber },
    }
    /// As `ClientMessage` begins.
    #[derive(Deserialize)]
    enum Beginning {
        Hello,
        Action { number: ActionNumber },
    }
    match codec {
        Codec::Json => {
            let Salvaged::Action { number } = serde_json::from_slice(payload).ok()?;
            Some(number)
        }
        Codec::Postcard => match postcard::take_from_bytes(payload).ok()? {
            (Beginning::Action { number }, _) => Some(number),
            (Beginning::Hello, _) => None,
        },
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
