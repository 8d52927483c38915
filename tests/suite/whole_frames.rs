//! A frame is written completely, or the connection ends. The writers here stop or
//! fail in the middle of a frame, and would accept more bytes afterwards.

use std::{
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
    time::Duration,
};

use imbolc_net::{
    Dispatcher,
    authority::inline,
    client::{ClientConfig, JoinOptions, RemoteDispatcher},
    dispatcher::{CloseReason, Status},
    model::{InstrumentId, Model, NoEngine},
    protocol::{
        ClientMessage, Hello, InstanceId, PROTOCOL_VERSION, Role, ServerMessage,
        framing::{self, Codec},
    },
    server::{HostDispatcher, HostOptions},
    sync::session::SessionConfig,
    transport::{Connector, Listener, MemoryConnector, MemoryListener, in_memory},
};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf},
    time::{Instant, sleep, sleep_until},
};

use crate::{
    conformance::eventually,
    ledger::{Ledger, Pages, Write},
};

const SECOND: Duration = Duration::from_secs(1);

/// Longer than every write timeout.
const STALL: Duration = Duration::from_secs(20);

/// Shorter than every timeout, including that of the final message.
const PAUSE: Duration = Duration::from_millis(500);

/// How a writer fails.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Failure {
    /// It accepts nothing until the write times out, and then continues.
    Stalls,
    /// It accepts nothing for a moment, and then continues.
    Pauses,
    /// It fails once, and then continues.
    Fails,
}

/// The script and the record of a writer.
struct WriterState {
    /// How many bytes it accepts before the failure.
    room: usize,
    failure: Failure,
    broken: Option<Instant>,
    /// The bytes that it accepted, before and after the failure.
    taken: Vec<u8>,
    /// How many of them it accepted after the failure.
    after: usize,
}

/// A writer that fails as its state says, and records.
struct FailingWriter {
    inner: WriteHalf<DuplexStream>,
    state: Arc<Mutex<WriterState>>,
}

fn writer_state(room: usize, failure: Failure) -> Arc<Mutex<WriterState>> {
    Arc::new(Mutex::new(WriterState { room, failure, broken: None, taken: Vec::new(), after: 0 }))
}

impl AsyncWrite for FailingWriter {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { inner, state } = self.get_mut();
        let mut state = state.lock().unwrap();
        if state.room > 0 {
            let part = &bytes[..bytes.len().min(state.room)];
            let taken = ready!(Pin::new(inner).poll_write(context, part))?;
            state.room -= taken;
            state.taken.extend(&bytes[..taken]);
            return Poll::Ready(Ok(taken));
        }
        let first = state.broken.is_none();
        let broken = *state.broken.get_or_insert_with(Instant::now);
        let goes_on = match state.failure {
            Failure::Fails if first => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Failure::Fails => broken,
            Failure::Stalls => broken + STALL,
            Failure::Pauses => broken + PAUSE,
        };
        if Instant::now() < goes_on {
            let waker = context.waker().clone();
            tokio::spawn(async move {
                sleep_until(goes_on).await;
                waker.wake();
            });
            return Poll::Pending;
        }
        state.after += bytes.len();
        state.taken.extend(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        pin!(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        pin!(&mut self.get_mut().inner).poll_shutdown(context)
    }
}

/// A listener whose first connection has a failing writer.
struct FailingListener {
    inner: MemoryListener,
    state: Option<Arc<Mutex<WriterState>>>,
}

/// A writer that never fails.
fn unlimited() -> Arc<Mutex<WriterState>> {
    writer_state(usize::MAX, Failure::Fails)
}

impl Listener for FailingListener {
    type Reader = ReadHalf<DuplexStream>;
    type Writer = FailingWriter;

    async fn accept(&mut self) -> io::Result<(Self::Reader, Self::Writer, Option<SocketAddr>)> {
        let (reader, inner, peer) = self.inner.accept().await?;
        let state = self.state.take().unwrap_or_else(unlimited);
        Ok((reader, FailingWriter { inner, state }, peer))
    }

    fn address(&self) -> Option<SocketAddr> {
        None
    }
}

/// A connector whose first connection has a failing writer.
struct FailingConnector {
    inner: MemoryConnector,
    state: Mutex<Option<Arc<Mutex<WriterState>>>>,
}

impl Connector for FailingConnector {
    type Reader = ReadHalf<DuplexStream>;
    type Writer = FailingWriter;

