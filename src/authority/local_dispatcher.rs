//! A local session: it lives in the UI's own process, and no client can join.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

use async_trait::async_trait;

use crate::{
    admission::AdmissionStatus,
    authority::{
        Authority, Engine, Setup,
        in_process::{InProcess, delegate_to_in_process},
    },
    dispatcher::{
        CloseError, DispatchError, Dispatcher, Events, HostCommand, Identity, OpenError, Status,
    },
    model::{InstrumentId, Model},
    protocol::{NetworkState, SessionId},
    studio::Studio,
    sync::session::{SessionConfig, checked_name},
    util::time::Timestamp,
};

/// A local session. It needs no async runtime: a thread of its own runs the timers, and
/// sleeps while none is due.
#[must_use = "dropping it ends the session"]
pub struct LocalDispatcher<M: Model = Studio> {
    in_process: InProcess<M>,
    closed: Arc<AtomicBool>,
}

impl<M: Model> LocalDispatcher<M> {
    /// Opens a session that begins with `model`, for a user called `name`.
    ///
    /// # Errors
    /// If the name is not valid, or the operating system has no random bytes or no
    /// thread.
    pub fn open(name: &str, model: M::State, engine: Engine<M>) -> Result<Self, OpenError> {
        let setup = Setup {
            host: checked_name(name).map_err(OpenError::Name)?,
            key: None,
            model,
            engine,
            config: SessionConfig::default(),
        };
        let authority = Authority::local(setup, fresh_session_id()?)?;
        let closed = Arc::new(AtomicBool::new(false));
        spawn_timers(Arc::clone(&authority), Arc::clone(&closed)).map_err(OpenError::Thread)?;
        Ok(Self { in_process: InProcess::new(authority, Status::Alone), closed })
    }

    fn stop(&self) {
        self.closed.store(true, Relaxed);
        self.in_process.authority().wake_timers();
    }
}

/// Runs the authority's timers in a thread until `closed`.
fn spawn_timers<M: Model>(
    authority: Arc<Authority<M>>,
    closed: Arc<AtomicBool>,
) -> std::io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name("imbolc-timers".into()).spawn(move || {
        authority.run_timers_here();
        while !closed.load(Relaxed) {
            match authority.poll_timers() {
                Some(next) => thread::park_timeout(authority.until(next)),
                None => thread::park(),
            }
        }
    })
}

pub(crate) fn fresh_session_id() -> Result<SessionId, OpenError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(OpenError::Random)?;
    Ok(SessionId::new(bytes))
}

impl<M: Model> fmt::Debug for LocalDispatcher<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalDispatcher")
            .field("status", &self.in_process.status())
            .finish_non_exhaustive()
    }
}

impl<M: Model> Drop for LocalDispatcher<M> {
    fn drop(&mut self) {
        self.stop();
    }
}

#[async_trait]
impl<M: Model> Dispatcher<M> for LocalDispatcher<M> {
    delegate_to_in_process!();

    fn administer(&self, _: HostCommand) -> Result<(), DispatchError> {
        Err(DispatchError::NotHost)
    }

    fn admission(&self) -> Option<Arc<AdmissionStatus>> {
        None
    }

    async fn commit(&self, action: M::Action) -> Result<M::Outcome, DispatchError> {
        self.in_process.dispatch(&action)
    }

    async fn close(&self) -> Result<(), CloseError> {
        self.in_process.close();
        let settled = self.in_process.settle().await;
        self.stop();
        settled
    }
}
