//! The loop: keys and events in, frames out.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crossterm::event::{self, KeyEvent};
use imbolc_net::{
    Dispatcher, Event,
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

/// Shows the studio until the participant leaves or the session is over.
///
/// # Errors
/// If the session is over, or the terminal is gone. The message is one line.
pub async fn run<B: Backend>(
    studio: &Arc<dyn Dispatcher>,
    terminal: &mut Terminal<B>,
    mut inputs: mpsc::Receiver<Input>,
) -> Result<(), String> {
    let mut events = studio.events();
    let mut app = App::new(Arc::clone(studio));
    let mut drawn = Instant::now();
    let mut due = true;
    while !app.has_ended() {
        while let Some(event) = events.try_next() {
            app.notice(event);
        }
        let now = Instant::now();
        app.tick(now);
        if due || app.is_stale() {
            terminal.draw(|frame| app.draw(frame)).map_err(|error| error.to_string())?;
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
            input = inputs.recv() => {
                take(&mut app, input)?;
                while let Ok(input) = inputs.try_recv() {
                    take(&mut app, Some(input))?;
                }
                due = true;
            }
            event = events.next() => match event {
                Some(Event::Status(Status::Closed { reason: reason @ Closed::Lost(_) })) => {
                    return Err(format!("the session is over: {reason}"));
                }
                Some(event) => {
                    app.notice(event);
                    // What else comes with it is drawn in the same frame.
                    sleep(FRAME.saturating_sub(drawn.elapsed())).await;
                }
                None => return Err("the session is over".into()),
            },
            () = pause => due = next == Some(SLOWLY),
        }
    }
    Ok(())
}

fn take(app: &mut App, input: Option<Input>) -> Result<(), String> {
    match input {
        Some(Input::Key(key)) => app.key(key),
        Some(Input::Resized) => {}
        Some(Input::Gone) | None => return Err("the terminal is gone".into()),
    }
    Ok(())
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
