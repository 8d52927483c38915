//! A frame is written whole, or the connection ends: writers that stop or fail
//! in the middle of one, and would take more afterwards if anybody tried.

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
    client::{ClientConfig, JoinOptions, RemoteDispatcher},
    dispatcher::{CloseReason, Status},
    model::{InstrumentId, Model, NoEngine},
    protocol::{
        ClientMessage, Hello, PROTOCOL_VERSION, ServerMessage,
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

/// Longer than anybody may try to write.
const STALL: Duration = Duration::from_secs(20);

/// Less than anybody waits, even with the last words.
const PAUSE: Duration = Duration::from_millis(500);

/// What becomes of a writer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    /// It takes nothing for so long that it is given up, and then goes on.
    Stalls,
    /// It takes nothing for a moment, and then goes on.
    Pauses,
    /// It fails once, and then goes on.
    Fails,
}

/// What a writer does, and what was tried with it.
struct Fate {
    /// How many bytes it takes before it breaks.
    room: usize,
    how: How,
    broken: Option<Instant>,
    /// What it took, before and after.
    taken: Vec<u8>,
    /// How many bytes it was handed after it was broken.
    after: usize,
}

/// A writer that breaks, and tells.
struct Brittle {
    inner: WriteHalf<DuplexStream>,
    fate: Arc<Mutex<Fate>>,
}

fn fate(room: usize, how: How) -> Arc<Mutex<Fate>> {
    Arc::new(Mutex::new(Fate { room, how, broken: None, taken: Vec::new(), after: 0 }))
}

impl AsyncWrite for Brittle {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { inner, fate } = self.get_mut();
        let mut fate = fate.lock().unwrap();
        if fate.room > 0 {
            let part = &bytes[..bytes.len().min(fate.room)];
            let taken = ready!(Pin::new(inner).poll_write(context, part))?;
            fate.room -= taken;
            fate.taken.extend(&bytes[..taken]);
            return Poll::Ready(Ok(taken));
        }
        let first = fate.broken.is_none();
        let broken = *fate.broken.get_or_insert_with(Instant::now);
        let goes_on = match fate.how {
            How::Fails if first => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            How::Fails => broken,
            How::Stalls => broken + STALL,
            How::Pauses => broken + PAUSE,
        };
        if Instant::now() < goes_on {
            let waker = context.waker().clone();
            tokio::spawn(async move {
                sleep_until(goes_on).await;
                waker.wake();
            });
            return Poll::Pending;
        }
        fate.after += bytes.len();
        fate.taken.extend(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        pin!(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        pin!(&mut self.get_mut().inner).poll_shutdown(context)
    }
}

/// A listener whose first connection is brittle on the host's side.
struct Door {
    inner: MemoryListener,
    fate: Option<Arc<Mutex<Fate>>>,
}

/// A fate that never comes.
fn whole() -> Arc<Mutex<Fate>> {
    fate(usize::MAX, How::Fails)
}

impl Listener for Door {
    type Reader = ReadHalf<DuplexStream>;
    type Writer = Brittle;

    async fn accept(&mut self) -> io::Result<(Self::Reader, Self::Writer, String)> {
        let (reader, inner, peer) = self.inner.accept().await?;
        let fate = self.fate.take().unwrap_or_else(whole);
        Ok((reader, Brittle { inner, fate }, peer))
    }

    fn address(&self) -> Option<SocketAddr> {
        None
    }
}

/// A connector whose first connection is brittle on the client's side.
struct Street {
    inner: MemoryConnector,
    fate: Mutex<Option<Arc<Mutex<Fate>>>>,
}

impl Connector for Street {
    type Reader = ReadHalf<DuplexStream>;
    type Writer = Brittle;

    async fn connect(&self) -> io::Result<(Self::Reader, Self::Writer)> {
        let (reader, inner) = self.inner.connect().await?;
        let fate = self.fate.lock().unwrap().take().unwrap_or_else(whole);
        Ok((reader, Brittle { inner, fate }))
    }
}

fn open(listener: impl Listener) -> HostDispatcher<Ledger> {
    open_with(listener, SessionConfig::default())
}

fn open_with(listener: impl Listener, session: SessionConfig) -> HostDispatcher<Ledger> {
    let options = HostOptions { session, ..HostOptions::default() };
    HostDispatcher::open("Mia", Pages::empty(1), NoEngine, listener, options).unwrap()
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
        resume: None,
    })
}

/// What happens on the host's side while a frame is half written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meanwhile {
    /// There is more and more to say.
    Edits,
    /// The client breaks the protocol, and is to be told.
    Nonsense,
    /// The session ends, and everybody is to be told.
    TheEnd,
}

/// Whether this is a row of whole messages.
fn are_whole(mut bytes: &[u8]) -> bool {
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some((payload, rest)) = rest.split_at_checked(length) else { return false };
        if framing::decode::<ServerMessage<Ledger>>(Codec::Json, payload).is_err() {
            return false;
        }
        bytes = rest;
    }
    bytes.is_empty()
}

