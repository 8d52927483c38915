//! The driver on a thread of its own.
//!
//! The thread owns nothing of the session: it asks for the newest state before a call and
//! reports after it, so that a worker that blocks for ever keeps nothing alive.

use std::sync::Arc;

use super::{
    engine_link::EngineLink,
    worker_seat::{Said, Seat},
};
use crate::{dispatcher::Clock, model::Model, protocol::NetworkState};

/// What the thread needs of the authority.
pub(in crate::authority) struct EngineThread<M: Model> {
    pub(in crate::authority) link: Arc<EngineLink<M>>,
    pub(in crate::authority) clock: Clock,
    /// The newest state; `None` if the authority is gone.
    pub(in crate::authority) newest: Box<dyn Fn() -> Option<Arc<NetworkState<M>>> + Send>,
    /// Tells the authority what a call has led to.
    pub(in crate::authority) tell: Box<dyn Fn(Said<M>) + Send>,
    /// Tells the authority that the worker has ended.
    pub(in crate::authority) ended: Box<dyn FnOnce() + Send>,
}

/// Runs the worker until it is closed or the authority is gone.
pub(in crate::authority) fn run_engine<M: Model>(thread: EngineThread<M>, mut seat: impl Seat<M>) {
    let EngineThread { link, clock, newest, tell, ended } = thread;
    while link.wait(&clock) {
        let now = clock.now();
        let Some(work) = link.begin_call(now) else { continue };
        // After the work was taken, so that it is not older.
        let Some(state) = newest() else { break };
        let mut said = seat.call(now, work, &state);
        drop(state);
        said.end_call(&link);
        tell(said);
    }
    seat.clear();
    link.set_ended();
    ended();
}
