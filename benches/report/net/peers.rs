//! The peers of the host: programs that move the same number of bytes without
//! interpreting them.

use std::{sync::Arc, time::Duration};

use imbolc_net::{
    ServerMessage,
    protocol::{
        ClientId, NetworkState, PrivilegeLevel, Roster, Seq, SessionId, SessionToken, Welcome,
        framing::Codec,
    },
    studio::Studio,
    util::time::{Millis, Timestamp},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpListener,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Mutex,
    task::JoinHandle,
    time::sleep,
};

use super::frame_sizes::frame;
use crate::fixture::band;

async fn accept(listener: &TcpListener) -> (OwnedReadHalf, OwnedWriteHalf) {
    let (stream, _) = listener.accept().await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.into_split()
}

/// Forwards each client's frames to all others.
pub async fn run_relay(listener: TcpListener, clients: usize, action: usize, patch: usize) {
    let (mut readers, mut writers) = (Vec::new(), Vec::new());
    for _ in 0..clients {
        let (reader, writer) = accept(&listener).await;
        readers.push(reader);
        writers.push(Mutex::new(writer));
    }
    let writers: Arc<[Mutex<OwnedWriteHalf>]> = writers.into();
    for (own, reader) in readers.into_iter().enumerate() {
        let writers = Arc::clone(&writers);
        tokio::spawn(async move {
            let mut reader = BufReader::new(reader);
            let (mut frame, patch) = (vec![0; action], vec![1; patch]);
            while reader.read_exact(&mut frame).await.is_ok() {
                for (_, writer) in writers.iter().enumerate().filter(|(at, _)| *at != own) {
                    // A client may have left.
                    let _ = writer.lock().await.write_all(&patch).await;
                }
            }
        });
    }
}

/// Writes the same bytes to all clients in turn.
pub struct PatchWriter {
    /// Accepts the clients.
    clients: JoinHandle<Vec<OwnedWriteHalf>>,
    here: Vec<OwnedWriteHalf>,
    patch: Vec<u8>,
    pub written: u64,
}

impl PatchWriter {
    pub fn begin(listener: TcpListener, clients: usize, patch: usize) -> Self {
        let clients = tokio::spawn(async move {
            let mut writers = Vec::new();
            for _ in 0..clients {
                writers.push(accept(&listener).await.1);
            }
            writers
        });
        Self { clients, here: Vec::new(), patch: vec![1; patch], written: 0 }
    }

    pub async fn burst(&mut self, edits: u32, gap: Duration) {
        if self.here.is_empty() {
            self.here = (&mut self.clients).await.unwrap();
        }
        for _ in 0..edits {
            for client in &mut self.here {
                client.write_all(&self.patch).await.unwrap();
                self.written += 1;
            }
            sleep(gap).await;
        }
    }
}

/// Writes a `Welcome` to each client, in the host's encoding.
pub async fn run_welcome_server(
    listener: TcpListener,
    codec: Codec,
    instruments: u32,
    hello: usize,
) {
    let frame = Arc::new(welcome(codec, instruments));
    loop {
        let (mut reader, mut writer) = accept(&listener).await;
        let frame = Arc::clone(&frame);
        tokio::spawn(async move {
            let mut hello = vec![0; hello];
            if reader.read_exact(&mut hello).await.is_ok() {
                // A client may have left.
                let _ = writer.write_all(&frame).await;
            }
        });
    }
}

fn welcome(codec: Codec, instruments: u32) -> Vec<u8> {
    let state = NetworkState {
        seq: Seq(1),
        model: band::session(instruments),
        roster: Arc::new(Roster::default()),
    };
    let welcome = Welcome::<Studio> {
        session: SessionId::new([7; 16]),
        client_id: ClientId(1),
        name: "Ana".into(),
        token: Some(SessionToken::new([9; 16])),
        codec: codec.name().into(),
        compression: None,
        granted: vec![],
        refused: vec![],
        privilege: PrivilegeLevel::Normal,
        clock: Timestamp::from_micros(8_100_000),
        resume_window: Millis(60_000),
        state,
    };
    frame(codec, &ServerMessage::Welcome(welcome))
}
