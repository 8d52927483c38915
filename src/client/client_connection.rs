//! One connection to the host, from the handshake until it is lost.

use std::{borrow::Cow, sync::Arc, time::Duration};

use tokio::{
    io::AsyncWriteExt,
    time::{Instant, interval, sleep, timeout},
};

use super::{Shared, reconnector::Ended};
use crate::{
    client::ClientConfig,
    dispatcher::{ConnectionError, Status},
    model::Model,
    protocol::{
        ClientMessage, Hello, NetworkState, Reconnected, ServerMessage, StateDigest, Welcome,
        framing::{self, Codec, Compression, Format},
        limits,
    },
    transport::{Connector, Frames, Writer},
    util::{io::describe, time::Timestamp},
};

/// How many messages are written at once at most.
const BATCH: usize = 256;

/// How long the host has to hear the goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// A connection over which hands were shaken.
pub(super) struct Wire<C: Connector> {
    frames: Frames<C::Reader>,
    writer: C::Writer,
    format: Format,
}

/// As whom one was let in.
pub(super) enum HandshakeReply<M: Model> {
    New(Box<Welcome<M>>),
    Back(Box<Reconnected>),
}

impl<M: Model> HandshakeReply<M> {
    /// What time it is in the session.
    pub(super) fn clock(&self) -> Timestamp {
        match self {
            Self::New(welcome) => welcome.clock,
            Self::Back(back) => back.clock,
        }
    }

    /// For how long the place of who cannot be reached is kept.
    pub(super) fn resume_window(&self) -> Duration {
        match self {
            Self::New(welcome) => welcome.resume_window.into(),
            Self::Back(back) => back.resume_window.into(),
        }
    }
}

pub(super) struct Joined<M: Model, C: Connector> {
    pub(super) wire: Wire<C>,
    pub(super) reply: HandshakeReply<M>,
}

/// Connects, and shakes hands.
pub(super) async fn enter<M: Model, C: Connector>(
    connector: &C,
    hello: Hello,
) -> Result<Joined<M, C>, ConnectionError> {
    let (reader, mut writer) = connector.connect().await?;
    let mut frames = Frames::new(reader, limits::SERVER_FRAME);
    let mut buffer = Vec::new();
    let expected = Expected { codec: None, compression: Compression::agree(&hello.compression) };
    let offer = ClientMessage::<M>::Hello(hello.clone());
    framing::encode(Codec::Json, &offer, &mut buffer)
        .map_err(|error| ConnectionError::Malformed(error.detail()))?;
    let asked = write(&mut writer, &buffer).await;
    // Who is turned away at the door may find it closed before having asked,
    // but is told why.
    let (reply, format) = match (hear::<M, _>(&mut frames, expected).await, asked) {
        (Ok(ServerMessage::Welcome(welcome)), _) => {
            let format = agreed(&hello, &welcome.codec, welcome.compression.as_deref())?;
            (HandshakeReply::New(Box::new(welcome)), format)
        }
        (Ok(ServerMessage::ReconnectSuccessful(back)), _) => {
            let format = agreed(&hello, &back.codec, back.compression.as_deref())?;
            (HandshakeReply::Back(Box::new(back)), format)
        }
        (Ok(ServerMessage::ReconnectFailed { reason }), _) => return Err(reason.into()),
        (Ok(ServerMessage::Error(error)), _) => return Err(ConnectionError::Host(error)),
        (Ok(ServerMessage::Shutdown), _) => return Err(ConnectionError::Shutdown),
        (Ok(_), _) => {
            return Err(ConnectionError::Malformed("it does not answer the Hello".into()));
        }
        (Err(ConnectionError::Closed), Err(error)) | (Err(error), _) => return Err(error),
    };
    Ok(Joined { wire: Wire { frames, writer, format }, reply })
}

