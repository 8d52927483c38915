//! Chooses the dispatcher from the command line, once, at start-up.
//!
//! After this nothing in the UI knows whether it runs locally, hosts or has joined.

use std::{path::PathBuf, sync::Arc};

use imbolc_net::{
    Dispatcher, Mode,
    authority::{Engine, threaded},
    projects,
    studio::{Name, SilentEngine, Studio, StudioState},
};
#[cfg(feature = "net")]
use imbolc_net::{
    client::{ClientConfig, JoinOptions, RemoteDispatcher},
    installation::{Installation, PlaceFile},
    model::InstrumentId,
    protocol::Role,
};
use imbolc_supercollider::{
    engine::SuperColliderEngine,
    server::{ServerOptions, find_scsynth},
};

use crate::cli::{Arguments, EngineChoice};
#[cfg(feature = "net")]
use crate::{
    cli::JoinRole,
    entry_prompt::{EntryProof, JoinFailure},
    terminal,
};

/// How the program starts.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "one value, made once")]
pub enum Start {
    /// Show the studio.
    Play(Mode),
    /// Join the session at this address, and show it.
    #[cfg(feature = "net")]
    Join(String),
    /// Forget these hosts.
    #[cfg(feature = "net")]
    Forget(String),
    /// Host without a screen.
    #[cfg(feature = "net")]
    Serve(Mode),
    /// Render this project, without a screen.
    Render(PathBuf),
    /// Say what is installed for sound.
    Doctor,
    /// List the sessions on the LAN first.
    #[cfg(feature = "mdns")]
    Choose,
}

/// Chooses how to start.
///
/// # Errors
/// If options contradict each other, a name is invalid, or this build lacks a needed
/// feature. The message is one line.
pub fn from_arguments(arguments: &Arguments) -> Result<Start, String> {
    if !arguments.own.is_empty() && arguments.connect.is_none() && !arguments.discover {
        return Err("--own needs --connect or --discover".into());
    }
    check_interface(arguments)?;
    if arguments.engine == EngineChoice::Supercollider {
        find_scsynth(arguments.scsynth.as_deref()).map_err(|why| why.to_string())?;
    }
    if arguments.doctor {
        return Ok(Start::Doctor);
    }
    if let Some(project) = &arguments.render.render {
        return Ok(Start::Render(project.clone()));
    }
    if arguments.server {
        return host_mode(arguments);
    }
    if arguments.discover {
        return discover_mode();
    }
    if let Some(address) = &arguments.connect {
        return join_mode(address);
    }
    if let Some(host) = &arguments.forget_host {
        return forget_mode(host);
    }
    Ok(Start::Play(Mode::Local { name: arguments.name.clone() }))
}

/// Opens the dispatcher of `mode`.
///
/// # Errors
/// If it cannot be opened, the directory of projects cannot be used, or the name of the
/// session is not allowed. The message is one line.
pub async fn open(arguments: &Arguments, mode: Mode) -> Result<Arc<dyn Dispatcher>, String> {
    let directory = project_directory(arguments);
    let mut state = StudioState::starter();
    if let Some(name) = &arguments.session_name {
        let name = Name::new(name).map_err(|error| error.to_string())?;
        Arc::make_mut(&mut state.session).name = name;
        state = state.regarded_as_saved();
    }
    if let Some(directory) = &directory {
        projects::list_in(&mut state, directory).map_err(|error| error.to_string())?;
    }
    let directory = directory.as_deref();
    let engine = || engine(arguments).with_jobs(directory.map(projects::jobs));
    imbolc_net::open_with(mode, state, engine).await.map_err(|error| error.to_string())
}

/// What makes the sound, and keeps the time also without it.
fn engine(arguments: &Arguments) -> Engine<Studio> {
    match arguments.engine {
        EngineChoice::Silent => threaded(SilentEngine::default),
        EngineChoice::Auto | EngineChoice::Supercollider => {
            let options = server_options(arguments);
            threaded(move || SuperColliderEngine::new(options.clone()))
        }
    }
}

/// Where this machine has `scsynth`, and the samples of the sessions that it hosts.
pub(crate) fn server_options(arguments: &Arguments) -> ServerOptions {
    let samples = project_directory(arguments).map(|at| projects::samples_directory(&at));
    ServerOptions { scsynth: arguments.scsynth.clone(), samples }
}

/// Where the projects are.
pub(crate) fn project_directory(arguments: &Arguments) -> Option<PathBuf> {
    arguments.project_dir.clone().or_else(projects::default_directory)
}

