//! One connection, from the handshake to the last word.

use std::{io, pin::pin, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::yield_now,
    time::{Instant, sleep, timeout},
};
use tracing::{debug, info, warn};

use super::ServerInner;
use crate::{
    authority::Incoming,
    model::Model,
    protocol::{
        ClientMessage, Hello, PROTOCOL_VERSION, ProtocolError, ServerMessage, SessionToken,
        framing::{self, Codec, Format},
        limits,
    },
    sync::session::{Admission, ConnectionId, MessageOutcome, Outgoing, Rejected},
    transport::{Frames, Reader, Writer},
};

/// How a connection ended.
enum End {
    /// The client said goodbye.
    Goodbye,
    /// The other end is gone.
    Gone,
    /// The client did something wrong, or is not welcome any more.
    Fault(ProtocolError),
    /// The client was turned away at the door, and has been told.
    Unwelcome,
}

/// How long a client has to take the last words, and to hang up.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How much of what a client still sends is read after the last words. To close
/// with unread bytes would reset the connection, and the words might be lost.
const UNREAD: u64 = 4 * 1024 * 1024;

/// How many messages are decided at once at most. 64: what one read brings, and
/// too few to keep others waiting.
const BATCH: usize = 64;

pub(super) async fn serve<M: Model, R: Reader, W: Writer>(
    inner: &ServerInner<M>,
    reader: R,
    mut writer: W,
    peer: &str,
) {
    let mut frames = Frames::new(reader, limits::HELLO_FRAME);
    // Once it has said hello, it is answered: who is let in must hear of it whole.
    let hello = tokio::select! {
        hello = receive_hello::<M, R>(inner, &mut frames) => hello,
        () = inner.shutdown.cancelled() => {
            send_final::<M, W>(&mut writer, Codec::Json, &ServerMessage::Shutdown).await;
            return;
        }
    };
    let guard = match hello {
        Ok(hello) => answer(inner, &hello, &mut writer).await,
        Err(end) => Err(end),
    };
    let guard = match guard {
        Ok(guard) => guard,
        Err(end) => {
            report(inner, peer, None, &end);
            if let End::Fault(error) = end {
                send_final::<M, W>(&mut writer, Codec::Json, &ServerMessage::Error(error)).await;
            }
            linger_close(frames.into_reader()).await;
            return;
        }
    };
    let ConnectionGuard { ticket, format, .. } = guard;
    info!(%peer, client = %ticket.client, "joined");
    inner.connections.enter(ticket, peer);
    frames.set_limit(limits::CLIENT_FRAME);

    let connection = Connection { inner, ticket, format, peer };
    let end = connection.run(&mut frames, &mut writer).await;
    drop(guard);
    report(inner, peer, Some(ticket), &end);
    // The last words may still be on their way.
    let _ = timeout(LAST_WORDS, writer.shutdown()).await;
    linger_close(frames.into_reader()).await;
}

/// Tells a client that there is no room, without waiting for it.
pub(super) async fn reject<M: Model, W: Writer>(mut writer: W, limit: usize) {
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let message = ServerMessage::<M>::Error(ProtocolError::SessionFull { limit });
    let mut buffer = Vec::new();
    if framing::encode(Codec::Json, &message, &mut buffer).is_ok() {
        // A new connection has room for this; one that has not is not waited
        // for, since nobody else could come in meanwhile.
        let _ = timeout(Duration::from_millis(10), writer.write_all(&buffer)).await;
        let _ = timeout(Duration::from_millis(10), writer.shutdown()).await;
    }
}

/// What a client has that was let in. However its connection ends, even if it
/// is cut short, the session hears of it.
struct ConnectionGuard<'a, M: Model> {
    inner: &'a ServerInner<M>,
    ticket: ConnectionId,
    format: Format,
}

impl<M: Model> Drop for ConnectionGuard<'_, M> {
    fn drop(&mut self) {
        self.inner.authority.disconnected(self.ticket);
        self.inner.connections.leave(self.ticket);
    }
}

