//! What the shell must do after a change of the session.

use std::sync::Arc;

use crate::{model::Model, protocol::NetworkState, sync::SessionEvent, util::time::Timestamp};

/// One thing that the shell must do after a change.
#[derive(Debug)]
#[must_use = "an output is returned once"]
pub enum SessionOutput<M: Model> {
    /// The engine must perform this; the state is the one after the action.
    Effect(Arc<NetworkState<M>>, M::Effect),
    /// The state was replaced as a whole: the engine must begin anew from the new one,
    /// before it performs the effects that follow.
    Replaced,
    /// The state has changed since it was last returned.
    Changed {
        /// The state that was returned before.
        before: Arc<NetworkState<M>>,
        /// The current state, which is to be published.
        after: Arc<NetworkState<M>>,
    },
    /// Something happened that the host is told of. The state does not show it.
    Event(SessionEvent<M>),
    /// A notice of the engine that the host is told now. The clients [pull](super::Session::pull)
    /// it.
    Notice(M::Notice),
    /// A snapshot that the session does not need any more. This may be the last
    /// reference to a large state: drop it without holding a lock.
    Forgotten(Arc<NetworkState<M>>),
    /// There is nothing left to do until the next change. Call
    /// [`handle_timeout`](super::Session::handle_timeout) at this time; the call may
    /// find that it is still too early.
    Wait(Option<Timestamp>),
}
