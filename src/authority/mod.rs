//! The authority: a session, an engine and the published snapshot, shared between
//! threads.
//!
//! Every change of the session happens in one short critical section, which ends
//! by publishing the result, so a reader never waits. The authority knows no
//! sockets: a [`NetServer`](crate::server::NetServer) serves it, and the host's own
//! dispatcher uses it, through the same rules.

mod faults;
pub(crate) mod in_process;
pub(crate) mod local_dispatcher;

use std::{
    collections::VecDeque,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, OnceLock},
    task::Poll,
    thread::Thread,
    time::Duration,
};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, broadcast, watch};

use self::faults::Faults;
pub use self::local_dispatcher::LocalDispatcher;

use crate::{
    dispatcher::{Clock, EVENT_BACKLOG, Event},
    model::{Engine, Model},
    protocol::{
        ActionNumber, ClientId, ClientMessage, Hello, NetworkState, ProtocolError, Refusal,
        SessionId, SessionToken,
    },
    studio::Studio,
    sync::{
        SessionEvent, roster_events,
        session::{
            Admission, ConnectionId, MessageOutcome, Outgoing, Rejected, Session, SessionConfig,
            SessionOutput,
        },
    },
    util::{option::OptionError, panics::catch_panic, snapshot::SnapshotCell, time::Timestamp},
};

/// What a failure of the engine is announced as.
const ENGINE: &str = "the engine";

/// How soon an engine that failed is called again. It doubles with each failure in
/// succession, up to [`MAX_RETRY`].
const FIRST_RETRY: Duration = Duration::from_millis(100);

/// How soon the timers, or an engine that keeps failing, are called again. 5 s.
const MAX_RETRY: Duration = Duration::from_secs(5);

/// How long the messages of one client may keep the others waiting; the message
/// that exceeds it is the last. 1 ms: thousands of turned knobs fit, and no
/// participant notices the wait.
const TURN: Duration = Duration::from_millis(1);

/// Holds a session and an engine, and decides.
pub struct Authority<M: Model = Studio> {
    /// The lock is fair once it was held for long, so that a client that floods the
    /// session does not get every turn.
    core: Mutex<Core<M>>,
    snapshot: SnapshotCell<NetworkState<M>>,
    metering: SnapshotCell<M::Metering>,
    events: broadcast::Sender<Event<M>>,
    /// Notified after each change that a client may have to be sent.
    changed: watch::Sender<()>,
    /// Notified when the timers are due sooner than they were.
    deadline_changed: Notify,
    /// The thread that runs the timers, if there is one: it is unparked then, too.
    timer_thread: OnceLock<Thread>,
    clock: Clock,
}

impl<M: Model> fmt::Debug for Authority<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("seq", &self.state().seq).finish_non_exhaustive()
    }
}

/// A message of a client.
pub(crate) enum Incoming<M: Model> {
    Message(ClientMessage<M>),
    /// An action of which only the number could be decoded.
    Unreadable {
        number: ActionNumber,
        detail: String,
    },
}

impl<M: Model> Incoming<M> {
    /// Whether it is numbered, and answered by a short message.
    pub(crate) const fn is_action(&self) -> bool {
        matches!(
            self,
            Self::Unreadable { .. }
                | Self::Message(
                    ClientMessage::Action { .. }
                        | ClientMessage::Batch { .. }
                        | ClientMessage::Undo { .. }
                        | ClientMessage::Redo { .. }
                )
        )
    }

    pub(crate) const fn is_goodbye(&self) -> bool {
        matches!(self, Self::Message(ClientMessage::Goodbye))
    }
}

struct Core<M: Model> {
    session: Session<M>,
    engine: Box<dyn Engine<M>>,
    /// When the engine must be advanced next, while it is playing.
    pulse: Option<Timestamp>,
    /// When the session's timers are due.
    wait: Option<Timestamp>,
    /// The published state, if the session has another one by now.
    outdated: Option<Arc<NetworkState<M>>>,
    /// To be dropped without the lock.
    forgotten: Vec<Arc<NetworkState<M>>>,
    /// What the host must be told.
    notices: Vec<SessionEvent<M>>,
    /// The meters, if they have changed and were not published yet.
    metering: Option<M::Metering>,
    faults: Faults,
    /// How often in succession the engine could not be advanced.
    failures: u32,
}

/// The parts of a new authority.
pub struct Setup<M: Model = Studio> {
    /// The name of the host.
    pub host: String,
    /// The initial state.
    pub model: M::State,
    /// The engine.
    pub engine: Box<dyn Engine<M>>,
    /// The adjustable rules.
    pub config: SessionConfig,
}

