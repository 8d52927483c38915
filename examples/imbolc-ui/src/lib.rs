//! A studio in the terminal, on an `imbolc-net` dispatcher.
//!
//! ```text
//!  keys ─▶ App ─▶ pane.key() ─▶ Action ─▶ Dispatcher
//!           │                                 │
//!           └── pane.draw() ◀── one snapshot ─┘
//! ```
//!
//! Which dispatcher it is, [`mode`] decides once; nothing else in here knows.
//! A pane gets a [`View`](view::View) of one moment and returns an
//! [`Intent`](intent::Intent), so every pane is tested without a session.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![warn(clippy::pedantic)]

pub mod app;
pub mod cli;
pub mod intent;
pub mod mode;
pub mod news;
pub mod palette;
pub mod pane;
pub mod run;
pub mod terminal;
pub mod theme;
pub mod view;
pub mod words;

use std::{fs::File, process::ExitCode, sync::Mutex};

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use crate::cli::Arguments;

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
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let done = runtime.block_on(play(arguments));
    // Whoever still reads from the terminal need not be waited for.
    runtime.shutdown_background();
    done
}

/// What happens underneath is written to a file, and never onto the screen.
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
    let studio = mode::open(arguments).await?;
    let mut screen = terminal::take()?;
    let played = run::run(&studio, &mut screen, run::inputs()).await;
    terminal::restore();
    studio.close().await;
    played
}
