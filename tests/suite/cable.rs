//! A connector that a test can disconnect like a cable, and that counts its
//! attempts to connect. It wraps any other connector.

use std::{
    io,
    sync::{Arc, Mutex},
};

use imbolc_net::transport::Connector;
use tokio::{
    io::{AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, copy},
    task::AbortHandle,
    time::Instant,
};

/// Connects where another connector connects.
#[derive(Clone)]
pub struct Cable<C> {
    inner: C,
    state: Arc<Mutex<State>>,
}

struct State {
    plugged: bool,
    attempts: Vec<Instant>,
    tasks: Vec<AbortHandle>,
}

impl<C: Connector> Cable<C> {
    pub fn new(inner: C) -> Self {
        let state = State { plugged: true, attempts: Vec::new(), tasks: Vec::new() };
        Self { inner, state: Arc::new(Mutex::new(state)) }
    }

    /// Cuts all connections and loses their bytes in flight. New ones fail.
    pub fn pull(&self) {
        let mut state = self.state.lock().unwrap();
        state.plugged = false;
        for task in state.tasks.drain(..) {
            task.abort();
        }
    }

    pub fn plug(&self) {
        self.state.lock().unwrap().plugged = true;
    }

    /// The times of the attempts to connect.
    pub fn attempts(&self) -> Vec<Instant> {
        self.state.lock().unwrap().attempts.clone()
    }
}

impl<C: Connector> Connector for Cable<C> {
    type Reader = ReadHalf<DuplexStream>;
    type Writer = WriteHalf<DuplexStream>;

    async fn connect(
        &self,
    ) -> io::Result<(Self::Reader, Self::Writer, Option<std::net::SocketAddr>)> {
        {
            let mut state = self.state.lock().unwrap();
            state.attempts.push(Instant::now());
            if !state.plugged {
                return Err(io::ErrorKind::HostUnreachable.into());
            }
        }
        let (mut far_reader, mut far_writer, peer) = self.inner.connect().await?;
        let (near, far) = tokio::io::duplex(64 * 1024);
        let (mut reader, mut writer) = tokio::io::split(far);
        let up = tokio::spawn(async move {
            let _ = copy(&mut reader, &mut far_writer).await;
            let _ = far_writer.shutdown().await;
        });
        let down = tokio::spawn(async move {
            let _ = copy(&mut far_reader, &mut writer).await;
            let _ = writer.shutdown().await;
        });
        let mut state = self.state.lock().unwrap();
        state.tasks.extend([up.abort_handle(), down.abort_handle()]);
        drop(state);
        let (reader, writer) = tokio::io::split(near);
        Ok((reader, writer, peer))
    }
}
