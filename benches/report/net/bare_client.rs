//! A minimal client: a socket and a handshake, in clear or through the channel.

use std::{borrow::Cow, io, net::Ipv4Addr};

use bytes::{Buf, BytesMut};
use imbolc_net::{
    ClientMessage, ServerMessage,
    model::{InstrumentId, Model},
    protocol::{
        Hello, InstanceId, PROTOCOL_VERSION, Role,
        framing::{self, Codec},
    },
    security::{
        Initiator, Opener, PrivateKey, Sealer,
        channel::{CHUNK, REPLY_LENGTH, TAG},
    },
    studio::Studio,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpSocket, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::frame_sizes::frame;

/// Connects with `TCP_NODELAY`.
pub async fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// The same from `ip`, an address of this machine.
///
/// # Errors
/// Those of the network: a host that is flooded may not take the connection.
pub async fn connect_from(ip: Ipv4Addr, address: &str) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((ip, 0).into())?;
    let stream = socket.connect(address.parse().map_err(io::Error::other)?).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A client that has joined.
pub struct BareClient {
    pub codec: Codec,
    pub frames: Frames,
    pub writer: OwnedWriteHalf,
    sealer: Option<Sealer>,
}

impl BareClient {
    /// Joins in clear.
    pub async fn join(address: &str, codec: Codec, own: Vec<InstrumentId>) -> Self {
        let (reader, mut writer) = connect(address).await.into_split();
        writer.write_all(&hello(codec, own)).await.unwrap();
        Self { codec, frames: Frames::new(reader), writer, sealer: None }.welcomed().await
    }

    /// Joins through the encrypted channel, from `ip`, an address of this machine. Each
    /// address is another instance of one key.
    pub async fn join_encrypted(
        ip: Ipv4Addr,
        address: &str,
        codec: Codec,
        own: Vec<InstrumentId>,
    ) -> Self {
        let (mut reader, mut writer) = connect_from(ip, address).await.unwrap().into_split();
        let (initiator, opening) = Initiator::new(&PrivateKey::new([7; 32])).unwrap();
        writer.write_all(&opening).await.unwrap();
        let mut reply = [0; PREFIX + REPLY_LENGTH];
        reader.read_exact(&mut reply).await.unwrap();
        let answered = initiator.read_reply(&reply[PREFIX..]).unwrap();
        let (mut finish, mut channel) = answered.finish().unwrap();
        let instance = InstanceId::new(ip.to_ipv6_mapped().octets());
        let hello = Hello { instance: Some(instance), ..plain_hello(codec, own) };
        let hello = frame(Codec::Json, &ClientMessage::<Studio>::Hello(hello));
        channel.sealer.seal(&hello, &mut finish).unwrap();
        writer.write_all(&finish).await.unwrap();
        let frames = Frames { opener: Some(channel.opener), ..Frames::new(reader) };
        Self { codec, frames, writer, sealer: Some(channel.sealer) }.welcomed().await
    }

    async fn welcomed(mut self) -> Self {
        let answer = self.frames.next().await.unwrap();
        let ServerMessage::Welcome(welcome) = decode(self.codec, &answer) else {
            panic!("not let in")
        };
        assert!(welcome.refused.is_empty(), "it owns the requested instruments");
        if let Some(sealer) = &mut self.sealer {
            sealer.set_chunk(CHUNK);
        }
        self
    }

    /// What to write, so that the host reads `frames`.
    pub fn sealed<'a>(&mut self, frames: &'a [u8]) -> Cow<'a, [u8]> {
        let Some(sealer) = &mut self.sealer else { return frames.into() };
        let mut sealed = Vec::new();
        sealer.seal(frames, &mut sealed).unwrap();
        sealed.into()
    }

    /// Reads all messages and answers pings, until the host closes the
    /// connection.
    pub async fn attend(mut self) {
        self.hear_all().await;
    }

    /// As [`attend`](Self::attend), but cancel safe between two frames.
    pub async fn hear_all(&mut self) {
        while let Some(payload) = self.frames.next().await {
            if let ServerMessage::Ping { nonce, .. } = decode(self.codec, &payload)
                && self.answer(nonce).await.is_err()
            {
                return;
            }
        }
    }

    /// Answers a ping.
    pub async fn answer(&mut self, nonce: u64) -> io::Result<()> {
        let pong = frame(self.codec, &ClientMessage::<Studio>::Pong { nonce });
        let pong = self.sealed(&pong);
        self.writer.write_all(&pong).await
    }

    /// Says `Goodbye`, and waits until the host closes the connection.
    pub async fn leave(mut self) {
        let goodbye = frame(self.codec, &ClientMessage::<Studio>::Goodbye);
        let goodbye = self.sealed(&goodbye);
        self.writer.write_all(&goodbye).await.unwrap();
        while self.frames.next().await.is_some() {}
    }
}

