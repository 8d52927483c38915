//! A client's side of a session: the state that the authority has confirmed, and
//! a prediction of what the client's own operations make of it.
//!
//! A [`Mirror`] is a plain value, like the authority's
//! [`Session`](crate::sync::session::Session): it knows no socket, no clock and
//! nothing of the model's meaning. The shell around it
//!
//! 1. changes it: by [`dispatch`](Mirror::dispatch) and its neighbours, and by
//!    [`handle`](Mirror::handle) for each message of the authority;
//! 2. after each change calls [`poll`](Mirror::poll) until it gets
//!    [`MirrorOutput::Wait`];
//! 3. [`pull`](Mirror::pull)s messages when the connection can take more.
//!
//! The *predicted* state is the confirmed one with the operations applied that it
//! does not contain yet. `ActionsApplied` names the snapshot that contains an
//! operation, and arrives before it. So the predicted state contains each
//! operation exactly once at every moment, and a fader never jumps back.

mod confirmation;
mod mirror_output;
mod op;
mod outbox;
mod prediction;
mod prepared_rebase;
mod reconnection;

use std::{collections::VecDeque, fmt, sync::Arc};

pub use mirror_output::MirrorOutput;

use confirmation::Confirmation;
use mirror_output::Outputs;
use op::Op;
use outbox::Outbox;
use prediction::{PendingOp, Prediction, place_history};
pub(crate) use prepared_rebase::PreparedRebase;

use crate::{
    model::{Access, Model},
    protocol::{
        ActionNumber, ClientId, ClientMessage, HistoryChange, NetworkState, OwnershipRefusal,
        Reconnected, Refusal, Rejection, Seq, ServerMessage, SessionId, SessionToken, StateDigest,
        StatePatch, Welcome, limits,
    },
    sync::{
        Resync, SessionEvent, UndoReport, digester::Digester, roster_events, rules, undo::Direction,
    },
    util::time::Timestamp,
};

/// How many times as many operations as may be unanswered may be acknowledged before the
/// state arrives that contains them. 8: far more than are dispatched between two patches.
const UNCONFIRMED: usize = 8;

/// A client's copy of a session.
pub struct Mirror<M: Model> {
    me: Participation,
    /// How many operations, and how many requests, may be unanswered.
    backlog: usize,
    confirmation: Confirmation<M>,
    prediction: Prediction<M>,
    /// That of the message that is handled.
    prepared_rebase: Option<PreparedRebase<M>>,
    outbox: Outbox<M>,
    outputs: Outputs<M>,
}

/// The place of this client in the session.
#[derive(Debug)]
struct Participation {
    session: SessionId,
    client: ClientId,
    name: String,
    token: Option<SessionToken>,
    /// Whether the client joined as a new participant.
    is_new: bool,
}

/// Why a mirror does not take an operation or a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MirrorError {
    /// The authority would refuse it, as far as the mirror can tell.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many are unanswered.
    #[error("{limit} actions are unanswered already")]
    Backlog {
        /// How many may be unanswered.
        limit: usize,
    },
}

impl<M: Model> fmt::Debug for Mirror<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirror")
            .field("me", &self.me)
            .field("confirmed", &self.confirmation.state.seq)
            .field("pending", &self.prediction.pending.len())
            .finish_non_exhaustive()
    }
}

/// Construction and inspection.
impl<M: Model> Mirror<M> {
    /// The mirror of a new participant. It takes up to `backlog` unanswered
    /// operations.
    #[must_use]
    pub fn new(welcome: Welcome<M>, backlog: usize) -> Self {
        let Welcome { session, client_id, name, token, refused, state, .. } = welcome;
        let me = Participation { session, client: client_id, name, token, is_new: true };
        let mut mirror = Self::of(me, state, ActionNumber::default(), backlog);
        let owner = mirror.confirmation.state.roster.as_owner(client_id);
        mirror.outputs.events.extend(owner.map(SessionEvent::Joined));
        mirror.outputs.events.extend(refusals(refused));
        mirror
    }

    /// The mirror of a participant that resumed without a state, e.g. after a
    /// restart of the program. `state` is the full state that follows the
    /// `ReconnectSuccessful`.
    #[must_use]
    pub fn resumed(back: Reconnected, state: NetworkState<M>, backlog: usize) -> Self {
        let Reconnected { session, client_id, name, token, last_action, history, .. } = back;
        let me = Participation { session, client: client_id, name, token, is_new: false };
        let mut mirror = Self::of(me, state, last_action, backlog);
        // Nothing is known of the history.
        mirror.confirmation.history = history.last().map_or(0, |last| last.number);
        let owner = mirror.confirmation.state.roster.as_owner(client_id);
        mirror.outputs.events.extend(owner.map(SessionEvent::Resumed));
        mirror
    }

