//! What the mirror predicts: the confirmed state, with the operations applied
//! that it does not contain yet.

use std::{collections::VecDeque, sync::Arc};

use super::{confirmation::Confirmation, op::Op};
use crate::{
    model::Model,
    protocol::{ActionNumber, ClientId, HistoryChange, NetworkState, Refusal, Rejection, Seq},
    sync::undo::{MAX_STEPS, UndoLog},
};

pub(super) struct Prediction<M: Model> {
    pub(super) state: Arc<NetworkState<M>>,
    /// The operations that the confirmed state does not contain, in order.
    pub(super) pending: VecDeque<PendingOp<M>>,
    /// The number of the last operation of all.
    pub(super) last: ActionNumber,
    /// The number of the last operation that the authority has decided.
    pub(super) decided: ActionNumber,
    /// Rejections that wait for the acknowledgement that covers them: both are
    /// applied together.
    pub(super) rejected: Vec<Rejection>,
}

#[derive(Clone)]
pub(super) struct PendingOp<M: Model> {
    pub(super) number: ActionNumber,
    pub(super) op: Op<M>,
    /// The undo history once this operation is applied.
    pub(super) log: UndoLog<M>,
    /// The changes of the history that the authority made after this operation and
    /// before the next one.
    pub(super) history: Vec<HistoryChange>,
    /// The snapshot that contains the operation, once the authority has told.
    pub(super) contained_in: Option<Seq>,
}

impl<M: Model> PendingOp<M> {
    /// Whether the snapshot `seq` contains the operation, as far as is known.
    pub(super) fn is_in(&self, seq: Seq) -> bool {
        self.contained_in.is_some_and(|first| first <= seq)
    }

    /// Predicts the operation again, but not its outcomes: they were returned when it was
    /// dispatched. One that cannot be applied any more is about to be refused.
    pub(super) fn replay(
        &mut self,
        state: &mut Arc<NetworkState<M>>,
        log: &mut UndoLog<M>,
        me: ClientId,
    ) {
        if let Ok(next) = self.op.predict(state, log, me, drop) {
            *state = next;
        }
        self.history.iter().for_each(|change| log.follow(*change));
        self.log = log.clone();
    }
}

impl<M: Model> Prediction<M> {
    pub(super) fn new(state: Arc<NetworkState<M>>, last: ActionNumber) -> Self {
        Self { state, pending: VecDeque::new(), last, decided: last, rejected: Vec::new() }
    }

    pub(super) fn unanswered(&self) -> usize {
        self.pending.len() - self.pending.partition_point(|pending| pending.contained_in.is_some())
    }

    /// The undo history with everything that is pending.
    pub(super) fn log<'a>(&'a self, confirmation: &'a Confirmation<M>) -> &'a UndoLog<M> {
        self.pending.back().map_or(&confirmation.log, |pending| &pending.log)
    }

    pub(super) fn push(&mut self, op: Op<M>, log: UndoLog<M>) -> ActionNumber {
        self.last = self.last.next();
        self.pending.push_back(PendingOp {
            number: self.last,
            op,
            log,
            history: Vec::new(),
            contained_in: None,
        });
        self.last
    }

    pub(super) fn get(&self, number: ActionNumber) -> Option<&PendingOp<M>> {
        let at = self.pending.binary_search_by_key(&number, |pending| pending.number).ok()?;
        self.pending.get(at)
    }

    /// Whether an operation up to `through` is pending.
    pub(super) fn is_pending(&self, through: ActionNumber) -> bool {
        self.pending.front().is_some_and(|first| first.number <= through)
    }

    /// The first operation after `number`.
    pub(super) fn after(&self, number: ActionNumber) -> Option<&PendingOp<M>> {
        self.pending.get(self.pending.partition_point(|pending| pending.number <= number))
    }

    /// Remembers that the operation `number` is rejected, until the authority has
    /// acknowledged it. Of two reasons the first counts, and after the acknowledgement none.
    pub(super) fn reject(&mut self, number: ActionNumber, reason: Refusal) {
        let is_known = self.rejected.iter().any(|known| known.number == number);
        let is_open = self.get(number).is_some_and(|pending| pending.contained_in.is_none());
        if !is_known && is_open {
            self.rejected.push(Rejection { number, reason });
        }
    }

    /// Removes a refused operation. The caller rebases.
    pub(super) fn remove(&mut self, number: ActionNumber) -> Option<PendingOp<M>> {
        let at = self.pending.binary_search_by_key(&number, |pending| pending.number).ok()?;
        self.pending.remove(at)
    }

    /// The authority has decided the operations up to `through`; the snapshot
    /// `seq` contains them. Reports each accepted one once.
    pub(super) fn accept(
        &mut self,
        through: ActionNumber,
        seq: Seq,
        mut report: impl FnMut(ActionNumber, Result<(), Refusal>),
    ) {
        for pending in &mut self.pending {
            if pending.number <= through && pending.contained_in.is_none() {
                pending.contained_in = Some(seq);
                report(pending.number, Ok(()));
            }
        }
        self.decided = self.decided.max(through);
    }

    /// Predicts again from the confirmed state.
    pub(super) fn rebase(&mut self, confirmation: &mut Confirmation<M>, me: ClientId) {
        let have = confirmation.state.seq;
        while let Some(pending) = self.pending.pop_front_if(|pending| pending.is_in(have)) {
            confirmation.log = pending.log;
            let at = pending.op.dispatched_at().unwrap_or_default();
            confirmation.log.settle(at, &confirmation.state);
        }
        self.state = Arc::clone(&confirmation.state);
        self.replay_from(0, confirmation.log.clone(), me);
    }

    /// Predicts again the operations from index `first` on. `state` and `log` are
    /// as of the one before.
    pub(super) fn replay_from(&mut self, first: usize, mut log: UndoLog<M>, me: ClientId) {
        for pending in self.pending.range_mut(first..) {
            pending.replay(&mut self.state, &mut log, me);
        }
    }
}

/// Puts a change of the history after the operations that were decided before it.
/// `log` is the history before all of `pending`. The caller predicts these again.
pub(super) fn place_history<M: Model>(
    pending: &mut VecDeque<PendingOp<M>>,
    log: &mut UndoLog<M>,
    change: HistoryChange,
) {
    let decided = pending.partition_point(|pending| pending.number <= change.after);
    match decided.checked_sub(1).and_then(|last| pending.get_mut(last)) {
        Some(last) => {
            // Of more, the last ones alone decide what the history holds.
            if last.history.len() >= MAX_STEPS {
                last.history.remove(0);
            }
            last.history.push(change);
        }
        None => log.follow(change),
    }
}
