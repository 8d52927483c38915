//! The switch at start-up: which dispatcher runs is decided here, once.

use std::sync::Arc;

use tokio::net::TcpListener;

use crate::{
    client::{JoinOptions, RemoteDispatcher},
    dispatcher::{Dispatcher, HostDispatcher, HostOptions, LocalDispatcher},
    engine::SilentEngine,
    error::OpenError,
    studio::StudioState,
};

/// How one wants to play.
#[derive(Debug)]
pub enum Mode {
    /// Alone.
    Local {
        /// What one is called.
        name: String,
    },
    /// With others, here.
    Host {
        /// What one is called.
        name: String,
        /// Where to listen, as `address:port`; port 0 is any that is free.
        address: String,
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
/// If the host cannot listen, or the client cannot join. The message is one
/// line, fit to be shown.
///
/// # Panics
/// If it is not called within a tokio runtime, unless `mode` is local.
pub async fn open(mode: Mode) -> Result<Arc<dyn Dispatcher>, OpenError> {
    match mode {
        Mode::Local { name } => {
            let local =
                LocalDispatcher::open(&name, StudioState::starter(), SilentEngine::default())?;
            Ok(Arc::new(local))
        }
        Mode::Host { name, address, options } => {
            let listener = TcpListener::bind(&address)
                .await
                .map_err(|source| OpenError::Listen { address, source })?;
            let (model, engine) = (StudioState::starter(), SilentEngine::default());
            Ok(Arc::new(HostDispatcher::open(&name, model, engine, listener, options)?))
        }
        Mode::Remote { address, options } => {
            Ok(Arc::new(RemoteDispatcher::connect(&address, options).await?))
        }
    }
}
