//! What the authority has confirmed: the state, advanced by patches, and the
//! reason for asking for a full one.

use std::sync::Arc;

use crate::{
    model::Model,
    protocol::{NetworkState, StateDigest, StatePatch},
    sync::{Resync, digester::Digester, undo::UndoLog},
};

pub(super) struct Confirmation<M: Model> {
    pub(super) state: Arc<NetworkState<M>>,
    /// The undo history as of this state.
    pub(super) log: UndoLog<M>,
    /// The number of the last change of the history that was told.
    pub(super) history: u64,
    /// Why a full state was asked for, until it arrives.
    pub(super) resync: Option<Resync>,
    pub(super) digester: Digester<M>,
}

impl<M: Model> Confirmation<M> {
    pub(super) fn new(state: Arc<NetworkState<M>>) -> Self {
        Self {
            state,
            log: UndoLog::default(),
            history: 0,
            resync: None,
            digester: Digester::default(),
        }
    }

    /// The state that the patch leads to; `None` if it is of no use.
    ///
    /// # Errors
    /// If a full state is needed, with the reason.
    pub(super) fn patched(
        &self,
        patch: &StatePatch<M>,
    ) -> Result<Option<Arc<NetworkState<M>>>, Resync> {
        let have = self.state.seq;
        if patch.seq <= have || self.resync.is_some() {
            return Ok(None);
        }
        if patch.base != have {
            return Err(Resync::Gap { have, base: patch.base });
        }
        let patched = self.state.patched(patch).map_err(Resync::PatchError)?;
        Ok(Some(Arc::new(patched)))
    }

    /// Compares the state with the digest in a heartbeat.
    ///
    /// # Errors
    /// If they differ, so that a full state is needed.
    pub(super) fn compare(&mut self, theirs: StateDigest) -> Result<(), Resync> {
        let have = self.state.seq;
        if self.resync.is_some() || theirs.seq < have {
            return Ok(());
        }
        if theirs.seq > have {
            return Err(Resync::Gap { have, base: theirs.seq });
        }
        match self.digester.digest(&self.state) {
            (Some(own), _) if own != theirs => Err(Resync::Digest { seq: theirs.seq }),
            _ => Ok(()),
        }
    }

    /// Accepts a full state, and returns why it was sent.
    pub(super) fn take_resync(&mut self) -> Resync {
        // Digest the new state from scratch, because the known state may be wrong.
        self.digester = Digester::default();
        self.resync.take().unwrap_or(Resync::Routine)
    }
}
