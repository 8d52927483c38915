//! The address that the host tells other musicians.
//!
//! It asks the operating system, and knows neither the dispatcher nor the screen.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use imbolc_net::transport::where_to_join;

/// How long an answer of the operating system is used. 5 s: a laptop that changes
/// networks shows the new address soon, and drawing a frame costs no system call.
const HOLDS: Duration = Duration::from_secs(5);

/// The address at which others join, cached.
#[derive(Debug, Default)]
pub(super) struct Door {
    known: Option<Known>,
}

#[derive(Debug)]
struct Known {
    listening: SocketAddr,
    joined: SocketAddr,
    since: Instant,
}

impl Door {
    /// The address at which others reach a host that listens at `listening`.
    pub(super) fn of(&mut self, listening: SocketAddr, now: Instant) -> SocketAddr {
        let holds = |known: &&Known| {
            known.listening == listening && now.saturating_duration_since(known.since) < HOLDS
        };
        if let Some(known) = self.known.as_ref().filter(holds) {
            return known.joined;
        }
        let joined = where_to_join(listening);
        self.known = Some(Known { listening, joined, since: now });
        joined
    }
}
