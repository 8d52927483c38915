//! Permissions and effects of actions. The authority decides with the same
//! functions with which a mirror predicts.

use std::sync::Arc;

use crate::{
    model::{Access, InstrumentId, Invalid, Model, Reduction},
    protocol::{ClientId, NetworkState, Refusal, Roster, framing, limits},
    util::{panics::catch_panic, text::shortened},
};

/// What an action leads to.
pub(crate) struct Applied<M: Model> {
    pub(crate) state: Arc<NetworkState<M>>,
    pub(crate) effects: Vec<M::Effect>,
    /// What the sender learns.
    pub(crate) outcome: M::Outcome,
    /// The right that the action required.
    pub(crate) access: Access,
}

/// What a batch leads to.
pub(crate) struct AppliedBatch<M: Model> {
    pub(crate) state: Arc<NetworkState<M>>,
    pub(crate) effects: Vec<M::Effect>,
    /// What the sender learns of each action.
    pub(crate) outcomes: Vec<M::Outcome>,
    /// The right that each action required.
    pub(crate) rights: Vec<Access>,
}

/// Runs functions of the model. `call` must not change what outlives a panic.
///
/// # Errors
/// As `call`, and [`Refusal::Panicked`].
pub(crate) fn guarded<T>(call: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
    catch_panic(call).unwrap_or_else(|panic| {
        Err(Refusal::Panicked { detail: shortened(&panic, limits::DETAIL) })
    })
}

/// Checks that every participant could be sent the action. It is cheaper than to
/// check what the action leads to, and a model whose numbers are limited needs no
/// more.
///
/// # Errors
/// [`Refusal::Malformed`] if not.
pub(crate) fn check_encodable<M: Model>(action: &M::Action) -> Result<(), Refusal> {
    framing::check_portable(action).map_err(|error| Refusal::Malformed { detail: error.detail() })
}

/// The same for each action of a batch.
///
/// # Errors
/// [`Refusal::InBatch`] for the first one that is not portable.
pub(crate) fn check_batch<M: Model>(actions: &[M::Action]) -> Result<(), Refusal> {
    (0..).zip(actions).try_for_each(|(index, action)| {
        check_encodable::<M>(action).map_err(in_batch(actions, index))
    })
}

/// The refusal of the batch because of the action at `index`.
fn in_batch<T>(actions: &[T], index: u32) -> impl FnOnce(Refusal) -> Refusal {
    let count = u32::try_from(actions.len()).unwrap_or(u32::MAX);
    move |reason| Refusal::InBatch { index, count, reason: Box::new(reason) }
}

/// Applies several actions as one: all, or none. `apply` applies a single one.
///
/// # Errors
/// [`Refusal::InBatch`] for the first action that is refused, and if there are
/// none or too many.
pub(crate) fn apply_batch<M: Model>(
    state: &Arc<NetworkState<M>>,
    actions: &[M::Action],
    apply: impl Fn(&Arc<NetworkState<M>>, &M::Action) -> Result<Applied<M>, Refusal>,
) -> Result<AppliedBatch<M>, Refusal> {
    if actions.is_empty() || actions.len() > limits::BATCH {
        return Err(Refusal::Invalid(Invalid::unfit("a batch has 1 to 1,024 actions")));
    }
    let mut state = Arc::clone(state);
    let (mut effects, mut outcomes, mut rights) = (Vec::new(), Vec::new(), Vec::new());
    for (index, action) in (0..).zip(actions) {
        let applied = apply(&state, action).map_err(in_batch(actions, index))?;
        state = applied.state;
        effects.extend(applied.effects);
        outcomes.push(applied.outcome);
        rights.push(applied.access);
    }
    Ok(AppliedBatch { state, effects, outcomes, rights })
}

/// Applies an action of `actor`, if `actor` may do it.
pub(crate) fn apply_checked<M: Model>(
    state: &Arc<NetworkState<M>>,
    actor: ClientId,
    action: &M::Action,
) -> Result<Applied<M>, Refusal> {
    let access = M::access(&state.model, action);
    authorise::<M>(state, actor, access)?;
    apply_action(state, actor, access, action)
}

/// Applies an action on behalf of the session itself: ownership and privilege
/// are not checked.
pub(crate) fn apply_unchecked<M: Model>(
    state: &Arc<NetworkState<M>>,
    actor: ClientId,
    action: &M::Action,
) -> Result<Applied<M>, Refusal> {
    apply_action(state, actor, M::access(&state.model, action), action)
}

/// Checks whether `actor` may do what needs `access`: first its role, which everything
/// needs, even [`Access::Anyone`].
pub(super) fn authorise<M: Model>(
    state: &NetworkState<M>,
    actor: ClientId,
    access: Access,
) -> Result<(), Refusal> {
    let roster = &state.roster;
    if roster.is_viewer(actor) {
        return Err(Refusal::Viewer);
    }
    match access {
        Access::Own(instrument) | Access::Delete(instrument)
            if !roster.may_play(actor, instrument) =>
        {
            Err(if M::exists(&state.model, instrument) {
                Refusal::NotOwner { instrument, owner: roster.owner(instrument).cloned() }
            } else {
                Refusal::Invalid(Invalid::missing("instrument", instrument))
            })
        }
        Access::Privilege if !roster.may_lead(actor) => {
            Err(Refusal::NotPrivileged { holder: roster.privileged.clone() })
        }
        Access::Engine => Err(Refusal::EngineOnly),
        Access::Anyone
        | Access::Create(_)
        | Access::Own(_)
        | Access::Delete(_)
        | Access::Privilege => Ok(()),
    }
}

fn apply_action<M: Model>(
    state: &Arc<NetworkState<M>>,
    actor: ClientId,
    access: Access,
    action: &M::Action,
) -> Result<Applied<M>, Refusal> {
    // Built behind its `Arc` from the beginning: the state is large to move.
    let mut shared = Arc::clone(state);
    let next = Arc::make_mut(&mut shared);
    let Reduction { effects, outcome } = M::reduce(&mut next.model, action)?;
    match access {
        Access::Create(instrument) => {
            own_new(&mut next.roster, actor, instrument);
            next.roster.check()?;
        }
        Access::Own(_) => {}
        Access::Delete(instrument) => {
            Arc::make_mut(&mut next.roster).owners.remove(&instrument);
        }
        // These can replace everything, e.g. by loading a project.
        Access::Privilege | Access::Anyone | Access::Engine => {
            release_removed(&state.model, next);
        }
    }
    Ok(Applied { state: shared, effects, outcome, access })
}

/// Makes `actor` the owner of an instrument that it has created. A participant that is
/// alone needs no ownership, and would only be in the way of the next to join.
pub(super) fn own_new(roster: &mut Arc<Roster>, actor: ClientId, instrument: InstrumentId) {
    if roster.alone().is_none()
        && let Some(owner) = roster.as_owner(actor)
    {
        Arc::make_mut(roster).owners.insert(instrument, owner);
    }
}

/// Removes the owners of the instruments that `before` has and `state` has not.
pub(super) fn release_removed<M: Model>(before: &M::State, state: &mut NetworkState<M>) {
    if state.roster.owners.is_empty() {
        return;
    }
    for instrument in M::removed(before, &state.model) {
        if state.roster.owner(instrument).is_some() {
            Arc::make_mut(&mut state.roster).owners.remove(&instrument);
        }
    }
}