    fn of(me: Participation, state: NetworkState<M>, last: ActionNumber, backlog: usize) -> Self {
        let state = Arc::new(state);
        Self {
            me,
            backlog,
            confirmation: Confirmation::new(Arc::clone(&state)),
            prediction: Prediction::new(Arc::clone(&state), last),
            prepared_rebase: None,
            outbox: Outbox::new(last),
            outputs: Outputs {
                confirmed: Arc::clone(&state),
                predicted: state,
                events: VecDeque::new(),
                settled: VecDeque::new(),
            },
        }
    }

    /// The session that this mirrors.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.me.session
    }

    /// Your number in it.
    #[must_use]
    pub const fn client(&self) -> ClientId {
        self.me.client
    }

    /// Your name in it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.me.name
    }

    /// Whether you joined as a new participant, and did not resume.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.me.is_new
    }

    /// The secret with which to resume.
    #[must_use]
    pub const fn token(&self) -> Option<SessionToken> {
        self.me.token
    }

    /// The state to show: the confirmed one, with your pending operations applied.
    #[must_use]
    pub const fn predicted(&self) -> &Arc<NetworkState<M>> {
        &self.prediction.state
    }

    /// The state that the authority has confirmed.
    #[must_use]
    pub const fn confirmed(&self) -> &Arc<NetworkState<M>> {
        &self.confirmation.state
    }

    /// How many of your operations the authority has not answered.
    #[must_use]
    pub fn unanswered(&self) -> usize {
        self.prediction.unanswered()
    }
}

/// Your own operations and requests.
impl<M: Model> Mirror<M> {
    /// Dispatches an action, and predicts it. Returns its number and its outcome as
    /// predicted.
    ///
    /// # Errors
    /// If the authority would refuse it, as far as the mirror can tell, or if too
    /// many are unanswered. Then nothing changes.
    pub fn dispatch(
        &mut self,
        now: Timestamp,
        action: M::Action,
    ) -> Result<(ActionNumber, M::Outcome), MirrorError> {
        self.check_backlog()?;
        let log = self.prediction.log(&self.confirmation);
        let continues = rules::guarded(|| Ok(log.continues(now, &action)))?;
        let mut outcome = M::Outcome::default();
        let op = Op::Act { at: now, continues, action };
        let number = self.submit(op, |predicted| outcome = predicted)?;
        Ok((number, outcome))
    }

    /// Dispatches several actions as one, and predicts them: all, or none. Returns their
    /// number and the outcome of each as predicted.
    ///
    /// # Errors
    /// As [`dispatch`](Self::dispatch), and if there are none or too many.
    pub fn dispatch_all(
        &mut self,
        now: Timestamp,
        actions: Vec<M::Action>,
    ) -> Result<(ActionNumber, Vec<M::Outcome>), MirrorError> {
        self.check_backlog()?;
        let mut outcomes = Vec::with_capacity(actions.len());
        let op = Op::Batch { at: now, actions: actions.into() };
        let number = self.submit(op, |predicted| outcomes.push(predicted))?;
        Ok((number, outcomes))
    }

    fn submit(
        &mut self,
        op: Op<M>,
        tell: impl FnMut(M::Outcome),
    ) -> Result<ActionNumber, MirrorError> {
        op.check_encodable()?;
        let mut log = self.prediction.log(&self.confirmation).clone();
        let Prediction { state, .. } = &mut self.prediction;
        *state = op.predict(state, &mut log, self.me.client, tell)?;
        Ok(self.prediction.push(op, log))
    }

    /// Undoes your last step.
    ///
    /// # Errors
    /// If you are a viewer, or too many operations are unanswered. Whether there is a
    /// step to undo is the authority's decision: it may remember more.
    pub fn undo(&mut self) -> Result<ActionNumber, MirrorError> {
        self.apply_undo(Direction::Back)
    }

    /// Redoes the step that you undid last.
    ///
    /// # Errors
    /// As [`undo`](Self::undo).
    pub fn redo(&mut self) -> Result<ActionNumber, MirrorError> {
        self.apply_undo(Direction::Forth)
    }

    fn apply_undo(&mut self, direction: Direction) -> Result<ActionNumber, MirrorError> {
        self.check_role()?;
        self.check_backlog()?;
        let op = Op::Undo(direction);
        let mut log = self.prediction.log(&self.confirmation).clone();
        if let Ok(state) = op.predict(&self.prediction.state, &mut log, self.me.client, drop) {
            self.prediction.state = state;
        }
        Ok(self.prediction.push(op, log))
    }

    /// Refuses what the authority refuses to every viewer.
    fn check_role(&self) -> Result<(), Refusal> {
        rules::authorise(&self.prediction.state, self.me.client, Access::Anyone)
    }

