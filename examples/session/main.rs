//! A session on the command line: local, as host, or as client.
//!
//! The same commands work in all three modes, because they only use a
//! `Dispatcher`; [`Command::mode`] is the one place that distinguishes the
//! modes.
//!
//! ```sh
//! cargo run --example session -- host --name mia
//! cargo run --example session -- join localhost --name ana --own 1,2
//! printf 'own 1\nfilter 1 800\n' | cargo run --example session -- join localhost
//! ```

mod commands;
mod ending;
mod entry_prompt;
mod host_words;
mod joining;
mod log_filter;
mod news;
mod question;
mod show;
mod words;

use std::{
    collections::BTreeSet,
    io::{self, BufRead, IsTerminal},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::{Args, Parser, Subcommand};
use imbolc_net::{
    Dispatcher, Mode,
    admission::AdmissionPolicy,
    authority::threaded,
    dispatcher::{CloseReason, OpenError, Status},
    installation::Installation,
    model::InstrumentId,
    projects,
    server::HostOptions,
    studio::{ProjectNotice, SilentEngine, StudioState},
    transport::{interface_hint, seen_from_elsewhere},
    util::log_lines::LogLines,
};
use tokio::sync::{Notify, mpsc};

use commands::Then;
use ending::Ending;
use joining::Joining;
use news::{MAX_EVENTS, News, complain, happens, say, short};

#[derive(Parser)]
#[command(
    about = "Play in a session: on your own, as its host, or as a client of a host",
    after_help = "\
Examples:
  session host                            others can join, on port 9999
  session host --project-dir ~/songs      projects are saved there
  session join 192.168.1.20 --own 1,2     play instruments 1 and 2 there
  session join stage:7000 --privilege     control the transport there
  printf 'own 1\\nfilter 1 800\\n' | session join localhost

Commands are read from standard input; `help` lists them. At the end of a script
a client leaves, and the exit code says whether every line succeeded; a host keeps
the session open until Ctrl-C or `quit`. RUST_LOG=debug logs the network layer."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Play on your own
    Local {
        #[command(flatten)]
        identity: Identity,
        #[command(flatten)]
        storage: Storage,
    },
    /// Open a session that others can join
    Host {
        /// Where to listen; [::] means all interfaces, and port 0 any free port
        #[arg(default_value = "[::]:9999")]
        address: String,
        #[command(flatten)]
        access: Access,
        #[command(flatten)]
        identity: Identity,
        #[command(flatten)]
        storage: Storage,
    },
    /// Join the session of a host
    Join(Joining),
    /// Forget the hosts with this address, machine, session or key
    ForgetHost {
        /// The address, machine, session or key
        host: String,
        #[command(flatten)]
        files: InstallationFiles,
    },
}

/// Whom a host admits.
#[derive(Args)]
struct Access {
    /// Admit everybody who joins, without a code
    #[arg(long)]
    open: bool,
    /// Treat programs on this machine as any other: a forwarded port looks local
    #[arg(long)]
    no_local_exemption: bool,
    #[command(flatten)]
    files: InstallationFiles,
}

