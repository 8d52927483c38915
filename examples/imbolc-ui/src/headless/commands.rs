//! The commands of a host without a screen.
//!
//! They need no right of a participant: the user at the machine may save what is played
//! there, and end it.

use std::sync::Arc;

use imbolc_net::{
    Dispatcher, NetworkState,
    dispatcher::HostCommand,
    protocol::{ClientId, Participant},
    studio::{NetworkAction, ProjectAction, ProjectName},
    util::text::{fitted, printable},
};

use crate::{
    describe,
    host_words::{self, HOST_HELP},
};

const HELP: &str = "\
save [NAME]                 save the project, under a new name if given
people                      list the participants, and show the code
quit                        end the session for all; unsaved work is kept
help                        list the commands";

/// How many columns of an unknown command are shown. 40: a paste must not fill the screen.
const MAX_ECHO: usize = 40;

/// How to continue after a line.
pub(super) enum Then {
    /// Print this text, if it is not empty.
    Print(String),
    Quit,
}

/// Runs commands at a dispatcher.
pub(super) struct Commands {
    studio: Arc<dyn Dispatcher>,
    /// The line that waits for being entered again.
    asked: Option<String>,
}

impl Commands {
    pub(super) const fn new(studio: Arc<dyn Dispatcher>) -> Self {
        Self { studio, asked: None }
    }

    /// Runs a line. What a save leads to is told by the messages of the session.
    pub(super) fn run(&mut self, line: &str) -> Then {
        let line = line.trim();
        let is_confirmed = self.asked.take().as_deref() == Some(line);
        if let Some(loss) = self.loss(line).filter(|_| !is_confirmed) {
            self.asked = Some(line.into());
            return Then::Print(format!("{loss}: enter the same again to go on"));
        }
        let words: Vec<_> = line.split_whitespace().collect();
        Then::Print(match *words {
            [] => String::new(),
            ["help" | "?"] => format!("{HELP}\n{HOST_HELP}"),
            ["people" | "who"] => people(&*self.studio),
            ["quit"] => return Then::Quit,
            ["save"] => self.save(ProjectAction::Save),
            ["save", ref name @ ..] => match ProjectName::new(&name.join(" ")) {
                Ok(name) => self.save(ProjectAction::SaveAs(name)),
                Err(error) => format!("not saved: {error}"),
            },
            ref words => {
                if let Some(command) = host_words::host_command(words, &self.studio.state()) {
                    command.and_then(|it| self.administer(it)).unwrap_or_else(|why| why)
                } else {
                    let line = fitted(&printable(line), MAX_ECHO);
                    format!("unknown command {line}: help lists them")
                }
            }
        })
    }

    /// What the line loses for good, if it loses anything.
    fn loss(&self, line: &str) -> Option<String> {
        let state = self.studio.state();
        match *line.split_whitespace().collect::<Vec<_>>() {
            ["quit"] => match state.roster.participants.len() {
                0 => None,
                1 => Some("1 person is in the session".into()),
                people => Some(format!("{people} people are in the session")),
            },
            ["save", ref name @ ..] => {
                let name = ProjectName::new(&name.join(" ")).ok()?;
                describe::overwritten(&state.model.projects, &name)
            }
            ref words => {
                let command = host_words::host_command(words, &state)?.ok()?;
                host_words::taken_by(&command, &state)
            }
        }
    }

    /// Does what a host decides. Returns what it has done, unless the session says it.
    fn administer(&self, command: HostCommand) -> Result<String, String> {
        let done = host_words::done_by(&command, &self.studio.state());
        self.studio.administer(command).map_err(|why| why.to_string())?;
        Ok(done.unwrap_or_default())
    }

    fn save(&self, task: ProjectAction) -> String {
        let saved = self.studio.dispatch(NetworkAction::Project(task));
        saved.map_or_else(|error| format!("not saved: {error}"), |_| String::new())
    }
}

/// The code, then the participants, one line each.
fn people(studio: &dyn Dispatcher) -> String {
    let code = studio.admission().map(|admission| host_words::code_line(&admission));
    let people = participants(&studio.state());
    code.into_iter().chain([people]).collect::<Vec<_>>().join("\n")
}

fn participants(state: &NetworkState) -> String {
    let roster = &state.roster;
    if roster.participants.is_empty() {
        return "nobody is in the session".into();
    }
    let line = |(&id, participant): (&ClientId, &Participant)| {
        let owned = roster.owned_by(id).map(|id| describe::instrument_label(&state.model, id));
        let owned: Vec<_> = owned.collect();
        let owned = if owned.is_empty() { "nothing".into() } else { owned.join(", ") };
        let privilege = if roster.is_privileged(id) { ", has the privilege" } else { "" };
        let away = if roster.is_away(id) { ", is away" } else { "" };
        let mark = host_words::mark_of(id, participant).map(|mark| format!(", {mark}"));
        let mark = mark.unwrap_or_default();
        let key = host_words::short_key(participant).map(|key| format!(", key {key}"));
        let key = key.unwrap_or_default();
        format!("{}: owns {owned}{privilege}{away}{mark}{key}", participant.name)
    };
    roster.participants.iter().map(line).collect::<Vec<_>>().join("\n")
}
