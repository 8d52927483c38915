//! One connection to the host, from the completed handshake until it ends: feeds
//! the mirror and sends what it enqueues. Knows nothing of reconnecting.

use std::{future::pending, io, sync::Arc, time::Duration};

use serde::Serialize;
use tokio::{
    io::AsyncWriteExt,
    task::yield_now,
    time::{Instant, Interval, MissedTickBehavior, interval, sleep, timeout},
};

use super::{
    ClientConfig, frame_receiver::receive_message, last_heard::HeardReader,
    rebasing::handle_with_prepared_rebase, shared::Shared,
};
use crate::{
    dispatcher::{ConnectionError, Event},
    model::Model,
    protocol::{
        ClientMessage, NetworkState, Refusal, ServerMessage, StateDigest,
        framing::{self, Codec, Format},
        limits,
    },
    transport::{ChannelReader, ChannelWriter, Connector, Frames, Reader, Writer},
};

/// The largest number of messages in one write.
const MAX_WRITE_BATCH: usize = 256;

/// The most bytes in one write. An encrypted writer takes all of them at once, and takes
/// the next when these are sent: so progress shows after so many. 4 KiB.
const WRITE_PART: usize = 4 * 1024;

/// How long the host has to answer the goodbye. 1 s, because a UI waits for it.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection whose handshake is complete.
pub(super) struct ClientConnection<C: Connector> {
    pub(super) frames: Frames<ChannelReader<HeardReader<C::Reader>>>,
    pub(super) writer: ChannelWriter<C::Writer>,
    pub(super) format: Format,
}

/// Why a connection ended.
pub(super) enum Disconnect {
    /// The UI has closed the dispatcher, and the host has answered the goodbye.
    Left,
    /// The UI has closed the dispatcher, and the host has not answered in time. It
    /// may not have received the goodbye.
    Unanswered,
    /// The connection failed, or the host ended it.
    Lost(ConnectionError),
}

impl<C: Connector> ClientConnection<C> {
    /// The full state, which the host sends first to a client that resumes without
    /// a state. Meanwhile the client pings, because a large state takes a while.
    pub(super) async fn full_state<M: Model>(
        &mut self,
        config: &ClientConfig,
    ) -> Result<NetworkState<M>, ConnectionError> {
        let Self { frames, writer, format } = self;
        let mut pings = ping_timer(config);
        let mut buffer = Vec::new();
        loop {
            let message = tokio::select! {
                message = receive_message::<M, _>(frames, (*format).into()) => message?,
                _ = pings.tick() => {
                    buffer.clear();
                    encode_own(format.codec, &ClientMessage::<M>::Ping { nonce: 0 }, &mut buffer)?;
                    write_flushed(writer, &buffer).await?;
                    continue;
                }
            };
            match message {
                ServerMessage::FullStateSync { state } => return Ok(state),
                ServerMessage::Error(error) => return Err(ConnectionError::Host(error)),
                ServerMessage::Shutdown => return Err(ConnectionError::Shutdown),
                // Any other message refers to a state that the client lacks.
                _ => {}
            }
        }
    }

    /// Receives and sends until the connection ends.
    pub(super) async fn run<M: Model>(
        &mut self,
        shared: &Shared<M>,
        config: &ClientConfig,
    ) -> Disconnect {
        let Self { frames, writer, format } = self;
        let started = Instant::now();
        // The goodbye follows the current frame and the pending actions.
        let leave_timeout = async {
            shared.leave.cancelled().await;
            sleep(GOODBYE_TIMEOUT).await;
        };
        let disconnect = tokio::select! {
            // What the host has said before it closed tells more than a failed write.
            biased;
            ended = run_reader(shared, frames, *format, config, started) => ended,
            lost = run_writer(shared, writer, format.codec, config, started) => {
                Disconnect::Lost(lost)
            }
            () = leave_timeout => Disconnect::Unanswered,
        };
        let _ = timeout(GOODBYE_TIMEOUT, writer.shutdown()).await;
        disconnect
    }
}

/// Feeds the mirror until the connection ends. `started` is the zero of the ping
/// nonces.
async fn run_reader<M: Model, R: Reader>(
    shared: &Shared<M>,
    frames: &mut Frames<R>,
    format: Format,
    config: &ClientConfig,
    started: Instant,
) -> Disconnect {
    loop {
        // Each byte counts: a message of the channel is handed out only as a whole.
        let receiving = receive_message::<M, _>(frames, format.into());
        let received = shared.heard.within(config.idle_timeout, receiving).await;
        let message = match received {
            Some(Ok(message)) => message,
            Some(Err(lost)) => return Disconnect::Lost(lost),
            None => return Disconnect::Lost(ConnectionError::Silent(config.idle_timeout)),
        };
        match message {
            ServerMessage::Metering(metering) => {
                shared.metering.publish(metering.into());
            }
            ServerMessage::Notice(notice) => shared.tell(Event::Notice(notice)),
            ServerMessage::Pong { nonce } => {
                let sent = started + Duration::from_micros(nonce);
                shared.set_round_trip(sent.elapsed());
                shared.update(|state| state.mirror.handle(ServerMessage::Pong { nonce }));
            }
            ServerMessage::Ping { nonce, clock, digest } => {
                shared.set_session_clock(clock);
                if let Some(theirs) = digest {
                    prepare_digest(shared, theirs);
                }
                let excess = shared.update(|state| {
                    state.mirror.handle(ServerMessage::Ping { nonce, clock, digest });
                    state.mirror.excess()
                });
                if let Some(excess) = excess {
                    return Disconnect::Lost(ConnectionError::Malformed(excess));
                }
            }
            ServerMessage::Error(error) => return Disconnect::Lost(ConnectionError::Host(error)),
            ServerMessage::Shutdown => return Disconnect::Lost(ConnectionError::Shutdown),
            ServerMessage::Goodbye if shared.leave.is_cancelled() => return Disconnect::Left,
            ServerMessage::Goodbye => return Disconnect::Lost(ConnectionError::Closed),
            message => handle_with_prepared_rebase(shared, message).await,
        }
        // While a backlog arrives, the writer still has to send signs of life.
        yield_now().await;
    }
}