#[derive(Args)]
struct InstallationFiles {
    /// Where to keep your key, the hosts that you know, and your places after a crash
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

#[derive(Args)]
struct Identity {
    /// Your name in the session
    #[arg(long, env = "USER", default_value = "player", hide_env = true)]
    name: String,
}

#[derive(Args)]
struct Storage {
    /// Where projects are saved, instead of in your data directory
    #[arg(long, value_name = "DIR")]
    project_dir: Option<PathBuf>,
}

/// What to request from the host when joining.
#[derive(Default)]
struct JoinRequests {
    own: Vec<InstrumentId>,
    privilege: bool,
    /// Whether an earlier run has left a place to come back to.
    has_place: bool,
}

// One worker thread: a second one would be woken for work that the first is about
// to do.
#[tokio::main(worker_threads = 1)]
async fn main() -> ExitCode {
    let command = Arguments::parse().command;
    let log = match log_filter::log_filter("error") {
        Ok(log) => log,
        Err(error) => {
            ending::report(format_args!("{error}"));
            return ExitCode::FAILURE;
        }
    };
    tracing_subscriber::fmt()
        .with_env_filter(log)
        .with_writer(|| LogLines(io::stderr()))
        .log_internal_errors(false)
        .init();
    let ending = match Ending::watch() {
        Ok(ending) => ending,
        Err(error) => {
            ending::report(format_args!("{error}"));
            return ExitCode::FAILURE;
        }
    };
    match run(command, &ending).await {
        Ok(code) => code,
        Err(error) => {
            ending::report(format_args!("{error}"));
            ExitCode::FAILURE
        }
    }
}

/// Why the program ends.
#[derive(PartialEq)]
enum End {
    /// The user quits, or a script is over.
    Quit,
    /// Without having been asked: by a signal, or at the end of the input of a terminal.
    Told,
    /// The terminal was closed.
    HungUp,
}

async fn run(command: Command, ending: &Ending) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let directory = command.project_directory();
    if let Command::ForgetHost { host, files } = &command {
        return forget_host(host, files).map(|()| ExitCode::SUCCESS);
    }
    let keeps_running = matches!(command, Command::Host { .. });
    let (studio, requests) = tokio::select! {
        opened = command.open(directory.as_deref()) => opened?,
        _ = termination_signal() => return Err("interrupted".into()),
    };
    ending.attend(&studio);
    let mut news = News::new(Arc::clone(&studio));
    let resumed = requests.has_place && !news.place_is_lost();
    greet(&*studio, resumed);
    if resumed {
        request_missing(&*studio, &requests);
    }

    let at_terminal = io::stdin().is_terminal();
    let (end, code) = run_lines(&studio, &mut news, at_terminal, keeps_running).await;
    ending.begin();
    if let Some(reason @ CloseReason::ConnectionLost(_)) = news.ended {
        return Err(format!("session ended: {reason}").into());
    }
    // The host keeps the place of a client whose terminal was closed: no `Goodbye`.
    if end == End::HungUp && directory.is_none() {
        return Ok(ExitCode::FAILURE);
    }
    let saved = close(&*studio, directory.filter(|_| end != End::Quit)).await?;
    Ok(match saved {
        false => ending::NOT_SAVED.into(),
        true if end == End::HungUp => ExitCode::FAILURE,
        // At a prompt the user has seen which lines failed.
        true if at_terminal => ExitCode::SUCCESS,
        true => code,
    })
}

/// Runs the lines of standard input and prints news until the program is to end, or the
/// session is over. A host `keeps_running` when its script is over. Returns why it ends, and
/// whether every line succeeded.
async fn run_lines(
    studio: &Arc<dyn Dispatcher>,
    news: &mut News,
    at_terminal: bool,
    keeps_running: bool,
) -> (End, ExitCode) {
    let mut terminated = std::pin::pin!(termination_signal());
    let (mut lines, hung_up) = stdin_lines();
    let mut code = ExitCode::SUCCESS;
    let mut reading = true;
    // The line that waits for a confirmation.
    let mut asked = None;
    let mut end = End::Quit;
    let mut in_a_row = 0;
    while news.ended.is_none() {
        let gone = async {
            tokio::select! {
                leaves = &mut terminated => if leaves { End::Told } else { End::HungUp },
                () = hung_up.notified() => End::HungUp,
            }
        };
        let line = tokio::select! {
            biased;
            why = gone => {
                end = why;
                break;
            }
            () = news.next(), if in_a_row < MAX_EVENTS => {
                in_a_row += 1;
                if !reading {
                    leave_seat(&**studio);
                }
                continue;
            }
            line = lines.recv(), if reading => line,
            () = std::future::ready(()), if in_a_row == MAX_EVENTS => {
                in_a_row = 0;
                continue;
            }
        };
        in_a_row = 0;
        let Some(line) = line else {
            if keeps_running && !at_terminal {
                reading = false;
                leave_seat(&**studio);
                continue;
            }
            end = if at_terminal { End::Told } else { End::Quit };
            break;
        };
        let loss = question::loss(&line, &**studio);
        if let Some(why) = loss.filter(|_| at_terminal && asked.as_ref() != Some(&line)) {
            complain(format_args!("{why}: enter the same again to go on"));
            asked = Some(line);
            continue;
        }
        asked = None;
        let outcome = tokio::select! {
            outcome = commands::run_line(&line, studio, news) => outcome,
            leaves = &mut terminated => {
                end = if leaves { End::Told } else { End::HungUp };
                break;
            }
            () = hung_up.notified() => {
                end = End::HungUp;
                break;
            }
        };
        news.catch_up();
        match outcome {
            Ok(Then::Continue) => {}
            Ok(Then::Failed) => code = ExitCode::FAILURE,
            Ok(Then::Quit) => break,
            Err(error) => {
                complain(error);
                code = ExitCode::FAILURE;
            }
        }
    }
    (end, code)
}

