//! The driver on a thread of its own.
//!
//! The thread owns nothing of the session: it takes one state for a call and reports
//! after it. So a worker that blocks for ever keeps two states alive at most: that of its
//! call, and the newest.

use std::sync::Arc;

use super::{
    engine_link::EngineLink,
    worker_supervisor::{CheckedOutput, Supervisor},
};
use crate::{dispatcher::Clock, model::Model};

/// What the thread needs of the authority.
pub(in crate::authority) struct EngineThread<M: Model> {
    pub(in crate::authority) link: Arc<EngineLink<M>>,
    pub(in crate::authority) clock: Clock,
    /// Tells the authority what a call has led to.
    pub(in crate::authority) tell: Box<dyn Fn(CheckedOutput<M>) + Send>,
    /// Tells the authority that the worker has ended.
    pub(in crate::authority) ended: Box<dyn FnOnce() + Send>,
}

/// Runs the worker until it is closed or the authority is gone.
pub(in crate::authority) fn run_engine<M: Model>(
    thread: EngineThread<M>,
    mut supervisor: impl Supervisor<M>,
) {
    let EngineThread { link, clock, tell, ended } = thread;
    while link.wait(&clock) {
        let now = clock.now();
        let Some((work, newest)) = link.begin_call(now) else { continue };
        let mut output = supervisor.call(now, work, &newest);
        drop(newest);
        output.end_call(&link);
        tell(output);
    }
    supervisor.clear();
    link.set_ended();
    ended();
}
