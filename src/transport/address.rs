//! Network addresses of a session: what users type, what it means, and where others can
//! reach a host.
//!
//! It opens no connection. It asks the operating system for names, routes and
//! interfaces.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket},
};

use tokio::net::lookup_host;

use crate::protocol::DEFAULT_PORT;

/// `address`, with [`DEFAULT_PORT`] appended if it has no port. An IPv6 address without
/// brackets gets them. A link-local address may end in the interface of this machine, by its
/// name or number.
///
/// ```
/// use imbolc_net::transport::with_port;
///
/// assert_eq!(with_port("192.168.1.20"), "192.168.1.20:9999");
/// assert_eq!(with_port("stage:7000"), "stage:7000");
/// assert_eq!(with_port("fe80::1%eth0"), "[fe80::1%eth0]:9999");
/// ```
#[must_use]
pub fn with_port(address: &str) -> String {
    let (ip, interface) = address.split_once('%').unwrap_or((address, ""));
    if ip.parse::<Ipv6Addr>().is_ok() {
        return match interface.rsplit_once(':') {
            Some((interface, port)) => format!("[{ip}%{interface}]:{port}"),
            None => format!("[{address}]:{DEFAULT_PORT}"),
        };
    }
    if address.rsplit(']').next().is_some_and(|end| end.contains(':')) {
        address.into()
    } else {
        format!("{address}:{DEFAULT_PORT}")
    }
}

/// What `address`, of the form `host:port`, means on this machine: at least one address.
///
/// # Errors
/// If the host name is unknown, or a link-local address names no interface of this
/// machine.
pub(super) async fn resolve(address: &str) -> io::Result<Vec<SocketAddr>> {
    if let Some(scoped) = scoped(address) {
        return scoped.map(|address| vec![address.into()]);
    }
    usable(lookup_host(address).await?.collect())
}

/// Those of `found` that need no interface: a host name may have others, too.
fn usable(mut found: Vec<SocketAddr>) -> io::Result<Vec<SocketAddr>> {
    let unscoped = |address: &mut SocketAddr| is_on_the_link(*address) && scope(*address) == 0;
    let useless: Vec<_> = found.extract_if(.., unscoped).collect();
    match useless.first() {
        _ if !found.is_empty() => Ok(found),
        Some(address) => Err(no_interface(address.ip())),
        None => Err(io::Error::other("there is no such host")),
    }
}

fn no_interface(ip: IpAddr) -> io::Error {
    let all = needed_interfaces(ip);
    io::Error::other(format!("{ip} needs a network interface of this machine, e.g. {all}"))
}

/// The address `[ip%interface]:port`, or `[ip%25interface]:port` as in a URL (RFC 6874);
/// `None` if `address` has another form.
fn scoped(address: &str) -> Option<io::Result<SocketAddrV6>> {
    let (host, port) = address.strip_prefix('[')?.rsplit_once("]:")?;
    let (ip, interface) = host.split_once('%')?;
    let (ip, port) = (ip.parse::<Ipv6Addr>().ok()?, port.parse().ok()?);
    if matches!(interface, "" | "0") {
        return Some(Err(no_interface(ip.into())));
    }
    let number = interface.parse().ok().or_else(|| interface_number(interface));
    let number = number.or_else(|| interface_number(interface.strip_prefix("25")?));
    Some(number.map(|number| SocketAddrV6::new(ip, port, 0, number)).ok_or_else(|| {
        io::Error::other(format!(
            "this machine has no network interface {interface}; try {}",
            needed_interfaces(ip.into())
        ))
    }))
}

fn interface_number(name: &str) -> Option<u32> {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    all.into_iter().find(|interface| interface.name == name)?.index
}

/// `ip` with each interface of this machine over which it may be reached.
fn needed_interfaces(ip: IpAddr) -> String {
    let mut there: Vec<_> =
        link_local_addresses().into_iter().map(|(name, _)| format!("{ip}%{name}")).collect();
    there.dedup();
    if there.is_empty() { format!("{ip}%eth0") } else { there.join(" or ") }
}

/// The link-local addresses of this machine, with the names of their interfaces, sorted.
fn link_local_addresses() -> Vec<(String, Ipv6Addr)> {
    let all = if_addrs::get_if_addrs().unwrap_or_default().into_iter();
    let mut found: Vec<_> = all
        .filter(|interface| interface.is_oper_up() && !interface.is_loopback())
        .filter_map(|interface| match interface.ip() {
            IpAddr::V6(ip) if ip.is_unicast_link_local() => Some((interface.name, ip)),
            _ => None,
        })
        .collect();
    found.sort();
    found
}

