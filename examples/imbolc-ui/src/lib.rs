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
#![deny(missing_docs)]
#![warn(clippy::pedantic)]

#[cfg(feature = "mdns")]
pub mod announce;
pub mod app;
pub mod cli;
#[cfg(feature = "net")]
pub mod headless;
pub mod intent;
#[cfg(feature = "mdns")]
pub mod lobby;
pub mod mode;
pub mod news;
pub mod palette;
pub mod pane;
pub mod run;
pub mod terminal;
pub mod theme;
pub mod view;
pub mod words;

#[cfg(feature = "mdns")]
use std::net::SocketAddr;
use std::{
    fs::File,
    process::ExitCode,
    sync::{Arc, Mutex},
};

use clap::Parser as _;
use imbolc_net::{Dispatcher, Mode};
use tracing_subscriber::EnvFilter;

use crate::{
    cli::Arguments,
    mode::Start,
    run::{End, Input},
};
use tokio::sync::mpsc::Receiver;

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    match start(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("imbolc-ui: {why}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &Arguments) -> Result<(), String> {
    log_to(arguments)?;
    // One worker thread: a second one would be woken only to compete for the same work.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let done = runtime.block_on(play(arguments));
    // Do not wait for the thread that is blocked reading the terminal.
    runtime.shutdown_background();
    done
}

/// Sends the log to a file: on the screen it would destroy the frame.
fn log_to(arguments: &Arguments) -> Result<(), String> {
    let Some(path) = &arguments.log else { return Ok(()) };
    let file = File::options().create(true).append(true).open(path);
    let file = file.map_err(|error| format!("cannot write to {}: {error}", path.display()))?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(Mutex::new(file))
        .init();
    Ok(())
}

async fn play(arguments: &Arguments) -> Result<(), String> {
    let mode = mode::of(arguments)?;
    match mode {
        #[cfg(feature = "net")]
        Start::Serve(mode) => serve(arguments, open(mode).await?).await,
        Start::Play(mode) => {
            terminal::probe()?;
            if let Mode::Remote { address, .. } = &mode {
                println!("connecting to {address}…");
            }
            let studio = open(mode).await?;
            let mut screen = terminal::take()?;
            show(arguments, studio, &mut screen, run::inputs()).await
        }
        #[cfg(feature = "mdns")]
        Start::Choose => choose(arguments).await,
    }
}

/// Opens a dispatcher; a signal interrupts it.
async fn open(mode: Mode) -> Result<Arc<dyn Dispatcher>, String> {
    tokio::select! {
        opened = imbolc_net::open(mode) => opened.map_err(|error| error.to_string()),
        _ = run::asked_to_leave() => Err("given up".into()),
    }
}

/// Shows the studio until it ends, then restores the terminal.
async fn show(
    arguments: &Arguments,
    studio: Arc<dyn Dispatcher>,
    screen: &mut terminal::Screen,
    inputs: Receiver<Input>,
) -> Result<(), String> {
    // Subscribe first: the earliest events say how this client joined.
    let events = studio.events();
    let found = Found::begin(arguments, &studio);
    let end = run::run(&studio, events, screen, inputs).await;
    terminal::restore();
    found.end().await;
    match end {
        End::Left => {
            studio.close().await;
            Ok(())
        }
        End::Over(why) => {
            studio.close().await;
            Err(why)
        }
        // The participant has not left: its place in the session is kept.
        End::Gone => Err("the terminal is gone".into()),
    }
}

/// Lists the sessions on the LAN and joins the chosen one.
#[cfg(feature = "mdns")]
async fn choose(arguments: &Arguments) -> Result<(), String> {
    terminal::probe()?;
    let config = mode::discovery(arguments);
    let mut client = imbolc_net::discovery::DiscoveryClient::browse(&config)
        .map_err(|error| error.to_string())?;
    let mut screen = terminal::take()?;
    let mut inputs = run::inputs();
    let join = async |address: SocketAddr| {
        let mode = mode::join(arguments, &address.to_string())?;
        imbolc_net::open(mode).await.map_err(|error| error.to_string())
    };
    let next = async || client.next().await;
    let chosen = lobby::choose(next, join, &mut screen, &mut inputs).await;
    drop(client);
    match chosen {
        Ok(Some(studio)) => show(arguments, studio, &mut screen, inputs).await,
        nobody => {
            terminal::restore();
            nobody.map(drop)
        }
    }
}

/// Hosts without a screen.
#[cfg(feature = "net")]
async fn serve(arguments: &Arguments, studio: Arc<dyn Dispatcher>) -> Result<(), String> {
    let events = studio.events();
    let found = Found::begin(arguments, &studio);
    let served = headless::run(&studio, events, found.is_announced()).await;
    found.end().await;
    studio.close().await;
    served
}

/// The announcement on the LAN, if this build supports it.
struct Found {
    #[cfg(feature = "mdns")]
    announcement: Option<announce::Announcement>,
}

#[cfg(feature = "mdns")]
impl Found {
    fn begin(arguments: &Arguments, studio: &Arc<dyn Dispatcher>) -> Self {
        let begun = announce::Announcement::begin(studio, &mode::discovery(arguments));
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
#[expect(clippy::unused_self, reason = "with the feature it is used")]
impl Found {
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
