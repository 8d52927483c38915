//! The choice at start-up: [`open`] creates the dispatcher of a [`Mode`].
//!
//! It is the only place that knows all implementations; nothing else may choose.

use std::{path::PathBuf, sync::Arc};

use crate::{
    authority::{Engine, LocalDispatcher},
    client::{JoinOptions, RemoteDispatcher},
    dispatcher::{Dispatcher, OpenError},
    projects::{self, WithProjects},
    server::{HostDispatcher, HostOptions},
    studio::{Name, SilentEngine, Studio, StudioState},
    transport,
};

/// How to take part in a session.
#[derive(Debug)]
pub enum Mode {
    /// In a local session, without a network.
    Local {
        /// Your name.
        name: String,
        /// The directory of projects, which is created if it does not exist. Without it
        /// projects cannot be saved or loaded.
        projects: Option<PathBuf>,
    },
    /// As the host of a session that others join.
    Host {
        /// Your name.
        name: String,
        /// The address to listen at, in the form `address:port`. Port 0 selects a free
        /// port; `[::]` means all addresses of this machine, IPv4 included.
        address: String,
        /// The name of the session; `Untitled` by default.
        session_name: Option<Name>,
        /// The directory of projects, which is created if it does not exist. Without it
        /// projects cannot be saved or loaded.
        projects: Option<PathBuf>,
        /// Further options.
        options: HostOptions,
    },
    /// As a participant in the session of another host.
    Remote {
        /// The address of the host, in the form `host:port`.
        address: String,
        /// The name, the requested instruments and further options.
        options: JoinOptions,
    },
}

/// Opens the dispatcher of `mode`, with the built-in studio and its silent engine.
///
/// # Errors
/// If the host cannot listen, the client cannot join, the name is not allowed, an option
/// makes no sense, or the directory of projects cannot be used. The error text is one line that a UI can show.
///
/// # Panics
/// If it is called outside a tokio runtime, unless `mode` is local.
pub async fn open(mode: Mode) -> Result<Arc<dyn Dispatcher>, OpenError> {
    match mode {
        Mode::Local { name, projects } => {
            let (model, engine) = initial_studio(projects)?;
            Ok(Arc::new(LocalDispatcher::open(&name, model, engine)?))
        }
        Mode::Host { name, address, session_name, projects, options } => {
            let listener = transport::listen(&address)
                .await
                .map_err(|source| OpenError::Listen { address, source })?;
            let (mut model, engine) = initial_studio(projects)?;
            if let Some(name) = session_name {
                Arc::make_mut(&mut model.session).name = name;
                model = model.regarded_as_saved();
            }
            Ok(Arc::new(HostDispatcher::open(&name, model, engine, listener, options)?))
        }
        Mode::Remote { address, options } => {
            Ok(Arc::new(RemoteDispatcher::connect(&address, options).await?))
        }
    }
}

/// The initial state of a session, and its engine.
fn initial_studio(directory: Option<PathBuf>) -> Result<(StudioState, Engine<Studio>), OpenError> {
    let mut model = StudioState::starter();
    let fail =
        |directory: &PathBuf, source| OpenError::Projects { directory: directory.clone(), source };
    if let Some(directory) = &directory {
        projects::list_in(&mut model, directory).map_err(|source| fail(directory, source))?;
    }
    let engine = WithProjects::open(SilentEngine::default(), directory.clone())
        .map_err(|source| fail(&directory.unwrap_or_default(), source))?;
    let mut engine = Some(engine);
    let make = move || engine.take().expect("made once");
    Ok((model, crate::authority::threaded(make)))
}
