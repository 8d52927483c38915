//! Host mode without a screen: prints what happens, and takes commands from a terminal.
//!
//! Nobody plays here: the host is no participant of its session. The only actions that
//! are dispatched save the project.

mod commands;
mod typed_lines;

use std::{
    io::{self, IsTerminal as _, Write as _, stdout},
    sync::Arc,
    time::Duration,
};

use imbolc_net::{
    Dispatcher, Event,
    dispatcher::{CloseReason, Events, Status},
    studio::SoundEngine,
    transport::{interface_hint, where_to_join},
    util::text::{columns, fitted, printable},
};
use tokio::time::{Instant, sleep_until};

use self::commands::{Commands, Then};
use crate::{
    describe,
    host_words::{self, AdmissionLine, AdmissionNews},
    messages::{Message, MessageLog},
};

/// How long something must be unchanged before it is printed again. 1 s: the sweep of a
/// knob is two lines, its first value and its last.
const SETTLED: Duration = Duration::from_secs(1);

/// Prints messages and the status, and runs the commands that are typed, until the
/// program is asked to end, or the session is over. `announced` says whether the session
/// is announced on the LAN.
///
/// # Errors
/// If the session is over, or if standard output is closed. The message is one line.
pub async fn run(
    studio: &Arc<dyn Dispatcher>,
    mut events: Events,
    announced: bool,
) -> Result<(), String> {
    let mut printer = Printer::new(Arc::clone(studio));
    let mut lines = typed_lines::typed_lines();
    let mut commands = Commands::new(Arc::clone(studio));
    let mut shutdown = std::pin::pin!(crate::event_loop::shutdown_signal());
    printer.print_greeting(announced, lines.is_some()).map_err(|error| output_error(&error))?;
    loop {
        let line = async {
            match &mut lines {
                Some(lines) => lines.recv().await,
                None => std::future::pending().await,
            }
        };
        let outcome = tokio::select! {
            event = events.next() => match event {
                Some(Event::Status(Status::Closed {
                    reason: reason @ CloseReason::ConnectionLost(_),
                })) => return Err(format!("the session is over: {reason}")),
                Some(event) => printer.print_event(event),
                None => return Err("the session is over".into()),
            },
            line = line => match line.map(|line| commands.run(&line)) {
                Some(Then::Print(text)) => printer.print_lines(&text),
                Some(Then::Quit) => break,
                None => {
                    lines = None;
                    Ok(())
                }
            },
            () = sleep_until(printer.due()) => printer.print_settled(),
            _ = &mut shutdown => break,
        };
        outcome.map_err(|error| output_error(&error))?;
    }
    printer.print_line("the session has ended").map_err(|error| output_error(&error))
}

fn output_error(error: &io::Error) -> String {
    format!("cannot write to standard output: {error}")
}

/// The printed output.
struct Printer {
    studio: Arc<dyn Dispatcher>,
    messages: MessageLog,
    /// How many messages were printed.
    printed: usize,
    /// The last message as it was printed.
    last: Option<Message>,
    /// The status as it was printed.
    status: String,
    /// The last message and the status of late.
    latest: (Option<Message>, String),
    /// When these are printed, unless they change once more.
    due: Option<Instant>,
    /// Whether the row in which a command is typed is to be left alone.
    typing: bool,
    admission: AdmissionNews,
}

impl Printer {
    fn new(studio: Arc<dyn Dispatcher>) -> Self {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self {
            messages: MessageLog::new(studio.state()),
            printed: 0,
            last: None,
            status: String::new(),
            latest: (None, String::new()),
            due: None,
            admission: AdmissionNews::new(studio.admission()),
            typing: stdout().is_terminal() && !is_dumb,
            studio,
        }
    }