#[cfg(feature = "net")]
fn host_mode(arguments: &Arguments) -> Result<Start, String> {
    use imbolc_net::{
        admission::AdmissionPolicy, server::HostOptions, sync::session::SessionConfig,
    };

    let mode = Mode::Host {
        name: arguments.name.clone(),
        address: arguments.bind.clone(),
        options: HostOptions {
            // Without a screen nobody plays at the host.
            session: SessionConfig { attended: arguments.tui, ..SessionConfig::default() },
            admission: match (arguments.open, arguments.tui) {
                (true, _) => AdmissionPolicy::Open,
                (false, true) => AdmissionPolicy::Ask,
                (false, false) => AdmissionPolicy::Code,
            },
            local_exemption: !arguments.no_local_exemption,
            installation: Some(installation(arguments)?),
            ..HostOptions::default()
        },
    };
    Ok(if arguments.tui { Start::Play(mode) } else { Start::Serve(mode) })
}

#[cfg(feature = "net")]
#[expect(clippy::unnecessary_wraps, reason = "without the network it is an error")]
fn join_mode(address: &str) -> Result<Start, String> {
    Ok(Start::Join(imbolc_net::transport::with_port(address)))
}

#[cfg(feature = "net")]
#[expect(clippy::unnecessary_wraps, reason = "without the network it is an error")]
fn forget_mode(host: &str) -> Result<Start, String> {
    Ok(Start::Forget(host.into()))
}

/// Where the key, the hosts that are known, and the places in sessions are kept.
#[cfg(feature = "net")]
fn state_directory(arguments: &Arguments) -> Result<PathBuf, String> {
    let directory = arguments.state_dir.clone().or_else(Installation::default_directory);
    directory.ok_or_else(|| "no home directory: set --state-dir".into())
}

/// The key of this installation, and whom it knows. It reads files, and is opened once:
/// what is amiss with them is said.
///
/// # Errors
/// If there is no directory for it. The message is one line.
#[cfg(feature = "net")]
pub fn installation(arguments: &Arguments) -> Result<Installation, String> {
    let installation = Installation::open(&state_directory(arguments)?);
    let installation = installation.map_err(|error| error.to_string())?;
    if let Some(notice) = installation.notice() {
        terminal::report(format_args!("{notice}"));
    }
    Ok(installation)
}

/// Joins the session at `address`.
///
/// # Errors
/// If the directory of the places cannot be used, or the session cannot be joined.
#[cfg(feature = "net")]
pub async fn join(
    arguments: &Arguments,
    installation: &Installation,
    address: &str,
    proof: EntryProof,
) -> Result<Arc<dyn Dispatcher>, JoinFailure> {
    let options = join_options(arguments, installation, address, proof)?;
    Ok(Arc::new(RemoteDispatcher::connect(address, options).await?))
}

/// What to ask a host for. `place` names the file of the place: the address, or the session.
#[cfg(feature = "net")]
fn join_options(
    arguments: &Arguments,
    installation: &Installation,
    place: &str,
    proof: EntryProof,
) -> Result<JoinOptions, String> {
    let directory = state_directory(arguments)?;
    let place = match PlaceFile::claim(&directory, place, &arguments.name) {
        Ok(place) => Some(place),
        // It was said already that nothing is kept there.
        Err(_) if installation.notice().is_some() => None,
        Err(error) => return Err(format!("cannot use {}: {error}", directory.display())),
    };
    Ok(JoinOptions {
        name: arguments.name.clone(),
        own: arguments.own.iter().copied().map(InstrumentId).collect(),
        privilege: arguments.privilege,
        role: match arguments.join_as {
            JoinRole::Viewer => Role::Viewer,
            JoinRole::Player => Role::Player,
        },
        place,
        installation: Some(installation.clone()),
        code: proof.code,
        ask: proof.ask,
        plain: arguments.plain,
        local_exemption: !arguments.no_local_exemption,
        config: match arguments.codec {
            Some(codec) => ClientConfig::default().speaking(codec),
            None => ClientConfig::default(),
        },
        ..JoinOptions::default()
    })
}

/// What names the place file of a session that was found on the LAN.
#[cfg(feature = "mdns")]
fn place_of(session: &imbolc_net::discovery::FoundSession) -> String {
    session.session_id.map_or_else(|| session.address().to_string(), |id| id.to_string())
}

