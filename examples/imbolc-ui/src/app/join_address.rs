//! The address that the host tells other musicians.
//!
//! It asks the operating system, and knows neither the dispatcher nor the screen.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use imbolc_net::transport::{interface_hint, where_to_join};

/// How long an answer of the operating system is used. 5 s: a laptop that changes
/// networks shows the new address soon, and drawing a frame costs no system call.
const CACHE_TIME: Duration = Duration::from_secs(5);

/// The address at which others join, cached.
#[derive(Debug, Default)]
pub(super) struct JoinAddress {
    cached: Option<CachedAddress>,
}

#[derive(Debug)]
struct CachedAddress {
    listening: SocketAddr,
    reachable: String,
    since: Instant,
}

impl JoinAddress {
    /// The address at which others reach a host that listens at `listening`, in words if
    /// it needs some.
    pub(super) fn get(&mut self, listening: SocketAddr, now: Instant) -> String {
        let holds = |cached: &&CachedAddress| {
            cached.listening == listening
                && now.saturating_duration_since(cached.since) < CACHE_TIME
        };
        if let Some(cached) = self.cached.as_ref().filter(holds) {
            return cached.reachable.clone();
        }
        let all: Vec<_> = where_to_join(listening).into_iter().map(with_hint).collect();
        let reachable = all.join(" or ");
        let cached = CachedAddress { listening, reachable: reachable.clone(), since: now };
        self.cached = Some(cached);
        reachable
    }
}

/// In the header there is no room for more.
fn with_hint(address: SocketAddr) -> String {
    let needs_interface = interface_hint(address).is_some();
    let hint = if needs_interface { " + your %interface" } else { "" };
    format!("{address}{hint}")
}
