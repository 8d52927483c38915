//! A session by hand: alone, as the host, or with a host somewhere else.
//!
//! The same commands work in all three, for they only ever see a `Dispatcher`;
//! [`Command::mode`] is the one place that knows which one it is.
//!
//! ```sh
//! cargo run --example session -- host --name mia
//! cargo run --example session -- join localhost --name ana --own 1,2
//! printf 'own 1\nfilter 1 800\n' | cargo run --example session -- join localhost
//! ```

mod commands;
mod news;
mod show;
mod words;

use std::{
    collections::BTreeSet,
    io::{self, BufRead, IsTerminal},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use clap::{Args, Parser, Subcommand};
use imbolc_net::{
    Dispatcher, Mode,
    client::{ClientConfig, JoinOptions, SavedToken, TokenFile},
    dispatcher::{CloseReason, Status},
    model::InstrumentId,
    protocol::framing::Codec,
    server::HostOptions,
    transport::{seen_from_elsewhere, with_port},
};
use tokio::sync::mpsc;
use tracing_subscriber::EnvFilter;

use commands::Then;
use news::{News, complain, happens, short};

#[derive(Parser)]
#[command(
    about = "Play in a session: alone, as its host, or with a host somewhere else",
    after_help = "\
Examples:
  session host                            others can join, at port 9999
  session host --project-dir ~/songs      and what is saved is kept there
  session join 192.168.1.20 --own 1,2     play instruments 1 and 2 there
  session join stage:7000 --privilege     control the transport there
  printf 'own 1\\nfilter 1 800\\n' | session join localhost

Commands are read from standard input; `help` lists them. At the end of a script
a client leaves, and the exit code says whether every line could be done; a host
stays until Ctrl-C or `quit`, for others are in its session. RUST_LOG=debug shows
what happens underneath."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Play alone
    Local {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        shelf: Shelf,
    },
    /// Open a session that others can join
    Host {
        /// Where to listen; [::] is everywhere, and port 0 is any that is free
        #[arg(default_value = "[::]:9999")]
        address: String,
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        shelf: Shelf,
    },
    /// Join the session of a host
    Join {
        /// Where the host is: its name or address, and its port unless that is 9999
        address: String,
        #[command(flatten)]
        who: Who,
        /// The instruments to ask for
        #[arg(long, value_name = "ID,…", value_delimiter = ',')]
        own: Vec<u32>,
        /// Ask for the control of transport, session and buses
        #[arg(long)]
        privilege: bool,
        /// Where to keep the secret with which to come back after a crash
        #[arg(long, value_name = "DIR")]
        state_dir: Option<PathBuf>,
        /// What to speak with the host: `json`, which can be read along, or `postcard`
        #[arg(long, value_name = "NAME")]
        codec: Option<Codec>,
    },
}

#[derive(Args)]
struct Who {
    /// What to be called
    #[arg(long, env = "USER", default_value = "somebody", hide_env = true)]
    name: String,
}

#[derive(Args)]
struct Shelf {
    /// Where projects are saved, and loaded from; made if it is not there
    #[arg(long, value_name = "DIR")]
    project_dir: Option<PathBuf>,
}

/// What one asked for when one joined.
#[derive(Default)]
struct Wishes {
    own: Vec<InstrumentId>,
    privilege: bool,
    /// The place that one had before, if one had any.
    saved: Option<SavedToken>,
}

