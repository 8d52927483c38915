//! What the session knows of one client: its connection, its last action, its
//! tokens.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use crate::{
    model::Model,
    protocol::{
        ActionNumber, ClientId, HistoryChange, InstanceId, NetworkState, Rejection, Seq,
        ServerMessage, SessionToken,
    },
    security::PublicKey,
    util::time::Timestamp,
};

/// How long the host has to read what arrived while it was stopped. 5 s: it may be
/// the backlog of every client, and the client's next attempt.
pub(super) const CATCH_UP: Duration = Duration::from_secs(5);

/// A client, connected or suspended.
pub(super) struct Member<M: Model> {
    /// Its newest connection.
    pub(super) connection: ConnectionId,
    /// The highest attempt of its connections; 0 if the client does not count them.
    pub(super) attempt: u64,
    /// The key that it has proven to hold; `None` for a plain client.
    pub(super) key: Option<PublicKey>,
    pub(super) instance: Option<InstanceId>,
    /// Those of a plain client.
    pub(super) tokens: Option<Tokens>,
    /// The last decided action.
    pub(super) last_action: ActionNumber,
    /// The latest rejections, in case the answers are lost with the connection.
    pub(super) rejections: VecDeque<Rejection>,
    /// Whether it has sent anything since its handshake, which proves that it knows its
    /// place.
    pub(super) has_spoken: bool,
    /// The latest changes of its undo history that it did not cause, in case they are
    /// lost with the connection.
    pub(super) history: VecDeque<HistoryChange>,
    /// The number of the last notice that it has received for certain. Those that were
    /// sent since may be lost with the connection, so they are sent again.
    pub(super) noticed: u64,
    /// How long the host may catch up with this client after its next pause:
    /// [`CATCH_UP`], once in a silence or an absence.
    pub(super) catch_up: Duration,
    /// Which holder of the privilege was last told that it asks for it, and when.
    pub(super) asked: Option<(ClientId, Timestamp)>,
    pub(super) link_state: LinkState<M>,
}

/// Whether a client can be reached.
pub(super) enum LinkState<M: Model> {
    Connected(Box<Link<M>>),
    Suspended {
        until: Timestamp,
        /// When the client was last heard.
        heard: Timestamp,
        /// The snapshots of which the client may have one.
        sent_log: SentLog,
    },
}

/// One connection of a client. An old connection of the same client has another
/// id, so that it cannot act for the client after a resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId {
    /// The client.
    pub client: ClientId,
    /// The number of the connection in this session.
    pub(super) connection: u64,
}

/// A client's current connection.
pub(super) struct Link<M: Model> {
    /// When the client was last heard.
    pub(super) heard: Timestamp,
    /// When the client is suspended unless it is heard.
    pub(super) silent_at: Timestamp,
    pub(super) pinged: Timestamp,
    /// When the last ping was sent, and the number of the last notice before it, until
    /// it is answered.
    pub(super) unanswered_ping: Option<(Timestamp, u64)>,
    pub(super) round_trip: Option<Duration>,
    /// The client's snapshot; `None` if it must be sent the full state.
    pub(super) base: Option<Arc<NetworkState<M>>>,
    /// The client's snapshot, also if the session does not have it any more. An
    /// older one would be ignored.
    pub(super) newest: Seq,
    /// The snapshots of which the client may have one if it is not heard again.
    pub(super) sent_log: SentLog,
    /// When the next patch may leave.
    pub(super) patch_due: Timestamp,
    /// How often the client is sent a full state without asking.
    pub(super) full_interval: Duration,
    /// When the next full state is sent.
    pub(super) full_due: Timestamp,
    /// When the last full state was sent.
    pub(super) full_sent: Option<Timestamp>,
    /// When the next metering may leave.
    pub(super) metering_due: Timestamp,
    /// The version of the metering that the client has.
    pub(super) metered: u64,
    /// The number of the last notice that was sent.
    pub(super) noticed: u64,
    /// An acknowledgement to be sent: with the next patch, unless another message
    /// is sent before or too many actions wait for it.
    pub(super) acknowledge: Option<(ActionNumber, Seq)>,
    /// How many actions it acknowledges.
    pub(super) unacknowledged: usize,
    pub(super) pong: Option<u64>,
    /// The number of the last change of its history that was sent.
    pub(super) history_sent: u64,
    pub(super) answers: VecDeque<ServerMessage<M>>,
    /// How many items the answers hold.
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

