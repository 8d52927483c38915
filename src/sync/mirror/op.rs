//! A numbered operation of this participant: an action, an undo or a redo.

use std::sync::Arc;

use crate::{
    model::Model,
    protocol::{ActionNumber, ClientId, ClientMessage, NetworkState, Refusal},
    sync::{
        rules::{self, Applied, AppliedBatch},
        undo::{Direction, UndoLog},
    },
    util::time::Timestamp,
};

/// A numbered operation.
#[derive(Clone)]
pub(super) enum Op<M: Model> {
    Act {
        /// When it was dispatched, by this participant's clock.
        at: Timestamp,
        /// Whether it belongs to the same undo step as the action before.
        continues: bool,
        action: M::Action,
    },
    Batch {
        at: Timestamp,
        actions: Arc<[M::Action]>,
    },
    Undo(Direction),
}

impl<M: Model> Op<M> {
    /// Whether the authority could be sent it.
    ///
    /// # Errors
    /// If not.
    pub(super) fn check_encodable(&self) -> Result<(), Refusal> {
        match self {
            Self::Act { action, .. } => rules::check_encodable::<M>(action),
            Self::Batch { actions, .. } => rules::check_batch::<M>(actions),
            Self::Undo(_) => Ok(()),
        }
    }

    /// Applies the operation to the state predicted so far. Passes the outcome of each of
    /// its actions, in order.
    ///
    /// # Errors
    /// If the authority would refuse it, as far as the mirror can tell.
    pub(super) fn predict(
        &self,
        state: &Arc<NetworkState<M>>,
        log: &mut UndoLog<M>,
        me: ClientId,
        tell: impl FnMut(M::Outcome),
    ) -> Result<Arc<NetworkState<M>>, Refusal> {
        rules::guarded(|| self.predict_unguarded(state, log, me, tell))
    }

    fn predict_unguarded(
        &self,
        state: &Arc<NetworkState<M>>,
        log: &mut UndoLog<M>,
        me: ClientId,
        mut tell: impl FnMut(M::Outcome),
    ) -> Result<Arc<NetworkState<M>>, Refusal> {
        match self {
            Self::Act { at, continues, action } => {
                let Applied { state: after, outcome, access, .. } =
                    rules::apply_checked(state, me, action)?;
                log.record(*at, *continues, (action, access), state, &after);
                tell(outcome);
                Ok(after)
            }
            Self::Batch { at, actions } => {
                let AppliedBatch { state: after, outcomes, rights, .. } =
                    rules::apply_batch(state, actions, |state, action| {
                        rules::apply_checked(state, me, action)
                    })?;
                log.record_batch(*at, (actions, rights), state, &after);
                outcomes.into_iter().for_each(tell);
                Ok(after)
            }
            Self::Undo(direction) => Ok(Arc::new(log.predict_undo(*direction, state, me)?.state)),
        }
    }

    pub(super) fn message(&self, number: ActionNumber) -> ClientMessage<M> {
        match self {
            Self::Act { continues, action, .. } => {
                ClientMessage::Action { number, continues: *continues, action: action.clone() }
            }
            Self::Batch { actions, .. } => {
                ClientMessage::Batch { number, actions: actions.to_vec() }
            }
            Self::Undo(Direction::Back) => ClientMessage::Undo { number },
            Self::Undo(Direction::Forth) => ClientMessage::Redo { number },
        }
    }

    /// When it was dispatched; `None` for an undo.
    pub(super) const fn dispatched_at(&self) -> Option<Timestamp> {
        match self {
            Self::Act { at, .. } | Self::Batch { at, .. } => Some(*at),
            Self::Undo(_) => None,
        }
    }

    pub(super) const fn is_redo(&self) -> bool {
        matches!(self, Self::Undo(Direction::Forth))
    }

    /// The action that `reason` refuses; `None` for an undo.
    pub(super) fn refused_action(self, reason: &Refusal) -> Option<M::Action> {
        match self {
            Self::Act { action, .. } => Some(action),
            Self::Batch { actions, .. } => {
                let index = match reason {
                    Refusal::InBatch { index, .. } => *index as usize,
                    _ => 0,
                };
                actions.get(index).or(actions.first()).cloned()
            }
            Self::Undo(_) => None,
        }
    }

    pub(super) fn into_actions(self) -> Vec<M::Action> {
        match self {
            Self::Act { action, .. } => vec![action],
            Self::Batch { actions, .. } => actions.to_vec(),
            Self::Undo(_) => Vec::new(),
        }
    }
}
