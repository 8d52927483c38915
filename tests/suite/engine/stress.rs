//! Threads that dispatch while the worker is slow, panics and is closed: what it was handed
//! explains every state that it sees.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use imbolc_net::{
    Dispatcher,
    model::{EngineOutput, EngineWorker},
    util::time::Timestamp,
};

use super::bell::{BOTH, Bell, Output, Pull, Ring, Tower, block_on, local, until};
use crate::faulty_model::silence_caught_panics;

/// The piece and the count: each `Count` and each `Load` leads to a greater one.
type Place = (u32, u32);

const fn place(tower: &Tower) -> Place {
    (tower.piece, tower.count)
}

/// What the workers of one session have found.
#[derive(Default)]
struct Findings {
    wrong: Mutex<Vec<String>>,
    /// Where the present worker is, if there is one that has begun.
    at: Mutex<Option<Place>>,
    resets: AtomicU32,
    panics: AtomicU32,
    performed: AtomicU32,
    is_calm: AtomicBool,
}

impl Findings {
    fn check(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.wrong.lock().unwrap().push(what());
        }
    }

    fn assert_none(&self) {
        let wrong = self.wrong.lock().unwrap();
        assert_eq!(wrong.first(), None, "the first of {}", wrong.len());
    }
}

/// Fails when it is dropped.
struct LoudPayload;

impl Drop for LoudPayload {
    fn drop(&mut self) {
        panic!("in drop");
    }
}

/// Compares what it is handed with the states, and now and then is slow or panics.
struct Checking {
    findings: Arc<Findings>,
    at: Option<Place>,
    calls: u32,
}

impl Checking {
    fn new(findings: &Arc<Findings>) -> Self {
        *findings.at.lock().unwrap() = None;
        Self { findings: Arc::clone(findings), at: None, calls: 0 }
    }
}

impl EngineWorker<Bell> for Checking {
    fn reset(&mut self, _: Timestamp, tower: &Tower) {
        self.findings.resets.fetch_add(1, Relaxed);
        let is_later = self.at.is_none_or(|at| place(tower) >= at);
        self.findings.check(is_later, || format!("{:?}, then a reset to {tower:?}", self.at));
        self.at = Some(place(tower));
    }

    fn perform(&mut self, _: Timestamp, tower: &Tower, ring: Ring) {
        self.findings.performed.fetch_add(1, Relaxed);
        let next = match ring {
            Ring::Counted(count) => {
                self.at.map(|(piece, last)| (piece, last + 1)).filter(|at| at.1 == count)
            }
            Ring::On(_) => self.at,
            // It is in the state of the reset.
            Ring::Loaded => None,
        };
        // Each effect of a batch has the state after the batch, in which two are counted.
        let is_next = next.is_some_and(|(piece, count)| {
            [(piece, count), (piece, count + 1)].contains(&place(tower))
        });
        self.findings.check(is_next, || format!("{:?}, then {ring:?} in {tower:?}", self.at));
        self.at = next;
    }

    fn advance(&mut self, _: Timestamp, tower: &Tower) -> EngineOutput<Bell> {
        let is_explained = self.at == Some(place(tower));
        self.findings.check(is_explained, || format!("{:?}, but {tower:?}", self.at));
        *self.findings.at.lock().unwrap() = self.at;
        self.calls += 1;
        if self.findings.is_calm.load(Relaxed) {
            return Output::default();
        }
        if self.calls.is_multiple_of(50) {
            self.findings.panics.fetch_add(1, Relaxed);
            std::panic::panic_any(LoudPayload);
        }
        if self.calls.is_multiple_of(20) {
            // Long enough that the queue overflows.
            thread::sleep(Duration::from_millis(50));
        }
        let actions = match self.calls % 5 {
            0 => vec![Pull::Count, Pull::Turn(self.calls)],
            _ => vec![],
        };
        Output { actions, next: Some(Duration::from_millis(1)), ..Output::default() }
    }
}

#[test]
fn effects_and_resets_explain_every_state() {
    silence_caught_panics();
    for driver in BOTH {
        let findings = Arc::<Findings>::default();
        let made = Arc::clone(&findings);
        let dispatcher = local(driver.of(move || Checking::new(&made)));
        let end = Instant::now() + Duration::from_secs(2);
        let is_over = || Instant::now() >= end;
        thread::scope(|scope| {
            for key in 0..2 {
                let dispatcher = &dispatcher;
                scope.spawn(move || {
                    while !is_over() {
                        for _ in 0..100 {
                            dispatcher.dispatch(Pull::Count).unwrap();
                            let batch = vec![Pull::Count, Pull::Press(key), Pull::Count];
                            dispatcher.dispatch_all(batch).unwrap();
                        }
                        dispatcher.dispatch(Pull::Turn(7)).unwrap();
                        thread::yield_now();
                    }
                });
            }
            // One thread, so that the pieces come in order.
            scope.spawn(|| {
                for piece in 1.. {
                    if is_over() {
                        break;
                    }
                    let batch = vec![Pull::Count, Pull::Load(piece), Pull::Count];
                    dispatcher.dispatch_all(batch).unwrap();
                    thread::sleep(Duration::from_millis(3));
                }
            });
        });
        findings.is_calm.store(true, Relaxed);
        until("the worker has everything", || {
            *findings.at.lock().unwrap() == Some(place(&dispatcher.state().model))
        });
        findings.assert_none();
        let counts = [&findings.resets, &findings.performed, &findings.panics];
        let counts = counts.map(|count| count.load(Relaxed));
        assert!(counts.iter().all(|count| *count > 1), "too little has happened: {counts:?}");
        block_on(dispatcher.close()).unwrap();
        drop(dispatcher);
        until("the worker is dropped", || Arc::strong_count(&findings) == 1);
    }
}

#[test]
fn session_ends_at_any_moment() {
    silence_caught_panics();
    for driver in BOTH {
        let begun = Instant::now();
        let mut round = 0_u32;
        while begun.elapsed() < Duration::from_secs(1) {
            round += 1;
            let findings = Arc::<Findings>::default();
            let made = Arc::clone(&findings);
            let dispatcher = local(driver.of(move || Checking::new(&made)));
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| while dispatcher.dispatch(Pull::Count).is_ok() {});
                }
                for _ in 0..round % 200 {
                    thread::yield_now();
                }
                let closing = [0; 2].map(|_| scope.spawn(|| block_on(dispatcher.close())));
                for closing in closing {
                    closing.join().unwrap().unwrap();
                }
            });
            drop(dispatcher);
            until("the worker is dropped", || Arc::strong_count(&findings) == 1);
            findings.assert_none();
        }
    }
}