    fn print_greeting(&mut self, announced: bool, takes_commands: bool) -> io::Result<()> {
        let state = self.studio.state();
        let (name, status) = (&state.model.session.name, self.studio.status());
        self.print_line(&format!("{name} is {status}"))?;
        if let Status::Hosting { address: Some(address) } = status {
            for there in where_to_join(address) {
                let hint =
                    interface_hint(there).map_or_else(String::new, |hint| format!(", {hint}"));
                self.print_line(&format!("join with: imbolc-ui --connect {there}{hint}"))?;
            }
            if announced && !address.ip().is_loopback() {
                self.print_line(&format!("announced on the LAN as {name}: imbolc-ui --discover"))?;
            }
        }
        if let Some(admission) = self.studio.admission() {
            self.print_line(&host_words::code_line(&admission))?;
        }
        if let Some(kept) = describe::kept_work(&state.model) {
            self.print_line(&kept)?;
        }
        if takes_commands {
            self.print_line("commands: save, people, code, admit, role, remove, free, quit, help")?;
        }
        self.print_settled()
    }

    /// Prints the messages that are new. What merely changes is printed when it has
    /// settled.
    fn print_event(&mut self, event: Event) -> io::Result<()> {
        if let Some(AdmissionLine::NewCode(line) | AdmissionLine::Paused(line)) =
            self.admission.update(self.studio.admission(), "“code”")
        {
            self.print_line(&line)?;
        }
        self.messages.record(event, &self.studio.state(), &self.studio.identity());
        let count = self.messages.added() - self.printed;
        if count > 0 {
            // What the last message has become meanwhile.
            let known = self.messages.latest().nth(count).cloned();
            self.print_if_changed(known)?;
            self.printed += count;
            let new: Vec<_> = self.messages.latest().take(count).cloned().collect();
            for message in new.into_iter().rev() {
                self.print_message(message)?;
            }
        }
        let latest = (self.messages.latest().next().cloned(), self.status_line());
        if latest.0 == self.last && latest.1 == self.status {
            self.due = None;
        } else if self.due.is_none() || latest != self.latest {
            // Not at each event: while keys are played, they never cease.
            self.due = Some(Instant::now() + SETTLED);
        }
        self.latest = latest;
        Ok(())
    }

    /// When to call [`print_settled`](Self::print_settled).
    fn due(&self) -> Instant {
        // No event tells that the engine sounds, or no longer does.
        self.due.unwrap_or_else(|| Instant::now() + SETTLED)
    }

    fn print_settled(&mut self) -> io::Result<()> {
        self.due = None;
        let latest = self.messages.latest().next().cloned();
        self.print_if_changed(latest)?;
        let status = self.status_line();
        if status != self.status {
            self.print_line(&status)?;
            self.status = status;
        }
        Ok(())
    }

    /// Prints what the last message that was printed has become.
    fn print_if_changed(&mut self, message: Option<Message>) -> io::Result<()> {
        match message {
            Some(message) if self.last.as_ref() != Some(&message) => self.print_message(message),
            _ => Ok(()),
        }
    }

    fn print_message(&mut self, message: Message) -> io::Result<()> {
        self.print_line(&message.line().to_string())?;
        self.last = Some(message);
        Ok(())
    }

    fn print_lines(&self, text: &str) -> io::Result<()> {
        text.lines().try_for_each(|line| self.print_line(line))
    }

    /// Prints a line. On a terminal it is inserted above the cursor, so that what is being
    /// typed stays whole.
    fn print_line(&self, text: &str) -> io::Result<()> {
        let text = printable(text);
        let mut out = stdout().lock();
        if !self.typing {
            writeln!(out, "{text}")?;
            return out.flush();
        }
        let width = crossterm::terminal::size().map_or(80, |(width, _)| width.max(1));
        let rows = columns(&text).div_ceil(width.into()).max(1);
        // Save the cursor, make room below, go back up, insert empty rows, and return to
        // where the row of the cursor has gone.
        let room = "\n".repeat(rows);
        write!(out, "\x1b7{room}\x1b[{rows}A\r\x1b[{rows}L{text}\x1b8\x1b[{rows}B")?;
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
        let key = state.model.session.key;
        // Not how loaded it is, which changes at all times.
        let sound = match self.studio.metering().engine {
            SoundEngine::Sounding { late: 0, .. } => "scsynth sounds".into(),
            SoundEngine::Sounding { late, .. } => format!("scsynth sounds, {late} late"),
            engine => describe::sound_text(engine),
        };
        fitted(
            &format!(
                "[{here} here{away} | {playback}, {tempo}, {key} | {instruments} instruments | \
                 {sound} | privilege: {holder}]"
            ),
            100,
        )
    }
}
