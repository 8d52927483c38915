//! The options of a server, each default with its reason.

use std::time::Duration;

/// How a server treats its connections.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// How long a handshake may take. Default: 5 s, because it is one message.
    pub handshake_timeout: Duration,
    /// How many connections may be open at once, including unfinished handshakes.
    /// Default: 128, twice the participants, because all of them may reconnect at
    /// the same time.
    pub max_connections: usize,
    /// How long writing one batch of messages may take. Default: 15 s, the same as
    /// the session's idle timeout.
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
