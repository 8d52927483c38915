//! What has happened lately, a line each.

use std::{collections::VecDeque, sync::Arc};

use imbolc_net::{
    Event, NetworkState, SessionEvent,
    dispatcher::{CloseReason, Identity, Status},
    protocol::OwnerInfo,
};
use ratatui::{
    style::Style,
    text::{Line, Span},
};

use crate::{theme, words};

/// How many lines are kept.
const KEPT: usize = 200;

/// What has happened lately.
#[derive(Debug)]
pub struct News {
    lines: VecDeque<Item>,
    /// The snapshot up to which everything is told.
    told: Arc<NetworkState>,
}

/// One thing that has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What.
    pub text: String,
    /// How good that is.
    pub tone: Tone,
    /// How often in a row.
    pub times: u32,
}

/// How good a piece of news is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Something happened.
    Plain,
    /// Something is back, or done.
    Good,
    /// Something was refused, undone or lost.
    Bad,
}

impl News {
    /// No news, as of this snapshot.
    #[must_use]
    pub const fn new(state: Arc<NetworkState>) -> Self {
        Self { lines: VecDeque::new(), told: state }
    }

    /// The lines, the latest first.
    pub fn latest(&self) -> impl Iterator<Item = &Item> {
        self.lines.iter().rev()
    }

