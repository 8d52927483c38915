//! The door: takes connections, and moves bytes between them and the
//! [`Authority`]. It decides nothing: every rule is in
//! [`session`](crate::sync::session).
//!
//! Each connection is one task. It hands messages to the authority, and pulls
//! what is to be sent when the socket can take more. Nothing is queued in between,
//! so a client that does not read costs a socket buffer and holds up nobody.

mod broadcast;
mod connection_table;
mod host_dispatcher;
mod server_config;
mod server_connection;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    authority::Authority,
    model::Model,
    protocol::{ClientId, Presence},
    studio::Studio,
    transport::Listener,
};
use broadcast::Broadcast;
use connection_table::ConnectionTable;
pub use connection_table::{ParticipantInfo, Stats};
pub use host_dispatcher::{HostDispatcher, HostOptions};
pub use server_config::ServerConfig;

/// Takes connections on behalf of an [`Authority`].
///
/// Dropping it shuts it down as the token that it was started with does.
pub struct NetServer<M: Model = Studio> {
    inner: Arc<ServerInner<M>>,
    address: Option<SocketAddr>,
    shutdown: CancellationToken,
    /// Cancelled when all connections are closed.
    closed: CancellationToken,
}

/// What all connections of a server share.
struct ServerInner<M: Model> {
    authority: Arc<Authority<M>>,
    config: ServerConfig,
    connections: ConnectionTable,
    broadcast: Broadcast,
    shutdown: CancellationToken,
}

impl<M: Model> NetServer<M> {
    /// Serves `authority` on `listener`, which is bound already, until
    /// `shutdown` is cancelled: then everyone is told, and
    /// [`finished`](Self::finished) resolves.
    ///
    /// # Panics
    /// If it is not called within a tokio runtime.
    #[must_use]
    pub fn serve<L: Listener>(
        authority: Arc<Authority<M>>,
        listener: L,
        shutdown: &CancellationToken,
    ) -> Self {
        Self::serve_with(authority, listener, shutdown, ServerConfig::default())
    }

    /// As [`serve`](Self::serve), with other settings.
    ///
    /// # Panics
    /// If it is not called within a tokio runtime.
    #[must_use]
    pub fn serve_with<L: Listener>(
        authority: Arc<Authority<M>>,
        listener: L,
        shutdown: &CancellationToken,
        config: ServerConfig,
    ) -> Self {
        let shutdown = shutdown.child_token();
        let address = listener.address();
        let inner = Arc::new(ServerInner {
            authority,
            config,
            connections: ConnectionTable::default(),
            broadcast: Broadcast::default(),
            shutdown: shutdown.clone(),
        });
        let closed = CancellationToken::new();
        let guard = closed.clone().drop_guard();
        let serving = Arc::clone(&inner).open(listener);
        tokio::spawn(async move {
            serving.await;
            drop(guard);
        });
        Self { inner, address, shutdown, closed }
    }

    /// Where it listens, if that is a network address.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Everyone who takes part, the host first.
    #[must_use]
    pub fn participants(&self) -> Vec<ParticipantInfo> {
        let ServerInner { authority, connections, .. } = &*self.inner;
        let roster = Arc::clone(&authority.state().roster);
        let info = |(&client_id, participant): (&ClientId, &crate::protocol::Participant)| {
            ParticipantInfo {
                client_id,
                name: participant.name.to_string(),
                privilege: roster.privilege(client_id),
                away: participant.presence != Presence::Here,
                peer: connections.peer(client_id),
                round_trip: authority.round_trip(client_id),
            }
        };
        roster.participants.iter().map(info).collect()
    }

    /// What it did since it began.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inner.connections.stats()
    }

    /// Tells everyone that the session ends, and waits until all connections
    /// are closed.
    pub async fn shut_down(&self) {
        self.shutdown.cancel();
        self.finished().await;
    }

    /// Waits until it was shut down and all connections are closed.
    pub async fn finished(&self) {
        self.closed.cancelled().await;
    }
}

impl<M: Model> Drop for NetServer<M> {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// How long after an error the next connection is taken, e.g. when the process
/// has as many open files as it may.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long everyone has to hear that the session ends.
const FAREWELL: Duration = Duration::from_secs(2);

impl<M: Model> ServerInner<M> {
    async fn open<L: Listener>(self: Arc<Self>, mut listener: L) {
        let mut connections = JoinSet::new();
        let places = Arc::new(Semaphore::new(self.config.max_connections));
        let keeper = tokio::spawn(Arc::clone(&self).keep());
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(_ended) = connections.join_next() => continue,
                () = self.shutdown.cancelled() => break,
            };
            match accepted {
                Ok((reader, writer, peer)) => {
                    if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
                        debug!(%peer, "connected");
                        let inner = Arc::clone(&self);
                        connections.spawn(async move {
                            let _open = inner.connections.open();
                            server_connection::serve(&inner, reader, writer, &peer).await;
                            drop(place);
                        });
                    } else {
                        warn!(%peer, "turned away: there are too many connections");
                        self.connections.turned_away.add(1);
                        server_connection::reject::<M, _>(writer, self.config.max_connections)
                            .await;
                    }
                }
                Err(error) => {
                    warn!(%error, "cannot take a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        let all_gone = async { while connections.join_next().await.is_some() {} };
        if timeout(FAREWELL, all_gone).await.is_err() {
            warn!("some connections did not hear that the session ends");
            connections.shutdown().await;
        }
        keeper.abort();
        info!("closed");
    }

    /// Looks after the session's timers and the engine.
    async fn keep(self: Arc<Self>) {
        loop {
            let next = self.authority.poll_timers();
            let wait = async {
                match next {
                    Some(next) => sleep(self.authority.until(next)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = wait => {}
                () = self.authority.deadline_changed() => {}
            }
        }
    }
}