async fn receive_hello<M: Model, R: Reader>(
    inner: &ServerInner<M>,
    frames: &mut Frames<R>,
) -> Result<Hello, End> {
    let limit = inner.config.handshake_timeout;
    let seconds = limit.as_secs();
    timeout(limit, hello::<M, R>(frames))
        .await
        .map_err(|_| End::Fault(ProtocolError::HandshakeTimeout { seconds }))?
}

async fn answer<'a, M: Model, W: Writer>(
    inner: &'a ServerInner<M>,
    hello: &Hello,
    writer: &mut W,
) -> Result<ConnectionGuard<'a, M>, End> {
    let (answer, format, guard) = match inner.authority.hello(hello, fresh_token()?) {
        Ok(Admission { ticket, format, answer }) => {
            (answer, format, Ok(ConnectionGuard { inner, ticket, format }))
        }
        Err(Rejected::Unfit(error)) => return Err(End::Fault(error)),
        Err(Rejected::Unknown(reason)) => {
            let answer = ServerMessage::ReconnectFailed { reason };
            (answer, Format::default(), Err(End::Unwelcome))
        }
    };
    let mut buffer = Vec::new();
    let written = match format.encode(&answer, &mut buffer) {
        Ok(()) => write(inner, writer, &buffer).await,
        Err(error) => Err(io::Error::other(error)),
    };
    match written {
        Ok(()) => guard,
        Err(_) => guard.and(Err(End::Gone)),
    }
}

async fn hello<M: Model, R: Reader>(frames: &mut Frames<R>) -> Result<Hello, End> {
    let payload = match frames.next().await {
        Ok(Some(payload)) => payload,
        Ok(None) => return Err(End::Gone),
        Err(error) => return Err(unreadable(&error, limits::HELLO_FRAME)),
    };
    let fault = match framing::decode::<ClientMessage<M>>(Codec::Json, &payload) {
        Ok(ClientMessage::Hello(hello)) => return Ok(hello),
        Ok(_) => ProtocolError::HelloExpected,
        // A Hello of another version may have other fields.
        Err(error) => match framing::protocol_version(&payload) {
            Some(version) if version != PROTOCOL_VERSION => {
                ProtocolError::WrongProtocol { speaks: PROTOCOL_VERSION }
            }
            _ => ProtocolError::Malformed { detail: error.detail() },
        },
    };
    Err(End::Fault(fault))
}

fn fresh_token() -> Result<SessionToken, End> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        warn!(%error, "the operating system has no random bytes");
        End::Gone
    })?;
    Ok(SessionToken::new(bytes))
}

/// A joined client's connection.
struct Connection<'a, M: Model> {
    inner: &'a ServerInner<M>,
    ticket: ConnectionId,
    format: Format,
    /// What to call the other end in a log.
    peer: &'a str,
}

