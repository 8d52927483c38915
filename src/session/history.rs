//! The moments that clients may still stand on, so that who comes back gets
//! the difference and not everything. They share their parts, so each costs
//! little more than what changed in it.

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
}

impl<M: Model> History<M> {
    pub(super) const fn new() -> Self {
        Self { moments: VecDeque::new() }
    }

    /// Remembers a moment that is sent to somebody at `now`, and forgets those
    /// that nobody can come back to.
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
        // A moment serves until the one after it is too old: who has it may
        // have had nothing newer when the silence before a suspension began.
        let reach = config.silence + config.resume_window;
        while self.moments.len() > config.max_history
            || self.moments.get(1).is_some_and(|(sent, _)| now.since(*sent) > reach)
        {
            self.moments.pop_front();
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
