//! The lines that are typed at the terminal of a host without a screen.
//!
//! A program in the background must not read its terminal: the system would stop it, and
//! the session with it.

use std::io::{BufRead as _, IsTerminal as _, stdin};

use tokio::sync::mpsc::{self, Receiver};

/// The lines that are typed; `None` if standard input is not a terminal. They are read on
/// a thread of its own, which does not keep the program from ending.
pub(super) fn typed_lines() -> Option<Receiver<String>> {
    if !stdin().is_terminal() {
        return None;
    }
    let (sender, receiver) = mpsc::channel(8);
    std::thread::spawn(move || {
        while wait_for_input() {
            let mut line = Vec::new();
            match stdin().lock().read_until(b'\n', &mut line) {
                // Ctrl-D. A terminal can be read on.
                Ok(0) if cfg!(unix) => line.extend(b"quit"),
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            // What is no text, such as a paste in another encoding, is an unknown command.
            let line = String::from_utf8_lossy(&line).into_owned();
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    Some(receiver)
}

/// Waits until the terminal has input for this program, which then is not in the
/// background; returns false if the terminal is gone.
#[cfg(unix)]
fn wait_for_input() -> bool {
    use std::time::Duration;

    use rustix::{
        event::{PollFd, PollFlags, poll},
        io::Errno,
        process::getpgrp,
        termios::tcgetpgrp,
    };

    /// How often a program in the background checks whether it still is.
    const LOOK: Duration = Duration::from_millis(250);

    let stdin = stdin();
    loop {
        let mut terminal = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut terminal, None) {
            Err(Errno::INTR) => continue,
            Err(_) => return false,
            Ok(_) if terminal[0].revents().intersects(PollFlags::HUP | PollFlags::ERR) => {
                return false;
            }
            Ok(_) => {}
        }
        // An error means that this is not the controlling terminal, which stops no program.
        if tcgetpgrp(&stdin).map_or(true, |foreground| foreground == getpgrp()) {
            return true;
        }
        std::thread::sleep(LOOK);
    }
}

#[cfg(not(unix))]
const fn wait_for_input() -> bool {
    true
}
