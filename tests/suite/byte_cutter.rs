//! A connector that ends its connections after a given number of bytes. It wraps
//! any other connector.

use std::{
    io,
    sync::{Arc, Mutex},
};

use imbolc_net::transport::{Connector, Reader, Writer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};

/// The direction of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    ToHost,
    ToClient,
}

/// Ends a connection after `after` bytes in `direction`. Bytes in flight in the
/// other direction are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    pub direction: Direction,
    pub after: usize,
}

/// Connects where another connector connects.
#[derive(Clone)]
pub struct ByteCutter<C> {
    inner: C,
    /// The cut of each connection, in order. Further connections are not cut.
    cuts: Vec<Cut>,
    /// The bytes transferred by each connection, to the host and to the client.
    traffic: Arc<Mutex<Vec<[usize; 2]>>>,
}

impl<C> ByteCutter<C> {
    pub fn new(inner: C, cuts: &[Cut]) -> Self {
        Self { inner, cuts: cuts.into(), traffic: Arc::default() }
    }

    /// The bytes that connection number `connection` has transferred.
    pub fn bytes(&self, connection: usize, direction: Direction) -> usize {
        self.traffic.lock().unwrap()[connection][direction as usize]
    }

    pub fn connections(&self) -> usize {
        self.traffic.lock().unwrap().len()
    }
}

impl<C: Connector> Connector for ByteCutter<C> {
    type Reader = ReadHalf<DuplexStream>;
    type Writer = WriteHalf<DuplexStream>;

    async fn connect(
        &self,
    ) -> io::Result<(Self::Reader, Self::Writer, Option<std::net::SocketAddr>)> {
        let (from_host, to_host, peer) = self.inner.connect().await?;
        let (near, far) = tokio::io::duplex(64 * 1024);
        let (from_client, to_client) = tokio::io::split(far);
        let number = {
            let mut traffic = self.traffic.lock().unwrap();
            traffic.push([0, 0]);
            traffic.len() - 1
        };
        let limit = |direction| {
            let cut = self.cuts.get(number).filter(|cut| cut.direction == direction);
            cut.map_or(usize::MAX, |cut| cut.after)
        };
        let count = |direction: Direction| {
            let traffic = Arc::clone(&self.traffic);
            move |bytes| traffic.lock().unwrap()[number][direction as usize] += bytes
        };
        let up = forward(from_client, to_host, limit(Direction::ToHost), count(Direction::ToHost));
        let down =
            forward(from_host, to_client, limit(Direction::ToClient), count(Direction::ToClient));
        tokio::spawn(async move {
            // When one direction ends, all four ends are dropped.
            tokio::select! {
                () = up => {}
                () = down => {}
            }
        });
        let (reader, writer) = tokio::io::split(near);
        Ok((reader, writer, peer))
    }
}

/// Forwards bytes until the end of the stream, or until `limit`.
async fn forward(
    mut from: impl Reader,
    mut to: impl Writer,
    limit: usize,
    mut count: impl FnMut(usize),
) {
    let mut buffer = [0; 4096];
    let mut left = limit;
    while left > 0 {
        let room = left.min(buffer.len());
        match from.read(&mut buffer[..room]).await {
            Ok(0) | Err(_) => return,
            Ok(bytes) => {
                if to.write_all(&buffer[..bytes]).await.is_err() {
                    return;
                }
                count(bytes);
                left -= bytes;
            }
        }
    }
}
