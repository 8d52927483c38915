//! Opens a host's TCP listener, at one address or at all addresses of the machine.
//!
//! It knows sockets only, never what is sent over them.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;

/// The length of the queue of connections that are not accepted yet: the same as in
/// tokio's own listener.
const ACCEPT_QUEUE: i32 = 1024;

/// Listens at `address`, in the form `host:port`. Port 0 selects a free port.
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
    match address.parse() {
        Ok(SocketAddr::V6(v6)) if v6.ip().is_unspecified() => bind_all(v6.port(), bind_dual_stack),
        _ => TcpListener::bind(address).await,
    }
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
        _ => bind(Domain::IPV4, (Ipv4Addr::UNSPECIFIED, port).into()),
    })
}

fn bind_dual_stack(port: u16) -> io::Result<TcpListener> {
    bind(Domain::IPV6, (Ipv6Addr::UNSPECIFIED, port).into())
}

fn bind(domain: Domain, address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(domain, Type::STREAM, None)?;
    if domain == Domain::IPV6 {
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

    #[tokio::test]
    async fn port_taken_by_ipv4_is_in_use() {
        let taken = net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = listen(&format!("[::]:{port}")).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
