//! One connection, from the handshake to the last word.

use std::{io, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::{Notify, oneshot, watch},
    time::{sleep, timeout},
};
use tracing::{debug, info, warn};

use super::House;
use crate::{
    config::limits,
    framing::{self, Codec, Format},
    model::Model,
    protocol::{
        ClientMessage, Hello, PROTOCOL_VERSION, ProtocolError, ServerMessage, SessionToken,
    },
    session::{Admission, Heard, Outgoing, Rejected, Ticket},
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

pub(super) async fn serve<M: Model, R: Reader, W: Writer>(
    house: &House<M>,
    reader: R,
    mut writer: W,
    peer: &str,
) {
    let mut frames = Frames::new(reader, limits::HELLO_FRAME);
    // Once it has said hello, it is answered: who is let in must hear of it whole.
    let hello = tokio::select! {
        hello = hear_hello::<M, R>(house, &mut frames) => hello,
        () = house.shutdown.cancelled() => {
            say_last::<M, W>(&mut writer, Codec::Json, &ServerMessage::Shutdown).await;
            return;
        }
    };
    let seat = match hello {
        Ok(hello) => answer(house, &hello, &mut writer).await,
        Err(end) => Err(end),
    };
    let seat = match seat {
        Ok(seat) => seat,
        Err(end) => {
            report(house, peer, None, &end);
            if let End::Fault(error) = end {
                say_last::<M, W>(&mut writer, Codec::Json, &ServerMessage::Error(error)).await;
            }
            hang_up(frames.into_reader()).await;
            return;
        }
    };
    let Seat { ticket, format, .. } = seat;
    info!(%peer, client = %ticket.client, "joined");
    house.registry.enter(ticket, peer);
    frames.set_limit(limits::CLIENT_FRAME);

    let wake = Notify::new();
    let (room_made, room) = watch::channel(());
    let (stop, stopped) = oneshot::channel();
    let line = Line { house, ticket, format, peer, wake: &wake };
    let read = async {
        let end = line.read(&mut frames, room).await;
        if let End::Fault(error) = &end {
            // The writer says so between two frames, and ends.
            let _ = stop.send(error.clone());
            std::future::pending::<()>().await;
        }
        end
    };
    let end = tokio::select! {
        end = line.write(&mut writer, room_made, stopped) => end,
        end = read => end,
    };
    drop(seat);
    report(house, peer, Some(ticket), &end);
    // The last words may still be on their way.
    let _ = timeout(LAST_WORDS, writer.shutdown()).await;
    hang_up(frames.into_reader()).await;
}

/// Tells a client that there is no room, without waiting for it.
pub(super) async fn turn_away<M: Model, W: Writer>(mut writer: W, limit: usize) {
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let message = ServerMessage::<M>::Error(ProtocolError::SessionFull { limit });
    let mut buffer = BytesMut::new();
    if framing::encode(Codec::Json, &message, &mut buffer).is_ok() {
        // A new connection has room for this; one that has not is not waited
        // for, since nobody else could come in meanwhile.
        let _ = timeout(Duration::from_millis(10), writer.write_all(&buffer)).await;
        let _ = timeout(Duration::from_millis(10), writer.shutdown()).await;
    }
}

/// What a client has that was let in. However its connection ends, even if it
/// is cut short, the session hears of it.
struct Seat<'a, M: Model> {
    house: &'a House<M>,
    ticket: Ticket,
    format: Format,
}

impl<M: Model> Drop for Seat<'_, M> {
    fn drop(&mut self) {
        self.house.authority.disconnected(self.ticket);
        self.house.registry.leave(self.ticket);
    }
}

async fn hear_hello<M: Model, R: Reader>(
    house: &House<M>,
    frames: &mut Frames<R>,
) -> Result<Hello, End> {
    let limit = house.config.handshake;
    let seconds = limit.as_secs();
    timeout(limit, hello::<M, R>(frames))
        .await
        .map_err(|_| End::Fault(ProtocolError::HandshakeTimeout { seconds }))?
}

