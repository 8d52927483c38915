//! The options of a client, each default with its reason.

use std::time::Duration;

use crate::protocol::framing::{Codec, Compression};

/// How a client keeps its connection.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// How long connecting and shaking hands may take. 5 s.
    pub connect_timeout: Duration,
    /// After how long without a sign of life from the host the client
    /// reconnects. 15 s, three of the host's heartbeats.
    pub idle_timeout: Duration,
    /// How often the client measures the round trip. 2 s.
    pub ping_interval: Duration,
    /// How long the client waits before it tries again the first time. 0.1 s:
    /// most cuts are over at once.
    pub initial_backoff: Duration,
    /// How long the client waits at most, after doubling. 5 s: nobody stares at
    /// a screen for longer.
    pub max_backoff: Duration,
    /// How many actions may be unanswered, e.g. while there is no connection.
    /// 1,024: minutes of editing, and a fraction of a second to send.
    pub backlog: usize,
    /// The codecs that the client speaks, the favourite first. All of them, the
    /// best one first; JSON alone lets a person read along.
    pub codecs: Vec<Codec>,
    /// What the client can expand, the favourite first. All there is.
    pub compression: Vec<Compression>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(15),
            ping_interval: Duration::from_secs(2),
            initial_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(5),
            backlog: 1024,
            codecs: Codec::ALL.into(),
            compression: Compression::ALL.into(),
        }
    }
}

impl ClientConfig {
    /// The same, but speaks `codec` and no other, and compresses nothing: so one
    /// can see what it comes to, and read along if it is JSON.
    #[must_use]
    pub fn speaking(self, codec: Codec) -> Self {
        Self { codecs: vec![codec], compression: vec![], ..self }
    }
}
