//! The jobs that wait for their turn, and what the last of them have come to. It is kept
//! under the authority's lock.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    task::Poll,
};

use crate::{
    model::{JobFault, Model},
    protocol::NetworkState,
};

/// How many jobs wait. A session that respects what is under way has one.
const MAX_WAITING: usize = 64;

/// An effect with the state to which it belongs.
pub(in crate::authority) struct Job<M: Model> {
    pub(in crate::authority) state: Arc<NetworkState<M>>,
    pub(in crate::authority) effect: M::Effect,
    /// Whether its outcome replaces the session.
    pub(in crate::authority) replaces: bool,
}

/// The authority's end of the thread, which ends when this is dropped.
pub(in crate::authority) struct JobQueue<M: Model> {
    /// `None` if the session has no jobs.
    sender: Option<SyncSender<Job<M>>>,
    unfinished: usize,
    /// What was not saved, and why.
    unsaved: Option<String>,
}

impl<M: Model> Default for JobQueue<M> {
    fn default() -> Self {
        Self { sender: None, unfinished: 0, unsaved: None }
    }
}

impl<M: Model> JobQueue<M> {
    /// A queue, and the thread's end of it.
    pub(super) fn open() -> (Self, Receiver<Job<M>>) {
        let (sender, jobs) = sync_channel(MAX_WAITING);
        (Self { sender: Some(sender), ..Self::default() }, jobs)
    }

    /// Whether every job has ended; the error is what the last save failed of.
    pub(in crate::authority) fn poll_close(&self) -> Poll<Result<(), String>> {
        match &self.unsaved {
            _ if self.unfinished > 0 => Poll::Pending,
            Some(unsaved) => Poll::Ready(Err(unsaved.clone())),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Hands `job` to the thread, or returns it with the reason why it cannot.
    pub(in crate::authority) fn push(&mut self, job: Job<M>) -> Result<(), (Job<M>, JobFault)> {
        let Some(sender) = &self.sender else { return Err((job, JobFault::NoJobs)) };
        sender.try_send(job).map_err(|error| match error {
            TrySendError::Full(job) => (job, JobFault::TooMany),
            TrySendError::Disconnected(job) => (job, JobFault::NoJobs),
        })?;
        self.unfinished += 1;
        Ok(())
    }

    /// A job that was pushed has ended.
    pub(in crate::authority) const fn pop(&mut self) {
        self.unfinished = self.unfinished.saturating_sub(1);
    }

    /// Whether work was saved, or what was not and why.
    pub(in crate::authority) fn note(&mut self, saved: Result<(), String>) {
        self.unsaved = saved.err();
    }
}