async fn answer<'a, M: Model, W: Writer>(
    house: &'a House<M>,
    hello: &Hello,
    writer: &mut W,
) -> Result<Seat<'a, M>, End> {
    let (answer, format, seat) = match house.authority.hello(hello, fresh_token()?) {
        Ok(Admission { ticket, format, answer }) => {
            (answer, format, Ok(Seat { house, ticket, format }))
        }
        Err(Rejected::Unfit(error)) => return Err(End::Fault(error)),
        Err(Rejected::Unknown(reason)) => {
            let answer = ServerMessage::ReconnectFailed { reason };
            (answer, Format::default(), Err(End::Unwelcome))
        }
    };
    let mut buffer = BytesMut::new();
    let written = match format.encode(&answer, &mut buffer) {
        Ok(()) => write(house, writer, &buffer).await,
        Err(error) => Err(io::Error::other(error)),
    };
    match written {
        Ok(()) => seat,
        Err(_) => seat.and(Err(End::Gone)),
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
struct Line<'a, M: Model> {
    house: &'a House<M>,
    ticket: Ticket,
    format: Format,
    /// What to call the other end in a log.
    peer: &'a str,
    /// There may be something to say to this client alone.
    wake: &'a Notify,
}

impl<M: Model> Line<'_, M> {
    /// Hands what the client says to the authority.
    async fn read<R: Reader>(&self, frames: &mut Frames<R>, mut room: watch::Receiver<()>) -> End {
        let authority = &self.house.authority;
        loop {
            let payload = match frames.next().await {
                Ok(Some(payload)) => payload,
                Ok(None) => return End::Gone,
                Err(error) => return unreadable(&error, limits::CLIENT_FRAME),
            };
            self.house.registry.bytes_in.add(payload.len() + 4);
            let heard = match framing::decode(self.format.codec, &payload) {
                Ok(message) => authority.handle(self.ticket, message),
                Err(error) => match framing::unreadable_action(self.format.codec, &payload) {
                    Some(number) => authority.handle_unreadable_action(self.ticket, number, &error),
                    None => Err(ProtocolError::Malformed { detail: error.detail() }),
                },
            };
            match heard {
                Ok(Heard::Staying) => self.wake.notify_one(),
                Ok(Heard::Refused(reason)) => {
                    info!(peer = %self.peer, client = %self.ticket.client, %reason, "refused");
                    self.wake.notify_one();
                }
                Ok(Heard::Leaving) => return End::Goodbye,
                Err(error) => return End::Fault(error),
            }
            // Who does not listen is not listened to.
            while !authority.has_room(self.ticket) {
                if room.changed().await.is_err() {
                    return End::Gone;
                }
            }
        }
    }

    /// Sends what there is to say, whenever there is something and the socket
    /// can take it, until the connection ends.
    async fn write<W: Writer>(
        &self,
        writer: &mut W,
        room_made: watch::Sender<()>,
        mut stopped: oneshot::Receiver<ProtocolError>,
    ) -> End {
        let House { authority, shutdown, .. } = self.house;
        let mut changes = authority.changes();
        let mut buffer = BytesMut::new();
        loop {
            if shutdown.is_cancelled() {
                say_last::<M, W>(writer, self.format.codec, &ServerMessage::Shutdown).await;
                return End::Gone;
            }
            if let Ok(error) = stopped.try_recv() {
                return self.fault(writer, error).await;
            }
            changes.mark_unchanged();
            let outgoing = match authority.pull(self.ticket) {
                Ok(outgoing) => outgoing,
                Err(error) => return self.fault(writer, error).await,
            };
            room_made.send_replace(());
            if !outgoing.is_empty() {
                if let Err(error) = self.send(writer, &mut buffer, &outgoing).await {
                    debug!(%error, client = %self.ticket.client, "cannot write");
                    return End::Gone;
                }
                continue;
            }
            let next = outgoing.next;
            tokio::select! {
                _ = changes.changed(), if next.on_change => {}
                () = self.wake.notified() => {}
                () = sleep(authority.until(next.at)) => {}
                Ok(error) = &mut stopped => return self.fault(writer, error).await,
                () = shutdown.cancelled() => {}
            }
        }
    }

    async fn fault<W: Writer>(&self, writer: &mut W, error: ProtocolError) -> End {
        say_last::<M, W>(writer, self.format.codec, &ServerMessage::Error(error.clone())).await;
        End::Fault(error)
    }

    async fn send<W: Writer>(
        &self,
        writer: &mut W,
        buffer: &mut BytesMut,
        outgoing: &Outgoing<M>,
    ) -> io::Result<()> {
        empty(buffer);
        for message in &outgoing.messages {
            self.format.encode(message, buffer).map_err(io::Error::other)?;
        }
        if let Some(update) = &outgoing.update {
            let (frame, fresh) =
                self.house.broadcast.frame(self.format, update).map_err(io::Error::other)?;
            let registry = &self.house.registry;
            registry.updates_sent.add(1);
            registry.updates_encoded.add(usize::from(fresh));
            if frame.len() <= COPIED {
                buffer.extend_from_slice(&frame);
            } else {
                write(self.house, writer, buffer).await?;
                empty(buffer);
                write(self.house, writer, &frame).await?;
            }
        }
        if let Some(metering) = outgoing.metering {
            self.format
                .encode(&ServerMessage::<M>::Metering(metering), buffer)
                .map_err(io::Error::other)?;
        }
        write(self.house, writer, buffer).await
    }
}

