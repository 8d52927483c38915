//! What cannot be brought back, and the question before it.
//!
//! It reads an intent and a view, and answers with text; `app` asks and carries out.

use imbolc_net::{
    dispatcher::Status,
    studio::{Action, NetworkAction, ProjectAction},
};

use crate::{describe, host_words, intent::Intent, view::View};

/// An intent that waits for a confirmation.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) intent: Intent,
    /// What would be lost.
    why: String,
}

impl Question {
    /// The question before `intent`, if it loses something for good.
    pub(super) fn before(intent: &Intent, view: &View) -> Option<Self> {
        let why = loss(intent, view)?;
        Some(Self { intent: intent.clone(), why })
    }

    /// The question in one line. `plays` says whether letters play notes.
    pub(super) fn text(&self, plays: bool) -> String {
        let Self { why, .. } = self;
        let key = if plays { "the same" } else { "y, or the same" };
        format!("{why}: {key} again, to go on")
    }
}

/// What an intent loses for good, if it loses anything.
fn loss(intent: &Intent, view: &View) -> Option<String> {
    match intent {
        Intent::Each(intents) => intents.iter().find_map(|intent| loss(intent, view)),
        Intent::Quit => loss_by_quitting(view),
        Intent::Administer(command) => host_words::taken_by(command, &view.state),
        // Without the privilege it is refused, in words.
        Intent::Do(Action::Network(NetworkAction::Project(task))) if view.may_lead() => {
            loss_by_task(task, view)
        }
        Intent::Bounce { file, .. } if file.exists() => {
            Some(format!("{} will be overwritten", file.display()))
        }
        _ => None,
    }
}

fn loss_by_quitting(view: &View) -> Option<String> {
    let unsaved = || view.unsaved.then(|| "unsaved changes will be lost".to_owned());
    match view.status {
        Status::Alone => unsaved(),
        Status::Hosting { .. } => match (others(view), unsaved()) {
            (Some(others), Some(unsaved)) => Some(format!("{others}, and {unsaved}")),
            (others, unsaved) => others.or(unsaved),
        },
        Status::Reconnecting { .. } if !view.is_confirmed(Clone::clone) => {
            Some("your last edits were not sent".into())
        }
        _ => None,
    }
}

fn loss_by_task(task: &ProjectAction, view: &View) -> Option<String> {
    let projects = &view.studio().projects;
    match task {
        ProjectAction::New
        | ProjectAction::Load(_)
        | ProjectAction::RestoreCheckpoint(_)
        | ProjectAction::Recover(_) => {
            if view.unsaved {
                Some("there are unsaved changes".into())
            } else {
                others(view)
            }
        }
        ProjectAction::DeleteCheckpoint(name) => {
            Some(format!("the checkpoint “{name}” will be deleted"))
        }
        ProjectAction::SaveAs(name) => describe::overwritten(projects, name),
        ProjectAction::Save | ProjectAction::List | ProjectAction::CreateCheckpoint(_) => None,
    }
}

/// How many others are in the session, in words; `None` without any.
fn others(view: &View) -> Option<String> {
    match view.state.roster.participants.len().saturating_sub(1) {
        0 => None,
        1 => Some("1 other person is in the session".into()),
        others => Some(format!("{others} other people are in the session")),
    }
}
