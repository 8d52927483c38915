//! A rebase that is computed before the message that causes it is handled.
//!
//! To predict a thousand operations again takes long. The shell does it beside the
//! mirror, without its lock: [`Mirror::prepare_rebase`] copies what is needed, and
//! [`Mirror::put_prepared_rebase`] hands the result over right before
//! [`Mirror::handle`], which makes the same result without it.

use std::{collections::VecDeque, sync::Arc};

use super::{
    Mirror,
    confirmation::Confirmation,
    prediction::{PendingOp, Prediction, place_history},
};
use crate::{
    model::Model,
    protocol::{ActionNumber, ClientId, NetworkState, Rejection, Seq, ServerMessage},
    sync::undo::UndoLog,
};

/// How many operations [`Mirror::handle`] may have to predict by itself, because
/// they were dispatched during the preparation.
const MAX_LATE: usize = 4;

/// A prediction for a confirmed state that the mirror does not have yet.
pub(crate) struct PreparedRebase<M: Model> {
    me: ClientId,
    confirmed: Arc<NetworkState<M>>,
    rejected: Vec<ActionNumber>,
    /// The last operation that it has taken over.
    last: ActionNumber,
    /// The operations that `confirmed` does not contain, in order.
    pending: VecDeque<PendingOp<M>>,
    /// How many of them are predicted again.
    replayed: usize,
    /// Whether the mirror has used it.
    spent: bool,
    /// The prediction and the undo history after these.
    state: Arc<NetworkState<M>>,
    log: UndoLog<M>,
    /// The undo history as of `confirmed`.
    confirmed_log: UndoLog<M>,
}

impl<M: Model> Mirror<M> {
    /// What is needed to compute the rebase that `message` will cause; `None` if
    /// it causes none.
    pub(crate) fn prepare_rebase(&self, message: &ServerMessage<M>) -> Option<PreparedRebase<M>> {
        let Self { confirmation, prediction, .. } = self;
        let have = confirmation.state.seq;
        let rebases = match message {
            ServerMessage::StatePatchUpdate(patch) => {
                confirmation.resync.is_none() && patch.base == have && patch.seq > have
            }
            ServerMessage::FullStateSync { state } => state.seq >= have,
            ServerMessage::ActionsApplied { seq, .. } => {
                !prediction.rejected.is_empty() || *seq <= have
            }
            ServerMessage::HistoryChanged(change) => change.number > confirmation.history,
            _ => false,
        };
        // What the authority has added to the history after a rejected operation goes
        // to another place: only the mirror knows which.
        let is_settled = |rejection: &Rejection| {
            prediction.get(rejection.number).is_none_or(|pending| pending.history.is_empty())
        };
        let rebases = rebases && prediction.rejected.iter().all(is_settled);
        rebases.then(|| PreparedRebase {
            me: self.me.client,
            confirmed: Arc::clone(&confirmation.state),
            rejected: prediction.rejected.iter().map(|rejection| rejection.number).collect(),
            last: prediction.last,
            pending: prediction.pending.clone(),
            replayed: 0,
            spent: false,
            state: Arc::clone(&confirmation.state),
            log: confirmation.log.clone(),
            confirmed_log: confirmation.log.clone(),
        })
    }

    /// Takes over the operations that were dispatched since, if they are many.
    /// Returns whether there are any to be replayed.
    pub(crate) fn extend_prepared_rebase(&self, prepared_rebase: &mut PreparedRebase<M>) -> bool {
        let last = prepared_rebase.last;
        let known = self.prediction.pending.partition_point(|pending| pending.number <= last);
        let late = self.prediction.pending.range(known..);
        if late.len() <= MAX_LATE {
            return false;
        }
        prepared_rebase.pending.extend(late.cloned());
        prepared_rebase.last = self.prediction.last;
        true
    }

    /// Takes the prepared rebase of the message that is handled next.
    pub(crate) fn put_prepared_rebase(&mut self, prepared_rebase: Option<PreparedRebase<M>>) {
        self.prepared_rebase = prepared_rebase;
    }

