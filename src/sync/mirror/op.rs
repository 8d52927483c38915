//! What one does and the authority has not confirmed: an action, or undoing one.

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

/// Something that one does, and that is numbered.
#[derive(Clone)]
pub(super) enum Op<M: Model> {
    Act {
        /// When, by the clock of whoever dispatches.
        at: Timestamp,
        /// Whether it goes on with the op before.
        continues: bool,
        action: M::Action,
    },
    Trace(Direction),
}

impl<M: Model> Op<M> {
    /// Does it on what is predicted so far.
    ///
    /// # Errors
    /// If the authority would refuse it, as far as can be seen from here.
    pub(super) fn predict(
        &self,
        state: &Arc<NetworkState<M>>,
        log: &mut UndoLog<M>,
        me: ClientId,
    ) -> Result<Arc<NetworkState<M>>, Refusal> {
        match self {
            Self::Act { at, continues, action } => {
                let (after, _) = rules::carry_out(state, me, action)?;
                log.record(*at, *continues, action, state, &after);
                Ok(after)
            }
            Self::Trace(direction) => Ok(Arc::new(log.trace(*direction, state, me, false)?.state)),
        }
    }

    pub(super) fn message(&self, number: ActionNumber) -> ClientMessage<M> {
        match self {
            Self::Act { continues, action, .. } => {
                ClientMessage::Action { number, continues: *continues, action: action.clone() }
            }
            Self::Trace(Direction::Back) => ClientMessage::Undo { number },
            Self::Trace(Direction::Forth) => ClientMessage::Redo { number },
        }
    }

    pub(super) const fn is_redo(&self) -> bool {
        matches!(self, Self::Trace(Direction::Forth))
    }

    pub(super) fn into_action(self) -> Option<M::Action> {
        match self {
            Self::Act { action, .. } => Some(action),
            Self::Trace(_) => None,
        }
    }
}
