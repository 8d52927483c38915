//! The event loop: keys and dispatcher events in, frames out.
//!
//! It decides when to draw; what a key or an event means is decided by `App`.

use std::{sync::Arc, time::Duration};

use crossterm::event::{self, KeyEvent};
use imbolc_net::{
    Dispatcher, Event,
    dispatcher::{CloseReason, Events, Status},
};
use imbolc_supercollider::server::ServerOptions;
use ratatui::{Terminal, backend::Backend};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use crate::{
    app::{App, Pace},
    frame,
    keystroke::{Keystroke, RepeatFinder},
    terminal,
};

/// How many events are handled before the next frame and the next key. 256: a host that
/// sends them without end must not stop the screen.
const MAX_EVENTS: usize = 256;

/// The minimum time between two frames: 60 per second.
const FRAME_INTERVAL: Duration = Duration::from_micros(16_667);

/// How often a clock on the screen advances.
const CLOCK_INTERVAL: Duration = Duration::from_millis(500);

/// Input from the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key.
    Key(KeyEvent),
    /// Text was pasted.
    Paste(String),
    /// The user asks for a new picture.
    Redraw,
    /// Other windows get the keys now.
    FocusLost,
    /// The terminal was resized.
    Resized,
    /// The program is to stop, until it is told to go on.
    #[cfg(unix)]
    Stop,
    /// The program was stopped and goes on; another one may have used the terminal.
    #[cfg(unix)]
    GoOn,
    /// The terminal was closed.
    Gone,
}

/// How the loop ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The user has quit.
    Quit,
    /// The operating system asks the program to end.
    Signal,
    /// The session is over; why, in one line.
    SessionOver(String),
    /// The terminal was closed, e.g. its window. A client does not leave, so that its
    /// place in the session is kept.
    TerminalGone,
}

/// Shows the studio until the user quits or it cannot be shown any more. `sound` says where
/// this machine has `scsynth` and the files of the session. `report_keys` is
/// called with whether the terminal should report all keys, as far as it can.
pub async fn run<B: Backend>(
    studio: &Arc<dyn Dispatcher>,
    sound: ServerOptions,
    mut events: Events,
    terminal: &mut Terminal<B>,
    mut inputs: mpsc::Receiver<Input>,
    report_keys: impl Fn(bool),
) -> Exit {
    let mut app = App::new(Arc::clone(studio), sound);
    let mut shutdown = std::pin::pin!(shutdown_signal());
    let mut base = Instant::now();
    // The first frame, and the answer to a key, are not paced.
    let mut urgent = true;
    let mut batch = Vec::new();
    let mut plays = false;
    while !app.has_quit() {
        for event in std::iter::from_fn(|| events.try_next()).take(MAX_EVENTS) {
            if let Some(exit) = exit_for(&event) {
                return exit;
            }
            app.handle_event(event);
        }
        if app.plays_notes() != plays {
            plays = !plays;
            report_keys(plays);
        }
        let now = Instant::now();
        app.tick(now.into_std());
        let pace = app.pace(now.into_std());
        let due = match pace {
            _ if urgent => Some(now),
            _ if app.is_stale() => Some(base + FRAME_INTERVAL),
            Pace::Fast | Pace::Slow => Some(base + CLOCK_INTERVAL),
            Pace::Rest => None,
        };
        if due.is_some_and(|due| due <= now) {
            if frame::draw(terminal, |frame| app.draw(frame)).is_err() {
                return Exit::TerminalGone;
            }
            base = frame_base(base, now);
            urgent = false;
            continue;
        }
        // No event reports that the meters have moved: look again after a frame.
        let look =
            (pace == Pace::Fast).then(|| (base + FRAME_INTERVAL).max(now + FRAME_INTERVAL / 4));
        let tick = app.next_tick().map(Instant::from_std);
        let pause = pause_until(due.into_iter().chain(look).chain(tick).min());
        tokio::select! {
            biased;
            leaves = &mut shutdown => return if leaves { Exit::Signal } else { Exit::TerminalGone },
            count = inputs.recv_many(&mut batch, 64) => {
                if count == 0 {
                    return Exit::TerminalGone;
                }
                for input in batch.drain(..) {
                    if let Some(exit) = handle_input(&mut app, terminal, input, &mut plays) {
                        return exit;
                    }
                }
                urgent = true;
            }
            event = events.next() => match event {
                Some(event) => {
                    if let Some(exit) = exit_for(&event) {
                        return exit;
                    }
                    app.handle_event(event);
                }
                None => return Exit::SessionOver("the session is over".into()),
            },
            () = pause => {}
        }
    }
    Exit::Quit
}

