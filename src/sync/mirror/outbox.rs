//! The outbox of a mirror: operations that were not sent, and requests that were not
//! sent or not acknowledged.

use std::collections::VecDeque;

use super::prediction::{PendingOp, Prediction};
use crate::{
    model::Model,
    protocol::{ActionNumber, ClientMessage, limits},
};

pub(super) struct Outbox<M: Model> {
    /// The number of the last operation that was sent.
    pub(super) sent: ActionNumber,
    /// Messages that are not operations. Each is sent after the operations that
    /// were dispatched before it: a client that stops the music and then releases
    /// the privilege must still hold it when the stop arrives.
    outgoing: VecDeque<(ActionNumber, ClientMessage<M>)>,
    /// Messages that were sent, and that the authority may not have received.
    unacked: VecDeque<(ActionNumber, ClientMessage<M>)>,
}

impl<M: Model> Outbox<M> {
    pub(super) const fn new(sent: ActionNumber) -> Self {
        Self { sent, outgoing: VecDeque::new(), unacked: VecDeque::new() }
    }

    /// How many requests wait to be sent or acknowledged.
    pub(super) fn requests(&self) -> usize {
        let waiting = self.outgoing.iter().chain(&self.unacked);
        waiting.filter(|(_, message)| is_request(message)).count()
    }

    /// How many pings of the authority are not answered yet.
    pub(super) fn pongs(&self) -> usize {
        let is_pong = |message: &ClientMessage<M>| matches!(message, ClientMessage::Pong { .. });
        self.outgoing.iter().filter(|(_, message)| is_pong(message)).count()
    }

    /// Queues a message to be sent after the operation `last`. A sign of life goes
    /// first: it must not wait behind a backlog.
    pub(super) fn enqueue(&mut self, last: ActionNumber, message: ClientMessage<M>) {
        if matches!(message, ClientMessage::Ping { .. } | ClientMessage::Pong { .. }) {
            self.outgoing.push_front((ActionNumber::default(), message));
        } else if matches!(message, ClientMessage::RequestFullSync) {
            // One is enough, and the authority decides how often there is another.
            self.outgoing.retain(|(_, known)| *known != message);
            self.unacked.retain(|(_, known)| *known != message);
            self.outgoing.push_back((last, message));
        } else {
            self.outgoing.push_back((last, message));
        }
    }

    pub(super) fn has_messages(&self, prediction: &Prediction<M>) -> bool {
        !self.outgoing.is_empty()
            || prediction.pending.back().is_some_and(|pending| pending.number > self.sent)
    }

    /// The next message to be sent.
    pub(super) fn pull(&mut self, prediction: &Prediction<M>) -> Option<ClientMessage<M>> {
        let next = prediction.after(self.sent);
        let message =
            self.outgoing.pop_front_if(|(after, _)| next.is_none_or(|next| next.number > *after));
        if let Some((after, message)) = message {
            if is_request(&message) {
                self.unacked.push_back((after, message.clone()));
            } else if matches!(message, ClientMessage::Ping { .. }) {
                self.forget_ping_if_many();
                self.unacked.push_back((after, message.clone()));
            }
            return Some(message);
        }
        let PendingOp { number, op, .. } = next?;
        self.sent = *number;
        Some(op.message(*number))
    }

    /// Forgets the oldest ping if the authority has left many unanswered.
    fn forget_ping_if_many(&mut self) {
        let is_ping =
            |(_, message): &(_, ClientMessage<M>)| matches!(message, ClientMessage::Ping { .. });
        if self.unacked.iter().filter(|sent| is_ping(sent)).count() >= limits::PINGS {
            let oldest = self.unacked.iter().position(is_ping);
            oldest.and_then(|oldest| self.unacked.remove(oldest));
        }
    }

    /// The authority has answered this message, so it has received all that were
    /// sent before it.
    pub(super) fn acknowledge(&mut self, is_answered: impl Fn(&ClientMessage<M>) -> bool) {
        if let Some(at) = self.unacked.iter().position(|(_, message)| is_answered(message)) {
            self.unacked.drain(..=at);
        }
    }

    /// A new connection of the same session: the operations after `decided` are
    /// sent again, and the requests, too.
    pub(super) fn resume(&mut self, decided: ActionNumber) {
        self.sent = decided;
        // A request may have been lost, and repeating it is harmless. The other
        // messages were about the old connection.
        self.outgoing = self.unacked.drain(..).chain(self.outgoing.drain(..)).collect();
        self.outgoing.retain(|(_, message)| is_request(message));
    }
}

/// Whether the message is a request that may be repeated.
fn is_request<M: Model>(message: &ClientMessage<M>) -> bool {
    matches!(
        message,
        ClientMessage::RequestOwnership { .. }
            | ClientMessage::ReleaseOwnership { .. }
            | ClientMessage::RequestPrivilege
            | ClientMessage::ReleasePrivilege
            | ClientMessage::RequestFullSync
    )
}
