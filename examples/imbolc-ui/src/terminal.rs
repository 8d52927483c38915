//! The terminal: it is taken once, and restored in every case.
//!
//! It knows nothing about the studio except the smallest size it fits on.

use std::{
    fmt,
    io::{self, IsTerminal as _, Stdout, Write as _, stderr, stdin, stdout},
    mem::ManuallyDrop,
    panic,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use crossterm::{
    event::{
        DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange,
        KeyboardEnhancementFlags, PopKeyboardEnhancementFlags, PushKeyboardEnhancementFlags,
    },
    execute,
    terminal::{EnterAlternateScreen, disable_raw_mode, enable_raw_mode},
};
use imbolc_net::util::{panics, text::printable};
use ratatui::{
    Frame, Terminal,
    backend::{Backend, CrosstermBackend},
    layout::Size,
    widgets::{Paragraph, Wrap},
};

/// The smallest terminal that the studio fits on.
pub const MIN_SIZE: Size = Size::new(60, 16);

/// A real terminal. It is never dropped: ratatui 0.30 prints an error then if the terminal
/// is gone, which panics. [`restore`] does what its `drop` would do.
pub type Screen = ManuallyDrop<Terminal<CrosstermBackend<Stdout>>>;

/// Whether the modes of the terminal are to be given back.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// How keys are reported, where the terminal knows the protocol of kitty. Others ignore it,
/// and to find out first would take up to 2 s.
const KEYS: KeyboardEnhancementFlags = KeyboardEnhancementFlags::DISAMBIGUATE_ESCAPE_CODES
    .union(KeyboardEnhancementFlags::REPORT_EVENT_TYPES);

/// Checks that there is a terminal that can draw, and that it is large enough.
///
/// # Errors
/// If not. The message is one line.
pub fn probe() -> Result<(), String> {
    if !stdin().is_terminal() || !stdout().is_terminal() {
        return Err("no terminal: run it in one, or use --server".into());
    }
    if cfg!(unix) {
        check_type(std::env::var_os("TERM").as_deref().unwrap_or_default().to_str())?;
    }
    let (width, height) = crossterm::terminal::size().map_err(|error| terminal_error(&error))?;
    check_size(Size::new(width, height))
}

/// Checks that a terminal of this type can draw.
fn check_type(term: Option<&str>) -> Result<(), String> {
    let why = match term {
        Some("") => "TERM is not set",
        Some("dumb") => "TERM=dumb",
        Some("unknown") => "TERM=unknown",
        _ => return Ok(()),
    };
    Err(format!("the terminal cannot draw ({why}): use another one, or --server"))
}

/// Takes the terminal, and clears it. It is given back by [`restore`], and before a panic is
/// reported, unless the panic is caught and reported as a refusal.
///
/// # Errors
/// If it is not available. The message is one line.
pub fn take() -> Result<Screen, String> {
    let mut screen = ratatui::try_init().map_err(|error| terminal_error(&error))?;
    TAKEN.store(true, Relaxed);
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !panics::is_caught() {
            restore();
            hook(info);
        }
    }));
    // Not every system knows all of them.
    let _ = execute!(stdout(), EnableBracketedPaste);
    let _ = execute!(stdout(), EnableFocusChange);
    let _ = execute!(stdout(), PushKeyboardEnhancementFlags(KEYS));
    if let Err(error) = clear(&mut screen) {
        restore();
        return Err(terminal_error(&error));
    }
    Ok(ManuallyDrop::new(screen))
}

/// Gives the terminal back, if it is still there.
pub fn restore() {
    if TAKEN.swap(false, Relaxed) {
        let _ = execute!(stdout(), PopKeyboardEnhancementFlags);
        let _ = execute!(stdout(), DisableFocusChange);
        let _ = execute!(stdout(), DisableBracketedPaste);
    }
    let _ = ratatui::try_restore();
    let _ = execute!(stdout(), crossterm::cursor::Show);
}

/// Gives the terminal back and stops the program, as the system asks it to. When it goes on,
/// [`retake`] is due.
#[cfg(unix)]
pub fn stop() {
    use rustix::process::{Signal, getpid, kill_process};

    restore();
    let _ = kill_process(getpid(), Signal::STOP);
}

/// Takes the terminal again, whatever its modes are now.
pub fn retake() {
    TAKEN.store(true, Relaxed);
    // `crossterm` believes that the terminal is as it has left it.
    let _ = disable_raw_mode();
    let _ = enable_raw_mode();
    let _ = execute!(stdout(), EnterAlternateScreen);
    let _ = execute!(stdout(), EnableBracketedPaste);
    let _ = execute!(stdout(), EnableFocusChange);
    report_all_keys(false);
}

/// Asks the terminal to report all keys, also letters, with repetition and release, or no
/// longer. Then it reports the key and not the text: a character that takes more than
/// Shift cannot be typed.
pub fn report_all_keys(all: bool) {
    let letters = KeyboardEnhancementFlags::REPORT_ALL_KEYS_AS_ESCAPE_CODES
        | KeyboardEnhancementFlags::REPORT_ALTERNATE_KEYS;
    let keys = if all { KEYS | letters } else { KEYS };
    let _ = execute!(stdout(), PopKeyboardEnhancementFlags, PushKeyboardEnhancementFlags(keys));
}

/// Clears the terminal, so that the next frame is drawn whole. `Terminal::clear` would read
/// the position of the cursor, for which it competes with the reader of the keys.
///
/// # Errors
/// If the terminal is gone.
pub fn clear<B: Backend>(terminal: &mut Terminal<B>) -> Result<(), B::Error> {
    let size = terminal.size()?;
    terminal.resize(size.into())
}

/// Whether a frame is large enough. If it is not, the size that is needed is drawn.
pub fn fits(frame: &mut Frame) -> bool {
    let area = frame.area();
    match check_size(area.as_size()) {
        Ok(()) => true,
        Err(why) => {
            frame.render_widget(Paragraph::new(why).wrap(Wrap { trim: true }), area);
            false
        }
    }
}

/// Prints a line on standard error, unless it is gone with its terminal: `eprintln` would
/// panic then.
pub fn report(line: fmt::Arguments<'_>) {
    let _ = writeln!(stderr(), "imbolc-ui: {}", printable(&line.to_string()));
}

/// Prints a line on standard output, unless nobody reads it: `println` would panic then.
pub fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(stdout(), "{}", printable(&line.to_string()));
}

/// Checks that a terminal of this size is large enough.
///
/// # Errors
/// If not. The message says which size is needed.
pub fn check_size(size: Size) -> Result<(), String> {
    if size.width >= MIN_SIZE.width && size.height >= MIN_SIZE.height {
        return Ok(());
    }
    let text = |Size { width, height }| format!("{width} × {height}");
    Err(format!("needs {}, has {}: the terminal is too small", text(MIN_SIZE), text(size)))
}

fn terminal_error(error: &io::Error) -> String {
    format!("the terminal cannot be used: {error}")
}