    async fn connect(&self) -> io::Result<(Self::Reader, Self::Writer, Option<SocketAddr>)> {
        let (reader, inner, peer) = self.inner.connect().await?;
        let state = self.state.lock().unwrap().take().unwrap_or_else(unlimited);
        Ok((reader, FailingWriter { inner, state }, peer))
    }
}

fn open(listener: impl Listener) -> HostDispatcher<Ledger> {
    open_with(listener, SessionConfig::default())
}

fn open_with(listener: impl Listener, session: SessionConfig) -> HostDispatcher<Ledger> {
    let options = HostOptions { session, ..HostOptions::default() };
    HostDispatcher::open("Mia", Pages::empty(1), inline(|| NoEngine), listener, options).unwrap()
}

fn framed(message: &ClientMessage<Ledger>) -> Vec<u8> {
    let mut frame = Vec::new();
    framing::encode(Codec::Json, message, &mut frame).unwrap();
    frame
}

fn hello() -> ClientMessage<Ledger> {
    ClientMessage::Hello(Hello {
        protocol: PROTOCOL_VERSION,
        model: Ledger::NAME.into(),
        model_version: Ledger::VERSION,
        name: "Ana".into(),
        own: vec![InstrumentId(1)],
        privilege: false,
        codecs: vec![],
        compression: vec![],
        attempt: 0,
        checks_digests: false,
        role: Role::default(),
        instance: Some(InstanceId::new([7; 16])),
        resume: None,
    })
}

/// What happens at the host while a frame is half written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meanwhile {
    /// There are more updates to send.
    Edits,
    /// The client violates the protocol, so there is an error to send.
    Nonsense,
    /// The client leaves, so there is a goodbye to answer.
    Goodbye,
    /// The session ends, so there is a shutdown to send.
    Shutdown,
}

/// Whether `bytes` is a sequence of complete messages, and the answer to a goodbye is
/// the last one if the client leaves.
fn are_complete(mut bytes: &[u8], meanwhile: Meanwhile) -> bool {
    let mut last = None;
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some((payload, rest)) = rest.split_at_checked(length) else { return false };
        let Ok(message) = framing::decode::<ServerMessage<Ledger>>(Codec::Json, payload) else {
            return false;
        };
        last = Some(message);
        bytes = rest;
    }
    let is_answered = last == Some(ServerMessage::Goodbye);
    bytes.is_empty() && is_answered == (meanwhile == Meanwhile::Goodbye)
}

/// Has the host's writer fail after `room` bytes. Returns how many bytes it
/// accepted afterwards, and whether it accepted complete messages overall; `None`
/// if fewer than `room` bytes were written.
async fn host_fails(room: usize, failure: Failure, meanwhile: Meanwhile) -> Option<(usize, bool)> {
    let (listener, connector) = in_memory();
    let state = writer_state(room, failure);
    let host = open(FailingListener { inner: listener, state: Some(Arc::clone(&state)) });
    let (mut reader, mut writer, _) = connector.connect().await.unwrap();
    // The client reads everything.
    tokio::spawn(async move { tokio::io::copy(&mut reader, &mut tokio::io::sink()).await });
    writer.write_all(&framed(&hello())).await.unwrap();
    writer.write_all(&framed(&ClientMessage::Ping { nonce: 1 })).await.unwrap();
    for line in 0..4 {
        sleep(SECOND / 10).await;
        host.dispatch(Write { page: 0, line }).unwrap();
    }
    sleep(SECOND / 10).await;
    state.lock().unwrap().broken?;
    match meanwhile {
        Meanwhile::Edits => {
            for line in 4..40 {
                host.dispatch(Write { page: 0, line }).unwrap();
                sleep(SECOND).await;
            }
        }
        Meanwhile::Nonsense => {
            // The host may have closed the connection by now.
            let _ = writer.write_all(&framed(&hello())).await;
        }
        Meanwhile::Goodbye => {
            let _ = writer.write_all(&framed(&ClientMessage::Goodbye)).await;
        }
        Meanwhile::Shutdown => host.close().await.unwrap(),
    }
    sleep(60 * SECOND).await;
    assert_eq!(
        host.stats().open,
        0,
        "{room} {failure:?} {meanwhile:?}: the connection is still open"
    );
    let state = state.lock().unwrap();
    Some((state.after, are_complete(&state.taken, meanwhile)))
}

