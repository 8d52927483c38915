//! What a worker is handed, in order, and when it is due.
//!
//! A plain value. It is bounded: when too much waits, the worker begins anew from the
//! latest state instead.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use crate::{model::Model, protocol::NetworkState, util::time::Timestamp};

/// How many effects wait at most. 4,096: more than 30 s of the densest music.
pub(super) const MAX_EFFECTS: usize = 4096;

/// How often a worker is called because the state has changed. 5 ms is not audible as a
/// delay, and a sweep wakes no thread for each of its steps.
pub(super) const CHANGE_INTERVAL: Duration = Duration::from_millis(5);

/// One thing that a worker is handed, with the state it belongs to.
#[derive(Debug)]
pub(in crate::authority) enum Handed<M: Model> {
    /// An effect of an action that was accepted at this time.
    Effect(Timestamp, Arc<NetworkState<M>>, M::Effect),
    /// The state was replaced as a whole.
    Reset(Arc<NetworkState<M>>),
}

/// Effects in order, each with the time at which its action was accepted and the state
/// after it.
pub(in crate::authority) type Effects<M> =
    VecDeque<(Timestamp, Arc<NetworkState<M>>, <M as Model>::Effect)>;

/// What a worker takes at once: first the reset, then the effects.
#[derive(Debug)]
pub(in crate::authority) struct Work<M: Model> {
    pub(super) reset: Option<Arc<NetworkState<M>>>,
    pub(super) effects: Effects<M>,
    /// Whether the reset stands for effects that were too many.
    pub(super) overrun: bool,
}

/// What waits for the worker.
pub(super) struct EffectQueue<M: Model> {
    effects: Effects<M>,
    /// The state of what was handed over last.
    latest: Arc<NetworkState<M>>,
    /// The worker must begin anew from `latest`, which contains all effects so far.
    reset: bool,
    overrun: bool,
    /// The state has changed since the last call.
    changed: bool,
    /// When the worker was called last.
    called: Option<Timestamp>,
    next: Option<Timestamp>,
    /// The worker is not made again before `next`, whatever waits.
    rests: bool,
}

impl<M: Model> EffectQueue<M> {
    /// The queue of a worker that begins with `state`.
    pub(super) fn new(state: Arc<NetworkState<M>>) -> Self {
        Self {
            effects: VecDeque::new(),
            latest: state,
            reset: true,
            overrun: false,
            changed: false,
            called: None,
            next: None,
            rests: false,
        }
    }

    /// Adds what belongs together, and returns what is to be dropped without a lock.
    pub(super) fn push(&mut self, handed: Vec<Handed<M>>) -> Effects<M> {
        let mut dropped = Effects::<M>::new();
        for handed in handed {
            match handed {
                Handed::Reset(state) => {
                    self.latest = state;
                    self.begin_anew(&mut dropped);
                }
                Handed::Effect(at, state, effect) => {
                    self.latest = Arc::clone(&state);
                    if !self.reset {
                        self.effects.push_back((at, state, effect));
                    }
                }
            }
            if self.effects.len() > MAX_EFFECTS {
                self.overrun = true;
                self.begin_anew(&mut dropped);
            }
        }
        dropped
    }

    fn begin_anew(&mut self, dropped: &mut Effects<M>) {
        dropped.append(&mut self.effects);
        self.reset = true;
    }

    /// The state has changed.
    pub(super) const fn change(&mut self) {
        self.changed = true;
    }

    /// When the worker must be called; a time that has passed if it is overdue.
    pub(super) fn due(&self) -> Option<Timestamp> {
        if self.rests {
            return self.next;
        }
        if self.reset || !self.effects.is_empty() {
            return Some(Timestamp::ZERO);
        }
        let changed = self.changed.then_some(self.called).flatten();
        [self.next, changed.map(|called| called + CHANGE_INTERVAL)].into_iter().flatten().min()
    }

    /// Takes what waits, for a call at `now`. A worker that is `new` gets a reset, which
    /// contains the effects.
    pub(super) fn take(&mut self, now: Timestamp, new: bool) -> Work<M> {
        let effects = std::mem::take(&mut self.effects);
        let reset = (self.reset || new).then(|| Arc::clone(&self.latest));
        let work = Work { reset, effects, overrun: std::mem::take(&mut self.overrun) };
        self.reset = false;
        self.changed = false;
        self.called = Some(now);
        self.next = None;
        work
    }

    /// The call has ended; the worker wants to be called at `next`, or is not made again
    /// before.
    pub(super) const fn wait_for(&mut self, next: Option<Timestamp>, rests: bool) {
        self.next = next;
        self.rests = rests;
    }

    /// Whether the worker waits for a time.
    pub(super) const fn is_timed(&self) -> bool {
        self.next.is_some()
    }
}
