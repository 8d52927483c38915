//! The authority's timers, and what it drops.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::Instant,
};

use super::*;
use crate::{
    model::{EngineOutput, EngineWorker, InstrumentId, NoEngine},
    protocol::{ClientMessage, Hello, PROTOCOL_VERSION, Role, SessionToken},
    studio::{
        FilterSetting, InstrumentAction, InstrumentSetting, NetworkAction, SilentEngine,
        StudioEffect, StudioNotice, StudioState, TransportAction,
    },
    sync::session::{Credentials, SessionOutput},
    util::quantity::Hertz,
};

const BASS: InstrumentId = InstrumentId(1);

/// An authority whose timers run on this thread.
fn timed_here(engine: Engine, config: SessionConfig) -> Arc<Authority> {
    let id = SessionId::new([7; 16]);
    let session = Session::hosted(config, id, "host", StudioState::starter());
    let authority = Authority::new(session, engine, Clock::system()).unwrap();
    authority.run_timers_here();
    authority
}

/// Whether `act` unparks this thread.
fn wakes(act: impl FnOnce()) -> bool {
    // Consumes an earlier wake-up.
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
        attempt: 0,
        checks_digests: false,
        role: Role::default(),
        instance: None,
        resume: None,
    }
}

#[test]
fn timers_wake_when_the_engine_starts() {
    let authority = timed_here(inline(SilentEngine::default), SessionConfig::default());
    assert_eq!(authority.poll_timers(), None, "nothing is playing");
    let play = NetworkAction::Transport(TransportAction::Play);
    assert!(wakes(|| act(&authority, &play)));
    assert!(authority.poll_timers().is_some());
}

/// Has a pulse of an hour, and of a second after a second effect.
#[derive(Default)]
struct Hasty {
    effects: u32,
}

impl EngineWorker<Studio> for Hasty {
    fn reset(&mut self, _: Timestamp, _: &StudioState) {}

    fn perform(&mut self, _: Timestamp, _: &StudioState, _: StudioEffect) {
        self.effects += 1;
    }

    fn advance(&mut self, _: Timestamp, _: &StudioState) -> EngineOutput<Studio> {
        let hour = Duration::from_hours(1);
        let next = [None, Some(hour), Some(Duration::from_secs(1))][self.effects as usize];
        EngineOutput { next, ..EngineOutput::default() }
    }
}

#[test]
fn timers_wake_when_the_pulse_gets_faster() {
    let authority = timed_here(inline(Hasty::default), SessionConfig::default());
    act(&authority, &NetworkAction::Transport(TransportAction::Play));
    let slow = authority.poll_timers().unwrap();
    assert!(wakes(|| act(&authority, &NetworkAction::Transport(TransportAction::Stop))));
    assert!(authority.poll_timers().unwrap() < slow);
}

#[test]
fn timers_wake_when_a_suspension_ends_before_the_idle_timeout() {
    // Less than the interval of the timers.
    let resume_window = Duration::from_millis(100);
    let config = SessionConfig { resume_window, ..SessionConfig::default() };
    let authority = timed_here(threaded(|| NoEngine), config);
    let admission =
        authority.hello(&hello(), Credentials::plain(SessionToken::new([1; 16]))).ok().unwrap();
    // It proves that it has its token, so its place is kept.
    let pong = Incoming::Message(ClientMessage::Pong { nonce: 0 });
    authority.handle(admission.connection, &mut [pong].into(), &mut vec![]).unwrap();
    let silent = authority.poll_timers().unwrap();
    assert!(wakes(|| authority.disconnected(admission.connection)));
    assert!(authority.poll_timers().unwrap() < silent);
}

