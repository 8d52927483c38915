//! The moments that clients may still stand on, so that who comes back gets
//! the difference and not everything.
//!
//! They share their parts, so each costs little more than what changed in it;
//! but what changed may be a pasted song, thirty times a second. So everything
//! is kept for as long as most cuts take to be noticed, and after that a moment
//! now and then, and those at which somebody was last heard from. Who stands on
//! one that was thinned out gets a full state. What is forgotten is handed out:
//! dropping much takes time, and not here.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    clock::Timestamp,
    config::SessionConfig,
    model::Model,
    protocol::{NetworkState, Seq},
};

pub(super) struct History<M: Model> {
    /// In the order of their numbers, which is that of their times.
    moments: VecDeque<(Timestamp, Arc<NetworkState<M>>)>,
    /// How many of the first of them are thinned out already.
    thinned: usize,
    forgotten: Vec<Arc<NetworkState<M>>>,
}

impl<M: Model> History<M> {
    pub(super) const fn new() -> Self {
        Self { moments: VecDeque::new(), thinned: 0, forgotten: Vec::new() }
    }

    /// Remembers a moment that is sent to somebody at `now`.
    pub(super) fn remember(
        &mut self,
        now: Timestamp,
        state: &Arc<NetworkState<M>>,
        config: &SessionConfig,
    ) {
        let newest = self.moments.back().map(|(_, state)| state.seq);
        if newest.is_none_or(|newest| newest < state.seq) {
            self.moments.push_back((now, Arc::clone(state)));
        }
        while self.moments.len() > config.max_history {
            self.forget(0);
        }
    }

    /// Thins out what is no longer fresh at `now`, but for moments that somebody
    /// may have nothing newer than, and forgets those that nobody can come back
    /// to.
    pub(super) fn thin(
        &mut self,
        now: Timestamp,
        config: &SessionConfig,
        needed: impl Fn(Seq) -> bool,
    ) {
        while let Some((sent, state)) = self.moments.get(self.thinned)
            && now.since(*sent) > config.history_fresh
        {
            let before = self.thinned.checked_sub(1).and_then(|at| self.moments.get(at));
            let apart = before.is_none_or(|(before, _)| sent.since(*before) >= config.history_pace);
            if apart || needed(state.seq) {
                self.thinned += 1;
            } else {
                self.forget(self.thinned);
            }
        }
        // A moment serves until the one after it is too old: who has it may
        // have had nothing newer when the silence before a suspension began.
        let reach = config.silence + config.resume_window;
        while self.moments.get(1).is_some_and(|(sent, _)| now.since(*sent) > reach) {
            self.forget(0);
        }
    }

    /// Has a moment dropped where that holds up nobody.
    pub(super) fn discard(&mut self, state: Option<Arc<NetworkState<M>>>) {
        self.forgotten.extend(state);
    }

    /// What was forgotten since the last call.
    pub(super) fn take_forgotten(&mut self) -> Vec<Arc<NetworkState<M>>> {
        std::mem::take(&mut self.forgotten)
    }

    fn forget(&mut self, at: usize) {
        if let Some((_, state)) = self.moments.remove(at) {
            self.forgotten.push(state);
        }
        if at < self.thinned {
            self.thinned -= 1;
        }
    }

    pub(super) fn find(&self, seq: Seq) -> Option<&Arc<NetworkState<M>>> {
        let at = self.moments.binary_search_by_key(&seq, |(_, state)| state.seq).ok()?;
        self.moments.get(at).map(|(_, state)| state)
    }

    pub(super) fn len(&self) -> usize {
        self.moments.len()
    }
}
