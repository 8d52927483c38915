//! Who is connected, and what went over the wires.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use dashmap::DashMap;

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
    /// Whether it controls transport, session and buses.
    pub privilege: PrivilegeLevel,
    /// Whether it is suspended.
    pub away: bool,
    /// The other end of its connection; `None` for the host, and for those who
    /// are away.
    pub peer: Option<String>,
    /// The last round trip that was measured.
    pub round_trip: Option<Duration>,
}

/// What a server did since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections that were taken.
    pub accepted: u64,
    /// Connections that were turned away because there were too many.
    pub turned_away: u64,
    /// Connections that ended because of what the client did.
    pub faulted: u64,
    /// Connections that are open now.
    pub open: u64,
    /// Bytes that were read.
    pub bytes_in: u64,
    /// Bytes that were written.
    pub bytes_out: u64,
    /// Patches and full states that were encoded.
    pub updates_encoded: u64,
    /// Patches and full states that were sent. The more clients share one, the
    /// more this exceeds `updates_encoded`.
    pub updates_sent: u64,
}

#[derive(Default)]
pub(super) struct ConnectionTable {
    peers: DashMap<ClientId, (ConnectionId, String)>,
    accepted: Counter,
    pub(super) turned_away: Counter,
    pub(super) faulted: Counter,
    closed: Counter,
    pub(super) bytes_in: Counter,
    pub(super) bytes_out: Counter,
    pub(super) updates_encoded: Counter,
    pub(super) updates_sent: Counter,
}

impl ConnectionTable {
    /// Counts a connection that was taken. It is open until what is returned is
    /// dropped, however it ends.
    pub(super) fn open(&self) -> Open<'_> {
        self.accepted.add(1);
        Open(self)
    }

    pub(super) fn enter(&self, ticket: ConnectionId, peer: &str) {
        self.peers.insert(ticket.client, (ticket, peer.to_owned()));
    }

    /// Forgets a connection, unless a newer one of its client has replaced it.
    pub(super) fn leave(&self, ticket: ConnectionId) {
        self.peers.remove_if(&ticket.client, |_, (current, _)| *current == ticket);
    }

    pub(super) fn peer(&self, client: ClientId) -> Option<String> {
        self.peers.get(&client).map(|entry| entry.1.clone())
    }

    pub(super) fn stats(&self) -> Stats {
        let closed = self.closed.get();
        let accepted = self.accepted.get();
        Stats {
            accepted,
            turned_away: self.turned_away.get(),
            faulted: self.faulted.get(),
            open: accepted.saturating_sub(closed),
            bytes_in: self.bytes_in.get(),
            bytes_out: self.bytes_out.get(),
            updates_encoded: self.updates_encoded.get(),
            updates_sent: self.updates_sent.get(),
        }
    }
}

/// A connection that is open.
pub(super) struct Open<'a>(&'a ConnectionTable);

impl Drop for Open<'_> {
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
