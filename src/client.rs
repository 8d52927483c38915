//! Through the door: the session lives on another machine.
//!
//! A [`RemoteDispatcher`] is a [`Mirror`] and a task that keeps it connected.
//! The UI's calls touch the mirror only, never the network, so they return at
//! once, in every state of the connection.

mod connection;
mod token_file;

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tokio::{
    sync::{Notify, broadcast, oneshot},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

pub use token_file::{SavedToken, TokenFile};

use crate::{
    authority::EVENT_BACKLOG,
    clock::{Clock, Timestamp},
    config::ClientConfig,
    dispatcher::{Dispatcher, Events},
    engine::Metering,
    error::{DispatchError, OpenError},
    event::Event,
    framing::Codec,
    mirror::{Mirror, NotTaken},
    model::Model,
    protocol::{
        ActionNumber, ClientId, ClientMessage, Hello, InstrumentId, NetworkState, PROTOCOL_VERSION,
        ReconnectRefusal, Resume, SessionId,
    },
    snapshot::Snapshot,
    status::{Closed, Identity, Lost, Status},
    studio::Studio,
    transport::{Connector, TcpConnector},
};
use connection::{Entrance, Joined, Wire};

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
    snapshot: Snapshot<NetworkState<M>>,
    who: Snapshot<Who>,
    metering: Snapshot<Metering>,
    status: Snapshot<Status>,
    events: broadcast::Sender<Event<M>>,
    /// What happened before anybody could subscribe.
    early: Mutex<Vec<Event<M>>>,
    clock: Clock,
    /// There may be something to send.
    wake: Notify,
    /// The UI wants to leave.
    leave: CancellationToken,
    /// The task is done.
    done: CancellationToken,
}

/// Who one is in the session.
struct Who {
    session: SessionId,
    client: ClientId,
    name: String,
}

impl Who {
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
    pub async fn join<C: Connector>(connector: C, options: JoinOptions) -> Result<Self, Lost> {
        let saved = options.token_file.as_ref().and_then(TokenFile::load);
        let resume = saved.map(|saved| Resume { token: saved.token, seq: None, answered: None });
        let mut keeper = Keeper { connector, options };
        let wire = match keeper.enter::<M>(resume).await {
            Err(Lost::Forgotten(_)) => keeper.enter(None).await?,
            other => other?,
        };
        let (wire, mut mirror) = keeper.first_mirror(wire).await?;
        let early = [mirror.take_events(), keeper.denial(&mirror)].concat();
        keeper.save_token(&mirror);
        info!(client = %mirror.client(), session = %mirror.session(), "joined");

        let shared = Arc::new(Shared {
            snapshot: Snapshot::new(Arc::clone(mirror.predicted())),
            who: Snapshot::new(Who::of(&mirror)),
            state: Mutex::new(State { mirror, waiting: HashMap::new() }),
            metering: Snapshot::new(Arc::default()),
            status: Snapshot::new(Arc::new(Status::Connected { round_trip: None })),
            events: broadcast::Sender::new(EVENT_BACKLOG),
            early: Mutex::new(early),
            clock: Clock::runtime(),
            wake: Notify::new(),
            leave: CancellationToken::new(),
            done: CancellationToken::new(),
        });
        let stop = CancellationToken::new();
        let task = {
            let (shared, stop) = (Arc::clone(&shared), stop.clone());
            async move {
                let _done = shared.done.clone().drop_guard();
                tokio::select! {
                    () = keeper.keep(&shared, wire) => {}
                    () = stop.cancelled() => {}
                }
            }
        };
        tokio::spawn(task);
        Ok(Self { shared, stop })
    }

    /// Where in the session's snapshots the confirmed state stands, without
    /// what is predicted.
    #[must_use]
    pub fn confirmed(&self) -> Arc<NetworkState<M>> {
        Arc::clone(self.shared.lock().mirror.confirmed())
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
        self.shared.deed(None, |mirror, now| mirror.dispatch(now, action))
    }

    async fn commit(&self, action: M::Action) -> Result<(), DispatchError> {
        let (sender, receiver) = oneshot::channel();
        self.shared.deed(Some(sender), |mirror, now| mirror.dispatch(now, action))?;
        // The sender is dropped if the dispatcher is.
        receiver.await.unwrap_or(Err(DispatchError::Closed(Closed::ByRequest)))
    }

