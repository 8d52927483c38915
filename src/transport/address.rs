//! Network addresses of a session: what users type, and where others can reach a
//! host.
//!
//! It opens no connection and sends no packet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use crate::protocol::DEFAULT_PORT;

/// `address`, with [`DEFAULT_PORT`] appended if it has no port. An IPv6 address without
/// brackets gets them.
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
        format!("[{address}]:{DEFAULT_PORT}")
    } else if address.rsplit(']').next().is_some_and(|end| end.contains(':')) {
        address.into()
    } else {
        format!("{address}:{DEFAULT_PORT}")
    }
}

/// The address at which clients can join a host that listens at `address`.
///
/// That is `address` itself, unless it is unspecified (`0.0.0.0` or `[::]`): then it
/// is the [address on the network](seen_from_elsewhere), or loopback if there is no
/// network.
#[must_use]
pub fn where_to_join(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    seen_from_elsewhere(address)
        .unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())))
}

/// The address on the network of a host that listens at every address of this
/// machine: the one from which the machine would send. IPv4 is preferred, because it
/// is easier to type. `None` if `address` is specific already, or if there is no
/// network.
#[must_use]
pub fn seen_from_elsewhere(address: SocketAddr) -> Option<SocketAddr> {
    if !address.ip().is_unspecified() {
        return None;
    }
    // These addresses are reserved for documentation (RFC 5737 and 3849), so the
    // route to them is the default route.
    let by_ipv4 = (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into());
    let elsewhere = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let by_ipv6 = (Ipv6Addr::UNSPECIFIED.into(), elsewhere.into());
    let here = |(any, there)| source_address(any, there).map(|ip| (ip, address.port()).into());
    // A listener at `[::]` accepts IPv4, too.
    here(by_ipv4).or_else(|| here(by_ipv6).filter(|_| address.is_ipv6()))
}

/// The address of this machine from which packets to `there` would be sent; `None` if
/// there is no route.
fn source_address(any: IpAddr, there: IpAddr) -> Option<IpAddr> {
    // Connecting a UDP socket sends nothing.
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((there, 9)).ok()?;
    let here = socket.local_addr().ok()?.ip();
    (!here.is_unspecified() && !here.is_loopback()).then_some(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_without_port_gets_the_default() {
        for (typed, expected) in [
            ("192.168.1.100", "192.168.1.100:9999"),
            ("stage", "stage:9999"),
            ("[fe80::1]", "[fe80::1]:9999"),
            ("[fe80::1]:7000", "[fe80::1]:7000"),
            ("::1", "[::1]:9999"),
        ] {
            assert_eq!(with_port(typed), expected);
        }
    }

    #[test]
    fn only_unspecified_address_is_seen_from_elsewhere() {
        assert_eq!(seen_from_elsewhere((Ipv4Addr::LOCALHOST, DEFAULT_PORT).into()), None);
        if let Some(there) = seen_from_elsewhere((Ipv4Addr::UNSPECIFIED, DEFAULT_PORT).into()) {
            assert!(!there.ip().is_unspecified() && there.port() == DEFAULT_PORT, "{there}");
        }
    }

    #[test]
    fn where_to_join_is_a_specific_address() {
        for everywhere in ["0.0.0.0:9999", "[::]:9999"] {
            let there = where_to_join(everywhere.parse().unwrap());
            assert!(!there.ip().is_unspecified() && there.port() == DEFAULT_PORT, "{there}");
            let by_ipv4 =
                source_address(Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into());
            assert!(by_ipv4.is_none() || there.is_ipv4(), "{there}");
        }
        let one = "192.168.1.20:9999".parse().unwrap();
        assert_eq!(where_to_join(one), one);
    }
}
