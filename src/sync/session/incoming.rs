//! The messages of clients after the handshake. Each numbered action is decided
//! exactly once.

use crate::{
    model::{InstrumentId, Model},
    protocol::{
        ActionNumber, ClientId, ClientMessage, ProtocolError, Refusal, Rejection, ServerMessage,
        limits,
    },
    sync::{
        UndoReport,
        session::{
            Session, joining,
            member::{CATCH_UP, ConnectionId, Member},
            ownership::OwnershipAnswer,
        },
        undo::Direction,
    },
    util::time::Timestamp,
};

/// The result of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageOutcome {
    /// The client stays.
    Staying,
    /// The client stays, and its request was refused.
    Refused(Refusal),
    /// The client has left for good. Close its connection.
    Leaving,
}

impl<M: Model> Session<M> {
    /// Handles a message that is not the first of its connection.
    ///
    /// # Errors
    /// If the client broke the protocol, or the connection is not its client's
    /// current one. Close the connection with this error.
    pub fn handle(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        message: ClientMessage<M>,
    ) -> Result<MessageOutcome, ProtocolError> {
        self.heard(now, connection)?;
        let client = connection.client;
        match message {
            ClientMessage::Hello(_) => return Err(ProtocolError::HelloRepeated),
            ClientMessage::Action { number, continues, action } => {
                return self.handle_action(client, number, |session| {
                    session.apply(now, client, &action, continues).map(drop)
                });
            }
            ClientMessage::Batch { number, actions } => {
                return self.handle_action(client, number, |session| {
                    session.apply_batch(now, client, &actions).map(drop)
                });
            }
            ClientMessage::Undo { number } => {
                return self.handle_undo(client, number, Direction::Back);
            }
            ClientMessage::Redo { number } => {
                return self.handle_undo(client, number, Direction::Forth);
            }
            ClientMessage::RequestOwnership { instruments } => {
                check_length(&instruments)?;
                let OwnershipAnswer { granted, refused } = self.claim(client, &instruments);
                self.answer(client, ServerMessage::OwnershipAnswer { granted, refused });
            }
            ClientMessage::ReleaseOwnership { instruments } => {
                check_length(&instruments)?;
                self.release(client, &instruments);
            }
            ClientMessage::RequestPrivilege => {
                let answer = match self.request_privilege(now, client) {
                    Ok(()) => ServerMessage::PrivilegeGranted,
                    Err((holder, reserved)) => ServerMessage::PrivilegeDenied { holder, reserved },
                };
                self.answer(client, answer);
            }
            ClientMessage::ReleasePrivilege => self.release_privilege(client),
            ClientMessage::RequestFullSync => self.request_full_sync(now, client),
            ClientMessage::Ping { nonce } => {
                if let Some(link) = self.link_mut(client) {
                    link.pong = Some(nonce);
                }
            }
            ClientMessage::Pong { nonce } => {
                self.measure(now, client, Timestamp::from_micros(nonce));
            }
            ClientMessage::Goodbye => {
                self.remove(client, ProtocolError::Left);
                return Ok(MessageOutcome::Leaving);
            }
        }
        Ok(MessageOutcome::Staying)
    }

    /// Refuses an action that could not be decoded, so that its sender can
    /// continue.
    ///
    /// # Errors
    /// As [`handle`](Self::handle).
    pub fn handle_unreadable_action(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        number: ActionNumber,
        detail: String,
    ) -> Result<MessageOutcome, ProtocolError> {
        self.heard(now, connection)?;
        self.handle_action(connection.client, number, |_| Err(Refusal::Malformed { detail }))
    }

    /// Whether more may be read from this connection. A client that does not
    /// drain its answers has to wait.
    #[must_use]
    pub fn has_room(&self, connection: ConnectionId) -> bool {
        self.members
            .get(&connection.client)
            .and_then(Member::link)
            .is_none_or(|link| link.answer_items < self.config.max_answers)
    }

    /// Whether answers wait for this connection. A goodbye drops them, so pull before it
    /// is handled.
    #[must_use]
    pub fn has_answers(&self, connection: ConnectionId) -> bool {
        let link = self.members.get(&connection.client).and_then(Member::link);
        self.check(connection).is_ok() && link.is_some_and(|link| !link.answers.is_empty())
    }

    /// Something arrived on a connection, even if it is only a part of a message or
    /// is not handled yet. So a client that is heard is not suspended because its
    /// messages wait for others. [`handle`](Self::handle) does this, too.
    ///
    /// # Errors
    /// If the connection is not its client's current one. Close it with this
    /// error.
    pub fn heard(&mut self, now: Timestamp, connection: ConnectionId) -> Result<(), ProtocolError> {
        self.notice_pause(now);
        self.check(connection)?;
        if let Some(member) = self.members.get_mut(&connection.client) {
            member.has_spoken = true;
            member.catch_up = CATCH_UP;
            if let Some(link) = member.link_mut() {
                // Its deadline moves back, so the session's stays a lower bound.
                link.heard = link.heard.max(now);
                link.silent_at = link.heard + self.config.idle_timeout;
            }
        }
        Ok(())
    }

    /// Decides the action `number`, unless it was decided before.
    fn handle_action(
        &mut self,
        client: ClientId,
        number: ActionNumber,
        decide: impl FnOnce(&mut Self) -> Result<(), Refusal>,
    ) -> Result<MessageOutcome, ProtocolError> {
        let Some(member) = self.members.get_mut(&client) else {
            return Ok(MessageOutcome::Staying);
        };
        let mut outcome = MessageOutcome::Staying;
        let expected = member.last_action.next();
        if number > expected || number == ActionNumber::default() {
            return Err(ProtocolError::ActionOutOfOrder { expected });
        }
        if number == expected {
            member.last_action = number;
            if let Err(reason) = decide(self) {
                outcome = MessageOutcome::Refused(reason.clone());
                self.reject(client, number, reason);
            }
        }
        // An action that was decided before the connection was lost is
        // acknowledged again: the answer may have been lost with it.
        let seq = self.state.seq;
        let through = number.max(ActionNumber(expected.0 - 1));
        if let Some(link) = self.link_mut(client) {
            link.acknowledge = Some((through, seq));
            link.unacknowledged += 1;
        }
        Ok(outcome)
    }

    fn handle_undo(
        &mut self,
        client: ClientId,
        number: ActionNumber,
        direction: Direction,
    ) -> Result<MessageOutcome, ProtocolError> {
        self.handle_action(client, number, |session| {
            let UndoReport { step, changed, kept } = session.apply_undo(client, direction)?;
            session.answer(client, ServerMessage::Undone { number, step, changed, kept });
            Ok(())
        })
    }

    fn reject(&mut self, client: ClientId, number: ActionNumber, reason: Refusal) {
        let limit = self.config.max_rejections;
        if let Some(member) = self.members.get_mut(&client) {
            member.rejections.push_back(Rejection { number, reason: reason.clone() });
            while member.rejections.len() > limit {
                member.rejections.pop_front();
            }
        }
        self.answer(client, ServerMessage::ActionRejected { number, reason });
    }

    fn request_full_sync(&mut self, now: Timestamp, client: ClientId) {
        let interval = self.config.min_full_sync_interval;
        if let Some(link) = self.link_mut(client) {
            let due = link.full_sent.map_or(now, |sent| now.max(sent + interval));
            link.full_due = link.full_due.min(due);
        }
    }
}

fn check_length(instruments: &[InstrumentId]) -> Result<(), ProtocolError> {
    if instruments.len() > limits::REQUESTED_INSTRUMENTS as usize {
        return Err(joining::too_many_instruments());
    }
    Ok(())
}
