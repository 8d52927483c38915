//! What is sent over a connection, and when. The session queues no patches: each
//! connection pulls when it can take more, and gets the difference from its
//! client's snapshot to the current state.

use std::sync::Arc;

use crate::{
    model::Model,
    protocol::{NetworkState, ProtocolError, ServerMessage},
    sync::{
        digester::Digester,
        session::{
            Pacers, Session, SessionConfig,
            base_log::BaseLog,
            member::{ConnectionId, Link, Member},
        },
    },
    util::time::Timestamp,
};

/// What to send over one connection now.
///
/// Send the messages first: they acknowledge the actions that the update
/// contains, unless those were acknowledged before. An acknowledgement may be
/// ahead of its update.
#[derive(Debug)]
#[must_use = "what is pulled counts as sent"]
pub struct Outgoing<M: Model> {
    /// To be sent first, in this order.
    pub messages: Vec<ServerMessage<M>>,
    /// The change of the state.
    pub update: Option<Update<M>>,
    /// The metering, if it has changed. It is never ahead of the state.
    pub metering: Option<M::Metering>,
    /// When to pull again.
    pub next: Next,
}

impl<M: Model> Outgoing<M> {
    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.update.is_none() && self.metering.is_none()
    }
}

/// How a client gets from its snapshot to the current one.
#[derive(Clone, Debug)]
pub enum Update<M: Model> {
    /// The difference between two snapshots. Clients with the same base get the
    /// same bytes.
    Patch {
        /// The client's snapshot.
        from: Arc<NetworkState<M>>,
        /// The current snapshot.
        to: Arc<NetworkState<M>>,
    },
    /// A full state. It may be older than the current one.
    Full(Arc<NetworkState<M>>),
}

/// When a connection must pull again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// At this time in any case.
    pub at: Timestamp,
    /// Also as soon as the session has changed. `false` within the interval in
    /// which something was sent, so that a flood of edits wakes no connection.
    /// After a client's own messages its connection pulls in any case.
    pub on_change: bool,
}

impl<M: Model> Session<M> {
    /// The snapshot whose digest the next [`pull`](Self::pull) at `now` sends, if
    /// it sends one, and a digester that may compute it beforehand.
    pub(crate) fn digest_due(
        &self,
        now: Timestamp,
        connection: ConnectionId,
    ) -> Option<(Arc<NetworkState<M>>, Digester<M>)> {
        let link = self.members.get(&connection.client)?.link()?;
        let is_due = link.ping_is_due(now, &self.config);
        let base = link.base.as_ref().filter(|_| is_due)?;
        Some((Arc::clone(base), self.digester.clone()))
    }

    /// Takes a digester that has computed the digest, and returns the old one.
    pub(crate) const fn put_digester(&mut self, digester: Digester<M>) -> Digester<M> {
        std::mem::replace(&mut self.digester, digester)
    }

    /// What to send over `connection` now. It counts as sent: write all of it, or
    /// close the connection.
    ///
    /// # Errors
    /// If the connection is not its client's current one. Close it with this
    /// error.
    pub fn pull(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
    ) -> Result<Outgoing<M>, ProtocolError> {
        self.check(connection)?;
        let Self { config, state, members, bases, digester, metering, notices, pacers, .. } = self;
        let fulls = &mut self.latest_full;
        if fulls.as_ref().is_some_and(|(made, _)| now >= *made + config.full_share_interval) {
            bases.discard(fulls.take().map(|(_, full)| full));
        }
        let member = members.get_mut(&connection.client).ok_or(ProtocolError::Superseded)?;
        member.queue_history();
        let link = member.link_mut().ok_or(ProtocolError::Superseded)?;

        let update = link.next_update(now, state, fulls, config);
        let mut messages = link.take_answers(now, update.is_some(), config);
        messages.extend(notices.after(link.noticed).cloned().map(ServerMessage::Notice));
        link.noticed = notices.last();
        // The ping describes the client's state before the update, which is sent
        // last.
        messages.extend(link.take_ping(now, config, digester, bases));
        if let Some(update) = &update {
            link.record_update(now, update, (config, pacers, bases));
        }
        let latest = link.take_metering(now, (state, metering), config, pacers);
        let next = link.schedule(now, state, metering.0, config);
        if update.is_some() {
            bases.thin(now, config, || members.values().flat_map(Member::needed_bases).collect());
        }
        Ok(Outgoing { messages, update, metering: latest, next })
    }
}

