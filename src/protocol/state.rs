//! What is synchronised, and the difference between two moments of it.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    digest::Digest,
    model::{DirtyFlags, Misfit, Model},
    roster::{Roster, RosterChange},
    studio::Studio,
};

/// Numbers the moments of a session's state: one more with every change.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The number of the next moment.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One moment of everything that is synchronised.
///
/// It is made of shared parts: a clone costs a few reference counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct NetworkState<M: Model = Studio> {
    /// Which moment this is. A prediction carries the number of the confirmed
    /// moment that it stands on.
    pub seq: Seq,
    /// What the session is about: in a studio, the music.
    pub model: M::State,
    /// Who takes part, who owns what, and who has the privilege.
    pub roster: Arc<Roster>,
}

impl<M: Model> NetworkState<M> {
    /// What leads from this moment to `newer`.
    #[must_use]
    pub fn patch_to(&self, newer: &Self) -> StatePatch<M> {
        let mut changes = Vec::new();
        if !Arc::ptr_eq(&self.roster, &newer.roster) {
            changes.extend(self.roster.diff(&newer.roster).into_iter().map(Change::Roster));
        }
        changes.extend(M::diff(&self.model, &newer.model).map(Change::Model));
        StatePatch { base: self.seq, seq: newer.seq, changes }
    }

    /// The moment that `patch` leads to.
    ///
    /// # Errors
    /// If the patch was made for another moment.
    pub fn patched(&self, patch: &StatePatch<M>) -> Result<Self, Misfit> {
        if patch.base != self.seq {
            return Err(Misfit(format!("it stands on {}, not {}", patch.base, self.seq).into()));
        }
        let mut state = self.clone();
        state.seq = patch.seq;
        for change in &patch.changes {
            match change {
                Change::Roster(change) => Arc::make_mut(&mut state.roster).apply(change),
                Change::Model(patch) => M::apply(&mut state.model, patch)?,
            }
        }
        Ok(state)
    }

    /// Which parts differ between this moment and `other`.
    #[must_use]
    pub fn dirty(&self, other: &Self) -> DirtyFlags {
        M::dirty(&self.model, &other.model)
            | DirtyFlags::ROSTER.when(!Arc::ptr_eq(&self.roster, &other.roster))
    }
}

/// The digest of one moment. A client whose moment of this `seq` has another one
/// does not have what the authority has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateDigest {
    /// Which moment.
    pub seq: Seq,
    /// Its digest.
    pub digest: Digest,
}

/// What leads from the moment `base` to the moment `seq`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct StatePatch<M: Model = Studio> {
    /// The moment it was made for, and the only one it may be applied to.
    pub base: Seq,
    /// The moment it leads to.
    pub seq: Seq,
    /// What differs.
    pub changes: Vec<Change<M>>,
}

/// One difference between two moments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Change<M: Model = Studio> {
    /// Of the session itself.
    Roster(RosterChange),
    /// Of what it is about.
    Model(M::Patch),
}
