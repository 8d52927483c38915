//! Where decisions are made: a session, an engine and a snapshot, shared
//! between threads.
//!
//! Everything that changes the session goes through one short critical
//! section; what it led to is published as it ends, so a reader never waits.
//! The authority knows no sockets: it is served by a
//! [`NetServer`](crate::server::NetServer), and used by the host's own
//! dispatcher, through the same rules.

pub(crate) mod in_process;
pub(crate) mod local_dispatcher;

use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    thread::Thread,
    time::Duration,
};

use tokio::sync::{Notify, broadcast, watch};

pub use self::local_dispatcher::LocalDispatcher;

use crate::{
    dispatcher::{Clock, EVENT_BACKLOG, Event},
    model::{Engine, Metering, Model},
    protocol::{
        ActionNumber, ClientId, ClientMessage, Hello, NetworkState, ProtocolError, Refusal,
        SessionId, SessionToken,
    },
    studio::Studio,
    sync::{
        roster_events,
        session::{
            Admission, ConnectionId, MessageOutcome, Outgoing, Rejected, Session, SessionConfig,
        },
    },
    util::{snapshot::SnapshotCell, time::Timestamp},
};

/// Holds a session, and decides.
pub struct Authority<M: Model = Studio> {
    core: Mutex<Core<M>>,
    snapshot: SnapshotCell<NetworkState<M>>,
    metering: SnapshotCell<Metering>,
    events: broadcast::Sender<Event<M>>,
    /// Moves on with every change that somebody may have to be told.
    changed: watch::Sender<()>,
    /// Somebody must look after the session sooner than it was said.
    deadline_changed: Notify,
    keeper: OnceLock<Thread>,
    clock: Clock,
}

/// What a client said.
pub(crate) enum Incoming<M: Model> {
    Message(ClientMessage<M>),
    /// An action, of which no more than its number can be read.
    Unreadable {
        number: ActionNumber,
        detail: String,
    },
}

impl<M: Model> Incoming<M> {
    /// Whether it is numbered, and answered by a word or two.
    pub(crate) const fn is_action(&self) -> bool {
        matches!(
            self,
            Self::Unreadable { .. }
                | Self::Message(
                    ClientMessage::Action { .. }
                        | ClientMessage::Undo { .. }
                        | ClientMessage::Redo { .. }
                )
        )
    }
}

struct Core<M: Model> {
    session: Session<M>,
    engine: Box<dyn Engine<M>>,
    /// When the engine moves on, while something moves.
    pulse: Option<Timestamp>,
    /// The meters, if they have moved and were not published yet.
    metering: Option<Metering>,
}

/// What a new authority is made of.
pub struct Setup<M: Model = Studio> {
    /// What the host is called.
    pub host: String,
    /// What the session begins with.
    pub model: M::State,
    /// What makes the sound.
    pub engine: Box<dyn Engine<M>>,
    /// The rules that can be set.
    pub config: SessionConfig,
}

impl<M: Model> Authority<M> {
    /// An authority whose session others can join, on the runtime's clock.
    #[must_use]
    pub fn hosting(setup: Setup<M>, id: SessionId) -> Arc<Self> {
        let session = Session::hosted(setup.config, id, &setup.host, setup.model);
        Self::new(session, setup.engine, Clock::runtime())
    }

    /// An authority of somebody who is alone, on the system's clock.
    #[must_use]
    pub fn alone(setup: Setup<M>, id: SessionId) -> Arc<Self> {
        let session = Session::alone(setup.config, id, &setup.host, setup.model);
        Self::new(session, setup.engine, Clock::system())
    }

