//! What a worker is handed, where it is called, and what its answers lead to.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{Arc, Mutex, OnceLock, Weak},
    thread::{self, ThreadId},
};

use imbolc_net::{Dispatcher, authority::threaded};

use super::bell::{
    BOTH, Bell, Call, Calls, Driver, Gate, Local, Output, Pull, Ring, Scripted, Tower, local,
    returns, until,
};

/// More than this are not queued.
const QUEUE: u32 = 4096;

fn state(dispatcher: &Local) -> Tower {
    dispatcher.state().model.clone()
}

fn piece(piece: u32) -> Tower {
    Tower { piece, ..Tower::default() }
}

fn counted(count: u32) -> Tower {
    Tower { count, ..Tower::default() }
}

#[test]
fn worker_is_built_on_its_thread() {
    let threads: Arc<Mutex<Vec<ThreadId>>> = Arc::default();
    let note = {
        let threads = Arc::clone(&threads);
        move || threads.lock().unwrap().push(thread::current().id())
    };
    /// Is not `Send`.
    struct Handle<F: Fn()>(Rc<Cell<u32>>, F);
    impl<F: Fn()> Drop for Handle<F> {
        fn drop(&mut self) {
            (self.1)();
        }
    }
    let dispatcher = local(threaded::<Bell, _>(move || {
        note();
        let handle = Handle(Rc::default(), note.clone());
        Scripted(move |_| {
            handle.0.set(handle.0.get() + 1);
            (handle.1)();
            Output::default()
        })
    }));
    // It is made, reset and advanced; then it performs, and is advanced.
    until("it has begun", || threads.lock().unwrap().len() >= 3);
    dispatcher.dispatch(Pull::Count).unwrap();
    until("it was called", || threads.lock().unwrap().len() >= 5);
    drop(dispatcher);
    until("it was dropped", || Arc::strong_count(&threads) == 1);
    let threads = threads.lock().unwrap();
    assert_ne!(threads[0], thread::current().id());
    assert!(threads.iter().all(|thread| *thread == threads[0]), "{threads:?}");
}

#[test]
fn nothing_of_an_engine_runs_under_the_lock() {
    for driver in BOTH {
        let (gate, calls) = (Gate::default(), Calls::default());
        let session: Arc<OnceLock<Weak<Local>>> = Arc::default();
        let dispatcher = Arc::new(driver.open({
            let (gate, calls, session) = (gate.clone(), calls.clone(), Arc::clone(&session));
            move |call| {
                calls.add(&call);
                if matches!(call, Call::Perform(Ring::On(_), _)) {
                    let session = session.get().and_then(Weak::upgrade).unwrap();
                    let before = session.state().model.count;
                    session.dispatch(Pull::Count).unwrap();
                    assert_eq!(session.state().model.count, before + 1);
                    gate.pass();
                }
                Output::default()
            }
        }));
        session.set(Arc::downgrade(&dispatcher)).unwrap();
        until("it has begun", || !calls.all().is_empty());
        let held = gate.close();
        let press = {
            let dispatcher = Arc::clone(&dispatcher);
            thread::spawn(move || dispatcher.dispatch(Pull::Press(1)).unwrap())
        };
        gate.until_reached(1);
        // The worker is in a call.
        let other = Arc::clone(&dispatcher);
        returns(move || other.dispatch(Pull::Turn(7)).unwrap());
        assert_eq!(state(&dispatcher).knob, 7, "{driver:?}");
        drop(held);
        press.join().unwrap();
        // What was dispatched within the call is not lost.
        until("it was performed", || calls.performed().contains(&Ring::Counted(1)));
        calls.until_turned(7);
    }
}