    fn undo(&self) -> Result<(), DispatchError> {
        self.shared.deed(None, |mirror, _| mirror.undo())
    }

    fn redo(&self) -> Result<(), DispatchError> {
        self.shared.deed(None, |mirror, _| mirror.redo())
    }

    fn state(&self) -> Arc<NetworkState<M>> {
        self.shared.snapshot.load()
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
        self.say(ClientMessage::RequestOwnership { instruments: instruments.into() })
    }

    fn release_ownership(&self, instruments: &[InstrumentId]) -> Result<(), DispatchError> {
        self.say(ClientMessage::ReleaseOwnership { instruments: instruments.into() })
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
    fn deed(
        &self,
        waiting: Option<oneshot::Sender<Result<(), DispatchError>>>,
        deed: impl FnOnce(&mut Mirror<M>, Timestamp) -> Result<ActionNumber, NotTaken>,
    ) -> Result<(), DispatchError> {
        let now = self.clock.now();
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
        let result = change(&mut state);
        let after = Arc::clone(state.mirror.predicted());
        let changed = !Arc::ptr_eq(&before, &after);
        let replaced = changed.then(|| self.snapshot.publish(Arc::clone(&after)));
        // After that: whoever hears of something must find it in the snapshot.
        for event in state.mirror.take_events() {
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
        drop((before, after, replaced));
        if speaks {
            self.wake.notify_one();
        }
        result
    }

    fn tell(&self, event: Event<M>) {
        // Nobody may be listening.
        let _ = self.events.send(event);
    }

    fn set_status(&self, status: Status) {
        self.status.publish(Arc::new(status.clone()));
        self.tell(Event::Status(status));
    }

    fn close(&self, reason: &Closed) {
        self.set_status(Status::Closed { reason: reason.clone() });
        for (_, waiting) in self.lock().waiting.drain() {
            let _ = waiting.send(Err(DispatchError::Closed(reason.clone())));
        }
    }
}

/// Keeps a dispatcher connected.
struct Keeper<C> {
    connector: C,
    options: JoinOptions,
}

/// Why a connection ended.
enum Ended {
    /// The UI wanted to leave, and the host knows.
    Left,
    /// Something went wrong.
    Lost(Lost),
}

impl<C: Connector> Keeper<C> {
    /// Connects and shakes hands.
    async fn enter<M: Model>(&self, resume: Option<Resume>) -> Result<Joined<M, C>, Lost> {
        let hello = Hello {
            protocol: PROTOCOL_VERSION,
            model: M::NAME.into(),
            model_version: M::VERSION,
            name: self.options.name.clone(),
            own: self.options.own.clone(),
            privilege: self.options.privilege,
            codecs: Codec::ALL.iter().map(|codec| codec.name().into()).collect(),
            resume,
        };
        let limit = self.options.config.connect;
        timeout(limit, connection::enter(&self.connector, hello))
            .await
            .map_err(|_| Lost::Timeout)?
    }

    /// The mirror that a dispatcher begins with.
    async fn first_mirror<M: Model>(
        &mut self,
        joined: Joined<M, C>,
    ) -> Result<(Wire<C>, Mirror<M>), Lost> {
        let Joined { mut wire, entrance } = joined;
        let backlog = self.options.config.backlog;
        let mirror = match entrance {
            Entrance::New(welcome) => Mirror::new(*welcome, backlog),
            Entrance::Back(back) => {
                let limit = self.options.config.connect;
                let state =
                    timeout(limit, wire.full_state()).await.map_err(|_| Lost::Timeout)??;
                Mirror::resumed(*back, state, backlog)
            }
        };
        Ok((wire, mirror))
    }

    /// That one does not get the privilege that one asked for.
    fn denial<M: Model>(&self, mirror: &Mirror<M>) -> Vec<Event<M>> {
        let roster = &mirror.confirmed().roster;
        let denied = self.options.privilege && !roster.is_privileged(mirror.client());
        let holder = roster.privileged.clone().filter(|_| denied);
        holder.map(|holder| Event::PrivilegeDenied { holder }).into_iter().collect()
    }

    async fn keep<M: Model>(mut self, shared: &Shared<M>, mut wire: Wire<C>) {
        loop {
            let reason = match wire.run(shared, &self.options.config).await {
                Ended::Left => break,
                Ended::Lost(reason) => reason,
            };
            info!(%reason, "connection lost");
            drop(wire);
            if reason.is_final() {
                return shared.close(&Closed::Lost(reason));
            }
            wire = tokio::select! {
                again = self.reconnect(shared, reason) => match again {
                    Ok(wire) => wire,
                    Err(reason) => return shared.close(&Closed::Lost(reason)),
                },
                () = shared.leave.cancelled() => break,
            };
        }
        if let Some(Err(error)) = self.options.token_file.as_ref().map(TokenFile::forget) {
            warn!(%error, "cannot remove the token");
        }
        shared.close(&Closed::ByRequest);
    }

    /// Tries until there is a connection, or until trying cannot help.
    async fn reconnect<M: Model>(
        &mut self,
        shared: &Shared<M>,
        mut reason: Lost,
    ) -> Result<Wire<C>, Lost> {
        let since = Instant::now();
        let mut pause = self.options.config.first_retry;
        loop {
            let status = Status::Reconnecting { since, reason: reason.clone() };
            if shared.status.peek(|current| *current != status) {
                shared.set_status(status);
            }
            sleep(jittered(pause)).await;
            pause = (pause * 2).min(self.options.config.last_retry);
            let resume = shared.lock().mirror.resume();
            let joined = match self.enter(Some(resume)).await {
                Err(Lost::Forgotten(_)) => {
                    self.ask_for_the_same(shared);
                    self.enter(None).await
                }
                other => other,
            };
            match joined {
                Ok(Joined { wire, entrance }) => {
                    self.come_back(shared, entrance);
                    return Ok(wire);
                }
                Err(lost) if lost.is_final() => return Err(lost),
                Err(lost) => {
                    debug!(reason = %lost, "cannot reconnect yet");
                    reason = lost;
                }
            }
        }
    }

    /// In a new session, one wants what one had in the old one.
    fn ask_for_the_same<M: Model>(&mut self, shared: &Shared<M>) {
        let state = shared.lock();
        let (roster, me) = (&state.mirror.confirmed().roster, state.mirror.client());
        let exists = |id| M::exists(&state.mirror.confirmed().model, id);
        // What is not there now may be there in the next session.
        let mut own: Vec<_> = roster.owned_by(me).collect();
        own.extend(self.options.own.iter().copied().filter(|&id| !exists(id)));
        self.options.own = own;
        self.options.privilege = roster.is_privileged(me);
    }

    fn come_back<M: Model>(&mut self, shared: &Shared<M>, entrance: Entrance<M>) {
        // Before anything that follows from it, so that whoever reads of an
        // event finds the status that goes with it.
        shared.set_status(Status::Connected { round_trip: None });
        match entrance {
            Entrance::Back(back) => {
                info!("resumed");
                shared.update(|state| state.mirror.reconnected(*back));
            }
            Entrance::New(welcome) => {
                let session = welcome.session;
                info!(%session, "joined anew");
                shared.update(|state| {
                    for (_, waiting) in state.waiting.drain() {
                        let _ = waiting.send(Err(DispatchError::Unanswered));
                    }
                    state.mirror.start_anew(*welcome);
                    shared.who.publish(Who::of(&state.mirror));
                });
                self.denial(&shared.lock().mirror).into_iter().for_each(|event| shared.tell(event));
            }
        }
        self.save_token(&shared.lock().mirror);
    }

    fn save_token<M: Model>(&self, mirror: &Mirror<M>) {
        let Some(file) = &self.options.token_file else { return };
        let saved = SavedToken { session: mirror.session(), token: mirror.token() };
        if let Err(error) = file.save(saved) {
            warn!(%error, path = %file.path().display(), "cannot save the token");
        }
    }
}

/// From half of `pause` to all of it, so that not everyone comes back at once.
fn jittered(pause: Duration) -> Duration {
    let half = pause / 2;
    // Without random bytes there is no jitter, and nothing worse.
    let random = getrandom::u32().unwrap_or(u32::MAX);
    half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

impl From<io::Error> for Lost {
    fn from(error: io::Error) -> Self {
        Self::Network(crate::error::plainly(&error))
    }
}

impl From<ReconnectRefusal> for Lost {
    fn from(reason: ReconnectRefusal) -> Self {
        Self::Forgotten(reason)
    }
}