/// Whether the user has been in a session, by its id or its address, as the place files tell.
#[cfg(feature = "mdns")]
pub(crate) fn visited_sessions(
    arguments: &Arguments,
) -> impl Fn(&imbolc_net::discovery::FoundSession) -> bool + Clone + Send + Sync + 'static {
    let directory = state_directory(arguments).ok();
    let name = arguments.name.clone();
    move |session| {
        let places = [place_of(session), session.address().to_string()];
        let been = |directory: &PathBuf, place| PlaceFile::was_claimed(directory, place, &name);
        directory.as_ref().is_some_and(|at| places.iter().any(|place| been(at, place)))
    }
}

/// Whether the host of a session is known by its key.
#[cfg(feature = "mdns")]
pub(crate) fn is_known(
    installation: &Installation,
    session: &imbolc_net::discovery::FoundSession,
) -> bool {
    installation.pinned_under(&session.labels()).is_some()
}

/// Joins a session that was found on the LAN, wherever it goes. Its place is kept by
/// its id, because its address may change.
#[cfg(feature = "mdns")]
pub(crate) async fn join_found(
    arguments: &Arguments,
    installation: &Installation,
    session: &imbolc_net::discovery::FoundSession,
    proof: EntryProof,
) -> Result<Arc<dyn Dispatcher>, JoinFailure> {
    use imbolc_net::{discovery::SessionConnector, installation::HostLabels};

    let address = session.address().to_string();
    let mut options = join_options(arguments, installation, &place_of(session), proof)?;
    let HostLabels { session: name, machine, .. } = session.labels();
    (options.session, options.machine) = (name, machine);
    let connector = SessionConnector::new(session, discovery_config(arguments));
    match RemoteDispatcher::join(connector, options).await {
        Ok(studio) => Ok(Arc::new(studio)),
        Err(reason) => Err(JoinFailure::at(&address, &reason)),
    }
}

#[cfg(not(feature = "net"))]
fn host_mode(_: &Arguments) -> Result<Start, String> {
    Err(missing_feature("net", "--server"))
}

#[cfg(not(feature = "net"))]
fn join_mode(address: &str) -> Result<Start, String> {
    Err(missing_feature("net", &format!("--connect {address}")))
}

#[cfg(not(feature = "net"))]
fn forget_mode(host: &str) -> Result<Start, String> {
    Err(missing_feature("net", &format!("--forget-host {host}")))
}

#[cfg(not(feature = "mdns"))]
fn discover_mode() -> Result<Start, String> {
    Err(missing_feature("mdns", "--discover"))
}

#[cfg(feature = "mdns")]
#[expect(clippy::unnecessary_wraps, reason = "fails without the feature")]
const fn discover_mode() -> Result<Start, String> {
    Ok(Start::Choose)
}

#[cfg(not(feature = "mdns"))]
fn check_interface(arguments: &Arguments) -> Result<(), String> {
    let named = arguments.interface.as_deref();
    named.map_or(Ok(()), |name| Err(missing_feature("mdns", &format!("--interface {name}"))))
}

/// Rejects unknown interfaces: a mistyped name would silently find nothing.
#[cfg(feature = "mdns")]
fn check_interface(arguments: &Arguments) -> Result<(), String> {
    use imbolc_net::discovery::Interfaces;

    let Interfaces::Named(names) = discovery_config(arguments).interfaces else { return Ok(()) };
    let known = imbolc_net::discovery::interfaces();
    // An empty list means that the operating system does not say.
    match names.iter().find(|name| !known.contains(*name)) {
        Some(name) if !known.is_empty() => {
            let known: Vec<_> = known.into_iter().collect();
            Err(format!("no network interface {name}; available: {}", known.join(", ")))
        }
        _ => Ok(()),
    }
}

/// On which interfaces to announce and browse.
#[cfg(feature = "mdns")]
pub(crate) fn discovery_config(arguments: &Arguments) -> imbolc_net::discovery::DiscoveryConfig {
    use imbolc_net::discovery::{DiscoveryConfig, Interfaces};

    let interfaces = match arguments.interface.as_deref() {
        None => Interfaces::All,
        Some("lo" | "loopback") => Interfaces::Loopback,
        Some(name) => Interfaces::Named(vec![name.into()]),
    };
    DiscoveryConfig { interfaces, ..DiscoveryConfig::default() }
}

/// How to build with a feature that this build lacks.
#[cfg_attr(feature = "mdns", expect(dead_code, reason = "unused if all features are enabled"))]
pub(crate) fn missing_feature(feature: &str, option: &str) -> String {
    let option = option.trim();
    let word = option.split(' ').next().unwrap_or_default();
    format!(
        "{word} needs the feature {feature}: cargo run -p imbolc-ui --features {feature} -- {option}"
    )
}
