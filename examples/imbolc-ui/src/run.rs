//! The loop: keys and events in, frames out.

use std::{sync::Arc, time::Duration};

use crossterm::event::{self, KeyEvent};
use imbolc_net::{
    Dispatcher, Event,
    dispatcher::{CloseReason, Events, Status},
};
use ratatui::{Terminal, backend::Backend};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
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
    let mut beat = Instant::now();
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
        app.tick(now.into_std());
        if due || app.is_stale() {
            if terminal.draw(|frame| app.draw(frame)).is_err() {
                return End::Gone;
            }
            beat = on_the_beat(beat, now);
            due = false;
        }
        let next = match app.pace(now.into_std()) {
            Pace::Fast => Some(FRAME),
            Pace::Slow => Some(SLOWLY),
            Pace::Rest => None,
        };
        let pause = async {
            match next {
                Some(next) => sleep_until((beat + next).max(now + FRAME / 4)).await,
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
                    sleep(FRAME.saturating_sub(beat.elapsed())).await;
                }
                None => return End::Over("the session is over".into()),
            },
            politely = &mut leave => return if politely { End::Left } else { End::Gone },
            () = pause => due = next == Some(SLOWLY),
        }
    }
    End::Left
}

/// From when on the next frame is counted, if one is drawn `now` and this one was
/// from `beat` on: a timer that is a little late each time is not later and later.
fn on_the_beat(beat: Instant, now: Instant) -> Instant {
    let next = beat + FRAME;
    if next <= now && now < next + FRAME { next } else { now }
}

/// Whether an event says that it is over.
fn end(event: &Event) -> Option<End> {
    match event {
        Event::Status(Status::Closed { reason: reason @ CloseReason::ConnectionLost(_) }) => {
            Some(End::Over(format!("the session is over: {reason}")))
        }
        _ => None,
    }
}

/// Resolves when the operating system wants the program to end: whether politely,
/// or because the terminal is gone. It listens from the call on, and not only from
/// when it is first awaited.
///
/// # Panics
/// If it is not called within a tokio runtime.
pub fn asked_to_leave() -> impl Future<Output = bool> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{Signal, SignalKind, signal};
        // Without a handler, the default one ends the program.
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
        // Without a handler, the default one ends the program.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
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
