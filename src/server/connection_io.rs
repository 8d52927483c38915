//! Writing to a connection and closing it. Knows no session: what to send is an
//! argument.

use std::{error::Error, io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout},
};

use super::server_inner::ServerInner;
use crate::{
    model::Model,
    protocol::{
        ProtocolError, ServerMessage,
        framing::{self, Codec},
    },
    security::ChannelError,
    sync::session::ConnectionId,
    transport::{ChannelWriter, Reader, Writer},
};

/// How long a client has to take the final message, and then to close its end.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How much is read after the final message. Closing with unread bytes would reset
/// the connection, and the final message might be lost.
const MAX_UNREAD: u64 = 4 * 1024 * 1024;

/// How a connection ended.
pub(super) enum ConnectionEnd {
    /// The client said goodbye.
    Goodbye,
    /// The connection is lost.
    Lost,
    /// The client violated the protocol, or has lost its place.
    Fault(ProtocolError),
    /// The resume was refused, and the client has been told.
    ResumeRefused,
    /// The connection has made room for another one.
    Evicted,
    /// The session ends.
    Shutdown,
}

/// How often the session is told that a client takes bytes.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// Writes all of `bytes`, or fails: if no byte is taken for the write timeout, too.
/// After an error the connection must not be written to again: it may have stopped in
/// the middle of a frame.
///
/// Bytes that are taken are a sign of life of `connection`: a client may not have the
/// means to send anything while it receives a large frame.
pub(super) async fn write_frames<M: Model, W: Writer>(
    inner: &ServerInner<M>,
    connection: Option<ConnectionId>,
    writer: &mut ChannelWriter<W>,
    bytes: &[u8],
) -> io::Result<()> {
    let mut rest = bytes;
    let mut told = Instant::now();
    while !(rest.is_empty() && writer.is_drained()) {
        let taken = timeout(inner.config.write_timeout, writer.push(&mut rest)).await??;
        if taken == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        inner.connections.bytes_out.add(taken);
        if told.elapsed() >= PROGRESS_INTERVAL
            && let Some(connection) = connection
        {
            told = Instant::now();
            inner.authority.progressed(connection);
        }
    }
    timeout(inner.config.write_timeout, writer.flush()).await?
}

/// Sends the last message of a connection and shuts down its writer, within
/// [`CLOSE_TIMEOUT`].
pub(super) async fn send_final<M: Model, W: Writer>(
    writer: &mut ChannelWriter<W>,
    codec: Codec,
    message: &ServerMessage<M>,
) {
    let mut buffer = Vec::new();
    if framing::encode(codec, message, &mut buffer).is_ok() {
        let sending = async {
            writer.write_all(&buffer).await?;
            writer.shutdown().await
        };
        let _ = timeout(CLOSE_TIMEOUT, sending).await;
    }
}

/// Waits until the client closes its end, within [`CLOSE_TIMEOUT`].
pub(super) async fn linger_close<R: Reader>(reader: R) {
    let mut rest = reader.take(MAX_UNREAD);
    let mut sink = tokio::io::sink();
    let _ = timeout(CLOSE_TIMEOUT, tokio::io::copy(&mut rest, &mut sink)).await;
}

/// The end of a connection that failed to read a frame of at most `limit` bytes. A
/// message that does not open in the channel is not the client's fault, and ends no client
/// for good: any attacker in the network can send it.
pub(super) fn read_failure(error: &io::Error, limit: usize) -> ConnectionEnd {
    let is_tampered = error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<ChannelError>);
    if error.kind() == io::ErrorKind::InvalidData && !is_tampered {
        ConnectionEnd::Fault(ProtocolError::FrameTooLong { limit: limit as u64 })
    } else {
        ConnectionEnd::Lost
    }
}