impl<M: Model> Link<M> {
    /// The difference, or the full state if one is due. One full state serves every
    /// client that is due while it is fresh, because it is expensive to encode;
    /// what is newer follows in a patch.
    fn next_update(
        &mut self,
        now: Timestamp,
        state: &Arc<NetworkState<M>>,
        latest_full: &mut Option<(Timestamp, Arc<NetworkState<M>>)>,
        config: &SessionConfig,
    ) -> Option<Update<M>> {
        if now >= self.full_due {
            let (made, full) = latest_full.get_or_insert_with(|| (now, Arc::clone(state)));
            if full.seq >= self.newest {
                return Some(Update::Full(Arc::clone(full)));
            }
            self.full_due = *made + config.full_share_interval;
        }
        let from = self.base.as_ref()?;
        (!Arc::ptr_eq(from, state) && now >= self.patch_due)
            .then(|| Update::Patch { from: Arc::clone(from), to: Arc::clone(state) })
    }

    /// The answers, the acknowledgement and the pong.
    fn take_answers(
        &mut self,
        now: Timestamp,
        has_update: bool,
        config: &SessionConfig,
    ) -> Vec<ServerMessage<M>> {
        let mut messages: Vec<_> = std::mem::take(&mut self.answers).into();
        self.answer_items = 0;
        // During a sweep an acknowledgement waits for the patch that contains the
        // edits: a frame for each edit would be most of the traffic.
        let acknowledges = has_update
            || now >= self.patch_due
            || self.pong.is_some()
            || !messages.is_empty()
            || self.unacknowledged >= config.max_unacknowledged;
        if let Some((through, seq)) = self.acknowledge.take_if(|_| acknowledges) {
            self.unacknowledged = 0;
            messages.push(ServerMessage::ActionsApplied { through, seq });
        }
        if let Some(nonce) = self.pong.take() {
            messages.push(ServerMessage::Pong { nonce });
        }
        messages
    }

    fn ping_is_due(&self, now: Timestamp, config: &SessionConfig) -> bool {
        now >= self.pinged + config.heartbeat_interval
    }

    /// The heartbeat, with the digest of the client's snapshot.
    fn take_ping(
        &mut self,
        now: Timestamp,
        config: &SessionConfig,
        digester: &mut Digester<M>,
        bases: &mut BaseLog<M>,
    ) -> Option<ServerMessage<M>> {
        if !self.ping_is_due(now, config) {
            return None;
        }
        self.pinged = now;
        self.unanswered_ping = Some((now, self.noticed));
        let digest = self.base.as_ref().and_then(|base| {
            let (digest, replaced) = digester.digest(base);
            bases.discard(replaced);
            digest
        });
        Some(ServerMessage::Ping { nonce: now.micros(), clock: now, digest })
    }

    fn record_update(
        &mut self,
        now: Timestamp,
        update: &Update<M>,
        (config, pacers, bases): (&SessionConfig, &mut Pacers, &mut BaseLog<M>),
    ) {
        let (Update::Patch { to: state, .. } | Update::Full(state)) = update;
        bases.discard(self.base.replace(Arc::clone(state)));
        self.newest = state.seq;
        self.sent_log.record(now, state.seq, self.heard);
        self.patch_due = pacers.patches.record_send(now, config.min_patch_interval);
        if matches!(update, Update::Full(_)) {
            self.full_due = now + self.full_interval;
            self.full_sent = Some(now);
        }
        bases.remember(now, state, config);
    }

    /// The metering, unless a patch waits: what it says may answer a change that the client
    /// has not seen, e.g. that nothing plays, before the state says where it stopped.
    fn take_metering(
        &mut self,
        now: Timestamp,
        (state, (version, metering)): (&Arc<NetworkState<M>>, &(u64, M::Metering)),
        config: &SessionConfig,
        pacers: &mut Pacers,
    ) -> Option<M::Metering> {
        if self.metered == *version || now < self.metering_due || self.patch_waits(state) {
            return None;
        }
        self.metered = *version;
        self.metering_due = pacers.meterings.record_send(now, config.min_metering_interval);
        Some(metering.clone())
    }

    /// Whether the client lacks the present state, although it has one.
    fn patch_waits(&self, state: &Arc<NetworkState<M>>) -> bool {
        self.base.as_ref().is_some_and(|base| !Arc::ptr_eq(base, state))
    }

    /// When to pull again, after everything that may be sent now was taken.
    fn schedule(
        &self,
        now: Timestamp,
        state: &Arc<NetworkState<M>>,
        metering_version: u64,
        config: &SessionConfig,
    ) -> Next {
        let patch_waits = self.patch_waits(state);
        let mut at = self.full_due.min(self.pinged + config.heartbeat_interval);
        // Until then a patch must wait, and everything else can.
        let is_paced = now < self.patch_due;
        if is_paced || patch_waits || self.acknowledge.is_some() {
            at = at.min(self.patch_due.max(now));
        }
        if self.metered != metering_version && !patch_waits {
            at = at.min(self.metering_due.max(now));
        }
        Next { at, on_change: !patch_waits && !is_paced }
    }
}
