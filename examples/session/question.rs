//! What a command line loses for good, which is asked once at a prompt.

use imbolc_net::{
    Dispatcher,
    dispatcher::Status,
    studio::{ProjectName, UnsavedMark},
};

use crate::host_words;

/// What a command line loses, if it loses anything.
pub fn loss(line: &str, studio: &dyn Dispatcher) -> Option<String> {
    let state = studio.state();
    let unsaved = || UnsavedMark::default().is_unsaved(&state.model);
    let words: Vec<_> = line.split_whitespace().collect();
    match *words {
        ["quit"] => match studio.status() {
            Status::Alone | Status::Hosting { .. } if unsaved() => {
                Some("unsaved changes will be lost".into())
            }
            Status::Hosting { .. } => others(studio),
            Status::Reconnecting { .. } if state.model != studio.confirmed().model => {
                Some("your last edits were not sent".into())
            }
            _ => None,
        },
        ref words if let Some(Ok(command)) = host_words::host_command(words, &state) => {
            // Elsewhere than on a host it is refused.
            host_words::taken_by(&command, &state).filter(|_| studio.admission().is_some())
        }
        // Without the privilege it is refused.
        _ if !state.roster.may_lead(studio.identity().client_id) => None,
        ["new"] | ["load" | "recover", _, ..] => {
            if unsaved() {
                Some("there are unsaved changes".into())
            } else {
                others(studio)
            }
        }
        ["save", ref name @ ..] => {
            let name = ProjectName::new(&name.join(" ")).ok()?;
            let projects = &state.model.projects;
            let is_other = projects.known.iter().any(|known| *known == name)
                && projects.current.as_ref() != Some(&name);
            is_other.then(|| format!("the project {name} will be overwritten"))
        }
        _ => None,
    }
}

/// How many others are in the session, in words; `None` without any.
fn others(studio: &dyn Dispatcher) -> Option<String> {
    match studio.state().roster.participants.len().saturating_sub(1) {
        0 => None,
        1 => Some("1 other person is in the session".into()),
        others => Some(format!("{others} other people are in the session")),
    }
}
