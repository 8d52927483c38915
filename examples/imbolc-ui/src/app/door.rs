//! Where others join, as the host is told.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use imbolc_net::transport::where_to_join;

/// For how long what the operating system says holds. 5 s: a laptop that is taken
/// to another net says so soon, and a frame asks for nothing.
const HOLDS: Duration = Duration::from_secs(5);

/// Where others join, asked for now and then.
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
    /// Where others join whoever listens at this address.
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
