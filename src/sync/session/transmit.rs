//! What is to be sent to whom, and when: the session has no queues of patches;
//! each connection asks, when it can take more, and gets the difference from
//! what its client has to what stands now.

use std::sync::Arc;

use crate::{
    model::{Metering, Model},
    protocol::{NetworkState, ProtocolError, ServerMessage},
    sync::{
        digester::Digester,
        session::{
            Session,
            member::{ConnectionId, Member},
        },
    },
    util::time::Timestamp,
};

/// What is to be sent over one connection now.
///
/// It is consistent: what the update contains is acknowledged by the messages, or
/// was before, and they go first. An acknowledgement may be ahead of its update.
pub struct Outgoing<M: Model> {
    /// To be sent first, in this order.
    pub messages: Vec<ServerMessage<M>>,
    /// The state, as far as it has moved on.
    pub update: Option<Update<M>>,
    /// The meters, if they have moved.
    pub metering: Option<Metering>,
    /// When to ask again.
    pub next: Next,
}

impl<M: Model> Outgoing<M> {
    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.update.is_none() && self.metering.is_none()
    }
}

/// How a client gets from what it has to what stands now.
#[derive(Clone)]
pub enum Update<M: Model> {
    /// By the difference between two moments. Whoever stands on the same moment
    /// gets the same bytes.
    Patch {
        /// What the client has.
        from: Arc<NetworkState<M>>,
        /// What stands now.
        to: Arc<NetworkState<M>>,
    },
    /// By everything.
    Full(Arc<NetworkState<M>>),
}

/// When a connection must ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// At this time, whatever happens.
    pub at: Timestamp,
    /// As soon as the session has changed. `false` until the next beat, when
    /// something has just left, so that a flood of edits wakes nobody. What comes of
    /// a client's own messages is asked for after they were handled.
    pub on_change: bool,
}

impl<M: Model> Session<M> {
    /// The moment whose digest the next [`pull`](Self::pull) at `now` tells, if it
    /// tells one, and a digester that may work it out beforehand.
    pub(crate) fn digest_due(
        &self,
        now: Timestamp,
        ticket: ConnectionId,
    ) -> Option<(Arc<NetworkState<M>>, Digester<M>)> {
        let link = self.guests.get(&ticket.client)?.link()?;
        let is_due = now >= link.pinged + self.config.heartbeat_interval;
        let base = link.base.as_ref().filter(|_| is_due)?;
        Some((Arc::clone(base), self.digester.clone()))
    }

    /// Takes a digester that has worked it out, and returns the one it replaces.
    pub(crate) const fn put_digester(&mut self, digester: Digester<M>) -> Digester<M> {
        std::mem::replace(&mut self.digester, digester)
    }

    /// What is to be sent over the connection of `ticket` now. What is returned
    /// counts as sent: it must be written whole, or the connection ended.
    ///
    /// # Errors
    /// If the connection is not its client's any more; it is to be closed with
    /// this error.
    pub fn pull(
        &mut self,
        now: Timestamp,
        ticket: ConnectionId,
    ) -> Result<Outgoing<M>, ProtocolError> {
        self.check(ticket)?;
        let Self { config, state, guests, history, digester, metering, pacers, .. } = self;
        let link = guests
            .get_mut(&ticket.client)
            .and_then(|member| member.link_mut())
            .ok_or(ProtocolError::Superseded)?;

        let update = match &link.base {
            Some(_) if now >= link.full_due => Some(Update::Full(Arc::clone(state))),
            Some(from) if !Arc::ptr_eq(from, state) && now >= link.patch_due => {
                Some(Update::Patch { from: Arc::clone(from), to: Arc::clone(state) })
            }
            Some(_) => None,
            None => Some(Update::Full(Arc::clone(state))),
        };

        let mut messages: Vec<_> = std::mem::take(&mut link.answers).into();
        link.answer_items = 0;
        // In a sweep one is told what was decided with the patch that contains it:
        // a frame for each edit would be most of what is written.
        let tells = update.is_some()
            || now >= link.patch_due
            || link.pong.is_some()
            || !messages.is_empty()
            || link.unacknowledged >= config.max_unacknowledged;
        if let Some((through, seq)) = link.acknowledge.take_if(|_| tells) {
            link.unacknowledged = 0;
            messages.push(ServerMessage::ActionsApplied { through, seq });
        }
        if let Some(nonce) = link.pong.take() {
            messages.push(ServerMessage::Pong { nonce });
        }
        if now >= link.pinged + config.heartbeat_interval {
            link.pinged = now;
            link.awaited = Some(now);
            // Of what the client has before the update, which goes last.
            let digest = link.base.as_ref().map(|base| {
                let (digest, replaced) = digester.digest(base);
                history.discard(replaced);
                digest
            });
            messages.push(ServerMessage::Ping { nonce: now.micros(), clock: now, digest });
        }

        if let Some(update) = &update {
            history.discard(link.base.replace(Arc::clone(state)));
            link.sent_log.sent(now, state.seq, link.heard);
            link.patch_due = pacers.patches.strike(now, config.min_patch_interval);
            if matches!(update, Update::Full(_)) {
                link.full_due = now + config.full_sync_interval;
                link.full_sent = Some(now);
            }
            history.remember(now, state, config);
        }

        let (version, latest) = *metering;
        let metering_waits = link.metered != version;
        let metering = (metering_waits && now >= link.metering_due).then(|| {
            link.metered = version;
            link.metering_due = pacers.meterings.strike(now, config.min_metering_interval);
            latest
        });

        let patch_waits = link.base.as_ref().is_none_or(|base| !Arc::ptr_eq(base, state));
        let mut at = link.full_due.min(link.pinged + config.heartbeat_interval);
        // Until then a patch has to wait, and the rest can.
        let paced = now < link.patch_due;
        if paced || patch_waits || link.acknowledge.is_some() {
            at = at.min(link.patch_due.max(now));
        }
        if link.metered != version {
            at = at.min(link.metering_due.max(now));
        }
        let on_change = !patch_waits && !paced;
        if update.is_some() {
            history.thin(now, config, || guests.values().flat_map(Member::may_stand_on).collect());
        }
        Ok(Outgoing { messages, update, metering, next: Next { at, on_change } })
    }
}
