//! Where sessions are announced and looked for.

/// Where sessions are announced and looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveryConfig {
    /// On which interfaces. All of them: who plays along may be on any.
    pub interfaces: Interfaces,
    /// The UDP port. 5353, that of mDNS; another one is heard by those only who
    /// use it too.
    pub port: u16,
}

impl Default for DiscoveryConfig {
    fn default() -> Self {
        Self { interfaces: Interfaces::All, port: 5353 }
    }
}

/// Some of the network interfaces of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Interfaces {
    /// All of them, also those that come up later.
    #[default]
    All,
    /// Only those that lead to this machine itself.
    Loopback,
    /// Those with these names, e.g. `eth0`.
    Named(Vec<String>),
}
