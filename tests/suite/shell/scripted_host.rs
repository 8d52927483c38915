//! A host that does only what a test tells it to do.

use std::{io, net::SocketAddr};

use bytes::{Buf, BytesMut};
use imbolc_net::{
    protocol::{
        ActionNumber, ClientMessage, Hello, NetworkState, PrivilegeLevel, Reconnected, Seq,
        ServerMessage, SessionId, SessionToken, Welcome,
        entry::{EntryReply, EntryRequest},
        framing::{self, Codec},
    },
    security::{Channel, Entry, PrivateKey, Responder},
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
    /// Its key, and how it says that one enters; `None` if it is plain.
    pub channel: Option<(PrivateKey, Entry)>,
}

/// Connects to a scripted host, which always accepts.
#[derive(Clone)]
pub struct ScriptedConnector {
    accepting: mpsc::Sender<DuplexStream>,
    /// The bytes that are under way in each direction.
    pipe: usize,
    /// With an address, the client encrypts.
    peer: Option<SocketAddr>,
}

impl ScriptedConnector {
    /// As if the host were at `peer`.
    pub fn at(&self, peer: &str) -> Self {
        Self { peer: Some(peer.parse().unwrap()), ..self.clone() }
    }
}

impl Connector for ScriptedConnector {
    type Reader = ReadHalf<DuplexStream>;
    type Writer = WriteHalf<DuplexStream>;

    async fn connect(&self) -> io::Result<(Self::Reader, Self::Writer, Option<SocketAddr>)> {
        let (near, far) = tokio::io::duplex(self.pipe);
        let refused = |_| io::Error::from(io::ErrorKind::ConnectionRefused);
        self.accepting.send(far).await.map_err(refused)?;
        let (reader, writer) = tokio::io::split(near);
        Ok((reader, writer, self.peer))
    }
}

/// A connection to a scripted host.
pub struct Accepted {
    pub reader: ReadHalf<DuplexStream>,
    pub writer: WriteHalf<DuplexStream>,
    buffer: BytesMut,
    /// `None` while it is plain.
    pub channel: Option<Channel>,
}

impl ScriptedHost {
    /// A host in whose session the client is called Ana.
    pub async fn new(pipe: usize) -> (Self, ScriptedConnector) {
        let (_unserved, real) = host();
        let answer = Raw::join(&real, hello("Ana")).await.receive().await;
        let Some(ServerMessage::Welcome(welcome)) = answer else { panic!("{answer:?}") };
        let (accepting, accepted) = mpsc::channel(64);
        let scripted = Self { accepted, welcome, restarts: 0, channel: None };
        (scripted, ScriptedConnector { accepting, pipe, peer: None })
    }

    /// The same, encrypted: at an address of the LAN, with the key of this number.
    pub async fn encrypted(key: u8, entry: Entry) -> (Self, ScriptedConnector) {
        let (mut host, mut connector) = Self::new(64 * 1024).await;
        host.welcome.token = None;
        host.channel = Some((PrivateKey::new([key; 32]), entry));
        connector.peer = Some(([192, 168, 1, 20], 9999).into());
        (host, connector)
    }

    /// The next connection, before anything was read.
    pub async fn accept_raw(&mut self) -> Accepted {
        let (reader, writer) = tokio::io::split(self.accepted.recv().await.unwrap());
        Accepted { reader, writer, buffer: BytesMut::new(), channel: None }
    }

    /// The next connection, whose client has seen the host's key; `None` if it closed the
    /// connection then, without having shown its own.
    pub async fn accept_stranger(&mut self) -> Option<Accepted> {
        let mut accepted = self.accept_raw().await;
        if let Some((key, entry)) = &self.channel {
            let opening = accepted.message().await.unwrap();
            let responder = Responder::read_opening(key, &opening).unwrap();
            let (reply, replied) = responder.reply(*entry).unwrap();
            accepted.writer.write_all(&reply).await.unwrap();
            let finish = accepted.message().await?;
            accepted.channel = Some(replied.finish(&finish).unwrap());
        }
        Some(accepted)
    }

    /// The next connection, and its `Hello`.
    pub async fn accept(&mut self) -> (Accepted, Hello) {
        let mut accepted = self.accept_stranger().await.unwrap();
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
            token: self.welcome.token.map(|_| SessionToken::new([9; 16])),
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
    /// The next message of the channel; `None` if the client has closed the connection and
    /// sent nothing more.
    async fn message(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 2];
        if self.reader.read(&mut length[..1]).await.unwrap() == 0 {
            return None;
        }
        self.reader.read_exact(&mut length[1..]).await.unwrap();
        let mut message = vec![0; u16::from_be_bytes(length).into()];
        self.reader.read_exact(&mut message).await.unwrap();
        Some(message)
    }

    pub async fn send(&mut self, message: &ServerMessage) {
        self.send_bytes(&frame(message)).await;
    }

    pub async fn reply(&mut self, reply: &EntryReply) {
        let mut frame = Vec::new();
        framing::encode(Codec::Json, reply, &mut frame).unwrap();
        self.send_bytes(&frame).await;
    }

    /// Sends a part of the stream of frames.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        let mut sealed = Vec::new();
        match &mut self.channel {
            Some(channel) => channel.sealer.seal(bytes, &mut sealed).unwrap(),
            None => sealed.extend_from_slice(bytes),
        }
        self.writer.write_all(&sealed).await.unwrap();
    }

    /// The next message; `None` when the connection has ended.
    pub async fn receive(&mut self) -> Option<ClientMessage> {
        self.receive_payload().await.map(|payload| framing::decode(Codec::Json, &payload).unwrap())
    }

    /// The same, of a client that is not admitted yet.
    pub async fn request(&mut self) -> Option<EntryRequest> {
        self.receive_payload().await.map(|payload| framing::decode(Codec::Json, &payload).unwrap())
    }

    async fn receive_payload(&mut self) -> Option<BytesMut> {
        loop {
            if self.buffer.len() >= 4 {
                let length = u32::from_be_bytes(self.buffer[..4].try_into().unwrap()) as usize;
                if self.buffer.len() >= 4 + length {
                    self.buffer.advance(4);
                    return Some(self.buffer.split_to(length));
                }
            }
            if self.channel.is_some() {
                let message = self.message().await?;
                let opener = &mut self.channel.as_mut().unwrap().opener;
                let mut plain = vec![0; message.len()];
                let length = opener.open(&message, &mut plain).unwrap();
                self.buffer.extend_from_slice(&plain[..length]);
            } else if self.reader.read_buf(&mut self.buffer).await.unwrap() == 0 {
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
