//! Which connection belongs to which client, and counters of the traffic. Knows no
//! session: who takes part is in the roster.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use dashmap::DashMap;
use tokio_util::sync::CancellationToken;

use crate::{
    protocol::{ClientId, PrivilegeLevel},
    sync::session::ConnectionId,
};

/// A participant, as the server sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParticipantInfo {
    /// Its number.
    pub client_id: ClientId,
    /// Its name.
    pub name: String,
    /// Whether it controls transport, session settings and buses.
    pub privilege: PrivilegeLevel,
    /// Whether it is suspended.
    pub away: bool,
    /// The remote end of its connection; `None` for the host and for suspended
    /// participants.
    pub peer: Option<String>,
    /// The last measured round trip.
    pub round_trip: Option<Duration>,
}

/// Counters since the server started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Accepted connections.
    pub accepted: u64,
    /// Connections closed because others needed the place of their handshake.
    pub rejected: u64,
    /// Connections closed because of a fault of the client.
    pub faulted: u64,
    /// Connections that are open now.
    pub open: u64,
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
    /// Patches and full states encoded.
    pub updates_encoded: u64,
    /// Patches and full states sent. It exceeds `updates_encoded` when clients
    /// share a frame.
    pub updates_sent: u64,
}

struct OpenConnection {
    id: ConnectionId,
    peer: String,
    superseded: CancellationToken,
}

#[derive(Default)]
pub(super) struct ConnectionTable {
    peers: DashMap<ClientId, OpenConnection>,
    accepted: Counter,
    pub(super) rejected: Counter,
    pub(super) faulted: Counter,
    closed: Counter,
    pub(super) bytes_in: Counter,
    pub(super) bytes_out: Counter,
    pub(super) updates_encoded: Counter,
    pub(super) updates_sent: Counter,
}

impl ConnectionTable {
    /// Counts an accepted connection. It counts as open until the guard is
    /// dropped.
    pub(super) fn count_open(&self) -> OpenGuard<'_> {
        self.accepted.add(1);
        OpenGuard(self)
    }

    /// Records a joined client's connection. Returns what is cancelled when a newer one
    /// replaces it.
    pub(super) fn insert(&self, id: ConnectionId, peer: &str) -> CancellationToken {
        let superseded = CancellationToken::new();
        let open = OpenConnection { id, peer: peer.to_owned(), superseded: superseded.clone() };
        if let Some(before) = self.peers.insert(id.client, open) {
            before.superseded.cancel();
        }
        superseded
    }

    /// Removes a connection, unless a newer one of its client has replaced it.
    pub(super) fn remove(&self, connection: ConnectionId) {
        self.peers.remove_if(&connection.client, |_, current| current.id == connection);
    }

    pub(super) fn peer(&self, client: ClientId) -> Option<String> {
        self.peers.get(&client).map(|open| open.peer.clone())
    }

    pub(super) fn stats(&self) -> Stats {
        let closed = self.closed.get();
        let accepted = self.accepted.get();
        Stats {
            accepted,
            rejected: self.rejected.get(),
            faulted: self.faulted.get(),
            open: accepted.saturating_sub(closed),
            bytes_in: self.bytes_in.get(),
            bytes_out: self.bytes_out.get(),
            updates_encoded: self.updates_encoded.get(),
            updates_sent: self.updates_sent.get(),
        }
    }
}

/// Counts a connection as closed when it is dropped.
#[must_use = "dropping it counts the connection as closed"]
pub(super) struct OpenGuard<'a>(&'a ConnectionTable);

impl Drop for OpenGuard<'_> {
    fn drop(&mut self) {
        self.0.closed.add(1);
    }
}

#[derive(Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, amount: usize) {
        self.0.fetch_add(amount as u64, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
