//! Byte streams between client and host: over TCP, or in memory.
//!
//! The server accepts connections from a [`Listener`], and the client opens them
//! with a [`Connector`]. So both run unchanged over TCP, over an in-memory pipe, and
//! in a simulated network. This layer moves payloads and never looks into them.

mod address;
mod channel_streams;
mod frames;
mod listening;

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadHalf, WriteHalf},
    net::{TcpListener, TcpStream, tcp},
    sync::mpsc,
};

pub use self::{
    address::{interface_hint, seen_from_elsewhere, where_to_join, with_port},
    frames::frame_splitter,
    listening::listen,
};
pub(crate) use self::{
    channel_streams::{ChannelReader, ChannelWriter},
    frames::{Frames, single_frame},
};

/// The receiving half of a connection.
pub trait Reader: AsyncRead + Unpin + Send + 'static {}

impl<T: AsyncRead + Unpin + Send + 'static> Reader for T {}

/// The sending half of a connection.
pub trait Writer: AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncWrite + Unpin + Send + 'static> Writer for T {}

/// Accepts connections from clients.
pub trait Listener: Send + 'static {
    /// The receiving half of its connections.
    type Reader: Reader;
    /// The sending half of its connections.
    type Writer: Writer;

    /// Accepts the next connection, and returns its halves and the address of the
    /// peer, if it has a network address. Cancel safe: dropping the future loses no
    /// connection.
    fn accept(
        &mut self,
    ) -> impl Future<Output = io::Result<(Self::Reader, Self::Writer, Option<SocketAddr>)>> + Send;

    /// The address at which it listens, if it is a network address.
    fn address(&self) -> Option<SocketAddr>;
}

/// Opens connections to a host.
pub trait Connector: Send + Sync + 'static {
    /// The receiving half of its connections.
    type Reader: Reader;
    /// The sending half of its connections.
    type Writer: Writer;

    /// Opens a new connection, and returns its halves and the address of the peer, if it
    /// has a network address. Without one it stays within this process, and is not
    /// encrypted.
    fn connect(
        &self,
    ) -> impl Future<Output = io::Result<(Self::Reader, Self::Writer, Option<SocketAddr>)>> + Send;
}

impl Listener for TcpListener {
    type Reader = tcp::OwnedReadHalf;
    type Writer = tcp::OwnedWriteHalf;

    async fn accept(&mut self) -> io::Result<(Self::Reader, Self::Writer, Option<SocketAddr>)> {
        let (stream, peer) = Self::accept(self).await?;
        // Small messages must not wait for more data.
        stream.set_nodelay(true)?;
        let (reader, writer) = stream.into_split();
        Ok((reader, writer, Some(canonical_peer(peer))))
    }

    fn address(&self) -> Option<SocketAddr> {
        self.local_addr().ok()
    }
}

/// The address of `peer`, as IPv4 if it is an IPv4-mapped IPv6 address: a listener at
/// `[::]` sees IPv4 peers at such addresses.
fn canonical_peer(peer: SocketAddr) -> SocketAddr {
    match peer.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, peer.port()),
        // Unchanged, because `ip` has lost the scope.
        IpAddr::V6(_) => peer,
    }
}

/// Connects over TCP. The host name is resolved for each connection, because the
/// address of the host may change.
#[derive(Clone, Debug)]
pub struct TcpConnector {
    /// The address of the host, in the form `host:port`. A link-local one has the name or
    /// number of the interface: `[fe80::1%eth0]:9999`.
    pub address: String,
}

impl Connector for TcpConnector {
    type Reader = tcp::OwnedReadHalf;
    type Writer = tcp::OwnedWriteHalf;

    async fn connect(&self) -> io::Result<(Self::Reader, Self::Writer, Option<SocketAddr>)> {
        let addresses = address::resolve(&self.address).await?;
        let stream = TcpStream::connect(&addresses[..]).await?;
        stream.set_nodelay(true)?;
        let peer = canonical_peer(stream.peer_addr()?);
        let (reader, writer) = stream.into_split();
        Ok((reader, writer, Some(peer)))
    }
}

/// The buffer of an in-memory connection, in bytes per direction. 64 KiB.
const PIPE: usize = 64 * 1024;

/// Accepts connections from within this process. Made by [`in_memory`].
#[derive(Debug)]
pub struct MemoryListener(mpsc::Receiver<DuplexStream>);

/// Opens connections within this process. Made by [`in_memory`].
#[derive(Clone, Debug)]
pub struct MemoryConnector(mpsc::Sender<DuplexStream>);

/// A listener, and the connector that reaches it, within this process.
#[must_use]
pub fn in_memory() -> (MemoryListener, MemoryConnector) {
    let (sender, receiver) = mpsc::channel(16);
    (MemoryListener(receiver), MemoryConnector(sender))
}

impl Listener for MemoryListener {
    type Reader = ReadHalf<DuplexStream>;
    type Writer = WriteHalf<DuplexStream>;

    async fn accept(&mut self) -> io::Result<(Self::Reader, Self::Writer, Option<SocketAddr>)> {
        let Some(stream) = self.0.recv().await else {
            // Every connector is dropped.
            return std::future::pending().await;
        };
        let (reader, writer) = tokio::io::split(stream);
        Ok((reader, writer, None))
    }

    fn address(&self) -> Option<SocketAddr> {
        None
    }
}

impl Connector for MemoryConnector {
    type Reader = ReadHalf<DuplexStream>;
    type Writer = WriteHalf<DuplexStream>;

    async fn connect(&self) -> io::Result<(Self::Reader, Self::Writer, Option<SocketAddr>)> {
        let (near, far) = tokio::io::duplex(PIPE);
        let refused = |_| io::Error::from(io::ErrorKind::ConnectionRefused);
        self.0.send(far).await.map_err(refused)?;
        let (reader, writer) = tokio::io::split(near);
        Ok((reader, writer, None))
    }
}
