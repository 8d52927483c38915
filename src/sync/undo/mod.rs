//! The undo history of one participant. It never leaves the machine that keeps
//! it.
//!
//! A step is the change of one action, of one sweep of a knob, of one batch, or of
//! one recorded take. Undoing it reverts that change and nothing else: a value that
//! another participant has changed since keeps its value. The authority and the
//! mirrors run the same code, so an undo is predicted like any action, except that
//! of a take, which only the authority knows.
//!
//! A step that cannot be extended any more is *settled*: it keeps the parts that it
//! changed and not the whole snapshots, so that what others change meanwhile is not
//! kept alive. What a history keeps alive is bounded by [`MAX_WEIGHT`].

mod stack;
mod step;

use std::{sync::Arc, time::Duration};

use crate::{
    model::{Access, Invalid, Model, UndoPolicy},
    protocol::{ClientId, HistoryChange, NetworkState, Refusal},
    sync::rules,
    util::time::Timestamp,
};

pub(crate) use stack::MAX_STEPS;
use stack::{LoggedStep, StepStack};
use step::UndoStep;
pub(crate) use step::{AppliedUndo, Direction};

/// Edits of the same value less than this apart are one step. A hand on a knob
/// makes some thirty edits a second.
const SWEEP: Duration = Duration::from_millis(500);

/// About how many bytes the steps of all histories of a machine may keep alive. The
/// oldest steps of the largest history are dropped first.
pub(crate) const MAX_WEIGHT: usize = 32 * 1024 * 1024;

/// The steps of one participant. A clone costs O(1): every pending operation of
/// a mirror holds one.
#[derive(Clone)]
pub(crate) struct UndoLog<M: Model> {
    done: StepStack<M>,
    undone: StepStack<M>,
}

impl<M: Model> Default for UndoLog<M> {
    fn default() -> Self {
        Self { done: StepStack::default(), undone: StepStack::default() }
    }
}

impl<M: Model> UndoLog<M> {
    /// Whether `action`, dispatched at `now`, belongs to the last step.
    pub(crate) fn continues(&self, now: Timestamp, action: &M::Action) -> bool {
        let last = self.done.own().filter(|_| self.undone.is_empty());
        last.is_some_and(|step| now.since(step.at) < SWEEP && step.continues(action))
    }

    /// Records an action, with the right that it required, that led from `before`
    /// to `after`. `continues` is what [`continues`](Self::continues) returned where
    /// the action was dispatched.
    ///
    /// It changes nothing before the last call of the model, because the model may
    /// panic.
    pub(crate) fn record(
        &mut self,
        now: Timestamp,
        continues: bool,
        (action, access): (&M::Action, Access),
        before: &Arc<NetworkState<M>>,
        after: &Arc<NetworkState<M>>,
    ) {
        match M::undo_policy(action) {
            UndoPolicy::Nothing => return,
            UndoPolicy::Barrier => return self.clear(),
            UndoPolicy::Step => {}
        }
        let extended = self.done.own().filter(|_| continues && self.undone.is_empty());
        if let Some(step) = extended.filter(|step| step.continues(action)) {
            let (first, words) = (step.first.clone(), step.words.clone());
            let step = UndoStep { words, ..UndoStep::new(now, (action, access), first, after) };
            self.done.replace_own(Arc::new(step));
        } else {
            let first = (Arc::clone(before), Arc::clone(after));
            let step = UndoStep::new(now, (action, access), first, after);
            self.done.push(LoggedStep::Known(Arc::new(step)));
        }
        self.undone = StepStack::default();
    }

    /// Records a batch, with the right that each action required, as one step. As
    /// [`record`](Self::record), it changes nothing before the last call of the model.
    pub(crate) fn record_batch(
        &mut self,
        now: Timestamp,
        (actions, rights): (&[M::Action], Vec<Access>),
        before: &Arc<NetworkState<M>>,
        after: &Arc<NetworkState<M>>,
    ) {
        let has = |policy| actions.iter().any(|action| M::undo_policy(action) == policy);
        if has(UndoPolicy::Barrier) {
            return self.clear();
        }
        let steps = actions.iter().zip(rights);
        let mut steps = steps.filter(|(action, _)| M::undo_policy(action) == UndoPolicy::Step);
        let Some(first) = steps.next() else { return };
        let snapshots = (Arc::clone(before), Arc::clone(after));
        let mut step = UndoStep::new(now, first, snapshots, after);
        step.further = steps.map(|(_, access)| access).collect();
        step.edits += step.further.len();
        self.done.push(LoggedStep::Known(Arc::new(step)));
        self.undone = StepStack::default();
    }

