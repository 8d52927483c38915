//! The message log: what happened in the session, one line each.
//!
//! It turns events and state changes into text, and knows no terminal.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use imbolc_net::{
    Event, NetworkState, SessionEvent,
    dispatcher::{CloseReason, Identity, Status},
    model::EngineFault,
    protocol::{OwnerInfo, Refusal, Role},
    studio::{Studio, StudioNotice},
    sync::UndoReport,
    util::text::columns,
};
use ratatui::{
    style::Style,
    text::{Line, Span},
};

use crate::{describe, host_words, theme};

/// How many messages are kept.
const CAPACITY: usize = 200;

/// How long the line of messages shows a refusal.
const REFUSAL_TIME: Duration = Duration::from_secs(8);

/// The message log.
#[derive(Debug)]
pub struct MessageLog {
    lines: VecDeque<Message>,
    /// How many were added so far.
    added: usize,
    /// The snapshot up to which changes have been reported.
    reported: Arc<NetworkState>,
    /// The present, as far as refusals know it.
    now: Instant,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The text, in one line.
    pub text: String,
    /// Whether it is good or bad news.
    pub tone: Tone,
    /// How often it was repeated in a row.
    pub times: u32,
    /// When it leaves the line of messages; `None` if newer ones push it out.
    pub until: Option<Instant>,
}

/// Whether a message is good or bad news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Neutral.
    Plain,
    /// Something was restored or completed.
    Good,
    /// Something was rejected, undone or lost.
    Bad,
}

impl MessageLog {
    /// An empty log; changes are reported relative to `state`.
    #[must_use]
    pub fn new(state: Arc<NetworkState>) -> Self {
        Self { lines: VecDeque::new(), added: 0, reported: state, now: Instant::now() }
    }

    /// The messages, the latest first.
    pub fn latest(&self) -> impl Iterator<Item = &Message> {
        self.lines.iter().rev()
    }

    /// How many messages were added so far. A repetition or a further step of a sweep
    /// changes the latest one instead.
    #[must_use]
    pub const fn added(&self) -> usize {
        self.added
    }

