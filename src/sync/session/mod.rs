//! The rules of a session, as the authority follows them: who takes part, who
//! may do what, what is sent to whom, who is gone and who may come back.
//!
//! A [`Session`] is a plain value. It knows no socket and no clock, and nothing
//! of what the session is about: time comes in as an argument, random bytes
//! come in as arguments, and what is to happen comes out as values. Given the
//! same inputs it does the same.
//!
//! The shell around it
//!
//! 1. hands every connection's first message to
//!    [`handle_hello`](Session::handle_hello), and every further one to
//!    [`handle`](Session::handle);
//! 2. says when a connection is lost ([`disconnected`](Session::disconnected));
//! 3. calls [`handle_timeout`](Session::handle_timeout) no later than
//!    [`next_timeout`](Session::next_timeout) says;
//! 4. after each of these, performs what
//!    [`take_effects`](Session::take_effects) returns, publishes
//!    [`state`](Session::state), and drops what
//!    [`take_forgotten`](Session::take_forgotten) returns;
//! 5. for every connection that can take more, [`pull`](Session::pull)s what is
//!    to be sent, and does the same with what was forgotten.

mod admission;
mod base_log;
mod member;
mod ownership;
mod pacer;
mod presence;
mod privilege;
mod session_config;
mod transmit;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub use admission::{Admission, Rejected, checked_name};
use base_log::BaseLog;
pub use member::ConnectionId;
use member::{Link, LinkState, Member};
pub use ownership::OwnershipAnswer;
use pacer::Pacer;
pub use session_config::SessionConfig;
pub use transmit::{Next, Outgoing, Update};

use crate::{
    model::{Access, InstrumentId, Metering, Model, UndoPolicy},
    protocol::{
        ActionNumber, ClientId, ClientMessage, NetworkState, Participant, ProtocolError, Refusal,
        Rejection, Roster, Seq, ServerMessage, SessionId, limits,
    },
    sync::{
        digester::Digester,
        rules,
        undo::{Direction, UndoLog},
    },
    util::time::Timestamp,
};

/// Everyone together, and their rules.
pub struct Session<M: Model> {
    config: SessionConfig,
    id: SessionId,
    /// Nobody can join: the host owns everything.
    alone: bool,
    state: Arc<NetworkState<M>>,
    guests: BTreeMap<ClientId, Member<M>>,
    next_client: u32,
    connections: u64,
    history: BaseLog<M>,
    digester: Digester<M>,
    /// The meters, and how often they have moved.
    metering: (u64, Metering),
    pacers: Pacers,
    effects: Vec<M::Effect>,
    /// What each participant has done and can take back.
    logs: BTreeMap<ClientId, UndoLog<M>>,
}

/// When what may leave.
struct Pacers {
    patches: Pacer,
    meterings: Pacer,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageOutcome {
    /// The client is still there.
    Staying,
    /// The client is still there, and what it asked for was refused.
    Refused(Refusal),
    /// The client has left for good; its connection is to be closed.
    Leaving,
}

impl<M: Model> Session<M> {
    /// A session that others can join. The host has the privilege, and owns
    /// nothing yet.
    #[must_use]
    pub fn hosted(config: SessionConfig, id: SessionId, host: &str, model: M::State) -> Self {
        Self::new(config, id, host, model, false)
    }

    /// A session that nobody can join. The host owns everything.
    #[must_use]
    pub fn alone(config: SessionConfig, id: SessionId, host: &str, model: M::State) -> Self {
        Self::new(config, id, host, model, true)
    }