    /// Moves the changes of the history that were not sent in front of the answers:
    /// they must arrive before what is decided later is acknowledged.
    pub(super) fn queue_history(&mut self) {
        let LinkState::Connected(link) = &mut self.link_state else { return };
        let unsent =
            self.history.iter().rev().take_while(|change| change.number > link.history_sent);
        for &change in unsent {
            link.answers.push_front(ServerMessage::HistoryChanged(change));
        }
        link.history_sent = self.history.back().map_or(0, |last| last.number);
    }

    /// The snapshots that may be the client's newest, now or when it resumes.
    pub(super) fn needed_bases(&self) -> impl Iterator<Item = Seq> + '_ {
        let (sent_log, heard) = match &self.link_state {
            LinkState::Connected(link) => (&link.sent_log, link.heard),
            LinkState::Suspended { heard, sent_log, .. } => (sent_log, *heard),
        };
        sent_log.around(heard)
    }
}

impl<M: Model> Link<M> {
    pub(super) fn new(
        now: Timestamp,
        base: Option<Arc<NetworkState<M>>>,
        newest: Seq,
        full_interval: Duration,
        silent_at: Timestamp,
    ) -> Self {
        let mut sent_log = SentLog::default();
        if let Some(base) = &base {
            sent_log.record(now, base.seq, now);
        }
        Self {
            heard: now,
            silent_at,
            pinged: now,
            unanswered_ping: None,
            round_trip: None,
            sent_log,
            patch_due: Timestamp::ZERO,
            full_interval,
            full_due: if base.is_some() { now + full_interval } else { now },
            full_sent: None,
            base,
            newest,
            metering_due: Timestamp::ZERO,
            metered: 0,
            noticed: 0,
            acknowledge: None,
            unacknowledged: 0,
            pong: None,
            history_sent: 0,
            answers: VecDeque::new(),
            answer_items: 0,
        }
    }
}

/// How long before and after a client's last message its connection may have
/// broken. 5 s: a connected client answers a ping every 5 s, and a message on a
/// working connection is not under way for longer.
const BREAK: Duration = Duration::from_secs(5);

/// The snapshots that were sent to a client since shortly before its last
/// message. If its connection is broken, the client has one of the first of
/// these, and nothing newer.
#[derive(Default)]
pub(super) struct SentLog {
    /// In ascending order.
    sent: VecDeque<(Timestamp, Seq)>,
}

impl SentLog {
    /// Records that `seq` is sent at `now` to a client whose last message arrived
    /// at `heard`.
    pub(super) fn record(&mut self, now: Timestamp, seq: Seq, heard: Timestamp) {
        // One from before that time stays, in case nothing was sent since.
        while self.sent.get(1).is_some_and(|(sent, _)| *sent + BREAK < heard) {
            self.sent.pop_front();
        }
        let newest = self.sent.back().map(|(_, newest)| *newest);
        if newest.is_none_or(|newest| newest < seq) {
            self.sent.push_back((now, seq));
        }
    }

    fn around(&self, heard: Timestamp) -> impl Iterator<Item = Seq> + '_ {
        self.sent.iter().take_while(move |(sent, _)| *sent <= heard + BREAK).map(|(_, seq)| *seq)
    }
}

/// The secrets with which a client can resume.
///
/// There are two until the client proves that it received the new one.
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
        // Both are compared, so that the time reveals nothing.
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
