//! Presence: a silent or disconnected client is suspended, and removed when its
//! resume window is over. Round trips are measured here, too.

use std::time::Duration;

use crate::{
    model::Model,
    protocol::{ClientId, Presence},
    sync::session::{
        Session,
        member::{ConnectionId, LinkState, Member},
    },
    util::time::{Millis, Timestamp},
};

/// How long clients are not judged after the host has stood still. 1 s: the
/// connections read what has arrived in far less.
const EXCUSE: Duration = Duration::from_secs(1);

impl<M: Model> Session<M> {
    /// A connection was lost. Its client is suspended, unless it has a newer
    /// connection. A client that never sent anything after its `Hello` may not
    /// have its token, so it could not resume: it is removed, so that its place
    /// does not block its next attempt.
    pub fn disconnected(&mut self, now: Timestamp, connection: ConnectionId) {
        if self.check(connection).is_ok() {
            match self.members.get(&connection.client) {
                Some(member) if member.has_token => self.suspend(now, connection.client),
                _ => self.remove(connection.client),
            }
        }
    }

    /// Bytes have crossed `connection`, even if they complete no message yet. Its client
    /// is not silent.
    pub fn heard(&mut self, now: Timestamp, connection: ConnectionId) {
        if self.check(connection).is_ok()
            && let Some(link) = self.link_mut(connection.client)
        {
            // Its deadline moves back, so the session's stays a lower bound.
            link.alive = now;
        }
    }

    /// The host itself stood still until `now`, so what clients sent meanwhile may not
    /// be read yet. No client counts as silent within the next second.
    pub fn excuse_silence(&mut self, now: Timestamp) {
        let idle_timeout = u64::try_from(self.config.idle_timeout.as_micros()).unwrap_or(u64::MAX);
        let latest = (now + EXCUSE).micros().saturating_sub(idle_timeout);
        for link in self.members.values_mut().filter_map(Member::link_mut) {
            link.alive = link.alive.max(Timestamp::from_micros(latest));
        }
    }

    /// Suspends clients that were silent for too long, and removes those that
    /// were away for too long.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let idle_timeout = self.config.idle_timeout;
        let due: Vec<_> = self
            .members
            .iter()
            .filter(|(_, member)| now >= deadline_of(member, idle_timeout))
            .map(|(&client, member)| (client, member.link().is_some()))
            .collect();
        for (client, is_connected) in due {
            if is_connected {
                self.suspend(now, client);
            } else {
                self.remove(client);
            }
        }
        self.update_deadline();
    }

    /// Computes when the next timer is due. To be called when a member is added,
    /// removed or suspended; a message only moves a deadline back.
    pub(super) fn update_deadline(&mut self) {
        let idle_timeout = self.config.idle_timeout;
        self.deadline = self.members.values().map(|member| deadline_of(member, idle_timeout)).min();
    }

    fn suspend(&mut self, now: Timestamp, client: ClientId) {
        let until = now + self.config.resume_window;
        if let Some(member) = self.members.get_mut(&client)
            && let Some(link) = member.link_mut()
        {
            let (heard, sent_log) = (link.heard, std::mem::take(&mut link.sent_log));
            self.bases.discard(link.base.take());
            member.link_state = LinkState::Suspended { until, heard, sent_log };
        }
        self.update_deadline();
        self.apply_on_release_of_all(client);
        self.set_presence(client, Presence::Away { since: now });
    }

    pub(super) fn remove(&mut self, client: ClientId) {
        self.apply_on_release_of_all(client);
        self.members.remove(&client);
        self.update_deadline();
        self.logs.remove(&client);
        let owned: Vec<_> = self.state.roster.owned_by(client).collect();
        self.edit_roster(|roster| {
            for instrument in &owned {
                roster.owners.remove(instrument);
            }
            if roster.is_privileged(client) {
                roster.privileged = None;
            }
            roster.participants.remove(&client);
        });
    }

    /// A client has answered the ping that was sent at `sent`. Only the answer to
    /// the last ping counts: a client could make up any other.
    pub(super) fn measure(&mut self, now: Timestamp, client: ClientId, sent: Timestamp) {
        let Some(link) = self.link_mut(client) else { return };
        if link.unanswered_ping.take_if(|ping| *ping == sent).is_none() {
            return;
        }
        let round_trip = now.since(sent);
        link.round_trip = Some(round_trip);
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

/// When the member is to be suspended or removed.
fn deadline_of<M: Model>(member: &Member<M>, idle_timeout: Duration) -> Timestamp {
    match &member.link_state {
        LinkState::Connected(link) => link.alive + idle_timeout,
        LinkState::Suspended { until, .. } => *until,
    }
}