/// Handles an input; returns why the studio cannot be shown any more, if it cannot.
/// `plays` says whether the terminal was told to report all keys.
fn handle_input<B: Backend>(
    app: &mut App,
    terminal: &mut Terminal<B>,
    input: Input,
    plays: &mut bool,
) -> Option<Exit> {
    match input {
        Input::Key(key) => app.handle_key(key),
        Input::Paste(text) => app.handle_paste(&text),
        Input::Redraw if terminal::clear(terminal).is_err() => return Some(Exit::TerminalGone),
        Input::FocusLost => app.release_keys(),
        #[cfg(unix)]
        Input::Stop => {
            app.release_keys();
            terminal::stop();
        }
        #[cfg(unix)]
        Input::GoOn => {
            app.release_keys();
            terminal::retake();
            *plays = false;
            return terminal::clear(terminal).is_err().then_some(Exit::TerminalGone);
        }
        Input::Redraw | Input::Resized => {}
        Input::Gone => return Some(Exit::TerminalGone),
    }
    None
}

/// Waits until a time; `None` waits forever.
async fn pause_until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// The time from which the next frame is counted, if a frame is drawn at `now` and the
/// last one was counted from `last`. Small delays of the timer do not add up.
fn frame_base(last: Instant, now: Instant) -> Instant {
    let next = last + FRAME_INTERVAL;
    if next <= now && now < next + FRAME_INTERVAL { next } else { now }
}

/// How the loop ends because of an event, if it does.
fn exit_for(event: &Event) -> Option<Exit> {
    match event {
        Event::Status(Status::Closed { reason: reason @ CloseReason::ConnectionLost(_) }) => {
            Some(Exit::SessionOver(format!("the session is over: {reason}")))
        }
        _ => None,
    }
}

/// Resolves when the operating system asks the program to end: to `true` if it should
/// leave the session, to `false` if the terminal was closed. Signals are handled from
/// the call on, not from the first poll.
///
/// # Panics
/// If it is called outside a tokio runtime.
pub fn shutdown_signal() -> impl Future<Output = bool> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{Signal, SignalKind, signal};
        // If no handler can be installed, the default handler ends the program.
        let [interrupt, end, hang_up] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()]
                .map(|kind| signal(kind).ok());
        let came = async |signal: Option<Signal>| match signal {
            Some(mut signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        };
        async move {
            tokio::select! {
                () = came(interrupt) => true,
                () = came(end) => true,
                () = came(hang_up) => false,
            }
        }
    }
    #[cfg(not(unix))]
    async {
        // If no handler can be installed, the default handler ends the program.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        true
    }
}

/// Input from the terminal, read on threads of its own that do not keep the program
/// from ending.
///
/// # Panics
/// If it is called outside a tokio runtime.
#[must_use]
pub fn inputs() -> mpsc::Receiver<Input> {
    let (sender, receiver) = mpsc::channel(64);
    #[cfg(unix)]
    watch_stops(sender.clone());
    #[cfg(unix)]
    std::thread::spawn({
        let sender = sender.clone();
        move || {
            if sees_hang_up() {
                // If it is not received, the program ends already.
                let _ = sender.blocking_send(Input::Gone);
            }
        }
    });
    std::thread::spawn(move || {
        let mut repeats = RepeatFinder::default();
        loop {
            let input = match event::read() {
                Ok(event::Event::Key(key)) if Keystroke::redraws(key) => Input::Redraw,
                Ok(event::Event::Key(key)) => {
                    Input::Key(repeats.mark(key, std::time::Instant::now()))
                }
                Ok(event::Event::Paste(text)) => Input::Paste(text),
                Ok(event::Event::FocusLost) => Input::FocusLost,
                Ok(event::Event::Resize(..)) => Input::Resized,
                Ok(_) => continue,
                Err(_) => Input::Gone,
            };
            let gone = input == Input::Gone;
            if sender.blocking_send(input).is_err() || gone {
                break;
            }
        }
    });
    receiver
}

/// Tells when the program is to stop, and when it goes on.
#[cfg(unix)]
fn watch_stops(sender: mpsc::Sender<Input>) {
    use rustix::process::Signal;
    use tokio::signal::unix::{SignalKind, signal};

    let [stop, go_on] =
        [Signal::TSTP, Signal::CONT].map(|kind| signal(SignalKind::from_raw(kind.as_raw())));
    // If no handler can be installed, the system stops the program.
    let (Ok(mut stop), Ok(mut go_on)) = (stop, go_on) else { return };
    tokio::spawn(async move {
        loop {
            let input = tokio::select! {
                Some(()) = stop.recv() => Input::Stop,
                Some(()) = go_on.recv() => Input::GoOn,
                else => return,
            };
            if sender.send(input).await.is_err() {
                return;
            }
        }
    });
}

/// Waits until the other end of the terminal is closed; returns false at once if the
/// system cannot watch this terminal. Not every process gets a signal then, and
/// `crossterm` does not report the end of its input: it reads it again and again.
#[cfg(unix)]
fn sees_hang_up() -> bool {
    use rustix::{
        event::{PollFd, PollFlags, poll},
        io::Errno,
    };

    let stdin = std::io::stdin();
    loop {
        // A hang-up is reported without being asked for.
        let mut terminal = [PollFd::new(&stdin, PollFlags::empty())];
        match poll(&mut terminal, None) {
            Err(Errno::INTR) => {}
            Err(_) => return false,
            Ok(_) => return terminal[0].revents().intersects(PollFlags::HUP | PollFlags::ERR),
        }
    }
}