/// A shared frame up to this size is copied behind the messages before it, for
/// one write is cheaper than two.
const COPIED: usize = 16 * 1024;

/// How much room a connection keeps for its next messages. Once in a while there
/// is much more to say, and what that took is given back.
const ROOM: usize = 64 * 1024;

fn empty(buffer: &mut BytesMut) {
    buffer.clear();
    if buffer.capacity() > ROOM {
        *buffer = BytesMut::new();
    }
}

/// Writes all of `bytes`, or fails: a connection that was left in the middle of
/// a frame must not be written to again.
async fn write<M: Model, W: Writer>(
    house: &House<M>,
    writer: &mut W,
    bytes: &[u8],
) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    house.registry.bytes_out.add(bytes.len());
    let writing = async {
        writer.write_all(bytes).await?;
        writer.flush().await
    };
    timeout(house.config.write_deadline, writing).await?
}

async fn say_last<M: Model, W: Writer>(writer: &mut W, codec: Codec, message: &ServerMessage<M>) {
    let mut buffer = BytesMut::new();
    if framing::encode(codec, message, &mut buffer).is_ok() {
        let words = async {
            writer.write_all(&buffer).await?;
            writer.shutdown().await
        };
        let _ = timeout(LAST_WORDS, words).await;
    }
}

/// Waits for the other end to hang up, for a moment.
async fn hang_up<R: Reader>(reader: R) {
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

fn report<M: Model>(house: &House<M>, peer: &str, ticket: Option<Ticket>, end: &End) {
    let client = ticket.map(|ticket| ticket.client.0);
    match end {
        End::Goodbye => info!(%peer, client, "left"),
        End::Gone => info!(%peer, client, "connection lost"),
        End::Fault(error) => {
            house.registry.faulted.add(1);
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
        let mut buffer = BytesMut::new();
        buffer.extend_from_slice(&vec![0; ROOM / 2]);
        empty(&mut buffer);
        assert!(buffer.is_empty() && buffer.capacity() >= ROOM / 2);
        buffer.extend_from_slice(&vec![0; 4 * ROOM]);
        empty(&mut buffer);
        assert!(buffer.is_empty() && buffer.capacity() <= ROOM);
    }
}
