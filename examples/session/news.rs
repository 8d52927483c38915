//! What happens in the session, one readable line each.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt::Display,
    io::Write,
    sync::Arc,
    time::Duration,
};

use imbolc_net::{
    Dispatcher, Event, NetworkState,
    dispatcher::{CloseReason, Events, Status},
    model::InstrumentId,
    protocol::{OwnerInfo, SessionId},
};
use tokio::time::timeout;

use crate::words::{self, Change};

/// Which way through one's own history.
#[derive(Clone, Copy)]
pub enum Step {
    Back,
    Forth,
}

/// Prints what happens, and remembers what was seen last.
pub struct News {
    studio: Arc<dyn Dispatcher>,
    events: Events,
    seen: Arc<NetworkState>,
    session: SessionId,
    mine: BTreeSet<InstrumentId>,
    connected: bool,
    /// What was undone or redone and not answered yet, and what it changes.
    traced: VecDeque<(Step, String)>,
    /// Wishes that were not granted since somebody asked.
    pub denied: usize,
    /// Why the session cannot go on.
    pub ended: Option<CloseReason>,
}

impl News {
    pub fn new(studio: Arc<dyn Dispatcher>) -> Self {
        // First the events, then the snapshot: what happens in between is seen
        // twice rather than not at all.
        let events = studio.events();
        let identity = studio.identity();
        Self {
            seen: studio.state(),
            session: identity.session,
            mine: identity.instruments.into_iter().collect(),
            connected: !matches!(studio.status(), Status::Reconnecting { .. }),
            traced: VecDeque::new(),
            denied: 0,
            ended: None,
            events,
            studio,
        }
    }

    /// Waits for something to happen, and prints it. May be cancelled.
    pub async fn next(&mut self) {
        match self.events.next().await {
            Some(event) => self.print(event),
            None => std::future::pending().await,
        }
    }

    /// Prints what has happened already.
    pub fn catch_up(&mut self) {
        while let Some(event) = self.events.try_next() {
            self.print(event);
        }
    }

    /// Prints what happens until `done`, or for as long as `limit`. Returns
    /// whether it is done.
    pub async fn until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> bool {
        timeout(limit, async {
            while !done(self) && self.ended.is_none() {
                self.next().await;
            }
        })
        .await
        .is_ok()
    }

    /// Looks at the snapshot as it is now, and prints what is new in it.
    pub fn look(&mut self) {
        self.print_changes();
    }

    /// Remembers what a step changes until it is answered.
    pub fn expect(&mut self, step: Step, changes: &[Change]) {
        let what: Vec<_> = changes.iter().map(|change| &*change.what).collect();
        self.traced.push_back((step, what.join(", ")));
    }

    fn print(&mut self, event: Event) {
        let me = self.studio.identity().client_id;
        let label = |id| words::label(&self.studio.state().model, id);
        let others = |who: &OwnerInfo| who.client_id != me;
        match event {
            Event::Changed(_) => self.print_changes(),
            Event::Joined(who) if others(&who) => happens(format_args!("{who} has joined")),
            Event::Left(who) if others(&who) => happens(format_args!("{who} has left")),
            Event::Suspended(who) if others(&who) => {
                happens(format_args!("{who} is away; the place is kept for a minute"));
            }
            Event::Resumed(who) if others(&who) => happens(format_args!("{who} is back")),
            Event::Ownership { instrument, owner: Some(owner) } => {
                let who = if others(&owner) { &*owner.name } else { "you" };
                let owns = if others(&owner) { "owns" } else { "own" };
                happens(format_args!("{who} {owns} {}", label(instrument)));
            }
            Event::Ownership { instrument, owner: None } => {
                // Of what was deleted, it is said that it was.
                if self.studio.state().model.instruments.contains(instrument) {
                    happens(format_args!("nobody owns {}", label(instrument)));
                }
            }
            Event::OwnershipRefused { instrument, reason } => {
                self.denied += 1;
                complain(format_args!("you do not get {}: {reason}", label(instrument)));
            }
            Event::Privilege { holder: Some(holder) } => {
                let who = if others(&holder) { &*holder.name } else { "you" };
                let has = if others(&holder) { "has" } else { "have" };
                happens(format_args!("{who} {has} the privilege"));
            }
            Event::Privilege { holder: None } => happens("nobody has the privilege"),
            Event::PrivilegeDenied { holder } => {
                self.denied += 1;
                complain(format_args!("you do not get the privilege: {holder} has it"));
            }
            Event::Refused { action, reason } => {
                let what = words::action(&self.studio.state().model, &action);
                let why = words::refusal(&action, &reason);
                complain(format_args!("undone: {what}: {why}"));
            }
            Event::Undone { kept } => self.print_step(Step::Back, kept),
            Event::Redone { kept } => self.print_step(Step::Forth, kept),
            Event::NothingUndone { reason } => {
                self.traced.pop_front();
                complain(reason);
            }
            Event::NewSession { session, unanswered } => {
                self.print_new_session(session, unanswered.len());
            }
            Event::Status(status) => self.print_status(status),
            Event::Missed(count) => happens(format_args!("{count} events were missed")),
            Event::Resynchronised(why) if why.is_repair() => {
                happens(format_args!("everything was sent anew: {why}"));
            }
            // A routine, or one's own coming and going.
            Event::Resynchronised(_)
            | Event::Joined(_)
            | Event::Left(_)
            | Event::Suspended(_)
            | Event::Resumed(_) => {}
        }
    }

