//! A minimal client: a socket and a handshake.

use std::io;

use bytes::{Buf, BytesMut};
use imbolc_net::{
    ClientMessage, ServerMessage,
    model::{InstrumentId, Model},
    protocol::{
        Hello, PROTOCOL_VERSION, Role,
        framing::{self, Codec},
    },
    studio::Studio,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
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

/// A client that has joined.
pub struct BareClient {
    pub codec: Codec,
    pub frames: Frames,
    pub writer: OwnedWriteHalf,
}

impl BareClient {
    pub async fn join(address: &str, codec: Codec, own: Vec<InstrumentId>) -> Self {
        let (reader, mut writer) = connect(address).await.into_split();
        let mut frames = Frames { reader, buffer: BytesMut::new() };
        writer.write_all(&hello(codec, own)).await.unwrap();
        let answer = frames.next().await.unwrap();
        let ServerMessage::Welcome(welcome) = decode(codec, &answer) else { panic!("not let in") };
        assert!(welcome.refused.is_empty(), "it owns the requested instruments");
        Self { codec, frames, writer }
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
        self.writer.write_all(&pong).await
    }

    /// Says `Goodbye`, and waits until the host closes the connection.
    pub async fn leave(mut self) {
        self.writer.write_all(&frame(self.codec, &ClientMessage::<Studio>::Goodbye)).await.unwrap();
        while self.frames.next().await.is_some() {}
    }
}

/// The frame of a `Hello`.
pub fn hello(codec: Codec, own: Vec<InstrumentId>) -> Vec<u8> {
    frame(
        Codec::Json,
        &ClientMessage::<Studio>::Hello(Hello {
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
        }),
    )
}

pub fn decode(codec: Codec, payload: &[u8]) -> ServerMessage<Studio> {
    framing::decode(codec, payload).unwrap()
}

/// Reads frames.
pub struct Frames {
    reader: OwnedReadHalf,
    buffer: BytesMut,
}

impl Frames {
    pub fn new(reader: OwnedReadHalf) -> Self {
        Self { reader, buffer: BytesMut::new() }
    }

    /// The payload of the next frame, or `None` at the end.
    pub async fn next(&mut self) -> Option<BytesMut> {
        loop {
            if let Some(payload) = split(&mut self.buffer) {
                return Some(payload);
            }
            self.buffer.reserve(64 * 1024);
            if self.reader.read_buf(&mut self.buffer).await.ok()? == 0 {
                return None;
            }
        }
    }

    /// Reads and discards everything.
    pub async fn sink(mut self) {
        while self.discard().await {}
    }

    /// Discards what has arrived, or waits for it. `false` at the end. Cancel safe.
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
