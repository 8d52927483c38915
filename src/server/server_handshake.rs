//! The server's side of the handshake: reads the `Hello`, asks the authority, and
//! writes its answer. Knows nothing of what follows.

use std::io;

use tokio::{io::AsyncWriteExt, time::timeout};
use tracing::warn;

use super::{
    connection_io::{ConnectionEnd, read_failure, write_frames},
    connection_slots::ConnectionSlot,
    server_inner::ServerInner,
};
use crate::{
    model::Model,
    protocol::{
        ClientMessage, Hello, PROTOCOL_VERSION, ProtocolError, ServerMessage, SessionToken,
        framing::{self, Codec, Format},
        limits,
    },
    sync::session::{Admission, ConnectionId, Credentials, Rejected},
    transport::{Frames, Reader, Writer},
};

/// Tells a client that there is no room for its connection, and closes it. Waits for
/// nothing.
pub(super) async fn reject<M: Model, W: Writer>(inner: &ServerInner<M>, mut writer: W, peer: &str) {
    inner.connections.rejected.add(1);
    if let Some(left_out) = inner.may_log(&inner.logs.connections) {
        warn!(%peer, left_out, "connection rejected: too many are open");
    }
    let limit = u32::try_from(inner.config.max_connections).unwrap_or(u32::MAX);
    let message = ServerMessage::<M>::Error(ProtocolError::SessionFull { limit });
    let mut buffer = Vec::new();
    if framing::encode(Codec::Json, &message, &mut buffer).is_ok() {
        let telling = async {
            writer.write_all(&buffer).await?;
            writer.shutdown().await
        };
        tokio::select! {
            biased;
            _ = telling => {}
            // The send buffer of a new connection has room. If it has not, the client
            // is not told.
            () = std::future::ready(()) => {}
        }
    }
}

/// An admitted client's connection. Dropping it tells the session that the
/// connection has ended, even if its task is aborted.
#[must_use = "dropping it ends the connection in the session"]
pub(super) struct ConnectionGuard<'a, M: Model> {
    inner: &'a ServerInner<M>,
    pub(super) connection: ConnectionId,
    pub(super) format: Format,
}

impl<M: Model> Drop for ConnectionGuard<'_, M> {
    fn drop(&mut self) {
        self.inner.authority.disconnected(self.connection);
        self.inner.connections.remove(self.connection);
    }
}

/// Reads the `Hello` within the handshake timeout. A connection that is closed by then
/// is lost: the answer would not be read, and the client may have another one already.
pub(super) async fn receive_hello<M: Model, R: Reader>(
    inner: &ServerInner<M>,
    frames: &mut Frames<R>,
) -> Result<Hello, ConnectionEnd> {
    let limit = inner.config.handshake_timeout;
    let seconds = limit.as_secs();
    let reading = async {
        let hello = read_hello::<M, R>(frames).await?;
        if frames.is_closed().await { Err(ConnectionEnd::Lost) } else { Ok(hello) }
    };
    timeout(limit, reading)
        .await
        .map_err(|_| ConnectionEnd::Fault(ProtocolError::HandshakeTimeout { seconds }))?
}

async fn read_hello<M: Model, R: Reader>(frames: &mut Frames<R>) -> Result<Hello, ConnectionEnd> {
    let payload = match frames.next().await {
        Ok(Some(payload)) => payload,
        Ok(None) => return Err(ConnectionEnd::Lost),
        Err(error) => return Err(read_failure(&error, limits::HELLO_FRAME)),
    };
    let fault = match framing::decode::<ClientMessage<M>>(Codec::Json, &payload) {
        Ok(ClientMessage::Hello(hello)) => return Ok(hello),
        Ok(_) => ProtocolError::HelloExpected,
        // The Hello of another version may have other fields.
        Err(error) => match framing::protocol_version(&payload) {
            Some(version) if version != PROTOCOL_VERSION => {
                ProtocolError::WrongProtocol { speaks: PROTOCOL_VERSION }
            }
            _ => ProtocolError::Malformed { detail: error.detail() },
        },
    };
    Err(ConnectionEnd::Fault(fault))
}

/// Has the authority decide about `hello`, and sends its answer unless that is a
/// fault.
pub(super) async fn admit<'a, M: Model, W: Writer>(
    inner: &'a ServerInner<M>,
    hello: &Hello,
    slot: &ConnectionSlot,
    writer: &mut W,
) -> Result<ConnectionGuard<'a, M>, ConnectionEnd> {
    let (answer, format, guard) =
        match inner.authority.hello(hello, Credentials::plain(fresh_token()?)) {
            Ok(Admission { connection, format, answer }) => {
                slot.admit();
                (answer, format, Ok(ConnectionGuard { inner, connection, format }))
            }
            Err(Rejected::Unfit(error)) => return Err(ConnectionEnd::Fault(error)),
            Err(Rejected::Unknown(reason)) => {
                let answer = ServerMessage::ReconnectFailed { reason };
                (answer, Format::default(), Err(ConnectionEnd::ResumeRefused))
            }
        };
    let mut buffer = Vec::new();
    let written = match format.encode(&answer, &mut buffer) {
        Ok(()) => {
            let connection = guard.as_ref().ok().map(|guard| guard.connection);
            write_frames(inner, connection, writer, &buffer).await
        }
        Err(error) => Err(io::Error::other(error)),
    };
    match written {
        Ok(()) => guard,
        Err(_) => guard.and(Err(ConnectionEnd::Lost)),
    }
}

fn fresh_token() -> Result<SessionToken, ConnectionEnd> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        warn!(%error, "the operating system provides no random bytes");
        ConnectionEnd::Lost
    })?;
    Ok(SessionToken::new(bytes))
}