fn is_on_the_link(address: SocketAddr) -> bool {
    matches!(address.ip(), IpAddr::V6(ip) if ip.is_unicast_link_local())
}

fn scope(address: SocketAddr) -> u32 {
    if let SocketAddr::V6(v6) = address { v6.scope_id() } else { 0 }
}

/// The addresses at which clients can join a host that listens at `address`: at least
/// one. The interface of a link-local address is left out, because each client has to
/// name [its own](interface_hint).
///
/// That is `address` itself, unless it is unspecified (`0.0.0.0` or `[::]`): then it
/// is [where the host is seen](seen_from_elsewhere), or loopback if there is no network.
#[must_use]
pub fn where_to_join(address: SocketAddr) -> Vec<SocketAddr> {
    if !address.ip().is_unspecified() {
        return vec![SocketAddr::new(address.ip(), address.port())];
    }
    let mut there = seen_from_elsewhere(address);
    if there.is_empty() {
        there.push((Ipv4Addr::LOCALHOST, address.port()).into());
    }
    there
}

/// The address on the network of a host that listens at every address of this
/// machine: the one from which the machine would send. IPv4 is preferred, because it
/// is easier to type. A machine without a route has the IPv4 addresses of its interfaces,
/// or else the link-local ones, without the names of the interfaces. Empty if `address` is specific already, or if there
/// is no network.
#[must_use]
pub fn seen_from_elsewhere(address: SocketAddr) -> Vec<SocketAddr> {
    if !address.ip().is_unspecified() {
        return Vec::new();
    }
    // These addresses are reserved for documentation (RFC 5737 and 3849), so the
    // route to them is the default route.
    let by_ipv4 = (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into());
    let elsewhere = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let by_ipv6 = (Ipv6Addr::UNSPECIFIED.into(), elsewhere.into());
    // A listener at `[::]` accepts IPv4, too.
    let routed = source_address(by_ipv4)
        .or_else(|| source_address(by_ipv6).filter(|_| address.is_ipv6()))
        .map(|ip| vec![ip]);
    let on_the_link = || {
        let all = link_local_addresses().into_iter().filter(|_| address.is_ipv6());
        all.map(|(_, ip)| ip.into()).collect()
    };
    let unrouted = || {
        let all = if_addrs::get_if_addrs().unwrap_or_default().into_iter();
        let up = all.filter(|interface| interface.is_oper_up() && !interface.is_loopback());
        let by_ipv4: Vec<_> = up.map(|interface| interface.ip()).filter(IpAddr::is_ipv4).collect();
        if by_ipv4.is_empty() { on_the_link() } else { by_ipv4 }
    };
    let there: Vec<IpAddr> = routed.unwrap_or_else(unrouted);
    there.into_iter().map(|ip| SocketAddr::new(ip, address.port())).collect()
}

/// How to join at `address` if it alone does not say over which interface: in words, to
/// follow the address. `None` if nothing is missing.
///
/// ```
/// use imbolc_net::transport::interface_hint;
///
/// let hint = interface_hint("[fe80::1]:9999".parse().unwrap()).unwrap();
/// assert_eq!(hint, "with your own network interface, e.g. [fe80::1%eth0]:9999");
/// ```
#[must_use]
pub fn interface_hint(address: SocketAddr) -> Option<String> {
    (is_on_the_link(address) && scope(address) == 0).then(|| {
        let (ip, port) = (address.ip(), address.port());
        format!("with your own network interface, e.g. [{ip}%eth0]:{port}")
    })
}

