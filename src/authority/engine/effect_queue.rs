//! What a worker is handed, in order, and when it is due.
//!
//! A plain value. It is bounded: when too much waits, the worker begins anew from the
//! newest state instead.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use crate::{model::Model, protocol::NetworkState, util::time::Timestamp};

/// How many effects wait at most. 4,096: more than 30 s of the densest music.
const MAX_EFFECTS: usize = 4096;

/// How often a worker is called because the state has changed. 5 ms is not audible as a
/// delay, and a sweep wakes no thread for each of its steps.
const CHANGE_INTERVAL: Duration = Duration::from_millis(5);

/// How soon a worker may be called again at its own request. 1 ms.
pub(super) const MIN_INTERVAL: Duration = Duration::from_millis(1);

/// One thing that a worker is handed.
#[derive(Debug)]
pub(in crate::authority) enum EngineInput<M: Model> {
    /// An effect of an action that was accepted at this time, with the state after it.
    Effect(Timestamp, Arc<NetworkState<M>>, M::Effect),
    /// The state was replaced as a whole.
    Reset,
}

/// Effects in order, each with the time at which its action was accepted and the state
/// after it.
type Effects<M> = VecDeque<(Timestamp, Arc<NetworkState<M>>, <M as Model>::Effect)>;

/// What a worker takes at once.
#[derive(Debug)]
pub(in crate::authority) enum Work<M: Model> {
    /// It begins anew from the newest state, which contains every effect before.
    Reset {
        /// Whether this stands for effects that were too many.
        overrun: bool,
    },
    Effects(Effects<M>),
}

/// What is to be dropped without a lock: it may hold the last references to large states.
pub(in crate::authority) type Dropped<M> = (Option<Arc<NetworkState<M>>>, Effects<M>);

/// What waits for the worker.
pub(super) struct EffectQueue<M: Model> {
    effects: Effects<M>,
    newest: Arc<NetworkState<M>>,
    /// The worker must begin anew from `newest`.
    reset: bool,
    overrun: bool,
    /// The state was replaced as a whole since the last call began.
    replaced: bool,
    /// When the effects and the reset that wait are due.
    input_due: Option<Timestamp>,
    /// The state has changed since the last call.
    changed: bool,
    /// When the worker was called last.
    called: Timestamp,
    next: Option<Timestamp>,
    /// The worker is not made again before `next`, whatever waits.
    backs_off: bool,
}

impl<M: Model> EffectQueue<M> {
    /// The queue of a worker that begins with `state`.
    pub(super) fn new(state: Arc<NetworkState<M>>) -> Self {
        Self {
            effects: VecDeque::new(),
            newest: state,
            reset: true,
            overrun: false,
            replaced: false,
            input_due: Some(Timestamp::ZERO),
            changed: false,
            called: Timestamp::ZERO,
            next: None,
            backs_off: false,
        }
    }

    /// Adds the `newest` state and what has led to it. If that is an `answer` of the worker
    /// itself, it is not due at once: a worker that answers itself must not be called
    /// without end.
    pub(super) fn push(
        &mut self,
        inputs: Vec<EngineInput<M>>,
        newest: Arc<NetworkState<M>>,
        answer: bool,
    ) -> Dropped<M> {
        self.changed = true;
        let replaced = std::mem::replace(&mut self.newest, newest);
        let mut dropped = (Some(replaced), Effects::<M>::new());
        if inputs.is_empty() {
            return dropped;
        }
        let due = if answer { self.called + MIN_INTERVAL } else { Timestamp::ZERO };
        self.input_due = Some(self.input_due.map_or(due, |other| other.min(due)));
        for input in inputs {
            match input {
                EngineInput::Reset => {
                    self.replaced = true;
                    self.begin_anew(&mut dropped.1);
                }
                EngineInput::Effect(at, state, effect) => {
                    // A reset that waits contains it.
                    let list = if self.reset { &mut dropped.1 } else { &mut self.effects };
                    list.push_back((at, state, effect));
                }
            }
            if self.effects.len() > MAX_EFFECTS {
                self.overrun = true;
                self.begin_anew(&mut dropped.1);
            }
        }
        dropped
    }

    fn begin_anew(&mut self, dropped: &mut Effects<M>) {
        dropped.append(&mut self.effects);
        self.reset = true;
    }

    /// Nothing is performed any more.
    pub(super) fn close(&mut self) -> Dropped<M> {
        let mut dropped = Dropped::<M>::default();
        self.begin_anew(&mut dropped.1);
        dropped
    }

    /// When the worker must be called; a time that has passed if it is overdue.
    pub(super) fn due(&self) -> Option<Timestamp> {
        if self.backs_off {
            return self.next;
        }
        let changed = self.changed.then(|| self.called + CHANGE_INTERVAL);
        [self.input_due, changed, self.next].into_iter().flatten().min()
    }

    /// Whether the state was replaced as a whole since the last call began.
    pub(super) const fn was_replaced(&self) -> bool {
        self.replaced
    }

    /// Takes what waits, for a call at `now`, and the newest state.
    pub(super) fn take(&mut self, now: Timestamp) -> (Work<M>, Arc<NetworkState<M>>) {
        let overrun = std::mem::take(&mut self.overrun);
        self.input_due = None;
        self.changed = false;
        self.replaced = false;
        self.called = now;
        self.next = None;
        let work = if std::mem::take(&mut self.reset) {
            Work::Reset { overrun }
        } else {
            Work::Effects(std::mem::take(&mut self.effects))
        };
        (work, Arc::clone(&self.newest))
    }

    /// The call has ended; the worker wants to be called at `next`. If it `backs_off`, it is
    /// not made again before, and then begins anew.
    pub(super) fn wait_for(&mut self, next: Option<Timestamp>, backs_off: bool) -> Dropped<M> {
        self.next = next;
        self.backs_off = backs_off;
        let mut dropped = Dropped::<M>::default();
        if backs_off {
            self.begin_anew(&mut dropped.1);
            self.overrun = false;
            self.input_due = Some(Timestamp::ZERO);
        }
        dropped
    }
}