#[test]
fn forgotten_snapshots_are_dropped() {
    let patch_pace = Duration::ZERO;
    let config =
        SessionConfig { max_bases: 2, min_patch_interval: patch_pace, ..SessionConfig::default() };
    let authority = timed_here(inline(SilentEngine::default), config);
    let admission =
        authority.hello(&hello(), Credentials::plain(SessionToken::new([1; 16]))).ok().unwrap();
    let first = Arc::downgrade(&authority.state());
    for _ in 0..3 {
        authority.decide(|session, _| {
            session.claim(ClientId::HOST, &[BASS]);
            session.release(ClientId::HOST, &[BASS]);
        });
        assert!(authority.pull(admission.connection).ok().unwrap().update.is_some());
    }
    assert!(first.upgrade().is_none());
    let mut core = authority.lock();
    assert!(core.forgotten.is_empty());
    assert!(matches!(core.session.poll(), SessionOutput::Wait(_)), "nothing is left in it");
}

#[test]
fn panic_in_a_change_publishes_what_was_done() {
    let authority = timed_here(inline(SilentEngine::default), SessionConfig::default());
    let changes = authority.changes();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        authority.decide(|session, _| {
            session.claim(ClientId::HOST, &[BASS]);
            panic!("after the claim");
        });
    }));
    assert!(panicked.is_err());
    assert!(authority.state().roster.owns(ClientId::HOST, BASS));
    assert_eq!(authority.state().seq, authority.lock().session.state().seq);
    assert!(changes.has_changed().unwrap());
    act(&authority, &NetworkAction::Transport(TransportAction::Play));
}

#[test]
fn panic_of_a_timer_is_announced_and_timers_go_on() {
    let is_broken = Arc::new(AtomicBool::new(false));
    let clock = Clock::of({
        let is_broken = Arc::clone(&is_broken);
        move || {
            assert!(!is_broken.swap(false, Relaxed), "on purpose");
            Timestamp::from_micros(1)
        }
    });
    let engine = inline(SilentEngine::default);
    let session = SessionConfig::default();
    let session = Session::hosted(session, SessionId::new([7; 16]), "host", StudioState::starter());
    let authority = Authority::<Studio>::new(session, engine, clock).unwrap();
    let mut events = authority.subscribe();
    is_broken.store(true, Relaxed);
    let again = authority.poll_timers();
    assert_eq!(again, Some(Timestamp::from_micros(1) + RETRY));
    assert_eq!(events.try_recv(), Ok(Event::Fault("a timer failed: on purpose".into())));
    assert_eq!(authority.poll_timers(), None);
}

#[test]
fn messages_of_one_client_end_their_turn_after_one_millisecond() {
    // Each message takes 0.4 ms.
    let reads = AtomicU64::new(1);
    let clock = Clock::of(move || Timestamp::from_micros(400 * reads.fetch_add(1, Relaxed)));
    let session = SessionConfig::default();
    let session = Session::hosted(session, SessionId::new([7; 16]), "host", StudioState::starter());
    let authority =
        Authority::<Studio>::new(session, inline(SilentEngine::default), clock).unwrap();
    let connection = authority
        .hello(&hello(), Credentials::plain(SessionToken::new([1; 16])))
        .ok()
        .unwrap()
        .connection;
    let ping = |nonce| Incoming::Message(ClientMessage::Ping { nonce });
    let mut messages = (0..10).map(ping).collect();
    authority.handle(connection, &mut messages, &mut vec![]).unwrap();
    assert_eq!(messages.len(), 7);
}

#[test]
fn client_numbers_never_come_again() {
    let session = SessionConfig::default();
    let mut session =
        Session::<Studio>::hosted(session, SessionId::new([7; 16]), "host", StudioState::starter());
    session.exhaust_client_numbers();
    let now = Timestamp::from_micros(1);
    assert!(
        session
            .handle_hello(now, &hello(), Credentials::plain(SessionToken::new([1; 16])))
            .is_err()
    );
    assert_eq!(session.state().roster.participants.len(), 1);
}

/// Says what a function returns.
struct Scripted<F>(F);

impl<F: FnMut() -> EngineOutput<Studio> + 'static> EngineWorker<Studio> for Scripted<F> {
    fn reset(&mut self, _: Timestamp, _: &StudioState) {}

    fn perform(&mut self, _: Timestamp, _: &StudioState, _: StudioEffect) {}

    fn advance(&mut self, _: Timestamp, _: &StudioState) -> EngineOutput<Studio> {
        (self.0)()
    }
}

