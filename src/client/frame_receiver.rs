//! Receives and decodes the host's messages. Knows no session: what a message
//! means is decided by its reader.

use std::{borrow::Cow, io};

use crate::{
    dispatcher::ConnectionError,
    model::Model,
    protocol::{
        ServerMessage,
        framing::{self, Codec, Compression, Format},
        limits,
    },
    security::ChannelError,
    transport::{Frames, Reader},
    util::io::describe,
};

/// How a received payload may be encoded.
#[derive(Clone, Copy)]
pub(super) struct PayloadFormat {
    /// `None` before the host has chosen: the payload itself tells.
    pub(super) codec: Option<Codec>,
    /// The only compression that is accepted.
    pub(super) compression: Option<Compression>,
}

impl From<Format> for PayloadFormat {
    fn from(Format { codec, compression }: Format) -> Self {
        Self { codec: Some(codec), compression }
    }
}

/// The next message, however long it takes.
pub(super) async fn receive_message<M: Model, R: Reader>(
    frames: &mut Frames<R>,
    format: PayloadFormat,
) -> Result<ServerMessage<M>, ConnectionError> {
    let payload = frames.next().await?.ok_or(ConnectionError::Closed)?;
    let expanded = match format.compression {
        Some(Compression::Lz4) => framing::expand(&payload, limits::SERVER_FRAME),
        None => Ok(Cow::Borrowed(&payload[..])),
    };
    let message = expanded.and_then(|expanded| {
        let codec = format.codec.unwrap_or_else(|| Codec::of(&expanded));
        framing::decode(codec, &expanded).map(|message| (message, expanded.len()))
    });
    match message.map_err(|error| ConnectionError::Malformed(error.detail()))? {
        (ServerMessage::Metering(_) | ServerMessage::Notice(_), length)
            if length > limits::REPORT_MESSAGE =>
        {
            let limit = limits::REPORT_MESSAGE;
            Err(ConnectionError::Malformed(format!(
                "a report of the engine has {length} bytes, over {limit}"
            )))
        }
        (message, _) => Ok(message),
    }
}

impl From<io::Error> for ConnectionError {
    fn from(error: io::Error) -> Self {
        let inner = error.get_ref();
        match inner.and_then(|inner| inner.downcast_ref::<ChannelError>()) {
            Some(failure) => Self::Channel(*failure),
            None if error.kind() == io::ErrorKind::InvalidData => Self::Malformed(describe(&error)),
            None => Self::Network(describe(&error)),
        }
    }
}
