//! The switch at start-up: which dispatcher runs is decided here, once.

use std::{path::PathBuf, sync::Arc};

use crate::{
    authority::LocalDispatcher,
    client::{JoinOptions, RemoteDispatcher},
    dispatcher::{Dispatcher, OpenError},
    projects::{self, WithProjects},
    server::{HostDispatcher, HostOptions},
    studio::{Name, SilentEngine, StudioState},
    transport,
};

/// How one wants to play.
#[derive(Debug)]
pub enum Mode {
    /// Alone.
    Local {
        /// What one is called.
        name: String,
        /// Where projects are kept, if they are. It is made if it is not there.
        projects: Option<PathBuf>,
    },
    /// With others, here.
    Host {
        /// What one is called.
        name: String,
        /// Where to listen, as `address:port`; port 0 is any that is free, and `[::]`
        /// is every address that there is, also by IPv4.
        address: String,
        /// What the session is called; `Untitled` without.
        session_name: Option<Name>,
        /// Where projects are kept, if they are. It is made if it is not there.
        projects: Option<PathBuf>,
        /// What else can be set.
        options: HostOptions,
    },
    /// With others, there.
    Remote {
        /// Where the host is, as `host:port`.
        address: String,
        /// As whom, and with what.
        options: JoinOptions,
    },
}

/// Opens the dispatcher of `mode`, on the built-in studio and the engine that
/// makes no sound.
///
/// # Errors
/// If the host cannot listen, or the client cannot join, or the directory for
/// projects cannot be used. The message is one
/// line, fit to be shown.
///
/// # Panics
/// If it is not called within a tokio runtime, unless `mode` is local.
pub async fn open(mode: Mode) -> Result<Arc<dyn Dispatcher>, OpenError> {
    match mode {
        Mode::Local { name, projects } => {
            let (model, engine) = studio(projects)?;
            Ok(Arc::new(LocalDispatcher::open(&name, model, engine)?))
        }
        Mode::Host { name, address, session_name, projects, options } => {
            let listener = transport::listen(&address)
                .await
                .map_err(|source| OpenError::Listen { address, source })?;
            let (mut model, engine) = studio(projects)?;
            if let Some(name) = session_name {
                Arc::make_mut(&mut model.session).name = name;
            }
            Ok(Arc::new(HostDispatcher::open(&name, model, engine, listener, options)?))
        }
        Mode::Remote { address, options } => {
            Ok(Arc::new(RemoteDispatcher::connect(&address, options).await?))
        }
    }
}

/// What a session begins with, and what plays it.
fn studio(
    directory: Option<PathBuf>,
) -> Result<(StudioState, WithProjects<SilentEngine>), OpenError> {
    let mut model = StudioState::starter();
    let fail =
        |directory: &PathBuf, source| OpenError::Projects { directory: directory.clone(), source };
    if let Some(directory) = &directory {
        model.projects = projects::known(directory).map_err(|source| fail(directory, source))?;
    }
    let engine = WithProjects::open(SilentEngine::default(), directory.clone())
        .map_err(|source| fail(&directory.unwrap_or_default(), source))?;
    Ok((model, engine))
}
