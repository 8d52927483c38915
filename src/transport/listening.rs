//! Opens a host's TCP listener, at one address or at all addresses of the machine.
//!
//! It knows sockets only, never what is sent over them.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;

use super::address::resolve;

/// The length of the queue of connections that are not accepted yet, at every address:
/// many times as many as a session has participants.
const ACCEPT_QUEUE: i32 = 1024;

/// Listens at `address`, in the form `host:port`. Port 0 selects a free port. Of several
/// addresses of a host name the first one that is possible is taken.
///
/// `[::]` means all addresses of this machine, IPv6 and IPv4, on every operating
/// system. On a machine without IPv6 it means all IPv4 addresses, and the listener's
/// own address is `0.0.0.0`.
///
/// # Errors
/// If the host name is unknown, the address does not belong to this machine or is in
/// use, or the port requires administrator rights.
///
/// # Panics
/// If it is not called within a tokio runtime.
pub async fn listen(address: &str) -> io::Result<TcpListener> {
    let mut failed = None;
    for address in resolve(address).await? {
        let bound = match address {
            SocketAddr::V6(v6) if v6.ip().is_unspecified() => bind_all(v6.port(), bind_dual_stack),
            one => bind(one),
        };
        match bound {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = Some(error),
        }
    }
    Err(failed.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
}

/// Listens by IPv6 and IPv4 with `dual_stack`, or by IPv4 alone if that is not
/// possible.
fn bind_all(
    port: u16,
    dual_stack: impl Fn(u16) -> io::Result<TcpListener>,
) -> io::Result<TcpListener> {
    use io::ErrorKind::{AddrInUse, PermissionDenied};

    dual_stack(port).or_else(|error| match error.kind() {
        // IPv4 alone would fail for the same reason, or serve only half of the clients.
        AddrInUse | PermissionDenied => Err(error),
        _ => bind((Ipv4Addr::UNSPECIFIED, port).into()),
    })
}

fn bind_dual_stack(port: u16) -> io::Result<TcpListener> {
    bind((Ipv6Addr::UNSPECIFIED, port).into())
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        // The default differs between operating systems.
        socket.set_only_v6(false)?;
    }
    // Without it, a restarted host could not bind while its old connections are in
    // TIME_WAIT. On Windows it would let two hosts listen at one port.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(ACCEPT_QUEUE)?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::{self, TcpStream};

    use super::*;

    #[tokio::test]
    async fn unspecified_ipv6_address_accepts_ipv4_and_ipv6() {
        let listener = listen("[::]:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        // Not every machine has IPv6.
        if net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
            TcpStream::connect((Ipv6Addr::LOCALHOST, port)).unwrap();
        }
    }

    #[tokio::test]
    async fn machine_without_ipv6_listens_by_ipv4() {
        let no_ipv6 = |_| Err(io::ErrorKind::AddrNotAvailable.into());
        let listener = bind_all(0, no_ipv6).unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(address.ip(), Ipv4Addr::UNSPECIFIED);
        TcpStream::connect((Ipv4Addr::LOCALHOST, address.port())).unwrap();
    }

    /// Elsewhere the operating system may allow less.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn accept_queue_is_the_same_at_every_address() {
        let mut addresses = vec!["127.0.0.1:0", "0.0.0.0:0", "[::]:0", "localhost:0"];
        // Not every machine has IPv6.
        addresses.extend(net::TcpListener::bind("[::1]:0").is_ok().then_some("[::1]:0"));
        for address in addresses {
            let listener = listen(address).await.unwrap();
            let mut there = listener.local_addr().unwrap();
            if there.ip().is_unspecified() {
                there = (Ipv4Addr::LOCALHOST, there.port()).into();
            }
            // As many as do not fit into tokio's own queue.
            let waiting: Vec<_> = (0..200)
                .map(|_| TcpStream::connect_timeout(&there, std::time::Duration::from_secs(2)))
                .collect();
            let accepted = waiting.iter().filter(|connected| connected.is_ok()).count();
            assert_eq!(accepted, 200, "{address}");
        }
    }

    #[tokio::test]
    async fn port_taken_by_ipv4_is_in_use() {
        let taken = net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = listen(&format!("[::]:{port}")).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
