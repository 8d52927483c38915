//! The options of discovery, each default with its reason. The announcing and the
//! browsing side use the same ones.

use crate::util::option::{OptionError, check_range};

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

impl DiscoveryConfig {
    /// Checks that every option makes sense: a port other than 0, at which no other
    /// program would be found, and at least one interface.
    ///
    /// # Errors
    /// The first option that does not.
    pub fn check(&self) -> Result<(), OptionError> {
        check_range("port", self.port, 1..=u16::MAX)?;
        match &self.interfaces {
            Interfaces::Named(names) if names.is_empty() || names.iter().any(String::is_empty) => {
                Err(OptionError { name: "interfaces", problem: "must name an interface".into() })
            }
            _ => Ok(()),
        }
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
