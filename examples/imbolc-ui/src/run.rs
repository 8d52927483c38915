//! The loop: keys and events in, frames out.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crossterm::event::{self, KeyEvent};
use imbolc_net::{
    Dispatcher, Event,
    dispatcher::Events,
    status::{Closed, Status},
};
use ratatui::{Terminal, backend::Backend};
use tokio::{
    sync::mpsc,
    time::{sleep, sleep_until},
};

use crate::app::{App, Pace};

/// The least time between two frames: 60 a second.
const FRAME: Duration = Duration::from_micros(16_667);

/// How often a clock on the screen moves on.
const SLOWLY: Duration = Duration::from_millis(500);

/// What the terminal says.
#[derive(Clone, Copy, Debug)]
pub enum Input {
    /// A key.
    Key(KeyEvent),
    /// It has another size.
    Resized,
    /// It is gone.
    Gone,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The participant wanted to leave.
    Left,
    /// The session is over; why, in one line.
    Over(String),
    /// The terminal is gone, e.g. because its window was closed. Nobody has said
    /// goodbye, so the place in the session is to be kept.
    Gone,
}

/// Shows the studio until the participant leaves, or cannot be shown it any more.
pub async fn run<B: Backend>(
    studio: &Arc<dyn Dispatcher>,
    mut events: Events,
    terminal: &mut Terminal<B>,
    mut inputs: mpsc::Receiver<Input>,
) -> End {
    let mut app = App::new(Arc::clone(studio));
    let mut leave = std::pin::pin!(asked_to_leave());
    let mut drawn = Instant::now();
    let mut due = true;
    let mut batch = Vec::new();
    while !app.has_ended() {
        while let Some(event) = events.try_next() {
            if let Some(end) = end(&event) {
                return end;
            }
            app.notice(event);
        }
        let now = Instant::now();
        app.tick(now);
        if due || app.is_stale() {
            if terminal.draw(|frame| app.draw(frame)).is_err() {
                return End::Gone;
            }
            drawn = now;
            due = false;
        }
        let next = match app.pace(now) {
            Pace::Fast => Some(FRAME),
            Pace::Slow => Some(SLOWLY),
            Pace::Rest => None,
        };
        let pause = async {
            match next {
                Some(next) => sleep_until((drawn + next).max(now + FRAME / 4).into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            count = inputs.recv_many(&mut batch, 64) => {
                if count == 0 {
                    return End::Gone;
                }
                for input in batch.drain(..) {
                    match input {
                        Input::Key(key) => app.key(key),
                        Input::Resized => {}
                        Input::Gone => return End::Gone,
                    }
                }
                due = true;
            }
            event = events.next() => match event {
                Some(event) => {
                    if let Some(end) = end(&event) {
                        return end;
                    }
                    app.notice(event);
                    // What else comes with it is drawn in the same frame.
                    sleep(FRAME.saturating_sub(drawn.elapsed())).await;
                }
                None => return End::Over("the session is over".into()),
            },
            politely = &mut leave => return if politely { End::Left } else { End::Gone },
            () = pause => due = next == Some(SLOWLY),
        }
    }
    End::Left
}

/// Whether an event says that it is over.
fn end(event: &Event) -> Option<End> {
    match event {
        Event::Status(Status::Closed { reason: reason @ Closed::Lost(_) }) => {
            Some(End::Over(format!("the session is over: {reason}")))
        }
        _ => None,
    }
}

/// Resolves when the operating system wants the program to end: whether politely,
/// or because the terminal is gone.
pub async fn asked_to_leave() -> bool {
    let interrupt = async {
        // Without a handler, the default one ends the program.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut end), Ok(mut hang_up)) =
            (signal(SignalKind::terminate()), signal(SignalKind::hangup()))
        else {
            interrupt.await;
            return true;
        };
        tokio::select! {
            () = interrupt => true,
            _ = end.recv() => true,
            _ = hang_up.recv() => false,
        }
    }
    #[cfg(not(unix))]
    {
        interrupt.await;
        true
    }
}

/// What the terminal says, read on a thread of its own, which does not keep the
/// program from ending.
#[must_use]
pub fn inputs() -> mpsc::Receiver<Input> {
    let (sender, receiver) = mpsc::channel(64);
    std::thread::spawn(move || {
        loop {
            let input = match event::read() {
                Ok(event::Event::Key(key)) => Input::Key(key),
                Ok(event::Event::Resize(..)) => Input::Resized,
                Ok(_) => continue,
                Err(_) => Input::Gone,
            };
            if sender.blocking_send(input).is_err() || matches!(input, Input::Gone) {
                break;
            }
        }
    });
    receiver
}