#[test]
fn both_drivers_say_the_same() {
    let [inline, threaded] = BOTH.map(|driver| {
        let calls = Calls::default();
        let dispatcher = driver.open({
            let calls = calls.clone();
            move |call| {
                calls.add(&call);
                // It answers what was pressed.
                let actions = match call {
                    Call::Advance(tower) if tower.count < tower.held.len() as u32 => {
                        vec![Pull::Count]
                    }
                    _ => vec![],
                };
                Output { actions, ..Output::default() }
            }
        });
        until("it has begun", || !calls.all().is_empty());
        for key in 0..5 {
            dispatcher.dispatch(Pull::Press(key)).unwrap();
            let counted = Ring::Counted(key.into());
            until("the answer is there", || state(&dispatcher).count == u32::from(key) + 1);
            until("it was performed", || key == 0 || calls.performed().contains(&counted));
        }
        until("all is performed", || calls.performed().len() == 10);
        (calls.handed(), dispatcher.state())
    });
    assert_eq!(inline.0, threaded.0);
    assert_eq!(inline.1, threaded.1);
}

#[test]
fn effects_come_in_order_with_their_snapshots() {
    for driver in BOTH {
        let calls = Calls::default();
        let dispatcher = driver.open(calls.recorder());
        until("it has begun", || !calls.all().is_empty());
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..250 {
                        dispatcher.dispatch(Pull::Count).unwrap();
                    }
                });
            }
        });
        until("all are performed", || calls.performed().len() == 1000);
        let expected = (1..=1000).map(|n| Call::Perform(Ring::Counted(n), counted(n)));
        let expected: Vec<_> =
            [Call::Reset(Tower::default())].into_iter().chain(expected).collect();
        assert_eq!(calls.handed(), expected, "{driver:?}");
    }
}

#[test]
fn turned_filter_reaches_the_engine_without_an_effect() {
    for driver in BOTH {
        let calls = Calls::default();
        let dispatcher = driver.open(calls.recorder());
        dispatcher.dispatch(Pull::Turn(7)).unwrap();
        calls.until_turned(7);
        // Also right after a call, when it is not due at once.
        for knob in 8..20 {
            dispatcher.dispatch(Pull::Turn(knob)).unwrap();
        }
        calls.until_turned(19);
        assert_eq!(calls.performed(), []);
    }
}

/// A session whose worker waits in `perform` of a key at the gate.
fn gated(driver: Driver) -> (Local, Gate, Calls) {
    let (gate, calls) = (Gate::default(), Calls::default());
    let dispatcher = driver.open({
        let (gate, calls) = (gate.clone(), calls.clone());
        move |call| {
            calls.add(&call);
            if matches!(call, Call::Perform(Ring::On(_), _)) {
                gate.pass();
            }
            Output::default()
        }
    });
    until("it has begun", || !calls.all().is_empty());
    (dispatcher, gate, calls)
}

#[test]
fn engine_that_is_behind_gets_only_the_newest_snapshot() {
    let (dispatcher, gate, calls) = gated(Driver::Threaded);
    let held = gate.close();
    dispatcher.dispatch(Pull::Press(1)).unwrap();
    gate.until_reached(1);
    let before = calls.all().len();
    for knob in 1..=1000 {
        dispatcher.dispatch(Pull::Turn(knob)).unwrap();
    }
    drop(held);
    calls.until_turned(1000);
    let pressed = Tower { held: [1].into(), ..Tower::default() };
    for call in &calls.all()[before..] {
        let known = [Tower { knob: 1000, ..pressed.clone() }, pressed.clone()];
        assert!(matches!(call, Call::Advance(tower) if known.contains(tower)), "{call:?}");
    }
}

#[test]
fn dispatch_never_waits_for_the_engine() {
    let (dispatcher, gate, _) = gated(Driver::Threaded);
    let held = gate.close();
    dispatcher.dispatch(Pull::Press(1)).unwrap();
    gate.until_reached(1);
    let dispatcher = returns(move || {
        for _ in 0..100_000 {
            dispatcher.dispatch(Pull::Count).unwrap();
        }
        dispatcher
    });
    assert_eq!(state(&dispatcher).count, 100_000);
    drop(held);
}

