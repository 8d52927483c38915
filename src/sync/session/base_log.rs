//! The moments that clients may still stand on, so that who comes back gets
//! the difference and not everything.
//!
//! They share their parts, so each costs little more than what changed in it;
//! but what changed may be a pasted song, thirty times a second. So everything
//! is kept for as long as most cuts take to be noticed, and after that a moment
//! now and then, and those at which somebody was last heard from. Who stands on
//! one that was thinned out gets a full state. What is forgotten is handed out:
//! dropping much takes time, and not here.

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

pub(super) struct BaseLog<M: Model> {
    /// In the order of their numbers, which is that of their times.
    moments: VecDeque<(Timestamp, Arc<NetworkState<M>>)>,
    /// When they were last thinned out.
    thinned: Timestamp,
    forgotten: Vec<Arc<NetworkState<M>>>,
}

impl<M: Model> BaseLog<M> {
    pub(super) const fn new() -> Self {
        Self { moments: VecDeque::new(), thinned: Timestamp::ZERO, forgotten: Vec::new() }
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
        while self.moments.len() > config.max_bases {
            self.forget_oldest();
        }
    }

    /// Thins out what is no longer fresh at `now`, but for what is `needed`, and
    /// forgets what nobody can come back to. What is needed changes, so all is
    /// looked at again, but not at every moment.
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
        // A moment serves until the one after it is too old: who has it may
        // have had nothing newer when the silence before a suspension began.
        let reach = config.idle_timeout + config.resume_window;
        while self.moments.get(1).is_some_and(|(sent, _)| now.since(*sent) > reach) {
            self.forget_oldest();
        }
        let needed = needed();
        let mut last = None;
        for (sent, state) in std::mem::take(&mut self.moments) {
            let fresh = now.since(sent) <= config.base_fresh_for;
            let apart = last.is_none_or(|last| sent.since(last) >= config.base_spacing);
            if apart {
                last = Some(sent);
            }
            if fresh || apart || needed.contains(&state.seq) {
                self.moments.push_back((sent, state));
            } else {
                self.forgotten.push(state);
            }
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

    fn forget_oldest(&mut self) {
        self.forgotten.extend(self.moments.pop_front().map(|(_, state)| state));
    }

    pub(super) fn find(&self, seq: Seq) -> Option<&Arc<NetworkState<M>>> {
        let at = self.moments.binary_search_by_key(&seq, |(_, state)| state.seq).ok()?;
        self.moments.get(at).map(|(_, state)| state)
    }

    pub(super) fn len(&self) -> usize {
        self.moments.len()
    }
}
