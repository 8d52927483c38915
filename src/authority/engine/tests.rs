//! The queue, the link and the supervisor, as values.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{
    effect_queue::{EffectQueue, Work},
    worker_supervisor::WorkerSupervisor,
    *,
};
use crate::{
    model::{EngineFault, EngineOutput},
    protocol::{NetworkState, SessionId},
    studio::{StudioEffect, StudioState},
    sync::session::{Session, SessionConfig},
    util::time::Timestamp,
};

type State = Arc<NetworkState<Studio>>;

fn starter_state() -> State {
    let (id, config) = (SessionId::new([7; 16]), SessionConfig::default());
    Arc::clone(Session::<Studio>::hosted(config, id, "host", StudioState::starter()).state())
}

fn ms(millis: u64) -> Timestamp {
    Timestamp::from_micros(1000 * millis)
}

fn effects(count: usize) -> Vec<EngineInput<Studio>> {
    let state = starter_state();
    (0..count).map(|_| EngineInput::Effect(ms(1), Arc::clone(&state), StudioEffect::Play)).collect()
}

/// A queue whose worker has begun at 0 ms.
fn begun() -> EffectQueue<Studio> {
    let mut queue = EffectQueue::new(starter_state());
    assert!(matches!(queue.take(ms(0)).0, Work::Reset { overrun: false }));
    queue.wait_for(None, false);
    assert_eq!(queue.due(), None);
    queue
}

#[test]
fn queue_holds_4096_effects() {
    for (count, fits) in [(4096, true), (4097, false), (10_000, false)] {
        let mut queue = begun();
        let dropped = queue.push(effects(count), starter_state(), false);
        match queue.take(ms(1)).0 {
            Work::Effects(effects) => assert!(fits && effects.len() == count),
            Work::Reset { overrun } => assert!(overrun && !fits),
        }
        // The caller drops them without a lock.
        assert_eq!(dropped.1.len(), if fits { 0 } else { count });
        queue.push(effects(1), starter_state(), false);
        assert!(matches!(queue.take(ms(1)).0, Work::Effects(effects) if effects.len() == 1));
    }
}

#[test]
fn queue_keeps_no_state_but_the_newest() {
    let state = starter_state();
    let old = Arc::downgrade(&state);
    let mut queue = EffectQueue::new(state);
    drop(queue.take(ms(0)));
    drop(queue.push(vec![], starter_state(), false));
    assert!(old.upgrade().is_none());
}

#[test]
fn closed_link_keeps_no_effect() {
    let link = EngineLink::<Studio>::new(starter_state());
    // The worker is in a call, from which it may never return.
    assert!(link.begin_call(ms(0)).is_some());
    let state = starter_state();
    let effect = || vec![EngineInput::Effect(ms(1), Arc::clone(&state), StudioEffect::Play)];
    let (dropped, _) = link.hand_over(effect(), starter_state(), false);
    assert_eq!((dropped.1.len(), Arc::strong_count(&state)), (0, 2));
    link.close();
    assert_eq!(Arc::strong_count(&state), 1);
    let (dropped, _) = link.hand_over(effect(), starter_state(), false);
    assert_eq!(dropped.1.len(), 1, "the caller drops it without a lock");
}

#[test]
fn change_is_due_5_ms_after_the_last_call() {
    let mut queue = begun();
    queue.push(vec![], starter_state(), false);
    assert_eq!(queue.due(), Some(ms(5)));
    queue.push(effects(1), starter_state(), false);
    assert_eq!(queue.due(), Some(ms(0)), "an effect is due at once");
}

#[test]
fn answer_of_the_worker_is_due_1_ms_after_the_call() {
    let mut queue = begun();
    queue.push(effects(1), starter_state(), true);
    assert_eq!(queue.due(), Some(ms(1)));
    queue.push(effects(1), starter_state(), false);
    assert_eq!(queue.due(), Some(ms(0)), "that of a participant is due at once");
    queue.push(effects(1), starter_state(), true);
    assert_eq!(queue.due(), Some(ms(0)));
}

#[test]
fn worker_that_rests_is_not_called_and_begins_anew() {
    let mut queue = begun();
    queue.push(effects(5), starter_state(), false);
    assert_eq!(queue.wait_for(Some(ms(100)), true).1.len(), 5);
    queue.push(effects(5000), starter_state(), false);
    assert_eq!(queue.due(), Some(ms(100)));
    let (work, _) = queue.take(ms(100));
    assert!(matches!(work, Work::Reset { overrun: false }), "nothing was too slow");
}

