//! The accept loop and its handle. Knows connections only as tasks that it starts,
//! counts and ends.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{
    ParticipantInfo, ServerConfig, Stats, broadcast::Broadcast, connection_table::ConnectionTable,
    server_connection::serve, server_handshake::reject, server_inner::ServerInner,
};
use crate::{
    authority::Authority,
    model::Model,
    protocol::{ClientId, Participant, Presence},
    studio::Studio,
    transport::Listener,
};

/// How long the accept loop pauses after an error, e.g. when the process has too
/// many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long the connections have to send the end of the session.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// A TCP server: accepts connections for an [`Authority`].
///
/// Dropping it shuts it down, as cancelling the `shutdown` token does.
#[must_use = "dropping it shuts the server down"]
pub struct NetServer<M: Model = Studio> {
    inner: Arc<ServerInner<M>>,
    address: Option<SocketAddr>,
    shutdown: CancellationToken,
    /// Cancelled when all connections are closed.
    closed: CancellationToken,
}

impl<M: Model> NetServer<M> {
    /// Serves `authority` on `listener`, which is already bound, until `shutdown`
    /// is cancelled. Then the clients are notified, and [`finished`](Self::finished)
    /// resolves.
    ///
    /// # Panics
    /// If it is not called within a tokio runtime.
    pub fn serve<L: Listener>(
        authority: Arc<Authority<M>>,
        listener: L,
        shutdown: &CancellationToken,
    ) -> Self {
        Self::serve_with(authority, listener, shutdown, ServerConfig::default())
    }

    /// As [`serve`](Self::serve), with options.
    ///
    /// # Panics
    /// If it is not called within a tokio runtime.
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
        let accepting = accept_connections(Arc::clone(&inner), listener);
        tokio::spawn(async move {
            accepting.await;
            drop(guard);
        });
        Self { inner, address, shutdown, closed }
    }

    /// The address it listens at, if that is a network address.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// All participants, the host first.
    #[must_use]
    pub fn participants(&self) -> Vec<ParticipantInfo> {
        let ServerInner { authority, connections, .. } = &*self.inner;
        let roster = Arc::clone(&authority.state().roster);
        let info = |(&client_id, participant): (&ClientId, &Participant)| ParticipantInfo {
            client_id,
            name: participant.name.to_string(),
            privilege: roster.privilege(client_id),
            away: participant.presence != Presence::Here,
            peer: connections.peer(client_id),
            round_trip: authority.round_trip(client_id),
        };
        roster.participants.iter().map(info).collect()
    }

    /// The counters since the start.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inner.connections.stats()
    }

    /// Ends the session for all clients, and waits until their connections are
    /// closed.
    pub async fn shut_down(&self) {
        self.shutdown.cancel();
        self.finished().await;
    }

    /// Waits until the server is shut down and all connections are closed.
    pub async fn finished(&self) {
        self.closed.cancelled().await;
    }
}

impl<M: Model> Drop for NetServer<M> {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl<M: Model> fmt::Debug for NetServer<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetServer")
            .field("address", &self.address)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// Starts a task per connection until the shutdown, and then waits for them.
async fn accept_connections<M: Model, L: Listener>(inner: Arc<ServerInner<M>>, mut listener: L) {
    let mut connections = JoinSet::new();
    let permits = Arc::new(Semaphore::new(inner.config.max_connections));
    let timers = tokio::spawn(run_timers(Arc::clone(&inner.authority)));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_ended) = connections.join_next() => continue,
            () = inner.shutdown.cancelled() => break,
        };
        match accepted {
            Ok((reader, writer, peer)) => {
                if let Ok(permit) = Arc::clone(&permits).try_acquire_owned() {
                    debug!(%peer, "connection accepted");
                    let inner = Arc::clone(&inner);
                    connections.spawn(async move {
                        let _open = inner.connections.count_open();
                        serve(&inner, reader, writer, &peer).await;
                        drop(permit);
                    });
                } else {
                    warn!(%peer, "connection rejected: too many are open");
                    inner.connections.rejected.add(1);
                    reject::<M, _>(writer, inner.config.max_connections).await;
                }
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let all_closed = async { while connections.join_next().await.is_some() {} };
    if timeout(SHUTDOWN_TIMEOUT, all_closed).await.is_err() {
        warn!("some clients may not have been told that the session ended");
        connections.shutdown().await;
    }
    timers.abort();
    info!("server closed");
}

/// Runs the timers of the session and the engine, until it is aborted.
async fn run_timers<M: Model>(authority: Arc<Authority<M>>) {
    loop {
        let next = authority.poll_timers();
        let wait = async {
            match next {
                Some(next) => sleep(authority.until(next)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = wait => {}
            () = authority.deadline_changed() => {}
        }
    }
}
