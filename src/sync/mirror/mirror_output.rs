//! What the shell must do after a change of the mirror.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    model::Model,
    protocol::{ActionNumber, NetworkState, Refusal},
    sync::{SessionEvent, mirror::Mirror},
};

/// One thing that the shell must do after a change.
#[derive(Debug)]
#[must_use = "an output is returned once"]
pub enum MirrorOutput<M: Model> {
    /// The confirmed state has changed.
    Confirmed {
        /// The state that was returned before. It may be the last reference to a
        /// large state: drop it without holding a lock.
        before: Arc<NetworkState<M>>,
        /// The current state, which is to be published.
        after: Arc<NetworkState<M>>,
    },
    /// The predicted state has changed.
    Predicted {
        /// As in [`Confirmed`](Self::Confirmed).
        before: Arc<NetworkState<M>>,
        /// As in [`Confirmed`](Self::Confirmed).
        after: Arc<NetworkState<M>>,
    },
    /// Something happened. The states returned before show it.
    Event(SessionEvent<M>),
    /// The authority has decided an operation.
    Settled(ActionNumber, Result<(), Refusal>),
    /// There is nothing left to do until the next change.
    Wait {
        /// Whether [`Mirror::pull`] has messages for the connection.
        has_messages: bool,
    },
}

/// What [`Mirror::poll`] returns next.
pub(super) struct Outputs<M: Model> {
    /// The last states that were returned.
    pub(super) confirmed: Arc<NetworkState<M>>,
    pub(super) predicted: Arc<NetworkState<M>>,
    pub(super) events: VecDeque<SessionEvent<M>>,
    pub(super) settled: VecDeque<(ActionNumber, Result<(), Refusal>)>,
}

impl<M: Model> Mirror<M> {
    /// The next thing that the shell must do. Call it after each change until it
    /// returns [`MirrorOutput::Wait`]. States come first, so that whatever else
    /// is returned can be found in them.
    pub fn poll(&mut self) -> MirrorOutput<M> {
        let Self { confirmation, prediction, outbox, outputs, .. } = self;
        if !Arc::ptr_eq(&outputs.confirmed, &confirmation.state) {
            let after = Arc::clone(&confirmation.state);
            let before = std::mem::replace(&mut outputs.confirmed, Arc::clone(&after));
            return MirrorOutput::Confirmed { before, after };
        }
        if !Arc::ptr_eq(&outputs.predicted, &prediction.state) {
            let after = Arc::clone(&prediction.state);
            let before = std::mem::replace(&mut outputs.predicted, Arc::clone(&after));
            return MirrorOutput::Predicted { before, after };
        }
        if let Some(event) = outputs.events.pop_front() {
            return MirrorOutput::Event(event);
        }
        match outputs.settled.pop_front() {
            Some((number, result)) => MirrorOutput::Settled(number, result),
            None => MirrorOutput::Wait { has_messages: outbox.has_messages(prediction) },
        }
    }
}
