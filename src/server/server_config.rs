//! The options of a server, each default with its reason.

use std::time::Duration;

/// How a server treats its connections.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// How long a handshake may take. 5 s: it is one message.
    pub handshake_timeout: Duration,
    /// How many connections may be open at once, shaking hands or joined. 128,
    /// twice the participants: everyone may be coming back at the same time.
    pub max_connections: usize,
    /// How long writing one batch of messages may take. 15 s, as the silence
    /// that a client may keep.
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
