//! The options of a server, each default with its reason.

use std::time::Duration;

use crate::util::option::{LONGEST, OptionError, SHORTEST, check_range};

/// How a server treats its connections.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// How long the `Hello` of a client may take. Default: 5 s, because it is one
    /// small message.
    pub handshake_timeout: Duration,
    /// How many connections may be open at once, including unfinished handshakes.
    /// When it is reached, the oldest unfinished handshake makes room for a new
    /// connection. Default: 128, twice the participants, because all of them may
    /// reconnect at the same time.
    pub max_connections: usize,
    /// How long a client may take no byte of what is written to it. However large the
    /// frame, there is no other limit on the time that it takes. Default: 15 s, the
    /// same as the session's idle timeout.
    pub write_timeout: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(5),
            max_connections: 128,
            write_timeout: Duration::from_secs(15),
        }
    }
}

impl ServerConfig {
    /// Checks that every option makes sense: timeouts from 1 ms to 30 days, and 1 to
    /// 65,536 connections, more than there are ports.
    ///
    /// # Errors
    /// The first option that does not.
    pub fn check(&self) -> Result<(), OptionError> {
        check_range("handshake_timeout", self.handshake_timeout, SHORTEST..=LONGEST)?;
        check_range("max_connections", self.max_connections, 1..=65_536)?;
        check_range("write_timeout", self.write_timeout, SHORTEST..=LONGEST)
    }
}
