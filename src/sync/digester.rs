//! The digests of one moment after another, each worked out from the one before;
//! shared with the mirror.
//!
//! Where much has changed that takes a while. So a shell that has a lock to hold
//! lets a copy do it, and hands that back once it knows.

use std::sync::Arc;

use crate::{
    model::{Digest, Model},
    protocol::{NetworkState, StateDigest},
};

/// Remembers the moment that was digested last, and nothing else.
#[derive(Clone)]
pub(crate) struct Digester<M: Model> {
    known: Option<Known<M>>,
}

#[derive(Clone)]
struct Known<M: Model> {
    state: Arc<NetworkState<M>>,
    model: Digest,
    roster: Digest,
}

impl<M: Model> Default for Digester<M> {
    fn default() -> Self {
        Self { known: None }
    }
}

impl<M: Model> Digester<M> {
    /// The digest of a moment, and the moment that is not remembered any more:
    /// dropping it may take time.
    pub(crate) fn digest(
        &mut self,
        state: &Arc<NetworkState<M>>,
    ) -> (StateDigest, Option<Arc<NetworkState<M>>>) {
        let known = self.known.take();
        let (model, roster) = match &known {
            Some(known) if Arc::ptr_eq(&known.state, state) => (known.model, known.roster),
            Some(Known { state: from, model, roster }) => (
                M::digest(&state.model, Some((&from.model, *model))),
                state.roster.digest(Some((&from.roster, *roster))),
            ),
            None => (M::digest(&state.model, None), state.roster.digest(None)),
        };
        self.known = Some(Known { state: Arc::clone(state), model, roster });
        let digest = StateDigest { seq: state.seq, digest: Digest::of(&(model.0, roster.0)) };
        (digest, known.map(|known| known.state))
    }
}
