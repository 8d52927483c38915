//! The terminal: it is taken once, and restored in every case.
//!
//! It knows nothing about the studio except the smallest size it fits on.

use std::{
    fmt,
    io::{self, IsTerminal as _, Stdout, Write as _, stderr, stdin, stdout},
    mem::ManuallyDrop,
    panic,
};

use imbolc_net::util::{panics, text::printable};
use ratatui::{Terminal, backend::CrosstermBackend, layout::Size};

/// The smallest terminal that the studio fits on.
pub const MIN_SIZE: Size = Size::new(60, 16);

/// A real terminal. It is never dropped: ratatui 0.30 prints an error then if the terminal
/// is gone, which panics. [`restore`] does what its `drop` would do.
pub type Screen = ManuallyDrop<Terminal<CrosstermBackend<Stdout>>>;

/// Checks that there is a terminal, and that it is large enough.
///
/// # Errors
/// If not. The message is one line.
pub fn probe() -> Result<(), String> {
    if !stdin().is_terminal() || !stdout().is_terminal() {
        return Err("no terminal: run it in one, or use --server".into());
    }
    let (width, height) = crossterm::terminal::size().map_err(|error| terminal_error(&error))?;
    check_size(Size::new(width, height))
}

/// Takes the terminal. It is given back by [`restore`], and before a panic is reported,
/// unless the panic is caught and reported as a refusal.
///
/// # Errors
/// If it is not available. The message is one line.
pub fn take() -> Result<Screen, String> {
    let screen = ratatui::try_init().map_err(|error| terminal_error(&error))?;
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !panics::is_caught() {
            hook(info);
        }
    }));
    Ok(ManuallyDrop::new(screen))
}

/// Gives the terminal back, if it is still there.
pub fn restore() {
    let _ = ratatui::try_restore();
    let _ = crossterm::execute!(stdout(), crossterm::cursor::Show);
}

/// Prints a line on standard error, unless it is gone with its terminal: `eprintln` would
/// panic then.
pub fn report(line: fmt::Arguments<'_>) {
    let _ = writeln!(stderr(), "imbolc-ui: {}", printable(&line.to_string()));
}

/// Checks that a terminal of this size is large enough.
///
/// # Errors
/// If not. The message says which size is needed.
pub fn check_size(size: Size) -> Result<(), String> {
    if size.width >= MIN_SIZE.width && size.height >= MIN_SIZE.height {
        return Ok(());
    }
    let Size { width, height } = MIN_SIZE;
    Err(format!(
        "the terminal has {} columns and {} lines, and {width} by {height} are needed",
        size.width, size.height
    ))
}

fn terminal_error(error: &io::Error) -> String {
    format!("the terminal cannot be used: {error}")
}
