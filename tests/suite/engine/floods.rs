//! A worker that says too much, or what makes no sense.

use std::{
    thread,
    time::{Duration, Instant},
};

use imbolc_net::{Dispatcher, Event, SessionEvent, dispatcher::Events};

use super::bell::{BOTH, Bell, Call, Driver, Local, Output, Pull, Ring, returns, until};

/// A session whose worker answers each effect of `Count`.
fn answering(driver: Driver, mut answer: impl FnMut() -> Output + Clone + Send + 'static) -> Local {
    let mut is_asked = false;
    let dispatcher = driver.open(move |call| {
        is_asked |= matches!(call, Call::Perform(Ring::Counted(_), _));
        if matches!(call, Call::Advance(_)) && std::mem::take(&mut is_asked) {
            return answer();
        }
        Output { metering: vec![1.0], ..Output::default() }
    });
    // Until then, effects are in the state with which it begins.
    until("it has begun", || dispatcher.metering() == [1.0]);
    dispatcher
}

/// The notices so far.
fn notices(events: &mut Events<Bell>) -> Vec<String> {
    let events = std::iter::from_fn(|| events.try_next());
    let notice = |event| match event {
        Event::Notice(notice) => Some(notice),
        _ => None,
    };
    events.filter_map(notice).collect()
}

#[test]
fn of_a_million_actions_16384_are_performed() {
    for driver in BOTH {
        let dispatcher = answering(driver, || Output {
            actions: (1..=1_000_000).map(Pull::Turn).collect(),
            ..Output::default()
        });
        let (mut events, mut told) = (dispatcher.events(), Vec::new());
        thread::scope(|scope| {
            scope.spawn(|| dispatcher.dispatch(Pull::Count).unwrap());
            // The other participants get their turns meanwhile.
            scope.spawn(|| dispatcher.dispatch(Pull::Press(1)).unwrap());
            until("those that are kept are performed", || {
                told.extend(notices(&mut events));
                dispatcher.state().model.knob == 16_384
            });
        });
        assert_eq!(
            told,
            ["the engine asked for too much at once: 983616 actions are dropped"],
            "{driver:?}"
        );
        assert!(dispatcher.state().model.held.contains(&1));
    }
}

#[test]
fn worker_that_answers_itself_is_called_once_in_1_ms() {
    for driver in BOTH {
        let begun = Instant::now();
        let dispatcher = driver.open(|call| match call {
            // The effect is its next task.
            Call::Advance(_) => Output {
                actions: vec![Pull::Count],
                next: Some(Duration::ZERO),
                ..Output::default()
            },
            _ => Output::default(),
        });
        let dispatcher = returns(move || {
            dispatcher.dispatch(Pull::Press(1)).unwrap();
            dispatcher
        });
        until("it goes on", || dispatcher.state().model.count >= 100);
        let (count, elapsed) = (dispatcher.state().model.count, begun.elapsed());
        // The first two calls are the start and the key.
        let allowed = elapsed.as_millis() + 3;
        assert!(u128::from(count) <= allowed, "{driver:?}: {count} calls in {elapsed:?}");
    }
}

#[test]
fn metering_that_cannot_be_sent_is_dropped_and_told_once() {
    for (bad, why) in [(vec![f64::NAN], "finite"), (vec![0.1; 5000], "over 16384")] {
        for driver in BOTH {
            let dispatcher = answering(driver, {
                let bad = bad.clone();
                move || Output { metering: bad.clone(), ..Output::default() }
            });
            let mut events = dispatcher.events();
            until("the good one is there", || dispatcher.metering() == [1.0]);
            let mut told = Vec::new();
            for count in 0..50 {
                dispatcher.dispatch(Pull::Count).unwrap();
                dispatcher.dispatch(Pull::Turn(count)).unwrap();
            }
            until("it is told", || {
                told.extend(notices(&mut events));
                !told.is_empty()
            });
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].starts_with("the engine's report cannot be sent"), "{told:?}");
            assert!(told[0].contains(why), "{told:?}");
            assert_eq!(dispatcher.metering(), [1.0], "{driver:?}");
        }
    }
}

#[test]
fn notices_of_a_flood_are_the_newest_64() {
    for driver in BOTH {
        let dispatcher = answering(driver, || Output {
            notices: (1..=1000).map(|number| number.to_string()).collect(),
            ..Output::default()
        });
        let mut events = dispatcher.events();
        let begun = Instant::now();
        dispatcher.dispatch(Pull::Count).unwrap();
        let mut told = Vec::new();
        until("some have come", || {
            told.extend(notices(&mut events));
            told.len() >= 4
        });
        assert_eq!(told[0], "937", "{driver:?}: of 1000, the newest 64");
        assert!(begun.elapsed() >= Duration::from_millis(300), "ten a second");
    }
}

#[test]
fn refused_actions_are_one_notice() {
    for driver in BOTH {
        let dispatcher = answering(driver, || Output {
            actions: [vec![Pull::Impossible; 100], vec![Pull::Turn(7)]].concat(),
            ..Output::default()
        });
        let mut events = dispatcher.events();
        for _ in 0..5 {
            dispatcher.dispatch(Pull::Count).unwrap();
        }
        until("it has answered", || dispatcher.state().model.knob == 7);
        let told = notices(&mut events);
        assert_eq!(told, ["an action of the engine is refused: no such rope"], "{driver:?}");
    }
}

#[test]
fn unrecorded_actions_are_told_as_such_only() {
    for driver in BOTH {
        let dispatcher = answering(driver, || Output {
            actions: vec![Pull::Unrecorded, Pull::Turn(7)],
            ..Output::default()
        });
        let mut events = dispatcher.events();
        dispatcher.dispatch(Pull::Count).unwrap();
        until("it has answered", || dispatcher.state().model.knob == 7);
        let (mut told, mut unrecorded) = (0, 0);
        for event in std::iter::from_fn(|| events.try_next()) {
            told += u32::from(matches!(event, Event::Notice(_)));
            unrecorded +=
                u32::from(matches!(event, Event::Session(SessionEvent::NotRecorded { .. })));
        }
        assert_eq!((told, unrecorded), (0, 1), "{driver:?}");
    }
}
