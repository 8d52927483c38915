//! Server and client over an in-memory network with paused time, which runs
//! minutes of a session in milliseconds.

mod believing;
mod commit;
mod connections;
mod entry;
mod faults;
mod join_events;
mod logs;
#[cfg(target_os = "linux")]
mod memory;
mod places;
mod reconnecting;
mod reports;
mod scripted_host;
mod silence;
mod slow_links;
mod strangers;
mod timing;
pub mod visitor;

use std::time::Duration;

use bytes::{Buf, BytesMut};
use imbolc_net::{
    authority::inline,
    client::{JoinOptions, RemoteDispatcher},
    model::InstrumentId,
    protocol::{
        ClientMessage, Hello, ProtocolError, ServerMessage,
        framing::{self, Codec},
    },
    server::{HostDispatcher, HostOptions},
    studio::{SilentEngine, Studio, StudioState},
    transport::{Connector, MemoryConnector, in_memory},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};

/// The dispatcher of a client in the studio.
type Remote = RemoteDispatcher<Studio>;

const SECOND: Duration = Duration::from_secs(1);

fn host_with(options: HostOptions) -> (HostDispatcher, MemoryConnector) {
    let (listener, connector) = in_memory();
    let (model, engine) = (StudioState::starter(), inline(SilentEngine::default));
    (HostDispatcher::open("host", model, engine, listener, options).unwrap(), connector)
}

pub fn host() -> (HostDispatcher, MemoryConnector) {
    host_with(HostOptions::default())
}

fn options(name: &str, own: &[InstrumentId]) -> JoinOptions {
    JoinOptions { name: name.into(), own: own.into(), ..JoinOptions::default() }
}

/// A client that sends only what a test tells it to send.
pub struct Raw {
    reader: ReadHalf<DuplexStream>,
    writer: WriteHalf<DuplexStream>,
    buffer: BytesMut,
}

impl Raw {
    async fn connect(connector: &MemoryConnector) -> Self {
        let (reader, writer, _) = connector.connect().await.unwrap();
        Self { reader, writer, buffer: BytesMut::new() }
    }

    pub async fn join(connector: &MemoryConnector, hello: Hello) -> Self {
        let mut raw = Self::connect(connector).await;
        raw.send(&ClientMessage::Hello(hello)).await;
        raw
    }

    async fn send(&mut self, message: &ClientMessage) {
        self.send_in(Codec::Json, message).await;
    }

    pub async fn send_in(&mut self, codec: Codec, message: &ClientMessage) {
        let mut frame = Vec::new();
        framing::encode(codec, message, &mut frame).unwrap();
        self.writer.write_all(&frame).await.unwrap();
    }

    /// Sends all of them at once.
    async fn send_all(&mut self, messages: &[ClientMessage]) {
        let mut frames = Vec::new();
        for message in messages {
            framing::encode(Codec::Json, message, &mut frames).unwrap();
        }
        self.writer.write_all(&frames).await.unwrap();
    }

    /// The next message; `None` when the connection has ended.
    async fn receive(&mut self) -> Option<ServerMessage> {
        let payload = self.receive_payload().await?;
        Some(framing::decode(Codec::Json, &payload).unwrap())
    }

    /// The payload of the next message.
    pub async fn receive_payload(&mut self) -> Option<BytesMut> {
        loop {
            if self.buffer.len() >= 4 {
                let length = u32::from_be_bytes(self.buffer[..4].try_into().unwrap()) as usize;
                if self.buffer.len() >= 4 + length {
                    self.buffer.advance(4);
                    return Some(self.buffer.split_to(length));
                }
            }
            if self.reader.read_buf(&mut self.buffer).await.unwrap() == 0 {
                return None;
            }
        }
    }

    async fn receive_error(&mut self) -> ProtocolError {
        loop {
            match self.receive().await {
                Some(ServerMessage::Error(error)) => return error,
                Some(_) => {}
                None => panic!("the connection ended without an error"),
            }
        }
    }
}
