//! The privilege to control the transport, the session's settings and the buses.
//! At most one participant holds it.

use std::time::Duration;

use crate::{
    model::Model,
    protocol::{ClientId, OwnerInfo, ServerMessage},
    sync::{
        SessionEvent,
        session::{Session, SessionConfig, member::LinkState},
    },
    util::time::{Millis, Timestamp},
};

/// How often the holder is told that the same client asks for the privilege. 5 s: a
/// client that asks in a loop is not what the holder looks at.
const ASK_INTERVAL: Duration = Duration::from_secs(5);

/// How many requests may wait until a holder reads them. 16: clients that join and leave
/// in a loop must not fill its connection.
const MAX_WAITING: usize = 16;

impl<M: Model> Session<M> {
    /// Gives `client` the privilege if it is free, if `client` is the host, or if
    /// its holder has been away for [`SessionConfig::privilege_hold`]: on stage, the
    /// music must be stoppable, but a short cut must cost nobody the privilege.
    ///
    /// # Errors
    /// Otherwise, with the holder, which is told, and how long the privilege is still
    /// reserved for it if it is away; without a holder if `client` is a viewer.
    pub fn request_privilege(
        &mut self,
        now: Timestamp,
        client: ClientId,
    ) -> Result<(), (Option<OwnerInfo>, Option<Millis>)> {
        self.notice_pause(now);
        let roster = &self.state.roster;
        if roster.is_viewer(client) {
            return Err((None, None));
        }
        if let Some(holder) = roster.privileged.as_ref().filter(|_| client != ClientId::HOST) {
            let reserved = self.reserved_privilege(now, holder.client_id);
            if holder.client_id != client && reserved != Some(Duration::ZERO) {
                let holder = holder.clone();
                if reserved.is_none() {
                    self.tell_holder(now, client, holder.client_id);
                }
                return Err((Some(holder), reserved.map(Millis::of)));
            }
        }
        if roster.is_privileged(client) {
            return Ok(());
        }
        let Some(taker) = roster.as_owner(client) else { return Ok(()) };
        if let Some(holder) = roster.privileged.clone() {
            self.answer(holder.client_id, ServerMessage::PrivilegeRevoked { by: taker.clone() });
        }
        self.edit_roster(|roster| roster.privileged = Some(taker));
        Ok(())
    }

    /// Tells the holder of the privilege that `client` asks for it, unless this holder was
    /// told within [`ASK_INTERVAL`], or does not read what it is told.
    fn tell_holder(&mut self, now: Timestamp, client: ClientId, holder: ClientId) {
        let Some(by) = self.state.roster.as_owner(client) else { return };
        // A client that asks in its `Hello` is no member yet, and asks for the first time.
        if let Some(member) = self.members.get_mut(&client) {
            if member.asked.is_some_and(|(told, at)| told == holder && now < at + ASK_INTERVAL) {
                return;
            }
            member.asked = Some((holder, now));
        }
        if holder == ClientId::HOST {
            self.news.push_back(SessionEvent::PrivilegeRequested { by });
            return;
        }
        let is_request = |answer: &&_| matches!(answer, ServerMessage::PrivilegeRequested { .. });
        let Some(link) = self.link_mut(holder) else { return };
        if link.answers.iter().filter(is_request).count() < MAX_WAITING {
            self.answer(holder, ServerMessage::PrivilegeRequested { by });
        }
    }

    /// How long the privilege is reserved for `holder` if it is away.
    fn reserved_privilege(&self, now: Timestamp, holder: ClientId) -> Option<Duration> {
        let SessionConfig { privilege_hold, resume_window, .. } = self.config;
        match self.members.get(&holder)?.link_state {
            LinkState::Suspended { until, .. } => {
                Some((until + privilege_hold).since(now + resume_window))
            }
            LinkState::Connected(_) => None,
        }
    }

    /// Takes the privilege from `client`, if it holds it.
    pub fn release_privilege(&mut self, client: ClientId) {
        if self.state.roster.is_privileged(client) {
            self.edit_roster(|roster| roster.privileged = None);
        }
    }
}
