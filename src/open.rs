//! The choice at start-up: [`open`] creates the dispatcher of a [`Mode`].
//!
//! It is the only place that knows all implementations; nothing else may choose.

use std::sync::Arc;

use crate::{
    authority::{Engine, LocalDispatcher, threaded},
    client::{JoinOptions, RemoteDispatcher},
    dispatcher::{Dispatcher, OpenError},
    model::Model,
    server::{HostDispatcher, HostOptions},
    studio::{SilentEngine, StudioState},
    sync::session::checked_name,
    transport,
};

/// How to take part in a session.
#[derive(Debug)]
pub enum Mode {
    /// In a local session, without a network.
    Local {
        /// Your name.
        name: String,
    },
    /// As the host of a session that others join.
    Host {
        /// Your name.
        name: String,
        /// The address to listen at, in the form `address:port`. Port 0 selects a free
        /// port; `[::]` means all addresses of this machine, IPv4 included.
        address: String,
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

/// Opens the dispatcher of `mode` for a studio, with the starter session, the silent engine,
/// and no projects. For anything else there is [`open_with`].
///
/// # Errors
/// As [`open_with`].
///
/// # Panics
/// As [`open_with`].
pub async fn open(mode: Mode) -> Result<Arc<dyn Dispatcher>, OpenError> {
    open_with(mode, StudioState::starter(), || threaded(SilentEngine::default)).await
}

/// Opens the dispatcher of `mode` for any model. A session of your own begins with
/// `initial_state` and the engine of `make_engine`; if you join one, neither is used.
///
/// `make_engine` is called when name and options are checked and the host is bound to its
/// address, so it may take what only one program can have, such as a sound card.
///
/// ```
/// use imbolc_net::{
///     Mode,
///     authority::threaded,
///     open_with, projects,
///     studio::{SilentEngine, StudioState},
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = std::env::temp_dir().join(format!("imbolc-open-{}", std::process::id()));
/// # let mode = Mode::Local { name: "Ana".into() };
/// // A studio with projects in a directory.
/// let mut state = StudioState::starter();
/// projects::list_in(&mut state, &directory)?;
/// let engine = || threaded(SilentEngine::default).with_jobs(projects::jobs(&directory));
/// let studio = open_with(mode, state, engine).await?;
/// # studio.close().await?;
/// # std::fs::remove_dir_all(&directory)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If the host cannot listen, the client cannot join, the name is not allowed, or an option
/// makes no sense. The error text is one line that a UI can show.
///
/// # Panics
/// If it is called outside a tokio runtime, unless `mode` is local.
pub async fn open_with<M: Model>(
    mode: Mode,
    initial_state: M::State,
    make_engine: impl FnOnce() -> Engine<M>,
) -> Result<Arc<dyn Dispatcher<M>>, OpenError> {
    Ok(match mode {
        Mode::Local { name } => {
            checked_name(&name).map_err(OpenError::Name)?;
            Arc::new(LocalDispatcher::open(&name, initial_state, make_engine())?)
        }
        Mode::Host { name, address, options } => {
            checked_name(&name).map_err(OpenError::Name)?;
            options.session.check()?;
            options.server.check()?;
            let listener = transport::listen(&address)
                .await
                .map_err(|source| OpenError::Listen { address, source })?;
            let engine = make_engine();
            Arc::new(HostDispatcher::open(&name, initial_state, engine, listener, options)?)
        }
        Mode::Remote { address, options } => {
            Arc::new(RemoteDispatcher::connect(&address, options).await?)
        }
    })
}
