//! The encoding of messages as frames: a length prefix, and a payload in the agreed
//! codec.
//!
//! ```text
//! [u32 length of the payload, big-endian][payload: one message]
//! ```
//!
//! A large payload may be [compressed](Compression). Everything here works on byte
//! slices and never sees a stream: `transport` splits a stream into frames.

mod compression;
mod portable;

use std::str::FromStr;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use self::{
    compression::{Compression, expand},
    portable::check_portable,
};
use crate::{
    protocol::{ActionNumber, limits},
    util::{
        panics::catch_panic,
        text::{printable, shortened},
    },
};

/// The encoding of a payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Codec {
    /// JSON, which clients in other languages can use without a special library.
    #[default]
    Json,
    /// [Postcard](https://postcard.jamesmunns.com/wire-format), for clients with the
    /// same types: a ninth of JSON's size for a state, a fifth for an edit.
    Postcard,
}

impl Codec {
    /// Every codec, the preferred one first.
    pub const ALL: [Self; 2] = [Self::Postcard, Self::Json];

    /// The name in the handshake.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Postcard => "postcard",
        }
    }

    /// The codec called `name` in the handshake.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name() == name)
    }

    /// The first supported entry of a client's list; JSON if the list is empty, and
    /// `None` if no entry is supported.
    #[must_use]
    pub fn agree(names: &[String]) -> Option<Self> {
        if names.is_empty() {
            return Some(Self::Json);
        }
        names.iter().find_map(|name| Self::from_name(name))
    }

    /// The codec of a payload that may be in any codec, such as the answer to a
    /// `Hello`. In JSON a message starts with `"` or `{`; in Postcard it starts with
    /// the index of its variant, which is smaller than either character.
    #[must_use]
    pub fn of(payload: &[u8]) -> Self {
        match payload.first() {
            Some(b'"' | b'{') => Self::Json,
            _ => Self::Postcard,
        }
    }
}

impl FromStr for Codec {
    type Err = UnknownCodec;

    fn from_str(name: &str) -> Result<Self, UnknownCodec> {
        Self::from_name(name).ok_or(UnknownCodec)
    }
}

/// The name of a codec is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the codecs are {}", Codec::ALL.map(Codec::name).join(" and "))]
#[non_exhaustive]
pub struct UnknownCodec;

/// The encoding that the handshake agreed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Format {
    /// The codec of both directions.
    pub codec: Codec,
    /// The compression of large frames from the authority, if the client supports it.
    pub compression: Option<Compression>,
}

impl Format {
    /// Appends `message` to `buffer` as a frame. The frame is compressed if it is
    /// [large enough](limits::COMPRESSED_FROM) and compression is agreed on.
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

/// A message cannot be decoded or encoded.
#[derive(Debug, thiserror::Error)]
#[error("{}", printable(.0))]
pub struct CodecError(String);

impl CodecError {
    /// The error text, [printable] and [shortened] to [`limits::DETAIL`] characters so that it
    /// can be sent back.
    #[must_use]
    pub fn detail(&self) -> String {
        shortened(&printable(&self.0), limits::DETAIL)
    }
}

/// Appends `message` to `buffer` as a frame.
///
/// # Errors
/// If the message cannot be serialized, because a model's part of it is not
/// [portable](check_portable), or if its payload exceeds 4 GiB. `buffer` is
/// unchanged then.
pub fn encode<T: Serialize>(
    codec: Codec,
    message: &T,
    buffer: &mut Vec<u8>,
) -> Result<(), CodecError> {
    let start = buffer.len();
    buffer.extend([0; 4]);
    let serialized = catch_panic(|| match codec {
        // serde_json would write `null` for a number that is not finite.
        Codec::Json => check_portable(message).and_then(|()| {
            serde_json::to_writer(&mut *buffer, message)
                .map_err(|error| CodecError(error.to_string()))
        }),
        Codec::Postcard => postcard::serialize_with_flavor(message, AppendTo(buffer))
            .map_err(|error| CodecError(error.to_string())),
    });
    let length = serialized.map_err(CodecError).flatten().and_then(|()| {
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

/// Checks that `report`, a metering or a notice of an engine, can be sent to every client.
///
/// # Errors
/// If it is not [portable](check_portable), or longer than [`limits::REPORT`] in one of the
/// codecs.
pub fn check_report<T: Serialize>(report: &T) -> Result<(), CodecError> {
    let mut buffer = Vec::new();
    Codec::ALL.into_iter().try_for_each(|codec| {
        buffer.clear();
        encode(codec, report, &mut buffer)?;
        let (length, limit) = (buffer.len() - 4, limits::REPORT);
        if length <= limit {
            return Ok(());
        }
        Err(CodecError(format!("it has {length} bytes in {}, over {limit}", codec.name())))
    })
}

/// Makes Postcard append to a buffer, which its own flavors replace.
struct AppendTo<'a>(&'a mut Vec<u8>);

impl postcard::ser_flavors::Flavor for AppendTo<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        // Most are numbers of a few bytes: pushing each byte is faster than a copy of
        // a length that is not known at compile time.
        self.0.extend(bytes.iter().copied());
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Decodes the message in `payload`. It never panics, whatever the bytes and the
/// model.
///
/// # Errors
/// If `payload` is not exactly one message.
pub fn decode<T: DeserializeOwned>(codec: Codec, payload: &[u8]) -> Result<T, CodecError> {
    catch_panic(|| decode_payload(codec, payload)).map_err(CodecError).flatten()
}

fn decode_payload<T: DeserializeOwned>(codec: Codec, payload: &[u8]) -> Result<T, CodecError> {
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

/// The number of the action in a payload that cannot be decoded, e.g. because a value
/// is out of range. With it the authority can refuse the action without closing the
/// connection. `None` if the payload is not an action.
#[must_use]
pub fn unreadable_action(codec: Codec, payload: &[u8]) -> Option<ActionNumber> {
    #[derive(Deserialize)]
    enum ActionOnly {
        #[serde(alias = "Batch")]
        Action { number: ActionNumber },
    }
    /// The first variants of `ClientMessage`, in its order.
    #[derive(Deserialize)]
    enum FirstVariants {
        Hello,
        Action { number: ActionNumber },
        Batch { number: ActionNumber },
    }
    match codec {
        Codec::Json => {
            let ActionOnly::Action { number } = serde_json::from_slice(payload).ok()?;
            Some(number)
        }
        Codec::Postcard => match postcard::take_from_bytes(payload).ok()? {
            (FirstVariants::Action { number } | FirstVariants::Batch { number }, _) => Some(number),
            (FirstVariants::Hello, _) => None,
        },
    }
}

/// The protocol version in a `Hello` that cannot be decoded, e.g. because that version
/// has other fields.
#[must_use]
pub fn protocol_version(hello: &[u8]) -> Option<u32> {
    #[derive(Deserialize)]
    enum HelloOnly {
        Hello { protocol: u32 },
    }
    let HelloOnly::Hello { protocol } = serde_json::from_slice(hello).ok()?;
    Some(protocol)
}
