//! The rules of a session, as the authority applies them: participation,
//! ownership, privilege, undo, and what each client is sent.
//!
//! A [`Session`] is a plain value. It knows no socket, no clock, no randomness
//! and nothing of the model's meaning: time and random bytes come in as
//! arguments, and what should happen comes out as values.
//!
//! The shell around it changes the session, then drains it:
//!
//! 1. It passes the first message of a connection to
//!    [`handle_hello`](Session::handle_hello), further ones to
//!    [`handle`](Session::handle), the end of a connection to
//!    [`disconnected`](Session::disconnected), and the host's own actions to
//!    [`act`](Session::act) and its neighbours. What the host decides of a participant
//!    goes to [`set_role`](Session::set_role) and its neighbours.
//! 2. After each change it calls [`poll`](Session::poll) until it gets
//!    [`SessionOutput::Wait`], and calls
//!    [`handle_timeout`](Session::handle_timeout) at the time in it.
//! 3. For each connection that can take more, it calls
//!    [`pull`](Session::pull), which is a change like any other.

mod base_log;
mod history;
mod incoming;
mod joining;
mod key_book;
mod member;
mod moderation;
mod notices;
mod ownership;
mod pacer;
mod presence;
mod privilege;
mod session_config;
mod session_output;
mod transmit;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::Arc,
    time::Duration,
};

use base_log::BaseLog;
use history::Take;
pub use incoming::MessageOutcome;
pub use joining::{Accepted, Credentials, Rejected, checked_name};
use key_book::KeyBook;
pub use member::ConnectionId;
use member::{Link, LinkState, Member};
pub use moderation::Removed;
pub(crate) use notices::KEPT_NOTICES;
use notices::Notices;
pub use ownership::OwnershipAnswer;
use pacer::Pacer;
pub use session_config::SessionConfig;
pub use session_output::SessionOutput;
pub use transmit::{Next, Outgoing, Update};

use crate::{
    model::{Model, UndoPolicy},
    protocol::{
        ClientId, NetworkState, Participant, ProtocolError, Refusal, Roster, Seq, ServerMessage,
        SessionId,
    },
    security::PublicKey,
    sync::{
        SessionEvent, UndoReport,
        digester::Digester,
        rules::{self, Applied, AppliedBatch},
        undo::{Direction, UndoLog},
    },
    util::time::Timestamp,
};

/// All participants together, and the rules between them.
pub struct Session<M: Model> {
    config: SessionConfig,
    id: SessionId,
    state: Arc<NetworkState<M>>,
    /// The clients. The host is not one of them.
    members: BTreeMap<ClientId, Member<M>>,
    keys: KeyBook,
    next_client: u32,
    connections: u64,
    bases: BaseLog<M>,
    digester: Digester<M>,
    /// The metering, and how often it has changed.
    metering: (u64, M::Metering),
    notices: Notices<M::Notice>,
    pacers: Pacers,
    /// The undo history of each participant.
    logs: BTreeMap<ClientId, UndoLog<M>>,
    take: Take,
    /// What the host is to be told.
    news: VecDeque<SessionEvent<M>>,
    /// What the engine must do: what [`poll`](Self::poll) returns next.
    engine_tasks: VecDeque<SessionOutput<M>>,
    /// The last state that [`poll`](Self::poll) returned.
    polled: Arc<NetworkState<M>>,
    /// No timer is due before this.
    deadline: Option<Timestamp>,
    /// When the host last ran, as far as the session can tell.
    awake: Timestamp,
    /// The full state that was made last, and when.
    latest_full: Option<(Timestamp, Arc<NetworkState<M>>)>,
    /// The last connections of the latest clients that are gone, and why they are
    /// gone: such a connection may be open still.
    gone: VecDeque<(ConnectionId, ProtocolError)>,
}

/// When patches and meterings may leave.
struct Pacers {
    patches: Pacer,
    meterings: Pacer,
}

impl<M: Model> fmt::Debug for Session<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("seq", &self.state.seq)
            .field("roster", &self.state.roster)
            .finish_non_exhaustive()
    }
}

/// Construction and inspection.
impl<M: Model> Session<M> {
    /// A session that clients can join. Nothing has an owner yet. The host holds the
    /// privilege, if somebody sits there ([`SessionConfig::attended`]).
    #[must_use]
    pub fn hosted(config: SessionConfig, id: SessionId, host: &str, model: M::State) -> Self {
        let mut roster = Roster::default();
        if config.attended {
            roster.participants.insert(ClientId::HOST, Participant::new(host));
            roster.privileged = roster.as_owner(ClientId::HOST);
        }
        let state = Arc::new(NetworkState { seq: Seq::default(), model, roster: Arc::new(roster) });
        Self {
            config,
            id,
            polled: Arc::clone(&state),
            state,
            members: BTreeMap::new(),
            keys: KeyBook::default(),
            next_client: 1,
            connections: 0,
            bases: BaseLog::new(),
            digester: Digester::default(),
            metering: (0, M::Metering::default()),
            notices: Notices::new(),
            pacers: Pacers { patches: Pacer::new(), meterings: Pacer::new() },
            logs: BTreeMap::new(),
            take: Take::default(),
            news: VecDeque::new(),
            engine_tasks: VecDeque::new(),
            deadline: None,
            awake: Timestamp::ZERO,
            latest_full: None,
            gone: VecDeque::new(),
        }
    }

