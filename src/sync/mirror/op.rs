//! A numbered operation of this participant: an action, an undo or a redo.

use std::sync::Arc;

use crate::{
    model::Model,
    protocol::{ActionNumber, ClientId, ClientMessage, NetworkState, Refusal},
    sync::{
        rules,
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
    Undo(Direction),
}

impl<M: Model> Op<M> {
    /// Applies the operation to the state predicted so far.
    ///
    /// # Errors
    /// If the authority would refuse it, as far as the mirror can tell.
    pub(super) fn predict(
        &self,
        state: &Arc<NetworkState<M>>,
        log: &mut UndoLog<M>,
        me: ClientId,
    ) -> Result<Arc<NetworkState<M>>, Refusal> {
        match self {
            Self::Act { at, continues, action } => {
                let (after, _) = rules::apply_checked(state, me, action)?;
                log.record(*at, *continues, action, state, &after);
                Ok(after)
            }
            Self::Undo(direction) => {
                Ok(Arc::new(log.apply_undo(*direction, state, me, false)?.state))
            }
        }
    }

    pub(super) fn message(&self, number: ActionNumber) -> ClientMessage<M> {
        match self {
            Self::Act { continues, action, .. } => {
                ClientMessage::Action { number, continues: *continues, action: action.clone() }
            }
            Self::Undo(Direction::Back) => ClientMessage::Undo { number },
            Self::Undo(Direction::Forth) => ClientMessage::Redo { number },
        }
    }

    pub(super) const fn is_redo(&self) -> bool {
        matches!(self, Self::Undo(Direction::Forth))
    }

    pub(super) fn into_action(self) -> Option<M::Action> {
        match self {
            Self::Act { action, .. } => Some(action),
            Self::Undo(_) => None,
        }
    }
}
