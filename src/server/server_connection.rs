//! The task of one connection, from the handshake to the close: hands incoming
//! messages to the authority, and writes what it pulls from there. Decides
//! nothing.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::AsyncWriteExt,
    task::yield_now,
    time::{Instant, sleep, timeout},
};
use tracing::{debug, info, warn};

use super::{
    admissions::{StrangerGuard, StrangerOrder},
    connection_io::{
        CLOSE_TIMEOUT, ConnectionEnd, linger_close, read_failure, send_final, write_frames,
    },
    server_entry::{ServerEntry, refused},
    server_handshake::{ConnectionGuard, admit},
    server_inner::ServerInner,
};
use crate::{
    authority::Incoming,
    model::Model,
    protocol::{
        Hello, ProtocolError, ServerMessage,
        framing::{self, Codec, CodecError, Format},
        limits,
    },
    sync::session::{ConnectionId, MessageOutcome, Outgoing, Update},
    transport::{ChannelReader, ChannelWriter, Frames, Reader, Writer},
    util::log_limit::LogLimit,
};

/// How many actions are handed over at once. 64: about as many as one read brings,
/// and too few to delay the other connections.
const MAX_BATCH: usize = 64;

/// Serves a new connection, from `address`, until it ends.
pub(super) async fn serve<M: Model, R: Reader, W: Writer>(
    inner: &ServerInner<M>,
    reader: R,
    writer: W,
    address: Option<SocketAddr>,
    stranger: StrangerGuard<M>,
) {
    let begun = Instant::now();
    let mut entry = ServerEntry::new(inner, &stranger, reader, writer);
    // A shutdown interrupts only the wait for the Hello. Its answer is written in
    // full, because an admitted client has to learn its token.
    let hello = tokio::select! {
        hello = entry.hello() => hello,
        order = stranger.ending() => Err(match order {
            StrangerOrder::Refuse(reason) => refused(reason),
            StrangerOrder::TimedOut => {
                let seconds = begun.elapsed().as_secs();
                ConnectionEnd::Fault(ProtocolError::HandshakeTimeout { seconds })
            }
            _ => ConnectionEnd::Evicted,
        }),
        () = inner.shutdown.cancelled() => Err(ConnectionEnd::Shutdown),
    };
    let ServerEntry { reader, mut writer, is_mid_handshake, .. } = entry;
    let peer = address.map_or_else(|| "memory".into(), |address| address.to_string());
    match hello {
        // On the heap, because strangers must not pay for it.
        Ok(hello) => Box::pin(serve_client(inner, reader, writer, &peer, stranger, &hello)).await,
        Err(end) => {
            log_end(inner, &inner.logs.strangers, &peer, None, &end);
            if !is_mid_handshake {
                close_stranger(reader.into_inner(), &mut writer, end, &stranger).await;
            }
        }
    }
}

/// Tells a stranger why its connection ends. One that has to be closed at once is told
/// without waiting for anything: the send buffer of a new connection has room.
async fn close_stranger<M: Model, R: Reader, W: Writer>(
    reader: R,
    writer: &mut ChannelWriter<W>,
    end: ConnectionEnd,
    stranger: &StrangerGuard<M>,
) {
    let telling = async {
        match end {
            ConnectionEnd::Fault(error) => {
                let error = ServerMessage::<M>::Error(error);
                send_final(writer, Codec::Json, &error).await;
                linger_close(reader).await;
            }
            ConnectionEnd::Shutdown => {
                send_final(writer, Codec::Json, &ServerMessage::<M>::Shutdown).await;
            }
            ConnectionEnd::ResumeRefused => linger_close(reader).await,
            ConnectionEnd::Goodbye | ConnectionEnd::Lost | ConnectionEnd::Evicted => {}
        }
    };
    tokio::select! {
        biased;
        () = telling => {}
        () = stranger.closing() => {}
    }
}