/// What the host has chosen, if that was offered.
fn agreed(
    hello: &Hello,
    codec: &str,
    compression: Option<&str>,
) -> Result<Format, ConnectionError> {
    let nobody_offered = |what: &str| {
        ConnectionError::Malformed(format!("it speaks {what:?}, which it was not offered"))
    };
    let json = [Codec::Json.name().to_owned()];
    let codecs = if hello.codecs.is_empty() { &json[..] } else { &hello.codecs };
    let offered = |names: &[String], name: &str| names.iter().any(|offered| offered == name);
    let codec = Codec::from_name(codec)
        .filter(|codec| offered(codecs, codec.name()))
        .ok_or_else(|| nobody_offered(codec))?;
    let compression = match compression {
        None => None,
        Some(way) => Some(
            Compression::from_name(way)
                .filter(|way| offered(&hello.compression, way.name()))
                .ok_or_else(|| nobody_offered(way))?,
        ),
    };
    Ok(Format { codec, compression })
}

/// How what is heard may be written.
#[derive(Clone, Copy)]
struct Expected {
    /// `None` if the host chooses, and the payload tells.
    codec: Option<Codec>,
    /// Nothing else is expanded.
    compression: Option<Compression>,
}

impl From<Format> for Expected {
    fn from(Format { codec, compression }: Format) -> Self {
        Self { codec: Some(codec), compression }
    }
}

impl<C: Connector> Wire<C> {
    /// The full state, which is the first thing that somebody hears who came
    /// back with nothing.
    pub(super) async fn full_state<M: Model>(
        &mut self,
    ) -> Result<NetworkState<M>, ConnectionError> {
        loop {
            match hear::<M, _>(&mut self.frames, self.format.into()).await? {
                ServerMessage::FullStateSync { state } => return Ok(state),
                ServerMessage::Error(error) => return Err(ConnectionError::Host(error)),
                ServerMessage::Shutdown => return Err(ConnectionError::Shutdown),
                // It is too early for anything else to matter.
                _ => {}
            }
        }
    }

    /// Keeps the mirror up to date, and sends what is to be sent, until the
    /// connection is lost or the UI leaves.
    pub(super) async fn run<M: Model>(
        &mut self,
        shared: &Shared<M>,
        config: &ClientConfig,
    ) -> Ended {
        let Self { frames, writer, format } = self;
        let begun = Instant::now();
        // Who leaves says so between two frames; a host that does not take the one
        // that is being written is not waited for.
        let overdue = async {
            shared.leave.cancelled().await;
            sleep(GOODBYE).await;
        };
        let ended = tokio::select! {
            lost = read(shared, frames, *format, config, begun) => Ended::Lost(lost),
            ended = send(shared, writer, format.codec, config, begun) => ended,
            () = overdue => Ended::Left,
        };
        let farewell = async {
            let _ = writer.shutdown().await;
            // To close with unread bytes would reset the connection, and the
            // goodbye might be lost: the host hangs up when it has heard it.
            if matches!(ended, Ended::Left) {
                while let Ok(Some(_)) = frames.next().await {}
            }
        };
        let _ = timeout(GOODBYE, farewell).await;
        ended
    }
}

async fn read<M: Model, R: crate::transport::Reader>(
    shared: &Shared<M>,
    frames: &mut Frames<R>,
    format: Format,
    config: &ClientConfig,
    begun: Instant,
) -> ConnectionError {
    loop {
        let message = match hear_within::<M, _>(frames, format.into(), config.idle_timeout).await {
            Ok(message) => message,
            Err(lost) => return lost,
        };
        match message {
            ServerMessage::Metering(metering) => {
                shared.metering.publish(metering.into());
            }
            ServerMessage::Pong { nonce } => {
                let sent = begun + Duration::from_micros(nonce);
                let round_trip = Some(sent.elapsed());
                shared.status.publish(Status::Connected { round_trip }.into());
                shared.update(|state| state.mirror.handle(ServerMessage::Pong { nonce }));
            }
            ServerMessage::Ping { nonce, clock, digest } => {
                shared.set_clock(clock);
                if let Some(theirs) = digest {
                    prepare_digest(shared, theirs);
                }
                let ping = ServerMessage::Ping { nonce, clock, digest };
                shared.update(|state| state.mirror.handle(ping));
            }
            ServerMessage::Error(error) => return ConnectionError::Host(error),
            ServerMessage::Shutdown => return ConnectionError::Shutdown,
            message => shared.update(|state| state.mirror.handle(message)),
        }
    }
}

