//! What the session remembers of one guest.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use crate::{
    model::Model,
    protocol::{ActionNumber, ClientId, NetworkState, Rejection, Seq, ServerMessage, SessionToken},
    util::time::Timestamp,
};

/// A guest, here or away.
pub(super) struct Member<M: Model> {
    pub(super) tokens: Tokens,
    /// The last action that was decided.
    pub(super) last_action: ActionNumber,
    /// The latest of its actions that were rejected, in case the answers are
    /// lost with the connection.
    pub(super) rejections: VecDeque<Rejection>,
    /// Whether it has said anything since it was let in, so that it is known to
    /// have its token.
    pub(super) has_token: bool,
    pub(super) link_state: LinkState<M>,
}

/// Whether a guest can be reached.
pub(super) enum LinkState<M: Model> {
    Connected(Box<Link<M>>),
    Suspended {
        until: Timestamp,
        /// The last sign of life.
        heard: Timestamp,
        /// What it may have nothing newer than.
        sent_log: SentLog,
    },
}

/// Tells a client's connections apart, so that an old one cannot speak for it
/// once a new one has taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId {
    /// The client.
    pub client: ClientId,
    /// Which of its connections.
    pub(super) connection: u64,
}

/// A guest's connection.
pub(super) struct Link<M: Model> {
    pub(super) connection: u64,
    /// The last sign of life.
    pub(super) heard: Timestamp,
    pub(super) pinged: Timestamp,
    /// Which ping is not answered yet.
    pub(super) awaited: Option<Timestamp>,
    pub(super) round_trip: Option<Duration>,
    /// The moment that the client has; `None` if it must be sent everything.
    pub(super) base: Option<Arc<NetworkState<M>>>,
    /// What the client may have nothing newer than, if it is not heard again.
    pub(super) sent_log: SentLog,
    /// When the next patch may leave.
    pub(super) patch_due: Timestamp,
    /// When everything is sent again.
    pub(super) full_due: Timestamp,
    /// When everything was last sent.
    pub(super) full_sent: Option<Timestamp>,
    /// When the next metering may leave.
    pub(super) metering_due: Timestamp,
    /// Which metering the client has.
    pub(super) metered: u64,
    /// An acknowledgement that is to be sent: with the next patch, unless
    /// something else is to be said before or there is too much of it.
    pub(super) acknowledge: Option<(ActionNumber, Seq)>,
    /// How many actions it acknowledges.
    pub(super) unacknowledged: usize,
    pub(super) pong: Option<u64>,
    pub(super) answers: VecDeque<ServerMessage<M>>,
    /// How many items those have, themselves included.
    pub(super) answer_items: usize,
}

impl<M: Model> Member<M> {
    pub(super) fn link(&self) -> Option<&Link<M>> {
        match &self.link_state {
            LinkState::Connected(link) => Some(link),
            LinkState::Suspended { .. } => None,
        }
    }

    pub(super) fn link_mut(&mut self) -> Option<&mut Link<M>> {
        match &mut self.link_state {
            LinkState::Connected(link) => Some(link),
            LinkState::Suspended { .. } => None,
        }
    }

    /// The moments of which one may be the newest that it has, now or when it
    /// comes back.
    pub(super) fn may_stand_on(&self) -> impl Iterator<Item = Seq> + '_ {
        let (sent_log, heard) = match &self.link_state {
            LinkState::Connected(link) => (&link.sent_log, link.heard),
            LinkState::Suspended { heard, sent_log, .. } => (sent_log, *heard),
        };
        sent_log.about(heard)
    }
}

impl<M: Model> Link<M> {
    pub(super) fn new(
        connection: u64,
        now: Timestamp,
        base: Option<Arc<NetworkState<M>>>,
        full_due: Timestamp,
    ) -> Self {
        let mut sent_log = SentLog::default();
        if let Some(base) = &base {
            sent_log.sent(now, base.seq, now);
        }
        Self {
            connection,
            heard: now,
            pinged: now,
            awaited: None,
            round_trip: None,
            base,
            sent_log,
            patch_due: Timestamp::ZERO,
            full_due,
            full_sent: None,
            metering_due: Timestamp::ZERO,
            metered: 0,
            acknowledge: None,
            unacknowledged: 0,
            pong: None,
            answers: VecDeque::new(),
            answer_items: 0,
        }
    }
}

/// How long before and after the last sign of life of a client its connection
/// may have broken. 5 s: who is there answers a ping every 5 s, and what was on
/// its way is not older than that on a line that still works.
const BREAK: Duration = Duration::from_secs(5);

/// The moments that were sent to a client since shortly before it was last heard
/// from. If its connection is broken, it has one of the first of these, and
/// nothing newer.
#[derive(Default)]
pub(super) struct SentLog {
    /// When, and which, in order.
    sent: VecDeque<(Timestamp, Seq)>,
}

impl SentLog {
    /// `seq` is sent at `now` to a client that was last heard from at `heard`.
    pub(super) fn sent(&mut self, now: Timestamp, seq: Seq, heard: Timestamp) {
        // One from before that time stays: nothing may have been sent since.
        while self.sent.get(1).is_some_and(|(sent, _)| *sent + BREAK < heard) {
            self.sent.pop_front();
        }
        let newest = self.sent.back().map(|(_, newest)| *newest);
        if newest.is_none_or(|newest| newest < seq) {
            self.sent.push_back((now, seq));
        }
    }

    fn about(&self, heard: Timestamp) -> impl Iterator<Item = Seq> + '_ {
        self.sent.iter().take_while(move |(sent, _)| *sent <= heard + BREAK).map(|(_, seq)| *seq)
    }
}

/// The secrets by which a guest is known when it comes back.
///
/// There are two for as long as nobody knows whether the answer that carried
/// the new one arrived.
pub(super) struct Tokens {
    /// The one that the client has shown.
    shown: Option<SessionToken>,
    /// The one that it was given last.
    given: SessionToken,
}

impl Tokens {
    pub(super) const fn new(given: SessionToken) -> Self {
        Self { shown: None, given }
    }

    pub(super) fn knows(&self, token: SessionToken) -> bool {
        // Both are compared, so that the time tells nothing.
        let given = self.given == token;
        let shown = self.shown.is_some_and(|shown| shown == token);
        given | shown
    }

    /// The client has shown `shown` and is given `next`.
    pub(super) fn renew(&mut self, shown: SessionToken, next: SessionToken) {
        self.shown = Some(shown);
        self.given = next;
    }
}
