//! The end of a worker: its session is closed or dropped.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use imbolc_net::{
    Dispatcher,
    model::{EngineOutput, EngineWorker},
    server::{HostDispatcher, HostOptions},
    transport::in_memory,
    util::time::Timestamp,
};

use super::bell::{
    BOTH, Bell, Driver, Gate, Output, Pull, Ring, Tower, block_on, local, returns, until,
};

const SECOND: Duration = Duration::from_secs(1);

/// Waits at the gate, and says when it is dropped.
struct Waiting {
    gate: Gate,
    is_dropped: Arc<AtomicBool>,
}

impl EngineWorker<Bell> for Waiting {
    fn reset(&mut self, _: Timestamp, _: &Tower) {}

    fn perform(&mut self, _: Timestamp, _: &Tower, _: Ring) {
        self.gate.pass();
    }

    fn advance(&mut self, _: Timestamp, _: &Tower) -> EngineOutput<Bell> {
        Output { metering: vec![1.0], ..Output::default() }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.is_dropped.store(true, SeqCst);
    }
}

/// A worker's gate, whether it was dropped, and what makes it.
fn waiting() -> (Gate, Arc<AtomicBool>, impl FnMut() -> Waiting + Send + 'static) {
    let (gate, is_dropped) = (Gate::default(), Arc::<AtomicBool>::default());
    let make = {
        let (gate, is_dropped) = (gate.clone(), Arc::clone(&is_dropped));
        move || Waiting { gate: gate.clone(), is_dropped: Arc::clone(&is_dropped) }
    };
    (gate, is_dropped, make)
}

fn was_left(took: Duration) {
    assert!((SECOND..15 * SECOND).contains(&took), "{took:?}");
}

#[test]
fn close_waits_for_the_engine() {
    for driver in BOTH {
        let (_, is_dropped, make) = waiting();
        let dispatcher = local(driver.of(make));
        until("it has begun", || dispatcher.metering() == [1.0]);
        block_on(dispatcher.close()).unwrap();
        assert!(is_dropped.load(SeqCst), "{driver:?}");
        block_on(dispatcher.close()).unwrap();
    }
}

#[test]
fn close_waits_no_longer_than_the_engine_needs() {
    let close = || {
        let (_, _, make) = waiting();
        let dispatcher = local(Driver::Threaded.of(make));
        let begun = Instant::now();
        block_on(dispatcher.close()).unwrap();
        begun.elapsed() < SECOND
    };
    // One of them, on a machine that is busy.
    assert!((0..10).any(|_| close()));
}

#[test]
fn close_waits_one_second_for_a_blocked_engine() {
    let (gate, is_dropped, make) = waiting();
    let dispatcher = local(Driver::Threaded.of(make));
    until("it has begun", || dispatcher.metering() == [1.0]);
    let held = gate.close();
    dispatcher.dispatch(Pull::Count).unwrap();
    gate.until_reached(1);
    let begun = Instant::now();
    block_on(dispatcher.close()).unwrap();
    was_left(begun.elapsed());
    assert!(!is_dropped.load(SeqCst), "it is left to itself");
    // Its timers have ended by now.
    let dispatcher = returns(move || {
        block_on(dispatcher.close()).unwrap();
        dispatcher
    });
    drop((held, dispatcher));
    until("it ends when it can", || is_dropped.load(SeqCst));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn close_of_a_host_waits_one_second_for_the_engine() {
    for is_blocked in [false, true] {
        let (gate, is_dropped, make) = waiting();
        let (listener, _connector) = in_memory();
        let (tower, options) = (Tower::default(), HostOptions::default());
        let host = HostDispatcher::open("Mia", tower, Driver::Threaded.of(make), listener, options);
        let host = host.unwrap();
        until("it has begun", || host.metering() == [1.0]);
        let (release, released) = std::sync::mpsc::channel::<()>();
        let holder = is_blocked.then(|| {
            let gate = gate.clone();
            let (closed, is_closed) = std::sync::mpsc::channel();
            let holder = thread::spawn(move || {
                let _held = gate.close();
                closed.send(()).unwrap();
                let _ = released.recv();
            });
            is_closed.recv().unwrap();
            holder
        });
        host.dispatch(Pull::Count).unwrap();
        gate.until_reached(1);
        let begun = Instant::now();
        host.close().await.unwrap();
        assert_eq!(is_dropped.load(SeqCst), !is_blocked);
        if is_blocked {
            was_left(begun.elapsed());
        }
        drop(release);
        if let Some(holder) = holder {
            holder.join().unwrap();
        }
        until("it ends when it can", || is_dropped.load(SeqCst));
    }
}

#[test]
fn close_while_the_engine_starts_waits_one_second() {
    let (gate, is_dropped, mut make) = waiting();
    let held = gate.close();
    let start = gate.clone();
    let dispatcher = local(Driver::Threaded.of(move || {
        start.pass();
        make()
    }));
    gate.until_reached(1);
    let begun = Instant::now();
    block_on(dispatcher.close()).unwrap();
    was_left(begun.elapsed());
    drop(held);
    until("it ends when it has started", || is_dropped.load(SeqCst));
}

#[test]
fn dropped_dispatcher_ends_its_engine() {
    for driver in BOTH {
        let (_, is_dropped, make) = waiting();
        let dispatcher = local(driver.of(make));
        until("it has begun", || dispatcher.metering() == [1.0]);
        drop(dispatcher);
        until("the worker is dropped", || is_dropped.load(SeqCst));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_host_ends_its_engine() {
    for driver in BOTH {
        let (_, is_dropped, make) = waiting();
        let (listener, _connector) = in_memory();
        let (tower, options) = (Tower::default(), HostOptions::default());
        let host = HostDispatcher::open("Mia", tower, driver.of(make), listener, options);
        let host = host.unwrap();
        until("it has begun", || host.metering() == [1.0]);
        drop(host);
        let begun = Instant::now();
        while !is_dropped.load(SeqCst) {
            assert!(begun.elapsed() < 15 * SECOND, "{driver:?}: it runs on");
            tokio::task::yield_now().await;
        }
    }
}
