//! A client's side of a session: what the authority has confirmed, and on top
//! of it what one has done since.
//!
//! A [`Mirror`] is a plain value, like the authority's
//! [`Session`](crate::sync::session::Session): no socket, no clock, nothing musical.
//! Messages go in at [`handle`](Mirror::handle) and come out at
//! [`poll_message`](Mirror::poll_message).
//!
//! What is shown is the *predicted* state: the confirmed one, with the actions
//! on top that the confirmed one does not contain yet. The authority tells
//! which those are: `ActionsApplied` names the moment that contains an action,
//! and arrives before it. So an action is in what is shown exactly once at
//! every step, and a fader never jumps back.

mod op;

use std::{collections::VecDeque, sync::Arc};

use op::Op;

use crate::{
    model::Model,
    protocol::{
        ActionNumber, ClientId, ClientMessage, NetworkState, OwnerInfo, OwnershipRefusal,
        Reconnected, Refusal, Rejection, Resume, Seq, ServerMessage, SessionId, SessionToken,
        StateDigest, StatePatch, Welcome,
    },
    sync::{
        Resync, SessionEvent,
        digester::Digester,
        roster_events,
        undo::{Direction, UndoLog},
    },
    util::time::Timestamp,
};

/// What a client has of a session.
pub struct Mirror<M: Model> {
    session: SessionId,
    client: ClientId,
    name: String,
    token: SessionToken,
    confirmed: Arc<NetworkState<M>>,
    predicted: Arc<NetworkState<M>>,
    /// What one can take back of what the confirmed state contains.
    log: UndoLog<M>,
    /// One's actions that the confirmed state does not contain yet, in order.
    pending: VecDeque<PendingOp<M>>,
    /// How many of `pending` may be unanswered.
    backlog: usize,
    /// The number of the last action of all.
    last: ActionNumber,
    /// The number of the last action that was handed out to be sent.
    sent: ActionNumber,
    /// The number of the last action whose fate is known.
    answered: ActionNumber,
    /// Why a full state was asked for, until it is there.
    lacking: Option<Resync>,
    /// The digest of the confirmed state, or of one before it.
    digester: Digester<M>,
    /// Messages that are not actions. Each is sent after the actions that were
    /// dispatched before it: who stops the music and then gives the privilege
    /// up must not be found without it.
    replies: VecDeque<(ActionNumber, ClientMessage<M>)>,
    /// Those that were sent and that the authority is not known to have heard.
    unheard: VecDeque<(ActionNumber, ClientMessage<M>)>,
    /// Those that were refused, until the acknowledgement that covers them: they
    /// are taken out together.
    rejected: Vec<Rejection>,
    /// Whether one came in as somebody new.
    is_new: bool,
    events: Vec<SessionEvent<M>>,
    settled: Vec<(ActionNumber, Result<(), Refusal>)>,
}

struct PendingOp<M: Model> {
    number: ActionNumber,
    op: Op<M>,
    /// What one can take back once this is done.
    log: UndoLog<M>,
    /// The moment that contains it, once the authority has told.
    contained_in: Option<Seq>,
}

/// Why a mirror does not take an action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MirrorError {
    /// As far as can be seen from here, the authority would refuse it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many actions are unanswered.
    #[error("{limit} actions are unanswered already")]
    Backlog {
        /// How many may be.
        limit: usize,
    },
}

impl<M: Model> Mirror<M> {
    /// The mirror of somebody new, which keeps up to `backlog` unanswered
    /// actions.
    #[must_use]
    pub fn new(welcome: Welcome<M>, backlog: usize) -> Self {
        let Welcome { session, client_id, name, token, refused, state, .. } = welcome;
        let mut mirror = Self::of(session, client_id, name, token, state, backlog);
        mirror.events.extend(mirror.me().map(SessionEvent::Joined));
        mirror.events.extend(refusals(refused));
        mirror
    }

