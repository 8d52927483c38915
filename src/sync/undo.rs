//! The undo history of one participant. It never leaves the machine that keeps
//! it.
//!
//! A step is the change of one action, or of one sweep of a knob. Undoing it
//! reverts that change and nothing else: a value that another participant has
//! changed since keeps its value. The authority and the mirrors run the same
//! code, so an undo is predicted like any action.

use std::{sync::Arc, time::Duration};

use crate::{
    model::{Access, InstrumentId, Invalid, Model, ReversibleChange, UndoPolicy},
    protocol::{ClientId, NetworkState, Refusal},
    sync::rules,
    util::{
        ordmap::{Merged, OrdMap},
        time::Timestamp,
    },
};

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
        let gone = below.filter(|(_, step)| is_gone(step.access)).map(|(&number, _)| number);
        for number in gone.collect::<Vec<_>>() {
            self.below.remove(&number);
        }
        if self.top.as_ref().is_some_and(|step| is_gone(step.access)) {
            self.pop();
        }
    }
}

/// The change of one action, or of several in a row that edited the same value.
///
/// The snapshots share their parts, so they cost little. The differences between
/// them are computed only when they are needed.
struct UndoStep<M: Model> {
    access: Access,
    /// The last of the actions, and when it was dispatched.
    action: M::Action,
    at: Timestamp,
    /// The snapshots before and after the first action.
    first: (Arc<NetworkState<M>>, Arc<NetworkState<M>>),
    /// The snapshot after the last action. If it is not the one after the first,
    /// changes of other participants may lie in between.
    last: Arc<NetworkState<M>>,
}

/// Which way through the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Undo.
    Back,
    /// Redo.
    Forth,
}

/// The result of an undo or redo.
pub(crate) struct AppliedUndo<M: Model> {
    pub(crate) state: NetworkState<M>,
    pub(crate) effects: Vec<M::Effect>,
    /// How many of the step's changes stay because another participant has
    /// changed the same values since.
    pub(crate) kept: u32,
}

impl<M: Model> UndoLog<M> {
    /// Whether `action`, dispatched at `now`, belongs to the last step.
    pub(crate) fn continues(&self, now: Timestamp, action: &M::Action) -> bool {
        self.undone.is_empty()
            && self.done.top.as_ref().is_some_and(|step| {
                now.since(step.at) < SWEEP && M::continues(&step.action, action)
            })
    }

