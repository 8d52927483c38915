//! Connects to a session that was found on the LAN, and follows it when its address
//! changes. Knows no message: what is sent over a connection is the client's matter.

use std::{
    fmt, io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{net::tcp, task::spawn_blocking, time::timeout};
use tracing::{debug, info};

use crate::{
    discovery::{DiscoveryClient, DiscoveryConfig, FoundSession},
    protocol::SessionId,
    transport::{Connector, TcpConnector},
};

/// How long the last known address, and each new one, has to accept a connection
/// before another one is tried. 1.5 s: one lost packet is sent again after 1 s.
const HEAD_START: Duration = Duration::from_millis(1500);

/// How many other addresses one attempt tries. 8: forged announcements of the session must
/// not keep a client from the address that it knows.
const TRIED_ELSEWHERE: usize = 8;

/// Connects to a session that was found on the LAN: to its last address, or if that
/// fails to one at which discovery lists a session of the same
/// [id](FoundSession::session_id). A connection never goes to another session's new address.
/// Whether the host there is the same is decided by its key.
///
/// A session that announces no id is not followed.
pub struct SessionConnector {
    session: Option<SessionId>,
    address: Mutex<SocketAddr>,
    config: DiscoveryConfig,
    /// Browses while the last address fails.
    browser: Mutex<Option<DiscoveryClient>>,
    /// How many other addresses have been tried.
    tried: AtomicUsize,
}

/// How long [`FoundSession::answers`] waits. 1 s: on a LAN an answer takes milliseconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

impl FoundSession {
    /// Whether the best [address](Self::address) accepts a connection within a second.
    ///
    /// # Panics
    /// As [`address`](Self::address), and outside a tokio runtime.
    pub async fn answers(&self) -> bool {
        let connecting = connect_to(self.address());
        timeout(ANSWER_TIMEOUT, connecting).await.is_ok_and(|connected| connected.is_ok())
    }
}

impl SessionConnector {
    /// A connector to `session`, which is looked for with `config`.
    #[must_use]
    pub fn new(session: &FoundSession, config: DiscoveryConfig) -> Self {
        Self {
            session: session.session_id,
            address: Mutex::new(session.address()),
            config,
            browser: Mutex::new(None),
            tried: AtomicUsize::new(0),
        }
    }

    /// The last address that accepted a connection; at first the one of the session
    /// that was found.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where discovery lists the session, except at `known`, best address first.
    fn addresses_elsewhere(&self, known: SocketAddr) -> Vec<SocketAddr> {
        let Some(session) = self.session else { return Vec::new() };
        let mut browser = self.browser.lock().unwrap_or_else(PoisonError::into_inner);
        if browser.is_none() {
            let browsing = DiscoveryClient::browse(&self.config);
            *browser =
                browsing.inspect_err(|error| debug!(%error, "cannot look for the session")).ok();
        }
        let Some(client) = &mut *browser else { return Vec::new() };
        while client.try_next().is_some() {}
        let same = client.sessions().filter(|found| found.session_id == Some(session));
        same.flat_map(|found| &found.addresses).copied().filter(|new| *new != known).collect()
    }

    fn connected(&self, address: SocketAddr) {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = address;
        if let Some(browser) = self.browser.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Its end blocks until the goodbye packets are sent.
            spawn_blocking(|| drop(browser));
        }
    }
}

impl fmt::Debug for SessionConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionConnector")
            .field("session", &self.session)
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}

impl Connector for SessionConnector {
    type Reader = tcp::OwnedReadHalf;
    type Writer = tcp::OwnedWriteHalf;

    async fn connect(&self) -> io::Result<(Self::Reader, Self::Writer, Option<SocketAddr>)> {
        let known = self.address();
        let mut direct = pin!(connect_to(known));
        let failure = match timeout(HEAD_START, &mut direct).await {
            Ok(Ok(connection)) => {
                self.connected(known);
                return Ok(connection);
            }
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        let tried = self.tried.fetch_add(TRIED_ELSEWHERE, Relaxed);
        for address in next_of(&self.addresses_elsewhere(known), tried) {
            if let Ok(Ok(connection)) = timeout(HEAD_START, connect_to(address)).await {
                info!(%known, %address, "the session has another address");
                self.connected(address);
                return Ok(connection);
            }
        }
        match failure {
            Some(error) => Err(error),
            None => direct.await.inspect(|_| self.connected(known)),
        }
    }
}

/// The addresses of `all` whose turn it is after `tried` of them.
fn next_of(all: &[SocketAddr], tried: usize) -> impl Iterator<Item = SocketAddr> {
    let first = tried % all.len().max(1);
    all[first..].iter().chain(&all[..first]).copied().take(TRIED_ELSEWHERE)
}

async fn connect_to(
    address: SocketAddr,
) -> io::Result<(tcp::OwnedReadHalf, tcp::OwnedWriteHalf, Option<SocketAddr>)> {
    TcpConnector { address: address.to_string() }.connect().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attempt_tries_some_other_addresses_and_all_get_their_turn() {
        let all: Vec<SocketAddr> = (1..=20).map(|port| ([10, 0, 0, 1], port).into()).collect();
        let ports = |all, tried| next_of(all, tried).map(|there| there.port()).collect::<Vec<_>>();
        assert_eq!(ports(&all, 0), (1..=8).collect::<Vec<_>>());
        assert_eq!(ports(&all, 16), [17, 18, 19, 20, 1, 2, 3, 4]);
        assert_eq!(ports(&all[..2], 8), [1, 2]);
        assert!(ports(&[], 8).is_empty());
    }
}