/// Serves a client whose `Hello` has arrived.
async fn serve_client<M: Model, R: Reader, W: Writer>(
    inner: &ServerInner<M>,
    reader: ChannelReader<R>,
    mut writer: ChannelWriter<W>,
    peer: &str,
    stranger: StrangerGuard<M>,
    hello: &Hello,
) {
    let mut frames = Frames::new(reader, limits::CLIENT_FRAME);
    let admitted = if frames.is_closed().await {
        // The answer would not be read, and the client may have another connection already.
        Err(ConnectionEnd::Lost)
    } else {
        admit(inner, &stranger, hello, peer, &mut writer).await
    };
    let guard = match admitted {
        Ok(guard) => guard,
        Err(end) => {
            log_end(inner, &inner.logs.strangers, peer, None, &end);
            let reader = frames.into_reader().into_inner();
            return close_stranger(reader, &mut writer, end, &stranger).await;
        }
    };
    drop(stranger);
    let ConnectionGuard { connection: id, format, .. } = guard;
    if let Some(left_out) = inner.may_log(&inner.logs.connections) {
        info!(%peer, client = %id.client, left_out, "client joined");
    }
    frames.reader_mut().admit();
    // The Hello does not show that the client has its token.
    frames.take_heard();

    let connection = Connection { inner, id, format, peer };
    let mut inbox = Inbox { frames, decoded: VecDeque::new(), fault: None };
    let end = tokio::select! {
        biased;
        end = connection.run(&mut inbox, &mut writer) => end,
        // It is told, unless it takes no bytes.
        () = guard.replaced() => ConnectionEnd::Lost,
    };
    drop(guard);
    log_end(inner, &inner.logs.connections, peer, Some(id), &end);
    if let ConnectionEnd::Goodbye = end {
        send_final::<M, _>(&mut writer, format.codec, &ServerMessage::Goodbye).await;
    }
    // The final message may still be in the send buffer.
    let _ = timeout(CLOSE_TIMEOUT, writer.shutdown()).await;
    linger_close(inbox.frames.into_reader().into_inner()).await;
}

/// The connection of an admitted client.
struct Connection<'a, M: Model> {
    inner: &'a ServerInner<M>,
    id: ConnectionId,
    format: Format,
    /// The remote end, for logs.
    peer: &'a str,
}

/// What the client has sent.
struct Inbox<M: Model, R> {
    frames: Frames<ChannelReader<R>>,
    /// The messages that are not handled yet: those of one read.
    decoded: VecDeque<Incoming<M>>,
    /// What follows them.
    fault: Option<ConnectionEnd>,
}