    fn new(config: SessionConfig, id: SessionId, host: &str, model: M::State, alone: bool) -> Self {
        let mut roster = Roster::default();
        let participant = Participant::new(host);
        roster.participants.insert(ClientId::HOST, participant);
        roster.privileged = roster.as_owner(ClientId::HOST);
        let mut session = Self {
            config,
            id,
            alone,
            state: Arc::new(NetworkState { seq: Seq::default(), model, roster: Arc::new(roster) }),
            guests: BTreeMap::new(),
            next_client: 1,
            connections: 0,
            history: BaseLog::new(),
            digester: Digester::default(),
            metering: (0, Metering::default()),
            pacers: Pacers { patches: Pacer::new(), meterings: Pacer::new() },
            effects: Vec::new(),
            logs: BTreeMap::new(),
        };
        session.claim_all_if_alone();
        session
    }

    /// Which session this is.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// Everything, as it stands.
    #[must_use]
    pub const fn state(&self) -> &Arc<NetworkState<M>> {
        &self.state
    }

    /// What the engine must do for what was accepted since the last call.
    pub fn take_effects(&mut self) -> Vec<M::Effect> {
        std::mem::take(&mut self.effects)
    }

    /// The last round trip to `client` that was measured.
    #[must_use]
    pub fn round_trip(&self, client: ClientId) -> Option<Duration> {
        self.guests.get(&client)?.link()?.round_trip
    }

    /// The moments that were forgotten since the last call. The last reference to
    /// much may be among them: drop them where nobody waits.
    pub fn take_forgotten(&mut self) -> Vec<Arc<NetworkState<M>>> {
        self.history.take_forgotten()
    }

    /// How many moments are kept for those who come back.
    #[must_use]
    pub fn history_len(&self) -> usize {
        self.history.len()
    }

    /// Carries out an action of the host.
    ///
    /// # Errors
    /// If the host may not, or the action makes no sense. Nothing has changed
    /// then.
    pub fn act(&mut self, now: Timestamp, action: &M::Action) -> Result<(), Refusal> {
        let continues = self.log(ClientId::HOST).continues(now, action);
        self.carry_out(now, ClientId::HOST, action, continues)
    }

    /// Takes back the last step of the host, and returns how many of its changes
    /// stay as they are because somebody else has changed the same things since.
    ///
    /// # Errors
    /// If there is none.
    pub fn undo(&mut self) -> Result<u32, Refusal> {
        self.trace(ClientId::HOST, Direction::Back)
    }

    /// Does the step again that the host undid last. Returns as
    /// [`undo`](Self::undo).
    ///
    /// # Errors
    /// If there is none.
    pub fn redo(&mut self) -> Result<u32, Refusal> {
        self.trace(ClientId::HOST, Direction::Forth)
    }

    /// Carries out what the engine has to say about the state. It needs nobody's
    /// leave; what makes no sense any more is ignored.
    pub fn act_for_engine(&mut self, action: &M::Action) {
        self.carry_out_unasked(ClientId::HOST, action);
    }

    /// Takes the meters as they stand, and returns whether they have moved.
    pub fn meter(&mut self, metering: Metering) -> bool {
        let moved = self.metering.1 != metering;
        if moved {
            self.metering = (self.metering.0 + 1, metering);
        }
        moved
    }

