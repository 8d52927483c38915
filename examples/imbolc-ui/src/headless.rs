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
    transport::{interface_hint, where_to_join},
    util::text::{fitted, printable},
};

use crate::{
    describe,
    messages::{Message, MessageLog},
};

/// Prints messages and the status until the program is asked to end, or the session is
/// over. `announced` says whether the session is announced on the LAN.
///
/// # Errors
/// If the session is over, or if standard output is closed. The message is one line.
pub async fn print_events(
    studio: &Arc<dyn Dispatcher>,
    mut events: Events,
    announced: bool,
) -> Result<(), String> {
    let mut printer = Printer::new(Arc::clone(studio));
    printer.print_greeting(announced).map_err(|error| output_error(&error))?;
    let mut shutdown = std::pin::pin!(crate::event_loop::shutdown_signal());
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            _ = &mut shutdown => break,
        };
        match event {
            Some(Event::Status(Status::Closed {
                reason: reason @ CloseReason::ConnectionLost(_),
            })) => {
                return Err(format!("the session is over: {reason}"));
            }
            Some(event) => printer.print_event(event).map_err(|error| output_error(&error))?,
            None => return Err("the session is over".into()),
        }
    }
    printer.status.clear();
    printer.print_line("the session has ended").map_err(|error| output_error(&error))
}

fn output_error(error: &io::Error) -> String {
    format!("cannot write to standard output: {error}")
}

/// The printed output.
struct Printer {
    studio: Arc<dyn Dispatcher>,
    messages: MessageLog,
    /// Whether the status line can be rewritten in place: standard output is a
    /// terminal.
    rewrites: bool,
    /// The status line that was printed last.
    status: String,
}

impl Printer {
    fn new(studio: Arc<dyn Dispatcher>) -> Self {
        let messages = MessageLog::new(studio.state());
        Self { studio, messages, rewrites: stdout().is_terminal(), status: String::new() }
    }

    fn print_greeting(&mut self, announced: bool) -> io::Result<()> {
        let state = self.studio.state();
        self.print_line(&format!(
            "{} is {}, as {}",
            state.model.session.name,
            self.studio.status(),
            self.studio.identity().name
        ))?;
        if let Status::Hosting { address: Some(address) } = self.studio.status() {
            for there in where_to_join(address) {
                let hint =
                    interface_hint(there).map_or_else(String::new, |hint| format!(", {hint}"));
                self.print_line(&format!("join with: imbolc-ui --connect {there}{hint}"))?;
            }
        }
        let reaches_others = match self.studio.status() {
            Status::Hosting { address: Some(address) } => !address.ip().is_loopback(),
            _ => false,
        };
        if announced && reaches_others {
            let name = &state.model.session.name;
            self.print_line(&format!("announced on the LAN as {name}: imbolc-ui --discover"))?;
        }
        if let Some(kept) = describe::kept_work(&state.model) {
            self.print_line(&kept)?;
        }
        self.print_status()
    }

    fn print_event(&mut self, event: Event) -> io::Result<()> {
        let last = self.messages.latest().next().cloned();
        self.messages.record(event, &self.studio.state(), &self.studio.identity());
        let new: Vec<_> = self
            .messages
            .latest()
            .take_while(|item| Some(*item) != last.as_ref())
            .cloned()
            .collect();
        for Message { text, .. } in new.into_iter().rev() {
            self.print_line(&text)?;
        }
        self.print_status()
    }

    /// Prints a line above the status line.
    fn print_line(&mut self, text: &str) -> io::Result<()> {
        let mut out = stdout().lock();
        if self.rewrites && !self.status.is_empty() {
            write!(out, "\r\x1b[K")?;
        }
        writeln!(out, "{}", printable(text))?;
        if self.rewrites {
            write!(out, "{}", self.status)?;
        }
        out.flush()
    }

    fn print_status(&mut self) -> io::Result<()> {
        let status = printable(&self.status_line()).into_owned();
        if status == self.status {
            return Ok(());
        }
        self.status = status;
        let mut out = stdout().lock();
        if self.rewrites {
            write!(out, "\r\x1b[K{}", self.status)?;
        } else {
            writeln!(out, "{}", self.status)?;
        }
        out.flush()
    }

    /// The session in one line.
    fn status_line(&self) -> String {
        let state = self.studio.state();
        let roster = &state.roster;
        let away = roster.participants.keys().filter(|id| roster.is_away(**id)).count();
        let here = roster.participants.len() - away;
        let playback = if state.model.transport.playing { "playing" } else { "stopped" };
        let away = if away == 0 { String::new() } else { format!(", {away} away") };
        let holder = roster.privileged.as_ref().map_or("free", |holder| &*holder.name);
        let instruments = state.model.instruments.len();
        let tempo = state.model.session.tempo;
        let key = describe::label(state.model.session.key);
        fitted(
            &format!(
                "[{here} here{away} | {playback}, {tempo}, {key} | {instruments} instruments | \
                 privilege: {holder}]"
            ),
            100,
        )
    }
}