    fn check_backlog(&self) -> Result<(), MirrorError> {
        let limit = self.backlog;
        // An acknowledgement may precede the state that contains the operation, but not
        // for ever.
        let unconfirmed = self.prediction.pending.len() / UNCONFIRMED;
        let has_room = self.unanswered().max(unconfirmed) < limit;
        if has_room { Ok(()) } else { Err(MirrorError::Backlog { limit }) }
    }

    /// Sends a request that is not an operation.
    ///
    /// # Errors
    /// If you are a viewer and ask for instruments or the privilege, or if too many are
    /// unanswered.
    pub fn request(&mut self, request: ClientMessage<M>) -> Result<(), MirrorError> {
        if matches!(
            request,
            ClientMessage::RequestOwnership { .. } | ClientMessage::RequestPrivilege
        ) {
            self.check_role()?;
        }
        if self.outbox.requests() >= self.backlog {
            return Err(MirrorError::Backlog { limit: self.backlog });
        }
        self.enqueue(request);
        Ok(())
    }

    /// Sends `message` after all operations so far, and before any further one.
    pub fn enqueue(&mut self, message: ClientMessage<M>) {
        self.outbox.enqueue(self.prediction.last, message);
    }

    /// Refuses an operation that was pulled and cannot be sent, e.g. because it is
    /// too long. Send an empty batch with its `number` instead, which the authority
    /// refuses: the numbers of actions have no gap. The operation stays predicted
    /// until then.
    pub fn refuse_unsent(&mut self, number: ActionNumber, reason: Refusal) {
        self.prediction.reject(number, reason);
    }

    /// The next message for the connection. It counts as sent.
    #[must_use = "what is pulled counts as sent"]
    pub fn pull(&mut self) -> Option<ClientMessage<M>> {
        self.outbox.pull(&self.prediction)
    }
}

/// Messages of the authority.
impl<M: Model> Mirror<M> {
    /// Handles a message of the authority. Answers to a `Hello`, and messages
    /// that do not concern the state, are ignored: they concern the shell.
    pub fn handle(&mut self, message: ServerMessage<M>) {
        match message {
            ServerMessage::StatePatchUpdate(patch) => self.handle_patch(&patch),
            ServerMessage::FullStateSync { state } => self.handle_full(state),
            ServerMessage::ActionsApplied { through, seq } => self.handle_applied(through, seq),
            ServerMessage::ActionRejected { number, reason } => {
                self.prediction.reject(number, reason);
            }
            ServerMessage::Undone { number, step, changed, kept } => {
                self.handle_undone(number, UndoReport { step, changed, kept });
            }
            ServerMessage::HistoryChanged(change) => {
                if self.handle_history(change) {
                    self.rebase();
                }
            }
            ServerMessage::NotRecorded { what, reason } => {
                self.outputs.events.push_back(SessionEvent::NotRecorded { what, reason });
            }
            ServerMessage::OwnershipAnswer { refused, .. } => {
                self.outbox.acknowledge(|sent| {
                    matches!(sent, ClientMessage::RequestOwnership { .. })
                });
                self.outputs.events.extend(refusals(refused));
            }
            // The roster shows the grant.
            ServerMessage::PrivilegeGranted => {
                self.outbox.acknowledge(|sent| matches!(sent, ClientMessage::RequestPrivilege));
            }
            ServerMessage::PrivilegeDenied { holder, reserved } => {
                self.outbox.acknowledge(|sent| matches!(sent, ClientMessage::RequestPrivilege));
                self.outputs.events.push_back(SessionEvent::PrivilegeDenied { holder, reserved });
            }
            ServerMessage::PrivilegeRequested { by } => {
                self.outputs.events.push_back(SessionEvent::PrivilegeRequested { by });
            }
            ServerMessage::Pong { nonce } => {
                self.outbox.acknowledge(|sent| *sent == ClientMessage::Ping { nonce });
            }
            ServerMessage::Ping { nonce, digest, .. } => {
                self.enqueue(ClientMessage::Pong { nonce });
                if let Some(Err(resync)) = digest.map(|theirs| self.confirmation.compare(theirs)) {
                    self.start_resync(resync);
                }
            }
            ServerMessage::Welcome(_)
            | ServerMessage::ReconnectSuccessful(_)
            | ServerMessage::ReconnectFailed { .. }
            | ServerMessage::Metering(_)
            | ServerMessage::Notice(_)
            // The roster shows it.
            | ServerMessage::PrivilegeRevoked { .. }
            | ServerMessage::Error(_)
            | ServerMessage::Goodbye
            | ServerMessage::Shutdown => {}
        }
    }

    /// What the authority has sent more of than a client keeps for it, in words. End the
    /// connection then.
    #[must_use]
    pub fn excess(&self) -> Option<String> {
        let limit = limits::PINGS;
        (self.outbox.pongs() > limit)
            .then(|| format!("more than {limit} pings whose answers it does not read"))
    }

