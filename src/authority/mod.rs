//! The authority: a session, an engine and the published snapshot, shared between
//! threads.
//!
//! Every change of the session happens in one short critical section, which ends by
//! publishing the result and handing the effects over, so neither a reader nor the engine
//! is ever waited for. The authority knows no sockets: a
//! [`NetServer`](crate::server::NetServer) serves it, and the host's own dispatcher uses
//! it, through the same rules.

mod client_access;
mod core;
mod engine;
mod faults;
pub(crate) mod in_process;
mod job_thread;
pub(crate) mod local_dispatcher;

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, OnceLock},
    task::Poll,
    thread::{self, Thread},
    time::Duration,
};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, broadcast, watch};

pub(crate) use self::client_access::Incoming;
use self::{
    core::Core,
    engine::{BLOCKED, CheckedOutput, EngineKind, EngineLink, EngineThread, Supervisor},
    job_thread::EndJob,
};
pub use self::{
    engine::{Engine, inline, threaded},
    job_thread::{JobReport, Jobs},
    local_dispatcher::LocalDispatcher,
};
use crate::{
    dispatcher::{Clock, EVENT_BACKLOG, Event, OpenError},
    model::{EngineFault, Model},
    protocol::{ClientId, NetworkState, SessionId},
    security::PublicKey,
    studio::Studio,
    sync::{
        roster_events,
        session::{Session, SessionConfig},
    },
    util::{
        panics::{catch_panic, drop_caught},
        snapshot::SnapshotCell,
        time::Timestamp,
    },
};

/// How soon timers that failed are called again. 5 s.
const RETRY: Duration = Duration::from_secs(5);

/// How long the end of the engine is waited for. 1 s: then it is left to itself.
const ENGINE_CLOSE: Duration = Duration::from_secs(1);

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
    engine: Arc<EngineLink<M>>,
    /// The worker, if it runs on the thread that calls.
    inline: Option<Mutex<Box<dyn Supervisor<M> + Send>>>,
}

impl<M: Model> fmt::Debug for Authority<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("seq", &self.state().seq).finish_non_exhaustive()
    }
}

/// The parts of a new authority.
pub struct Setup<M: Model = Studio> {
    /// The name of the host.
    pub host: String,
    /// The key of the host, which the roster shows.
    pub key: Option<PublicKey>,
    /// The initial state.
    pub model: M::State,
    /// The engine.
    pub engine: Engine<M>,
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
    /// If an option of the session makes no sense, or the engine's thread cannot be
    /// started.
    pub fn hosting(setup: Setup<M>, id: SessionId) -> Result<Arc<Self>, OpenError> {
        Self::of(setup, id, Clock::runtime())
    }

    /// The authority of a local session, on the system's clock.
    ///
    /// # Errors
    /// As [`hosting`](Self::hosting).
    pub fn local(setup: Setup<M>, id: SessionId) -> Result<Arc<Self>, OpenError> {
        Self::of(setup, id, Clock::system())
    }

    fn of(setup: Setup<M>, id: SessionId, clock: Clock) -> Result<Arc<Self>, OpenError> {
        setup.config.check()?;
        let session = Session::hosted(setup.config, id, &setup.host, setup.model);
        let session = session.with_host_key(setup.key);
        Self::new(session, setup.engine, clock)
    }

    fn new(session: Session<M>, engine: Engine<M>, clock: Clock) -> Result<Arc<Self>, OpenError> {
        let (inline, start) = match engine.kind {
            EngineKind::Inline(supervisor) => (Some(Mutex::new(supervisor)), None),
            EngineKind::Threaded(start) => (None, Some(start)),
        };
        let authority = Arc::new(Self {
            snapshot: SnapshotCell::new(Arc::clone(session.state())),
            metering: SnapshotCell::new(Arc::default()),
            events: broadcast::Sender::new(EVENT_BACKLOG),
            changed: watch::Sender::new(()),
            deadline_changed: Notify::new(),
            timer_thread: OnceLock::new(),
            clock,
            engine: Arc::new(EngineLink::new(Arc::clone(session.state()))),
            inline,
            core: Mutex::new(Core::new(session)),
        });
        if let Some(jobs) = engine.jobs {
            let queue = jobs.start(authority.job_ending()).map_err(OpenError::Thread)?;
            authority.lock().jobs = queue;
        }
        if let Some(start) = start {
            authority.lock().blocked_check = Some(authority.clock.now() + BLOCKED);
            let thread = authority.engine_thread();
            let name = thread::Builder::new().name("imbolc-engine".into());
            name.spawn(move || start(thread)).map_err(OpenError::Thread)?;
        }
        authority.run_inline();
        Ok(authority)
    }