/// Computes the digest that the mirror will compare with `theirs`. It runs outside
/// the lock, because digesting a large state takes a while.
fn prepare_digest<M: Model>(shared: &Shared<M>, theirs: StateDigest) {
    let (confirmed, digester) = {
        let state = shared.lock();
        (Arc::clone(state.mirror.confirmed()), state.mirror.digest_due(theirs))
    };
    if let Some(mut digester) = digester {
        let forgotten = digester.digest(&confirmed);
        let replaced = shared.lock().mirror.put_digester(digester);
        drop((forgotten, replaced));
    }
}

/// Sends what the mirror enqueues, and pings, until the connection is lost. Once the
/// UI leaves, the last message is the goodbye.
async fn run_writer<M: Model, W: Writer>(
    shared: &Shared<M>,
    writer: &mut W,
    codec: Codec,
    config: &ClientConfig,
    started: Instant,
) -> ConnectionError {
    let mut buffer = Vec::new();
    let mut pings = ping_timer(config);
    let mut has_left = false;
    loop {
        match send_batch(shared, writer, codec, config, &mut buffer).await {
            Ok(true) => continue,
            Ok(false) if has_left => return pending().await,
            Ok(false) => {}
            Err(lost) => return lost,
        }
        tokio::select! {
            () = shared.wake.notified() => {}
            _ = pings.tick() => {
                let nonce = u64::try_from(started.elapsed().as_micros()).unwrap_or_default();
                shared.lock().mirror.enqueue(ClientMessage::Ping { nonce });
            }
            () = shared.leave.cancelled() => {
                shared.lock().mirror.enqueue(ClientMessage::Goodbye);
                has_left = true;
            }
        }
    }
}

fn ping_timer(config: &ClientConfig) -> Interval {
    let mut timer = interval(config.ping_interval);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    timer
}

/// Sends one batch of messages; `false` if there were none.
async fn send_batch<M: Model, W: Writer>(
    shared: &Shared<M>,
    writer: &mut W,
    codec: Codec,
    config: &ClientConfig,
    buffer: &mut Vec<u8>,
) -> Result<bool, ConnectionError> {
    buffer.clear();
    let batch: Vec<_> = {
        let mut state = shared.lock();
        std::iter::from_fn(|| state.mirror.pull()).take(MAX_WRITE_BATCH).collect()
    };
    for message in &batch {
        append_frame(shared, codec, message, buffer)?;
    }
    write_within(writer, buffer, config.idle_timeout).await?;
    Ok(!batch.is_empty())
}

/// Encodes a message of this client: a failure is not the host's.
pub(super) fn encode_own(
    codec: Codec,
    message: &impl Serialize,
    buffer: &mut Vec<u8>,
) -> Result<(), ConnectionError> {
    framing::encode(codec, message, buffer)
        .map_err(|error| ConnectionError::Internal(error.detail()))
}

/// Writes `bytes`, and fails if the host takes none of them for `limit`. All of them
/// may take longer.
async fn write_within<W: Writer>(
    writer: &mut W,
    mut bytes: &[u8],
    limit: Duration,
) -> Result<(), ConnectionError> {
    let silent = |_| ConnectionError::Silent(limit);
    while !bytes.is_empty() {
        let part = &bytes[..bytes.len().min(WRITE_PART)];
        let written = timeout(limit, writer.write(part)).await.map_err(silent)??;
        if written == 0 {
            return Err(io::Error::from(io::ErrorKind::WriteZero).into());
        }
        bytes = &bytes[written..];
    }
    Ok(timeout(limit, writer.flush()).await.map_err(silent)??)
}

/// Appends `message` as a frame. An action that the host would not take is refused
/// here, and a batch without actions takes its number.
fn append_frame<M: Model>(
    shared: &Shared<M>,
    codec: Codec,
    message: &ClientMessage<M>,
    buffer: &mut Vec<u8>,
) -> Result<(), ConnectionError> {
    let start = buffer.len();
    let detail = match framing::encode(codec, message, buffer) {
        Ok(()) if buffer.len() - start <= limits::CLIENT_FRAME => return Ok(()),
        Ok(()) => {
            buffer.truncate(start);
            format!("it is longer than {} bytes", limits::CLIENT_FRAME)
        }
        Err(error) => error.detail(),
    };
    let (ClientMessage::Action { number, .. } | ClientMessage::Batch { number, .. }) = message
    else {
        return Err(ConnectionError::Internal(detail));
    };
    let number = *number;
    shared.lock().mirror.refuse_unsent(number, Refusal::Malformed { detail });
    encode_own(codec, &ClientMessage::<M>::Batch { number, actions: Vec::new() }, buffer)
}

pub(super) async fn write_flushed<W: Writer>(
    writer: &mut W,
    bytes: &[u8],
) -> Result<(), ConnectionError> {
    writer.write_all(bytes).await?;
    writer.flush().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Unencodable;

    impl Serialize for Unencodable {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("not today"))
        }
    }

    #[test]
    fn unencodable_message_is_not_blamed_on_the_host() {
        let failure = encode_own(Codec::Json, &Unencodable, &mut Vec::new()).unwrap_err();
        assert_eq!(failure, ConnectionError::Internal("not today".into()));
    }
}
