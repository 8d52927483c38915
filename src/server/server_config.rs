//! The options of a server, each default with its reason.

use std::time::Duration;

use crate::util::option::{LONGEST, OptionError, SHORTEST, check_range};

/// How a server treats its connections.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// How long the `Hello` of a client may take, or whatever it shows to be admitted.
    /// Default: 5 s, because these are a few small messages.
    pub handshake_timeout: Duration,
    /// How many handshakes of keys that are not known may be unfinished. Then one of the
    /// address with most of them makes room. Default: 128, so that a household that
    /// reconnects at the same time does not displace itself.
    pub max_handshakes: usize,
    /// How long a client may take no byte of what is written to it. However large the
    /// frame, there is no other limit on the time that it takes. Default: 15 s, the
    /// same as the session's idle timeout.
    pub write_timeout: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(5),
            max_handshakes: 128,
            write_timeout: Duration::from_secs(15),
        }
    }
}

impl ServerConfig {
    /// Checks that every option makes sense: timeouts from 1 ms to 30 days, and 1 to
    /// 65,536 handshakes, more than there are ports.
    ///
    /// # Errors
    /// The first option that does not.
    pub fn check(&self) -> Result<(), OptionError> {
        check_range("handshake_timeout", self.handshake_timeout, SHORTEST..=LONGEST)?;
        check_range("max_handshakes", self.max_handshakes, 1..=65_536)?;
        check_range("write_timeout", self.write_timeout, SHORTEST..=LONGEST)
    }
}