impl<M: Model> Connection<'_, M> {
    /// Says what there is to say, whenever there is something and the socket can
    /// take it, and hears what the client says, until the connection ends.
    async fn run<R: Reader, W: Writer>(&self, frames: &mut Frames<R>, writer: &mut W) -> End {
        let ServerInner { authority, shutdown, .. } = self.inner;
        let mut changes = authority.changes();
        let mut buffer = Vec::new();
        // It is moved, not made anew: a timer that is set has its costs.
        let mut alarm = pin!(sleep(Duration::ZERO));
        let mut alarm_at = None;
        loop {
            if shutdown.is_cancelled() {
                send_final::<M, W>(writer, self.format.codec, &ServerMessage::Shutdown).await;
                return End::Gone;
            }
            changes.mark_unchanged();
            let outgoing = match authority.pull(self.ticket) {
                Ok(outgoing) => outgoing,
                Err(error) => return self.fault(writer, error).await,
            };
            if !outgoing.is_empty() {
                match self.send(frames, writer, &mut buffer, &outgoing).await {
                    Ok(()) => continue,
                    Err(End::Fault(error)) => return self.fault(writer, error).await,
                    Err(end) => return end,
                }
            }
            let next = outgoing.next;
            if alarm_at != Some(next.at) {
                alarm_at = Some(next.at);
                alarm.as_mut().reset(Instant::now() + authority.until(next.at));
            }
            let arrived = tokio::select! {
                biased;
                () = shutdown.cancelled() => continue,
                // However much there is to say, it is heard.
                arrived = frames.next() => arrived,
                _ = changes.changed(), if next.on_change => continue,
                () = alarm.as_mut() => continue,
            };
            // What waited for `changes` above is dropped, so this task does not wake
            // itself by what it does now.
            match self.receive(arrived, frames) {
                // What came of it is news to the others, and they go first: who
                // said it has shown it already.
                Ok(()) => yield_now().await,
                Err(End::Fault(error)) => return self.fault(writer, error).await,
                Err(end) => return end,
            }
        }
    }

    /// Sends `outgoing`, and hears what the client says for as long as the socket
    /// cannot take it.
    ///
    /// # Errors
    /// If that ended the connection. It is between two frames then if it is a
    /// fault.
    async fn send<R: Reader, W: Writer>(
        &self,
        frames: &mut Frames<R>,
        writer: &mut W,
        buffer: &mut Vec<u8>,
        outgoing: &Outgoing<M>,
    ) -> Result<(), End> {
        let mut fault = Ok(());
        let deadline = self.inner.config.write_timeout;
        let in_time =
            async { timeout(deadline, self.write_outgoing(writer, buffer, outgoing)).await? };
        let hear = async {
            // Who does not listen is not listened to.
            while self.inner.authority.has_room(self.ticket) {
                let arrived = frames.next().await;
                match self.receive(arrived, frames) {
                    // Who never stops does not keep the thread from others.
                    Ok(()) => yield_now().await,
                    // It can be told when the frame is out.
                    Err(end @ End::Fault(_)) => {
                        fault = Err(end);
                        break;
                    }
                    Err(end) => return end,
                }
            }
            std::future::pending().await
        };
        tokio::select! {
            biased;
            sent = in_time => sent.map_err(|error| {
                debug!(%error, client = %self.ticket.client, "cannot write");
                End::Gone
            })?,
            end = hear => return Err(end),
        }
        fault
    }

    /// Hands what the client says to the authority: the message that has `arrived`,
    /// and those that came along with it.
    ///
    /// # Errors
    /// If that ended the connection.
    fn receive<R: Reader>(
        &self,
        arrived: io::Result<Option<BytesMut>>,
        frames: &mut Frames<R>,
    ) -> Result<(), End> {
        let unreadable = |error| unreadable(&error, limits::CLIENT_FRAME);
        let first = arrived.map_err(unreadable)?.ok_or(End::Gone)?;
        let mut messages = vec![self.read(&first).map_err(End::Fault)?];
        let mut fault = Ok(());
        // The answer to anything but an action may be long: first it is asked
        // whether there is room for more.
        while messages.len() < BATCH
            && fault.is_ok()
            && messages.last().is_some_and(Incoming::is_action)
        {
            match frames.arrived() {
                Ok(Some(payload)) => match self.read(&payload) {
                    Ok(message) => messages.push(message),
                    Err(error) => fault = Err(End::Fault(error)),
                },
                Ok(None) => break,
                Err(error) => fault = Err(unreadable(error)),
            }
        }
        // What was said before a fault counts.
        self.hand_over(messages)?;
        fault
    }

    fn read(&self, payload: &[u8]) -> Result<Incoming<M>, ProtocolError> {
        self.inner.connections.bytes_in.add(payload.len() + 4);
        framing::decode(self.format.codec, payload).map(Incoming::Message).or_else(|error| {
            let detail = error.detail();
            match framing::unreadable_action(self.format.codec, payload) {
                Some(number) => Ok(Incoming::Unreadable { number, detail }),
                None => Err(ProtocolError::Malformed { detail }),
            }
        })
    }

    fn hand_over(&self, messages: Vec<Incoming<M>>) -> Result<(), End> {
        let mut refused = Vec::new();
        let heard = self.inner.authority.handle(self.ticket, messages, &mut refused);
        for reason in refused {
            info!(peer = %self.peer, client = %self.ticket.client, %reason, "refused");
        }
        match heard.map_err(End::Fault)? {
            MessageOutcome::Staying | MessageOutcome::Refused(_) => Ok(()),
            MessageOutcome::Leaving => Err(End::Goodbye),
        }
    }

    async fn fault<W: Writer>(&self, writer: &mut W, error: ProtocolError) -> End {
        send_final::<M, W>(writer, self.format.codec, &ServerMessage::Error(error.clone())).await;
        End::Fault(error)
    }

    async fn write_outgoing<W: Writer>(
        &self,
        writer: &mut W,
        buffer: &mut Vec<u8>,
        outgoing: &Outgoing<M>,
    ) -> io::Result<()> {
        empty(buffer);
        for message in &outgoing.messages {
            self.format.encode(message, buffer).map_err(io::Error::other)?;
        }
        if let Some(update) = &outgoing.update {
            let (frame, fresh) =
                self.inner.broadcast.frame(self.format, update).map_err(io::Error::other)?;
            let connections = &self.inner.connections;
            connections.updates_sent.add(1);
            connections.updates_encoded.add(usize::from(fresh));
            if frame.len() <= COPIED {
                buffer.extend_from_slice(&frame);
            } else {
                write(self.inner, writer, buffer).await?;
                empty(buffer);
                write(self.inner, writer, &frame).await?;
            }
        }
        if let Some(metering) = outgoing.metering {
            self.format
                .encode(&ServerMessage::<M>::Metering(metering), buffer)
                .map_err(io::Error::other)?;
        }
        write(self.inner, writer, buffer).await
    }
}