impl<M: Model> Connection<'_, M> {
    /// Pulls and sends whenever there is something to send, and receives at the
    /// same time, until the connection ends.
    async fn run<R: Reader, W: Writer>(
        &self,
        inbox: &mut Inbox<M, R>,
        writer: &mut ChannelWriter<W>,
    ) -> ConnectionEnd {
        let ServerInner { authority, shutdown, .. } = self.inner;
        let mut changes = authority.changes();
        let mut buffer = Vec::new();
        // One timer is reset instead of creating a new one per turn, which costs
        // more.
        let mut alarm = pin!(sleep(Duration::ZERO));
        let mut alarm_at = None;
        loop {
            if shutdown.is_cancelled() {
                send_final::<M, _>(writer, self.format.codec, &ServerMessage::Shutdown).await;
                return ConnectionEnd::Lost;
            }
            // Bytes that complete no message yet are a sign of life, too.
            if inbox.frames.take_heard() {
                authority.heard(self.id);
            }
            changes.mark_unchanged();
            let outgoing = match authority.pull(self.id) {
                Ok(outgoing) => outgoing,
                Err(error) => return self.fault(writer, error).await,
            };
            if !outgoing.is_empty() {
                match self.send(inbox, writer, &mut buffer, &outgoing).await {
                    Ok(()) => continue,
                    Err(ConnectionEnd::Fault(error)) => return self.fault(writer, error).await,
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
                // Before `changes`, so that a busy session cannot starve it.
                arrived = self.arrival(inbox) => arrived,
                _ = changes.changed(), if next.on_change => continue,
                () = alarm.as_mut() => continue,
            };
            // The future of `changes` is dropped by now, so the change that
            // `receive` makes does not wake this task.
            match arrived.and_then(|()| self.hand_over(inbox)) {
                // The other connections send first: for them the change is news,
                // while this client has predicted it.
                Ok(()) => yield_now().await,
                Err(ConnectionEnd::Fault(error)) => return self.fault(writer, error).await,
                Err(end) => return end,
            }
        }
    }

    /// Sends `outgoing`, and receives while the socket is not writable.
    ///
    /// # Errors
    /// How the connection ended. If that is a fault or a goodbye, the last frame was
    /// written completely.
    async fn send<R: Reader, W: Writer>(
        &self,
        inbox: &mut Inbox<M, R>,
        writer: &mut ChannelWriter<W>,
        buffer: &mut Vec<u8>,
        outgoing: &Outgoing<M>,
    ) -> Result<(), ConnectionEnd> {
        let mut end = Ok(());
        let writing = self.write_outgoing(writer, buffer, outgoing);
        let receiving = async {
            // Backpressure: stop reading from a client that does not drain its
            // answers.
            while self.inner.authority.has_room(self.id, inbox.decoded.front()) {
                let arrived = self.arrival(inbox).await;
                match arrived.and_then(|()| self.hand_over(inbox)) {
                    // A client that never pauses must not occupy the thread.
                    Ok(()) => yield_now().await,
                    // It is answered, which is possible only after the current frame.
                    Err(last @ (ConnectionEnd::Fault(_) | ConnectionEnd::Goodbye)) => {
                        end = Err(last);
                        break;
                    }
                    Err(lost) => return lost,
                }
            }
            std::future::pending().await
        };
        tokio::select! {
            biased;
            written = writing => written.map_err(|error| {
                debug!(%error, client = %self.id.client, "write failed");
                ConnectionEnd::Lost
            })?,
            lost = receiving => return Err(lost),
        }
        end
    }

    /// Waits for a message, and decodes any actions that arrived along with it.
    /// Cancel safe.
    ///
    /// # Errors
    /// How the connection ended.
    async fn arrival<R: Reader>(&self, inbox: &mut Inbox<M, R>) -> Result<(), ConnectionEnd> {
        let Inbox { frames, decoded, fault } = inbox;
        if !decoded.is_empty() {
            return Ok(());
        }
        // Messages before a fault still count.
        if let Some(fault) = fault.take() {
            return Err(fault);
        }
        let failure = |error| read_failure(&error, limits::CLIENT_FRAME);
        let first = frames.next().await.map_err(failure)?.ok_or(ConnectionEnd::Lost)?;
        decoded.push_back(self.decode_incoming(&first).map_err(ConnectionEnd::Fault)?);
        // Only actions are batched: the answer to any other message may be large,
        // so the room for answers is checked before the next one.
        while decoded.len() < MAX_BATCH
            && fault.is_none()
            && decoded.back().is_some_and(Incoming::is_action)
        {
            match frames.arrived() {
                Ok(Some(payload)) => match self.decode_incoming(&payload) {
                    Ok(message) => decoded.push_back(message),
                    Err(error) => *fault = Some(ConnectionEnd::Fault(error)),
                },
                Ok(None) => break,
                Err(error) => *fault = Some(failure(error)),
            }
        }
        Ok(())
    }

    /// An action that cannot be decoded is rejected by its number; any other such
    /// message is an error.
    fn decode_incoming(&self, payload: &[u8]) -> Result<Incoming<M>, ProtocolError> {
        self.inner.connections.bytes_in.add(payload.len() + 4);
        framing::decode(self.format.codec, payload).map(Incoming::Message).or_else(|error| {
            let detail = error.detail();
            match framing::unreadable_action(self.format.codec, payload) {
                Some(number) => Ok(Incoming::Unreadable { number, detail }),
                None => Err(ProtocolError::Malformed { detail }),
            }
        })
    }

    /// Hands decoded messages to the authority, as many as it takes in one turn.
    ///
    /// # Errors
    /// How the connection ended.
    fn hand_over<R: Reader>(&self, inbox: &mut Inbox<M, R>) -> Result<(), ConnectionEnd> {
        let mut refused = Vec::new();
        let outcome = self.inner.authority.handle(self.id, &mut inbox.decoded, &mut refused);
        if inbox.decoded.is_empty() {
            // What was handled has shown already that the client is there.
            inbox.frames.take_heard();
        }
        for reason in refused {
            if let Some(left_out) = self.inner.may_log(&self.inner.logs.refusals) {
                info!(peer = %self.peer, client = %self.id.client, %reason, left_out, "refused");
            }
        }
        match outcome.map_err(ConnectionEnd::Fault)? {
            MessageOutcome::Staying | MessageOutcome::Refused(_) => Ok(()),
            MessageOutcome::Leaving => Err(ConnectionEnd::Goodbye),
        }
    }

    /// The frame of `update`, or of the full state if the model cannot make or
    /// encode the patch.
    fn update_frame(&self, update: &Update<M>) -> Result<(Bytes, bool), Arc<CodecError>> {
        let broadcast = &self.inner.broadcast;
        broadcast.frame(self.format, update).or_else(|error| match update {
            Update::Patch { to, .. } => {
                if let Some(left_out) = self.inner.may_log(&self.inner.logs.connections) {
                    let client = self.id.client;
                    warn!(%error, %client, left_out, "a full state replaces a patch");
                }
                broadcast.frame(self.format, &Update::Full(Arc::clone(to)))
            }
            Update::Full(_) => Err(error),
        })
    }

    async fn fault<W: Writer>(
        &self,
        writer: &mut ChannelWriter<W>,
        error: ProtocolError,
    ) -> ConnectionEnd {
        send_final::<M, _>(writer, self.format.codec, &ServerMessage::Error(error.clone())).await;
        ConnectionEnd::Fault(error)
    }

    /// Writes messages, update and metering, in this order.
    async fn write_outgoing<W: Writer>(
        &self,
        writer: &mut ChannelWriter<W>,
        buffer: &mut Vec<u8>,
        outgoing: &Outgoing<M>,
    ) -> io::Result<()> {
        clear_and_shrink(buffer);
        for message in &outgoing.messages {
            self.format.encode(message, buffer).map_err(io::Error::other)?;
        }
        if let Some(update) = &outgoing.update {
            let (frame, fresh) = self.update_frame(update).map_err(io::Error::other)?;
            let connections = &self.inner.connections;
            connections.updates_sent.add(1);
            connections.updates_encoded.add(usize::from(fresh));
            if frame.len() <= MAX_COPIED {
                buffer.extend_from_slice(&frame);
            } else {
                write_frames(self.inner, Some(self.id), writer, buffer).await?;
                clear_and_shrink(buffer);
                write_frames(self.inner, Some(self.id), writer, &frame).await?;
            }
        }
        if let Some(metering) = outgoing.metering.clone() {
            self.format
                .encode(&ServerMessage::<M>::Metering(metering), buffer)
                .map_err(io::Error::other)?;
        }
        write_frames(self.inner, Some(self.id), writer, buffer).await
    }
}

