//! A step of the undo history: what one action, one sweep of a knob or one batch
//! changed, and how that change is made again or taken back.

use std::sync::Arc;

use crate::{
    model::{Access, Model, ReversibleChange},
    protocol::{ClientId, NetworkState, Refusal},
    sync::{UndoReport, rules},
    util::time::Timestamp,
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

    /// The changes to make, each with the change that reverts it.
    pub(super) fn changes(&self, direction: Direction) -> Vec<ReversibleChange<M::Patch>> {
        let (before, after) = &self.first;
        let mut changes = M::diff_reversible(&before.model, &after.model);
        if !Arc::ptr_eq(after, &self.last) {
            // A sweep: the difference between the first and the last value, without
            // other changes made in between.
            let mut began = self.last.model.clone();
            let fits = changes.iter().all(|change| M::apply(&mut began, &change.backward).is_ok());
            changes = if fits { M::diff_reversible(&began, &self.last.model) } else { Vec::new() };
        }
        changes.into_iter().map(|change| directed(direction, change)).collect()
    }

    pub(super) fn apply_changes(
        &self,
        changes: Vec<ReversibleChange<M::Patch>>,
        state: &NetworkState<M>,
        actor: ClientId,
    ) -> Result<AppliedUndo<M>, Refusal> {
        let mut next = state.clone();
        let all = u32::try_from(changes.len()).unwrap_or(u32::MAX);
        let kept = apply_unconflicted::<M>(&mut next.model, changes);
        let step = M::describe(&self.first.0.model, &self.action);
        let report = UndoReport { step, changed: all - kept, kept };
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

/// The change with `forward` in the given direction.
fn directed<P>(direction: Direction, change: ReversibleChange<P>) -> ReversibleChange<P> {
    match direction {
        Direction::Back => ReversibleChange { forward: change.backward, backward: change.forward },
        Direction::Forth => change,
    }
}

/// Makes the changes that no other participant has interfered with, and returns
/// how many are left. A change that does not apply yet, because it refers to
/// what another change brings, is retried after the others.
fn apply_unconflicted<M: Model>(
    state: &mut M::State,
    mut changes: Vec<ReversibleChange<M::Patch>>,
) -> u32 {
    loop {
        let before = changes.len();
        changes.retain(|change| match apply_if_reversible::<M>(state, change) {
            Some(next) => {
                *state = next;
                false
            }
            None => true,
        });
        if changes.is_empty() || changes.len() == before {
            return u32::try_from(changes.len()).unwrap_or(u32::MAX);
        }
    }
}

/// The state with the change made, if reverting it leads back to `state`: only
/// then is the changed value as the step left it.
fn apply_if_reversible<M: Model>(
    state: &M::State,
    change: &ReversibleChange<M::Patch>,
) -> Option<M::State> {
    let mut changed = state.clone();
    M::apply(&mut changed, &change.forward).ok()?;
    let mut reverted = changed.clone();
    M::apply(&mut reverted, &change.backward).ok()?;
    M::diff_reversible(state, &reverted).is_empty().then_some(changed)
}