/// A shared frame up to this size is copied behind the messages before it, for
/// one write is cheaper than two.
const COPIED: usize = 16 * 1024;

/// How much room a connection keeps for its next messages. Once in a while there
/// is much more to say, and what that took is given back.
const ROOM: usize = 64 * 1024;

fn empty(buffer: &mut Vec<u8>) {
    buffer.clear();
    if buffer.capacity() > ROOM {
        *buffer = Vec::new();
    }
}

/// Writes all of `bytes`, or fails: a connection that was left in the middle of
/// a frame must not be written to again.
async fn write<M: Model, W: Writer>(
    inner: &ServerInner<M>,
    writer: &mut W,
    bytes: &[u8],
) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    inner.connections.bytes_out.add(bytes.len());
    let writing = async {
        writer.write_all(bytes).await?;
        writer.flush().await
    };
    timeout(inner.config.write_timeout, writing).await?
}

async fn send_final<M: Model, W: Writer>(writer: &mut W, codec: Codec, message: &ServerMessage<M>) {
    let mut buffer = Vec::new();
    if framing::encode(codec, message, &mut buffer).is_ok() {
        let words = async {
            writer.write_all(&buffer).await?;
            writer.shutdown().await
        };
        let _ = timeout(LAST_WORDS, words).await;
    }
}

/// Waits for the other end to hang up, for a moment.
async fn linger_close<R: Reader>(reader: R) {
    let mut rest = reader.take(UNREAD);
    let mut sink = tokio::io::sink();
    let _ = timeout(LAST_WORDS, tokio::io::copy(&mut rest, &mut sink)).await;
}

fn unreadable(error: &io::Error, limit: usize) -> End {
    if error.kind() == io::ErrorKind::InvalidData {
        End::Fault(ProtocolError::FrameTooLong { limit: limit as u64 })
    } else {
        End::Gone
    }
}

fn report<M: Model>(inner: &ServerInner<M>, peer: &str, ticket: Option<ConnectionId>, end: &End) {
    let client = ticket.map(|ticket| ticket.client.0);
    match end {
        End::Goodbye => info!(%peer, client, "left"),
        End::Gone => info!(%peer, client, "connection lost"),
        End::Fault(error) => {
            inner.connections.faulted.add(1);
            warn!(%peer, client, %error, "connection ended");
        }
        End::Unwelcome => info!(%peer, "could not come back"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_large_batch_took_is_given_back() {
        let mut buffer = Vec::new();
        buffer.extend_from_slice(&vec![0; ROOM / 2]);
        empty(&mut buffer);
        assert!(buffer.is_empty() && buffer.capacity() >= ROOM / 2);
        buffer.extend_from_slice(&vec![0; 4 * ROOM]);
        empty(&mut buffer);
        assert!(buffer.is_empty() && buffer.capacity() <= ROOM);
    }
}