    /// Records an edit of the engine that belongs to this take. Returns whether it
    /// is a new step, and not a part of the one that the take has already.
    pub(crate) fn record_take(
        &mut self,
        take: u64,
        (action, access): (&M::Action, Access),
        before: &Arc<NetworkState<M>>,
        after: &Arc<NetworkState<M>>,
    ) -> bool {
        let is_extended = self.done.extend_take(take, UndoStep::has_room, |step| {
            step.extend_take(access, before, after);
        });
        if !is_extended {
            let snapshots = (Arc::clone(before), Arc::clone(after));
            let mut step = UndoStep::new(Timestamp::ZERO, (action, access), snapshots, after);
            step.take = Some(take);
            self.done.push(LoggedStep::Known(Arc::new(step)));
            self.undone = StepStack::default();
        }
        !is_extended
    }

    /// Follows a change of the authority's history of this participant: it forgets
    /// everything, or records a step of which only the authority knows what it is.
    pub(crate) fn follow(&mut self, change: HistoryChange) {
        if change.cleared {
            return self.clear();
        }
        self.done.push(LoggedStep::Unknown);
        self.undone = StepStack::default();
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    /// Settles the steps that no action at `now` or later, in the state `current`,
    /// extends, and drops the oldest ones if that is too much.
    pub(crate) fn settle(&mut self, now: Timestamp, current: &Arc<NetworkState<M>>) {
        // A step that the model cannot settle stays as it is.
        let _ = rules::guarded(|| {
            self.done.settle(|step| step.is_final(now, current));
            self.undone.settle(|_| true);
            Ok(())
        });
        while self.weight() > MAX_WEIGHT && self.drop_oldest() {}
    }

    /// About how many bytes its settled steps keep alive.
    pub(crate) const fn weight(&self) -> usize {
        self.done.weight() + self.undone.weight()
    }

    /// Drops the oldest step. Returns whether there was one.
    pub(crate) fn drop_oldest(&mut self) -> bool {
        self.done.drop_oldest() || self.undone.drop_oldest()
    }

    /// As [`apply_undo`](Self::apply_undo), for a mirror: if it knows of no step, the
    /// authority may.
    pub(crate) fn predict_undo(
        &mut self,
        direction: Direction,
        state: &NetworkState<M>,
        me: ClientId,
    ) -> Result<AppliedUndo<M>, Refusal> {
        let from = match direction {
            Direction::Back => &mut self.done,
            Direction::Forth => &mut self.undone,
        };
        if from.is_empty() {
            from.push(LoggedStep::Unknown);
        }
        self.apply_undo(direction, state, me)
    }

    /// Undoes the last step in `state`, or redoes the step that was undone last.
    ///
    /// # Errors
    /// If there is no step, only the authority knows which it is, or `actor` may not
    /// do it now. A step that is refused stays, so that it can be tried again.
    /// It is forgotten if the model panics.
    pub(crate) fn apply_undo(
        &mut self,
        direction: Direction,
        state: &NetworkState<M>,
        actor: ClientId,
    ) -> Result<AppliedUndo<M>, Refusal> {
        rules::authorise(state, actor, Access::Anyone)?;
        let (from, to) = match direction {
            Direction::Back => (&mut self.done, &mut self.undone),
            Direction::Forth => (&mut self.undone, &mut self.done),
        };
        let step = match from.pop().ok_or_else(|| nothing(direction))? {
            LoggedStep::Known(step) => step,
            LoggedStep::Unknown => {
                to.push(LoggedStep::Unknown);
                return Err(Invalid::unfit("only the host knows this step").into());
            }
        };
        let allowed = step.authorise(state, actor);
        let applied = allowed.and_then(|()| step.apply(direction, state, actor));
        if applied.is_ok() { to } else { from }.push(LoggedStep::Known(step));
        applied
    }
}

fn nothing(direction: Direction) -> Refusal {
    Refusal::Invalid(Invalid::unfit(match direction {
        Direction::Back => "there is nothing to undo",
        Direction::Forth => "there is nothing to redo",
    }))
}