    /// The mirror of somebody who has come back without a memory, e.g. after a
    /// restart. `state` is the full state that follows the `ReconnectSuccessful`.
    #[must_use]
    pub fn resumed(back: Reconnected, state: NetworkState<M>, backlog: usize) -> Self {
        let Reconnected { session, client_id, name, token, last_action, .. } = back;
        let mut mirror = Self::of(session, client_id, name, token, state, backlog);
        mirror.last = last_action;
        mirror.sent = last_action;
        mirror.answered = last_action;
        mirror.is_new = false;
        mirror.events.extend(mirror.me().map(SessionEvent::Resumed));
        mirror
    }

    fn me(&self) -> Option<OwnerInfo> {
        self.confirmed.roster.as_owner(self.client)
    }

    fn of(
        session: SessionId,
        client: ClientId,
        name: String,
        token: SessionToken,
        state: NetworkState<M>,
        backlog: usize,
    ) -> Self {
        let confirmed = Arc::new(state);
        Self {
            session,
            client,
            name,
            token,
            predicted: Arc::clone(&confirmed),
            log: UndoLog::default(),
            confirmed,
            pending: VecDeque::new(),
            backlog,
            last: ActionNumber::default(),
            sent: ActionNumber::default(),
            answered: ActionNumber::default(),
            lacking: None,
            digester: Digester::default(),
            replies: VecDeque::new(),
            unheard: VecDeque::new(),
            rejected: Vec::new(),
            is_new: true,
            events: Vec::new(),
            settled: Vec::new(),
        }
    }

    /// Which session this mirrors.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// One's number in it.
    #[must_use]
    pub const fn client(&self) -> ClientId {
        self.client
    }

