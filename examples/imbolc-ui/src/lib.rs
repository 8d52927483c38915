//! A music studio in the terminal, on top of an `imbolc-net` dispatcher.
//!
//! ```text
//!  keys ─▶ App ─▶ pane.handle_key() ─▶ Intent ─▶ Dispatcher
//!           │                                       │
//!           └── pane.draw() ◀──── one snapshot ─────┘
//! ```
//!
//! [`mode`] chooses the dispatcher once; nothing else knows which one it is. A pane
//! gets a [`View`](view::View) of one snapshot and returns an
//! [`Intent`](intent::Intent), so every pane is tested without a session.

#![forbid(unsafe_code)]
#![warn(clippy::pedantic)]

#[cfg(feature = "mdns")]
pub mod announce;
pub mod app;
pub mod cli;
pub mod describe;
pub mod ending;
#[cfg(feature = "net")]
#[path = "../../session/entry_prompt.rs"]
pub mod entry_prompt;
pub mod event_loop;
pub mod frame;
#[cfg(feature = "net")]
pub mod headless;
#[path = "../../session/host_words.rs"]
#[cfg_attr(not(feature = "net"), expect(dead_code, reason = "the console uses all of it"))]
mod host_words;
pub mod intent;
pub mod job;
pub mod keystroke;
#[cfg(feature = "mdns")]
pub mod lobby;
#[path = "../../session/log_filter.rs"]
mod log_filter;
pub mod messages;
pub mod mode;
pub mod palette;
pub mod pane;
pub mod parameters;
pub mod samples;
pub mod sound;
pub mod terminal;
pub mod theme;
pub mod view;