// One thread serves everybody: a second one would be woken for what the first is
// about to do.
#[tokio::main(worker_threads = 1)]
async fn main() -> ExitCode {
    let log = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(log).with_writer(io::stderr).init();
    match run(Arguments::parse().command).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("session: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let (mode, wishes) = command.mode()?;
    let outlives_its_script = matches!(mode, Mode::Host { .. });
    let studio = imbolc_net::open(mode).await?;
    let mut news = News::new(Arc::clone(&studio));
    if greet(&*studio, &wishes) {
        claim_again(&*studio, &wishes);
    }

    let mut leave = std::pin::pin!(asked_to_leave());
    let mut lines = lines_of_standard_input();
    let mut code = ExitCode::SUCCESS;
    let at_terminal = io::stdin().is_terminal();
    let mut reading = true;
    while news.ended.is_none() {
        tokio::select! {
            biased;
            () = &mut leave => break,
            () = news.next() => {}
            line = lines.recv(), if reading => match line {
                Some(line) => {
                    let outcome = tokio::select! {
                        outcome = commands::carry_out(&line, &studio, &mut news) => outcome,
                        () = &mut leave => break,
                    };
                    news.catch_up();
                    match outcome {
                        Ok(Then::Go) => {}
                        Ok(Then::Failed) => code = ExitCode::FAILURE,
                        Ok(Then::Quit) => break,
                        Err(error) => {
                            complain(error);
                            code = ExitCode::FAILURE;
                        }
                    }
                }
                // The window was closed, and a terminal that is gone is none
                // any more. Nobody has said goodbye, so the place is kept.
                None if at_terminal && !io::stdin().is_terminal() => {
                    return Ok(ExitCode::FAILURE);
                }
                None if outlives_its_script && !at_terminal => reading = false,
                None => break,
            },
        }
    }
    if let Some(reason @ CloseReason::ConnectionLost(_)) = news.ended {
        return Err(format!("the session is over: {reason}").into());
    }
    studio.close().await;
    // At a prompt one has seen what failed.
    Ok(if at_terminal { ExitCode::SUCCESS } else { code })
}

impl Command {
    /// The dispatcher to open, and what to ask it for.
    fn mode(self) -> Result<(Mode, Wishes), String> {
        Ok(match self {
            Self::Local { who, shelf } => {
                let mode = Mode::Local { name: who.name, projects: shelf.project_dir };
                (mode, Wishes::default())
            }
            Self::Host { address, who, shelf } => {
                let (name, projects) = (who.name, shelf.project_dir);
                let options = HostOptions::default();
                (
                    Mode::Host { name, address, session_name: None, projects, options },
                    Wishes::default(),
                )
            }
            Self::Join { address, who, own, privilege, state_dir, codec } => {
                let address = with_port(&address);
                let own: Vec<_> = own.into_iter().map(InstrumentId).collect();
                let directory = state_dir
                    .or_else(TokenFile::default_directory)
                    .ok_or("there is no home directory: name a directory with --state-dir")?;
                let token_file = TokenFile::claim(&directory, &address, &who.name)
                    .map_err(|error| format!("cannot use {}: {error}", directory.display()))?;
                let saved = token_file.load();
                let options = JoinOptions {
                    name: who.name,
                    own: own.clone(),
                    privilege,
                    token_file: Some(token_file),
                    config: match codec {
                        Some(codec) => ClientConfig::default().speaking(codec),
                        None => ClientConfig::default(),
                    },
                };
                (Mode::Remote { address, options }, Wishes { own, privilege, saved })
            }
        })
    }
}

/// Says where one is, as whom, and with what. Returns whether one is back.
fn greet(studio: &dyn Dispatcher, wishes: &Wishes) -> bool {
    let identity = studio.identity();
    let state = studio.state();
    let owned: Vec<_> =
        identity.instruments.iter().map(|&id| words::label(&state.model, id)).collect();
    let with =
        if owned.is_empty() { String::new() } else { format!(", with {}", owned.join(", ")) };
    // The address of a host is its own, and how to get there is what others
    // want to know.
    let status = match studio.status() {
        Status::Connected { .. } => "connected".into(),
        status => status.to_string(),
    };
    let back = wishes.saved.is_some_and(|saved| saved.session == identity.session);
    let welcome = if back { "welcome back: " } else { "" };
    let session = short(identity.session);
    happens(format_args!("{welcome}{status} as {}{with} (session {session})", identity.name));
    if let Status::Hosting { address: Some(address) } = studio.status()
        && let Some(there) = seen_from_elsewhere(address)
    {
        happens(format_args!("others join with: session join {there}"));
    }
    if wishes.saved.is_some() && !back {
        happens("this is a new session: the one you were in is gone");
    }
    back
}

/// Who comes back has what it had; what it wants besides, it has to ask for.
/// Who joins has asked already, and an event says what was not granted.
fn claim_again(studio: &dyn Dispatcher, wishes: &Wishes) {
    let owned: BTreeSet<_> = studio.identity().instruments.into_iter().collect();
    let missing: Vec<_> = wishes.own.iter().copied().filter(|id| !owned.contains(id)).collect();
    let state = studio.state();
    let lacks_privilege =
        wishes.privilege && !state.roster.is_privileged(studio.identity().client_id);
    // Offline already: there will be an event about that.
    if !missing.is_empty() {
        let _ = studio.request_ownership(&missing);
    }
    if lacks_privilege {
        let _ = studio.request_privilege();
    }
}

/// Reads on a thread of its own, which does not keep the program from ending.
fn lines_of_standard_input() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Resolves when the operating system wants the program to end.
async fn asked_to_leave() {
    let interrupt = async {
        // Without a handler, the default one ends the program.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminate) = signal(SignalKind::terminate()) else { return interrupt.await };
        tokio::select! {
            () = interrupt => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    interrupt.await;
}