fn with_clock(engine: Engine, clock: Clock) -> Arc<Authority> {
    let (id, config) = (SessionId::new([7; 16]), SessionConfig::default());
    let session = Session::hosted(config, id, "host", StudioState::starter());
    Authority::new(session, engine, clock).unwrap()
}

fn cutoff(hertz: f32) -> NetworkAction {
    let setting = FilterSetting::Cutoff(Hertz::new(hertz).unwrap());
    NetworkAction::Instrument(BASS, InstrumentAction::Set(InstrumentSetting::Filter(setting)))
}

/// A clock that shows what it is set to.
fn set_clock() -> (Arc<AtomicU64>, Clock) {
    let micros = Arc::new(AtomicU64::new(1));
    let clock = Clock::of({
        let micros = Arc::clone(&micros);
        move || Timestamp::from_micros(micros.load(Relaxed))
    });
    (micros, clock)
}

#[test]
fn actions_of_the_engine_end_their_turn_after_one_millisecond() {
    // Each action takes 0.4 ms.
    let reads = AtomicU64::new(1);
    let clock = Clock::of(move || Timestamp::from_micros(400 * reads.fetch_add(1, Relaxed)));
    let actions: Vec<_> = (0_u8..10).map(|step| cutoff(500.0 + f32::from(step))).collect();
    let is_told = Arc::new(AtomicBool::new(false));
    let tells = Arc::clone(&is_told);
    let make = move || {
        let (actions, tells) = (actions.clone(), Arc::clone(&tells));
        Scripted(move || {
            let tells = tells.swap(false, Relaxed);
            let actions = if tells { actions.clone() } else { vec![] };
            EngineOutput { actions, ..EngineOutput::default() }
        })
    };
    let authority = with_clock(inline(make), clock);
    let mut events = authority.subscribe();
    is_told.store(true, Relaxed);
    act(&authority, &NetworkAction::Transport(TransportAction::Play));
    let changes = std::iter::from_fn(|| events.try_recv().ok())
        .filter(|event| matches!(event, Event::Changed(_)))
        .count();
    assert!((4..=6).contains(&changes), "in turns of at most three: {changes}");
}

#[test]
fn inline_worker_that_answers_itself_does_not_keep_its_caller() {
    // Each look at the clock takes 0.4 ms, so the next call is due after each answer.
    let reads = AtomicU64::new(1);
    let clock = Clock::of(move || Timestamp::from_micros(400 * reads.fetch_add(1, Relaxed)));
    let calls = Arc::<AtomicU64>::default();
    let make = {
        let calls = Arc::clone(&calls);
        move || {
            let calls = Arc::clone(&calls);
            Scripted(move || {
                let is_over = calls.fetch_add(1, Relaxed) > 100;
                let answers = [TransportAction::Play, TransportAction::Stop].repeat(10);
                let answers = answers.into_iter().map(NetworkAction::Transport);
                let actions = if is_over { vec![] } else { answers.collect() };
                EngineOutput { actions, ..EngineOutput::default() }
            })
        }
    };
    let authority = with_clock(inline(make), clock);
    act(&authority, &NetworkAction::Transport(TransportAction::Play));
    assert!(calls.load(Relaxed) < 5, "{calls:?}");
    // The timers go on with it.
    authority.poll_timers();
    assert!(authority.poll_timers().is_some());
    assert!(calls.load(Relaxed) > 2, "{calls:?}");
}

/// Remembers whether the transport played at each effect.
struct Listening(Arc<Mutex<Vec<bool>>>);
impl EngineWorker<Studio> for Listening {
    fn reset(&mut self, _: Timestamp, _: &StudioState) {}

    fn perform(&mut self, _: Timestamp, state: &StudioState, _: StudioEffect) {
        self.0.lock().push(state.transport.playing);
    }

    fn advance(&mut self, _: Timestamp, _: &StudioState) -> EngineOutput<Studio> {
        EngineOutput::default()
    }
}

