//! Who is here, who is away, and who is gone.

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

impl<M: Model> Session<M> {
    /// A connection was lost: its client is suspended, unless it has a newer
    /// one. Who never said anything may never have had its `Welcome`, and so no
    /// token to come back with: its place is not kept, lest it stand in its own
    /// way.
    pub fn disconnected(&mut self, now: Timestamp, ticket: ConnectionId) {
        if self.check(ticket).is_ok() {
            match self.guests.get(&ticket.client) {
                Some(member) if member.has_token => self.suspend(now, ticket.client),
                _ => self.remove(ticket.client),
            }
        }
    }

    /// Suspends who has been silent for too long, and lets go of who has been
    /// away for too long.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let silence = self.config.idle_timeout;
        let due = |member: &Member<M>| now >= deadline(member, silence);
        let late: Vec<_> = self
            .guests
            .iter()
            .filter(|(_, member)| due(member))
            .map(|(&client, member)| (client, member.link().is_some()))
            .collect();
        for (client, connected) in late {
            if connected {
                self.suspend(now, client);
            } else {
                self.remove(client);
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        self.guests.values().map(|member| deadline(member, self.config.idle_timeout)).min()
    }

    fn suspend(&mut self, now: Timestamp, client: ClientId) {
        let until = now + self.config.resume_window;
        if let Some(member) = self.guests.get_mut(&client)
            && let Some(link) = member.link_mut()
        {
            let (heard, sent_log) = (link.heard, std::mem::take(&mut link.sent_log));
            self.history.discard(link.base.take());
            member.link_state = LinkState::Suspended { until, heard, sent_log };
        }
        self.let_go_of_all(client);
        self.set_presence(client, Presence::Away { since: now });
    }

    pub(super) fn remove(&mut self, client: ClientId) {
        self.let_go_of_all(client);
        self.guests.remove(&client);
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

    pub(super) fn let_go_of_all(&mut self, client: ClientId) {
        let owned: Vec<_> = self.state.roster.owned_by(client).collect();
        self.let_go(client, &owned);
    }

    /// A client has answered the ping that was sent at `sent`. Only the last one
    /// counts: what answers nothing says nothing about the line.
    pub(super) fn measure(&mut self, now: Timestamp, client: ClientId, sent: Timestamp) {
        let Some(link) = self.link_mut(client) else { return };
        if link.awaited.take_if(|ping| *ping == sent).is_none() {
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

fn deadline<M: Model>(member: &Member<M>, silence: Duration) -> Timestamp {
    match &member.link_state {
        LinkState::Connected(link) => link.heard + silence,
        LinkState::Suspended { until, .. } => *until,
    }
}
