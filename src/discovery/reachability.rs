//! Which of a host's announced addresses can be reached from this machine, and in
//! which order to try them. Pure: the addresses of this machine are arguments.

use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// An address of this machine, with its subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LocalAddress {
    pub ip: IpAddr,
    pub mask: IpAddr,
    /// The index of its interface.
    pub interface: u32,
}

impl LocalAddress {
    fn shares_subnet_with(&self, other: IpAddr) -> bool {
        match (self.ip, self.mask, other) {
            (IpAddr::V4(own), IpAddr::V4(mask), IpAddr::V4(other)) => {
                let (own, mask, other) = (u32::from(own), u32::from(mask), u32::from(other));
                own & mask == other & mask
            }
            (IpAddr::V6(own), IpAddr::V6(mask), IpAddr::V6(other)) => {
                let (own, mask, other) = (u128::from(own), u128::from(mask), u128::from(other));
                own & mask == other & mask
            }
            _ => false,
        }
    }
}

/// An address that a host announces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub ip: IpAddr,
    /// The indices of the interfaces that received the announcement.
    pub received_on: Vec<u32>,
}

/// How many addresses of one host are kept. 16: a machine has about three per
/// interface.
const MAX_ADDRESSES: usize = 16;

/// How promising an address is, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum AddressRank {
    /// The host runs on this machine.
    Loopback,
    /// In a subnet of this machine.
    SameSubnet,
    /// Link-local, on a link of this machine.
    LinkLocal,
    /// Anywhere else; a router may know the way.
    Routed,
    /// A loopback address announced by another machine.
    ForeignLoopback,
}

/// The addresses at which a host can be reached at `port`, best first.
pub(super) fn ranked_addresses(
    candidates: &[Candidate],
    port: u16,
    local: &[LocalAddress],
) -> Vec<SocketAddr> {
    if port == 0 {
        return Vec::new();
    }
    let mut ranked: Vec<_> = candidates
        .iter()
        .filter_map(|candidate| Some((address_rank(candidate, local)?, candidate)))
        .flat_map(|(rank, candidate)| {
            socket_addresses(candidate, port).into_iter().map(move |address| (rank, address))
        })
        .collect();
    // Within a rank, IPv4 comes first: that is the order of `SocketAddr`.
    ranked.sort_unstable();
    ranked.dedup();
    // A foreign loopback address is a last resort.
    if ranked.first().is_some_and(|(best, _)| *best < AddressRank::ForeignLoopback) {
        ranked.retain(|(rank, _)| *rank < AddressRank::ForeignLoopback);
    }
    ranked.truncate(MAX_ADDRESSES);
    ranked.into_iter().map(|(_, address)| address).collect()
}

