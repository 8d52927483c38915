//! The snapshots from which a resumed client can be sent a difference instead of
//! the full state.
//!
//! Snapshots share their parts, so each costs little more than its changes; but a
//! change may be a pasted song, thirty times a second. Therefore all snapshots
//! are kept for as long as most cuts take to be noticed, and after that one in a
//! while, plus those that a member may have had when it was last heard from. A
//! client whose snapshot was thinned out gets a full state. Forgotten snapshots
//! are handed out, because dropping a large one takes long.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use crate::{
    model::Model,
    protocol::{NetworkState, Seq},
    sync::session::SessionConfig,
    util::time::Timestamp,
};

/// How many values of collections, such as notes, the snapshots may have that their
/// predecessor has not. About 32 bytes each: 16 MiB.
const MAX_VALUES: usize = 512 * 1024;

pub(super) struct BaseLog<M: Model> {
    /// When each was sent, in ascending order of time and `seq`.
    snapshots: VecDeque<(Timestamp, Arc<NetworkState<M>>)>,
    /// The `seq` of each snapshot that differs from its predecessor by many values,
    /// and how many.
    pasted: VecDeque<(Seq, usize)>,
    /// When they were last thinned out.
    thinned: Timestamp,
    forgotten: VecDeque<Arc<NetworkState<M>>>,
}

impl<M: Model> BaseLog<M> {
    pub(super) const fn new() -> Self {
        Self {
            snapshots: VecDeque::new(),
            pasted: VecDeque::new(),
            thinned: Timestamp::ZERO,
            forgotten: VecDeque::new(),
        }
    }

    /// Remembers a snapshot that is sent to a member at `now`.
    pub(super) fn remember(
        &mut self,
        now: Timestamp,
        state: &Arc<NetworkState<M>>,
        config: &SessionConfig,
    ) {
        let newest = self.snapshots.back().map(|(_, state)| state);
        if let Some(newest) = newest.filter(|newest| newest.seq < state.seq) {
            let from = &newest.model;
            let (mut before, mut rest) = (from.clone(), from.clone());
            let values = M::merge_collections(&mut before, &mut rest, &state.model).changed;
            if values > 0 {
                self.pasted.push_back((state.seq, values));
            }
        }
        if newest.is_none_or(|newest| newest.seq < state.seq) {
            self.snapshots.push_back((now, Arc::clone(state)));
        }
        while self.snapshots.len() > config.max_bases
            || self.snapshots.len() > 1 && self.values() > MAX_VALUES
        {
            self.forget_oldest();
        }
    }

    /// Forgets snapshots that no member can resume from, and thins out those that
    /// are not fresh at `now`, except the `needed` ones. Which are needed changes,
    /// so all are looked at again, but not at every call.
    pub(super) fn thin(
        &mut self,
        now: Timestamp,
        config: &SessionConfig,
        needed: impl FnOnce() -> BTreeSet<Seq>,
    ) {
        if now.since(self.thinned) < config.base_spacing {
            return;
        }
        self.thinned = now;
        // A snapshot is useful until the next one is too old: a client may have
        // had nothing newer when the silence before its suspension began.
        let useful = config.idle_timeout.saturating_add(config.resume_window);
        while self.snapshots.get(1).is_some_and(|(sent, _)| now.since(*sent) > useful) {
            self.forget_oldest();
        }
        let needed = needed();
        let mut last = None;
        for (sent, state) in std::mem::take(&mut self.snapshots) {
            let fresh = now.since(sent) <= config.base_fresh_for;
            let apart = last.is_none_or(|last| sent.since(last) >= config.base_spacing);
            if apart {
                last = Some(sent);
            }
            if fresh || apart || needed.contains(&state.seq) {
                self.snapshots.push_back((sent, state));
            } else {
                self.forgotten.push_back(state);
            }
        }
    }

    /// Hands out a snapshot of another part of the session as a forgotten one.
    pub(super) fn discard(&mut self, state: Option<Arc<NetworkState<M>>>) {
        self.forgotten.extend(state);
    }

    pub(super) fn take_forgotten(&mut self) -> Option<Arc<NetworkState<M>>> {
        self.forgotten.pop_front()
    }

    /// What the snapshots keep alive, apart from the parts that they share.
    fn values(&self) -> usize {
        self.pasted.iter().map(|(_, values)| values).sum()
    }

    fn forget_oldest(&mut self) {
        self.forgotten.extend(self.snapshots.pop_front().map(|(_, state)| state));
        let oldest = self.snapshots.front().map(|(_, state)| state.seq);
        // What the oldest one has is not shared with one before it.
        while self.pasted.pop_front_if(|(seq, _)| oldest.is_some_and(|kept| *seq <= kept)).is_some()
        {
        }
    }

    pub(super) fn find(&self, seq: Seq) -> Option<&Arc<NetworkState<M>>> {
        let at = self.snapshots.binary_search_by_key(&seq, |(_, state)| state.seq).ok()?;
        self.snapshots.get(at).map(|(_, state)| state)
    }

    pub(super) fn len(&self) -> usize {
        self.snapshots.len()
    }
}
