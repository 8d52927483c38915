//! Where a session is, as people write and read it.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The port of a session, unless another one is named.
pub const PORT: u16 = 9999;

/// `address`, with [`PORT`] if it has no port.
///
/// ```
/// use imbolc_net::transport::with_port;
///
/// assert_eq!(with_port("192.168.1.20"), "192.168.1.20:9999");
/// assert_eq!(with_port("stage:7000"), "stage:7000");
/// assert_eq!(with_port("fe80::1"), "[fe80::1]:9999");
/// ```
#[must_use]
pub fn with_port(address: &str) -> String {
    if address.parse::<Ipv6Addr>().is_ok() {
        format!("[{address}]:{PORT}")
    } else if address.rsplit(']').next().is_some_and(|end| end.contains(':')) {
        address.into()
    } else {
        format!("{address}:{PORT}")
    }
}

/// Where others find who listens at every address that this machine has: at the
/// one that it would itself send from. `None` if `address` is one address
/// already, or if there is no network.
#[must_use]
pub fn seen_from_elsewhere(address: SocketAddr) -> Option<SocketAddr> {
    if !address.ip().is_unspecified() {
        return None;
    }
    // To connect such a socket sends nothing. These are kept for documents, so
    // the way to them is the one to everywhere.
    let (any, elsewhere): (SocketAddr, SocketAddr) = if address.is_ipv4() {
        ((Ipv4Addr::UNSPECIFIED, 0).into(), (Ipv4Addr::new(192, 0, 2, 1), 9).into())
    } else {
        let elsewhere = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
        ((Ipv6Addr::UNSPECIFIED, 0).into(), (elsewhere, 9).into())
    };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(elsewhere).ok()?;
    let here = socket.local_addr().ok()?.ip();
    (!here.is_unspecified() && !here.is_loopback()).then(|| (here, address.port()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_port_gets_the_usual_one() {
        for (typed, meant) in [
            ("192.168.1.100", "192.168.1.100:9999"),
            ("stage", "stage:9999"),
            ("[fe80::1]", "[fe80::1]:9999"),
            ("[fe80::1]:7000", "[fe80::1]:7000"),
            ("::1", "[::1]:9999"),
        ] {
            assert_eq!(with_port(typed), meant);
        }
    }

    #[test]
    fn who_listens_at_one_address_is_found_there() {
        assert_eq!(seen_from_elsewhere((Ipv4Addr::LOCALHOST, PORT).into()), None);
        if let Some(there) = seen_from_elsewhere((Ipv4Addr::UNSPECIFIED, PORT).into()) {
            assert!(!there.ip().is_unspecified() && there.port() == PORT, "{there}");
        }
    }
}