/// Works out what `theirs` is to be compared with. Of much it takes a while, and
/// so not under the lock.
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

async fn send<M: Model, W: Writer>(
    shared: &Shared<M>,
    writer: &mut W,
    codec: Codec,
    config: &ClientConfig,
    begun: Instant,
) -> Ended {
    let mut buffer = Vec::new();
    let mut pings = interval(config.ping_interval);
    loop {
        match send_what_there_is(shared, writer, codec, config, &mut buffer).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(lost) => return Ended::Lost(lost),
        }
        tokio::select! {
            () = shared.wake.notified() => {}
            _ = pings.tick() => {
                let nonce = u64::try_from(begun.elapsed().as_micros()).unwrap_or_default();
                shared.lock().mirror.say(ClientMessage::Ping { nonce });
            }
            () = shared.leave.cancelled() => {
                shared.lock().mirror.say(ClientMessage::Goodbye);
                loop {
                    match send_what_there_is(shared, writer, codec, config, &mut buffer).await {
                        Ok(true) => {}
                        Ok(false) => return Ended::Left,
                        Err(lost) => return Ended::Lost(lost),
                    }
                }
            }
        }
    }
}

/// Sends a batch of messages, and returns whether there were any.
async fn send_what_there_is<M: Model, W: Writer>(
    shared: &Shared<M>,
    writer: &mut W,
    codec: Codec,
    config: &ClientConfig,
    buffer: &mut Vec<u8>,
) -> Result<bool, ConnectionError> {
    buffer.clear();
    let batch: Vec<_> = {
        let mut state = shared.lock();
        std::iter::from_fn(|| state.mirror.poll_message()).take(BATCH).collect()
    };
    for message in &batch {
        framing::encode(codec, message, buffer)
            .map_err(|error| ConnectionError::Malformed(error.detail()))?;
    }
    timeout(config.idle_timeout, write(writer, buffer))
        .await
        .map_err(|_| ConnectionError::Silent(config.idle_timeout))??;
    Ok(!batch.is_empty())
}

async fn write<W: Writer>(writer: &mut W, bytes: &[u8]) -> Result<(), ConnectionError> {
    writer.write_all(bytes).await?;
    writer.flush().await?;
    Ok(())
}

/// The next message.
async fn hear<M: Model, R: crate::transport::Reader>(
    frames: &mut Frames<R>,
    expected: Expected,
) -> Result<ServerMessage<M>, ConnectionError> {
    hear_within(frames, expected, Duration::MAX).await
}

async fn hear_within<M: Model, R: crate::transport::Reader>(
    frames: &mut Frames<R>,
    expected: Expected,
    silence: Duration,
) -> Result<ServerMessage<M>, ConnectionError> {
    let payload = match frames.next_within(silence).await {
        Err(error) if error.kind() == std::io::ErrorKind::TimedOut && silence < Duration::MAX => {
            return Err(ConnectionError::Silent(silence));
        }
        Ok(Some(payload)) => payload,
        Ok(None) => return Err(ConnectionError::Closed),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            return Err(ConnectionError::Malformed(describe(&error)));
        }
        Err(error) => return Err(error.into()),
    };
    let plain = match expected.compression {
        Some(Compression::Lz4) => framing::expand(&payload, limits::SERVER_FRAME),
        None => Ok(Cow::Borrowed(&payload[..])),
    };
    let message = plain.and_then(|plain| {
        framing::decode(expected.codec.unwrap_or_else(|| Codec::of(&plain)), &plain)
    });
    message.map_err(|error| ConnectionError::Malformed(error.detail()))
}