#[test]
fn blocked_worker_is_found_after_2_s_whenever_its_call_began() {
    let link = EngineLink::<Studio>::new(starter_state());
    assert!(link.begin_call(ms(0)).is_some());
    assert!(!link.end_call(None, false));
    assert_eq!(link.check_blocked(ms(2000)), (false, None), "nothing is due");
    // The next call begins right after a look.
    link.hand_over(vec![], starter_state(), false);
    assert_eq!(link.check_blocked(ms(3000)), (false, Some(ms(5000))));
    assert!(link.begin_call(ms(3001)).is_some());
    assert_eq!(link.check_blocked(ms(5000)), (false, Some(ms(5001))));
    assert_eq!(link.check_blocked(ms(5001)), (true, Some(ms(7001))));
    assert_eq!(link.check_blocked(ms(7001)), (false, Some(ms(9001))), "told once");
    assert!(link.end_call(None, false));
    // The call after it blocks, too.
    link.hand_over(effects(1), starter_state(), false);
    assert!(link.begin_call(ms(8000)).is_some());
    assert!(link.check_blocked(ms(10_000)).0);
}

#[test]
fn busy_worker_is_not_due() {
    let link = EngineLink::<Studio>::new(starter_state());
    assert!(link.begin_call(ms(0)).is_some());
    link.hand_over(effects(1), starter_state(), false);
    // Else the timers would spin.
    assert_eq!(link.due(), None);
    assert!(link.begin_call(ms(1)).is_none());
    link.end_call(None, false);
    assert_eq!(link.due(), Some(ms(0)));
    link.close();
    assert!(link.begin_call(ms(1)).is_none());
    assert_eq!(link.due(), Some(ms(0)), "its end is due");
}

/// Panics while there is something left.
struct Failing(Arc<AtomicU32>);

impl EngineWorker<Studio> for Failing {
    fn reset(&mut self, _: Timestamp, _: &StudioState) {}

    fn perform(&mut self, _: Timestamp, _: &StudioState, _: StudioEffect) {}

    fn advance(&mut self, _: Timestamp, _: &StudioState) -> EngineOutput<Studio> {
        let left = self.0.load(Relaxed);
        self.0.store(left.saturating_sub(1), Relaxed);
        assert_eq!(left, 0, "on purpose");
        EngineOutput { next: Some(Duration::ZERO), ..EngineOutput::default() }
    }
}

#[test]
fn worker_is_built_again_with_backoff() {
    let (left, made) = (Arc::new(AtomicU32::new(9)), Arc::new(AtomicU32::new(0)));
    let mut supervisor = WorkerSupervisor::<Studio, _, _>::new({
        let (left, made) = (Arc::clone(&left), Arc::clone(&made));
        move || {
            made.fetch_add(1, Relaxed);
            Failing(Arc::clone(&left))
        }
    });
    let state = starter_state();
    let mut call = |now| {
        let link = EngineLink::new(Arc::clone(&state));
        let (work, _) = link.begin_call(now).unwrap();
        let mut output = supervisor.call(now, work, &state);
        output.end_call(&link);
        (output.faults, link.due().map(|due| due.since(now).as_millis()))
    };
    let is_failed = |faults: &[_]| matches!(faults, [EngineFault::Failed(_)]);
    let waits = [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000];
    for wait in waits {
        let (faults, due) = call(ms(0));
        assert!(is_failed(&faults), "{faults:?}");
        assert_eq!(due, Some(wait));
    }
    assert_eq!(call(ms(0)), (vec![EngineFault::Restarted], Some(1)));
    assert_eq!(call(ms(9_999)), (vec![], Some(1)));
    // It has not lived for 10 s: this counts as one more.
    left.store(1, Relaxed);
    assert_eq!(call(ms(9_999)).1, Some(10_000));
    assert_eq!(call(ms(20_000)), (vec![EngineFault::Restarted], Some(1)));
    left.store(1, Relaxed);
    assert_eq!(call(ms(30_000)).1, Some(100), "10 s without a panic are forgotten");
    assert_eq!(made.load(Relaxed), 11);
}
