//! Where a connection comes from, as far as limits go. Knows no ports.

use core::net::IpAddr;
use std::fmt;

/// What counts as one address: an IPv4 address, or the /64 network of an IPv6 address,
/// because a household gets at least that much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeerAddress {
    /// A connection without a network, in the host's own process.
    InProcess,
    /// The loopback address of IPv6.
    LoopbackV6,
    /// An IPv4 address, also if it is mapped into IPv6.
    V4([u8; 4]),
    /// The first 64 bits of an IPv6 address.
    V6([u16; 4]),
}

impl PeerAddress {
    /// Of a connection from `ip`; `None` is one within this process.
    #[must_use]
    pub fn of(ip: Option<IpAddr>) -> Self {
        match ip.map(|ip| ip.to_canonical()) {
            None => Self::InProcess,
            Some(IpAddr::V4(ip)) => Self::V4(ip.octets()),
            Some(IpAddr::V6(ip)) if ip.is_loopback() => Self::LoopbackV6,
            Some(IpAddr::V6(ip)) => {
                let [a, b, c, d, ..] = ip.segments();
                Self::V6([a, b, c, d])
            }
        }
    }

    /// Whether it looks like the host's own machine. A forwarded port does, too.
    #[must_use]
    pub const fn is_local(self) -> bool {
        matches!(self, Self::InProcess | Self::LoopbackV6 | Self::V4([127, ..]))
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::InProcess => f.write_str("this program"),
            Self::LoopbackV6 => f.write_str("::1"),
            Self::V4(octets) => IpAddr::from(octets).fmt(f),
            Self::V6(network) => {
                let mut segments = [0; 8];
                segments[..4].copy_from_slice(&network);
                write!(f, "{}/64", IpAddr::from(segments))
            }
        }
    }
}