    /// The same session, whose host shows `key` in the roster, if somebody sits there.
    #[must_use]
    pub fn with_host_key(mut self, key: Option<PublicKey>) -> Self {
        let state = Arc::make_mut(&mut self.state);
        let roster = Arc::make_mut(&mut state.roster);
        if let Some(host) = roster.participants.get_mut(&ClientId::HOST) {
            host.key = key;
        }
        self.polled = Arc::clone(&self.state);
        self
    }

    /// The id of this session.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// The current state.
    #[must_use]
    pub const fn state(&self) -> &Arc<NetworkState<M>> {
        &self.state
    }

    /// The last measured round trip to `client`.
    #[must_use]
    pub fn round_trip(&self, client: ClientId) -> Option<Duration> {
        self.members.get(&client)?.link()?.round_trip
    }

    #[cfg(test)]
    pub(crate) const fn exhaust_client_numbers(&mut self) {
        self.next_client = u32::MAX;
    }

    /// How many snapshots are kept as bases for resumed clients.
    #[must_use]
    pub fn base_count(&self) -> usize {
        self.bases.len()
    }
}

/// Actions of the host and the engine.
impl<M: Model> Session<M> {
    /// Applies an action of the host, and returns what the reducer says of it.
    ///
    /// # Errors
    /// If the host may not do it, or it is impossible. Then nothing changes.
    pub fn act(&mut self, now: Timestamp, action: &M::Action) -> Result<M::Outcome, Refusal> {
        let continues = rules::guarded(|| Ok(self.log(ClientId::HOST).continues(now, action)))?;
        self.apply(now, ClientId::HOST, action, continues)
    }

    /// Applies several actions of the host as one: all, or none. Returns what the
    /// reducer says of each.
    ///
    /// # Errors
    /// If the host may not do one of them, or it is impossible, or there are none
    /// or too many. Then nothing changes.
    pub fn act_all(
        &mut self,
        now: Timestamp,
        actions: &[M::Action],
    ) -> Result<Vec<M::Outcome>, Refusal> {
        self.apply_batch(now, ClientId::HOST, actions)
    }

    /// Undoes the host's last step.
    ///
    /// # Errors
    /// If there is no step to undo.
    pub fn undo(&mut self) -> Result<UndoReport, Refusal> {
        self.apply_undo(ClientId::HOST, Direction::Back)
    }

    /// Redoes the step that the host undid last.
    ///
    /// # Errors
    /// If there is no step to redo.
    pub fn redo(&mut self) -> Result<UndoReport, Refusal> {
        self.apply_undo(ClientId::HOST, Direction::Forth)
    }

    /// The next thing that the shell must do. Call it after each change until it
    /// returns [`SessionOutput::Wait`].
    pub fn poll(&mut self) -> SessionOutput<M> {
        if let Some(task) = self.engine_tasks.pop_front() {
            return task;
        }
        if !Arc::ptr_eq(&self.polled, &self.state) {
            let before = std::mem::replace(&mut self.polled, Arc::clone(&self.state));
            return SessionOutput::Changed { before, after: Arc::clone(&self.state) };
        }
        if let Some(event) = self.news.pop_front() {
            return SessionOutput::Event(event);
        }
        if let Some(notice) = self.notices.for_host.pop_front() {
            return SessionOutput::Notice(notice);
        }
        match self.bases.take_forgotten() {
            Some(state) => SessionOutput::Forgotten(state),
            None => SessionOutput::Wait(self.deadline),
        }
    }

    /// Takes the current metering, and returns whether it has changed.
    pub fn meter(&mut self, metering: &M::Metering) -> bool {
        let changed = self.metering.1 != *metering;
        if changed {
            self.metering = (self.metering.0 + 1, metering.clone());
        }
        changed
    }
}

/// How the state changes: every change ends in `advance`.
impl<M: Model> Session<M> {
    fn apply(
        &mut self,
        now: Timestamp,
        actor: ClientId,
        action: &M::Action,
        continues: bool,
    ) -> Result<M::Outcome, Refusal> {
        let before = Arc::clone(&self.state);
        let (after, effects, outcome, is_barrier) = rules::guarded(|| {
            let Applied { state, effects, outcome, access } = try_apply(&before, actor, action)?;
            let after = self.numbered(state);
            let is_barrier = is_barrier::<M>(std::slice::from_ref(action));
            self.log(actor).record(now, continues, (action, access), &before, &after);
            Ok((after, effects, outcome, is_barrier))
        })?;
        self.advance(after, effects, is_barrier);
        self.settle_histories(now);
        Ok(outcome)
    }