    /// As much of the latest as a line of `width` holds, the newest first.
    #[must_use]
    pub fn line(&self, width: usize) -> Line<'_> {
        const BETWEEN: &str = "  ·  ";
        let mut line = Line::default();
        for (at, item) in self.latest().enumerate() {
            let next = item.line();
            let first = at == 0;
            let more = next.width() + if first { 0 } else { BETWEEN.chars().count() };
            if !first && line.width() + more > width {
                break;
            }
            if !first {
                line.push_span(Span::styled(BETWEEN, theme::QUIET));
            }
            line.extend(next);
        }
        line
    }

    /// Adds a line.
    pub fn tell(&mut self, tone: Tone, text: impl Into<String>) {
        let text = text.into();
        match self.lines.back_mut() {
            Some(last) if last.text == text => last.times += 1,
            _ => {
                if self.lines.len() == KEPT {
                    self.lines.pop_front();
                }
                self.lines.push_back(Item { text, tone, times: 1 });
            }
        }
    }

    /// Adds a change. A knob that is swept is one line, with the latest value.
    fn tell_change(&mut self, text: String) {
        let subject = |text: &str| text.rsplit_once(' ').map(|(subject, _)| subject.to_owned());
        match self.lines.back_mut() {
            Some(last) if last.tone == Tone::Plain && subject(&last.text) == subject(&text) => {
                last.text = text;
            }
            _ => self.tell(Tone::Plain, text),
        }
    }

    /// Adds that a step was taken back or done again, but for what others have
    /// changed of it.
    fn tell_step(&mut self, done: &str, kept: u32) {
        let rest = match kept {
            0 => String::new(),
            1 => ", but for one thing that somebody else has changed".into(),
            kept => format!(", but for {kept} things that others have changed"),
        };
        self.tell(Tone::Plain, format!("{done}{rest}"));
    }

    /// Adds what an event says, if that is news to whoever is `me`. `now` is the
    /// snapshot as it stands.
    pub fn take(&mut self, event: Event, now: &Arc<NetworkState>, me: &Identity) {
        match event {
            Event::Session(event) => self.take_session_event(event, now, me),
            Event::Changed(_) => self.take_changes(now, me),
            Event::Status(status) => self.take_status(status),
            Event::Missed(count) => self.tell(Tone::Bad, format!("{count} events were missed")),
            _ => {}
        }
    }

    fn take_session_event(&mut self, event: SessionEvent, now: &Arc<NetworkState>, me: &Identity) {
        let others = |who: &OwnerInfo| who.client_id != me.client_id;
        let named = |id| words::instrument(&now.model, id);
        match event {
            SessionEvent::Joined(who) if others(&who) => {
                self.tell(Tone::Good, format!("{who} has joined"));
            }
            SessionEvent::Left(who) if others(&who) => {
                self.tell(Tone::Plain, format!("{who} has left"))
            }
            SessionEvent::Suspended(who) if others(&who) => {
                self.tell(Tone::Bad, format!("{who} is away; the place is kept"));
            }
            SessionEvent::Resumed(who) if others(&who) => {
                self.tell(Tone::Good, format!("{who} is back"))
            }
            SessionEvent::Ownership { instrument, owner: Some(owner) } if others(&owner) => {
                self.tell(Tone::Plain, format!("{owner} owns {}", named(instrument)));
            }
            SessionEvent::Ownership { instrument, owner: Some(_) } => {
                self.tell(Tone::Good, format!("you own {}", named(instrument)));
            }
            SessionEvent::Ownership { instrument, owner: None }
                if now.model.instruments.contains(instrument) =>
            {
                self.tell(Tone::Plain, format!("nobody owns {}", named(instrument)));
            }
            SessionEvent::OwnershipRefused { instrument, reason } => {
                let text = format!("you do not get {}: {reason}", named(instrument));
                self.tell(Tone::Bad, text);
            }
            SessionEvent::Privilege { holder: Some(holder) } if others(&holder) => {
                self.tell(Tone::Plain, format!("{holder} has the privilege"));
            }
            SessionEvent::Privilege { holder: Some(_) } => {
                self.tell(Tone::Good, "you have the privilege");
            }
            SessionEvent::Privilege { holder: None } => {
                self.tell(Tone::Plain, "nobody has the privilege");
            }
            SessionEvent::PrivilegeDenied { holder } => {
                self.tell(Tone::Bad, format!("you do not get the privilege: {holder} has it"));
            }
            SessionEvent::Refused { action, reason } => {
                let what = words::action(&now.model, &action);
                self.tell(Tone::Bad, format!("undone: {what}: {reason}"));
            }
            SessionEvent::Undone { kept } => self.tell_step("your last step is taken back", kept),
            SessionEvent::Redone { kept } => self.tell_step("your step is done again", kept),
            SessionEvent::NothingUndone { reason } => self.tell(Tone::Bad, reason.to_string()),
            SessionEvent::NewSession { unanswered, .. } => {
                let lost = match unanswered.len() {
                    0 => String::new(),
                    lost => format!("; {lost} of your edits are lost"),
                };
                self.told = Arc::clone(now);
                self.tell(Tone::Bad, format!("this is a new session{lost}"));
            }
            SessionEvent::Resynchronised(why) if why.is_repair() => {
                self.tell(Tone::Bad, format!("everything was sent anew: {why}"));
            }
            // A routine, or one's own coming and going.
            SessionEvent::Resynchronised(_)
            | SessionEvent::Ownership { owner: None, .. }
            | SessionEvent::Joined(_)
            | SessionEvent::Left(_)
            | SessionEvent::Suspended(_)
            | SessionEvent::Resumed(_)
            | _ => {}
        }
    }

    fn take_status(&mut self, status: Status) {
        match status {
            Status::Reconnecting { attempt: Some(why), .. } => {
                self.tell(Tone::Bad, format!("trying again: {why}"));
            }
            Status::Reconnecting { reason, .. } => {
                self.tell(Tone::Bad, format!("the connection is lost: {reason}"));
            }
            Status::Connected { .. } => self.tell(Tone::Good, "connected again"),
            Status::Closed { reason: reason @ CloseReason::ConnectionLost(_) } => {
                self.tell(Tone::Bad, format!("the session is over: {reason}"));
            }
            Status::Closed { reason: CloseReason::ByRequest }
            | Status::Alone
            | Status::Hosting { .. } => {}
        }
    }

    /// What others have changed. One's own edits are no news.
    fn take_changes(&mut self, now: &Arc<NetworkState>, me: &Identity) {
        let old = std::mem::replace(&mut self.told, Arc::clone(now));
        match words::notice(&old.model, &now.model) {
            Some(Ok(done)) => self.tell(Tone::Good, done),
            Some(Err(failed)) => self.tell(Tone::Bad, failed),
            None => {}
        }
        for (by, what) in words::changes(&old.model, &now.model, &now.roster) {
            match by {
                Some(by) if by.client_id == me.client_id => {}
                Some(by) => self.tell_change(format!("{by}: {what}")),
                None => self.tell_change(what),
            }
        }
    }
}

impl Item {
    /// The item as a line on the screen.
    #[must_use]
    pub fn line(&self) -> Line<'_> {
        let style = match self.tone {
            Tone::Plain => Style::new(),
            Tone::Good => theme::WELL,
            Tone::Bad => theme::WRONG,
        };
        let mut line = Line::from(Span::styled(&*self.text, style));
        if self.times > 1 {
            line.push_span(Span::styled(format!(" ×{}", self.times), theme::QUIET));
        }
        line
    }
}