    /// The prepared rebase after the message was handled. It holds what was replaced,
    /// which may be large: drop it without the lock.
    pub(crate) const fn take_prepared_rebase(&mut self) -> Option<PreparedRebase<M>> {
        self.prepared_rebase.take()
    }
}

impl<M: Model> PreparedRebase<M> {
    /// Applies `message`, the one that the prepared rebase was begun for. `None` if it
    /// turns out to be of no use.
    pub(crate) fn confirm(mut self, message: &ServerMessage<M>) -> Option<Self> {
        let mut some_were_rejected = false;
        match message {
            ServerMessage::StatePatchUpdate(patch) => {
                self.confirmed = Arc::new(self.confirmed.patched(patch).ok()?);
            }
            ServerMessage::FullStateSync { state } => self.confirmed = Arc::new(state.clone()),
            ServerMessage::ActionsApplied { through, seq } => {
                let mut rejected = std::mem::take(&mut self.rejected);
                rejected.retain(|number| number <= through);
                some_were_rejected = !rejected.is_empty();
                self.pending.retain(|pending| !rejected.contains(&pending.number));
                for pending in self.pending.iter_mut().filter(|pending| pending.number <= *through)
                {
                    pending.contained_in.get_or_insert(*seq);
                }
            }
            ServerMessage::HistoryChanged(change) => {
                place_history(&mut self.pending, &mut self.log, *change);
            }
            _ => return None,
        }
        let have = self.confirmed.seq;
        if some_were_rejected && self.pending.front().is_some_and(|first| first.is_in(have)) {
            // Its history contains what was rejected: the mirror makes it again.
            return None;
        }
        while let Some(pending) = self.pending.pop_front_if(|pending| pending.is_in(have)) {
            self.log = pending.log;
            let at = pending.op.dispatched_at().unwrap_or_default();
            self.log.settle(at, &self.confirmed);
        }
        self.confirmed_log = self.log.clone();
        self.state = Arc::clone(&self.confirmed);
        Some(self)
    }

    /// Predicts the next operation again; `false` if there is none.
    pub(crate) fn replay_next(&mut self) -> bool {
        let Some(pending) = self.pending.get_mut(self.replayed) else { return false };
        self.replayed += 1;
        pending.replay(&mut self.state, &mut self.log, self.me);
        true
    }

    /// Whether the mirror had nothing to compute.
    #[cfg(test)]
    pub(crate) const fn is_spent(&self) -> bool {
        self.spent
    }

    /// Rebases `prediction`, if this is the prediction for its confirmed state, and
    /// returns whether it is. It is left with what was replaced.
    pub(super) fn install(
        &mut self,
        prediction: &mut Prediction<M>,
        confirmation: &mut Confirmation<M>,
    ) -> bool {
        let have = confirmation.state.seq;
        let contained = prediction.pending.iter().take_while(|pending| pending.is_in(have)).count();
        let known = prediction.pending.range(contained..).map(|pending| pending.number);
        let fits = Arc::ptr_eq(&self.confirmed, &confirmation.state)
            && self.replayed == self.pending.len()
            && self.pending.iter().map(|pending| pending.number).eq(known.take(self.replayed));
        if !fits {
            return false;
        }
        confirmation.log = self.confirmed_log.clone();
        let late = prediction.pending.split_off(contained + self.replayed);
        let known = prediction.pending.range(contained..);
        for (new, old) in self.pending.iter_mut().zip(known) {
            new.contained_in = old.contained_in;
        }
        self.pending.extend(late);
        std::mem::swap(&mut prediction.pending, &mut self.pending);
        std::mem::swap(&mut prediction.state, &mut self.state);
        prediction.replay_from(self.replayed, self.log.clone(), self.me);
        self.spent = true;
        true
    }

    /// The confirmed state, if it has this number.
    pub(super) fn confirmed_at(&self, seq: Seq) -> Option<Arc<NetworkState<M>>> {
        (self.confirmed.seq == seq).then(|| Arc::clone(&self.confirmed))
    }
}
