//! Presence: a silent or disconnected client is suspended, and removed when its
//! resume window is over. Round trips are measured here, too.

use std::time::Duration;

use crate::{
    model::Model,
    protocol::{ClientId, Presence, ProtocolError, Roster},
    sync::session::{
        Session,
        member::{CATCH_UP, ConnectionId, LinkState, Member},
    },
    util::time::{Millis, Timestamp},
};

/// How often the timers are due at least while there are members. 1 s: so a longer
/// gap shows that the host itself was stopped.
const TICK: Duration = Duration::from_secs(1);

/// From which gap on the host was stopped: a lid, a debugger, a machine without
/// memory. 2 s: a timer of a busy machine is not a second late.
const PAUSE: Duration = Duration::from_secs(2);

impl<M: Model> Session<M> {
    /// A connection was lost. Its client is suspended, unless it has a newer
    /// connection. A client that never sent anything after its `Hello` may not
    /// know its place, so it could not resume: it is removed, so that its place
    /// does not block its next attempt.
    pub fn disconnected(&mut self, now: Timestamp, connection: ConnectionId) {
        self.notice_pause(now);
        if self.check(connection).is_ok() {
            self.lose(now, connection.client, self.silent());
        }
    }

    /// The client of `connection` takes bytes of what is sent to it, so it is not
    /// silent: it may not have the means to say anything while a large frame arrives.
    pub fn progressed(&mut self, now: Timestamp, connection: ConnectionId) {
        self.notice_pause(now);
        let silent_at = now + self.config.idle_timeout;
        if self.check(connection).is_ok()
            && let Some(link) = self.link_mut(connection.client)
        {
            link.silent_at = link.silent_at.max(silent_at);
        }
    }

    /// Lets a notice leave, suspends clients that were silent for too long, and removes
    /// those that were away for too long. The time for which the host itself was stopped does
    /// not count.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.notice_pause(now);
        self.notices.advance(now);
        let due: Vec<_> = self
            .members
            .iter()
            .filter(|(_, member)| now >= deadline_of(member))
            .map(|(&client, member)| (client, member.link().is_some()))
            .collect();
        for (client, is_connected) in due {
            if is_connected {
                self.lose(now, client, self.silent());
            } else {
                self.remove(client, self.expired());
            }
        }
        self.update_deadline();
        self.settle_histories(now);
    }

    /// Moves all deadlines if the host was stopped: what the clients sent meanwhile
    /// has to be read before one of them counts as silent or as gone.
    ///
    /// The time in which the host ran between two pauses counts, so that a host which
    /// is always late loses its silent clients all the same.
    pub(super) fn notice_pause(&mut self, now: Timestamp) {
        let gap = now.since(self.awake);
        self.awake = self.awake.max(now);
        if gap >= PAUSE && !self.members.is_empty() {
            for member in self.members.values_mut() {
                let catch_up = std::mem::take(&mut member.catch_up);
                let deadline = deadline_of_mut(member);
                // It ran for up to a tick before it was stopped.
                *deadline = *deadline + gap.saturating_sub(TICK) + catch_up;
            }
            self.update_deadline();
        }
    }

    /// Computes when the next timer is due. To be called when a member is added,
    /// removed or suspended, and when a notice waits; a message only moves a deadline
    /// back.
    pub(super) fn update_deadline(&mut self) {
        let first = self.members.values().map(deadline_of).min();
        let presence = first.map(|first| first.min(self.awake + TICK));
        self.deadline = presence.into_iter().chain(self.notices.deadline()).min();
    }

    /// Suspends a client, or removes it if it could not resume.
    fn lose(&mut self, now: Timestamp, client: ClientId, reason: ProtocolError) {
        match self.members.get(&client) {
            Some(member) if member.has_spoken => self.suspend(now, client),
            _ => self.remove(client, reason),
        }
    }

    fn suspend(&mut self, now: Timestamp, client: ClientId) {
        let until = now + self.config.resume_window;
        if let Some(member) = self.members.get_mut(&client)
            && let Some(link) = member.link_mut()
        {
            let (heard, sent_log) = (link.heard, std::mem::take(&mut link.sent_log));
            self.bases.discard(link.base.take());
            member.link_state = LinkState::Suspended { until, heard, sent_log };
            member.catch_up = CATCH_UP;
        }
        self.update_deadline();
        self.apply_on_release_of_all(client);
        self.set_presence(client, Presence::Away { since: now });
    }

    pub(super) fn remove(&mut self, client: ClientId, reason: ProtocolError) {
        self.apply_on_release_of_all(client);
        if let Some(member) = self.members.remove(&client) {
            self.gone.push_back((member.connection, reason));
            if self.gone.len() > self.config.max_participants as usize {
                self.gone.pop_front();
            }
        }
        self.update_deadline();
        self.logs.remove(&client);
        self.edit_roster(|roster| {
            take_rights(roster, client);
            roster.participants.remove(&client);
        });
    }

    /// A client has answered the ping that was sent at `sent`, so it has received what was
    /// sent before. Only the answer to
    /// the last ping counts: a client could make up any other.
    pub(super) fn measure(&mut self, now: Timestamp, client: ClientId, sent: Timestamp) {
        let Some(member) = self.members.get_mut(&client) else { return };
        let Some(link) = member.link_mut() else { return };
        let answered = link.unanswered_ping.take_if(|(ping, _)| *ping == sent);
        let Some((_, noticed)) = answered else { return };
        let round_trip = now.since(sent);
        link.round_trip = Some(round_trip);
        member.noticed = noticed;
        let about = Some(Millis::about(round_trip));
        let known = self.state.roster.participants.get(&client);
        if known.is_some_and(|participant| participant.round_trip != about) {
            self.edit_roster(|roster| {
                if let Some(participant) = roster.participants.get_mut(&client) {
                    participant.round_trip = about;
                }
            });
        }
    }

    pub(super) fn set_presence(&mut self, client: ClientId, presence: Presence) {
        self.edit_roster(|roster| {
            if let Some(participant) = roster.participants.get_mut(&client) {
                participant.presence = presence;
                participant.round_trip = None;
            }
        });
    }
}

/// Frees what `client` owns. If it holds the privilege, the host gets it.
pub(super) fn take_rights(roster: &mut Roster, client: ClientId) {
    for instrument in roster.owned_by(client).collect::<Vec<_>>() {
        roster.owners.remove(&instrument);
    }
    if roster.is_privileged(client) {
        roster.privileged = roster.as_owner(ClientId::HOST);
    }
}

/// When the member is to be suspended or removed.
const fn deadline_of<M: Model>(member: &Member<M>) -> Timestamp {
    match &member.link_state {
        LinkState::Connected(link) => link.silent_at,
        LinkState::Suspended { until, .. } => *until,
    }
}

const fn deadline_of_mut<M: Model>(member: &mut Member<M>) -> &mut Timestamp {
    match &mut member.link_state {
        LinkState::Connected(link) => &mut link.silent_at,
        LinkState::Suspended { until, .. } => until,
    }
}