    fn apply_batch(
        &mut self,
        now: Timestamp,
        actor: ClientId,
        actions: &[M::Action],
    ) -> Result<Vec<M::Outcome>, Refusal> {
        let before = Arc::clone(&self.state);
        let (after, effects, outcomes, is_barrier) = rules::guarded(|| {
            let AppliedBatch { state, effects, outcomes, rights } =
                rules::apply_batch(&before, actions, |state, action| {
                    try_apply(state, actor, action)
                })?;
            let after = self.numbered(state);
            let is_barrier = is_barrier::<M>(actions);
            self.log(actor).record_batch(now, (actions, rights), &before, &after);
            Ok((after, effects, outcomes, is_barrier))
        })?;
        self.advance(after, effects, is_barrier);
        self.settle_histories(now);
        Ok(outcomes)
    }

    fn apply_unchecked(&mut self, actor: ClientId, action: &M::Action) {
        let applied = rules::guarded(|| {
            rules::check_encodable::<M>(action)?;
            let applied = rules::apply_unchecked(&self.state, actor, action)?;
            Ok((applied, is_barrier::<M>(std::slice::from_ref(action))))
        });
        if let Ok((applied, is_barrier)) = applied {
            let state = self.numbered(applied.state);
            self.advance(state, applied.effects, is_barrier);
        }
    }

    fn edit_roster(&mut self, edit: impl FnOnce(&mut Roster)) {
        let mut roster = (*self.state.roster).clone();
        edit(&mut roster);
        if roster != *self.state.roster {
            let mut state = Arc::clone(&self.state);
            Arc::make_mut(&mut state).roster = Arc::new(roster);
            let state = self.numbered(state);
            self.advance(state, Vec::new(), false);
        }
    }

    /// `state` as the next snapshot.
    fn numbered(&self, mut state: Arc<NetworkState<M>>) -> Arc<NetworkState<M>> {
        Arc::make_mut(&mut state).seq = self.state.seq.next();
        state
    }

    /// Makes `state` the current one. A barrier clears every undo history, and the engine
    /// begins anew.
    fn advance(&mut self, state: Arc<NetworkState<M>>, effects: Vec<M::Effect>, is_barrier: bool) {
        self.follow_take(&state);
        self.state = state;
        if is_barrier {
            self.clear_histories();
            self.engine_tasks.push_back(SessionOutput::Replaced);
        }
        let task = |effect| SessionOutput::Effect(Arc::clone(&self.state), effect);
        self.engine_tasks.extend(effects.into_iter().map(task));
    }
}

/// Access to the members' connections.
impl<M: Model> Session<M> {
    /// Queues an answer. It is dropped if the client is suspended.
    fn answer(&mut self, client: ClientId, answer: ServerMessage<M>) {
        if let Some(link) = self.link_mut(client) {
            link.answer_items += answer_items(&answer);
            link.answers.push_back(answer);
        }
    }

    fn link_mut(&mut self, client: ClientId) -> Option<&mut Link<M>> {
        self.members.get_mut(&client)?.link_mut()
    }

    /// Whether `connection` is still the current one of its client.
    fn check(&self, connection: ConnectionId) -> Result<(), ProtocolError> {
        let Some(member) = self.members.get(&connection.client) else {
            let last = self.gone.iter().find(|(last, _)| last.client == connection.client);
            return Err(match last {
                Some((last, _)) if *last != connection => ProtocolError::Superseded,
                Some((_, reason)) => reason.clone(),
                None => self.expired(),
            });
        };
        match &member.link_state {
            _ if member.connection != connection => Err(ProtocolError::Superseded),
            LinkState::Connected(_) => Ok(()),
            LinkState::Suspended { .. } => Err(self.silent()),
        }
    }

    const fn silent(&self) -> ProtocolError {
        ProtocolError::Silent { seconds: self.config.idle_timeout.as_secs() }
    }

    const fn expired(&self) -> ProtocolError {
        ProtocolError::Expired { seconds: self.config.resume_window.as_secs() }
    }
}

fn try_apply<M: Model>(
    state: &Arc<NetworkState<M>>,
    actor: ClientId,
    action: &M::Action,
) -> Result<Applied<M>, Refusal> {
    rules::check_encodable::<M>(action)?;
    rules::apply_checked(state, actor, action)
}

/// Whether one of the actions replaces everything.
fn is_barrier<M: Model>(actions: &[M::Action]) -> bool {
    actions.iter().any(|action| M::undo_policy(action) == UndoPolicy::Barrier)
}

/// How many items an answer holds: what it costs to keep.
fn answer_items<M: Model>(answer: &ServerMessage<M>) -> usize {
    match answer {
        ServerMessage::OwnershipAnswer { granted, refused } => 1 + granted.len() + refused.len(),
        _ => 1,
    }
}