/// Has the host's writer break after `room` bytes, and returns how many it was
/// handed after that, and whether it was handed whole messages all in all; `None`
/// if there was not so much to say.
async fn host_breaks(room: usize, how: How, meanwhile: Meanwhile) -> Option<(usize, bool)> {
    let (listener, connector) = in_memory();
    let fate = fate(room, how);
    let host = open(Door { inner: listener, fate: Some(Arc::clone(&fate)) });
    let (mut reader, mut writer) = connector.connect().await.unwrap();
    // The client takes whatever comes.
    tokio::spawn(async move { tokio::io::copy(&mut reader, &mut tokio::io::sink()).await });
    writer.write_all(&framed(&hello())).await.unwrap();
    writer.write_all(&framed(&ClientMessage::Ping { nonce: 1 })).await.unwrap();
    for line in 0..4 {
        sleep(SECOND / 10).await;
        host.dispatch(Write { page: 0, line }).unwrap();
    }
    sleep(SECOND / 10).await;
    fate.lock().unwrap().broken?;
    match meanwhile {
        Meanwhile::Edits => {
            for line in 4..40 {
                host.dispatch(Write { page: 0, line }).unwrap();
                sleep(SECOND).await;
            }
        }
        Meanwhile::Nonsense => {
            // It may have been hung up on by now.
            let _ = writer.write_all(&framed(&hello())).await;
        }
        Meanwhile::TheEnd => host.close().await,
    }
    sleep(60 * SECOND).await;
    assert_eq!(host.stats().open, 0, "{room} {how:?} {meanwhile:?}: the connection goes on");
    let fate = fate.lock().unwrap();
    Some((fate.after, are_whole(&fate.taken)))
}

#[tokio::test(start_paused = true)]
async fn a_host_writes_nothing_after_a_frame_that_it_could_not_write_whole() {
    let mut broken = 0;
    for how in [How::Stalls, How::Fails, How::Pauses] {
        for meanwhile in [Meanwhile::Edits, Meanwhile::Nonsense, Meanwhile::TheEnd] {
            for room in (0..).step_by(13) {
                let Some((after, whole)) = host_breaks(room, how, meanwhile).await else {
                    // The welcome and some updates were cut through.
                    assert!(room > 800, "{room}");
                    break;
                };
                let holds = if how == How::Pauses { whole } else { after == 0 };
                assert!(holds, "after {room} bytes: {how:?} {meanwhile:?}: {after} more");
                broken += 1;
            }
        }
    }
    assert!(broken > 9 * 50, "{broken}");
}

#[tokio::test(start_paused = true)]
async fn a_client_writes_nothing_after_a_frame_that_it_could_not_write_whole() {
    for how in [How::Stalls, How::Fails] {
        let mut broken = 0;
        // Behind the first words, without which no place is kept.
        let ping = ClientMessage::Ping { nonce: u64::MAX };
        let behind = framed(&hello()).len() + framed(&ping).len();
        for room in (behind..).step_by(13) {
            let (listener, connector) = in_memory();
            // The host is patient, so that it is the client who gives up.
            let session = SessionConfig { idle_timeout: 60 * SECOND, ..SessionConfig::default() };
            let host = open_with(listener, session);
            let fate = fate(room, how);
            let street = Street { inner: connector, fate: Mutex::new(Some(Arc::clone(&fate))) };
            let options = JoinOptions {
                name: "Ana".into(),
                own: vec![InstrumentId(1)],
                config: ClientConfig { codecs: vec![Codec::Json], ..ClientConfig::default() },
                ..JoinOptions::default()
            };
            let ana = RemoteDispatcher::<Ledger>::join(street, options).await.unwrap();
            sleep(SECOND / 10).await;
            for line in 0..4 {
                ana.dispatch(Write { page: 1, line }).unwrap();
                sleep(SECOND / 10).await;
            }
            if fate.lock().unwrap().broken.is_none() {
                break;
            }
            for line in 4..40 {
                ana.dispatch(Write { page: 1, line }).unwrap();
                sleep(SECOND).await;
            }
            eventually("she is back and both agree", || {
                matches!(ana.status(), Status::Connected { .. })
                    && ana.unanswered() == 0
                    && ana.state() == host.state()
            })
            .await;
            assert_eq!(fate.lock().unwrap().after, 0, "after {room} bytes: {how:?}");
            assert_eq!(host.state().model.lines(1), (0..40).collect::<Vec<_>>(), "{room}");
            broken += 1;
        }
        assert!(broken > 10, "{how:?}: {broken}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_leaves_does_not_wait_for_a_host_that_takes_nothing() {
    let (listener, connector) = in_memory();
    let _host = open(listener);
    let fate = fate(400, How::Stalls);
    let street = Street { inner: connector, fate: Mutex::new(Some(Arc::clone(&fate))) };
    let options =
        JoinOptions { name: "Ana".into(), own: vec![InstrumentId(1)], ..JoinOptions::default() };
    let ana = RemoteDispatcher::<Ledger>::join(street, options).await.unwrap();
    for line in 0..40 {
        ana.dispatch(Write { page: 1, line }).unwrap();
    }
    eventually("it is stuck", || fate.lock().unwrap().broken.is_some()).await;
    let begun = Instant::now();
    ana.close().await;
    assert!(begun.elapsed() <= 3 * SECOND, "{:?}", begun.elapsed());
    assert_eq!(ana.status(), Status::Closed { reason: CloseReason::ByRequest });
    sleep(60 * SECOND).await;
    assert_eq!(fate.lock().unwrap().after, 0);
}
