//! One connection to the host, from the completed handshake until it ends: feeds
//! the mirror and sends what it enqueues. Knows nothing of reconnecting.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::AsyncWriteExt,
    task::yield_now,
    time::{Instant, interval, sleep, timeout},
};

use super::{
    ClientConfig,
    frame_receiver::{receive_message, receive_within},
    shared::Shared,
};
use crate::{
    dispatcher::{ConnectionError, Status},
    model::Model,
    protocol::{
        ClientMessage, NetworkState, Refusal, ServerMessage, StateDigest,
        framing::{self, Codec, Format},
        limits,
    },
    transport::{Connector, Frames, Reader, Writer},
};

/// The largest number of messages in one write.
const MAX_WRITE_BATCH: usize = 256;

/// How long the host has to take the goodbye.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection whose handshake is complete.
pub(super) struct ClientConnection<C: Connector> {
    pub(super) frames: Frames<C::Reader>,
    pub(super) writer: C::Writer,
    pub(super) format: Format,
}

/// Why a connection ended.
pub(super) enum Disconnect {
    /// The UI has closed the dispatcher. The goodbye is sent, unless the host does
    /// not take it.
    ByRequest,
    /// The connection failed, or the host ended it.
    Lost(ConnectionError),
}

impl<C: Connector> ClientConnection<C> {
    /// The full state, which the host sends first to a client that resumes without
    /// a state.
    pub(super) async fn full_state<M: Model>(
        &mut self,
    ) -> Result<NetworkState<M>, ConnectionError> {
        loop {
            match receive_message::<M, _>(&mut self.frames, self.format.into()).await? {
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
        // The goodbye follows the current frame. If the host does not take that
        // frame in time, the client leaves without a goodbye.
        let leave_timeout = async {
            shared.leave.cancelled().await;
            sleep(GOODBYE_TIMEOUT).await;
        };
        let disconnect = tokio::select! {
            lost = run_reader(shared, frames, *format, config, started) => Disconnect::Lost(lost),
            disconnect = run_writer(shared, writer, format.codec, config, started) => disconnect,
            () = leave_timeout => Disconnect::ByRequest,
        };
        let closing = async {
            let _ = writer.shutdown().await;
            // Closing with unread bytes would reset the connection, and the goodbye
            // might be lost. So wait until the host, having read it, closes its end.
            if matches!(disconnect, Disconnect::ByRequest) {
                while let Ok(Some(_)) = frames.next().await {}
            }
        };
        let _ = timeout(GOODBYE_TIMEOUT, closing).await;
        disconnect
    }
}

/// Feeds the mirror until the connection is lost. `started` is the zero of the
/// ping nonces.
async fn run_reader<M: Model, R: Reader>(
    shared: &Shared<M>,
    frames: &mut Frames<R>,
    format: Format,
    config: &ClientConfig,
    started: Instant,
) -> ConnectionError {
    loop {
        let received = receive_within::<M, _>(frames, format.into(), config.idle_timeout).await;
        let message = match received {
            Ok(message) => message,
            Err(lost) => return lost,
        };
        match message {
            ServerMessage::Metering(metering) => {
                shared.metering.publish(metering.into());
            }
            ServerMessage::Pong { nonce } => {
                let sent = started + Duration::from_micros(nonce);
                let round_trip = Some(sent.elapsed());
                shared.status.publish(Status::Connected { round_trip }.into());
                shared.update(|state| state.mirror.handle(ServerMessage::Pong { nonce }));
            }
            ServerMessage::Ping { nonce, clock, digest } => {
                shared.set_session_clock(clock);
                if let Some(theirs) = digest {
                    prepare_digest(shared, theirs);
                }
                let ping = ServerMessage::Ping { nonce, clock, digest };
                shared.update(|state| state.mirror.handle(ping));
            }
            ServerMessage::Error(error) => return ConnectionError::Host(error),
            ServerMessage::Shutdown => return ConnectionError::Shutdown,
            message => handle_rehearsed(shared, message).await,
        }
    }
}

/// How long a rebase may keep this task's thread.
const SLICE: Duration = Duration::from_millis(1);

/// Hands `message` to the mirror. The rebase that it causes is computed outside the
/// lock: with many pending operations it takes longer than a UI may wait.
async fn handle_rehearsed<M: Model>(shared: &Shared<M>, message: ServerMessage<M>) {
    let begun = shared.lock().mirror.rehearse(&message);
    let mut rehearsal = begun.and_then(|begun| begun.confirm(&message));
    if let Some(rehearsal) = &mut rehearsal {
        loop {
            let mut slice = Instant::now();
            while rehearsal.replay_next() {
                if slice.elapsed() >= SLICE {
                    yield_now().await;
                    slice = Instant::now();
                }
            }
            if !shared.lock().mirror.extend_rehearsal(rehearsal) {
                break;
            }
        }
    }
    let replaced = shared.update(|state| {
        state.mirror.put_rehearsal(rehearsal);
        state.mirror.handle(message);
        state.mirror.take_rehearsal()
    });
    drop(replaced);
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

/// Sends what the mirror enqueues, and pings, until the UI leaves or the
/// connection is lost.
async fn run_writer<M: Model, W: Writer>(
    shared: &Shared<M>,
    writer: &mut W,
    codec: Codec,
    config: &ClientConfig,
    started: Instant,
) -> Disconnect {
    let mut buffer = Vec::new();
    let mut pings = interval(config.ping_interval);
    loop {
        match send_batch(shared, writer, codec, config, &mut buffer).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(lost) => return Disconnect::Lost(lost),
        }
        tokio::select! {
            () = shared.wake.notified() => {}
            _ = pings.tick() => {
                let nonce = u64::try_from(started.elapsed().as_micros()).unwrap_or_default();
                shared.lock().mirror.enqueue(ClientMessage::Ping { nonce });
            }
            () = shared.leave.cancelled() => {
                shared.lock().mirror.enqueue(ClientMessage::Goodbye);
                loop {
                    match send_batch(shared, writer, codec, config, &mut buffer).await {
                        Ok(true) => {}
                        Ok(false) => return Disconnect::ByRequest,
                        Err(lost) => return Disconnect::Lost(lost),
                    }
                }
            }
        }
    }
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
        encode(shared, codec, message, buffer)?;
    }
    timeout(config.idle_timeout, write_flushed(writer, buffer))
        .await
        .map_err(|_| ConnectionError::Silent(config.idle_timeout))??;
    Ok(!batch.is_empty())
}

/// Appends `message` as a frame. An action that the host would not take is refused
/// here, and a batch without actions takes its number.
fn encode<M: Model>(
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
        return Err(ConnectionError::Malformed(detail));
    };
    let number = *number;
    shared.lock().mirror.refuse_unsent(number, Refusal::Malformed { detail });
    framing::encode(codec, &ClientMessage::<M>::Batch { number, actions: Vec::new() }, buffer)
        .map_err(|error| ConnectionError::Malformed(error.detail()))
}

pub(super) async fn write_flushed<W: Writer>(
    writer: &mut W,
    bytes: &[u8],
) -> Result<(), ConnectionError> {
    writer.write_all(bytes).await?;
    writer.flush().await?;
    Ok(())
}
