//! How a host comes to listen: at one address, or at every one that it has.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;

/// How many callers may wait to be let in: as many as tokio's own listener keeps.
const CALLERS: i32 = 1024;

/// Listens at `address`, which is written as `host:port`; port 0 is any that is
/// free.
///
/// At `[::]` that is at every address that this machine has, by IPv6 and by IPv4
/// on any operating system. On a machine without IPv6 it is by IPv4 alone, and
/// the listener says `0.0.0.0`.
///
/// # Errors
/// If the name is unknown, the address is not one of this machine or is in use, or
/// the port is for the administrator only.
///
/// # Panics
/// If it is not called within a tokio runtime.
pub async fn listen(address: &str) -> io::Result<TcpListener> {
    match address.parse() {
        Ok(SocketAddr::V6(v6)) if v6.ip().is_unspecified() => everywhere(v6.port(), by_both),
        _ => TcpListener::bind(address).await,
    }
}

/// By IPv6 and IPv4 as `by_both` does it, or else by IPv4.
fn everywhere(
    port: u16,
    by_both: impl Fn(u16) -> io::Result<TcpListener>,
) -> io::Result<TcpListener> {
    use io::ErrorKind::{AddrInUse, PermissionDenied};

    by_both(port).or_else(|error| match error.kind() {
        // It would be the same by IPv4, or worse: half of it.
        AddrInUse | PermissionDenied => Err(error),
        _ => bind(Domain::IPV4, (Ipv4Addr::UNSPECIFIED, port).into()),
    })
}

fn by_both(port: u16) -> io::Result<TcpListener> {
    bind(Domain::IPV6, (Ipv6Addr::UNSPECIFIED, port).into())
}

fn bind(domain: Domain, address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(domain, Type::STREAM, None)?;
    if domain == Domain::IPV6 {
        // What it is unless it is set differs from system to system.
        socket.set_only_v6(false)?;
    }
    // A host that starts again is not kept out by the connections it had before.
    // On Windows it would let two hosts listen at one port.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(CALLERS)?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::{self, TcpStream};

    use super::*;

    #[tokio::test]
    async fn who_listens_everywhere_is_reached_by_ipv4_and_by_ipv6() {
        let listener = listen("[::]:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        // There are machines without IPv6.
        if net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
            TcpStream::connect((Ipv6Addr::LOCALHOST, port)).unwrap();
        }
    }

    #[tokio::test]
    async fn a_machine_without_ipv6_listens_by_ipv4() {
        let without = |_| Err(io::ErrorKind::AddrNotAvailable.into());
        let listener = everywhere(0, without).unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(address.ip(), Ipv4Addr::UNSPECIFIED);
        TcpStream::connect((Ipv4Addr::LOCALHOST, address.port())).unwrap();
    }

    #[tokio::test]
    async fn a_port_that_is_taken_by_ipv4_is_taken() {
        let taken = net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = listen(&format!("[::]:{port}")).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
