//! The end of the program: in order if that is possible, but within [`LIMIT`].
//!
//! A thread of its own counts the time, so that nothing that is blocked (a disk, a
//! terminal, a peer) can keep the program alive. It reads a dispatcher and calls nothing
//! that waits.

use std::{
    process::exit,
    sync::{Arc, OnceLock, Weak},
    thread,
    time::Duration,
};

use imbolc_net::{Dispatcher, dispatcher::Status, studio::ProjectNotice};
use tokio::sync::Notify;

use crate::{describe, event_loop, terminal};

/// How long the program lives on after it is told to end.
pub const LIMIT: Duration = Duration::from_secs(2);

/// The exit status if something could not be saved or sent.
pub const NOT_SAVED: u8 = 3;

/// How long the last words may take: the terminal may be what is blocked.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Ends the program [`LIMIT`] after it was told to end, by a signal or by
/// [`begin`](Self::begin), if it has not ended by then.
#[derive(Debug)]
pub struct Ending {
    told: Arc<Notify>,
    studio: Arc<OnceLock<Weak<dyn Dispatcher>>>,
}

impl Ending {
    /// Listens for signals from now on.
    ///
    /// # Errors
    /// If the thread cannot be started. The message is one line.
    pub fn watch() -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let ending = Self { told: Arc::default(), studio: Arc::default() };
        let (told, studio) = (Arc::clone(&ending.told), Arc::clone(&ending.studio));
        let count = move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = event_loop::shutdown_signal() => {}
                    () = told.notified() => {}
                }
            });
            thread::sleep(LIMIT);
            thread::spawn(move || {
                terminal::restore();
                let studio = studio.get().and_then(Weak::upgrade);
                let lost = studio.and_then(|studio| unfinished_work(&*studio));
                let lost = lost.map_or(String::new(), |lost| format!(": {lost}"));
                terminal::report(format_args!("given up after {} s{lost}", LIMIT.as_secs()));
            });
            thread::sleep(LAST_WORDS);
            exit(NOT_SAVED.into());
        };
        let thread = thread::Builder::new().name("ending".into()).spawn(count);
        thread.map(|_| ending).map_err(|error| error.to_string())
    }

    /// Names the dispatcher whose unfinished work the last words name.
    pub fn attend(&self, studio: &Arc<dyn Dispatcher>) {
        // There is one in the life of the program.
        let _ = self.studio.set(Arc::downgrade(studio));
    }

    /// The program ends now, and has [`LIMIT`] for it.
    pub fn begin(&self) {
        self.told.notify_one();
    }
}

/// What is not saved or not sent at this moment, in one line.
fn unfinished_work(studio: &dyn Dispatcher) -> Option<String> {
    let state = studio.state();
    if let ProjectNotice::Working(task) = &state.model.projects.notice {
        return Some(format!("{} has not ended", describe::project_task(task)));
    }
    has_unsent_edits(studio).then(|| "your last edits were not sent".into())
}

/// Whether the host has not answered some edits, and cannot be reached.
pub(crate) fn has_unsent_edits(studio: &dyn Dispatcher) -> bool {
    matches!(studio.status(), Status::Reconnecting { .. })
        && studio.state().model != studio.confirmed().model
}