/// What the worker is handed after it has waited for `count` effects and then one more.
fn handed_after(count: u32) -> Vec<Call> {
    let (dispatcher, gate, calls) = gated(Driver::Threaded);
    let mut events = dispatcher.events();
    let held = gate.close();
    dispatcher.dispatch(Pull::Press(1)).unwrap();
    gate.until_reached(1);
    let before = calls.handed().len();
    for _ in 0..count {
        dispatcher.dispatch(Pull::Count).unwrap();
    }
    drop(held);
    let is_done = |call: &Call| match call {
        Call::Reset(tower) | Call::Perform(_, tower) => tower.count == count,
        Call::Advance(_) => false,
    };
    until("all is handed over", || calls.handed().iter().any(is_done));
    dispatcher.dispatch(Pull::Count).unwrap();
    until("the next one is performed", || calls.performed().contains(&Ring::Counted(count + 1)));
    let notices = std::iter::from_fn(|| events.try_next());
    let overrun = notices.filter(|event| format!("{event:?}").contains("too slow")).count();
    assert_eq!(overrun, usize::from(count > QUEUE), "{count}");
    calls.handed().split_off(before)
}

#[test]
fn effects_collapse_into_a_reset_at_4096() {
    let state = |count| Tower { held: [1].into(), count, ..Tower::default() };
    let perform = |count| Call::Perform(Ring::Counted(count), state(count));
    let all: Vec<_> = (1..=QUEUE + 1).map(perform).collect();
    assert_eq!(handed_after(QUEUE), all);
    // The one that was too many is in the state, and is not performed again; nor are
    // those that came while the reset waited.
    for count in [QUEUE + 1, 3 * QUEUE] {
        assert_eq!(handed_after(count), [Call::Reset(state(count)), perform(count + 1)]);
    }
}

#[test]
fn full_queue_and_a_loaded_piece_are_one_reset() {
    let (dispatcher, gate, calls) = gated(Driver::Threaded);
    let held = gate.close();
    dispatcher.dispatch(Pull::Press(1)).unwrap();
    gate.until_reached(1);
    let before = calls.handed().len();
    for count in [QUEUE + 10, 10] {
        for _ in 0..count {
            dispatcher.dispatch(Pull::Count).unwrap();
        }
        dispatcher.dispatch(Pull::Load(count)).unwrap();
    }
    dispatcher.dispatch(Pull::Count).unwrap();
    drop(held);
    until("it begins anew", || calls.handed().len() > before);
    dispatcher.dispatch(Pull::Count).unwrap();
    until("it goes on", || calls.performed().contains(&Ring::Counted(2)));
    let [first, second] = [1, 2].map(|count| Tower { count, ..piece(10) });
    let expected = [Call::Reset(first), Call::Perform(Ring::Counted(2), second)];
    assert_eq!(calls.handed()[before..], expected);
}

/// What a worker does that panics in each effect of [`Pull::Count`].
fn panics_at_a_count(calls: &Calls) -> impl FnMut(Call) -> Output + Clone + Send + 'static {
    let mut record = calls.recorder();
    move |call| {
        let panics = matches!(call, Call::Perform(Ring::Counted(_), _));
        let output = record(call);
        assert!(!panics, "on purpose");
        output
    }
}

#[test]
fn start_restart_and_load_are_one_call() {
    for driver in BOTH {
        let calls = Calls::default();
        let dispatcher = driver.open(panics_at_a_count(&calls));
        let resets = |count| {
            until("it begins anew", || {
                calls.handed().iter().filter(|call| matches!(call, Call::Reset(_))).count() == count
            });
        };
        resets(1);
        dispatcher.dispatch(Pull::Count).unwrap();
        resets(2);
        dispatcher.dispatch(Pull::Load(5)).unwrap();
        resets(3);
        let expected = [
            Call::Reset(Tower::default()),
            Call::Perform(Ring::Counted(1), counted(1)),
            Call::Reset(counted(1)),
            // Not as an effect.
            Call::Reset(piece(5)),
        ];
        assert_eq!(calls.handed(), expected, "{driver:?}");
    }
}

