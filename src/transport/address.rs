//! Where a session is, as people write and read it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

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

/// Where others join who listens at `address`: there, if it is one address, and
/// else where this machine is [seen from elsewhere](seen_from_elsewhere). Without
/// a network there are no others but on this machine.
#[must_use]
pub fn where_to_join(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    seen_from_elsewhere(address)
        .unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())))
}

/// Where others find who listens at every address that this machine has: at the
/// one that it would itself send from; by IPv4 if it can be, which is easier to
/// type. `None` if `address` is one address already, or if there is no network.
#[must_use]
pub fn seen_from_elsewhere(address: SocketAddr) -> Option<SocketAddr> {
    if !address.ip().is_unspecified() {
        return None;
    }
    // These are kept for documents, so the way to them is the one to everywhere.
    let by_ipv4 = (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into());
    let elsewhere = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let by_ipv6 = (Ipv6Addr::UNSPECIFIED.into(), elsewhere.into());
    let here = |(any, there)| sender(any, there).map(|ip| (ip, address.port()).into());
    // Who listens at `[::]` listens by IPv4 too.
    here(by_ipv4).or_else(|| here(by_ipv6).filter(|_| address.is_ipv6()))
}

/// From which address of this machine something would be sent to `there`.
fn sender(any: IpAddr, there: IpAddr) -> Option<IpAddr> {
    // To connect such a socket sends nothing.
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((there, 9)).ok()?;
    let here = socket.local_addr().ok()?.ip();
    (!here.is_unspecified() && !here.is_loopback()).then_some(here)
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

    #[test]
    fn who_listens_everywhere_is_joined_at_an_address_that_can_be_typed() {
        for everywhere in ["0.0.0.0:9999", "[::]:9999"] {
            let there = where_to_join(everywhere.parse().unwrap());
            assert!(!there.ip().is_unspecified() && there.port() == PORT, "{there}");
            let by_ipv4 = sender(Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into());
            assert!(by_ipv4.is_none() || there.is_ipv4(), "{there}");
        }
        let one = "192.168.1.20:9999".parse().unwrap();
        assert_eq!(where_to_join(one), one);
    }
}
