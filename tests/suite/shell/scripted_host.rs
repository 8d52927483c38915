//! A host that does only what a test tells it to do.

use std::io;

use bytes::{Buf, BytesMut};
use imbolc_net::{
    protocol::{
        ActionNumber, ClientMessage, Hello, NetworkState, PrivilegeLevel, Reconnected, Seq,
        ServerMessage, SessionId, SessionToken, Welcome,
        framing::{self, Codec},
    },
    transport::Connector,
    util::time::{Millis, Timestamp},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf},
    sync::mpsc,
};

use super::{Raw, host};
use crate::harness::hello;

pub struct ScriptedHost {
    accepted: mpsc::Receiver<DuplexStream>,
    welcome: Welcome,
    restarts: u8,
}

/// Connects to a scripted host, which always accepts.
#[derive(Clone)]
pub struct ScriptedConnector {
    accepting: mpsc::Sender<DuplexStream>,
    /// The bytes that are under way in each direction.
    pipe: usize,
}

impl Connector for ScriptedConnector {
    type Reader = ReadHalf<DuplexStream>;
    type Writer = WriteHalf<DuplexStream>;

    async fn connect(
        &self,
    ) -> io::Result<(Self::Reader, Self::Writer, Option<std::net::SocketAddr>)> {
        let (near, far) = tokio::io::duplex(self.pipe);
        let refused = |_| io::Error::from(io::ErrorKind::ConnectionRefused);
        self.accepting.send(far).await.map_err(refused)?;
        let (reader, writer) = tokio::io::split(near);
        Ok((reader, writer, None))
    }
}

/// A connection to a scripted host.
pub struct Accepted {
    pub reader: ReadHalf<DuplexStream>,
    pub writer: WriteHalf<DuplexStream>,
    buffer: BytesMut,
}

impl ScriptedHost {
    /// A host in whose session the client is called Ana.
    pub async fn new(pipe: usize) -> (Self, ScriptedConnector) {
        let (_unserved, real) = host();
        let answer = Raw::join(&real, hello("Ana")).await.receive().await;
        let Some(ServerMessage::Welcome(welcome)) = answer else { panic!("{answer:?}") };
        let (accepting, accepted) = mpsc::channel(64);
        (Self { accepted, welcome, restarts: 0 }, ScriptedConnector { accepting, pipe })
    }

    /// The next connection, and its `Hello`.
    pub async fn accept(&mut self) -> (Accepted, Hello) {
        let (reader, writer) = tokio::io::split(self.accepted.recv().await.unwrap());
        let mut accepted = Accepted { reader, writer, buffer: BytesMut::new() };
        match accepted.receive().await {
            Some(ClientMessage::Hello(hello)) => (accepted, hello),
            other => panic!("{other:?}"),
        }
    }

    /// Admits the next client as a new participant.
    pub async fn welcome(&mut self) -> (Accepted, Hello) {
        let (mut accepted, hello) = self.accept().await;
        accepted.send(&ServerMessage::Welcome(self.welcome.clone())).await;
        (accepted, hello)
    }

    /// Resumes the place of the next client.
    pub async fn resume(&mut self) -> (Accepted, Hello) {
        let (mut accepted, hello) = self.accept().await;
        assert!(hello.resume.is_some(), "it gives its place up");
        accepted.send(&self.resumed()).await;
        (accepted, hello)
    }

    pub fn resumed(&self) -> ServerMessage {
        let Welcome { session, client_id, name, codec, .. } = self.welcome.clone();
        ServerMessage::ReconnectSuccessful(Reconnected {
            session,
            client_id,
            name,
            token: Some(SessionToken::new([9; 16])),
            codec,
            compression: None,
            last_action: ActionNumber(0),
            seq: Seq(0),
            rejected: vec![],
            history: Vec::new(),
            privilege: PrivilegeLevel::Normal,
            clock: Timestamp::ZERO,
            resume_window: Millis(60_000),
        })
    }

    /// Its session starts anew, with an id that it had never before.
    pub fn restart(&mut self) {
        self.restarts += 1;
        self.welcome.session = SessionId::new([self.restarts; 16]);
    }

    pub fn state(&self) -> NetworkState {
        self.welcome.state.clone()
    }

    pub fn welcome_frame(&self) -> Vec<u8> {
        frame(&ServerMessage::Welcome(self.welcome.clone()))
    }
}

impl Accepted {
    pub async fn send(&mut self, message: &ServerMessage) {
        self.writer.write_all(&frame(message)).await.unwrap();
    }

    /// The next message; `None` when the connection has ended.
    pub async fn receive(&mut self) -> Option<ClientMessage> {
        loop {
            if self.buffer.len() >= 4 {
                let length = u32::from_be_bytes(self.buffer[..4].try_into().unwrap()) as usize;
                if self.buffer.len() >= 4 + length {
                    self.buffer.advance(4);
                    let payload = self.buffer.split_to(length);
                    return Some(framing::decode(Codec::Json, &payload).unwrap());
                }
            }
            if self.reader.read_buf(&mut self.buffer).await.unwrap() == 0 {
                return None;
            }
        }
    }

    /// Skips messages until the goodbye.
    pub async fn receive_goodbye(&mut self) {
        while self.receive().await.expect("a goodbye") != ClientMessage::Goodbye {}
    }
}

pub fn frame(message: &ServerMessage) -> Vec<u8> {
    let mut frame = Vec::new();
    framing::encode(Codec::Json, message, &mut frame).unwrap();
    frame
}