impl<M: Model> fmt::Debug for Setup<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup")
            .field("host", &self.host)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl<M: Model> Authority<M> {
    /// The authority of a session that clients can join, on the runtime's clock.
    ///
    /// # Errors
    /// If an option of the session makes no sense.
    pub fn hosting(setup: Setup<M>, id: SessionId) -> Result<Arc<Self>, OptionError> {
        setup.config.check()?;
        let session = Session::hosted(setup.config, id, &setup.host, setup.model);
        Ok(Self::new(session, setup.engine, Clock::runtime()))
    }

    /// The authority of a local session, on the system's clock.
    ///
    /// # Errors
    /// If an option of the session makes no sense.
    pub fn local(setup: Setup<M>, id: SessionId) -> Result<Arc<Self>, OptionError> {
        setup.config.check()?;
        let session = Session::hosted(setup.config, id, &setup.host, setup.model);
        Ok(Self::new(session, setup.engine, Clock::system()))
    }

    fn new(session: Session<M>, engine: Box<dyn Engine<M>>, clock: Clock) -> Arc<Self> {
        let mut faults = Faults::default();
        let metering = faults.catch(clock.now(), ENGINE, || engine.metering());
        Arc::new(Self {
            snapshot: SnapshotCell::new(Arc::clone(session.state())),
            metering: SnapshotCell::new(Arc::new(metering.unwrap_or_default())),
            core: Mutex::new(Core {
                session,
                engine,
                pulse: None,
                wait: None,
                outdated: None,
                forgotten: Vec::new(),
                notices: Vec::new(),
                metering: None,
                faults,
                failures: 0,
            }),
            events: broadcast::Sender::new(EVENT_BACKLOG),
            changed: watch::Sender::new(()),
            deadline_changed: Notify::new(),
            timer_thread: OnceLock::new(),
            clock,
        })
    }

    /// The current state. Lock-free.
    #[must_use]
    pub fn state(&self) -> Arc<NetworkState<M>> {
        self.snapshot.load()
    }

    /// The cell that holds the current state.
    #[must_use]
    pub const fn snapshot(&self) -> &SnapshotCell<NetworkState<M>> {
        &self.snapshot
    }

    /// The playhead and the meters. Lock-free.
    #[must_use]
    pub fn metering(&self) -> M::Metering {
        self.metering.peek(Clone::clone)
    }

    /// The session's clock. Lock-free.
    #[must_use]
    pub fn clock(&self) -> Timestamp {
        self.clock.now()
    }

    /// The id of the session.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        self.lock().session.id()
    }

    /// The events from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event<M>> {
        self.events.subscribe()
    }

    /// Tells the subscribers of an event.
    pub(crate) fn announce(&self, event: Event<M>) {
        // There may be no subscriber.
        let _ = self.events.send(event);
    }

    /// The last measured round trip to `client`.
    #[must_use]
    pub fn round_trip(&self, client: ClientId) -> Option<Duration> {
        self.lock().session.round_trip(client)
    }

    /// Changes the session, and publishes the result as one change.
    pub fn decide<R>(&self, decide: impl FnOnce(&mut Session<M>, Timestamp) -> R) -> R {
        self.transact(|core, now| decide(&mut core.session, now))
    }

    /// Advances the engine and the session's timers, and returns when to call this
    /// again. Also call it whenever [`deadline_changed`](Self::deadline_changed)
    /// resolves: the server does, and a local dispatcher has a thread for it.
    ///
    /// A panic does not leave it: the failure is announced, and the next call is due
    /// soon.
    pub fn poll_timers(&self) -> Option<Timestamp> {
        catch_panic(|| self.advance_timers()).unwrap_or_else(|panic| {
            let now = self.clock.now();
            self.transact(|core, now| core.faults.record(now, "a timer", &panic));
            Some(now + MAX_RETRY)
        })
    }

    fn advance_timers(&self) -> Option<Timestamp> {
        self.transact(|core, now| {
            core.session.handle_timeout(now);
            if core.pulse.is_some_and(|due| now >= due) {
                core.advance(now);
            }
            core.drain(now);
            core.deadline()
        })
    }

    /// Changes the session, drains it, and publishes the result.
    fn transact<R>(&self, change: impl FnOnce(&mut Core<M>, Timestamp) -> R) -> R {
        let mut core = self.lock();
        let now = self.clock.now();
        let due = core.deadline();
        // After a panic, what was done before it is published all the same.
        let result = catch_unwind(AssertUnwindSafe(|| change(&mut core, now)));
        core.drain(now);

        let changed = core.outdated.take().map(|before| (before, Arc::clone(core.session.state())));
        let replaced = changed.as_ref().map(|(_, after)| self.snapshot.publish(Arc::clone(after)));
        // After publishing, so that a subscriber finds the change in the snapshot.
        if let Some((before, after)) = &changed
            && self.events.receiver_count() > 0
        {
            self.tell(before, after);
        }
        for notice in core.notices.drain(..) {
            self.announce(Event::Session(notice));
        }
        let metering = core.metering.take();
        let metered = metering.map(|metering| self.metering.publish(Arc::new(metering))).is_some();
        let is_sooner = core.deadline().is_some_and(|next| due.is_none_or(|due| next < due));
        let forgotten = std::mem::take(&mut core.forgotten);
        let faults = core.faults.take();
        drop(core);

        for fault in faults {
            self.announce(Event::Fault(fault));
        }
        let has_changed = changed.is_some();
        // The last reference to a large state may be among these.
        drop((changed, replaced, forgotten));
        if (has_changed || metered) && self.changed.receiver_count() > 0 {
            self.changed.send_replace(());
        }
        if is_sooner {
            self.wake_timers();
        }
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn tell(&self, before: &NetworkState<M>, after: &NetworkState<M>) {
        if !Arc::ptr_eq(&before.roster, &after.roster) {
            for event in roster_events(&before.roster, &after.roster) {
                self.announce(Event::Session(event));
            }
        }
        let dirty = before.dirty(after);
        if !dirty.is_empty() {
            self.announce(Event::Changed(dirty));
        }
    }

    /// Resolves when [`poll_timers`](Self::poll_timers) is due sooner than it last
    /// returned.
    pub async fn deadline_changed(&self) {
        self.deadline_changed.notified().await;
    }

    /// Makes the current thread the one that is unparked when
    /// [`poll_timers`](Self::poll_timers) is due sooner than it last returned.
    pub(crate) fn run_timers_here(&self) {
        let _ = self.timer_thread.set(std::thread::current());
    }

    pub(crate) fn wake_timers(&self) {
        self.deadline_changed.notify_one();
        if let Some(thread) = self.timer_thread.get() {
            thread.unpark();
        }
    }

    /// How long it is until `time`.
    pub(crate) fn until(&self, time: Timestamp) -> Duration {
        time.since(self.clock.now())
    }

    pub(crate) fn poll_close(&self) -> Poll<Result<(), String>> {
        let now = self.clock.now();
        let mut core = self.lock();
        let Core { engine, faults, .. } = &mut *core;
        let closed = faults.catch(now, ENGINE, || engine.poll_close());
        closed.unwrap_or_else(|| Poll::Ready(Err(format!("{ENGINE} failed"))))
    }

    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub(crate) fn hello(
        &self,
        hello: &Hello,
        token: SessionToken,
    ) -> Result<Admission<M>, Rejected> {
        let admission = self.decide(|session, now| session.handle_hello(now, hello, token));
        // An old connection of the same client must learn that it is superseded.
        self.changed.send_replace(());
        admission
    }

    /// Handles messages that arrived together, and publishes the result once. It
    /// takes as many of `messages` as fit in one turn, so that the other
    /// participants get theirs; call it again for the rest. A goodbye is left until the
    /// answers to what was before it are pulled. Appends the refusals to
    /// `refused`, and returns whether the client stays.
    ///
    /// # Errors
    /// As [`Session::handle`]. Do not hand over the messages after the faulty one.
    pub(crate) fn handle(
        &self,
        connection: ConnectionId,
        messages: &mut VecDeque<Incoming<M>>,
        refused: &mut Vec<Refusal>,
    ) -> Result<MessageOutcome, ProtocolError> {
        self.transact(|core, now| {
            while let Some(message) = messages.pop_front() {
                if message.is_goodbye() && core.session.has_answers(connection) {
                    messages.push_front(message);
                    break;
                }
                let outcome = match message {
                    Incoming::Message(message) => core.session.handle(now, connection, message),
                    Incoming::Unreadable { number, detail } => {
                        core.session.handle_unreadable_action(now, connection, number, detail)
                    }
                };
                match outcome? {
                    MessageOutcome::Staying => {}
                    MessageOutcome::Refused(reason) => refused.push(reason),
                    MessageOutcome::Leaving => return Ok(MessageOutcome::Leaving),
                }
                // The engine sees each effect with the state that it belongs to.
                core.drain(now);
                if self.clock.now().since(now) >= TURN {
                    break;
                }
            }
            Ok(MessageOutcome::Staying)
        })
    }

    /// Whether more may be handed over before the answers are pulled; `next` has
    /// arrived already.
    pub(crate) fn has_room(&self, connection: ConnectionId, next: Option<&Incoming<M>>) -> bool {
        let core = self.lock();
        let waits = next.is_some_and(Incoming::is_goodbye) && core.session.has_answers(connection);
        !waits && core.session.has_room(connection)
    }

    pub(crate) fn pull(&self, connection: ConnectionId) -> Result<Outgoing<M>, ProtocolError> {
        let now = self.clock.now();
        let mut core = self.lock();
        if let Some((base, mut digester)) = core.session.digest_due(now, connection) {
            drop(core);
            // It takes long after a large change, so it is done without the lock.
            let forgotten = digester.digest(&base);
            core = self.lock();
            let replaced = core.session.put_digester(digester);
            drop(core);
            drop((forgotten, replaced));
            core = self.lock();
        }
        let outgoing = core.session.pull(now, connection);
        core.poll_session(now);
        let forgotten = std::mem::take(&mut core.forgotten);
        drop(core);
        drop(forgotten);
        outgoing
    }

    /// Bytes have arrived over `connection`.
    pub(crate) fn heard(&self, connection: ConnectionId) {
        // A connection that is not current any more learns it when it pulls.
        let _ = self.lock().session.heard(self.clock.now(), connection);
    }

    /// Bytes were taken by the client of `connection`.
    pub(crate) fn progressed(&self, connection: ConnectionId) {
        self.lock().session.progressed(self.clock.now(), connection);
    }

    pub(crate) fn disconnected(&self, connection: ConnectionId) {
        self.decide(|session, now| session.disconnected(now, connection));
    }

    fn lock(&self) -> MutexGuard<'_, Core<M>> {
        // A model that panicked did so on a copy of the state: the session is
        // consistent, and this lock knows no poison.
        self.core.lock()
    }
}

