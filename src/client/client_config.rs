//! The options of a client's connection, each default with its reason.

use std::time::Duration;

use crate::{
    protocol::framing::{Codec, Compression},
    util::option::{LONGEST, OptionError, SHORTEST, check_below, check_range},
};

/// How a client maintains its connection.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// How long the host may be silent while connecting and in the handshake, from
    /// the start until the first byte, and then between two bytes. A large state may
    /// take longer in total. Default: 5 s.
    pub connect_timeout: Duration,
    /// How long the host may be silent before the client reconnects. Default: 15 s,
    /// three heartbeats of the host.
    pub idle_timeout: Duration,
    /// How often the client measures the round trip. Default: 2 s.
    pub ping_interval: Duration,
    /// The pause before the first attempt to reconnect. Default: 0.1 s, because
    /// most interruptions are short. It doubles with each attempt.
    pub initial_backoff: Duration,
    /// The longest pause between two attempts. Default: 5 s; a longer wait feels
    /// unresponsive.
    pub max_backoff: Duration,
    /// How many actions may be unanswered, e.g. while disconnected. Default: 1,024,
    /// which holds minutes of editing and is sent in a fraction of a second.
    pub backlog: usize,
    /// The codecs to offer, preferred first. Default: all. With JSON alone the
    /// traffic is readable.
    pub codecs: Vec<Codec>,
    /// The compressions to offer, preferred first. Default: all.
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
    /// Checks that every option makes sense: durations from 1 ms to 30 days,
    /// `ping_interval` below `idle_timeout`, `initial_backoff` not above `max_backoff`,
    /// and a backlog of 1 to 1,000,000. Without a codec to offer the client speaks JSON.
    ///
    /// # Errors
    /// The first option that does not.
    pub fn check(&self) -> Result<(), OptionError> {
        for (name, duration) in [
            ("connect_timeout", self.connect_timeout),
            ("idle_timeout", self.idle_timeout),
            ("ping_interval", self.ping_interval),
            ("max_backoff", self.max_backoff),
        ] {
            check_range(name, duration, SHORTEST..=LONGEST)?;
        }
        check_range("initial_backoff", self.initial_backoff, SHORTEST..=self.max_backoff)?;
        check_range("backlog", self.backlog, 1..=1_000_000)?;
        check_below("ping_interval", self.ping_interval, ("idle_timeout", self.idle_timeout))
    }

    /// Offers only `codec`, without compression. Useful to compare codecs, or to
    /// read the traffic as JSON.
    #[must_use]
    pub fn speaking(self, codec: Codec) -> Self {
        Self { codecs: vec![codec], compression: vec![], ..self }
    }
}