#[test]
fn engine_rebuilds_held_keys_from_the_state() {
    for driver in BOTH {
        let calls = Calls::default();
        let dispatcher = driver.open(panics_at_a_count(&calls));
        until("it has begun", || !calls.all().is_empty());
        for key in [3, 5] {
            dispatcher.dispatch(Pull::Press(key)).unwrap();
        }
        dispatcher.dispatch(Pull::Count).unwrap();
        let held = Tower { held: [3, 5].into(), ..counted(1) };
        until("the new one has the keys", || calls.all().contains(&Call::Reset(held.clone())));
        assert_eq!(calls.performed(), [Ring::On(3), Ring::On(5), Ring::Counted(1)]);
    }
}

#[test]
fn answer_of_the_engine_is_in_a_later_seq() {
    let answer = |gate: Option<Gate>| {
        let mut was_pressed = false;
        move |call| {
            let pressed = matches!(call, Call::Perform(Ring::On(_), _));
            if let Some(gate) = gate.as_ref().filter(|_| pressed) {
                gate.pass();
            }
            was_pressed |= pressed;
            let answers = matches!(call, Call::Advance(_)) && std::mem::take(&mut was_pressed);
            let actions = if answers { vec![Pull::Count] } else { vec![] };
            Output { actions, metering: vec![1.0], ..Output::default() }
        }
    };
    let gate = Gate::default();
    let dispatcher = Driver::Threaded.open(answer(Some(gate.clone())));
    until("it has begun", || !dispatcher.metering().is_empty());
    let held = gate.close();
    dispatcher.dispatch(Pull::Press(1)).unwrap();
    let pressed = dispatcher.state();
    assert_eq!((pressed.model.held.len(), pressed.model.count), (1, 0));
    drop(held);
    until("it has answered", || state(&dispatcher).count == 1);
    assert_eq!(dispatcher.state().seq, pressed.seq.next());

    let dispatcher = Driver::Inline.open(answer(None));
    dispatcher.dispatch(Pull::Press(1)).unwrap();
    until("it has answered", || state(&dispatcher).count == 1);
    assert_eq!(dispatcher.state().seq, pressed.seq.next(), "by the same number of changes");
}

/// What is in the state after the worker was in the call in which it asked to count, while
/// `meanwhile` was dispatched.
fn counted_after(meanwhile: &[Pull]) -> Tower {
    let (gate, calls) = (Gate::default(), Calls::default());
    let dispatcher = Driver::Threaded.open({
        let (gate, calls) = (gate.clone(), calls.clone());
        let mut was_pressed = false;
        move |call| {
            calls.add(&call);
            was_pressed |= matches!(call, Call::Perform(Ring::On(_), _));
            let asks = matches!(call, Call::Advance(_)) && std::mem::take(&mut was_pressed);
            if asks {
                gate.pass();
            }
            Output { actions: if asks { vec![Pull::Count] } else { vec![] }, ..Output::default() }
        }
    });
    until("it has begun", || !calls.all().is_empty());
    let held = gate.close();
    dispatcher.dispatch(Pull::Press(1)).unwrap();
    gate.until_reached(1);
    for pull in meanwhile {
        dispatcher.dispatch(pull.clone()).unwrap();
    }
    drop(held);
    // It is called again once what it asked for is done.
    dispatcher.dispatch(Pull::Turn(7)).unwrap();
    calls.until_turned(7);
    let after = state(&dispatcher);
    dispatcher.dispatch(Pull::Press(3)).unwrap();
    until("its next answer counts", || state(&dispatcher).count == after.count + 1);
    after
}

#[test]
fn answers_to_a_replaced_piece_are_dropped() {
    assert_eq!(counted_after(&[Pull::Load(5)]), Tower { knob: 7, ..piece(5) });
    let later = [Pull::Load(5), Pull::Press(2)];
    assert_eq!(counted_after(&later), Tower { knob: 7, held: [2].into(), ..piece(5) });
    // The same piece goes on, even if the worker begins anew.
    for count in [0, QUEUE + 10] {
        let counts = vec![Pull::Count; count as usize];
        let expected = Tower { knob: 7, held: [1].into(), ..counted(count + 1) };
        assert_eq!(counted_after(&counts), expected);
    }
}
