//! What a server asks of the authority for its connections. It knows no sockets.

use std::collections::VecDeque;

use super::{Authority, TURN};
use crate::{
    model::Model,
    protocol::{ActionNumber, ClientMessage, Hello, ProtocolError, Refusal},
    sync::session::{Accepted, ConnectionId, Credentials, MessageOutcome, Outgoing, Rejected},
};

/// A message of a client.
pub(crate) enum Incoming<M: Model> {
    Message(ClientMessage<M>),
    /// An action of which only the number could be decoded.
    Unreadable {
        number: ActionNumber,
        detail: String,
    },
}

impl<M: Model> Incoming<M> {
    /// Whether it is numbered, and answered by a short message.
    pub(crate) const fn is_action(&self) -> bool {
        matches!(
            self,
            Self::Unreadable { .. }
                | Self::Message(
                    ClientMessage::Action { .. }
                        | ClientMessage::Batch { .. }
                        | ClientMessage::Undo { .. }
                        | ClientMessage::Redo { .. }
                )
        )
    }

    pub(crate) const fn is_goodbye(&self) -> bool {
        matches!(self, Self::Message(ClientMessage::Goodbye))
    }
}

impl<M: Model> Authority<M> {
    pub(crate) fn hello(
        &self,
        hello: &Hello,
        credentials: Credentials,
    ) -> Result<Accepted<M>, Rejected> {
        let admission = self.decide(|session, now| session.handle_hello(now, hello, credentials));
        // An old connection of the same client must learn that it is superseded.
        self.changed.send_replace(());
        admission
    }

    /// Handles messages that arrived together, and publishes the result once. It
    /// takes as many of `messages` as fit in one turn, so that the other
    /// participants get theirs; call it again for the rest. A goodbye is left until the
    /// answers to what was before it are pulled. Appends the refusals to
    /// `refused`, and returns whether the client stays.
    ///
    /// # Errors
    /// As [`Session::handle`]. Do not hand over the messages after the faulty one.
    pub(crate) fn handle(
        &self,
        connection: ConnectionId,
        messages: &mut VecDeque<Incoming<M>>,
        refused: &mut Vec<Refusal>,
    ) -> Result<MessageOutcome, ProtocolError> {
        self.transact(|core, now| {
            while let Some(message) = messages.pop_front() {
                if message.is_goodbye() && core.session.has_answers(connection) {
                    messages.push_front(message);
                    break;
                }
                let outcome = match message {
                    Incoming::Message(message) => core.session.handle(now, connection, message),
                    Incoming::Unreadable { number, detail } => {
                        core.session.handle_unreadable_action(now, connection, number, detail)
                    }
                };
                match outcome? {
                    MessageOutcome::Staying => {}
                    MessageOutcome::Refused(reason) => refused.push(reason),
                    MessageOutcome::Leaving => return Ok(MessageOutcome::Leaving),
                }
                if self.clock.now().since(now) >= TURN {
                    break;
                }
            }
            Ok(MessageOutcome::Staying)
        })
    }

    /// Whether more may be handed over before the answers are pulled; `next` has
    /// arrived already.
    pub(crate) fn has_room(&self, connection: ConnectionId, next: Option<&Incoming<M>>) -> bool {
        let core = self.lock();
        let waits = next.is_some_and(Incoming::is_goodbye) && core.session.has_answers(connection);
        !waits && core.session.has_room(connection)
    }

    pub(crate) fn pull(&self, connection: ConnectionId) -> Result<Outgoing<M>, ProtocolError> {
        let now = self.clock.now();
        let mut core = self.lock();
        if let Some((base, mut digester)) = core.session.digest_due(now, connection) {
            drop(core);
            // It takes long after a large change, so it is done without the lock.
            let forgotten = digester.digest(&base);
            core = self.lock();
            let replaced = core.session.put_digester(digester);
            drop(core);
            drop((forgotten, replaced));
            core = self.lock();
        }
        let outgoing = core.session.pull(now, connection);
        core.drain(now);
        let forgotten = std::mem::take(&mut core.forgotten);
        drop(core);
        drop(forgotten);
        outgoing
    }

    /// Bytes have arrived over `connection`.
    pub(crate) fn heard(&self, connection: ConnectionId) {
        // A connection that is not current any more learns it when it pulls.
        let _ = self.lock().session.heard(self.clock.now(), connection);
    }

    /// Bytes were taken by the client of `connection`.
    pub(crate) fn progressed(&self, connection: ConnectionId) {
        self.lock().session.progressed(self.clock.now(), connection);
    }

    pub(crate) fn disconnected(&self, connection: ConnectionId) {
        self.decide(|session, now| session.disconnected(now, connection));
    }
}
