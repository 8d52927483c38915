//! The thread that speaks mDNS: started on the interfaces that are asked for,
//! and ended with whoever started it.

use std::{
    thread,
    time::{Duration, Instant},
};

use mdns_sd::{Error, IfKind, ServiceDaemon};

use crate::discovery::{DiscoveryConfig, DiscoveryError, Interfaces};

/// How often it looks whether interfaces have come or gone, in seconds. 2: a
/// wireless net that comes up is used before one wonders.
const INTERFACE_CHECK: u32 = 2;

/// How long its end may take, with the goodbyes that belong to it. 0.25 s: it
/// takes a few milliseconds.
const END: Duration = Duration::from_millis(250);

/// A `ServiceDaemon` that ends when it is dropped; by itself it would go on.
pub(super) struct Daemon(ServiceDaemon);

impl Daemon {
    pub(super) fn start(config: &DiscoveryConfig) -> Result<Self, DiscoveryError> {
        let daemon = ServiceDaemon::new_with_port(config.port)
            .map_err(|error| DiscoveryError::Start(error.to_string()))?;
        let daemon = Self(daemon);
        daemon.set_ip_check_interval(INTERFACE_CHECK).map_err(refused)?;
        let chosen = match &config.interfaces {
            Interfaces::All => return Ok(daemon),
            Interfaces::Loopback => vec![IfKind::LoopbackV4, IfKind::LoopbackV6],
            Interfaces::Named(names) => names.iter().map(IfKind::from).collect(),
        };
        daemon.disable_interface(IfKind::All).map_err(refused)?;
        daemon.enable_interface(chosen).map_err(refused)?;
        Ok(daemon)
    }
}

impl std::ops::Deref for Daemon {
    type Target = ServiceDaemon;

    fn deref(&self) -> &ServiceDaemon {
        &self.0
    }
}

/// Waits until the goodbyes are sent: the process may end right after.
impl Drop for Daemon {
    fn drop(&mut self) {
        let deadline = Instant::now() + END;
        loop {
            match self.0.shutdown() {
                Ok(ended) => {
                    let _ = ended.recv_deadline(deadline);
                    return;
                }
                Err(Error::Again) if Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(5));
                }
                Err(_) => return,
            }
        }
    }
}

/// Why the daemon did not take a command.
pub(super) fn refused(error: Error) -> DiscoveryError {
    match error {
        Error::Again => DiscoveryError::Busy,
        Error::DaemonShutdown => DiscoveryError::Over,
        other => DiscoveryError::Start(other.to_string()),
    }
}