/// The frame of the `Hello` of a plain client.
pub fn hello(codec: Codec, own: Vec<InstrumentId>) -> Vec<u8> {
    frame(Codec::Json, &ClientMessage::<Studio>::Hello(plain_hello(codec, own)))
}

fn plain_hello(codec: Codec, own: Vec<InstrumentId>) -> Hello {
    Hello {
        protocol: PROTOCOL_VERSION,
        model: Studio::NAME.into(),
        model_version: Studio::VERSION,
        name: "Ana".into(),
        own,
        privilege: false,
        codecs: vec![codec.name().into()],
        compression: vec![],
        attempt: 0,
        checks_digests: false,
        role: Role::default(),
        instance: None,
        resume: None,
    }
}

pub fn decode(codec: Codec, payload: &[u8]) -> ServerMessage<Studio> {
    framing::decode(codec, payload).unwrap()
}

/// The length of the length of a message of the channel.
const PREFIX: usize = 2;

/// Reads frames.
pub struct Frames {
    reader: OwnedReadHalf,
    buffer: BytesMut,
    /// What has arrived and was not opened yet.
    sealed: BytesMut,
    opener: Option<Opener>,
}

impl Frames {
    /// Reads frames in clear.
    pub fn new(reader: OwnedReadHalf) -> Self {
        Self { reader, buffer: BytesMut::new(), sealed: BytesMut::new(), opener: None }
    }

    /// The payload of the next frame, or `None` at the end.
    pub async fn next(&mut self) -> Option<BytesMut> {
        loop {
            if let Some(payload) = split(&mut self.buffer) {
                return Some(payload);
            }
            let arrived = if self.opener.is_some() { &mut self.sealed } else { &mut self.buffer };
            arrived.reserve(64 * 1024);
            if self.reader.read_buf(arrived).await.ok()? == 0 {
                return None;
            }
            self.open();
        }
    }

    /// Opens the messages of the channel that have arrived.
    fn open(&mut self) {
        let Some(opener) = &mut self.opener else { return };
        while let Some(length) = self.sealed.first_chunk().copied().map(u16::from_be_bytes)
            && self.sealed.len() >= PREFIX + usize::from(length)
        {
            let message = self.sealed.split_to(PREFIX + usize::from(length));
            let from = self.buffer.len();
            self.buffer.resize(from + usize::from(length) - TAG, 0);
            opener.open(&message[PREFIX..], &mut self.buffer[from..]).unwrap();
        }
    }

    /// Reads and discards everything.
    pub async fn sink(mut self) {
        while self.discard().await {}
    }

    /// Discards what has arrived, or waits for it. `false` at the end. Cancel safe. For
    /// frames in clear only.
    pub async fn discard(&mut self) -> bool {
        self.buffer.clear();
        self.buffer.reserve(64 * 1024);
        self.reader.read_buf(&mut self.buffer).await.is_ok_and(|read| read > 0)
    }
}

/// Takes the payload of the first frame if it is complete.
pub fn split(buffer: &mut BytesMut) -> Option<BytesMut> {
    let length = u32::from_be_bytes(*buffer.first_chunk()?) as usize;
    if buffer.len() < 4 + length {
        return None;
    }
    buffer.advance(4);
    Some(buffer.split_to(length))
}