    /// What somebody else has changed. One's own edits are no news.
    ///
    /// The snapshot may be ahead of the event, so what is different in it is
    /// looked for whatever the event says has changed.
    ///
    /// A project that is loaded is nobody's edit, and news to everybody.
    fn print_changes(&mut self) {
        let identity = self.studio.identity();
        if identity.session != self.session {
            // Another session is not a change of the old one.
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
                let by = change.by.as_ref().map_or("somebody", |by| &*by.name);
                happens(format_args!("{by}: {}", change.what));
            }
        }
    }

    fn print_step(&mut self, step: Step, kept: u32) {
        // Of a step whose answer comes when nobody waits for it any more, only
        // the answer is known.
        let (_, what) = self.traced.pop_front().unwrap_or((step, String::new()));
        let done = match step {
            Step::Back => "undo",
            Step::Forth => "redo",
        };
        let what = if what.is_empty() { "nothing that shows" } else { &what };
        if kept == 0 {
            happens(format_args!("{done}: {what}"));
        } else {
            happens(format_args!(
                "{done}: {what}; the rest ({kept}) stays as somebody else has it by now"
            ));
        }
    }

    fn print_new_session(&mut self, session: SessionId, lost: usize) {
        let identity = self.studio.identity();
        let state = self.studio.state();
        happens(format_args!("this is a new session ({}): the old one is gone", short(session)));
        let got: BTreeSet<_> = identity.instruments.into_iter().collect();
        if !got.is_empty() {
            let labels: Vec<_> = got.iter().map(|&id| words::label(&state.model, id)).collect();
            happens(format_args!("you own {} again", labels.join(", ")));
        }
        for &id in self.mine.difference(&got) {
            let why = match state.roster.owner(id) {
                Some(owner) => format!("{owner} has it"),
                None => "it is not there".into(),
            };
            complain(format_args!(
                "you do not get {} again: {why}",
                words::label(&state.model, id)
            ));
        }
        if lost > 0 {
            complain(format_args!("{lost} of your edits went with the old session"));
        }
        self.traced.clear();
        self.session = session;
        self.mine = got;
        self.seen = state;
    }

    fn print_status(&mut self, status: Status) {
        match status {
            Status::Reconnecting { reason, .. } => {
                // Every attempt that fails says so; once is enough.
                if std::mem::take(&mut self.connected) {
                    happens(format_args!(
                        "connection lost: {reason}; `show` still works, trying again"
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

/// The beginning of a session's id is enough to tell it from another.
pub fn short(session: SessionId) -> String {
    session.to_string().chars().take(8).collect()
}

/// Prints what happens in the session.
pub fn happens(line: impl Display) {
    say(format_args!("* {line}"));
}

/// Prints what does not work.
pub fn complain(line: impl Display) {
    say(format_args!("! {line}"));
}

/// Prints a line. Nobody may be reading any more; the session goes on.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
