//! What the authority and the driver of its engine share: the queue, whether the worker
//! is in a call, and whether it is to end.
//!
//! Its lock is held for a few instructions, also within the authority's lock.

use std::{sync::Arc, time::Duration};

use parking_lot::{Condvar, Mutex};

use super::effect_queue::{Dropped, EffectQueue, EngineInput, Work};
use crate::{
    dispatcher::Clock,
    model::Model,
    protocol::NetworkState,
    util::{panics::drop_caught, time::Timestamp},
};

/// How long a call of the worker may take before the session is told. 2 s: every musician
/// has heard by then that nothing sounds.
pub(in crate::authority) const BLOCKED: Duration = Duration::from_secs(2);

/// The link between an authority and the driver of its engine.
pub(in crate::authority) struct EngineLink<M: Model> {
    state: Mutex<EngineLinkState<M>>,
    /// Wakes the thread of the engine.
    woken: Condvar,
}

struct EngineLinkState<M: Model> {
    queue: EffectQueue<M>,
    /// Until when the thread sleeps, if it does: `Some(None)` is until it is woken.
    sleeps: Option<Option<Timestamp>>,
    /// Since when the worker is in a call.
    busy: Option<Timestamp>,
    /// Whether the session was told that this call takes long.
    is_blocked: bool,
    phase: EnginePhase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EnginePhase {
    Running,
    Closing,
    Ended,
}

impl<M: Model> EngineLink<M> {
    pub(in crate::authority) fn new(state: Arc<NetworkState<M>>) -> Self {
        Self {
            state: Mutex::new(EngineLinkState {
                queue: EffectQueue::new(state),
                sleeps: None,
                busy: None,
                is_blocked: false,
                phase: EnginePhase::Running,
            }),
            woken: Condvar::new(),
        }
    }

    /// Hands over the `newest` state and what has led to it, which may be an `answer` of
    /// the worker. Returns what is to be dropped, and whether to
    /// [`wake`](Self::wake) the thread, both without a lock.
    pub(in crate::authority) fn hand_over(
        &self,
        inputs: Vec<EngineInput<M>>,
        newest: Arc<NetworkState<M>>,
        answer: bool,
    ) -> (Dropped<M>, bool) {
        let mut link = self.state.lock();
        let dropped = link.queue.push(inputs, newest, answer);
        let due = link.queue.due();
        let wakes = link.sleeps.is_some_and(|until| match (due, until) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(due), Some(until)) => due < until,
        });
        if wakes {
            link.sleeps = None;
        }
        (dropped, wakes)
    }

    /// Wakes the thread of the engine. A system call: without the authority's lock.
    pub(in crate::authority) fn wake(&self) {
        self.woken.notify_one();
    }

    /// When whoever calls the worker must do something; `None` while it is in a call,
    /// after which this is asked again.
    pub(in crate::authority) fn due(&self) -> Option<Timestamp> {
        let link = self.state.lock();
        match link.phase {
            _ if link.busy.is_some() => None,
            EnginePhase::Running => link.queue.due(),
            EnginePhase::Closing => Some(Timestamp::ZERO),
            EnginePhase::Ended => None,
        }
    }

    /// Begins a call at `now`, if one is due: with what waits, and the newest state.
    pub(in crate::authority) fn begin_call(
        &self,
        now: Timestamp,
    ) -> Option<(Work<M>, Arc<NetworkState<M>>)> {
        let mut link = self.state.lock();
        let is_due = link.phase == EnginePhase::Running
            && link.busy.is_none()
            && link.queue.due().is_some_and(|due| due <= now);
        is_due.then(|| {
            link.busy = Some(now);
            link.queue.take(now)
        })
    }

    /// Ends a call; the worker wants to be called again at `next`, or is not made again
    /// before if it `backs_off`. Returns whether the session was told that the call takes
    /// long.
    pub(in crate::authority) fn end_call(&self, next: Option<Timestamp>, backs_off: bool) -> bool {
        let mut link = self.state.lock();
        link.busy = None;
        let was_blocked = std::mem::take(&mut link.is_blocked);
        let dropped = link.queue.wait_for(next, backs_off);
        drop(link);
        drop_caught(dropped);
        was_blocked
    }

    /// Whether the last call was about a state that was replaced as a whole since.
    pub(in crate::authority) fn was_replaced(&self) -> bool {
        self.state.lock().queue.was_replaced()
    }

    /// Sleeps until a call is due. Returns `false` if the worker is to end.
    pub(super) fn wait(&self, clock: &Clock) -> bool {
        let mut link = self.state.lock();
        loop {
            if link.phase != EnginePhase::Running {
                return false;
            }
            let (now, due) = (clock.now(), link.queue.due());
            if due.is_some_and(|due| due <= now) {
                link.sleeps = None;
                return true;
            }
            link.sleeps = Some(due);
            match due {
                Some(due) => drop(self.woken.wait_for(&mut link, due.since(now))),
                None => self.woken.wait(&mut link),
            }
        }
    }

    /// Whether the worker is found in a call since [`BLOCKED`] or longer, for the first
    /// time; and when to look again, unless nothing is due.
    pub(in crate::authority) fn check_blocked(&self, now: Timestamp) -> (bool, Option<Timestamp>) {
        let mut link = self.state.lock();
        let is_late = link.busy.is_some_and(|since| now.since(since) >= BLOCKED);
        let is_news = is_late && !link.is_blocked;
        link.is_blocked |= is_late;
        let again = match link.busy {
            Some(since) if !is_late => Some(since + BLOCKED),
            Some(_) => Some(now + BLOCKED),
            None => link.queue.due().map(|_| now + BLOCKED),
        };
        (is_news, again.filter(|_| link.phase != EnginePhase::Ended))
    }

    /// Asks the worker to end.
    pub(in crate::authority) fn close(&self) {
        let mut link = self.state.lock();
        if link.phase == EnginePhase::Running {
            link.phase = EnginePhase::Closing;
        }
        let dropped = link.queue.close();
        drop(link);
        drop_caught(dropped);
        self.wake();
    }

    pub(in crate::authority) fn is_closing(&self) -> bool {
        self.state.lock().phase == EnginePhase::Closing
    }

    pub(in crate::authority) fn set_ended(&self) {
        self.state.lock().phase = EnginePhase::Ended;
    }

    pub(in crate::authority) fn has_ended(&self) -> bool {
        self.state.lock().phase == EnginePhase::Ended
    }
}