#[test]
fn each_effect_has_the_state_after_its_action() {
    let heard: Arc<Mutex<Vec<bool>>> = Arc::default();
    let make = {
        let heard = Arc::clone(&heard);
        move || Listening(Arc::clone(&heard))
    };
    let authority = with_clock(inline(make), Clock::system());
    // Several actions that are published as one change.
    authority.decide(|session, now| {
        for action in [TransportAction::Play, TransportAction::Stop, TransportAction::Play] {
            session.act(now, &NetworkAction::Transport(action)).unwrap();
        }
    });
    assert_eq!(*heard.lock(), [true, false, true]);
}

/// The notices so far.
fn told(events: &mut broadcast::Receiver<Event<Studio>>) -> Vec<StudioNotice> {
    let events = std::iter::from_fn(|| events.try_recv().ok());
    let notice = |event| match event {
        Event::Notice(notice) => Some(notice),
        _ => None,
    };
    events.filter_map(notice).collect()
}

/// A lock that a worker waits for, and whether it does.
type Gate = Arc<(Mutex<()>, AtomicBool)>;

fn pass(gate: &Gate) {
    gate.1.store(true, Relaxed);
    drop(gate.0.lock());
}

fn wait_for(mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(30), "not in 30 s");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn engine_that_blocks_while_it_starts_is_told_after_two_seconds() {
    let gate = Gate::default();
    let held = gate.0.lock();
    let make = {
        let gate = Arc::clone(&gate);
        move || {
            pass(&gate);
            SilentEngine::default()
        }
    };
    let (micros, clock) = set_clock();
    let authority = with_clock(threaded(make), clock);
    let mut events = authority.subscribe();
    wait_for(|| gate.1.load(Relaxed));
    let due = authority.poll_timers().unwrap();
    assert_eq!(due, Timestamp::from_micros(2_000_001));
    micros.store(due.micros() - 1, Relaxed);
    authority.poll_timers();
    assert_eq!(told(&mut events), []);
    micros.store(due.micros(), Relaxed);
    // Once, however often it is looked for.
    for _ in 0..3 {
        micros.store(authority.poll_timers().unwrap().micros(), Relaxed);
    }
    assert_eq!(told(&mut events), [StudioNotice::Engine(EngineFault::Blocked)]);
    drop(held);
    let mut all = Vec::new();
    wait_for(|| {
        // The next notice leaves after a while.
        micros.fetch_add(10_000, Relaxed);
        authority.poll_timers();
        all.extend(told(&mut events));
        !all.is_empty()
    });
    assert_eq!(all, [StudioNotice::Engine(EngineFault::Unblocked)]);
}

#[test]
fn blocked_worker_keeps_no_authority_alive() {
    let gate = Gate::default();
    let held = gate.0.lock();
    let worker = Gate::default();
    let make = {
        let (gate, worker) = (Arc::clone(&gate), Arc::clone(&worker));
        move || {
            let (gate, worker) = (Arc::clone(&gate), Arc::clone(&worker));
            Scripted(move || {
                pass(&gate);
                let _ = &worker;
                EngineOutput::default()
            })
        }
    };
    let authority = with_clock(threaded(make), Clock::system());
    wait_for(|| gate.1.load(Relaxed));
    let weak = Arc::downgrade(&authority);
    drop(authority);
    assert_eq!(weak.strong_count(), 0);
    // And its thread ends as soon as it can.
    drop(held);
    wait_for(|| Arc::strong_count(&worker) == 1);
}

#[test]
fn logged_faults_of_an_engine_are_limited() {
    let mut faults = faults::Faults::default();
    let now = Timestamp::from_micros(1);
    let refused = EngineFault::Refused("no".into());
    let later = |seconds| now + Duration::from_secs(seconds);
    // Once for as long as it goes on.
    let told = |faults: &mut faults::Faults, at| faults.is_news(at, &refused);
    let steps = [(0, true), (0, false), (9, false), (18, false), (28, true)];
    for (second, expected) in steps {
        assert_eq!(told(&mut faults, later(second)), expected, "{second}");
    }
    assert!(faults.is_news(later(28), &EngineFault::Overrun), "another one");
    // Each of these is told.
    for _ in 0..2 {
        assert!(faults.is_news(later(28), &EngineFault::Blocked));
    }
}