/// Closes the session and meanwhile keeps unsaved work in a directory, if one is given.
/// Returns whether everything was saved and sent.
async fn close(
    studio: &dyn Dispatcher,
    unsaved: Option<PathBuf>,
) -> Result<bool, Box<dyn std::error::Error>> {
    let kept = unsaved.map(|directory| {
        let state = studio.state();
        tokio::task::spawn_blocking(move || projects::keep_unsaved(&directory, &state.model))
    });
    let mut saved = true;
    if let Err(lost) = studio.close().await {
        ending::report(format_args!("{lost}"));
        saved = false;
    }
    if let Some(kept) = kept {
        match kept.await? {
            Ok(None) => {}
            Ok(Some(name)) => {
                ending::report(format_args!(
                    "unsaved work is kept: `recover {name}` brings it back"
                ));
            }
            Err(why) => {
                ending::report(format_args!("unsaved work is lost: {why}"));
                saved = false;
            }
        }
    }
    Ok(saved)
}

/// Opens the session of `mode`, with the projects in `directory`.
async fn open(mode: Mode, directory: Option<&Path>) -> Result<Arc<dyn Dispatcher>, OpenError> {
    let mut state = StudioState::starter();
    if let Some(directory) = directory {
        projects::list_in(&mut state, directory)?;
    }
    let engine = || threaded(SilentEngine::default).with_jobs(directory.map(projects::jobs));
    imbolc_net::open_with(mode, state, engine).await
}

impl Command {
    /// Where the projects of the session are; `None` if it is another program's.
    fn project_directory(&self) -> Option<PathBuf> {
        match self {
            Self::Local { storage, .. } | Self::Host { storage, .. } => {
                storage.project_dir.clone().or_else(projects::default_directory)
            }
            Self::Join(_) | Self::ForgetHost { .. } => None,
        }
    }

    /// The dispatcher of the command, and what was asked of its host.
    async fn open(
        self,
        directory: Option<&Path>,
    ) -> Result<(Arc<dyn Dispatcher>, JoinRequests), Box<dyn std::error::Error>> {
        let mode = match self {
            Self::Local { identity, .. } => Mode::Local { name: identity.name },
            Self::Host { address, access, identity, .. } => {
                Mode::Host { name: identity.name, address, options: access.host_options()? }
            }
            Self::Join(joining) => {
                let (studio, requests) = joining.join().await?;
                return Ok((Arc::new(studio), requests));
            }
            Self::ForgetHost { .. } => return Err("this opens no session".into()),
        };
        Ok((open(mode, directory).await?, JoinRequests::default()))
    }
}

impl Access {
    fn host_options(&self) -> Result<HostOptions, String> {
        Ok(HostOptions {
            admission: match (self.open, io::stdin().is_terminal()) {
                (true, _) => AdmissionPolicy::Open,
                (false, true) => AdmissionPolicy::Ask,
                // There is no person to answer.
                (false, false) => AdmissionPolicy::Code,
            },
            local_exemption: !self.no_local_exemption,
            installation: Some(self.files.installation()?),
            ..HostOptions::default()
        })
    }
}

impl InstallationFiles {
    fn directory(&self) -> Result<PathBuf, String> {
        let directory = self.state_dir.clone().or_else(Installation::default_directory);
        directory.ok_or_else(|| "no home directory: set a directory with --state-dir".into())
    }

    /// What is amiss with the files is said once.
    fn installation(&self) -> Result<Installation, String> {
        let installation =
            Installation::open(&self.directory()?).map_err(|error| error.to_string())?;
        if let Some(notice) = installation.notice() {
            complain(notice);
        }
        Ok(installation)
    }
}

