//! Host mode without a screen: prints messages, and a status line below them.
//!
//! It reads events and snapshots of a dispatcher; it never dispatches an action.

use std::{
    io::{self, IsTerminal as _, Write as _, stdout},
    sync::Arc,
};

use imbolc_net::{
    Dispatcher, Event,
    dispatcher::{CloseReason, Events, Status},
    transport::where_to_join,
};

use crate::{
    news::{Item, News},
    theme, words,
};

/// Prints messages and the status until the program is asked to end, or the session is
/// over. `announced` says whether the session is announced on the LAN.
///
/// # Errors
/// If the session is over, or if standard output is closed. The message is one line.
pub async fn run(
    studio: &Arc<dyn Dispatcher>,
    mut events: Events,
    announced: bool,
) -> Result<(), String> {
    let mut report = Report::new(Arc::clone(studio));
    report.greet(announced).map_err(|error| gone(&error))?;
    let mut leave = std::pin::pin!(crate::run::asked_to_leave());
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            _ = &mut leave => break,
        };
        match event {
            Some(Event::Status(Status::Closed {
                reason: reason @ CloseReason::ConnectionLost(_),
            })) => {
                return Err(format!("the session is over: {reason}"));
            }
            Some(event) => report.take(event).map_err(|error| gone(&error))?,
            None => return Err("the session is over".into()),
        }
    }
    report.status.clear();
    report.line("the session ends").map_err(|error| gone(&error))
}

fn gone(error: &io::Error) -> String {
    format!("nobody reads what is printed: {error}")
}

/// The printed output.
struct Report {
    studio: Arc<dyn Dispatcher>,
    news: News,
    /// Whether the status line can be rewritten in place: standard output is a
    /// terminal.
    stays: bool,
    /// The status line that was printed last.
    status: String,
}

impl Report {
    fn new(studio: Arc<dyn Dispatcher>) -> Self {
        let news = News::new(studio.state());
        Self { studio, news, stays: stdout().is_terminal(), status: String::new() }
    }

    fn greet(&mut self, announced: bool) -> io::Result<()> {
        let state = self.studio.state();
        self.line(&format!(
            "{} is {}, as {}",
            state.model.session.name,
            self.studio.status(),
            self.studio.identity().name
        ))?;
        if let Status::Hosting { address: Some(address) } = self.studio.status() {
            let there = where_to_join(address);
            self.line(&format!("others join with: imbolc-ui --connect {there}"))?;
        }
        let reaches_others = match self.studio.status() {
            Status::Hosting { address: Some(address) } => !address.ip().is_loopback(),
            _ => false,
        };
        if announced && reaches_others {
            let name = &state.model.session.name;
            self.line(&format!("on the LAN it is found as {name}: imbolc-ui --discover"))?;
        }
        self.print_status()
    }

    fn take(&mut self, event: Event) -> io::Result<()> {
        let told = self.news.latest().next().cloned();
        self.news.take(event, &self.studio.state(), &self.studio.identity());
        let new: Vec<_> =
            self.news.latest().take_while(|item| Some(*item) != told.as_ref()).cloned().collect();
        for Item { text, .. } in new.into_iter().rev() {
            self.line(&text)?;
        }
        self.print_status()
    }

    /// Prints a line above the status line.
    fn line(&mut self, text: &str) -> io::Result<()> {
        let mut out = stdout().lock();
        if self.stays && !self.status.is_empty() {
            write!(out, "\r\x1b[K")?;
        }
        writeln!(out, "{text}")?;
        if self.stays {
            write!(out, "{}", self.status)?;
        }
        out.flush()
    }

    fn print_status(&mut self) -> io::Result<()> {
        let status = self.how_it_stands();
        if status == self.status {
            return Ok(());
        }
        self.status = status;
        let mut out = stdout().lock();
        if self.stays {
            write!(out, "\r\x1b[K{}", self.status)?;
        } else {
            writeln!(out, "{}", self.status)?;
        }
        out.flush()
    }

    /// The session in one line.
    fn how_it_stands(&self) -> String {
        let state = self.studio.state();
        let roster = &state.roster;
        let away = roster.participants.keys().filter(|id| roster.is_away(**id)).count();
        let here = roster.participants.len() - away;
        let goes = if state.model.transport.playing { "playing" } else { "stopped" };
        let away = if away == 0 { String::new() } else { format!(", {away} away") };
        let holder = roster.privileged.as_ref().map_or("nobody", |holder| &*holder.name);
        let instruments = state.model.instruments.len();
        let tempo = state.model.session.tempo;
        let key = words::of(state.model.session.key);
        theme::fit(
            &format!(
                "[{here} here{away} | {goes}, {tempo}, {key} | {instruments} instruments | \
                 privilege: {holder}]"
            ),
            100,
        )
    }
}