/// A shared frame up to this size is copied into the buffer: one write is cheaper
/// than two.
const MAX_COPIED: usize = 16 * 1024;

/// The capacity that a buffer keeps. A larger one, from a rare large batch, is
/// freed.
const KEPT_CAPACITY: usize = 64 * 1024;

fn clear_and_shrink(buffer: &mut Vec<u8>) {
    buffer.clear();
    if buffer.capacity() > KEPT_CAPACITY {
        *buffer = Vec::new();
    }
}

fn log_end<M: Model>(
    inner: &ServerInner<M>,
    limit: &Mutex<LogLimit>,
    peer: &str,
    connection: Option<ConnectionId>,
    end: &ConnectionEnd,
) {
    if matches!(end, ConnectionEnd::Fault(_)) {
        inner.connections.faulted.add(1);
    }
    if matches!(end, ConnectionEnd::Evicted) {
        inner.connections.rejected.add(1);
    }
    let Some(left_out) = inner.may_log(limit) else { return };
    let client = connection.map(|connection| connection.client.0);
    match end {
        ConnectionEnd::Goodbye => info!(%peer, client, left_out, "client left"),
        ConnectionEnd::Lost | ConnectionEnd::Shutdown => {
            info!(%peer, client, left_out, "connection lost");
        }
        ConnectionEnd::Evicted => info!(%peer, left_out, "connection made room for another"),
        ConnectionEnd::Fault(error) => {
            warn!(%peer, client, %error, left_out, "connection closed");
        }
        ConnectionEnd::ResumeRefused => info!(%peer, left_out, "resume refused"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_of_a_large_batch_is_freed() {
        let mut buffer = Vec::new();
        buffer.extend_from_slice(&vec![0; KEPT_CAPACITY / 2]);
        clear_and_shrink(&mut buffer);
        assert!(buffer.is_empty() && buffer.capacity() >= KEPT_CAPACITY / 2);
        buffer.extend_from_slice(&vec![0; 4 * KEPT_CAPACITY]);
        clear_and_shrink(&mut buffer);
        assert!(buffer.is_empty() && buffer.capacity() <= KEPT_CAPACITY);
    }
}
