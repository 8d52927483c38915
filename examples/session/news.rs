//! Prints the events of the session, one line each.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt::Display,
    io::Write,
    sync::Arc,
    time::Duration,
};

use imbolc_net::{
    Dispatcher, Event, NetworkState, SessionEvent,
    dispatcher::{CloseReason, Events, Status},
    model::InstrumentId,
    protocol::{OwnerInfo, Role, SessionId},
    studio::Studio,
    sync::PlaceLoss,
    sync::UndoReport,
    util::text::printable,
};
use tokio::time::timeout;

use crate::{
    host_words::{self, AdmissionLine, AdmissionNews},
    words::{self, Change},
};

/// Undo or redo.
#[derive(Clone, Copy)]
pub enum Step {
    Undo,
    Redo,
}

/// How many events are printed before the next line of the user. 1,024: as many as may
/// be queued. A host that sends them without end must not keep the user waiting.
pub const MAX_EVENTS: usize = 1024;

/// Prints events and changes, and keeps the snapshot that was printed last.
pub struct News {
    studio: Arc<dyn Dispatcher>,
    events: Events,
    /// The first event, which is printed after the greeting.
    first: Option<Event>,
    seen: Arc<NetworkState>,
    session: SessionId,
    mine: BTreeSet<InstrumentId>,
    connected: bool,
    /// Undo and redo steps without an answer, with the changes that they predict.
    steps: VecDeque<(Step, String)>,
    /// Requests denied since the last command that requests something.
    pub denied: usize,
    admission: AdmissionNews,
    /// Why the session ended.
    pub ended: Option<CloseReason>,
}

impl News {
    pub fn new(studio: Arc<dyn Dispatcher>) -> Self {
        // Subscribe before taking the snapshot, so that no change between the two
        // is missed.
        let mut events = studio.events();
        let identity = studio.identity();
        Self {
            seen: studio.state(),
            session: identity.session,
            mine: identity.instruments.into_iter().collect(),
            connected: !matches!(studio.status(), Status::Reconnecting { .. }),
            steps: VecDeque::new(),
            denied: 0,
            admission: AdmissionNews::new(studio.admission()),
            ended: None,
            first: events.try_next(),
            events,
            studio,
        }
    }

    /// Whether the place that was to be resumed is gone.
    pub fn place_is_lost(&self) -> bool {
        matches!(self.first, Some(Event::Session(SessionEvent::NewSession { .. })))
    }

    /// Waits for an event, and prints it. Cancel safe.
    pub async fn next(&mut self) {
        if let Some(first) = self.first.take() {
            return self.print(first);
        }
        match self.events.next().await {
            Some(event) => self.print(event),
            None => std::future::pending().await,
        }
    }

    /// Prints the events that are queued, up to [`MAX_EVENTS`].
    pub fn catch_up(&mut self) {
        for _ in 0..MAX_EVENTS {
            let Some(event) = self.first.take().or_else(|| self.events.try_next()) else { return };
            self.print(event);
        }
    }

    /// Prints events until `done` or the end of the session, for at most `limit`.
    /// Returns false on timeout.
    pub async fn until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> bool {
        timeout(limit, async {
            while !done(self) && self.ended.is_none() {
                self.next().await;
            }
        })
        .await
        .is_ok()
    }

    /// Keeps the predicted changes of a step until its answer arrives.
    pub fn expect(&mut self, step: Step, changes: &[Change]) {
        let what: Vec<_> = changes.iter().map(|change| &*change.what).collect();
        self.steps.push_back((step, what.join(", ")));
    }

    fn print(&mut self, event: Event) {
        match self.admission.update(self.studio.admission(), "`code`") {
            Some(AdmissionLine::NewCode(line)) => happens(line),
            Some(AdmissionLine::Paused(line)) => complain(line),
            None => {}
        }
        match event {
            Event::Session(event) => self.print_session_event(event),
            Event::Changed(_) => self.print_changes(),
            Event::Status(status) => self.print_status(status),
            Event::Notice(notice) => happens(format_args!("{notice}")),
            Event::WantsToJoin(request) => {
                let name = request.name.as_deref().unwrap_or("NAME");
                happens(format_args!(
                    "{}: the words are {}; `admit {name}` lets it in",
                    host_words::request_line(&request),
                    request.words.join(" ")
                ));
            }
            Event::Fault(text) => happens(format_args!("{text}")),
            Event::Missed(count) => happens(format_args!("{count} events were missed")),
            _ => {}
        }
    }