/// `None` if the address cannot belong to a host.
fn address_rank(candidate: &Candidate, local: &[LocalAddress]) -> Option<AddressRank> {
    let Candidate { ip, received_on } = candidate;
    let is_host = match ip {
        IpAddr::V4(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast(),
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_multicast(),
    };
    if !is_host {
        return None;
    }
    Some(if ip.is_loopback() {
        let received_on_loopback =
            local.iter().any(|own| own.ip.is_loopback() && received_on.contains(&own.interface));
        if received_on_loopback { AddressRank::Loopback } else { AddressRank::ForeignLoopback }
    } else if is_link_local(*ip) {
        AddressRank::LinkLocal
    } else if local.iter().any(|own| own.shares_subnet_with(*ip)) {
        AddressRank::SameSubnet
    } else {
        AddressRank::Routed
    })
}

const fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// The socket addresses of a candidate. A link-local IPv6 address needs a scope,
/// so it yields one address per interface.
fn socket_addresses(candidate: &Candidate, port: u16) -> Vec<SocketAddr> {
    let on = |ip, scope| SocketAddr::V6(SocketAddrV6::new(ip, port, 0, scope));
    match candidate.ip {
        IpAddr::V6(ip) if ip.is_unicast_link_local() => {
            let interfaces = candidate.received_on.iter().filter(|&&interface| interface != 0);
            interfaces.map(|&interface| on(ip, interface)).collect()
        }
        IpAddr::V6(ip) => vec![on(ip, 0)],
        IpAddr::V4(ip) => vec![SocketAddr::V4(SocketAddrV4::new(ip, port))],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LO: u32 = 1;
    const LAN: u32 = 2;
    const WIFI: u32 = 3;

    fn local() -> Vec<LocalAddress> {
        let own = |ip: &str, mask: &str, interface| LocalAddress {
            ip: ip.parse().unwrap(),
            mask: mask.parse().unwrap(),
            interface,
        };
        vec![
            own("127.0.0.1", "255.0.0.0", LO),
            own("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", LO),
            own("192.168.1.20", "255.255.255.0", LAN),
            own("fd00::20", "ffff:ffff:ffff:ffff::", LAN),
            own("10.0.7.9", "255.255.0.0", WIFI),
            own("fe80::20", "ffff:ffff:ffff:ffff::", LAN),
        ]
    }

    fn ranked(candidates: &[(&str, &[u32])]) -> Vec<String> {
        let candidate = |(ip, received_on): &(&str, &[u32])| Candidate {
            ip: ip.parse().unwrap(),
            received_on: received_on.to_vec(),
        };
        let candidates: Vec<_> = candidates.iter().map(candidate).collect();
        ranked_addresses(&candidates, 9999, &local()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn own_subnets_come_before_routed_addresses() {
        assert_eq!(
            ranked(&[("172.17.0.1", &[LAN]), ("fd00::7", &[LAN]), ("10.0.200.1", &[WIFI])]),
            ["10.0.200.1:9999", "[fd00::7]:9999", "172.17.0.1:9999"]
        );
    }

    #[test]
    fn link_local_ipv6_needs_a_scope() {
        assert_eq!(
            ranked(&[("fe80::7", &[LAN, WIFI]), ("203.0.113.5", &[LAN])]),
            ["[fe80::7%2]:9999", "[fe80::7%3]:9999", "203.0.113.5:9999"]
        );
        assert!(ranked(&[("fe80::7", &[])]).is_empty());
        assert!(ranked(&[("fe80::7", &[0])]).is_empty());
        let address: SocketAddr = "[fe80::7%2]:9999".parse().unwrap();
        assert!(matches!(address, SocketAddr::V6(v6) if v6.scope_id() == 2));
    }

    #[test]
    fn foreign_loopback_is_a_last_resort() {
        assert_eq!(
            ranked(&[("192.168.1.20", &[LAN]), ("127.0.0.1", &[LO])]),
            ["127.0.0.1:9999", "192.168.1.20:9999"]
        );
        assert_eq!(
            ranked(&[("127.0.0.1", &[LAN]), ("203.0.113.5", &[LAN])]),
            ["203.0.113.5:9999"],
            "received on another interface, it belongs to another machine"
        );
        assert_eq!(ranked(&[("127.0.0.1", &[LAN])]), ["127.0.0.1:9999"]);
    }

    #[test]
    fn non_host_addresses_are_dropped() {
        for ip in ["0.0.0.0", "224.0.0.251", "255.255.255.255", "::", "ff02::fb"] {
            assert!(ranked(&[(ip, &[LAN])]).is_empty(), "{ip}");
        }
        let candidate = Candidate { ip: "192.168.1.7".parse().unwrap(), received_on: vec![LAN] };
        assert!(ranked_addresses(&[candidate], 0, &local()).is_empty());
    }

    proptest! {
        #[test]
        fn ranking_ignores_input_order_and_is_bounded(
            mut candidates in proptest::collection::vec(
                (any::<IpAddr>(), proptest::collection::vec(0..5_u32, 0..4))
                    .prop_map(|(ip, received_on)| Candidate { ip, received_on }),
                0..40,
            ),
        ) {
            let addresses = ranked_addresses(&candidates, 1, &local());
            candidates.reverse();
            prop_assert_eq!(&addresses, &ranked_addresses(&candidates, 1, &local()));
            prop_assert!(addresses.len() <= MAX_ADDRESSES);
        }
    }
}