    fn handle_patch(&mut self, patch: &StatePatch<M>) {
        let prepared = self.prepared_rebase.as_ref().and_then(|done| done.confirmed_at(patch.seq));
        match prepared.map_or_else(|| self.confirmation.patched(patch), |state| Ok(Some(state))) {
            Ok(Some(state)) => self.confirm(state),
            Ok(None) => {}
            Err(resync) => self.start_resync(resync),
        }
    }

    fn handle_full(&mut self, state: NetworkState<M>) {
        if state.seq < self.confirmation.state.seq {
            return;
        }
        let resync = self.confirmation.take_resync();
        self.outputs.events.push_back(SessionEvent::Resynchronised(resync));
        let prepared = self.prepared_rebase.as_ref().and_then(|done| done.confirmed_at(state.seq));
        self.confirm(prepared.unwrap_or_else(|| Arc::new(state)));
    }

    fn handle_applied(&mut self, through: ActionNumber, seq: Seq) {
        let rejected: Vec<_> = self
            .prediction
            .rejected
            .extract_if(.., |rejection| rejection.number <= through)
            .collect();
        let some_were_rejected = !rejected.is_empty();
        for Rejection { number, reason } in rejected {
            self.handle_rejection(number, reason);
        }
        let is_confirmed = seq <= self.confirmation.state.seq;
        if some_were_rejected && is_confirmed && self.prediction.is_pending(through) {
            // The histories that are confirmed below must not contain what was rejected.
            self.rebase();
        }
        let settled = &mut self.outputs.settled;
        self.prediction.accept(through, seq, |number, result| settled.push_back((number, result)));
        if some_were_rejected || is_confirmed {
            self.rebase();
        }
    }

    fn handle_rejection(&mut self, number: ActionNumber, reason: Refusal) {
        if let Some(PendingOp { op, history, .. }) = self.prediction.remove(number) {
            for change in history {
                self.place_history(change);
            }
            self.outputs.settled.push_back((number, Err(reason.clone())));
            self.outputs.events.push_back(match op.refused_action(&reason) {
                Some(action) => SessionEvent::Refused { action, reason },
                None => SessionEvent::NothingUndone { reason },
            });
        }
    }

    fn handle_undone(&mut self, number: ActionNumber, report: UndoReport) {
        let is_redo = self.prediction.get(number).is_some_and(|pending| pending.op.is_redo());
        let event =
            if is_redo { SessionEvent::Redone(report) } else { SessionEvent::Undone(report) };
        self.outputs.events.push_back(event);
    }

    /// Returns whether the change is a new one. Then the caller rebases.
    fn handle_history(&mut self, change: HistoryChange) -> bool {
        let is_new = change.number > self.confirmation.history;
        if is_new {
            self.confirmation.history = change.number;
            self.place_history(change);
        }
        is_new
    }

    fn place_history(&mut self, change: HistoryChange) {
        place_history(&mut self.prediction.pending, &mut self.confirmation.log, change);
    }

    fn start_resync(&mut self, resync: Resync) {
        self.confirmation.resync = Some(resync);
        self.enqueue(ClientMessage::RequestFullSync);
    }

    fn confirm(&mut self, state: Arc<NetworkState<M>>) {
        let old = std::mem::replace(&mut self.confirmation.state, state);
        let new = &self.confirmation.state;
        if !Arc::ptr_eq(&old.roster, &new.roster) {
            self.outputs.events.extend(roster_events(&old.roster, &new.roster));
        }
        self.rebase();
    }

    fn rebase(&mut self) {
        let Self { confirmation, prediction, prepared_rebase, .. } = self;
        let is_done = prepared_rebase
            .as_mut()
            .is_some_and(|prepared_rebase| prepared_rebase.install(prediction, confirmation));
        if !is_done {
            prediction.rebase(confirmation, self.me.client);
        }
    }

    /// A digester that may compute beforehand what a `Ping` with this digest is
    /// compared with, if it is compared.
    pub(crate) fn digest_due(&self, theirs: StateDigest) -> Option<Digester<M>> {
        let confirmation = &self.confirmation;
        (theirs.seq == confirmation.state.seq).then(|| confirmation.digester.clone())
    }

    /// Takes a digester that has computed the digest, and returns the old one.
    pub(crate) const fn put_digester(&mut self, digester: Digester<M>) -> Digester<M> {
        std::mem::replace(&mut self.confirmation.digester, digester)
    }
}

/// The events for the instruments that were not granted.
fn refusals<M: Model>(refused: Vec<OwnershipRefusal>) -> impl Iterator<Item = SessionEvent<M>> {
    refused.into_iter().map(|OwnershipRefusal { instrument, reason }| {
        SessionEvent::OwnershipRefused { instrument, reason }
    })
}