    fn engine_thread(self: &Arc<Self>) -> EngineThread<M> {
        let [tell, ended] = [(); 2].map(|()| Arc::downgrade(self));
        EngineThread {
            link: Arc::clone(&self.engine),
            clock: self.clock.clone(),
            tell: Box::new(move |output| {
                if let Some(authority) = tell.upgrade() {
                    authority.apply_output(output);
                }
            }),
            ended: Box::new(move || {
                if let Some(authority) = ended.upgrade() {
                    authority.changed.send_replace(());
                }
            }),
        }
    }

    /// What a job that has ended leads to.
    fn job_ending(self: &Arc<Self>) -> EndJob<M> {
        let authority = Arc::downgrade(self);
        Box::new(move |job, report, is_edited| {
            let authority = authority.upgrade()?;
            let repeated = authority.transact(|core, _| {
                let present = core.session.state();
                if report.is_ok() && is_edited(&present.model) {
                    return Some(Arc::clone(present));
                }
                core.end_job(job, report);
                None
            });
            // The end is news, even if the state is as before.
            authority.changed.send_replace(());
            repeated
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

    /// What the engine says continuously. Lock-free.
    #[must_use]
    pub fn metering(&self) -> M::Metering {
        self.metering.peek(M::Metering::clone)
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

    /// Runs the session's timers, and the engine's if it is inline, and returns when to
    /// call this again. Also call it whenever
    /// [`deadline_changed`](Self::deadline_changed) resolves: the server does, and a local
    /// dispatcher has a thread for it.
    ///
    /// A panic does not leave it: the failure is announced, and the next call is due
    /// soon.
    pub fn poll_timers(&self) -> Option<Timestamp> {
        catch_panic(|| self.advance_timers()).unwrap_or_else(|panic| {
            let now = self.clock.now();
            self.transact(|core, now| core.faults.record(now, "a timer", &panic));
            Some(now + RETRY)
        })
    }

    fn advance_timers(&self) -> Option<Timestamp> {
        self.transact(|core, now| {
            core.session.handle_timeout(now);
            if core.closing.take_if(|due| now >= *due).is_some() {
                // It is left to itself.
                self.engine.set_ended();
                self.changed.send_replace(());
            }
            if core.blocked_check.take_if(|due| now >= *due).is_some() {
                let (is_blocked, again) = self.engine.check_blocked(now);
                core.blocked_check = again;
                if is_blocked {
                    core.report(now, EngineFault::Blocked);
                }
            }
        });
        self.deadline(&self.lock())
    }

    /// When the timers are due.
    fn deadline(&self, core: &Core<M>) -> Option<Timestamp> {
        let engine = self.inline.as_ref().and_then(|_| self.engine.due());
        [core.deadline(), engine].into_iter().flatten().min()
    }

    /// Changes the session, drains it, publishes the result, and hands the effects over.
    fn transact<R>(&self, change: impl FnOnce(&mut Core<M>, Timestamp) -> R) -> R {
        let mut core = self.lock();
        let now = self.clock.now();
        let due = self.deadline(&core);
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
        let told = !core.events.is_empty();
        for event in core.events.drain(..) {
            self.announce(event);
        }
        let metering = core.metering.take();
        let metered = metering.map(|metering| self.metering.publish(Arc::new(metering)));
        // Under the lock, so that the effects stay in order.
        let inputs = std::mem::take(&mut core.engine_inputs);
        let is_answer = std::mem::take(&mut core.is_answer);
        let handed_over = (!inputs.is_empty() || changed.is_some()).then(|| {
            if self.inline.is_none() {
                core.blocked_check.get_or_insert(now + BLOCKED);
            }
            let newest = Arc::clone(core.session.state());
            self.engine.hand_over(inputs, newest, is_answer)
        });
        let is_sooner = self.deadline(&core).is_some_and(|next| due.is_none_or(|due| next < due));
        let forgotten = std::mem::take(&mut core.forgotten);
        let faults = core.faults.take();
        drop(core);

        if handed_over.as_ref().is_some_and(|(_, wakes)| *wakes) {
            self.engine.wake();
        }
        for fault in faults {
            self.announce(Event::Fault(fault));
        }
        let is_news = changed.is_some() || metered.is_some() || told;
        if is_news && self.changed.receiver_count() > 0 {
            self.changed.send_replace(());
        }
        if is_sooner {
            self.wake_timers();
        }
        // The last reference to a large state may be among these.
        drop_caught((changed, replaced, metered, forgotten, handed_over));
        self.run_inline();
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Calls the worker as long as it is due, if it runs on the thread that calls.
    fn run_inline(&self) {
        let Some(inline) = &self.inline else { return };
        let mut has_called = false;
        // What falls due meanwhile is left to the timers: a worker that has an answer to
        // each of its answers must not keep the caller for ever.
        let begun = self.clock.now();
        while self.engine.due().is_some_and(|due| due <= begun) {
            // Another thread is calling it, or a caller of this: that looks again.
            let Some(mut supervisor) = inline.try_lock() else { return };
            if let Some((work, newest)) = self.engine.begin_call(self.clock.now()) {
                let mut output = supervisor.call(self.clock.now(), work, &newest);
                output.end_call(&self.engine);
                self.apply_output(output);
                has_called = true;
            } else if self.engine.is_closing() {
                supervisor.clear();
                self.engine.set_ended();
                self.changed.send_replace(());
            }
        }
        // While it was in the call, the timers could not know when it is due.
        if has_called && self.engine.due().is_some() {
            self.wake_timers();
        }
    }

    /// Does what the engine says. A panic, of a notice that is cloned, does not leave it:
    /// the engine plays on.
    fn apply_output(&self, output: CheckedOutput<M>) {
        if output.is_empty() {
            return;
        }
        if let Err(panic) = catch_panic(|| self.apply_in_turns(output)) {
            self.transact(|core, now| core.faults.record(now, "the engine's report", &panic));
        }
    }

    /// Does what the engine says, in turns, so that the participants get theirs.
    fn apply_in_turns(&self, output: CheckedOutput<M>) {
        let CheckedOutput { actions, mut metering, notices, faults, .. } = output;
        let (mut actions, mut notices) = (actions.into_iter(), notices.into_iter());
        let mut faults = faults.into_iter();
        while self.transact(|core, now| {
            core.is_answer = true;
            if let Some(metering) = metering.take() {
                core.meter(metering);
            }
            faults.by_ref().for_each(|fault| core.report(now, fault));
            notices.by_ref().for_each(|notice| core.session.notify(now, notice));
            // A take of another piece must not be written into this one.
            if self.engine.was_replaced() {
                return false;
            }
            for action in actions.by_ref() {
                core.act_for_engine(now, &action);
                if self.clock.now().since(now) >= TURN {
                    return true;
                }
            }
            false
        }) {}
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

    /// Asks the engine to end, which is waited for at most 1 s.
    pub(crate) fn close_engine(&self) {
        self.engine.close();
        self.transact(|core, now| {
            core.closing.get_or_insert(now + ENGINE_CLOSE);
        });
    }

    /// Whether everything has ended that is waited for when the session closes.
    pub(crate) fn poll_close(&self) -> Poll<Result<(), String>> {
        if self.engine.has_ended() { self.lock().jobs.poll_close() } else { Poll::Pending }
    }

    /// Resolves to a change at each news, of the state, of the meters or of the end.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Core<M>> {
        // A model that panicked did so on a copy of the state: the session is
        // consistent, and this lock knows no poison.
        self.core.lock()
    }
}

impl<M: Model> Drop for Authority<M> {
    fn drop(&mut self) {
        self.engine.close();
        if let Some(inline) = &mut self.inline {
            inline.get_mut().clear();
        }
    }
}

#[cfg(test)]
mod tests;
