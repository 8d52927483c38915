//! Through the door: the session lives on another machine.
//!
//! A [`RemoteDispatcher`] is a [`Mirror`] and a task that keeps it connected.
//! The UI's calls touch the mirror only, never the network, so they return at
//! once, in every state of the connection.

mod client_config;
mod client_connection;
mod reconnector;
mod token_file;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::{Notify, broadcast, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use client_config::ClientConfig;
pub use token_file::{SavedToken, TokenFile};

use crate::{
    dispatcher::{
        Clock, CloseReason, ConnectionError, DispatchError, Dispatcher, EVENT_BACKLOG, Event,
        Events, Identity, OpenError, Status,
    },
    model::{InstrumentId, Metering, Model},
    protocol::{ActionNumber, ClientId, ClientMessage, NetworkState, Resume, SessionId, limits},
    studio::Studio,
    sync::mirror::{Mirror, MirrorError},
    transport::{Connector, TcpConnector},
    util::{snapshot::SnapshotCell, time::Timestamp},
};
use reconnector::Reconnector;

/// What a client asks for when it joins.
#[derive(Debug, Default)]
pub struct JoinOptions {
    /// What one wants to be called.
    pub name: String,
    /// The instruments that one asks to own.
    pub own: Vec<InstrumentId>,
    /// Whether one asks for the privilege.
    pub privilege: bool,
    /// Where the secret is kept with which one comes back, even after one's
    /// process was killed; without it, only this dispatcher can come back.
    pub token_file: Option<TokenFile>,
    /// How the connection is kept.
    pub config: ClientConfig,
}

/// A session on another machine. It reconnects by itself, and reads on from its
/// last snapshot meanwhile.
///
/// Dropping it cuts the connection, as a crash would; [`close`](Dispatcher::close)
/// says goodbye.
pub struct RemoteDispatcher<M: Model = Studio> {
    shared: Arc<Shared<M>>,
    stop: CancellationToken,
}

/// What the UI's calls and the connection's task share.
struct Shared<M: Model> {
    state: Mutex<State<M>>,
    snapshot: SnapshotCell<NetworkState<M>>,
    confirmed: SnapshotCell<NetworkState<M>>,
    who: SnapshotCell<SessionIdentity>,
    metering: SnapshotCell<Metering>,
    status: SnapshotCell<Status>,
    events: broadcast::Sender<Event<M>>,
    /// What happened before anybody could subscribe.
    early: Mutex<Vec<Event<M>>>,
    clock: Clock,
    /// By how many microseconds the session's clock is ahead of `clock`.
    ahead: AtomicI64,
    /// There may be something to send.
    wake: Notify,
    /// The UI wants to leave.
    leave: CancellationToken,
    /// The task is done.
    done: CancellationToken,
}

/// Who one is in the session.
struct SessionIdentity {
    session: SessionId,
    client: ClientId,
    name: String,
}

impl SessionIdentity {
    fn of<M: Model>(mirror: &Mirror<M>) -> Arc<Self> {
        let name = mirror.name().to_owned();
        Arc::new(Self { session: mirror.session(), client: mirror.client(), name })
    }
}

/// Who waits for the authority's word on an action.
type Waiting = HashMap<ActionNumber, oneshot::Sender<Result<(), DispatchError>>>;

struct State<M: Model> {
    mirror: Mirror<M>,
    waiting: Waiting,
}

impl RemoteDispatcher {
    /// Joins the studio at `address`, which is `host:port`.
    ///
    /// # Errors
    /// If the host cannot be reached, or does not let one in.
    ///
    /// # Panics
    /// If it is not called within a tokio runtime.
    pub async fn connect(address: &str, options: JoinOptions) -> Result<Self, OpenError> {
        let connector = TcpConnector { address: address.into() };
        Self::join(connector, options)
            .await
            .map_err(|reason| OpenError::Join { address: address.into(), reason })
    }
}

impl<M: Model> RemoteDispatcher<M> {
    /// Joins the session that `connector` leads to.
    ///
    /// # Errors
    /// If the host cannot be reached, or does not let one in.
    ///
    /// # Panics
    /// If it is not called within a tokio runtime.
    pub async fn join<C: Connector>(
        connector: C,
        options: JoinOptions,
    ) -> Result<Self, ConnectionError> {
        let saved = options.token_file.as_ref().and_then(TokenFile::load);
        let resume = saved.map(|saved| Resume { token: saved.token, seq: None, answered: None });
        let mut reconnector = Reconnector { connector, options, window: Duration::ZERO };
        let wire = match reconnector.enter::<M>(resume).await {
            Err(ConnectionError::ResumeRefused(_)) => reconnector.enter(None).await?,
            other => other?,
        };
        let clock = Clock::runtime();
        let ahead = AtomicI64::new(ahead(wire.reply.clock(), clock.now()));
        let (wire, mut mirror) = reconnector.first_mirror(wire).await?;
        let early = [mirror.take_events(), reconnector.denial(&mirror)].concat();
        reconnector.save_token(&mirror);
        info!(client = %mirror.client(), session = %mirror.session(), "joined");

        let shared = Arc::new(Shared {
            snapshot: SnapshotCell::new(Arc::clone(mirror.predicted())),
            confirmed: SnapshotCell::new(Arc::clone(mirror.confirmed())),
            who: SnapshotCell::new(SessionIdentity::of(&mirror)),
            state: Mutex::new(State { mirror, waiting: HashMap::new() }),
            metering: SnapshotCell::new(Arc::default()),
            status: SnapshotCell::new(Arc::new(Status::Connected { round_trip: None })),
            events: broadcast::Sender::new(EVENT_BACKLOG),
            early: Mutex::new(early),
            clock,
            ahead,
            wake: Notify::new(),
            leave: CancellationToken::new(),
            done: CancellationToken::new(),
        });
        let stop = CancellationToken::new();
        let mut keeping = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move { reconnector.keep(&shared, wire).await }
        });
        tokio::spawn({
            let (shared, stop) = (Arc::clone(&shared), stop.clone());
            async move {
                let _done = shared.done.clone().drop_guard();
                tokio::select! {
                    // It ends by itself when all is over, and otherwise only by a
                    // panic: a UI must not believe that it is connected.
                    ended = &mut keeping => {
                        if let Err(panic) = ended {
                            let reason = ConnectionError::Malformed(panic.to_string());
                            shared.close(&CloseReason::ConnectionLost(reason));
                        }
                    }
                    () = stop.cancelled() => keeping.abort(),
                }
            }
        });
        Ok(Self { shared, stop })
    }

    /// How many of one's actions the authority has not answered.
    #[must_use]
    pub fn unanswered(&self) -> usize {
        self.shared.lock().mirror.unanswered()
    }

    fn say(&self, message: ClientMessage<M>) -> Result<(), DispatchError> {
        self.shared.status.peek(|status| match status {
            Status::Closed { reason } => Err(DispatchError::Closed(reason.clone())),
            Status::Reconnecting { .. } => Err(DispatchError::Offline),
            Status::Alone | Status::Hosting { .. } | Status::Connected { .. } => Ok(()),
        })?;
        self.shared.lock().mirror.wish(message)?;
        self.shared.wake.notify_one();
        Ok(())
    }
}

