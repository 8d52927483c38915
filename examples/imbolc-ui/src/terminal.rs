//! The terminal: taken, and given back whatever happens.

use std::io::{self, IsTerminal as _, Stdout, stdin, stdout};

use ratatui::{Terminal, backend::CrosstermBackend, layout::Size};

/// The least that a studio fits on.
pub const SMALLEST: Size = Size::new(60, 16);

/// A real terminal.
pub type Screen = Terminal<CrosstermBackend<Stdout>>;

/// Whether there is a terminal, and a studio fits on it.
///
/// # Errors
/// If not. The message is one line.
pub fn probe() -> Result<(), String> {
    if !stdin().is_terminal() || !stdout().is_terminal() {
        return Err("there is no terminal: run it in one, or use --server".into());
    }
    let (width, height) = crossterm::terminal::size().map_err(|error| plainly(&error))?;
    check(Size::new(width, height))
}

/// Takes the terminal. It is given back by [`restore`], and before a panic is
/// reported.
///
/// # Errors
/// If it cannot be taken. The message is one line.
pub fn take() -> Result<Screen, String> {
    ratatui::try_init().map_err(|error| plainly(&error))
}

/// Gives the terminal back.
pub fn restore() {
    ratatui::restore();
}

/// Whether a studio fits on a terminal of this size.
///
/// # Errors
/// If not. The message says what would do.
pub fn check(size: Size) -> Result<(), String> {
    if size.width >= SMALLEST.width && size.height >= SMALLEST.height {
        return Ok(());
    }
    let Size { width, height } = SMALLEST;
    Err(format!(
        "the terminal has {} columns and {} lines, and {width} by {height} are needed",
        size.width, size.height
    ))
}

fn plainly(error: &io::Error) -> String {
    format!("the terminal cannot be used: {error}")
}
