//! Connections that are closed, idle or surplus keep no client out, and none of them is
//! waited for.

use std::{
    io::{self, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use imbolc_net::{
    Dispatcher,
    authority::inline,
    protocol::{
        ClientMessage, Hello, Resume, ServerMessage,
        framing::{self, Codec},
    },
    server::{HostDispatcher, HostOptions},
    studio::{SilentEngine, StudioState},
    transport::{Connector as _, Listener, MemoryConnector, listen},
};
use tokio::{
    io::{AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf},
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

use super::{Raw, Remote, SECOND, host, options};
use crate::{conformance::eventually, harness::hello};

fn frame(message: &ClientMessage) -> Vec<u8> {
    let mut frame = Vec::new();
    framing::encode(Codec::Json, message, &mut frame).unwrap();
    frame
}

/// The frames of a client that closes its sending side right after its `Hello`: with
/// nothing in between, and with a message.
fn abandoned(hello: Hello) -> [Vec<u8>; 2] {
    let hello = frame(&ClientMessage::Hello(hello));
    [hello.clone(), [hello, frame(&ClientMessage::Ping { nonce: 1 })].concat()]
}

async fn abandon(connector: &MemoryConnector, bytes: &[u8]) -> ReadHalf<DuplexStream> {
    let (reader, mut writer, _) = connector.connect().await.unwrap();
    writer.write_all(bytes).await.unwrap();
    writer.shutdown().await.unwrap();
    reader
}

#[tokio::test(start_paused = true)]
async fn closed_connection_is_not_admitted() {
    let (host, connector) = host();
    let mut events = host.events();
    for bytes in abandoned(hello("ghost")) {
        // Closed, and half closed.
        drop(abandon(&connector, &bytes).await);
        let _half = abandon(&connector, &bytes).await;
        sleep(SECOND).await;
    }
    assert_eq!(host.state().roster.participants.len(), 1);
    assert_eq!(host.stats().open, 0);
    while let Some(event) = events.try_next() {
        assert!(!format!("{event:?}").contains("ghost"), "{event:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn closed_connection_supersedes_no_other() {
    let (host, connector) = host();
    let mut ana = Raw::join(&connector, hello("Ana")).await;
    let Some(ServerMessage::Welcome(welcome)) = ana.receive().await else { panic!() };
    let resume =
        Resume { token: welcome.token, client_id: None, seq: None, answered: None, history: 0 };
    for bytes in abandoned(Hello { resume: Some(resume), ..hello("Ana") }) {
        drop(abandon(&connector, &bytes).await);
        sleep(SECOND).await;
    }
    ana.send(&ClientMessage::Ping { nonce: 7 }).await;
    while ana.receive().await.expect("it is connected") != (ServerMessage::Pong { nonce: 7 }) {}
    assert_eq!(host.state().roster.participants.len(), 2);
}

async fn host_at(listener: tokio::net::TcpListener) -> HostDispatcher {
    let (model, engine) = (StudioState::starter(), inline(SilentEngine::default));
    HostDispatcher::open("host", model, engine, listener, HostOptions::default()).unwrap()
}

/// The kernel queues connections of a host that stands still.
#[tokio::test]
async fn connection_closed_in_the_kernel_queue_is_not_admitted() {
    let listener = listen("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut half_closed = Vec::new();
    for bytes in abandoned(hello("ghost")) {
        TcpStream::connect(address).unwrap().write_all(&bytes).unwrap();
        let mut half = TcpStream::connect(address).unwrap();
        half.write_all(&bytes).unwrap();
        half.shutdown(Shutdown::Write).unwrap();
        half_closed.push(half);
    }
    let host = host_at(listener).await;
    let mut events = host.events();
    let ana = Remote::connect(&address.to_string(), options("Ana", &[])).await.unwrap();
    assert_eq!(ana.identity().client_id.0, 1, "the ones before are not admitted");
    eventually("they are closed", || host.stats().open == 1).await;
    while let Some(event) = events.try_next() {
        assert!(!format!("{event:?}").contains("ghost"), "{event:?}");
    }
}

#[tokio::test]
async fn idle_sockets_of_one_address_keep_nobody_out() {
    let listener = listen("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let host = host_at(listener).await;
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(tokio::net::TcpStream::connect(address).await.unwrap());
    }
    let begun = Instant::now();
    let address = address.to_string();
    let joining = Remote::connect(&address, options("Ana", &[]));
    let _ana = timeout(SECOND, joining).await.expect("it is admitted at once").unwrap();
    assert!(begun.elapsed() < SECOND);
    eventually("72 and one more make room", || host.stats().open == 128).await;
    assert_eq!(host.stats().rejected, 73);
    let waits = |socket: &&tokio::net::TcpStream| {
        socket.try_read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    };
    eventually("they are closed", || idle.iter().filter(waits).count() == 127).await;
}

#[tokio::test(start_paused = true)]
async fn member_resumes_among_more_handshakes_than_places() {
    let (host, connector) = host();
    let mut ana = Raw::join(&connector, hello("Ana")).await;
    let Some(ServerMessage::Welcome(welcome)) = ana.receive().await else { panic!() };
    let mut idle = Vec::new();
    for _ in 0..150 {
        idle.push(Raw::connect(&connector).await);
    }
    let resume =
        Resume { token: welcome.token, client_id: None, seq: None, answered: None, history: 0 };
    let mut new = Raw::join(&connector, Hello { resume: Some(resume), ..hello("Ana") }).await;
    assert!(matches!(new.receive().await, Some(ServerMessage::ReconnectSuccessful(_))));
    assert!(host.stats().rejected > 20);
}

/// Its connections take no byte, because their pipes are full at once.
struct NarrowListener(mpsc::Receiver<DuplexStream>);

impl Listener for NarrowListener {
    type Reader = ReadHalf<DuplexStream>;
    type Writer = WriteHalf<DuplexStream>;

    async fn accept(&mut self) -> io::Result<(Self::Reader, Self::Writer, Option<SocketAddr>)> {
        match self.0.recv().await {
            Some(stream) => {
                let (reader, writer) = tokio::io::split(stream);
                Ok((reader, writer, None))
            }
            None => std::future::pending().await,
        }
    }

    fn address(&self) -> Option<SocketAddr> {
        None
    }
}

#[tokio::test(start_paused = true)]
async fn connections_that_make_room_are_not_waited_for() {
    let (sender, receiver) = mpsc::channel(1);
    let (model, engine) = (StudioState::starter(), inline(SilentEngine::default));
    let listener = NarrowListener(receiver);
    let options = HostOptions::default();
    let host = HostDispatcher::open("host", model, engine, listener, options).unwrap();
    let begun = Instant::now();
    let mut surplus = Vec::new();
    for _ in 0..228 {
        let (mine, theirs) = tokio::io::duplex(1);
        sender.send(theirs).await.unwrap();
        surplus.push(mine);
    }
    eventually("they are closed", || host.stats().rejected == 100).await;
    assert!(begun.elapsed() < Duration::from_millis(50), "{:?}", begun.elapsed());
}