impl<M: Model> Drop for RemoteDispatcher<M> {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[async_trait]
impl<M: Model> Dispatcher<M> for RemoteDispatcher<M> {
    fn dispatch(&self, action: M::Action) -> Result<(), DispatchError> {
        self.shared.submit(None, |mirror, now| mirror.dispatch(now, action))
    }

    async fn commit(&self, action: M::Action) -> Result<(), DispatchError> {
        let (sender, receiver) = oneshot::channel();
        self.shared.submit(Some(sender), |mirror, now| mirror.dispatch(now, action))?;
        // The sender is dropped if the dispatcher is.
        receiver.await.unwrap_or(Err(DispatchError::Closed(CloseReason::ByRequest)))
    }

    fn undo(&self) -> Result<(), DispatchError> {
        self.shared.submit(None, |mirror, _| mirror.undo())
    }

    fn redo(&self) -> Result<(), DispatchError> {
        self.shared.submit(None, |mirror, _| mirror.redo())
    }

    fn state(&self) -> Arc<NetworkState<M>> {
        self.shared.snapshot.load()
    }

    fn confirmed(&self) -> Arc<NetworkState<M>> {
        self.shared.confirmed.load()
    }

    fn clock(&self) -> Timestamp {
        let own = self.shared.clock.now().micros();
        Timestamp::from_micros(own.saturating_add_signed(self.shared.ahead.load(Relaxed)))
    }

    fn metering(&self) -> Metering {
        self.shared.metering.peek(|metering| *metering)
    }

    fn status(&self) -> Status {
        self.shared.status.peek(Status::clone)
    }

    fn identity(&self) -> Identity {
        let who = self.shared.who.load();
        let roster = Arc::clone(&self.state().roster);
        Identity {
            session: who.session,
            client_id: who.client,
            name: who.name.clone(),
            privilege: roster.privilege(who.client),
            instruments: roster.owned_by(who.client).collect(),
        }
    }

    fn events(&self) -> Events<M> {
        let mut early = self.shared.early.lock().unwrap_or_else(PoisonError::into_inner);
        Events::new(self.shared.events.subscribe()).preceded_by(std::mem::take(&mut early))
    }

    fn request_ownership(&self, instruments: &[InstrumentId]) -> Result<(), DispatchError> {
        in_portions(instruments)
            .try_for_each(|instruments| self.say(ClientMessage::RequestOwnership { instruments }))
    }