use std::{
    fs::File,
    ops::ControlFlow,
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use clap::Parser as _;
use imbolc_net::{
    Dispatcher, Mode,
    dispatcher::{Events, Status},
    projects,
    util::log_lines::LogLines,
};
use imbolc_supercollider::doctor::{self, Finding};

use crate::{
    cli::Arguments,
    ending::Ending,
    event_loop::{Exit, Input},
    mode::Start,
};
use tokio::sync::mpsc::Receiver;

/// The exit status if the command line cannot be understood.
const USAGE: u8 = 2;

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // The help, or the version.
        Err(asked) if !asked.use_stderr() => asked.exit(),
        Err(wrong) => {
            terminal::report(format_args!("{}", cli::one_line(&wrong)));
            return ExitCode::from(USAGE);
        }
    };
    match start(&arguments) {
        Ok(code) => code,
        Err(why) => {
            terminal::report(format_args!("{why}"));
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &Arguments) -> Result<ExitCode, String> {
    init_log(arguments)?;
    let ending = Ending::watch()?;
    // One worker thread: a second one would be woken only to compete for the same work.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let done = runtime.block_on(launch(arguments, &ending));
    // Do not wait for the thread that is blocked reading the terminal.
    runtime.shutdown_background();
    done
}

/// Sends the log to a file: on the screen it would destroy the frame.
fn init_log(arguments: &Arguments) -> Result<(), String> {
    let Some(path) = &arguments.log else { return Ok(()) };
    let file = File::options().create(true).append(true).open(path);
    let file = file.map_err(|error| format!("cannot write to {}: {error}", path.display()))?;
    let filter = log_filter::log_filter("info")?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(Mutex::new(LogLines(file)))
        .log_internal_errors(false)
        .init();
    Ok(())
}

async fn launch(arguments: &Arguments, ending: &Ending) -> Result<ExitCode, String> {
    let mode = mode::from_arguments(arguments)?;
    match mode {
        #[cfg(feature = "net")]
        Start::Serve(mode) => host_headless(arguments, open(arguments, mode).await?, ending).await,
        Start::Render(project) => render(arguments, project).await,
        Start::Doctor => examine(arguments).await,
        #[cfg(feature = "net")]
        Start::Forget(host) => forget_host(arguments, &host),
        #[cfg(feature = "net")]
        Start::Join(address) => {
            terminal::probe()?;
            terminal::say(format_args!("connecting to {address}…"));
            let installation = mode::installation(arguments)?;
            let join = async |proof| mode::join(arguments, &installation, &address, proof).await;
            let studio = tokio::select! {
                joined = entry_prompt::join_asking(arguments.code.clone(), join) => joined?,
                _ = event_loop::shutdown_signal() => return Err("interrupted".into()),
            };
            let events = studio.events();
            let mut screen = terminal::take()?;
            show(arguments, (studio, events), &mut screen, event_loop::inputs(), ending).await
        }
        Start::Play(mode) => {
            terminal::probe()?;
            let studio = open(arguments, mode).await?;
            // At once: the earliest events say how this client joined and why nothing sounds.
            let events = studio.events();
            let mut screen = terminal::take()?;
            show(arguments, (studio, events), &mut screen, event_loop::inputs(), ending).await
        }
        #[cfg(feature = "mdns")]
        Start::Choose => browse_and_join(arguments, ending).await,
    }
}

/// Forgets the hosts with this address, machine, session or key.
#[cfg(feature = "net")]
fn forget_host(arguments: &Arguments, host: &str) -> Result<ExitCode, String> {
    match mode::installation(arguments)?.forget_host(host) {
        Ok(0) => Err(format!("no host is known as {host}")),
        Ok(count) => {
            let hosts = if count == 1 { "1 host is" } else { &*format!("{count} hosts are") };
            terminal::say(format_args!("{hosts} forgotten"));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => Err(format!("not forgotten: {error}")),
    }
}

/// Renders a project without a screen; a signal cancels it.
async fn render(arguments: &Arguments, project: PathBuf) -> Result<ExitCode, String> {
    let cancelled = Arc::new(AtomicBool::new(false));
    let (seen, arguments) = (Arc::clone(&cancelled), arguments.clone());
    let mut rendering = tokio::task::spawn_blocking(move || {
        let goes_on = || {
            if seen.load(Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let Arguments { render, scsynth, .. } = &arguments;
        sound::render_project(render, &project, scsynth.as_deref(), &goes_on)
    });
    let rendered = tokio::select! {
        rendered = &mut rendering => rendered,
        _ = event_loop::shutdown_signal() => {
            cancelled.store(true, Relaxed);
            rendering.await
        }
    };
    let rendered = rendered.map_err(|panicked| panicked.to_string())??;
    terminal::say(format_args!("{rendered}"));
    Ok(ExitCode::SUCCESS)
}

/// Says what there is to make sound with; a signal interrupts it.
async fn examine(arguments: &Arguments) -> Result<ExitCode, String> {
    let options = mode::server_options(arguments);
    let examined = tokio::select! {
        examined = tokio::task::spawn_blocking(move || doctor::examine(&options, true)) => examined,
        _ = event_loop::shutdown_signal() => return Err("interrupted".into()),
    };
    let findings = examined.map_err(|panicked| panicked.to_string())?;
    for Finding { what, state, good } in &findings {
        terminal::say(format_args!("{} {what}: {state}", if *good { "✓" } else { "✗" }));
    }
    let sounds = findings.iter().all(|finding| finding.good);
    Ok(if sounds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Opens a dispatcher; a signal interrupts it.
async fn open(arguments: &Arguments, mode: Mode) -> Result<Arc<dyn Dispatcher>, String> {
    tokio::select! {
        opened = mode::open(arguments, mode) => opened,
        _ = event_loop::shutdown_signal() => Err("interrupted".into()),
    }
}

/// Shows the studio until it ends, then restores the terminal.
async fn show(
    arguments: &Arguments,
    (studio, events): (Arc<dyn Dispatcher>, Events),
    screen: &mut terminal::Screen,
    inputs: Receiver<Input>,
    ending: &Ending,
) -> Result<ExitCode, String> {
    ending.attend(&studio);
    let presence = LanPresence::begin(arguments, &studio);
    let sound = mode::server_options(arguments);
    let end =
        event_loop::run(&studio, sound, events, screen, inputs, terminal::report_all_keys).await;
    ending.begin();
    terminal::restore();
    presence.end().await;
    match end {
        Exit::Quit => Ok(close(&studio).await),
        Exit::Signal => Ok(close_keeping(arguments, &studio).await),
        Exit::SessionOver(why) => {
            close(&studio).await;
            Err(why)
        }
        // A client has not left: its place in the session is kept.
        Exit::TerminalGone if is_client(&*studio) => Err(TERMINAL_GONE.into()),
        Exit::TerminalGone => match close_keeping(arguments, &studio).await {
            ExitCode::SUCCESS => Err(TERMINAL_GONE.into()),
            not_saved => Ok(not_saved),
        },
    }
}

const TERMINAL_GONE: &str = "the terminal is gone";

/// Whether the session is another program's.
fn is_client(studio: &dyn Dispatcher) -> bool {
    matches!(studio.status(), Status::Connected { .. } | Status::Reconnecting { .. })
}

/// Leaves the session, and says what could not be saved.
async fn close(studio: &Arc<dyn Dispatcher>) -> ExitCode {
    match studio.close().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(lost) => {
            terminal::report(format_args!("{lost}"));
            ending::NOT_SAVED.into()
        }
    }
}

/// Leaves the session without having asked the user: unsaved work is kept.
async fn close_keeping(arguments: &Arguments, studio: &Arc<dyn Dispatcher>) -> ExitCode {
    let directory = mode::project_directory(arguments).filter(|_| !is_client(&**studio));
    let Some(directory) = directory else { return close(studio).await };
    let state = studio.state();
    let keep = move || projects::keep_unsaved(&directory, &state.model);
    let (kept, code) = tokio::join!(tokio::task::spawn_blocking(keep), close(studio));
    match kept {
        Ok(Ok(None)) => code,
        Ok(Ok(Some(name))) => {
            terminal::report(format_args!(
                "unsaved work is kept: “:recover {name}” brings it back"
            ));
            code
        }
        Ok(Err(why)) => {
            terminal::report(format_args!("unsaved work is lost: {why}"));
            ending::NOT_SAVED.into()
        }
        Err(panicked) => {
            terminal::report(format_args!("unsaved work is lost: {panicked}"));
            ending::NOT_SAVED.into()
        }
    }
}

/// Lists the sessions on the LAN and joins the chosen one.
#[cfg(feature = "mdns")]
async fn browse_and_join(arguments: &Arguments, ending: &Ending) -> Result<ExitCode, String> {
    use entry_prompt::EntryProof;
    use imbolc_net::discovery::{DiscoveryEvent, FoundSession};

    terminal::probe()?;
    let config = mode::discovery_config(arguments);
    let mut client = imbolc_net::discovery::DiscoveryClient::browse(&config)
        .map_err(|error| error.to_string())?;
    let installation = mode::installation(arguments)?;
    let mut screen = terminal::take()?;
    let mut inputs = event_loop::inputs();
    // The code that was given is shown once: it is of one host.
    let given = std::cell::RefCell::new(arguments.code.clone());
    let join = async |session, proof: EntryProof| {
        let given = given.take().filter(|_| proof.ask.is_none());
        let proof = EntryProof { code: proof.code.or(given), ..proof };
        mode::join_found(arguments, &installation, &session, proof).await
    };
    let is_known = |session: &FoundSession| mode::is_known(&installation, session);
    let has_visited = mode::visited_sessions(arguments);
    client.know(has_visited.clone());
    let next = async || {
        let event = client.next().await?;
        let visited = match &event {
            DiscoveryEvent::Found(session) | DiscoveryEvent::Changed(session) => {
                has_visited(session)
            }
            _ => false,
        };
        Some((event, visited))
    };
    let answers = |session: FoundSession| async move { session.answers().await };
    let chosen = lobby::choose(next, is_known, answers, join, &mut screen, &mut inputs).await;
    drop(client);
    match chosen {
        Ok(Some(studio)) => {
            let events = studio.events();
            show(arguments, (studio, events), &mut screen, inputs, ending).await
        }
        quit => {
            ending.begin();
            terminal::restore();
            quit.map(|_| ExitCode::SUCCESS)
        }
    }
}

/// Hosts without a screen.
#[cfg(feature = "net")]
async fn host_headless(
    arguments: &Arguments,
    studio: Arc<dyn Dispatcher>,
    ending: &Ending,
) -> Result<ExitCode, String> {
    let events = studio.events();
    ending.attend(&studio);
    let presence = LanPresence::begin(arguments, &studio);
    let served = headless::run(&studio, events, presence.is_announced()).await;
    ending.begin();
    presence.end().await;
    let code = close_keeping(arguments, &studio).await;
    served.map(|()| code)
}

/// The announcement on the LAN, if this build supports it.
struct LanPresence {
    #[cfg(feature = "mdns")]
    announcement: Option<announce::Announcement>,
}

#[cfg(feature = "mdns")]
impl LanPresence {
    fn begin(arguments: &Arguments, studio: &Arc<dyn Dispatcher>) -> Self {
        let begun = announce::Announcement::begin(studio, &mode::discovery_config(arguments));
        let announcement = begun.unwrap_or_else(|error| {
            tracing::warn!(%error, "the session is not announced");
            None
        });
        Self { announcement }
    }

    const fn is_announced(&self) -> bool {
        self.announcement.is_some()
    }

    async fn end(self) {
        if let Some(announcement) = self.announcement {
            announcement.end().await;
        }
    }
}

#[cfg(not(feature = "mdns"))]
#[expect(clippy::unused_self, reason = "used with the feature")]
impl LanPresence {
    const fn begin(_: &Arguments, _: &Arc<dyn Dispatcher>) -> Self {
        Self {}
    }

    #[cfg(feature = "net")]
    const fn is_announced(&self) -> bool {
        false
    }

    fn end(self) -> std::future::Ready<()> {
        std::future::ready(())
    }
}
