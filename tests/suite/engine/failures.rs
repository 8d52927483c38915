//! A worker that panics, or does not return.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering::Relaxed},
};

use imbolc_net::{
    Dispatcher, Event,
    authority::threaded,
    client::{JoinOptions, RemoteDispatcher},
    dispatcher::Events,
    model::{EngineOutput, EngineWorker},
    server::{HostDispatcher, HostOptions},
    transport::{MemoryConnector, in_memory},
    util::time::Timestamp,
};

use super::bell::{
    BOTH, Bell, Call, Driver, Gate, Local, Output, Pull, Ring, Scripted, Tower, local, until,
};
use crate::conformance::eventually;

type Guest = RemoteDispatcher<Bell>;

fn host(engine: imbolc_net::authority::Engine<Bell>) -> (HostDispatcher<Bell>, MemoryConnector) {
    let (listener, connector) = in_memory();
    let host =
        HostDispatcher::open("Mia", Tower::default(), engine, listener, HostOptions::default());
    (host.unwrap(), connector)
}

async fn join(connector: MemoryConnector) -> Guest {
    let options = JoinOptions { name: "Ben".into(), ..JoinOptions::default() };
    Guest::join(connector, options).await.unwrap()
}

/// The notices until `last`.
async fn notices_until(events: &mut Events<Bell>, last: &str) -> Vec<String> {
    let mut notices = Vec::new();
    eventually(last, || {
        notices.extend(std::iter::from_fn(|| events.try_next()).filter_map(|event| match event {
            Event::Notice(notice) => Some(notice),
            _ => None,
        }));
        notices.iter().any(|notice| notice == last)
    })
    .await;
    notices
}

const FAILED: &str = "the engine failed: on purpose";
const RESTARTED: &str = "the engine runs again";

/// Panics in one of its methods, as often as it is told to.
#[derive(Clone)]
struct Fragile {
    method: &'static str,
    left: Arc<AtomicU32>,
}

impl Fragile {
    fn enter(&self, method: &str) {
        if self.method == method
            && self.left.try_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
        {
            panic!("on purpose");
        }
    }
}

/// Panics when it is dropped, if it is told to.
struct FragileWorker(Fragile);

impl EngineWorker<Bell> for FragileWorker {
    fn reset(&mut self, _: Timestamp, _: &Tower) {
        self.0.enter("reset");
    }

    fn perform(&mut self, _: Timestamp, _: &Tower, _: Ring) {
        self.0.enter("perform");
    }

    fn advance(&mut self, _: Timestamp, tower: &Tower) -> EngineOutput<Bell> {
        self.0.enter("advance");
        EngineOutput { metering: vec![tower.knob.into()], ..EngineOutput::default() }
    }
}

