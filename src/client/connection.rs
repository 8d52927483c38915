//! One connection to the host, from the handshake until it is lost.

use std::{sync::Arc, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, interval, sleep, timeout},
};

use super::{Shared, keeper::Ended};
use crate::{
    clock::Timestamp,
    config::{ClientConfig, limits},
    error::plainly,
    framing::{self, Codec},
    model::Model,
    protocol::{
        ClientMessage, Hello, NetworkState, Reconnected, ServerMessage, StateDigest, Welcome,
    },
    status::{Lost, Status},
    transport::{Connector, Frames, Writer},
};

/// How many messages are written at once at most.
const BATCH: usize = 256;

/// How long the host has to hear the goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// A connection over which hands were shaken.
pub(super) struct Wire<C: Connector> {
    frames: Frames<C::Reader>,
    writer: C::Writer,
    codec: Codec,
}

/// As whom one was let in.
pub(super) enum Entrance<M: Model> {
    New(Box<Welcome<M>>),
    Back(Box<Reconnected>),
}

impl<M: Model> Entrance<M> {
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
    pub(super) entrance: Entrance<M>,
}

/// Connects, and shakes hands.
pub(super) async fn enter<M: Model, C: Connector>(
    connector: &C,
    hello: Hello,
) -> Result<Joined<M, C>, Lost> {
    let (reader, mut writer) = connector.connect().await?;
    let mut frames = Frames::new(reader, limits::SERVER_FRAME);
    let mut buffer = BytesMut::new();
    framing::encode(Codec::Json, &ClientMessage::<M>::Hello(hello), &mut buffer)
        .map_err(|error| Lost::Unintelligible(error.detail()))?;
    let asked = write(&mut writer, &buffer).await;
    // Who is turned away at the door may find it closed before having asked,
    // but is told why.
    let (entrance, codec) = match (hear::<M, _>(&mut frames, None).await, asked) {
        (Ok(ServerMessage::Welcome(welcome)), _) => {
            let codec = welcome.codec.clone();
            (Entrance::New(Box::new(welcome)), codec)
        }
        (Ok(ServerMessage::ReconnectSuccessful(back)), _) => {
            let codec = back.codec.clone();
            (Entrance::Back(Box::new(back)), codec)
        }
        (Ok(ServerMessage::ReconnectFailed { reason }), _) => return Err(reason.into()),
        (Ok(ServerMessage::Error(error)), _) => return Err(Lost::Host(error)),
        (Ok(ServerMessage::Shutdown), _) => return Err(Lost::Shutdown),
        (Ok(_), _) => return Err(Lost::Unintelligible("it does not answer the Hello".into())),
        (Err(Lost::Closed), Err(error)) | (Err(error), _) => return Err(error),
    };
    let codec = Codec::from_name(&codec)
        .ok_or_else(|| Lost::Unintelligible(format!("an unknown codec: {codec}")))?;
    Ok(Joined { wire: Wire { frames, writer, codec }, entrance })
}

impl<C: Connector> Wire<C> {
    /// The full state, which is the first thing that somebody hears who came
    /// back with nothing.
    pub(super) async fn full_state<M: Model>(&mut self) -> Result<NetworkState<M>, Lost> {
        loop {
            match hear::<M, _>(&mut self.frames, Some(self.codec)).await? {
                ServerMessage::FullStateSync { state } => return Ok(state),
                ServerMessage::Error(error) => return Err(Lost::Host(error)),
                ServerMessage::Shutdown => return Err(Lost::Shutdown),
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
        let Self { frames, writer, codec } = self;
        let begun = Instant::now();
        // Who leaves says so between two frames; a host that does not take the one
        // that is being written is not waited for.
        let overdue = async {
            shared.leave.cancelled().await;
            sleep(GOODBYE).await;
        };
        let ended = tokio::select! {
            lost = read(shared, frames, *codec, config, begun) => Ended::Lost(lost),
            ended = send(shared, writer, *codec, config, begun) => ended,
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
    codec: Codec,
    config: &ClientConfig,
    begun: Instant,
) -> Lost {
    loop {
        let message = match hear_within::<M, _>(frames, Some(codec), config.silence).await {
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
            ServerMessage::Error(error) => return Lost::Host(error),
            ServerMessage::Shutdown => return Lost::Shutdown,
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
    let mut buffer = BytesMut::new();
    let mut pings = interval(config.ping);
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
    buffer: &mut BytesMut,
) -> Result<bool, Lost> {
    buffer.clear();
    let batch: Vec<_> = {
        let mut state = shared.lock();
        std::iter::from_fn(|| state.mirror.poll_message()).take(BATCH).collect()
    };
    for message in &batch {
        framing::encode(codec, message, buffer)
            .map_err(|error| Lost::Unintelligible(error.detail()))?;
    }
    timeout(config.silence, write(writer, buffer))
        .await
        .map_err(|_| Lost::Silent(config.silence))??;
    Ok(!batch.is_empty())
}

async fn write<W: Writer>(writer: &mut W, bytes: &[u8]) -> Result<(), Lost> {
    writer.write_all(bytes).await?;
    writer.flush().await?;
    Ok(())
}

/// The next message, in `codec`, or in whichever the host has chosen.
async fn hear<M: Model, R: crate::transport::Reader>(
    frames: &mut Frames<R>,
    codec: Option<Codec>,
) -> Result<ServerMessage<M>, Lost> {
    hear_within(frames, codec, Duration::MAX).await
}

async fn hear_within<M: Model, R: crate::transport::Reader>(
    frames: &mut Frames<R>,
    codec: Option<Codec>,
    silence: Duration,
) -> Result<ServerMessage<M>, Lost> {
    let payload = match frames.next_within(silence).await {
        Err(error) if error.kind() == std::io::ErrorKind::TimedOut && silence < Duration::MAX => {
            return Err(Lost::Silent(silence));
        }
        Ok(Some(payload)) => payload,
        Ok(None) => return Err(Lost::Closed),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            return Err(Lost::Unintelligible(plainly(&error)));
        }
        Err(error) => return Err(error.into()),
    };
    let message = framing::expand(&payload, limits::SERVER_FRAME).and_then(|payload| {
        framing::decode(codec.unwrap_or_else(|| Codec::of(&payload)), &payload)
    });
    message.map_err(|error| Lost::Unintelligible(error.detail()))
}
