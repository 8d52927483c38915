//! What the session remembers of one guest.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use crate::{
    clock::Timestamp,
    model::Model,
    protocol::{ActionNumber, ClientId, NetworkState, Rejection, Seq, ServerMessage, SessionToken},
};

/// A guest, here or away.
pub(super) struct Member<M: Model> {
    pub(super) tokens: Tokens,
    /// The last action that was decided.
    pub(super) last_action: ActionNumber,
    /// The latest of its actions that were rejected, in case the answers are
    /// lost with the connection.
    pub(super) rejections: VecDeque<Rejection>,
    pub(super) line: Line<M>,
}

/// Whether a guest can be reached.
pub(super) enum Line<M: Model> {
    Connected(Box<Link<M>>),
    Suspended { until: Timestamp },
}

/// Tells a client's connections apart, so that an old one cannot speak for it
/// once a new one has taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
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
    pub(super) round_trip: Option<Duration>,
    /// The moment that the client has; `None` if it must be sent everything.
    pub(super) base: Option<Arc<NetworkState<M>>>,
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
    /// An acknowledgement that is to be sent.
    pub(super) acknowledge: Option<(ActionNumber, Seq)>,
    pub(super) pong: Option<u64>,
    pub(super) answers: VecDeque<ServerMessage<M>>,
}

impl<M: Model> Member<M> {
    pub(super) fn link(&self) -> Option<&Link<M>> {
        match &self.line {
            Line::Connected(link) => Some(link),
            Line::Suspended { .. } => None,
        }
    }

    pub(super) fn link_mut(&mut self) -> Option<&mut Link<M>> {
        match &mut self.line {
            Line::Connected(link) => Some(link),
            Line::Suspended { .. } => None,
        }
    }
}

impl<M: Model> Link<M> {
    pub(super) const fn new(
        connection: u64,
        now: Timestamp,
        base: Option<Arc<NetworkState<M>>>,
        full_due: Timestamp,
    ) -> Self {
        Self {
            connection,
            heard: now,
            pinged: now,
            round_trip: None,
            base,
            patch_due: Timestamp::ZERO,
            full_due,
            full_sent: None,
            metering_due: Timestamp::ZERO,
            metered: 0,
            acknowledge: None,
            pong: None,
            answers: VecDeque::new(),
        }
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
