//! The job in the background, one at a time: starts, shows and cancels it, and applies its
//! result.
//!
//! The work itself is in `sound` and `samples`.

use std::path::PathBuf;

use super::App;
use crate::{
    intent::Intent,
    job::{Job, JobDone, JobProgress, JobResult},
    messages::Tone,
    samples::{self, SampleSlot},
    sound,
};

impl App {
    /// Starts a job in the background, unless there is one already. `what` names it in a few
    /// words.
    pub fn start_job(
        &mut self,
        what: String,
        work: impl FnOnce(&JobProgress) -> JobResult + Send + 'static,
    ) {
        if let Some(job) = &self.job {
            return self.messages.refuse(format!("not now: {} is under way", job.what()));
        }
        match Job::start(what, work) {
            Ok(job) => self.job = Some(job),
            Err(error) => self.messages.refuse(error.to_string()),
        }
    }

    /// Whether a job runs in the background.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.job.is_some()
    }

    pub(super) fn bounce(&mut self, file: PathBuf, bars: Option<[u32; 2]>) {
        let (state, sound) = (self.studio.state(), self.sound.clone());
        let what = format!("rendering {}", file.display());
        self.start_job(what, move |progress| {
            sound::bounce(&state.model, bars, &file, &sound, progress)
        });
    }

    pub(super) fn choose_file(&mut self, file: PathBuf, slot: SampleSlot) {
        let Some(directory) = self.sound.samples.clone() else {
            return self
                .messages
                .refuse("there is no project directory: start with --project-dir DIR");
        };
        let what = format!("copying {}", file.display());
        self.start_job(what, move |_| samples::import(&file, &directory, slot));
    }

    pub(super) fn cancel_job(&mut self) {
        if let Some(job) = &self.job {
            job.cancel();
        }
    }

    /// Applies the result of the job, if it has ended.
    pub(super) fn follow_job(&mut self) {
        let Some(result) = self.job.as_ref().and_then(Job::poll) else { return };
        self.job = None;
        self.mark_changed();
        match result {
            Ok(JobDone::Say(text)) => self.messages.push(Tone::Good, text),
            Ok(JobDone::Do(action)) => self.perform(Intent::from(action)),
            Err(why) => self.messages.push(Tone::Bad, why),
        }
    }
}