    fn print_session_event(&mut self, event: SessionEvent<Studio>) {
        let me = self.studio.identity().client_id;
        let label = |id| words::label(&self.studio.state().model, id);
        let is_other = |info: &OwnerInfo| info.client_id != me;
        match event {
            SessionEvent::Joined(other) if is_other(&other) => {
                happens(format_args!("{other} has joined"))
            }
            SessionEvent::Left(other) if is_other(&other) => {
                happens(format_args!("{other} has left"))
            }
            SessionEvent::Suspended(other) if is_other(&other) => {
                happens(format_args!("{other} is away, and can resume for a minute"));
            }
            SessionEvent::Resumed(other) if is_other(&other) => {
                happens(format_args!("{other} is back"))
            }
            SessionEvent::Ownership { instrument, owner: Some(owner) } => {
                let (name, verb) =
                    if is_other(&owner) { (&*owner.name, "owns") } else { ("you", "own") };
                happens(format_args!("{name} {verb} {}", label(instrument)));
            }
            SessionEvent::Ownership { instrument, owner: None } => {
                // A deletion is printed as such.
                if self.studio.state().model.instruments.contains(instrument) {
                    happens(format_args!("{} is free", label(instrument)));
                }
            }
            SessionEvent::OwnershipRefused { instrument, reason } => {
                self.denied += 1;
                let why = words::request_refusal(&self.studio.state().model, &reason);
                complain(format_args!("you do not get {}: {why}", label(instrument)));
            }
            SessionEvent::Privilege { holder: Some(holder) } => {
                let (name, verb) =
                    if is_other(&holder) { (&*holder.name, "has") } else { ("you", "have") };
                happens(format_args!("{name} {verb} the privilege"));
            }
            SessionEvent::Privilege { holder: None } => happens("the privilege is free"),
            SessionEvent::RoleChanged { participant, role } => {
                let role = match role {
                    Role::Viewer => "viewer",
                    Role::Player => "player",
                };
                match is_other(&participant) {
                    true => happens(format_args!("{participant} is a {role} now")),
                    false => happens(format_args!("you are a {role} now")),
                }
            }
            SessionEvent::PrivilegeRequested { by } => {
                happens(format_args!("{by} asks for the privilege: `yield` gives it up"));
            }
            SessionEvent::PrivilegeDenied { holder, reserved } => {
                self.denied += 1;
                let why = match (holder, reserved) {
                    (None, _) => "you are a viewer".into(),
                    (Some(holder), None) => format!("{holder} has it"),
                    (Some(holder), Some(left)) => {
                        let seconds = left.0.div_ceil(1000);
                        format!("{holder} is away, and keeps it for {seconds} s")
                    }
                };
                complain(format_args!("you do not get the privilege: {why}"));
            }
            SessionEvent::Refused { action, reason } => {
                let what = words::action(&self.studio.state().model, &action);
                let why = words::refusal(&self.studio.state().model, &action, &reason);
                complain(format_args!("undone: {what}: {why}"));
            }
            SessionEvent::Undone(report) => self.print_step(Step::Undo, &report),
            SessionEvent::Redone(report) => self.print_step(Step::Redo, &report),
            SessionEvent::NotRecorded { what, reason } => {
                let why = words::request_refusal(&self.studio.state().model, &reason);
                complain(format_args!("not recorded: {what}: {why}"));
            }
            SessionEvent::NothingUndone { reason } => {
                self.steps.pop_front();
                complain(words::request_refusal(&self.studio.state().model, &reason));
            }
            SessionEvent::NewSession { session, why, unanswered } => {
                self.print_new_session(session, why, unanswered.len());
            }
            SessionEvent::Resynchronised(why) if why.is_repair() => {
                happens(format_args!("full state received: {why}"));
            }
            // Routine full syncs, and your own presence.
            SessionEvent::Resynchronised(_)
            | SessionEvent::Joined(_)
            | SessionEvent::Left(_)
            | SessionEvent::Suspended(_)
            | SessionEvent::Resumed(_)
            | _ => {}
        }
    }

