//! Work on a thread of its own, so that the screen stays fluid: a render, the copy of a file.
//!
//! It must not know the work nor the screen; `app` starts, shows and cancels it.

use std::{
    fmt, io,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering::Relaxed},
        mpsc::{self, TryRecvError},
    },
    thread,
};

use imbolc_net::studio::NetworkAction;

/// The result of a job.
#[derive(Clone, Debug, PartialEq)]
pub enum JobDone {
    /// A line to show.
    Say(String),
    /// An action for the session.
    Do(NetworkAction),
}

/// How a job ends; an error is one line.
pub type JobResult = Result<JobDone, String>;

/// How far a job is, and whether it should go on.
#[derive(Debug, Default)]
pub struct JobProgress {
    percent: AtomicU8,
    cancelled: AtomicBool,
}

impl JobProgress {
    /// Says which part, from 0 to 1, is done. It breaks if the job is cancelled.
    pub fn report(&self, part: f32) -> ControlFlow<()> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        let percent = (part.clamp(0.0, 1.0) * 100.0) as u8;
        self.percent.store(percent, Relaxed);
        if self.cancelled.load(Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// A job under way. Dropping it cancels it and waits for its end.
pub struct Job {
    what: String,
    progress: Arc<JobProgress>,
    result: mpsc::Receiver<JobResult>,
    thread: Option<thread::JoinHandle<()>>,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("what", &self.what).finish_non_exhaustive()
    }
}

impl Job {
    /// Starts a job; `what` names it in a few words. It must call
    /// [`report`](JobProgress::report) often, and end soon when that breaks.
    ///
    /// # Errors
    /// If there is no thread for it.
    pub fn start(
        what: String,
        work: impl FnOnce(&JobProgress) -> JobResult + Send + 'static,
    ) -> io::Result<Self> {
        let (tell, result) = mpsc::channel();
        let progress = Arc::<JobProgress>::default();
        let seen = Arc::clone(&progress);
        let thread = thread::Builder::new().name("job".into()).spawn(move || {
            yield_to_music();
            // A job that was dropped has no receiver.
            let _ = tell.send(work(&seen));
        })?;
        Ok(Self { what, progress, result, thread: Some(thread) })
    }

    /// The job in a few words.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The job in a few words, how far it is, and how to cancel it.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{} {} %: Esc cancels", self.what, self.progress.percent.load(Relaxed))
    }

    /// Asks the job to end.
    pub fn cancel(&self) {
        self.progress.cancelled.store(true, Relaxed);
    }

    /// How the job has ended, if it has.
    #[must_use]
    pub fn poll(&self) -> Option<JobResult> {
        match self.result.try_recv() {
            Ok(_) if self.progress.cancelled.load(Relaxed) => {
                Some(Err(format!("cancelled: {}", self.what)))
            }
            Ok(result) => Some(result),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(format!("{} has failed", self.what))),
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.cancel();
        if let Some(thread) = self.thread.take() {
            // If it has panicked, that was told.
            let _ = thread.join();
        }
    }
}

/// Gives this thread, and the processes that it starts, a low priority.
fn yield_to_music() {
    // Elsewhere it would be that of the whole program.
    #[cfg(target_os = "linux")]
    {
        const LOW: i32 = 10;
        // Without that permission, the job shares the processor.
        let _ = rustix::process::nice(LOW);
    }
}