    /// One's name in it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether one came in as somebody new, and not as somebody who came back.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.is_new
    }

    /// The secret with which to come back.
    #[must_use]
    pub const fn token(&self) -> SessionToken {
        self.token
    }

    /// What is to be shown: the confirmed state, and one's own actions.
    #[must_use]
    pub const fn predicted(&self) -> &Arc<NetworkState<M>> {
        &self.predicted
    }

    /// What the authority has told.
    #[must_use]
    pub const fn confirmed(&self) -> &Arc<NetworkState<M>> {
        &self.confirmed
    }

    /// How many of one's actions the authority has not answered.
    #[must_use]
    pub fn unanswered(&self) -> usize {
        self.pending.len() - self.pending.partition_point(|pending| pending.contained_in.is_some())
    }

    /// What happened since the last call.
    pub fn take_events(&mut self) -> Vec<SessionEvent<M>> {
        std::mem::take(&mut self.events)
    }

    /// The fates of actions that became known since the last call.
    pub fn take_settled(&mut self) -> Vec<(ActionNumber, Result<(), Refusal>)> {
        std::mem::take(&mut self.settled)
    }

    /// Carries out an action of one's own, as the authority will in a moment.
    ///
    /// # Errors
    /// If the authority would refuse it, as far as can be seen from here, or if
    /// too many are unanswered. Nothing has changed then.
    pub fn dispatch(
        &mut self,
        now: Timestamp,
        action: M::Action,
    ) -> Result<ActionNumber, MirrorError> {
        let continues = self.log_so_far().continues(now, &action);
        let op = Op::Act { at: now, continues, action };
        self.make_room()?;
        let mut log = self.log_so_far().clone();
        self.predicted = op.predict(&self.predicted, &mut log, self.client)?;
        Ok(self.push(op, log))
    }

    /// Takes back one's own last step, as the authority will in a moment.
    ///
    /// # Errors
    /// If too many actions are unanswered. That there is nothing to undo is for
    /// the authority to say, who may remember more.
    pub fn undo(&mut self) -> Result<ActionNumber, MirrorError> {
        self.trace(Direction::Back)
    }

    /// Does the step again that was undone last.
    ///
    /// # Errors
    /// As [`undo`](Self::undo).
    pub fn redo(&mut self) -> Result<ActionNumber, MirrorError> {
        self.trace(Direction::Forth)
    }

    fn trace(&mut self, direction: Direction) -> Result<ActionNumber, MirrorError> {
        self.make_room()?;
        let op = Op::Trace(direction);
        let mut log = self.log_so_far().clone();
        if let Ok(state) = op.predict(&self.predicted, &mut log, self.client) {
            self.predicted = state;
        }
        Ok(self.push(op, log))
    }

    fn make_room(&self) -> Result<(), MirrorError> {
        let limit = self.backlog;
        if self.unanswered() < limit { Ok(()) } else { Err(MirrorError::Backlog { limit }) }
    }

    fn push(&mut self, op: Op<M>, log: UndoLog<M>) -> ActionNumber {
        self.last = self.last.next();
        self.pending.push_back(PendingOp { number: self.last, op, log, contained_in: None });
        self.last
    }

    /// What one can take back, all that is pending included.
    fn log_so_far(&self) -> &UndoLog<M> {
        self.pending.back().map_or(&self.log, |pending| &pending.log)
    }

    /// Asks for something that is not an action.
    ///
    /// # Errors
    /// If too much is unanswered.
    pub fn wish(&mut self, wish: ClientMessage<M>) -> Result<(), MirrorError> {
        if self.replies.len() + self.unheard.len() >= self.backlog {
            return Err(MirrorError::Backlog { limit: self.backlog });
        }
        self.say(wish);
        Ok(())
    }

    /// Sends `message` after the actions so far, and before any further one.
    pub fn say(&mut self, message: ClientMessage<M>) {
        self.replies.push_back((self.last, message));
    }

    /// The next message that is to be sent.
    pub fn poll_message(&mut self) -> Option<ClientMessage<M>> {
        let next = self.pending.partition_point(|pending| pending.number <= self.sent);
        let next = self.pending.get(next);
        let reply =
            self.replies.pop_front_if(|(after, _)| next.is_none_or(|next| next.number > *after));
        if let Some((after, reply)) = reply {
            if is_wish(&reply) || matches!(reply, ClientMessage::Ping { .. }) {
                self.unheard.push_back((after, reply.clone()));
            }
            return Some(reply);
        }
        let PendingOp { number, op, .. } = next?;
        self.sent = *number;
        Some(op.message(*number))
    }

    /// Whether there is something to be sent.
    #[must_use]
    pub fn has_messages(&self) -> bool {
        !self.replies.is_empty()
            || self.pending.back().is_some_and(|pending| pending.number > self.sent)
    }

    /// Handles what the authority says. The answers to a `Hello`, and what is
    /// not about the state, are the shell's business and ignored here.
    pub fn handle(&mut self, message: ServerMessage<M>) {
        match message {
            ServerMessage::StatePatchUpdate(patch) => self.handle_patch(&patch),
            ServerMessage::FullStateSync { state } => self.handle_full(state),
            ServerMessage::ActionsApplied { through, seq } => self.handle_applied(through, seq),
            ServerMessage::ActionRejected { number, reason } => {
                self.rejected.push(Rejection { number, reason });
            }
            ServerMessage::Undone { number, kept } => self.handle_undone(number, kept),
            ServerMessage::OwnershipAnswer { refused, .. } => {
                self.heard(|said| matches!(said, ClientMessage::RequestOwnership { .. }));
                self.events.extend(refusals(refused));
            }
            // That it was granted shows in the roster.
            ServerMessage::PrivilegeGranted => {
                self.heard(|said| matches!(said, ClientMessage::RequestPrivilege));
            }
            ServerMessage::PrivilegeDenied { holder } => {
                self.heard(|said| matches!(said, ClientMessage::RequestPrivilege));
                self.events.push(SessionEvent::PrivilegeDenied { holder });
            }
            ServerMessage::Pong { nonce } => {
                self.heard(|said| *said == ClientMessage::Ping { nonce });
            }
            ServerMessage::Ping { nonce, digest, .. } => {
                self.say(ClientMessage::Pong { nonce });
                if let Some(digest) = digest {
                    self.compare(digest);
                }
            }
            ServerMessage::Welcome(_)
            | ServerMessage::ReconnectSuccessful(_)
            | ServerMessage::ReconnectFailed { .. }
            | ServerMessage::Metering(_)
            // It shows in the roster.
            | ServerMessage::PrivilegeRevoked { .. }
            | ServerMessage::Error(_)
            | ServerMessage::Shutdown => {}
        }
    }

    /// The authority has answered this, so it has heard all that was said before.
    fn heard(&mut self, is: impl Fn(&ClientMessage<M>) -> bool) {
        if let Some(at) = self.unheard.iter().position(|(_, said)| is(said)) {
            self.unheard.drain(..=at);
        }
    }

    fn handle_patch(&mut self, patch: &StatePatch<M>) {
        let have = self.confirmed.seq;
        if patch.seq <= have || self.lacking.is_some() {
            return;
        }
        if patch.base != have {
            self.lack(Resync::Gap { have, base: patch.base });
            return;
        }
        match self.confirmed.patched(patch) {
            Ok(state) => self.confirm(state),
            Err(misfit) => self.lack(Resync::PatchError(misfit)),
        }
    }

    /// A digester that may work out beforehand what a `Ping` with this digest is
    /// to be compared with, if there is something to compare.
    pub(crate) fn digest_due(&self, theirs: StateDigest) -> Option<Digester<M>> {
        (theirs.seq == self.confirmed.seq).then(|| self.digester.clone())
    }

    /// Takes a digester that has worked it out, and returns the one it replaces.
    pub(crate) const fn put_digester(&mut self, digester: Digester<M>) -> Digester<M> {
        std::mem::replace(&mut self.digester, digester)
    }

    /// Notices if what is confirmed is not what the authority has sent.
    fn compare(&mut self, theirs: StateDigest) {
        let have = self.confirmed.seq;
        if self.lacking.is_some() || theirs.seq < have {
            return;
        }
        if theirs.seq > have {
            self.lack(Resync::Gap { have, base: theirs.seq });
            return;
        }
        let (own, _) = self.digester.digest(&self.confirmed);
        if own != theirs {
            self.lack(Resync::Digest { seq: theirs.seq });
        }
    }

    fn lack(&mut self, why: Resync) {
        self.lacking = Some(why);
        self.say(ClientMessage::RequestFullSync);
    }

    fn handle_full(&mut self, state: NetworkState<M>) {
        if state.seq < self.confirmed.seq {
            return;
        }
        let why = self.lacking.take().unwrap_or(Resync::Routine);
        self.events.push(SessionEvent::Resynchronised(why));
        // It shares nothing with what is known, which may have been wrong.
        self.digester = Digester::default();
        self.confirm(state);
    }

    fn handle_applied(&mut self, through: ActionNumber, seq: Seq) {
        let rejected = std::mem::take(&mut self.rejected);
        let some_were_rejected = !rejected.is_empty();
        for Rejection { number, reason } in rejected {
            self.take_out(number, reason);
        }
        for pending in &mut self.pending {
            if pending.number <= through && pending.contained_in.is_none() {
                pending.contained_in = Some(seq);
                self.settled.push((pending.number, Ok(())));
            }
        }
        self.answered = self.answered.max(through);
        if some_were_rejected || seq <= self.confirmed.seq {
            self.rebase();
        }
    }

    fn handle_undone(&mut self, number: ActionNumber, kept: u32) {
        let at = self.pending.binary_search_by_key(&number, |pending| pending.number);
        let again = at.is_ok_and(|at| self.pending[at].op.is_redo());
        self.events.push(if again {
            SessionEvent::Redone { kept }
        } else {
            SessionEvent::Undone { kept }
        });
    }

    /// Takes a refused action out. The caller rebases.
    fn take_out(&mut self, number: ActionNumber, reason: Refusal) {
        if let Ok(at) = self.pending.binary_search_by_key(&number, |pending| pending.number)
            && let Some(PendingOp { op, .. }) = self.pending.remove(at)
        {
            self.settled.push((number, Err(reason.clone())));
            self.events.push(match op.into_action() {
                Some(action) => SessionEvent::Refused { action, reason },
                None => SessionEvent::NothingUndone { reason },
            });
        }
    }

    fn confirm(&mut self, state: NetworkState<M>) {
        let old = std::mem::replace(&mut self.confirmed, Arc::new(state));
        if !Arc::ptr_eq(&old.roster, &self.confirmed.roster) {
            self.events.extend(roster_events(&old.roster, &self.confirmed.roster));
        }
        self.rebase();
    }

    /// Predicts anew: the confirmed state, and on it what it does not contain.
    fn rebase(&mut self) {
        let have = self.confirmed.seq;
        let contained =
            |pending: &mut PendingOp<M>| pending.contained_in.is_some_and(|seq| seq <= have);
        while let Some(pending) = self.pending.pop_front_if(contained) {
            self.log = pending.log;
        }
        let mut state = Arc::clone(&self.confirmed);
        let mut log = self.log.clone();
        for pending in &mut self.pending {
            // What cannot be done any more is about to be refused.
            if let Ok(next) = pending.op.predict(&state, &mut log, self.client) {
                state = next;
            }
            pending.log = log.clone();
        }
        self.predicted = state;
    }

    /// What to show the authority when coming back.
    #[must_use]
    pub fn resume(&self) -> Resume {
        Resume { token: self.token, seq: Some(self.confirmed.seq), answered: Some(self.answered) }
    }

    /// The authority has let one back in: what it has not seen is sent again.
    pub fn reconnected(&mut self, back: Reconnected) {
        self.token = back.token;
        // What was wished for may have been lost, and does no harm twice; what
        // else there was to say was about the old connection.
        self.replies = self.unheard.drain(..).chain(self.replies.drain(..)).collect();
        self.replies.retain(|(_, reply)| is_wish(reply));
        self.lacking = None;
        self.rejected.retain(|known| back.rejected.iter().all(|new| new.number != known.number));
        self.rejected.extend(back.rejected);
        self.sent = back.last_action;
        self.handle_applied(back.last_action, back.seq);
        self.rebase();
    }

    /// The session is another one. One's actions that the old one did not answer
    /// are handed back with [`SessionEvent::NewSession`].
    pub fn start_anew(&mut self, welcome: Welcome<M>) {
        let anew = Self::new(welcome, self.backlog);
        let old = std::mem::replace(self, anew);
        let unanswered = old.pending.into_iter().filter(|pending| pending.contained_in.is_none());
        let event = SessionEvent::NewSession {
            session: self.session,
            unanswered: unanswered.filter_map(|pending| pending.op.into_action()).collect(),
        };
        self.settled = old.settled;
        self.events = [old.events, vec![event], self.take_events()].concat();
    }
}

/// Whether this asks for something that does no harm if it is asked for twice.
fn is_wish<M: Model>(message: &ClientMessage<M>) -> bool {
    matches!(
        message,
        ClientMessage::RequestOwnership { .. }
            | ClientMessage::ReleaseOwnership { .. }
            | ClientMessage::RequestPrivilege
            | ClientMessage::ReleasePrivilege
            | ClientMessage::RequestFullSync
    )
}

/// What was not granted of what was asked for.
fn refusals<M: Model>(refused: Vec<OwnershipRefusal>) -> impl Iterator<Item = SessionEvent<M>> {
    refused.into_iter().map(|OwnershipRefusal { instrument, reason }| {
        SessionEvent::OwnershipRefused { instrument, reason }
    })
}
