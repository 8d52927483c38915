//! At which of the addresses that a host announces it can be reached from here.
//! Knows no socket: the addresses of this machine are handed in.

use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// An address of this machine, and the net around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Own {
    pub ip: IpAddr,
    pub mask: IpAddr,
    /// The number of its interface.
    pub interface: u32,
}

impl Own {
    fn shares_a_net_with(&self, other: IpAddr) -> bool {
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
    /// The numbers of the interfaces that it was heard on.
    pub heard_on: Vec<u32>,
}

/// How many addresses of one host are kept. 16: a machine with several
/// interfaces has about three on each.
const MOST_ADDRESSES: usize = 16;

/// How good an address is, the best one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// The host is this machine.
    Here,
    /// In a net that this machine is in too.
    Near,
    /// On a wire that this machine is on too.
    Link,
    /// Somewhere else; a router may know the way.
    Far,
    /// It leads to this machine, and came from another one.
    Strange,
}

/// Where a host with these addresses can be reached at `port`, the best one
/// first.
pub(super) fn usable(candidates: &[Candidate], port: u16, own: &[Own]) -> Vec<SocketAddr> {
    if port == 0 {
        return Vec::new();
    }
    let mut ranked: Vec<_> = candidates
        .iter()
        .filter_map(|candidate| Some((rank(candidate, own)?, candidate)))
        .flat_map(|(rank, candidate)| {
            addresses(candidate, port).into_iter().map(move |address| (rank, address))
        })
        .collect();
    // Between equals IPv4 comes first, as `SocketAddr` is ordered.
    ranked.sort_unstable();
    ranked.dedup();
    // What leads here and was heard elsewhere is tried if there is nothing else.
    if ranked.first().is_some_and(|(best, _)| *best < Rank::Strange) {
        ranked.retain(|(rank, _)| *rank < Rank::Strange);
    }
    ranked.truncate(MOST_ADDRESSES);
    ranked.into_iter().map(|(_, address)| address).collect()
}

fn rank(candidate: &Candidate, own: &[Own]) -> Option<Rank> {
    let Candidate { ip, heard_on } = candidate;
    let heard = |own: &Own| heard_on.contains(&own.interface);
    let is_host = match ip {
        IpAddr::V4(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast(),
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_multicast(),
    };
    if !is_host {
        return None;
    }
    Some(if ip.is_loopback() {
        let on_loopback = own.iter().any(|own| own.ip.is_loopback() && heard(own));
        if on_loopback { Rank::Here } else { Rank::Strange }
    } else if is_link_local(*ip) {
        Rank::Link
    } else if own.iter().any(|own| own.shares_a_net_with(*ip)) {
        Rank::Near
    } else {
        Rank::Far
    })
}

const fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// The addresses to connect to. A link-local one of IPv6 needs to know the
/// interface, and is one on each.
fn addresses(candidate: &Candidate, port: u16) -> Vec<SocketAddr> {
    let on = |ip, scope| SocketAddr::V6(SocketAddrV6::new(ip, port, 0, scope));
    match candidate.ip {
        IpAddr::V6(ip) if ip.is_unicast_link_local() => {
            let interfaces = candidate.heard_on.iter().filter(|&&interface| interface != 0);
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

    fn own() -> Vec<Own> {
        let own = |ip: &str, mask: &str, interface| Own {
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

    fn from(candidates: &[(&str, &[u32])]) -> Vec<String> {
        let candidate = |(ip, heard_on): &(&str, &[u32])| Candidate {
            ip: ip.parse().unwrap(),
            heard_on: heard_on.to_vec(),
        };
        let candidates: Vec<_> = candidates.iter().map(candidate).collect();
        usable(&candidates, 9999, &own()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_address_in_a_net_of_ours_comes_before_one_that_is_not() {
        assert_eq!(
            from(&[("172.17.0.1", &[LAN]), ("fd00::7", &[LAN]), ("10.0.200.1", &[WIFI])]),
            ["10.0.200.1:9999", "[fd00::7]:9999", "172.17.0.1:9999"]
        );
    }

    #[test]
    fn a_link_local_address_carries_its_scope_and_is_none_without() {
        assert_eq!(
            from(&[("fe80::7", &[LAN, WIFI]), ("203.0.113.5", &[LAN])]),
            ["[fe80::7%2]:9999", "[fe80::7%3]:9999", "203.0.113.5:9999"]
        );
        assert!(from(&[("fe80::7", &[])]).is_empty());
        assert!(from(&[("fe80::7", &[0])]).is_empty());
        let address: SocketAddr = "[fe80::7%2]:9999".parse().unwrap();
        assert!(matches!(address, SocketAddr::V6(v6) if v6.scope_id() == 2));
    }

    #[test]
    fn loopback_is_for_a_host_on_this_machine_or_if_there_is_nothing_else() {
        assert_eq!(
            from(&[("192.168.1.20", &[LAN]), ("127.0.0.1", &[LO])]),
            ["127.0.0.1:9999", "192.168.1.20:9999"]
        );
        assert_eq!(
            from(&[("127.0.0.1", &[LAN]), ("203.0.113.5", &[LAN])]),
            ["203.0.113.5:9999"],
            "what is not heard on the loopback interface is another's"
        );
        assert_eq!(from(&[("127.0.0.1", &[LAN])]), ["127.0.0.1:9999"]);
    }

    #[test]
    fn what_cannot_be_a_host_is_none() {
        for ip in ["0.0.0.0", "224.0.0.251", "255.255.255.255", "::", "ff02::fb"] {
            assert!(from(&[(ip, &[LAN])]).is_empty(), "{ip}");
        }
        let candidate = Candidate { ip: "192.168.1.7".parse().unwrap(), heard_on: vec![LAN] };
        assert!(usable(&[candidate], 0, &own()).is_empty());
    }

    proptest! {
        #[test]
        fn the_choice_does_not_depend_on_the_order_and_has_an_end(
            mut candidates in proptest::collection::vec(
                (any::<IpAddr>(), proptest::collection::vec(0..5_u32, 0..4))
                    .prop_map(|(ip, heard_on)| Candidate { ip, heard_on }),
                0..40,
            ),
        ) {
            let there = usable(&candidates, 1, &own());
            candidates.reverse();
            prop_assert_eq!(&there, &usable(&candidates, 1, &own()));
            prop_assert!(there.len() <= MOST_ADDRESSES);
        }
    }
}