    fn release_ownership(&self, instruments: &[InstrumentId]) -> Result<(), DispatchError> {
        in_portions(instruments)
            .try_for_each(|instruments| self.say(ClientMessage::ReleaseOwnership { instruments }))
    }

    fn request_privilege(&self) -> Result<(), DispatchError> {
        self.say(ClientMessage::RequestPrivilege)
    }

    fn release_privilege(&self) -> Result<(), DispatchError> {
        self.say(ClientMessage::ReleasePrivilege)
    }

    fn resynchronise(&self) -> Result<(), DispatchError> {
        self.say(ClientMessage::RequestFullSync)
    }

    async fn close(&self) {
        self.shared.leave.cancel();
        self.shared.done.cancelled().await;
    }
}

impl<M: Model> Shared<M> {
    fn lock(&self) -> MutexGuard<'_, State<M>> {
        // A model that panicked did so on a copy of the state: what stands is
        // whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the mirror do something that is numbered.
    fn submit(
        &self,
        waiting: Option<oneshot::Sender<Result<(), DispatchError>>>,
        deed: impl FnOnce(&mut Mirror<M>, Timestamp) -> Result<ActionNumber, MirrorError>,
    ) -> Result<(), DispatchError> {
        let now = self.clock.now();
        if self.leave.is_cancelled() {
            return Err(DispatchError::Closed(CloseReason::ByRequest));
        }
        self.update(|state| {
            // Under the lock: whoever closes tells those who wait by then.
            self.status.peek(|status| match status {
                Status::Closed { reason } => Err(DispatchError::Closed(reason.clone())),
                _ => Ok(()),
            })?;
            let number = deed(&mut state.mirror, now)?;
            state.waiting.extend(waiting.map(|waiting| (number, waiting)));
            Ok(())
        })
    }

    /// Changes the mirror, and publishes what came of it.
    fn update<R>(&self, change: impl FnOnce(&mut State<M>) -> R) -> R {
        let mut state = self.lock();
        let before = Arc::clone(state.mirror.predicted());
        let confirmed_before = Arc::clone(state.mirror.confirmed());
        let result = change(&mut state);
        let after = Arc::clone(state.mirror.predicted());
        let changed = !Arc::ptr_eq(&before, &after);
        let confirmed = state.mirror.confirmed();
        let confirmed = (!Arc::ptr_eq(&confirmed_before, confirmed))
            .then(|| self.confirmed.publish(Arc::clone(confirmed)));
        let replaced = changed.then(|| self.snapshot.publish(Arc::clone(&after)));
        // After that: whoever hears of something must find it in the snapshot.
        for event in state.mirror.take_events() {
            if let Event::Resynchronised(why) = &event
                && why.is_repair()
            {
                warn!(%why, "everything was sent anew");
            }
            self.tell(event);
        }
        if changed && self.events.receiver_count() > 0 {
            let dirty = before.dirty(&after);
            if !dirty.is_empty() {
                self.tell(Event::Changed(dirty));
            }
        }
        for (number, fate) in state.mirror.take_settled() {
            if let Some(waiting) = state.waiting.remove(&number) {
                let _ = waiting.send(fate.map_err(DispatchError::Refused));
            }
        }
        let speaks = state.mirror.has_messages();
        drop(state);
        // The last reference to much may be among these: not under the lock.
        drop((before, after, replaced, confirmed_before, confirmed));
        if speaks {
            self.wake.notify_one();
        }
        result
    }

    fn tell(&self, event: Event<M>) {
        // Nobody may be listening.
        let _ = self.events.send(event);
    }

    /// MessageOutcome just now what time it is in the session.
    fn set_clock(&self, session: Timestamp) {
        self.ahead.store(ahead(session, self.clock.now()), Relaxed);
    }

    fn set_status(&self, status: Status) {
        self.status.publish(Arc::new(status.clone()));
        self.tell(Event::Status(status));
    }

    fn close(&self, reason: &CloseReason) {
        self.set_status(Status::Closed { reason: reason.clone() });
        for (_, waiting) in self.lock().waiting.drain() {
            let _ = waiting.send(Err(DispatchError::Closed(reason.clone())));
        }
    }
}

/// By how many microseconds `session` is ahead of `own`.
fn ahead(session: Timestamp, own: Timestamp) -> i64 {
    session.micros().checked_signed_diff(own.micros()).unwrap_or_default()
}

/// How many instruments are asked for at once.
const MAX_PORTION: usize = limits::REQUESTED_INSTRUMENTS as usize;

/// As many at a time as may be asked for.
fn in_portions(instruments: &[InstrumentId]) -> impl Iterator<Item = Vec<InstrumentId>> + '_ {
    instruments.chunks(MAX_PORTION).map(Vec::from)
}