    /// Records an action that led from `before` to `after`. `continues` is what
    /// [`continues`](Self::continues) returned where the action was dispatched.
    pub(crate) fn record(
        &mut self,
        now: Timestamp,
        continues: bool,
        action: &M::Action,
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
            .filter(|step| M::continues(&step.action, action));
        let first = extended
            .map_or_else(|| (Arc::clone(before), Arc::clone(after)), |step| step.first.clone());
        let is_extended = extended.is_some();
        let access = M::access(&before.model, action);
        let last = Arc::clone(after);
        let step = Arc::new(UndoStep { access, action: action.clone(), at: now, first, last });
        if is_extended {
            self.done.top = Some(step);
        } else {
            self.done.push(step);
        }
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
    /// forgotten.
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
            // A step that changed nothing is not worth a key press.
            if let Some(applied) = step.apply(direction, state, actor) {
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

impl<M: Model> UndoStep<M> {
    fn authorise(&self, state: &NetworkState<M>, actor: ClientId) -> Result<(), Refusal> {
        match self.access {
            // An instrument that does not exist has no owner: the participant
            // that deleted it may restore it.
            Access::Own(id) | Access::Create(id) | Access::Delete(id)
                if state.roster.owner(id).is_none() && !M::exists(&state.model, id) =>
            {
                Ok(())
            }
            Access::Create(id) => rules::authorise(state, actor, Access::Own(id)),
            access => rules::authorise(state, actor, access),
        }
    }

    /// The states before and after the step alone; `None` if changes of other
    /// participants have made them impossible.
    fn span(&self) -> Option<(M::State, M::State)> {
        let (before, after) = &self.first;
        if Arc::ptr_eq(after, &self.last) {
            return Some((before.model.clone(), after.model.clone()));
        }
        // A sweep: the difference between the first and the last value, without
        // other changes made in between.
        let mut began = self.last.model.clone();
        let mut changes = M::diff_reversible(&before.model, &after.model).into_iter();
        let fits = changes.all(|change| M::apply(&mut began, &change.backward).is_ok());
        fits.then(|| (began, self.last.model.clone()))
    }

    /// Makes the change of the step in this direction; `None` if there is none.
    fn apply(
        &self,
        direction: Direction,
        state: &NetworkState<M>,
        actor: ClientId,
    ) -> Option<Result<AppliedUndo<M>, Refusal>> {
        let (began, ended) = self.span()?;
        let (mut from, to) = match direction {
            Direction::Back => (ended, began),
            Direction::Forth => (began, ended),
        };
        let mut next = state.clone();
        let mut merged = M::merge_collections(&mut next.model, &mut from, &to);
        merged += apply_unconflicted::<M>(&mut next.model, &M::diff_reversible(&from, &to));
        (merged != Merged::default()).then(|| {
            M::check_limits(&next.model)?;
            let effects = M::effects_between(&state.model, &next.model);
            self.settle_ownership(&mut next, actor);
            let kept = u32::try_from(merged.kept).unwrap_or(u32::MAX);
            Ok(AppliedUndo { state: next, effects, kept })
        })
    }

    /// A restored instrument belongs to `actor` again; a removed one to no
    /// participant.
    fn settle_ownership(&self, state: &mut NetworkState<M>, actor: ClientId) {
        if let Access::Create(id) | Access::Delete(id) = self.access
            && M::exists(&state.model, id)
            && state.roster.owner(id).is_none()
            && let Some(owner) = state.roster.as_owner(actor)
        {
            Arc::make_mut(&mut state.roster).owners.insert(id, owner);
        }
        rules::release_missing(state);
    }
}

/// Makes the changes that no other participant has interfered with. A change that
/// does not apply yet, because it refers to what another change brings, is retried
/// after the others.
fn apply_unconflicted<M: Model>(
    state: &mut M::State,
    changes: &[ReversibleChange<M::Patch>],
) -> Merged {
    let mut left: Vec<_> = changes.iter().collect();
    loop {
        let before = left.len();
        left = apply_together::<M>(state, &left);
        if left.is_empty() || left.len() == before {
            return Merged { changed: changes.len() - left.len(), kept: left.len() };
        }
    }
}

/// Makes the changes together, or else those of each half, and returns those that
/// are left. Without interference it takes time in proportion to the changes.
fn apply_together<'a, M: Model>(
    state: &mut M::State,
    changes: &[&'a ReversibleChange<M::Patch>],
) -> Vec<&'a ReversibleChange<M::Patch>> {
    if let Some(next) = apply_if_reversible::<M>(state, changes) {
        *state = next;
        return Vec::new();
    }
    if changes.len() == 1 {
        return changes.to_vec();
    }
    let (first, second) = changes.split_at(changes.len() / 2);
    let mut left = apply_together::<M>(state, first);
    left.extend(apply_together::<M>(state, second));
    left
}

/// The state with the changes made, if reverting them leads back to `state`: only
/// then are the changed values as the step left them.
fn apply_if_reversible<M: Model>(
    state: &M::State,
    changes: &[&ReversibleChange<M::Patch>],
) -> Option<M::State> {
    let mut changed = state.clone();
    for change in changes {
        M::apply(&mut changed, &change.forward).ok()?;
    }
    let mut reverted = changed.clone();
    for change in changes.iter().rev() {
        M::apply(&mut reverted, &change.backward).ok()?;
    }
    M::diff_reversible(state, &reverted).is_empty().then_some(changed)
}