/// Forgets hosts, and says how many.
fn forget_host(host: &str, files: &InstallationFiles) -> Result<(), Box<dyn std::error::Error>> {
    match files.installation()?.forget_host(host)? {
        0 => Err(format!("no host is known as {host}").into()),
        count => {
            let hosts = if count == 1 { "1 host is" } else { &*format!("{count} hosts are") };
            say(format_args!("{hosts} forgotten"));
            Ok(())
        }
    }
}

/// Prints the mode, your name and your instruments.
fn greet(studio: &dyn Dispatcher, resumed: bool) {
    let identity = studio.identity();
    let state = studio.state();
    let owned: Vec<_> =
        identity.instruments.iter().map(|&id| words::label(&state.model, id)).collect();
    let with =
        if owned.is_empty() { String::new() } else { format!(", with {}", owned.join(", ")) };
    // Leave out the round trip, which is not measured yet.
    let status = match studio.status() {
        Status::Connected { .. } => "connected".into(),
        status => status.to_string(),
    };
    let welcome = if resumed { "welcome back: " } else { "" };
    let session = short(identity.session);
    happens(format_args!("{welcome}{status} as {}{with} (session {session})", identity.name));
    if let Status::Hosting { address: Some(address) } = studio.status() {
        for there in seen_from_elsewhere(address) {
            let hint = interface_hint(there).map_or_else(String::new, |hint| format!(", {hint}"));
            happens(format_args!("others join with: session join {there}{hint}"));
        }
    }
    if let Some(admission) = studio.admission() {
        happens(host_words::code_line(&admission));
    }
    if let ProjectNotice::Kept(name) = &state.model.projects.notice {
        happens(words::left_behind(name));
    }
}

/// Nobody is there any more to use what the host holds, or is given back by a guest that
/// leaves. It fails only when the session is over.
fn leave_seat(studio: &dyn Dispatcher) {
    let _ = studio.release_ownership(&studio.identity().instruments);
    let _ = studio.release_privilege();
}

/// After a resumption, requests what the resumed session does not own. A `Hello` that
/// joins has requested it already, and events report refusals.
fn request_missing(studio: &dyn Dispatcher, requests: &JoinRequests) {
    let owned: BTreeSet<_> = studio.identity().instruments.into_iter().collect();
    let missing: Vec<_> = requests.own.iter().copied().filter(|id| !owned.contains(id)).collect();
    let state = studio.state();
    let lacks_privilege =
        requests.privilege && !state.roster.is_privileged(studio.identity().client_id);
    // Fails only when offline, which an event reports.
    if !missing.is_empty() {
        let _ = studio.request_ownership(&missing);
    }
    if lacks_privilege {
        let _ = studio.request_privilege();
    }
}

/// Reads standard input on its own thread, which does not keep the process alive. Also
/// tells when the terminal was closed.
fn stdin_lines() -> (mpsc::Receiver<String>, Arc<Notify>) {
    let (sender, receiver) = mpsc::channel(64);
    let hung_up = Arc::new(Notify::new());
    let tell = Arc::clone(&hung_up);
    std::thread::spawn(move || {
        let at_terminal = io::stdin().is_terminal();
        for line in io::stdin().lock().split(b'\n').map_while(Result::ok) {
            // What is no text, such as a paste in another encoding, is an unknown command.
            let line = String::from_utf8_lossy(&line).into_owned();
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
        if at_terminal && !io::stdin().is_terminal() {
            tell.notify_one();
        }
    });
    (receiver, hung_up)
}

/// Resolves when the operating system asks the program to end: to `true` if it should
/// leave the session, to `false` if the terminal was closed.
async fn termination_signal() -> bool {
    let interrupt = async {
        // If no handler can be installed, the default one ends the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let of = [SignalKind::terminate(), SignalKind::hangup()].map(signal);
        let [Ok(mut terminate), Ok(mut hang_up)] = of else {
            interrupt.await;
            return true;
        };
        tokio::select! {
            () = interrupt => true,
            _ = terminate.recv() => true,
            _ = hang_up.recv() => false,
        }
    }
    #[cfg(not(unix))]
    {
        interrupt.await;
        true
    }
}
