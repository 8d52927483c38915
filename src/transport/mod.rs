//! Where connections come from: TCP, or memory.
//!
//! The server takes them from a [`Listener`] and the client from a
//! [`Connector`], so both run the same over TCP, over an in-memory pipe, and in
//! a simulated network.

mod address;
mod listening;

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, ReadHalf, WriteHalf},
    net::{TcpListener, TcpStream, tcp},
    sync::mpsc,
    time::timeout,
};
use tokio_util::codec::{Decoder, LengthDelimitedCodec};

pub use self::{
    address::{PORT, seen_from_elsewhere, where_to_join, with_port},
    listening::listen,
};

/// The half of a connection that is read.
pub trait Reader: AsyncRead + Unpin + Send + 'static {}

impl<T: AsyncRead + Unpin + Send + 'static> Reader for T {}

/// The half of a connection that is written.
pub trait Writer: AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncWrite + Unpin + Send + 'static> Writer for T {}

/// Takes connections from clients.
pub trait Listener: Send + 'static {
    /// What is read.
    type Reader: Reader;
    /// What is written.
    type Writer: Writer;

    /// The next connection, and what to call its other end in a log.
    /// Cancelling it loses no connection.
    fn accept(
        &mut self,
    ) -> impl Future<Output = io::Result<(Self::Reader, Self::Writer, String)>> + Send;

    /// Where it listens, if that is a network address.
    fn address(&self) -> Option<SocketAddr>;
}

/// Makes connections to a host.
pub trait Connector: Send + Sync + 'static {
    /// What is read.
    type Reader: Reader;
    /// What is written.
    type Writer: Writer;

    /// Makes a new connection.
    fn connect(&self) -> impl Future<Output = io::Result<(Self::Reader, Self::Writer)>> + Send;
}

impl Listener for TcpListener {
    type Reader = tcp::OwnedReadHalf;
    type Writer = tcp::OwnedWriteHalf;

    async fn accept(&mut self) -> io::Result<(Self::Reader, Self::Writer, String)> {
        let (stream, peer) = Self::accept(self).await?;
        // Messages are small, and wanted now.
        stream.set_nodelay(true)?;
        let (reader, writer) = stream.into_split();
        Ok((reader, writer, plain(peer).to_string()))
    }

    fn address(&self) -> Option<SocketAddr> {
        self.local_addr().ok()
    }
}

/// Who listens at `[::]` sees callers by IPv4 at an IPv6 address that stands for
/// theirs.
fn plain(peer: SocketAddr) -> SocketAddr {
    match peer.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, peer.port()),
        // With its scope.
        IpAddr::V6(_) => peer,
    }
}

/// Connects over TCP. The name is resolved anew for each connection: the host
/// may have got another address meanwhile.
#[derive(Clone, Debug)]
pub struct TcpConnector {
    /// `host:port`.
    pub address: String,
}

impl Connector for TcpConnector {
    type Reader = tcp::OwnedReadHalf;
    type Writer = tcp::OwnedWriteHalf;

    async fn connect(&self) -> io::Result<(Self::Reader, Self::Writer)> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        Ok(stream.into_split())
    }
}

/// How many bytes an in-memory connection holds in each direction.
const PIPE: usize = 64 * 1024;

/// The listening end of connections within this process.
#[derive(Debug)]
pub struct MemoryListener(mpsc::Receiver<DuplexStream>);

/// The calling end of connections within this process.
#[derive(Clone, Debug)]
pub struct MemoryConnector(mpsc::Sender<DuplexStream>);

/// A listener and the connector that reaches it, within this process.
#[must_use]
pub fn in_memory() -> (MemoryListener, MemoryConnector) {
    let (sender, receiver) = mpsc::channel(16);
    (MemoryListener(receiver), MemoryConnector(sender))
}

impl Listener for MemoryListener {
    type Reader = ReadHalf<DuplexStream>;
    type Writer = WriteHalf<DuplexStream>;

    async fn accept(&mut self) -> io::Result<(Self::Reader, Self::Writer, String)> {
        let Some(stream) = self.0.recv().await else {
            // Nobody is left who could call.
            return std::future::pending().await;
        };
        let (reader, writer) = tokio::io::split(stream);
        Ok((reader, writer, "memory".into()))
    }

    fn address(&self) -> Option<SocketAddr> {
        None
    }
}

impl Connector for MemoryConnector {
    type Reader = ReadHalf<DuplexStream>;
    type Writer = WriteHalf<DuplexStream>;

    async fn connect(&self) -> io::Result<(Self::Reader, Self::Writer)> {
        let (near, far) = tokio::io::duplex(PIPE);
        let refused = |_| io::Error::from(io::ErrorKind::ConnectionRefused);
        self.0.send(far).await.map_err(refused)?;
        Ok(tokio::io::split(near))
    }
}

/// How many bytes are read at once at least, if so many are there. 4 KiB: dozens
/// of edits.
const READ_AHEAD: usize = 4 * 1024;

/// How many it may become while more and more is there. 32 KiB.
const MOST_AHEAD: usize = 32 * 1024;

/// Splits what is read into frames.
pub(crate) struct Frames<R> {
    reader: R,
    buffer: BytesMut,
    splitter: LengthDelimitedCodec,
    /// How many bytes to read at once.
    ahead: usize,
}

impl<R: Reader> Frames<R> {
    /// Refuses frames of over `limit` bytes.
    pub(crate) fn new(reader: R, limit: usize) -> Self {
        Self {
            reader,
            buffer: BytesMut::new(),
            splitter: crate::protocol::framing::splitter(limit),
            ahead: READ_AHEAD,
        }
    }

    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.splitter.set_max_frame_length(limit);
    }

    /// The payload of the next frame; `None` at the end. Cancelling it loses
    /// nothing.
    ///
    /// # Errors
    /// `InvalidData` if a frame is too long, `UnexpectedEof` if one is cut
    /// short, and whatever the network says.
    pub(crate) async fn next(&mut self) -> io::Result<Option<BytesMut>> {
        self.next_within(Duration::MAX).await
    }

    /// As [`next`](Self::next), but it may not be silent for longer than
    /// `silence`; a long frame that keeps coming is not silent.
    ///
    /// # Errors
    /// `TimedOut` if it is.
    pub(crate) async fn next_within(&mut self, silence: Duration) -> io::Result<Option<BytesMut>> {
        loop {
            if let Some(payload) = self.arrived()? {
                return Ok(Some(payload));
            }
            // The splitter asks for no more than the frame it is at. With room for
            // what follows, one read takes all that has arrived.
            self.buffer.reserve(self.ahead);
            let read = timeout(silence, self.reader.read_buf(&mut self.buffer)).await??;
            // If it took all the room there was, more has come meanwhile.
            let full = self.buffer.len() == self.buffer.capacity();
            self.ahead = if full { MOST_AHEAD.min(self.ahead * 2) } else { READ_AHEAD };
            if read == 0 {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    /// The payload of the next frame, if it has been read already.
    ///
    /// # Errors
    /// `InvalidData` if it is too long.
    pub(crate) fn arrived(&mut self) -> io::Result<Option<BytesMut>> {
        self.splitter.decode(&mut self.buffer)
    }

    /// Gives back the reader, without what was read ahead.
    pub(crate) fn into_reader(self) -> R {
        self.reader
    }
}