    /// Prints the changes of other participants, and those of a loaded project.
    ///
    /// The snapshot may be ahead of the event, so this compares snapshots and ignores
    /// the event's flags.
    pub fn print_changes(&mut self) {
        let identity = self.studio.identity();
        if identity.session != self.session {
            // A different session is not a change of the old one.
            return;
        }
        let now = self.studio.state();
        let old = std::mem::replace(&mut self.seen, Arc::clone(&now));
        self.mine = identity.instruments.into_iter().collect();
        match words::notice(&old, &now) {
            Some(Ok(done)) => happens(done),
            Some(Err(failed)) => complain(failed),
            None => {}
        }
        let replaced = words::is_replaced(&old, &now);
        for change in words::changes(&old, &now) {
            if replaced {
                happens(change.what);
            } else if !change.is_by(identity.client_id) {
                let by = change.by.as_ref().map_or("unknown", |by| &*by.name);
                happens(format_args!("{by}: {}", change.what));
            }
        }
    }

    fn print_step(&mut self, step: Step, report: &UndoReport) {
        // After a new session, the predicted changes of a step are unknown.
        let (_, what) = self.steps.pop_front().unwrap_or((step, String::new()));
        let done = match step {
            Step::Undo => "undo",
            Step::Redo => "redo",
        };
        let what = if what.is_empty() { &report.step } else { &what };
        let kept = match report.kept {
            0 => String::new(),
            kept => format!("; kept {kept} that other participants have changed since"),
        };
        if report.changed == 0 {
            complain(format_args!("{done}: {}: nothing was left to change{kept}", report.step));
        } else {
            happens(format_args!("{done}: {what}{kept}"));
        }
    }

    fn print_new_session(&mut self, session: SessionId, why: PlaceLoss, lost: usize) {
        let identity = self.studio.identity();
        let state = self.studio.state();
        happens(format_args!("you joined session {} as a new participant: {why}", short(session)));
        let got: BTreeSet<_> = identity.instruments.into_iter().collect();
        if !got.is_empty() {
            let labels: Vec<_> = got.iter().map(|&id| words::label(&state.model, id)).collect();
            happens(format_args!("you own {} again", labels.join(", ")));
        }
        for &id in self.mine.difference(&got) {
            let why = match state.roster.owner(id) {
                Some(owner) => format!("{owner} has it"),
                None => "it does not exist".into(),
            };
            complain(format_args!(
                "you do not get {} again: {why}",
                words::label(&state.model, id)
            ));
        }
        if lost > 0 {
            complain(format_args!("{lost} of your edits were lost with the old session"));
        }
        self.steps.clear();
        self.session = session;
        self.mine = got;
        self.seen = state;
    }

    fn print_status(&mut self, status: Status) {
        match status {
            Status::Reconnecting { reason, .. } => {
                // Every failed attempt sends this status; print it once.
                if std::mem::take(&mut self.connected) {
                    happens(format_args!(
                        "connection lost: {reason}; reconnecting, `show` still works"
                    ));
                }
            }
            Status::Connected { .. } => {
                self.connected = true;
                happens("connected again");
            }
            Status::Closed { reason } => self.ended = Some(reason),
            Status::Alone | Status::Hosting { .. } => {}
        }
    }
}

/// The first eight digits of a session id, enough to tell sessions apart.
pub fn short(session: SessionId) -> String {
    session.to_string().chars().take(8).collect()
}

/// Prints an event.
pub fn happens(line: impl Display) {
    say(printable(&format!("* {line}")));
}

/// Prints an error.
pub fn complain(line: impl Display) {
    say(printable(&format!("! {line}")));
}

/// Prints lines, safely for a terminal. The session continues even if standard output is
/// closed.
pub fn say(lines: impl Display) {
    for line in lines.to_string().lines() {
        let _ = writeln!(std::io::stdout(), "{}", printable(line));
    }
}
