//! The host's commands about admission and participants.
//!
//! Only text and values; it knows no terminal, and sends nothing.

use std::sync::Arc;

use imbolc_net::{
    NetworkState,
    admission::{AdmissionPolicy, AdmissionStatus, CodePause, JoinRequest},
    dispatcher::HostCommand,
    protocol::{ClientId, Participant, Role},
};

/// The help of the commands that only a host has.
pub const HOST_HELP: &str = "\
code                        make a new code
admit NAME                  admit somebody who asks under this name, or was removed
role NAME viewer|player     let a participant only watch, or play again
remove NAME                 remove a participant, and make a new code
free NAME                   free the instruments of a participant that is away";

/// The command in these words, or why it makes no sense; `None` if it is another one.
pub fn host_command(words: &[&str], state: &NetworkState) -> Option<Result<HostCommand, String>> {
    let named = |name: &[&str]| participant_named(&name.join(" "), state);
    Some(match *words {
        ["code"] => Ok(HostCommand::NewCode),
        ["admit", ref name @ ..] if !name.is_empty() => {
            Ok(HostCommand::Admit { name: name.join(" ") })
        }
        ["role", ref name @ .., role] if !name.is_empty() => named(name).and_then(|client| {
            let role = match role {
                "viewer" => Role::Viewer,
                "player" => Role::Player,
                _ => return Err("a role is viewer or player".into()),
            };
            Ok(HostCommand::SetRole { client, role })
        }),
        ["remove", ref name @ ..] if !name.is_empty() => {
            named(name).map(|client| HostCommand::Remove { client })
        }
        ["free", ref name @ ..] if !name.is_empty() => {
            named(name).map(|client| HostCommand::Free { client })
        }
        _ => return None,
    })
}

fn participant_named(name: &str, state: &NetworkState) -> Result<ClientId, String> {
    let people = &state.roster.participants;
    let found = people.iter().find(|(_, person)| &*person.name == name);
    found.map(|(id, _)| *id).ok_or_else(|| format!("nobody in the session is called {name}"))
}

/// What a command takes from a participant, for the question before it.
pub fn taken_by(command: &HostCommand, state: &NetworkState) -> Option<String> {
    let name = |id: &ClientId| name_of(*id, state);
    match command {
        HostCommand::Remove { client } => {
            Some(format!("{} will be removed, and a new code made", name(client)))
        }
        HostCommand::SetRole { client, role: Role::Viewer } => {
            Some(format!("{} will be a viewer, without instruments", name(client)))
        }
        HostCommand::Free { client } => {
            Some(format!("the instruments of {} will be free", name(client)))
        }
        _ => None,
    }
}

/// What a command has done, if the session does not say it. `state` is the one before it.
pub fn done_by(command: &HostCommand, state: &NetworkState) -> Option<String> {
    match command {
        HostCommand::Remove { client } => Some(format!("{} is removed", name_of(*client, state))),
        HostCommand::Admit { name } => Some(format!("{name} is admitted")),
        _ => None,
    }
}

fn name_of(client: ClientId, state: &NetworkState) -> String {
    let person = state.roster.participants.get(&client);
    person.map_or_else(|| "somebody".into(), |person| person.name.to_string())
}

/// The mark of a participant: what it is besides a player whose key was proven.
pub fn mark_of(client: ClientId, person: &Participant) -> Option<&'static str> {
    let is_plain = person.key.is_none() && client != ClientId::HOST;
    match (person.role, is_plain) {
        (Role::Viewer, true) => Some("viewer plain"),
        (Role::Viewer, false) => Some("viewer"),
        (Role::Player, true) => Some("plain"),
        (Role::Player, false) => None,
    }
}

/// The first 8 digits of the key of a participant, if it has one.
pub fn short_key(person: &Participant) -> Option<String> {
    person.key.map(|key| key.to_string().chars().take(8).collect())
}

/// The code, in one line, with what to do with it, or for whom it is paused.
pub fn code_line(status: &AdmissionStatus) -> String {
    let code = status.code.shown();
    match (status.policy, &status.paused) {
        (AdmissionPolicy::Open, _) => "open: everybody is admitted, without a code".into(),
        (_, Some(pause)) => format!("code {code}, {}", pause_text(pause)),
        (_, None) => format!("code {code}: type it on the other machine when it asks"),
    }
}

/// For whom codes are paused, and why.
pub fn pause_text(pause: &CodePause) -> String {
    match pause {
        CodePause::Everybody => "paused for everybody, after 30 wrong ones".into(),
        CodePause::Addresses(addresses) => {
            let addresses: Vec<_> = addresses.iter().take(3).map(ToString::to_string).collect();
            format!("paused for {}, after 5 wrong ones", addresses.join(", "))
        }
    }
}

/// A request to join, with the name that the client claims, and whether another key has it.
pub fn request_line(request: &JoinRequest) -> String {
    let JoinRequest { name, address, is_name_taken, .. } = request;
    let claimed = name.as_ref().map(|name| format!(" as “{name}”")).unwrap_or_default();
    let taken = if *is_name_taken { " (taken)" } else { "" };
    format!("a stranger at {address} asks to join{claimed}{taken}")
}

/// Tells what has changed in the admission of a host.
#[derive(Debug, Default)]
pub struct AdmissionNews(Option<Arc<AdmissionStatus>>);

/// A line about admission.
#[derive(Debug)]
pub enum AdmissionLine {
    /// There is a new code.
    NewCode(String),
    /// Codes are paused.
    Paused(String),
}

impl AdmissionNews {
    /// What follows is told relative to `now`.
    pub const fn new(now: Option<Arc<AdmissionStatus>>) -> Self {
        Self(now)
    }

    /// What has changed since the last call. `command` is the one that makes a new code.
    pub fn update(
        &mut self,
        now: Option<Arc<AdmissionStatus>>,
        command: &str,
    ) -> Option<AdmissionLine> {
        let (before, now) = (std::mem::replace(&mut self.0, now.clone())?, now?);
        // Nobody needs a code there.
        if now.policy == AdmissionPolicy::Open {
            return None;
        }
        if before.code != now.code {
            let why = before.paused.as_ref().map(pause_text);
            let why = why.map(|why| format!(" (the old one was {why})")).unwrap_or_default();
            let code = now.code.shown();
            return Some(AdmissionLine::NewCode(format!("new code {code}{why}")));
        }
        let pause = now.paused.as_ref().filter(|_| now.paused != before.paused)?;
        Some(AdmissionLine::Paused(format!(
            "the code is {}: {command} makes a new one",
            pause_text(pause)
        )))
    }
}
