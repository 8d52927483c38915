//! The accept loop and its handle. Knows connections only as tasks that it starts,
//! counts and ends.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    task::{JoinError, JoinSet, spawn_blocking},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    HostOptions, ParticipantInfo, Stats,
    admissions::{Admissions, fresh_code},
    broadcast::Broadcast,
    connection_table::ConnectionTable,
    server_connection::serve,
    server_inner::{LogLimits, ServerInner},
};
use crate::{
    admission::AdmissionConfig,
    authority::Authority,
    dispatcher::OpenError,
    installation::Installation,
    model::Model,
    protocol::{ClientId, Participant, Presence},
    studio::Studio,
    transport::Listener,
};

/// How long the accept loop pauses after an error, e.g. when the process has too
/// many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long the connections have to send the end of the session. 1.5 s: a program
/// must end within 2 s, whatever its peers do.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(1500);

/// How long to wait for a slow disk after the connections are closed.
const SAVE_TIMEOUT: Duration = Duration::from_millis(300);

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
    /// resolves. The session of `authority` must have been made with `options`.
    ///
    /// # Errors
    /// If an option makes no sense, or the operating system gives no random numbers.
    ///
    /// # Panics
    /// If it is not called within a tokio runtime.
    pub fn serve<L: Listener>(
        authority: Arc<Authority<M>>,
        listener: L,
        shutdown: &CancellationToken,
        options: HostOptions,
    ) -> Result<Self, OpenError> {
        let HostOptions { session, server: config, .. } = options;
        config.check()?;
        let installation = match options.installation {
            Some(installation) => installation,
            None => Installation::in_memory().map_err(OpenError::Random)?,
        };
        let known = installation.known();
        authority.decide(|session, _| {
            let named = known.iter().filter(|known| !known.name.is_empty());
            named.for_each(|known| session.bind_name(&known.name, known.key));
        });
        let admission = AdmissionConfig {
            policy: options.admission,
            local_exemption: options.local_exemption,
            attended: session.attended,
            handshake_timeout: config.handshake_timeout,
            handshakes: config.max_handshakes,
            places: session.max_participants,
        };
        let code = fresh_code().map_err(OpenError::Random)?;
        let shutdown = shutdown.child_token();
        let address = listener.address();
        let inner = Arc::new(ServerInner {
            admissions: Admissions::new(Arc::clone(&authority), admission, code, known),
            installation,
            authority,
            config,
            connections: ConnectionTable::default(),
            broadcast: Broadcast::default(),
            shutdown: shutdown.clone(),
            logs: LogLimits::default(),
        });
        let closed = CancellationToken::new();
        let guard = closed.clone().drop_guard();
        let accepting = accept_connections(Arc::clone(&inner), listener);
        tokio::spawn(async move {
            accepting.await;
            drop(guard);
        });
        Ok(Self { inner, address, shutdown, closed })
    }

    pub(super) fn admissions(&self) -> &Admissions<M> {
        &self.inner.admissions
    }

    /// The address it listens at, if that is a network address.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// All participants, in the order of their numbers: the host first.
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
    /// closed, for less than 2 s: a client that reads nothing is cut off.
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
    let timers = tokio::spawn(run_timers(Arc::clone(&inner.authority)));
    let admissions = Arc::clone(&inner.admissions);
    let entry_timers = tokio::spawn(async move { admissions.run_timers().await });
    let stop_saving = CancellationToken::new();
    let saving = tokio::spawn(save_known(Arc::clone(&inner), stop_saving.clone()));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(ended) = connections.join_next() => {
                log_panic(&inner, ended);
                continue;
            }
            () = inner.shutdown.cancelled() => break,
        };
        match accepted {
            Ok((reader, writer, peer)) => {
                let guard = inner.admissions.connected(peer.map(|peer| peer.ip()));
                let inner = Arc::clone(&inner);
                connections.spawn(async move {
                    let _open = inner.connections.count_open();
                    serve(&inner, reader, writer, peer, guard).await;
                });
            }
            Err(error) => {
                if let Some(left_out) = inner.may_log(&inner.logs.connections) {
                    warn!(%error, left_out, "cannot accept a connection");
                }
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
    entry_timers.abort();
    stop_saving.cancel();
    let _ = timeout(SAVE_TIMEOUT, saving).await;
    info!("server closed");
}

/// Saves the known participants whenever they change, until `stop` is cancelled.
async fn save_known<M: Model>(inner: Arc<ServerInner<M>>, stop: CancellationToken) {
    let mut known = inner.admissions.known();
    let mut saved = known.borrow_and_update().clone();
    loop {
        tokio::select! {
            biased;
            changed = known.changed() => if changed.is_err() { return },
            () = stop.cancelled() => return,
        }
        let next = known.borrow_and_update().clone();
        let installation = inner.installation.clone();
        let writing = spawn_blocking(move || {
            let written = installation.update_known(&saved, &next);
            (written, next)
        });
        let Ok((written, now_saved)) = writing.await else { return };
        saved = now_saved;
        if let Err(error) = written {
            warn!(%error, "the known participants cannot be saved");
        }
    }
}

/// Its client is suspended, as after any lost connection.
fn log_panic<M: Model>(inner: &ServerInner<M>, ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
        && let Some(left_out) = inner.may_log(&inner.logs.connections)
    {
        error!(%error, left_out, "the task of a connection failed");
    }
}

/// Runs the timers of the session and the engine, until it is aborted.
pub(super) async fn run_timers<M: Model>(authority: Arc<Authority<M>>) -> ! {
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
