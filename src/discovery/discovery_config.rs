//! The options of discovery, each default with its reason. The announcing and the
//! browsing side use the same ones.

/// Which interfaces and which port discovery uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveryConfig {
    /// The network interfaces. Default: all, because a participant may be
    /// reachable on any of them.
    pub interfaces: Interfaces,
    /// The UDP port. Default: 5353, the port of mDNS. Only programs that use the
    /// same port find each other.
    pub port: u16,
}

impl Default for DiscoveryConfig {
    fn default() -> Self {
        Self { interfaces: Interfaces::All, port: 5353 }
    }
}

/// A selection of the network interfaces of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Interfaces {
    /// All interfaces, including those that come up later.
    #[default]
    All,
    /// The loopback interface only.
    Loopback,
    /// The interfaces with these names, e.g. `eth0`.
    Named(Vec<String>),
}
