//! Digests of successive snapshots, each computed from the one before. Used by
//! the authority and by the mirror.
//!
//! A digest takes long after a large change. A shell therefore clones the
//! digester, lets the clone compute without the lock, and puts it back.

use std::sync::Arc;

use crate::{
    model::{Digest, Model},
    protocol::{NetworkState, StateDigest},
    util::panics::catch_panic,
};

/// Remembers the last digested snapshot, and nothing else.
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
    /// The digest of a snapshot (`None` if the model panics), and the snapshot that
    /// was remembered before: dropping it may take long.
    pub(crate) fn digest(
        &mut self,
        state: &Arc<NetworkState<M>>,
    ) -> (Option<StateDigest>, Option<Arc<NetworkState<M>>>) {
        let known = self.known.take();
        let digests = catch_panic(|| match &known {
            Some(known) if Arc::ptr_eq(&known.state, state) => (known.model, known.roster),
            Some(Known { state: from, model, roster }) => (
                M::digest(&state.model, Some((&from.model, *model))),
                state.roster.digest(Some((&from.roster, *roster))),
            ),
            None => (M::digest(&state.model, None), state.roster.digest(None)),
        });
        let digest = digests.ok().map(|(model, roster)| {
            self.known = Some(Known { state: Arc::clone(state), model, roster });
            StateDigest { seq: state.seq, digest: Digest::of(&(model.0, roster.0)) }
        });
        (digest, known.map(|known| known.state))
    }
}