impl<M: Model> Core<M> {
    /// When the engine or the session's timers are due.
    fn deadline(&self) -> Option<Timestamp> {
        [self.pulse, self.wait].into_iter().flatten().min()
    }

    /// Drains the session, and advances the engine if it had effects to perform.
    fn drain(&mut self, now: Timestamp) {
        if self.poll_session(now) {
            self.advance(now);
        }
    }

    /// Advances the engine, and applies what it reports about the state.
    fn advance(&mut self, now: Timestamp) {
        if self.try_to_advance(now).is_some() {
            self.failures = 0;
            return;
        }
        let retry = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        self.pulse = Some(now + retry.min(MAX_RETRY));
    }

    /// `None` if the engine panics.
    fn try_to_advance(&mut self, now: Timestamp) -> Option<()> {
        let state = Arc::clone(self.session.state());
        let Self { engine, faults, .. } = self;
        for report in faults.catch(now, ENGINE, || engine.advance(now, &state.model))? {
            self.session.act_for_engine(&report);
        }
        // A report may have effects of its own.
        self.poll_session(now);
        let Self { engine, faults, .. } = self;
        let (pulse, metering) =
            faults.catch(now, ENGINE, || (engine.pulse(), engine.metering()))?;
        self.pulse = pulse.map(|pulse| now + pulse);
        if self.session.meter(&metering) {
            self.metering = Some(metering);
        }
        Some(())
    }

    /// Polls the session until it waits. Returns whether the engine had effects to
    /// perform.
    fn poll_session(&mut self, now: Timestamp) -> bool {
        let mut performed = false;
        loop {
            match self.session.poll() {
                SessionOutput::Effect(effect) => {
                    let Self { session, engine, faults, .. } = self;
                    let perform = || engine.perform(now, &session.state().model, effect);
                    let _ = faults.catch(now, ENGINE, perform);
                    performed = true;
                }
                // Between the messages of a batch, snapshots differ by one edit:
                // dropping one is cheap, and keeping all of them is not.
                SessionOutput::Changed { before, .. } => {
                    self.outdated.get_or_insert(before);
                }
                SessionOutput::Event(event) => self.notices.push(event),
                SessionOutput::Forgotten(state) => self.forgotten.push(state),
                SessionOutput::Wait(deadline) => {
                    self.wait = deadline;
                    return performed;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