#[tokio::test(start_paused = true)]
async fn host_stops_after_an_incomplete_frame() {
    let mut broken = 0;
    for failure in [Failure::Stalls, Failure::Fails, Failure::Pauses] {
        for meanwhile in
            [Meanwhile::Edits, Meanwhile::Nonsense, Meanwhile::Goodbye, Meanwhile::Shutdown]
        {
            for room in (0..).step_by(13) {
                let Some((after, whole)) = host_fails(room, failure, meanwhile).await else {
                    // The failures covered the welcome and some updates.
                    assert!(room > 800, "{room}");
                    break;
                };
                let holds = if failure == Failure::Pauses { whole } else { after == 0 };
                assert!(holds, "after {room} bytes: {failure:?} {meanwhile:?}: {after} more");
                broken += 1;
            }
        }
    }
    assert!(broken > 12 * 50, "{broken}");
}

#[tokio::test(start_paused = true)]
async fn client_stops_after_an_incomplete_frame() {
    for failure in [Failure::Stalls, Failure::Fails] {
        let mut broken = 0;
        // After the first ping: without it the host does not keep the place.
        let ping = ClientMessage::Ping { nonce: u64::MAX };
        let start = framed(&hello()).len() + framed(&ping).len();
        for room in (start..).step_by(13) {
            let (listener, connector) = in_memory();
            // A long timeout at the host, so that the client times out first.
            let session = SessionConfig { idle_timeout: 60 * SECOND, ..SessionConfig::default() };
            let host = open_with(listener, session);
            let state = writer_state(room, failure);
            let connector =
                FailingConnector { inner: connector, state: Mutex::new(Some(Arc::clone(&state))) };
            let options = JoinOptions {
                name: "Ana".into(),
                own: vec![InstrumentId(1)],
                config: ClientConfig { codecs: vec![Codec::Json], ..ClientConfig::default() },
                ..JoinOptions::default()
            };
            let ana = RemoteDispatcher::<Ledger>::join(connector, options).await.unwrap();
            sleep(SECOND / 10).await;
            for line in 0..4 {
                ana.dispatch(Write { page: 1, line }).unwrap();
                sleep(SECOND / 10).await;
            }
            if state.lock().unwrap().broken.is_none() {
                break;
            }
            for line in 4..40 {
                ana.dispatch(Write { page: 1, line }).unwrap();
                sleep(SECOND).await;
            }
            eventually("she has resumed and both states are equal", || {
                matches!(ana.status(), Status::Connected { .. })
                    && ana.unanswered() == 0
                    && ana.state() == host.state()
            })
            .await;
            assert_eq!(state.lock().unwrap().after, 0, "after {room} bytes: {failure:?}");
            assert_eq!(host.state().model.lines(1), (0..40).collect::<Vec<_>>(), "{room}");
            broken += 1;
        }
        assert!(broken > 10, "{failure:?}: {broken}");
    }
}

#[tokio::test(start_paused = true)]
async fn close_does_not_wait_for_a_stalled_host() {
    let (listener, connector) = in_memory();
    let _host = open(listener);
    let state = writer_state(400, Failure::Stalls);
    let connector =
        FailingConnector { inner: connector, state: Mutex::new(Some(Arc::clone(&state))) };
    let options =
        JoinOptions { name: "Ana".into(), own: vec![InstrumentId(1)], ..JoinOptions::default() };
    let ana = RemoteDispatcher::<Ledger>::join(connector, options).await.unwrap();
    for line in 0..40 {
        ana.dispatch(Write { page: 1, line }).unwrap();
    }
    eventually("the write stalls", || state.lock().unwrap().broken.is_some()).await;
    let begun = Instant::now();
    // The host has answered none of them.
    ana.close().await.unwrap_err();
    assert!(begun.elapsed() <= 3 * SECOND, "{:?}", begun.elapsed());
    assert_eq!(ana.status(), Status::Closed { reason: CloseReason::ByRequest });
    sleep(60 * SECOND).await;
    assert_eq!(state.lock().unwrap().after, 0);
}