    /// As many of the latest messages as fit into `width` columns, the latest last.
    #[must_use]
    pub fn line(&self, width: usize) -> Line<'_> {
        const BETWEEN: &str = "  ·  ";
        let mut shown = Vec::new();
        let mut room = width;
        for item in self.latest().filter(|item| item.is_shown(self.now)) {
            let next = item.line();
            let between = if shown.is_empty() { 0 } else { columns(BETWEEN) };
            // The latest is shown even if it does not fit.
            match room.checked_sub(next.width() + between) {
                Some(left) => room = left,
                None if shown.is_empty() => room = 0,
                None => break,
            }
            shown.push(next);
        }
        let mut line = Line::default();
        for next in shown.into_iter().rev() {
            if !line.spans.is_empty() {
                line.push_span(Span::styled(BETWEEN, theme::DIM));
            }
            line.extend(next);
        }
        line
    }

    /// Adds a message; a repetition is counted instead.
    pub fn push(&mut self, tone: Tone, text: impl Into<String>) {
        self.add(tone, text.into(), None);
    }

    /// Adds why something is not done; it leaves the line of messages after a while.
    pub fn refuse(&mut self, text: impl Into<String>) {
        self.add(Tone::Bad, text.into(), Some(self.now.max(Instant::now()) + REFUSAL_TIME));
    }

    fn add(&mut self, tone: Tone, text: String, until: Option<Instant>) {
        match self.lines.back_mut() {
            Some(last) if last.text == text => {
                last.times += 1;
                last.until = until;
            }
            _ => {
                if self.lines.len() == CAPACITY {
                    self.lines.pop_front();
                }
                self.lines.push_back(Message { text, tone, times: 1, until });
                self.added += 1;
            }
        }
    }

    /// Hides the refusals whose time is over; returns whether one left the line.
    pub fn pass(&mut self, now: Instant) -> bool {
        let before = std::mem::replace(&mut self.now, now);
        self.lines.iter().any(|item| item.is_shown(before) && !item.is_shown(now))
    }

    /// Whether a refusal is shown, which will leave.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        self.lines.iter().any(|item| item.until.is_some() && item.is_shown(self.now))
    }

    /// Adds a change. Sweeping a parameter yields one message with the latest value.
    fn push_change(&mut self, text: String) {
        match self.lines.back_mut() {
            Some(last) if last.tone == Tone::Plain && is_sweep(&last.text, &text) => {
                last.text = text;
            }
            _ => self.push(Tone::Plain, text),
        }
    }

    /// Adds an undo or redo: what it has changed, and what others have overwritten.
    fn push_undo(&mut self, done: &str, report: &UndoReport) {
        let step = if report.step.is_empty() { "your last step" } else { &report.step };
        let rest = match (report.changed, report.kept) {
            (0, 0) => ": nothing was left to change".into(),
            (0, _) => ": nothing was left to change, others have overwritten it".into(),
            (_, 0) => String::new(),
            (_, 1) => ", except one change that another participant has overwritten".into(),
            (_, kept) => format!(", except {kept} changes that others have overwritten"),
        };
        let tone = if report.changed == 0 { Tone::Bad } else { Tone::Plain };
        self.push(tone, format!("{done}: {step}{rest}"));
    }

    /// Adds the message of an event, from the point of view of `me`. `now` is the
    /// current snapshot.
    pub fn record(&mut self, event: Event, now: &Arc<NetworkState>, me: &Identity) {
        match event {
            Event::Session(event) => self.record_session_event(event, now, me),
            Event::Changed(_) => self.record_changes(now, me),
            Event::Status(status) => self.record_status(status),
            Event::Notice(notice) => {
                let tone = match notice {
                    StudioNotice::Engine(EngineFault::Restarted | EngineFault::Unblocked) => {
                        Tone::Good
                    }
                    StudioNotice::Sound(_) => Tone::Plain,
                    _ => Tone::Bad,
                };
                self.push(tone, notice.to_string());
            }
            Event::WantsToJoin(request) => {
                let request = host_words::request_line(&request);
                self.push(Tone::Good, format!("{request}: 8 shows the words"));
            }
            Event::Fault(text) => self.push(Tone::Bad, text),
            Event::Missed(count) => {
                self.push(Tone::Bad, format!("{count} events were missed"));
            }
            _ => {}
        }
    }

    fn record_session_event(
        &mut self,
        event: SessionEvent<Studio>,
        now: &Arc<NetworkState>,
        me: &Identity,
    ) {
        let others = |participant: &OwnerInfo| participant.client_id != me.client_id;
        match event {
            SessionEvent::Joined(participant) if others(&participant) => {
                let hint = if was_alone(now, me) { ": c claims what has no owner" } else { "" };
                self.push(Tone::Good, format!("{participant} has joined{hint}"));
            }
            SessionEvent::Left(participant) if others(&participant) => {
                self.push(Tone::Plain, format!("{participant} has left"));
            }
            SessionEvent::Suspended(participant) if others(&participant) => {
                self.push(Tone::Bad, format!("{participant} is away; their place is kept"));
            }
            SessionEvent::Resumed(participant) if others(&participant) => {
                self.push(Tone::Good, format!("{participant} is back"));
            }
            SessionEvent::Refused { action, reason } => {
                let what = describe::step_text(&now.model, &action);
                let why = describe::refusal_text(now, &reason);
                self.refuse(format!("{why} (undone: {what})"));
            }
            SessionEvent::Undone(report) => self.push_undo("undid", &report),
            SessionEvent::Redone(report) => self.push_undo("redid", &report),
            SessionEvent::NotRecorded { what, reason } => {
                let why = describe::refusal_text(now, &reason);
                self.push(Tone::Bad, format!("not recorded: {what}: {why}"));
            }
            SessionEvent::NothingUndone { reason } => {
                self.refuse(describe::refusal_text(now, &reason));
            }
            SessionEvent::NewSession { why, unanswered, .. } => {
                let lost = match unanswered.len() {
                    0 => String::new(),
                    lost => format!("; {lost} of your edits are lost"),
                };
                self.reported = Arc::clone(now);
                self.push(Tone::Bad, format!("you joined again as a new participant: {why}{lost}"));
            }
            SessionEvent::Resynchronised(why) if why.is_repair() => {
                self.push(Tone::Bad, format!("resynchronised: {why}"));
            }
            // Routine, or about this participant itself.
            SessionEvent::Resynchronised(_)
            | SessionEvent::Joined(_)
            | SessionEvent::Left(_)
            | SessionEvent::Suspended(_)
            | SessionEvent::Resumed(_) => {}
            rights => self.record_rights(rights, now, me),
        }
    }

    /// Adds the message of an event about ownership or the privilege.
    fn record_rights(
        &mut self,
        event: SessionEvent<Studio>,
        now: &Arc<NetworkState>,
        me: &Identity,
    ) {
        let others = |participant: &OwnerInfo| participant.client_id != me.client_id;
        let named = |id| describe::instrument_label(&now.model, id);
        match event {
            SessionEvent::Ownership { instrument, owner: Some(owner) } if others(&owner) => {
                self.push(Tone::Plain, format!("{owner} owns {}", named(instrument)));
            }
            SessionEvent::Ownership { instrument, owner: Some(_) } => {
                self.push(Tone::Good, format!("you own {}", named(instrument)));
            }
            SessionEvent::Ownership { instrument, owner: None }
                if now.model.instruments.contains(instrument) =>
            {
                self.push(Tone::Plain, format!("{} has no owner", named(instrument)));
            }
            SessionEvent::OwnershipRefused { instrument, reason } => {
                let why = describe::refusal_text(now, &reason);
                self.refuse(match reason {
                    Refusal::NotOwner { .. } => why,
                    _ => format!("{} is not yours: {why}", named(instrument)),
                });
            }
            SessionEvent::Privilege { holder: Some(holder) } if others(&holder) => {
                self.push(Tone::Plain, format!("{holder} has the privilege"));
            }
            SessionEvent::Privilege { holder: Some(_) } => {
                self.push(Tone::Good, "you have the privilege");
            }
            SessionEvent::Privilege { holder: None } => {
                self.push(Tone::Plain, "the privilege is free: P takes it");
            }
            SessionEvent::RoleChanged { participant, role } => {
                let who = if others(&participant) { &*participant.name } else { "you" };
                let is = if others(&participant) { "is" } else { "are" };
                let (tone, what) = match role {
                    Role::Viewer => (Tone::Plain, "viewer"),
                    Role::Player => (Tone::Good, "player"),
                };
                self.push(tone, format!("{who} {is} a {what} now"));
            }
            SessionEvent::PrivilegeRequested { by } => {
                self.push(Tone::Good, format!("{by} asks for the privilege: P gives it up"));
            }
            SessionEvent::PrivilegeDenied { holder: None, .. } => {
                self.refuse(Refusal::Viewer.to_string());
            }
            SessionEvent::PrivilegeDenied { holder: Some(holder), reserved: None }
                if now.roster.is_away(holder.client_id) =>
            {
                self.refuse(format!("{holder} has the privilege and is away"));
            }
            SessionEvent::PrivilegeDenied { holder: Some(holder), reserved: None } => {
                self.refuse(format!("{holder} has the privilege, and is told that you ask for it"));
            }
            SessionEvent::PrivilegeDenied { holder: Some(holder), reserved: Some(left) } => {
                let seconds = left.0.div_ceil(1000);
                let text = format!("{holder} has the privilege and is away: free in {seconds} s");
                self.refuse(text);
            }
            _ => {}
        }
    }

    fn record_status(&mut self, status: Status) {
        match status {
            Status::Reconnecting { attempt: Some(why), .. } => {
                self.push(Tone::Bad, format!("reconnecting failed: {why}"));
            }
            Status::Reconnecting { reason, .. } => {
                self.push(Tone::Bad, format!("connection lost: {reason}"));
            }
            Status::Connected { .. } => self.push(Tone::Good, "reconnected"),
            Status::Closed { reason: reason @ CloseReason::ConnectionLost(_) } => {
                self.push(Tone::Bad, format!("the session is over: {reason}"));
            }
            Status::Closed { .. } | Status::Alone | Status::Hosting { .. } => {}
        }
    }

    /// Adds the changes that other participants have made since the last call.
    fn record_changes(&mut self, now: &Arc<NetworkState>, me: &Identity) {
        let old = std::mem::replace(&mut self.reported, Arc::clone(now));
        match describe::project_notice(&old.model, &now.model) {
            Some(Ok(done)) => {
                self.push(Tone::Good, done);
                if describe::is_replaced(&now.model) {
                    return;
                }
            }
            Some(Err(failed)) => self.push(Tone::Bad, failed),
            None => {}
        }
        for (by, what) in describe::change_texts(&old.model, &now.model, &now.roster) {
            match by {
                Some(by) if by.client_id == me.client_id => {}
                Some(by) => self.push_change(format!("{by}: {what}")),
                None => self.push_change(what),
            }
        }
    }
}

