//! The undo history of one participant. It never leaves the machine that keeps
//! it.
//!
//! A step is the change of one action, or of one sweep of a knob. Undoing it
//! reverts that change and nothing else: a value that another participant has
//! changed since keeps its value. The authority and the mirrors run the same
//! code, so an undo is predicted like any action.

mod step;

use std::{sync::Arc, time::Duration};

use crate::{
    model::{Access, InstrumentId, Invalid, Model, UndoPolicy},
    protocol::{ClientId, NetworkState, Refusal},
    util::{ordmap::OrdMap, time::Timestamp},
};

use step::UndoStep;
pub(crate) use step::{AppliedUndo, Direction};

/// How many steps are kept: more than a user remembers.
const MAX_STEPS: usize = 200;

/// Edits of the same value less than this apart are one step. A hand on a knob
/// makes some thirty edits a second.
const SWEEP: Duration = Duration::from_millis(500);

/// The steps of one participant. A clone costs O(1): every pending operation of
/// a mirror holds one.
pub(crate) struct UndoLog<M: Model> {
    done: StepStack<M>,
    undone: StepStack<M>,
}

impl<M: Model> Clone for UndoLog<M> {
    fn clone(&self) -> Self {
        Self { done: self.done.clone(), undone: self.undone.clone() }
    }
}

impl<M: Model> Default for UndoLog<M> {
    fn default() -> Self {
        Self { done: StepStack::default(), undone: StepStack::default() }
    }
}

/// A stack of steps that is cheap to clone and to trim. The top is kept apart,
/// because a sweep replaces it with each edit.
struct StepStack<M: Model> {
    top: Option<Arc<UndoStep<M>>>,
    /// The other steps by ascending number.
    below: OrdMap<u64, Arc<UndoStep<M>>>,
}

impl<M: Model> Clone for StepStack<M> {
    fn clone(&self) -> Self {
        Self { top: self.top.clone(), below: self.below.clone() }
    }
}

impl<M: Model> Default for StepStack<M> {
    fn default() -> Self {
        Self { top: None, below: OrdMap::new() }
    }
}

impl<M: Model> StepStack<M> {
    const fn is_empty(&self) -> bool {
        self.top.is_none()
    }

    /// Pushes a step, and drops the oldest if there are too many.
    fn push(&mut self, step: Arc<UndoStep<M>>) {
        let Some(covered) = self.top.replace(step) else { return };
        let number = self.below.last().map_or(0, |(newest, _)| newest + 1);
        self.below.insert(number, covered);
        if self.below.len() >= MAX_STEPS
            && let Some((&oldest, _)) = self.below.first()
        {
            self.below.remove(&oldest);
        }
    }

    fn pop(&mut self) -> Option<Arc<UndoStep<M>>> {
        let uncovered = self.below.last().map(|(&newest, _)| newest);
        let uncovered = uncovered.and_then(|newest| self.below.remove(&newest));
        std::mem::replace(&mut self.top, uncovered)
    }

    fn remove_if(&mut self, is_gone: impl Fn(Access) -> bool) {
        let below = self.below.iter();
        let gone = below.filter(|(_, step)| step.rights().any(&is_gone)).map(|(&number, _)| number);
        for number in gone.collect::<Vec<_>>() {
            self.below.remove(&number);
        }
        if self.top.as_ref().is_some_and(|step| step.rights().any(&is_gone)) {
            self.pop();
        }
    }
}

impl<M: Model> UndoLog<M> {
    /// Whether `action`, dispatched at `now`, belongs to the last step.
    pub(crate) fn continues(&self, now: Timestamp, action: &M::Action) -> bool {
        self.undone.is_empty()
            && self
                .done
                .top
                .as_ref()
                .is_some_and(|step| now.since(step.at) < SWEEP && step.continues(action))
    }

    /// Records an action, with the right that it required, that led from `before` to `after`. `continues` is what
    /// [`continues`](Self::continues) returned where the action was dispatched.
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
            UndoPolicy::Barrier => return *self = Self::default(),
            UndoPolicy::Step => {}
        }
        let extended = self
            .done
            .top
            .as_ref()
            .filter(|_| continues && self.undone.is_empty())
            .filter(|step| step.continues(action));
        let first = extended
            .map_or_else(|| (Arc::clone(before), Arc::clone(after)), |step| step.first.clone());
        let is_extended = extended.is_some();
        let last = Arc::clone(after);
        let action = action.clone();
        let step = Arc::new(UndoStep { access, further: Vec::new(), action, at: now, first, last });
        if is_extended {
            self.done.top = Some(step);
        } else {
            self.done.push(step);
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
            return *self = Self::default();
        }
        let steps = actions.iter().zip(rights);
        let mut steps = steps.filter(|(action, _)| M::undo_policy(action) == UndoPolicy::Step);
        let Some((action, access)) = steps.next() else { return };
        let action = action.clone();
        let further = steps.map(|(_, access)| access).collect();
        let first = (Arc::clone(before), Arc::clone(after));
        let last = Arc::clone(after);
        self.done.push(Arc::new(UndoStep { access, further, action, at: now, first, last }));
        self.undone = StepStack::default();
    }

    /// Forgets the steps on an instrument that is released.
    pub(crate) fn forget_instrument(&mut self, instrument: InstrumentId) {
        self.forget(|access| match access {
            Access::Own(id) | Access::Create(id) | Access::Delete(id) => id == instrument,
            Access::Anyone | Access::Privilege | Access::Engine => false,
        });
    }

    /// Forgets the steps that needed the privilege, which is released.
    pub(crate) fn forget_privileged(&mut self) {
        self.forget(|access| access == Access::Privilege);
    }

    fn forget(&mut self, is_gone: impl Fn(Access) -> bool) {
        self.done.remove_if(&is_gone);
        self.undone.remove_if(&is_gone);
    }

    /// Undoes the last step in `state`, or redoes the step that was undone last.
    /// `unchecked` skips the rights of `actor`, for a local session.
    ///
    /// # Errors
    /// If there is no step, or `actor` may not do it any more; that step is then
    /// forgotten, as it is if the model panics.
    pub(crate) fn apply_undo(
        &mut self,
        direction: Direction,
        state: &NetworkState<M>,
        actor: ClientId,
        unchecked: bool,
    ) -> Result<AppliedUndo<M>, Refusal> {
        loop {
            let taken = match direction {
                Direction::Back => self.done.pop(),
                Direction::Forth => self.undone.pop(),
            };
            let step = taken.ok_or_else(|| Self::nothing(direction))?;
            if !unchecked {
                step.authorise(state, actor)?;
            }
            let changes = step.changes(direction);
            // A step that changed nothing is not worth a key press.
            if !changes.is_empty() {
                let applied = step.apply_changes(changes, state, actor);
                // A step that exceeds a limit stays where it was, so that it can
                // be tried again.
                match (direction, applied.is_ok()) {
                    (Direction::Back, true) | (Direction::Forth, false) => self.undone.push(step),
                    (Direction::Forth, true) | (Direction::Back, false) => self.done.push(step),
                }
                return applied;
            }
        }
    }

    fn nothing(direction: Direction) -> Refusal {
        Refusal::Invalid(Invalid::unfit(match direction {
            Direction::Back => "there is nothing to undo",
            Direction::Forth => "there is nothing to redo",
        }))
    }
}
