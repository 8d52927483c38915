//! Ends the program within [`LIMIT`] of being told to, whatever is blocked: a disk, a
//! pipe, a peer.

use std::{
    fmt,
    io::{Write as _, stderr},
    process::exit,
    sync::{Arc, OnceLock, Weak},
    thread,
    time::Duration,
};

use imbolc_net::{Dispatcher, studio::ProjectNotice, util::text::printable};
use tokio::sync::Notify;

use crate::words;

/// How long the program lives on after it is told to end.
const LIMIT: Duration = Duration::from_secs(2);

/// The exit status if something could not be saved or sent.
pub const NOT_SAVED: u8 = 3;

/// How long the last words may take: the terminal may be what is blocked.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// The time of the program after it is told to end.
pub struct Ending {
    told: Arc<Notify>,
    studio: Arc<OnceLock<Weak<dyn Dispatcher>>>,
}

/// Prints a line on standard error, unless it is gone with its terminal: `eprintln` would
/// panic then.
pub fn report(line: fmt::Arguments<'_>) {
    let _ = writeln!(stderr(), "session: {}", printable(&line.to_string()));
}

impl Ending {
    /// Listens for signals from now on.
    pub fn watch() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let ending = Self { told: Arc::default(), studio: Arc::default() };
        let (told, studio) = (Arc::clone(&ending.told), Arc::clone(&ending.studio));
        thread::Builder::new().name("ending".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = crate::termination_signal() => {}
                    () = told.notified() => {}
                }
            });
            thread::sleep(LIMIT);
            thread::spawn(move || {
                let studio = studio.get().and_then(Weak::upgrade);
                let lost = studio.and_then(|studio| match &studio.state().model.projects.notice {
                    ProjectNotice::Working(task) => Some(words::wire_words(task)),
                    _ => None,
                });
                let lost = lost.map_or(String::new(), |lost| format!(": {lost} has not ended"));
                report(format_args!("given up after {} s{lost}", LIMIT.as_secs()));
            });
            thread::sleep(LAST_WORDS);
            exit(NOT_SAVED.into());
        })?;
        Ok(ending)
    }

    /// Names the dispatcher whose unfinished work the last words name.
    pub fn attend(&self, studio: &Arc<dyn Dispatcher>) {
        // There is one in the life of the program.
        let _ = self.studio.set(Arc::downgrade(studio));
    }

    /// The program ends now.
    pub fn begin(&self) {
        self.told.notify_one();
    }
}
