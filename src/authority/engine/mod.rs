//! Interim.
use super::jobs::Jobs;
use crate::{
    model::{self, Model},
    studio::Studio,
};

/// An engine.
pub struct Engine<M: Model = Studio> {
    pub(super) worker: Box<dyn model::Engine<M>>,
    pub(super) jobs: Option<Jobs<M>>,
}

impl<M: Model> std::fmt::Debug for Engine<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl<M: Model> model::Engine<M> for Engine<M> {
    fn perform(&mut self, now: crate::util::time::Timestamp, state: &M::State, effect: M::Effect) {
        self.worker.perform(now, state, effect);
    }
    fn advance(&mut self, now: crate::util::time::Timestamp, state: &M::State) -> Vec<M::Action> {
        self.worker.advance(now, state)
    }
    fn metering(&self) -> model::Metering {
        self.worker.metering()
    }
    fn pulse(&self) -> Option<std::time::Duration> {
        self.worker.pulse()
    }
    fn take_jobs(&mut self) -> Option<Jobs<M>> {
        self.jobs.take()
    }
}

/// Interim.
pub fn threaded<M: Model, W: model::Engine<M>>(
    mut make: impl FnMut() -> W + Send + 'static,
) -> Engine<M> {
    Engine { worker: Box::new(make()), jobs: None }
}

impl<M: Model> Engine<M> {
    /// Attaches the worker that saves and loads the session.
    #[must_use]
    pub fn with_jobs(mut self, jobs: impl Into<Option<Jobs<M>>>) -> Self {
        self.jobs = jobs.into();
        self
    }
}