impl Drop for FragileWorker {
    fn drop(&mut self) {
        // It is dropped after a panic, but not while that goes on.
        assert!(!std::thread::panicking());
        panic!("in drop");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn panic_becomes_a_notice() {
    for driver in BOTH {
        for method in ["reset", "perform", "advance"] {
            let fragile = Fragile { method, left: Arc::default() };
            let left = Arc::clone(&fragile.left);
            let (host, connector) = host(driver.of(move || FragileWorker(fragile.clone())));
            let guest = join(connector).await;
            let mut events = [host.events(), guest.events()];
            eventually("it has begun", || !host.metering().is_empty()).await;
            left.store(1, Relaxed);
            let pull = if method == "reset" { Pull::Load(1) } else { Pull::Count };
            host.dispatch(pull).unwrap();
            for events in &mut events {
                let notices = notices_until(events, RESTARTED).await;
                assert!(notices.contains(&FAILED.into()), "{driver:?}, {method}: {notices:?}");
            }
            // It plays on, and the session has gone on meanwhile.
            guest.commit(Pull::Turn(9)).await.unwrap();
            eventually("the meters move", || host.metering() == [9.0]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn panic_while_it_is_made_becomes_a_notice() {
    for driver in BOTH {
        let fragile = Fragile { method: "make", left: Arc::new(AtomicU32::new(3)) };
        let (host, connector) = host(driver.of(move || {
            fragile.enter("make");
            FragileWorker(fragile.clone())
        }));
        let guest = join(connector).await;
        for mut events in [host.events(), guest.events()] {
            notices_until(&mut events, RESTARTED).await;
        }
    }
}

/// A worker that waits in `perform` of a key at the gate, and meters how often it was
/// called.
fn gated(gate: &Gate) -> imbolc_net::authority::Engine<Bell> {
    let (gate, mut calls) = (gate.clone(), 0.0);
    Driver::Threaded.scripted(move |call| {
        if matches!(call, Call::Perform(Ring::On(_), _)) {
            gate.pass();
        }
        calls += 1.0;
        Output { metering: vec![calls], ..Output::default() }
    })
}

#[expect(clippy::await_holding_lock, reason = "the worker is blocked meanwhile")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocked_worker_stops_playhead_and_meters_only() {
    let gate = Gate::default();
    let (host, connector) = host(gated(&gate));
    let guest = join(connector).await;
    let mut events = [host.events(), guest.events()];
    eventually("the meters move", || !guest.metering().is_empty()).await;
    let gone = {
        let _held = gate.close();
        guest.commit(Pull::Press(1)).await.unwrap();
        gate.until_reached(1);
        let stands = host.metering();
        for events in &mut events {
            let notices = notices_until(events, "the engine does not answer").await;
            assert_eq!(notices.len(), 1);
        }
        guest.commit(Pull::Turn(3)).await.unwrap();
        host.dispatch(Pull::Count).unwrap();
        assert_eq!(host.metering(), stands);
        eventually("the guest has it", || guest.state() == host.state()).await;
        host.clock()
    };
    assert!(gone.micros() >= 2_000_000, "told after 2 s: {gone}");
    for events in &mut events {
        let notices = notices_until(events, "the engine answers again").await;
        assert_eq!(notices.len(), 1);
    }
}

#[test]
fn panic_in_drop_leaves_nothing_behind() {
    for driver in BOTH {
        let fragile = Fragile { method: "none", left: Arc::default() };
        let alive = Arc::clone(&fragile.left);
        let dispatcher = local(driver.of(move || FragileWorker(fragile.clone())));
        dispatcher.dispatch(Pull::Count).unwrap();
        drop(dispatcher);
        until("it is gone", || Arc::strong_count(&alive) == 1);
    }
}

#[test]
fn worker_that_panics_in_every_call_is_built_less_often() {
    for driver in BOTH {
        let made: Arc<Mutex<Vec<Timestamp>>> = Arc::default();
        let clock = Arc::<std::sync::OnceLock<std::sync::Weak<Local>>>::default();
        let dispatcher = Arc::new(local(driver.of({
            let (made, clock) = (Arc::clone(&made), Arc::clone(&clock));
            move || {
                let session = clock.get().and_then(std::sync::Weak::upgrade);
                made.lock().unwrap().push(session.map_or(Timestamp::ZERO, |s| s.clock()));
                Scripted(|_| -> Output { panic!("on purpose") })
            }
        })));
        clock.set(Arc::downgrade(&dispatcher)).unwrap();
        // Effects do not make it start sooner.
        until("it is made five times", || {
            dispatcher.dispatch(Pull::Count).unwrap();
            made.lock().unwrap().len() >= 5
        });
        let made = made.lock().unwrap();
        for (pair, millis) in made.windows(2).skip(1).zip([200, 400, 800]) {
            let gap = pair[1].since(pair[0]).as_millis();
            assert!(gap >= millis, "{driver:?}: {made:?}");
        }
    }
}

#[test]
fn threaded_worker_needs_no_send() {
    let rc = || std::rc::Rc::new(0);
    let dispatcher = local(threaded::<Bell, _>(move || {
        let rc = rc();
        Scripted(move |_| Output { metering: vec![f64::from(*rc)], ..Output::default() })
    }));
    until("it says something", || dispatcher.metering() == [0.0]);
}
