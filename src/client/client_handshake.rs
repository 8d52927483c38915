//! The client's side of the handshake: connects, enters, sends the `Hello`, and checks the
//! reply. Knows nothing of what follows.

use std::time::Duration;

use super::{
    client_connection::{ClientConnection, encode_own, write_flushed},
    client_entry::ClientEntry,
    frame_receiver::{PayloadFormat, receive_message},
    last_heard::{HeardReader, LastHeard},
};
use crate::{
    dispatcher::ConnectionError,
    model::Model,
    protocol::{
        ClientMessage, Hello, ReconnectRefusal, Reconnected, ServerMessage, Welcome,
        framing::{Codec, Compression, Format},
        limits,
    },
    transport::{ChannelReader, ChannelWriter, Connector, Frames},
    util::{text::shortened, time::Timestamp},
};

/// How the host accepted the client.
pub(super) enum HandshakeReply<M: Model> {
    /// As a new participant.
    Joined(Box<Welcome<M>>),
    /// As the participant that it was.
    Resumed(Box<Reconnected>),
}

impl<M: Model> HandshakeReply<M> {
    /// The session's time.
    pub(super) fn clock(&self) -> Timestamp {
        match self {
            Self::Joined(welcome) => welcome.clock,
            Self::Resumed(resumed) => resumed.clock,
        }
    }

    /// How long the host keeps a disconnected participant's place.
    pub(super) fn resume_window(&self) -> Duration {
        match self {
            Self::Joined(welcome) => welcome.resume_window.into(),
            Self::Resumed(resumed) => resumed.resume_window.into(),
        }
    }
}

/// A completed handshake.
pub(super) struct Handshake<M: Model, C: Connector> {
    pub(super) connection: ClientConnection<C>,
    pub(super) reply: HandshakeReply<M>,
}

/// Connects and performs the handshake. What arrives counts as `heard`.
///
/// # Errors
/// If the host cannot be reached, is not believed, is silent for `limit`, rejects `hello`,
/// or answers what was not asked.
pub(super) async fn perform_handshake<M: Model, C: Connector>(
    connector: &C,
    entry: &mut ClientEntry,
    heard: &LastHeard,
    limit: Duration,
    hello: Hello,
) -> Result<Handshake<M, C>, ConnectionError> {
    let connecting = heard.within(limit, connector.connect()).await;
    let (reader, writer, peer) = connecting.ok_or(ConnectionError::Timeout)??;
    let reader = ChannelReader::new(heard.listen(reader));
    let mut frames = Frames::new(reader, limits::HELLO_FRAME);
    let mut writer = ChannelWriter::new(writer);
    entry.enter(&mut frames, &mut writer, peer).await?;
    let greeting = greet(frames, writer, hello);
    heard.within(limit, greeting).await.ok_or(ConnectionError::Timeout)?
}

/// Sends `hello`, and awaits the answer.
async fn greet<M: Model, C: Connector>(
    mut frames: Frames<ChannelReader<HeardReader<C::Reader>>>,
    mut writer: ChannelWriter<C::Writer>,
    hello: Hello,
) -> Result<Handshake<M, C>, ConnectionError> {
    let mut buffer = Vec::new();
    let expected =
        PayloadFormat { codec: None, compression: Compression::agree(&hello.compression) };
    let request = ClientMessage::<M>::Hello(hello.clone());
    encode_own(Codec::Json, &request, &mut buffer)?;
    let written = write_flushed(&mut writer, &buffer).await;
    // A host that rejects the connection may have closed it before the Hello was
    // written, but it has sent the reason.
    let (reply, format) = match (receive_message::<M, _>(&mut frames, expected).await, written) {
        (Ok(ServerMessage::Welcome(welcome)), _) => {
            let format = agreed_format(&hello, &welcome.codec, welcome.compression.as_deref())?;
            (HandshakeReply::Joined(Box::new(welcome)), format)
        }
        (Ok(ServerMessage::ReconnectSuccessful(resumed)), _) => {
            let format = agreed_format(&hello, &resumed.codec, resumed.compression.as_deref())?;
            (HandshakeReply::Resumed(Box::new(resumed)), format)
        }
        (Ok(ServerMessage::ReconnectFailed { reason }), _) => return Err(reason.into()),
        (Ok(ServerMessage::Error(error)), _) => return Err(ConnectionError::Host(error)),
        (Ok(ServerMessage::Shutdown), _) => return Err(ConnectionError::Shutdown),
        (Ok(_), _) => {
            return Err(ConnectionError::Malformed("it does not answer the Hello".into()));
        }
        (Err(ConnectionError::Closed), Err(error)) | (Err(error), _) => return Err(error),
    };
    writer.admit();
    Ok(Handshake { connection: ClientConnection { frames, writer, format }, reply })
}

/// The format that the host has chosen, if `hello` offers it.
fn agreed_format(
    hello: &Hello,
    codec: &str,
    compression: Option<&str>,
) -> Result<Format, ConnectionError> {
    let not_offered = |name: &str| {
        let name = shortened(name, limits::DETAIL);
        ConnectionError::Malformed(format!("it chose {name:?}, which was not offered"))
    };
    let json = [Codec::Json.name().to_owned()];
    let codecs = if hello.codecs.is_empty() { &json[..] } else { &hello.codecs };
    let offered = |names: &[String], name: &str| names.iter().any(|offered| offered == name);
    let codec = Codec::from_name(codec)
        .filter(|codec| offered(codecs, codec.name()))
        .ok_or_else(|| not_offered(codec))?;
    let compression = match compression {
        None => None,
        Some(name) => Some(
            Compression::from_name(name)
                .filter(|compression| offered(&hello.compression, compression.name()))
                .ok_or_else(|| not_offered(name))?,
        ),
    };
    Ok(Format { codec, compression })
}

impl From<ReconnectRefusal> for ConnectionError {
    fn from(reason: ReconnectRefusal) -> Self {
        Self::ResumeRefused(reason)
    }
}