    /// Handles a message that is not the first of its connection.
    ///
    /// # Errors
    /// If the client broke the protocol, or the connection is not its client's
    /// any more. The connection is to be closed with this error.
    pub fn handle(
        &mut self,
        now: Timestamp,
        ticket: ConnectionId,
        message: ClientMessage<M>,
    ) -> Result<MessageOutcome, ProtocolError> {
        self.check(ticket)?;
        let client = ticket.client;
        self.hear_from(now, client);
        match message {
            ClientMessage::Hello(_) => return Err(ProtocolError::HelloRepeated),
            ClientMessage::Action { number, continues, action } => {
                return self.handle_action(client, number, |session| {
                    session.carry_out(now, client, &action, continues)
                });
            }
            ClientMessage::Undo { number } => {
                return self.handle_trace(client, number, Direction::Back);
            }
            ClientMessage::Redo { number } => {
                return self.handle_trace(client, number, Direction::Forth);
            }
            ClientMessage::RequestOwnership { instruments } => {
                bounded(&instruments)?;
                let OwnershipAnswer { granted, refused } = self.claim(client, &instruments);
                self.answer(client, ServerMessage::OwnershipAnswer { granted, refused });
            }
            ClientMessage::ReleaseOwnership { instruments } => {
                bounded(&instruments)?;
                self.release(client, &instruments);
            }
            ClientMessage::RequestPrivilege => {
                let answer = match self.request_privilege(client) {
                    Ok(()) => ServerMessage::PrivilegeGranted,
                    Err(holder) => ServerMessage::PrivilegeDenied { holder },
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
                self.remove(client);
                return Ok(MessageOutcome::Leaving);
            }
        }
        Ok(MessageOutcome::Staying)
    }

    fn hear_from(&mut self, now: Timestamp, client: ClientId) {
        if let Some(member) = self.guests.get_mut(&client) {
            member.has_token = true;
            if let Some(link) = member.link_mut() {
                link.heard = now;
            }
        }
    }

    /// Refuses an action that could not be read, so that its sender may go on.
    ///
    /// # Errors
    /// As [`handle`](Self::handle).
    pub fn handle_unreadable_action(
        &mut self,
        now: Timestamp,
        ticket: ConnectionId,
        number: ActionNumber,
        detail: String,
    ) -> Result<MessageOutcome, ProtocolError> {
        self.check(ticket)?;
        self.hear_from(now, ticket.client);
        self.handle_action(ticket.client, number, |_| Err(Refusal::Malformed { detail }))
    }

    /// Decides the action called `number`, unless that was done already.
    fn handle_action(
        &mut self,
        client: ClientId,
        number: ActionNumber,
        decide: impl FnOnce(&mut Self) -> Result<(), Refusal>,
    ) -> Result<MessageOutcome, ProtocolError> {
        let Some(member) = self.guests.get_mut(&client) else { return Ok(MessageOutcome::Staying) };
        let mut heard = MessageOutcome::Staying;
        let expected = member.last_action.next();
        if number > expected {
            return Err(ProtocolError::ActionOutOfOrder { expected });
        }
        if number == expected {
            member.last_action = number;
            if let Err(reason) = decide(self) {
                heard = MessageOutcome::Refused(reason.clone());
                self.reject(client, number, reason);
            }
        }
        // An action that was decided before the connection was lost is
        // acknowledged again: its answer may have been lost with it.
        let seq = self.state.seq;
        let through = number.max(ActionNumber(expected.0 - 1));
        if let Some(link) = self.link_mut(client) {
            link.acknowledge = Some((through, seq));
            link.unacknowledged += 1;
        }
        Ok(heard)
    }

    fn handle_trace(
        &mut self,
        client: ClientId,
        number: ActionNumber,
        direction: Direction,
    ) -> Result<MessageOutcome, ProtocolError> {
        self.handle_action(client, number, |session| {
            let kept = session.trace(client, direction)?;
            session.answer(client, ServerMessage::Undone { number, kept });
            Ok(())
        })
    }

    fn trace(&mut self, client: ClientId, direction: Direction) -> Result<u32, Refusal> {
        let state = Arc::clone(&self.state);
        let alone = self.alone;
        let traced = self.log(client).trace(direction, &state, client, alone)?;
        self.move_on(Arc::new(traced.state), traced.effects);
        Ok(traced.kept)
    }

    fn log(&mut self, client: ClientId) -> &mut UndoLog<M> {
        self.logs.entry(client).or_default()
    }

    fn reject(&mut self, client: ClientId, number: ActionNumber, reason: Refusal) {
        let keep = self.config.max_rejections;
        if let Some(member) = self.guests.get_mut(&client) {
            member.rejections.push_back(Rejection { number, reason: reason.clone() });
            while member.rejections.len() > keep {
                member.rejections.pop_front();
            }
        }
        self.answer(client, ServerMessage::ActionRejected { number, reason });
    }

    fn request_full_sync(&mut self, now: Timestamp, client: ClientId) {
        let pace = self.config.min_full_sync_interval;
        if let Some(link) = self.link_mut(client) {
            let due = link.full_sent.map_or(now, |sent| now.max(sent + pace));
            link.full_due = link.full_due.min(due);
        }
    }

    /// Whether more may be read from this connection: a client that asks and
    /// never listens has to wait until it has listened.
    #[must_use]
    pub fn has_room(&self, ticket: ConnectionId) -> bool {
        self.guests
            .get(&ticket.client)
            .and_then(Member::link)
            .is_none_or(|link| link.answer_items < self.config.max_answers)
    }

    fn carry_out(
        &mut self,
        now: Timestamp,
        actor: ClientId,
        action: &M::Action,
        continues: bool,
    ) -> Result<(), Refusal> {
        let (state, effects) = if self.alone {
            // Whoever is alone may do everything but speak for the engine.
            if M::access(&self.state.model, action) == Access::Engine {
                return Err(Refusal::EngineOnly);
            }
            rules::carry_out_unasked(&self.state, actor, action)?
        } else {
            rules::carry_out(&self.state, actor, action)?
        };
        let before = Arc::clone(&self.state);
        self.move_on(state, effects);
        let after = Arc::clone(&self.state);
        self.log(actor).record(now, continues, action, &before, &after);
        self.heed_barrier(action);
        Ok(())
    }

    /// What replaces everything leaves nothing to take back, to anybody.
    fn heed_barrier(&mut self, action: &M::Action) {
        if M::undo_policy(action) == UndoPolicy::Barrier {
            self.logs.clear();
        }
    }

    fn carry_out_unasked(&mut self, actor: ClientId, action: &M::Action) {
        if let Ok((state, effects)) = rules::carry_out_unasked(&self.state, actor, action) {
            self.move_on(state, effects);
            self.heed_barrier(action);
        }
    }

    fn move_on(&mut self, mut state: Arc<NetworkState<M>>, effects: Vec<M::Effect>) {
        Arc::make_mut(&mut state).seq = self.state.seq.next();
        self.state = state;
        self.effects.extend(effects);
    }

    fn edit_roster(&mut self, edit: impl FnOnce(&mut Roster)) {
        let mut roster = (*self.state.roster).clone();
        edit(&mut roster);
        if roster != *self.state.roster {
            let mut state = Arc::clone(&self.state);
            Arc::make_mut(&mut state).roster = Arc::new(roster);
            self.move_on(state, Vec::new());
        }
    }

    fn answer(&mut self, client: ClientId, answer: ServerMessage<M>) {
        if let Some(link) = self.link_mut(client) {
            link.answer_items += items(&answer);
            link.answers.push_back(answer);
        }
    }

    fn link_mut(&mut self, client: ClientId) -> Option<&mut Link<M>> {
        self.guests.get_mut(&client)?.link_mut()
    }

    /// Whether `ticket` is still its client's connection.
    fn check(&self, ticket: ConnectionId) -> Result<(), ProtocolError> {
        match self.guests.get(&ticket.client).map(|member| &member.link_state) {
            Some(LinkState::Connected(link)) if link.connection == ticket.connection => Ok(()),
            Some(LinkState::Connected(_)) => Err(ProtocolError::Superseded),
            Some(LinkState::Suspended { .. }) | None => {
                Err(ProtocolError::Silent { seconds: self.config.idle_timeout.as_secs() })
            }
        }
    }
}

/// How many things an answer says: what it costs to keep.
fn items<M: Model>(answer: &ServerMessage<M>) -> usize {
    match answer {
        ServerMessage::OwnershipAnswer { granted, refused } => 1 + granted.len() + refused.len(),
        _ => 1,
    }
}

fn bounded(instruments: &[InstrumentId]) -> Result<(), ProtocolError> {
    if instruments.len() > limits::REQUESTED_INSTRUMENTS as usize {
        return Err(admission::too_many_instruments());
    }
    Ok(())
}