/// Whether two changes differ only in the value at their end, with its unit.
fn is_sweep(before: &str, after: &str) -> bool {
    let [before, after] = [before, after].map(|text| text.split(' ').collect::<Vec<_>>());
    let same = before.iter().zip(&after).take_while(|(before, after)| before == after).count();
    let is_value = |rest: &[&str]| match rest {
        [_] => true,
        [number, _] => number.contains(|it: char| it.is_ascii_digit() || it == '∞'),
        _ => false,
    };
    same > 0 && is_value(&before[same..]) && is_value(&after[same..])
}

/// Whether a participant has just joined who was preceded by `me` alone, and there is
/// something that both can claim.
fn was_alone(now: &NetworkState, me: &Identity) -> bool {
    let NetworkState { model, roster, .. } = now;
    let are_two = roster.participants.len() == 2;
    are_two
        && roster.participants.contains_key(&me.client_id)
        && model.instruments.iter().any(|(id, _)| roster.owner(id).is_none())
}

impl Message {
    fn is_shown(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// The message as a line of text on the screen.
    #[must_use]
    pub fn line(&self) -> Line<'_> {
        let style = match self.tone {
            Tone::Plain => Style::new(),
            Tone::Good => theme::GOOD,
            Tone::Bad => theme::ERROR,
        };
        let mut line = Line::from(Span::styled(&*self.text, style));
        if self.times > 1 {
            line.push_span(Span::styled(format!(" ×{}", self.times), theme::DIM));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::is_sweep;

    #[test]
    fn sweep_is_one_message_whatever_its_unit() {
        let cutoff = |value| format!("ben: 2 Lead: filter cutoff {value}");
        assert!(is_sweep(&cutoff("512 Hz"), &cutoff("1.2 kHz")));
        assert!(is_sweep("ben: 2 Lead: mute on", "ben: 2 Lead: mute off"));
        assert!(is_sweep("ben: 2 Lead: level -∞ dB", "ben: 2 Lead: level -60.0 dB"));
        assert!(!is_sweep("ben: 2 Lead: pan L20", "ben: 2 Lead: mute on"));
        assert!(!is_sweep(&cutoff("512 Hz"), "ben: 2 Lead: level -6.0 dB"));
    }
}
