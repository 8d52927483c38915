//! A step of the undo history: what one action, one sweep of a knob or one batch
//! changed, and how that change is made again or taken back.

use std::sync::Arc;

use crate::{
    model::{Access, Model, ReversibleChange},
    protocol::{ClientId, NetworkState, Refusal},
    sync::{UndoReport, rules},
    util::{ordmap::Merged, time::Timestamp},
};

/// The change of one action, or of several in a row that edited the same value.
///
/// The snapshots share their parts, so they cost little. The differences between
/// them are computed only when they are needed.
pub(super) struct UndoStep<M: Model> {
    /// The right that the first action required, and the rights of the other ones
    /// of a batch.
    pub(super) access: Access,
    pub(super) further: Vec<Access>,
    /// The last action of a sweep or the first of a batch, and when it was
    /// dispatched.
    pub(super) action: M::Action,
    pub(super) at: Timestamp,
    /// The snapshots before and after the first action, or the whole batch.
    pub(super) first: (Arc<NetworkState<M>>, Arc<NetworkState<M>>),
    /// The snapshot after the last action. If it is not the one after the first,
    /// changes of other participants may lie in between.
    pub(super) last: Arc<NetworkState<M>>,
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
    pub(crate) report: UndoReport,
}

impl<M: Model> UndoStep<M> {
    /// Whether `action` edits the same value as this step did last.
    pub(super) fn continues(&self, action: &M::Action) -> bool {
        self.further.is_empty() && M::continues(&self.action, action)
    }

    pub(super) fn rights(&self) -> impl Iterator<Item = Access> + '_ {
        std::iter::once(self.access).chain(self.further.iter().copied())
    }

    pub(super) fn authorise(
        &self,
        state: &NetworkState<M>,
        actor: ClientId,
    ) -> Result<(), Refusal> {
        self.rights().try_for_each(|access| Self::authorise_one(access, state, actor))
    }

    fn authorise_one(
        access: Access,
        state: &NetworkState<M>,
        actor: ClientId,
    ) -> Result<(), Refusal> {
        match access {
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

    /// What there is to change in this direction.
    pub(super) fn changes(&self, direction: Direction) -> StepChanges<M> {
        let (before, after) = &self.first;
        let ended = &self.last.model;
        let mut began = before.model.clone();
        if !Arc::ptr_eq(after, &self.last) {
            // A sweep: the difference between the first and the last value, without
            // other changes made in between.
            began.clone_from(ended);
            let mut changes = M::diff_reversible(&before.model, &after.model).into_iter();
            if !changes.all(|change| M::apply(&mut began, &change.backward).is_ok()) {
                began.clone_from(ended);
            }
        }
        match direction {
            Direction::Back => StepChanges::between(ended.clone(), began),
            Direction::Forth => StepChanges::between(began, ended.clone()),
        }
    }

    pub(super) fn apply_changes(
        &self,
        changes: StepChanges<M>,
        state: &NetworkState<M>,
        actor: ClientId,
    ) -> Result<AppliedUndo<M>, Refusal> {
        let mut next = state.clone();
        let StepChanges { mut from, to, others, .. } = changes;
        let mut merged = M::merge_collections(&mut next.model, &mut from, &to);
        merged += apply_unconflicted::<M>(&mut next.model, &others);
        let count = |number| u32::try_from(number).unwrap_or(u32::MAX);
        let step = M::describe(&self.first.0.model, &self.action);
        let (changed, kept) = (count(merged.changed), count(merged.kept));
        let report = UndoReport { step, changed, kept };
        M::check_limits(&next.model)?;
        let effects = M::effects_between(&state.model, &next.model);
        self.settle_ownership(state, &mut next, actor);
        Ok(AppliedUndo { state: next, effects, report })
    }

    /// A restored instrument belongs to `actor` again; a removed one to no
    /// participant.
    fn settle_ownership(
        &self,
        before: &NetworkState<M>,
        state: &mut NetworkState<M>,
        actor: ClientId,
    ) {
        for access in self.rights() {
            if let Access::Create(id) | Access::Delete(id) = access
                && M::exists(&state.model, id)
                && state.roster.owner(id).is_none()
                && let Some(owner) = state.roster.as_owner(actor)
            {
                Arc::make_mut(&mut state.roster).owners.insert(id, owner);
            }
        }
        rules::release_removed(&before.model, state);
    }
}

/// What a step changes: many values in ordered collections, and others, each with
/// the change that reverts it.
pub(super) struct StepChanges<M: Model> {
    from: M::State,
    to: M::State,
    collected: usize,
    others: Vec<ReversibleChange<M::Patch>>,
}

impl<M: Model> StepChanges<M> {
    fn between(from: M::State, to: M::State) -> Self {
        let mut rest = from.clone();
        let collected = M::merge_collections(&mut from.clone(), &mut rest, &to).changed;
        let others = M::diff_reversible(&rest, &to);
        Self { from, to, collected, others }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.collected == 0 && self.others.is_empty()
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