    fn new(session: Session<M>, engine: Box<dyn Engine<M>>, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            snapshot: SnapshotCell::new(Arc::clone(session.state())),
            metering: SnapshotCell::new(Arc::new(engine.metering())),
            core: Mutex::new(Core { session, engine, pulse: None, metering: None }),
            events: broadcast::Sender::new(EVENT_BACKLOG),
            changed: watch::Sender::new(()),
            deadline_changed: Notify::new(),
            keeper: OnceLock::new(),
            clock,
        })
    }

    /// Everything, as it stands. Lock-free.
    #[must_use]
    pub fn state(&self) -> Arc<NetworkState<M>> {
        self.snapshot.load()
    }

    /// The cell in which it stands.
    #[must_use]
    pub const fn snapshot(&self) -> &SnapshotCell<NetworkState<M>> {
        &self.snapshot
    }

    /// The playhead and the meters. Lock-free.
    #[must_use]
    pub fn metering(&self) -> Metering {
        self.metering.peek(|metering| *metering)
    }

    /// What time it is in the session. Lock-free.
    #[must_use]
    pub fn clock(&self) -> Timestamp {
        self.clock.now()
    }

    /// Which session this is.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        self.lock().session.id()
    }

    /// What happens from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event<M>> {
        self.events.subscribe()
    }

    /// Tells the subscribers of something that does not come from the session.
    pub(crate) fn announce(&self, event: Event<M>) {
        // Nobody may be listening.
        let _ = self.events.send(event);
    }

    /// The last round trip to `client` that was measured.
    #[must_use]
    pub fn round_trip(&self, client: ClientId) -> Option<Duration> {
        self.lock().session.round_trip(client)
    }

    /// Decides, and publishes what it led to: `decide` sees nobody else's
    /// changes while it runs, and its own are seen by everyone at once.
    pub fn decide<R>(&self, decide: impl FnOnce(&mut Session<M>, Timestamp) -> R) -> R {
        self.transact(|core, now| decide(&mut core.session, now))
    }

    /// Moves the engine and the session's timers on, and returns when that is
    /// due again. Somebody must call it then, and whenever
    /// [`sooner`](Self::deadline_changed) says so: the server does, and a dispatcher that
    /// is alone has a thread for it.
    pub fn poll_timers(&self) -> Option<Timestamp> {
        self.transact(|core, now| {
            core.session.handle_timeout(now);
            if core.pulse.is_some_and(|due| now >= due) {
                core.advance(now);
            }
            [core.pulse, core.session.next_timeout()].into_iter().flatten().min()
        })
    }

    fn transact<R>(&self, act: impl FnOnce(&mut Core<M>, Timestamp) -> R) -> R {
        let mut core = self.lock();
        let now = self.clock.now();
        let before = Arc::clone(core.session.state());
        let due = core.pulse;
        let result = act(&mut core, now);
        core.perform(now);

        let after = Arc::clone(core.session.state());
        let changed = !Arc::ptr_eq(&before, &after);
        let replaced = changed.then(|| self.snapshot.publish(Arc::clone(&after)));
        // After that: whoever hears of something must find it in the snapshot.
        if changed && self.events.receiver_count() > 0 {
            self.tell(&before, &after);
        }
        let metering = core.metering.take();
        let metered = metering.map(|metering| self.metering.publish(Arc::new(metering))).is_some();
        let sooner = core.pulse.is_some_and(|pulse| due.is_none_or(|due| pulse < due));
        let forgotten = core.session.take_forgotten();
        drop(core);

        // The last reference to much may be among these: not under the lock.
        drop((before, after, replaced, forgotten));
        if (changed || metered) && self.changed.receiver_count() > 0 {
            self.changed.send_replace(());
        }
        if sooner {
            self.wake_timers();
        }
        result
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

    /// Resolves when [`poll_timers`](Self::poll_timers) is due sooner than it last said.
    pub async fn deadline_changed(&self) {
        self.deadline_changed.notified().await;
    }

    /// Makes the current thread the one that is unparked when
    /// [`poll_timers`](Self::poll_timers) is due sooner than it last said.
    pub(crate) fn run_timers_here(&self) {
        let _ = self.keeper.set(std::thread::current());
    }

    pub(crate) fn wake_timers(&self) {
        self.deadline_changed.notify_one();
        if let Some(thread) = self.keeper.get() {
            thread.unpark();
        }
    }

    /// How long it is until `moment`.
    pub(crate) fn until(&self, moment: Timestamp) -> Duration {
        moment.since(self.clock.now())
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
        // There is somebody now whose silence must be noticed, and perhaps an old
        // connection of the same that must learn that it is not wanted any more.
        self.wake_timers();
        self.changed.send_replace(());
        admission
    }

    /// Handles what has arrived together, in one go: it is published once. Tells
    /// `refused` of what was, and returns whether the client stays.
    ///
    /// # Errors
    /// As [`Session::handle`]. What comes after it is not handled then.
    pub(crate) fn handle(
        &self,
        ticket: ConnectionId,
        messages: Vec<Incoming<M>>,
        refused: &mut Vec<Refusal>,
    ) -> Result<MessageOutcome, ProtocolError> {
        self.transact(|core, now| {
            for message in messages {
                let heard = match message {
                    Incoming::Message(message) => core.session.handle(now, ticket, message),
                    Incoming::Unreadable { number, detail } => {
                        core.session.handle_unreadable_action(now, ticket, number, detail)
                    }
                };
                match heard? {
                    MessageOutcome::Staying => {}
                    MessageOutcome::Refused(reason) => refused.push(reason),
                    MessageOutcome::Leaving => return Ok(MessageOutcome::Leaving),
                }
                // In the state that it belongs to.
                core.perform(now);
            }
            Ok(MessageOutcome::Staying)
        })
    }

    pub(crate) fn has_room(&self, ticket: ConnectionId) -> bool {
        self.lock().session.has_room(ticket)
    }

    pub(crate) fn pull(&self, ticket: ConnectionId) -> Result<Outgoing<M>, ProtocolError> {
        let now = self.clock.now();
        let mut core = self.lock();
        if let Some((base, mut digester)) = core.session.digest_due(now, ticket) {
            drop(core);
            // Of much it takes a while: not under the lock.
            let forgotten = digester.digest(&base);
            core = self.lock();
            let replaced = core.session.put_digester(digester);
            drop(core);
            drop((forgotten, replaced));
            core = self.lock();
        }
        let outgoing = core.session.pull(now, ticket);
        let forgotten = core.session.take_forgotten();
        drop(core);
        // Not under the lock, as above.
        drop(forgotten);
        outgoing
    }

    pub(crate) fn disconnected(&self, ticket: ConnectionId) {
        self.decide(|session, now| session.disconnected(now, ticket));
        self.wake_timers();
    }

    fn lock(&self) -> MutexGuard<'_, Core<M>> {
        // A model that panicked did so on a copy of the state: what stands is
        // whole.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Model> Core<M> {
    /// Has the engine perform what was accepted.
    fn perform(&mut self, now: Timestamp) {
        let effects = self.session.take_effects();
        if !effects.is_empty() {
            self.hand_over(now, effects);
            self.advance(now);
        }
    }

    /// Moves the engine on, and carries out what it has to say about the state.
    fn advance(&mut self, now: Timestamp) {
        let state = Arc::clone(self.session.state());
        for saying in self.engine.advance(now, &state.model) {
            self.session.act_for_engine(&saying);
        }
        // What the engine said may have effects of its own.
        let effects = self.session.take_effects();
        self.hand_over(now, effects);
        self.pulse = self.engine.pulse().map(|pulse| now + pulse);
        let metering = self.engine.metering();
        if self.session.meter(metering) {
            self.metering = Some(metering);
        }
    }

    fn hand_over(&mut self, now: Timestamp, effects: Vec<M::Effect>) {
        let state = Arc::clone(self.session.state());
        for effect in effects {
            self.engine.perform(now, &state.model, effect);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Instant};

    use super::*;
    use crate::{
        model::InstrumentId,
        protocol::PROTOCOL_VERSION,
        studio::{NetworkAction, SilentEngine, StudioEffect, StudioState, TransportAction},
    };

    const BASS: InstrumentId = InstrumentId(1);

    /// An authority whose keeper is this thread.
    fn kept_here(engine: impl Engine<Studio>, config: SessionConfig) -> Arc<Authority> {
        let id = SessionId::new([7; 16]);
        let session = Session::hosted(config, id, "host", StudioState::starter());
        let authority = Authority::new(session, Box::new(engine), Clock::system());
        authority.run_timers_here();
        authority
    }

    /// Whether the keeper, who has gone to rest, is woken by `act`.
    fn wakes(act: impl FnOnce()) -> bool {
        // Nobody has woken it before.
        thread::park_timeout(Duration::ZERO);
        act();
        let begun = Instant::now();
        thread::park_timeout(Duration::from_secs(5));
        begun.elapsed() < Duration::from_secs(5)
    }

    fn act(authority: &Authority, action: &NetworkAction) {
        authority.decide(|session, now| session.act(now, action)).unwrap();
    }

    fn hello() -> Hello {
        Hello {
            protocol: PROTOCOL_VERSION,
            model: Studio::NAME.into(),
            model_version: Studio::VERSION,
            name: "Ana".into(),
            own: vec![],
            privilege: false,
            codecs: vec![],
            compression: vec![],
            resume: None,
        }
    }

    #[test]
    fn who_rests_is_woken_when_something_starts_to_move() {
        let authority = kept_here(SilentEngine::default(), SessionConfig::default());
        assert_eq!(authority.poll_timers(), None, "nothing moves");
        let play = NetworkAction::Transport(TransportAction::Play);
        assert!(wakes(|| act(&authority, &play)));
        assert!(authority.poll_timers().is_some());
    }

    /// Wants to move on once an hour, and once a second after a second effect.
    #[derive(Default)]
    struct Hasty {
        effects: u32,
    }

    impl Engine<Studio> for Hasty {
        fn perform(&mut self, _: Timestamp, _: &StudioState, _: StudioEffect) {
            self.effects += 1;
        }

        fn advance(&mut self, _: Timestamp, _: &StudioState) -> Vec<NetworkAction> {
            vec![]
        }

        fn metering(&self) -> Metering {
            Metering::default()
        }

        fn pulse(&self) -> Option<Duration> {
            let hour = Duration::from_hours(1);
            [None, Some(hour), Some(Duration::from_secs(1))][self.effects as usize]
        }
    }

    #[test]
    fn who_waits_for_a_slow_pulse_is_woken_when_it_becomes_a_quick_one() {
        let authority = kept_here(Hasty::default(), SessionConfig::default());
        act(&authority, &NetworkAction::Transport(TransportAction::Play));
        let slow = authority.poll_timers().unwrap();
        assert!(wakes(|| act(&authority, &NetworkAction::Transport(TransportAction::Stop))));
        assert!(authority.poll_timers().unwrap() < slow);
    }

    #[test]
    fn who_rests_is_woken_when_a_place_is_to_be_given_up_sooner_than_silence_would_show() {
        let resume_window = Duration::from_secs(1);
        let config = SessionConfig { resume_window, ..SessionConfig::default() };
        let authority = kept_here(SilentEngine::default(), config);
        let admission = authority.hello(&hello(), SessionToken::new([1; 16])).ok().unwrap();
        // It has its token, so its place is kept.
        let pong = Incoming::Message(ClientMessage::Pong { nonce: 0 });
        authority.handle(admission.ticket, vec![pong], &mut vec![]).unwrap();
        let silent = authority.poll_timers().unwrap();
        assert!(wakes(|| authority.disconnected(admission.ticket)));
        assert!(authority.poll_timers().unwrap() < silent);
    }

    #[test]
    fn what_the_session_forgets_is_handed_out_and_not_kept() {
        let patch_pace = Duration::ZERO;
        let config = SessionConfig {
            max_bases: 2,
            min_patch_interval: patch_pace,
            ..SessionConfig::default()
        };
        let authority = kept_here(SilentEngine::default(), config);
        let admission = authority.hello(&hello(), SessionToken::new([1; 16])).ok().unwrap();
        let first = Arc::downgrade(&authority.state());
        for _ in 0..3 {
            authority.decide(|session, _| {
                session.claim(ClientId::HOST, &[BASS]);
                session.release(ClientId::HOST, &[BASS]);
            });
            assert!(authority.pull(admission.ticket).ok().unwrap().update.is_some());
        }
        assert!(first.upgrade().is_none());
        assert!(authority.lock().session.take_forgotten().is_empty());
    }
}
