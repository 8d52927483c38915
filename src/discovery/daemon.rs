//! The mDNS daemon: a thread of `mdns-sd`, restricted to the configured
//! interfaces and shut down when its owner is dropped. Knows nothing about
//! sessions.

use std::{
    thread,
    time::{Duration, Instant},
};

use mdns_sd::{Error, IfKind, ServiceDaemon};

use crate::discovery::{DiscoveryConfig, DiscoveryError, Interfaces};

/// How often the daemon checks for new or removed interfaces, in seconds. 2, so
/// that a wireless network that comes up is used almost at once.
const INTERFACE_CHECK: u32 = 2;

/// How long the shutdown may take, including the goodbye packets. 0.25 s; it
/// usually takes a few milliseconds.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(250);

/// A `ServiceDaemon` that shuts down when it is dropped. Without this wrapper its
/// thread would keep running.
pub(super) struct Daemon(ServiceDaemon);

impl Daemon {
    pub(super) fn start(config: &DiscoveryConfig) -> Result<Self, DiscoveryError> {
        config.check()?;
        let daemon = ServiceDaemon::new_with_port(config.port)
            .map_err(|error| DiscoveryError::Start(error.to_string()))?;
        let daemon = Self(daemon);
        daemon.set_ip_check_interval(INTERFACE_CHECK).map_err(daemon_error)?;
        let selected = match &config.interfaces {
            Interfaces::All => return Ok(daemon),
            Interfaces::Loopback => vec![IfKind::LoopbackV4, IfKind::LoopbackV6],
            Interfaces::Named(names) => names.iter().map(IfKind::from).collect(),
        };
        daemon.disable_interface(IfKind::All).map_err(daemon_error)?;
        daemon.enable_interface(selected).map_err(daemon_error)?;
        Ok(daemon)
    }
}

impl std::ops::Deref for Daemon {
    type Target = ServiceDaemon;

    fn deref(&self) -> &ServiceDaemon {
        &self.0
    }
}

/// Blocks until the goodbye packets are sent, because the process may exit right
/// after.
impl Drop for Daemon {
    fn drop(&mut self) {
        let deadline = Instant::now() + SHUTDOWN_TIMEOUT;
        loop {
            match self.0.shutdown() {
                Ok(done) => {
                    let _ = done.recv_deadline(deadline);
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

/// Maps the error of a daemon command.
pub(super) fn daemon_error(error: Error) -> DiscoveryError {
    match error {
        Error::Again => DiscoveryError::Busy,
        Error::DaemonShutdown => DiscoveryError::Ended,
        other => DiscoveryError::Start(other.to_string()),
    }
}
