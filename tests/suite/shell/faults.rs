//! An engine that panics: it is announced and called again, and the session goes on.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use imbolc_net::{
    Dispatcher, Event,
    authority::{Engine, LocalDispatcher, inline},
    dispatcher::Events,
    model::{EngineFault, EngineOutput, EngineWorker},
    server::{HostDispatcher, HostOptions},
    studio::{
        NetworkAction, SilentEngine, Studio, StudioEffect, StudioNotice, StudioState,
        TransportAction,
    },
    transport::in_memory,
    util::{quantity::Ticks, time::Timestamp},
};
use tokio::time::sleep;

use super::{Remote, SECOND, options};
use crate::conformance::eventually;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Method {
    Reset,
    Perform,
    Advance,
}

/// Panics in one of its methods, while it is told to.
struct Fragile {
    inner: SilentEngine,
    broken: Arc<Mutex<Option<Method>>>,
    panics: Arc<AtomicU32>,
}

impl Fragile {
    fn engine() -> (Engine, Arc<Mutex<Option<Method>>>, Arc<AtomicU32>) {
        let (broken, panics) = (Arc::default(), Arc::default());
        let make = {
            let (broken, panics) = (Arc::clone(&broken), Arc::clone(&panics));
            move || Self {
                inner: SilentEngine::default(),
                broken: Arc::clone(&broken),
                panics: Arc::clone(&panics),
            }
        };
        (inline(make), broken, panics)
    }

    fn enter(&self, method: Method) {
        let broken = *self.broken.lock().unwrap();
        if broken == Some(method) {
            self.panics.fetch_add(1, Relaxed);
            panic!("on purpose");
        }
    }
}

impl EngineWorker<Studio> for Fragile {
    fn reset(&mut self, now: Timestamp, state: &StudioState) {
        self.enter(Method::Reset);
        self.inner.reset(now, state);
    }

    fn perform(&mut self, now: Timestamp, state: &StudioState, effect: StudioEffect) {
        self.enter(Method::Perform);
        self.inner.perform(now, state, effect);
    }

    fn advance(&mut self, now: Timestamp, state: &StudioState) -> EngineOutput<Studio> {
        self.enter(Method::Advance);
        self.inner.advance(now, state)
    }
}

const PLAY: NetworkAction = NetworkAction::Transport(TransportAction::Play);
const STOP: NetworkAction = NetworkAction::Transport(TransportAction::Stop);

async fn fault(events: &mut Events) -> String {
    loop {
        let event = events.next().await.expect("the host runs");
        if let Event::Notice(StudioNotice::Engine(fault @ EngineFault::Failed(_))) = event {
            return fault.to_string();
        }
    }
}

fn faults(events: &mut Events) -> usize {
    let all = std::iter::from_fn(|| events.try_next());
    all.filter(|event| matches!(event, Event::Notice(_))).count()
}

#[tokio::test(start_paused = true)]
async fn panicking_engine_is_announced_and_called_again() {
    for method in [Method::Perform, Method::Advance] {
        let (listener, connector) = in_memory();
        let (engine, broken, _) = Fragile::engine();
        let (model, no_options) = (StudioState::starter(), HostOptions::default());
        let host = HostDispatcher::open("host", model, engine, listener, no_options).unwrap();
        let guest = Remote::join(connector, options("Ana", &[])).await.unwrap();
        let mut events = host.events();
        *broken.lock().unwrap() = Some(method);
        host.dispatch(PLAY).unwrap();
        assert!(host.state().model.transport.playing, "{method:?}: the change counts");
        eventually("the guest has it", || guest.state().model.transport.playing).await;
        assert_eq!(fault(&mut events).await, "the engine failed: on purpose");
        sleep(20 * SECOND).await;
        *broken.lock().unwrap() = None;
        if method == Method::Perform {
            // The effects are lost, and the next ones are not.
            host.dispatch(STOP).unwrap();
            host.dispatch(PLAY).unwrap();
        }
        let stands = host.metering().playhead;
        sleep(12 * SECOND).await;
        assert!(host.metering().playhead > stands, "{method:?}: the playhead moves");
    }
}

#[tokio::test(start_paused = true)]
async fn engine_that_keeps_failing_is_called_less_often() {
    let (listener, _connector) = in_memory();
    let (engine, broken, panics) = Fragile::engine();
    let (model, no_options) = (StudioState::starter(), HostOptions::default());
    let host = HostDispatcher::open("host", model, engine, listener, no_options).unwrap();
    let mut events = host.events();
    host.dispatch(PLAY).unwrap();
    *broken.lock().unwrap() = Some(Method::Advance);
    sleep(60 * SECOND).await;
    let calls = panics.load(Relaxed);
    assert!((10..25).contains(&calls), "{calls} calls in a minute");
    assert!((10..25).contains(&faults(&mut events)));
    // A participant who makes it fail all the time does not flood the log.
    *broken.lock().unwrap() = Some(Method::Perform);
    for _ in 0..500 {
        host.dispatch(STOP).unwrap();
        host.dispatch(PLAY).unwrap();
    }
    assert!(faults(&mut events) <= 20);
}

#[test]
fn engine_of_a_local_session_is_called_again() {
    let (engine, broken, panics) = Fragile::engine();
    let local = LocalDispatcher::open("Ana", StudioState::starter(), engine).unwrap();
    local.dispatch(PLAY).unwrap();
    *broken.lock().unwrap() = Some(Method::Advance);
    let begun = Instant::now();
    while panics.load(Relaxed) < 2 {
        assert!(begun.elapsed() < 10 * SECOND, "its thread has ended");
        thread::sleep(Duration::from_millis(5));
    }
    *broken.lock().unwrap() = None;
    let stands = local.metering().playhead;
    while local.metering().playhead <= stands.max(Ticks::MIN) {
        assert!(begun.elapsed() < 20 * SECOND, "the playhead stands");
        thread::sleep(Duration::from_millis(5));
    }
}
