//! What the UI's calls and the connection task share: the mirror and what is
//! published of it. Knows no socket, and neither of its two users.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::{Mutex as FairMutex, MutexGuard};
use tokio::sync::{Notify, broadcast, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::last_heard::LastHeard;
use crate::{
    dispatcher::{
        Clock, CloseReason, DispatchError, EVENT_BACKLOG, Event, Events, HostTrust, Status,
    },
    model::{DirtyFlags, Model},
    protocol::{ActionNumber, ClientId, NetworkState, SessionId},
    sync::{
        SessionEvent,
        mirror::{Mirror, MirrorError, MirrorOutput},
    },
    util::{log_limit::LogLimit, snapshot::SnapshotCell, time::Timestamp},
};

/// What the UI's calls and the connection task share.
pub(super) struct Shared<M: Model> {
    state: FairMutex<MirrorState<M>>,
    pub(super) snapshot: SnapshotCell<NetworkState<M>>,
    pub(super) confirmed: SnapshotCell<NetworkState<M>>,
    pub(super) identity: SnapshotCell<SessionIdentity>,
    pub(super) metering: SnapshotCell<M::Metering>,
    status: SnapshotCell<Status>,
    pub(super) heard: LastHeard,
    /// The same in each connection.
    trust: HostTrust,
    events: broadcast::Sender<Event<M>>,
    /// What each subscriber gets first. Locked while the client rejoins.
    join_events: FairMutex<Vec<SessionEvent<M>>>,
    clock: Clock,
    /// The session's clock minus `clock`, in microseconds.
    clock_offset: AtomicI64,
    /// Limits what the host can write to the log.
    log_limit: FairMutex<LogLimit>,
    /// There may be something to send.
    pub(super) wake: Notify,
    /// The UI wants to leave.
    pub(super) leave: CancellationToken,
    /// The host has answered the goodbye, so it has decided every action.
    pub(super) has_left: AtomicBool,
    /// The connection task has ended.
    pub(super) done: CancellationToken,
}

/// The participant's identity in the session.
pub(super) struct SessionIdentity {
    pub(super) session: SessionId,
    pub(super) client: ClientId,
    pub(super) name: String,
}

impl SessionIdentity {
    pub(super) fn of<M: Model>(mirror: &Mirror<M>) -> Arc<Self> {
        let name = mirror.name().to_owned();
        Arc::new(Self { session: mirror.session(), client: mirror.client(), name })
    }
}

/// The result of a commit, for its caller.
pub(super) type CommitSender = oneshot::Sender<Result<(), DispatchError>>;

/// What the lock protects.
pub(super) struct MirrorState<M: Model> {
    pub(super) mirror: Mirror<M>,
    /// The commits that are not decided yet.
    pub(super) waiting: HashMap<ActionNumber, CommitSender>,
}

impl<M: Model> Shared<M> {
    /// `session_clock` is the session's time now.
    pub(super) fn new(
        mirror: Mirror<M>,
        (heard, trust): (LastHeard, HostTrust),
        join_events: Vec<SessionEvent<M>>,
        clock: Clock,
        session_clock: Timestamp,
    ) -> Self {
        Self {
            snapshot: SnapshotCell::new(Arc::clone(mirror.predicted())),
            confirmed: SnapshotCell::new(Arc::clone(mirror.confirmed())),
            identity: SnapshotCell::new(SessionIdentity::of(&mirror)),
            state: FairMutex::new(MirrorState { mirror, waiting: HashMap::new() }),
            metering: SnapshotCell::new(Arc::default()),
            status: SnapshotCell::new(Arc::new(connected(None, &heard, trust))),
            heard,
            trust,
            events: broadcast::Sender::new(EVENT_BACKLOG),
            join_events: FairMutex::new(join_events),
            clock_offset: AtomicI64::new(clock_offset(session_clock, clock.now())),
            clock,
            log_limit: FairMutex::default(),
            wake: Notify::new(),
            leave: CancellationToken::new(),
            has_left: AtomicBool::new(false),
            done: CancellationToken::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, MirrorState<M>> {
        // A model that panics does so on a copy of the state, so the state is
        // consistent, and this lock knows no poison.
        self.state.lock()
    }

    /// Runs an operation that takes an action number, and registers `commit` for
    /// its result. Returns what the operation returns beside the number.
    pub(super) fn submit<R>(
        &self,
        commit: Option<CommitSender>,
        operation: impl FnOnce(&mut Mirror<M>, Timestamp) -> Result<(ActionNumber, R), MirrorError>,
    ) -> Result<R, DispatchError> {
        let now = self.clock.now();
        self.update(|state| {
            // Both are checked under the lock: no action follows the goodbye, and
            // `close` answers each commit that is registered by then.
            if self.leave.is_cancelled() {
                return Err(DispatchError::Closed(CloseReason::ByRequest));
            }
            self.status.peek(|status| match status {
                Status::Closed { reason } => Err(DispatchError::Closed(reason.clone())),
                _ => Ok(()),
            })?;
            let (number, returned) = operation(&mut state.mirror, now)?;
            state.waiting.extend(commit.map(|commit| (number, commit)));
            Ok(returned)
        })
    }

    /// The events from now on, after those of the latest join.
    pub(super) fn subscribe(&self) -> Events<M> {
        let join_events = self.join_events.lock();
        Events::new(self.events.subscribe()).preceded_by(join_events.iter().cloned())
    }

    /// Calls `rejoin`, which tells the subscribers and returns what later ones get first.
    /// No subscription can begin in between, and get both or neither.
    pub(super) fn replace_join_events(&self, rejoin: impl FnOnce() -> Vec<SessionEvent<M>>) {
        let mut join_events = self.join_events.lock();
        *join_events = rejoin();
    }

    /// Changes the mirror, then drains it: publishes the states, tells the events
    /// and answers the commits.
    pub(super) fn update<R>(&self, change: impl FnOnce(&mut MirrorState<M>) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state);
        let MirrorState { mirror, waiting } = &mut *state;
        // The last reference to a large state may be among these.
        let mut replaced = (None, None);
        let mut dirty = DirtyFlags::NONE;
        let has_messages = loop {
            let output = mirror.poll();
            if !matches!(output, MirrorOutput::Event(_)) && !dirty.is_empty() {
                self.tell(Event::Changed(std::mem::take(&mut dirty)));
            }
            match output {
                MirrorOutput::Confirmed { before, after } => {
                    replaced.0 = Some((before, self.confirmed.publish(after)));
                }
                MirrorOutput::Predicted { before, after } => {
                    let published = self.snapshot.publish(Arc::clone(&after));
                    // After publishing: a later subscriber finds the change in the
                    // snapshot.
                    if self.events.receiver_count() > 0 {
                        dirty = before.dirty(&after);
                    }
                    replaced.1 = Some((before, published));
                }
                MirrorOutput::Event(event) => self.tell_session_event(event),
                MirrorOutput::Settled(number, result) => {
                    if let Some(commit) = waiting.remove(&number) {
                        let _ = commit.send(result.map_err(DispatchError::Refused));
                    }
                }
                MirrorOutput::Wait { has_messages } => break has_messages,
            }
        };
        drop(state);
        drop(replaced);
        if has_messages {
            self.wake.notify_one();
        }
        result
    }

    /// How many lines were left out before this line; `None` if this line is to be left
    /// out, too.
    pub(super) fn may_log(&self) -> Option<u64> {
        self.log_limit.lock().allow(self.clock.now())
    }

    fn tell_session_event(&self, event: SessionEvent<M>) {
        if let SessionEvent::Resynchronised(why) = &event
            && why.is_repair()
            && let Some(left_out) = self.may_log()
        {
            warn!(%why, left_out, "the host sent a full state");
        }
        self.tell(Event::Session(event));
    }

    pub(super) fn tell(&self, event: Event<M>) {
        // An error means that there is no subscriber.
        let _ = self.events.send(event);
    }

    /// How many actions the authority has not answered.
    pub(super) fn unanswered(&self) -> usize {
        if self.has_left.load(Relaxed) { 0 } else { self.lock().mirror.unanswered() }
    }

    /// The session's time now.
    pub(super) fn session_clock(&self) -> Timestamp {
        let own = self.clock.now().micros();
        Timestamp::from_micros(own.saturating_add_signed(self.clock_offset.load(Relaxed)))
    }

    /// Sets the session's time, as the host has just reported it.
    pub(super) fn set_session_clock(&self, session: Timestamp) {
        self.clock_offset.store(clock_offset(session, self.clock.now()), Relaxed);
    }

    pub(super) fn status(&self) -> Status {
        match self.status.peek(Status::clone) {
            Status::Connected { round_trip, .. } => connected(round_trip, &self.heard, self.trust),
            other => other,
        }
    }

    /// The connection is complete.
    pub(super) fn set_connected(&self) {
        self.set_status(connected(None, &self.heard, self.trust));
    }

    /// Publishes a measured round trip, without an event.
    pub(super) fn set_round_trip(&self, round_trip: Duration) {
        let status = connected(Some(round_trip), &self.heard, self.trust);
        self.status.publish(Arc::new(status));
    }

    pub(super) fn set_status(&self, status: Status) {
        self.status.publish(Arc::new(status.clone()));
        self.tell(Event::Status(status));
    }

    /// Closes the dispatcher, and answers the commits that wait. The host has sent its
    /// refusals before it answers the goodbye, so it has applied the others by then.
    pub(super) fn close(&self, reason: &CloseReason) {
        self.set_status(Status::Closed { reason: reason.clone() });
        let applied = self.has_left.load(Relaxed);
        for (_, commit) in self.lock().waiting.drain() {
            let closed = DispatchError::Closed(reason.clone());
            let _ = commit.send(if applied { Ok(()) } else { Err(closed) });
        }
    }
}

fn connected(round_trip: Option<Duration>, heard: &LastHeard, trust: HostTrust) -> Status {
    Status::Connected { round_trip, heard: heard.last().into_std(), trust }
}

/// `session` minus `own`, in microseconds.
fn clock_offset(session: Timestamp, own: Timestamp) -> i64 {
    session.micros().checked_signed_diff(own.micros()).unwrap_or_default()
}