/// The address of this machine from which packets to `there` would be sent; `None` if
/// there is no route.
fn source_address((any, there): (IpAddr, IpAddr)) -> Option<IpAddr> {
    // Connecting a UDP socket sends nothing.
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((there, 9)).ok()?;
    let here = socket.local_addr().ok()?.ip();
    let is_linked = matches!(here, IpAddr::V6(ip) if ip.is_unicast_link_local());
    (!here.is_unspecified() && !here.is_loopback() && !is_linked).then_some(here)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::io::describe;

    #[test]
    fn address_without_port_gets_the_default() {
        for (typed, expected) in [
            ("192.168.1.100", "192.168.1.100:9999"),
            ("stage", "stage:9999"),
            ("[fe80::1]", "[fe80::1]:9999"),
            ("[fe80::1]:7000", "[fe80::1]:7000"),
            ("::1", "[::1]:9999"),
            ("fe80::1%eth0", "[fe80::1%eth0]:9999"),
            ("fe80::1%2", "[fe80::1%2]:9999"),
            ("fe80::1%eth0:7000", "[fe80::1%eth0]:7000"),
            ("[fe80::1%eth0]", "[fe80::1%eth0]:9999"),
            ("[fe80::1%eth0]:7000", "[fe80::1%eth0]:7000"),
        ] {
            assert_eq!(with_port(typed), expected);
        }
    }

    async fn resolved(typed: &str) -> Result<String, String> {
        let found = resolve(&with_port(typed)).await;
        found.map(|found| found[0].to_string()).map_err(|error| describe(&error))
    }

    #[tokio::test]
    async fn interface_is_given_by_name_or_number() {
        // Every machine has a loopback interface; its name differs.
        let all = if_addrs::get_if_addrs().unwrap();
        let loopback = all.iter().find(|interface| interface.is_loopback()).unwrap();
        let (name, number) = (&loopback.name, loopback.index.unwrap());
        let expected = Ok(format!("[fe80::1%{number}]:9999"));
        for typed in [
            format!("fe80::1%{name}"),
            format!("[fe80::1%{name}]:9999"),
            format!("[fe80::1%25{name}]"),
        ] {
            assert_eq!(resolved(&typed).await, expected, "{typed}");
        }
        assert_eq!(resolved(&format!("fe80::1%{number}")).await, expected);
    }

    #[tokio::test]
    async fn missing_interface_is_asked_for_in_words() {
        let there = needed_interfaces("fe80::1".parse().unwrap());
        assert!(there.starts_with("fe80::1%"), "{there}");
        let unknown = format!("this machine has no network interface nope; try {there}");
        assert_eq!(resolved("fe80::1%nope").await, Err(unknown));
        let missing = format!("fe80::1 needs a network interface of this machine, e.g. {there}");
        for typed in ["fe80::1", "fe80::1%", "[fe80::1%0]:9999"] {
            assert_eq!(resolved(typed).await, Err(missing.clone()), "{typed}");
        }
        assert_eq!(
            resolved("fe80::1%eth0:x").await,
            Err("that is not an address of the form host:port".into())
        );
    }

    #[test]
    fn host_name_with_other_addresses_needs_no_interface() {
        let [v4, linked] = ["10.0.0.1:9999", "[fe80::1]:9999"].map(|text| text.parse().unwrap());
        assert_eq!(usable(vec![linked, v4]).unwrap(), [v4]);
        assert!(usable(vec![linked]).is_err() && usable(vec![]).is_err());
    }

    #[test]
    fn refusal_by_the_system_is_not_a_wrong_form() {
        let refused = io::Error::from_raw_os_error(22);
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(describe(&refused), "the operating system does not take that address");
    }

    #[test]
    fn only_unspecified_address_is_seen_from_elsewhere() {
        assert_eq!(seen_from_elsewhere((Ipv4Addr::LOCALHOST, DEFAULT_PORT).into()), []);
        for there in seen_from_elsewhere((Ipv4Addr::UNSPECIFIED, DEFAULT_PORT).into()) {
            assert!(!there.ip().is_unspecified() && there.port() == DEFAULT_PORT, "{there}");
        }
    }

    #[test]
    fn where_to_join_is_a_specific_address() {
        for everywhere in ["0.0.0.0:9999", "[::]:9999"] {
            let there = where_to_join(everywhere.parse().unwrap());
            assert!(!there.is_empty());
            let by_ipv4 =
                source_address((Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into()));
            for there in there {
                assert!(!there.ip().is_unspecified() && there.port() == DEFAULT_PORT, "{there}");
                assert!(by_ipv4.is_none() || there.is_ipv4(), "{there}");
            }
        }
        let one = "192.168.1.20:9999".parse().unwrap();
        assert_eq!(where_to_join(one), [one]);
    }

    #[test]
    fn interface_of_the_host_is_not_told_to_others() {
        let here = SocketAddrV6::new("fe80::1".parse().unwrap(), 9999, 0, 2).into();
        let [there] = where_to_join(here)[..] else { panic!() };
        assert_eq!(there.to_string(), "[fe80::1]:9999");
        assert!(interface_hint(there).unwrap().ends_with("[fe80::1%eth0]:9999"));
        assert_eq!(interface_hint("[2001:db8::1]:9999".parse().unwrap()), None);
        assert_eq!(interface_hint("169.254.1.1:9999".parse().unwrap()), None);
    }
}
