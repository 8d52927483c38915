//! Who may do what, and what an action leads to: one function for the
//! authority, which decides by it, and for a mirror, which predicts by it.

use std::sync::Arc;

use crate::{
    model::{Access, Invalid, Model},
    protocol::{ClientId, NetworkState, Refusal},
};

/// What an action leads to: the next state, and what the engine must do.
pub(crate) type Outcome<M> = (Arc<NetworkState<M>>, Vec<<M as Model>::Effect>);

/// Carries out an action of `actor`, if it may.
pub(crate) fn carry_out<M: Model>(
    state: &Arc<NetworkState<M>>,
    actor: ClientId,
    action: &M::Action,
) -> Result<Outcome<M>, Refusal> {
    let access = M::access(&state.model, action);
    authorise::<M>(state, actor, access)?;
    follow(state, actor, access, action)
}

/// Carries out an action on the session's own behalf, whoever owns what.
pub(crate) fn carry_out_unasked<M: Model>(
    state: &Arc<NetworkState<M>>,
    actor: ClientId,
    action: &M::Action,
) -> Result<Outcome<M>, Refusal> {
    follow(state, actor, M::access(&state.model, action), action)
}

pub(super) fn authorise<M: Model>(
    state: &NetworkState<M>,
    actor: ClientId,
    access: Access,
) -> Result<(), Refusal> {
    let roster = &state.roster;
    match access {
        Access::Own(instrument) | Access::Delete(instrument) if !roster.owns(actor, instrument) => {
            Err(if M::exists(&state.model, instrument) {
                Refusal::NotOwner { instrument, owner: roster.owner(instrument).cloned() }
            } else {
                Refusal::Invalid(Invalid::missing("instrument", instrument))
            })
        }
        Access::Privilege if !roster.is_privileged(actor) => {
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

fn follow<M: Model>(
    state: &Arc<NetworkState<M>>,
    actor: ClientId,
    access: Access,
    action: &M::Action,
) -> Result<Outcome<M>, Refusal> {
    // In its place from the beginning: it is large, and moving it costs time.
    let mut shared = Arc::clone(state);
    let next = Arc::make_mut(&mut shared);
    let effects = M::reduce(&mut next.model, action)?;
    match access {
        Access::Create(instrument) => {
            if let Some(owner) = state.roster.as_owner(actor) {
                Arc::make_mut(&mut next.roster).owners.insert(instrument, owner);
            }
        }
        Access::Own(_) => {}
        Access::Delete(instrument) => {
            Arc::make_mut(&mut next.roster).owners.remove(&instrument);
        }
        // These can replace everything, e.g. by loading a project.
        Access::Privilege | Access::Anyone | Access::Engine => forget_what_is_gone(next),
    }
    Ok((shared, effects))
}

pub(super) fn forget_what_is_gone<M: Model>(state: &mut NetworkState<M>) {
    let gone: Vec<_> = state
        .roster
        .owners
        .keys()
        .copied()
        .filter(|&instrument| !M::exists(&state.model, instrument))
        .collect();
    if !gone.is_empty() {
        let roster = Arc::make_mut(&mut state.roster);
        for instrument in gone {
            roster.owners.remove(&instrument);
        }
    }
}
