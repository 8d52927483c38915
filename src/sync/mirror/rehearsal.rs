//! A rebase that is computed before the message that causes it is handled.
//!
//! To predict a thousand operations again takes long. The shell does it beside the
//! mirror, without its lock: [`Mirror::rehearse`] copies what is needed, and
//! [`Mirror::put_rehearsal`] hands the result over right before
//! [`Mirror::handle`], which makes the same result without it.

use std::{collections::VecDeque, sync::Arc};

use super::{Mirror, prediction::PendingOp};
use crate::{
    model::Model,
    protocol::{ActionNumber, ClientId, NetworkState, Seq, ServerMessage},
    sync::undo::UndoLog,
};

/// How many operations [`Mirror::handle`] may have to predict by itself, because
/// they were dispatched during the rehearsal.
const MAX_LATE: usize = 4;

/// A prediction for a confirmed state that the mirror does not have yet.
pub(crate) struct Rehearsal<M: Model> {
    me: ClientId,
    pub(super) confirmed: Arc<NetworkState<M>>,
    rejected: Vec<ActionNumber>,
    /// The operations that `confirmed` does not contain, in order.
    pub(super) pending: VecDeque<PendingOp<M>>,
    /// How many of them are predicted again.
    replayed: usize,
    /// The prediction and the undo history after these.
    pub(super) state: Arc<NetworkState<M>>,
    pub(super) log: UndoLog<M>,
}

impl<M: Model> Mirror<M> {
    /// What is needed to compute the rebase that `message` will cause; `None` if
    /// it causes none.
    pub(crate) fn rehearse(&self, message: &ServerMessage<M>) -> Option<Rehearsal<M>> {
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
            _ => false,
        };
        rebases.then(|| Rehearsal {
            me: self.me.client,
            confirmed: Arc::clone(&confirmation.state),
            rejected: prediction.rejected.iter().map(|rejection| rejection.number).collect(),
            pending: prediction.pending.clone(),
            replayed: 0,
            state: Arc::clone(&confirmation.state),
            log: confirmation.log.clone(),
        })
    }

    /// Takes over the operations that were dispatched since, if they are many.
    /// Returns whether there are any to be replayed.
    pub(crate) fn extend_rehearsal(&self, rehearsal: &mut Rehearsal<M>) -> bool {
        let last = rehearsal.pending.back().map_or(self.prediction.decided, |last| last.number);
        let known = self.prediction.pending.partition_point(|pending| pending.number <= last);
        let late = self.prediction.pending.range(known..);
        if late.len() <= MAX_LATE {
            return false;
        }
        rehearsal.pending.extend(late.cloned());
        true
    }

    /// Takes the rehearsal of the message that is handled next.
    pub(crate) fn put_rehearsal(&mut self, rehearsal: Option<Rehearsal<M>>) {
        self.rehearsal = rehearsal;
    }

    /// The rehearsal after the message was handled. It holds what was replaced,
    /// which may be large: drop it without the lock.
    pub(crate) const fn take_rehearsal(&mut self) -> Option<Rehearsal<M>> {
        self.rehearsal.take()
    }
}

impl<M: Model> Rehearsal<M> {
    /// Applies `message`, the one that the rehearsal was begun for. `None` if it
    /// turns out to be of no use.
    pub(crate) fn confirm(mut self, message: &ServerMessage<M>) -> Option<Self> {
        match message {
            ServerMessage::StatePatchUpdate(patch) => {
                self.confirmed = Arc::new(self.confirmed.patched(patch).ok()?);
            }
            ServerMessage::FullStateSync { state } => self.confirmed = Arc::new(state.clone()),
            ServerMessage::ActionsApplied { through, seq } => {
                let rejected = std::mem::take(&mut self.rejected);
                self.pending.retain(|pending| !rejected.contains(&pending.number));
                for pending in self.pending.iter_mut().filter(|pending| pending.number <= *through)
                {
                    pending.contained_in.get_or_insert(*seq);
                }
            }
            _ => return None,
        }
        let have = self.confirmed.seq;
        while let Some(pending) = self.pending.pop_front_if(|pending| pending.is_in(have)) {
            self.log = pending.log;
        }
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

    /// Whether this is the prediction for `confirmed` with the first of `pending`.
    pub(super) fn fits<'a>(
        &self,
        confirmed: &Arc<NetworkState<M>>,
        pending: impl Iterator<Item = &'a PendingOp<M>>,
    ) -> bool {
        let ours = self.pending.iter().map(|pending| pending.number);
        let theirs = pending.map(|pending| pending.number).take(self.pending.len());
        Arc::ptr_eq(&self.confirmed, confirmed)
            && self.replayed == self.pending.len()
            && ours.eq(theirs)
    }

    /// The confirmed state, if it has this number.
    pub(super) fn confirmed_at(&self, seq: Seq) -> Option<Arc<NetworkState<M>>> {
        (self.confirmed.seq == seq).then(|| Arc::clone(&self.confirmed))
    }
}
