//! What is synchronised, and the difference between two moments of it.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct as _};

use crate::{
    model::{Digest, DirtyFlags, Model, PatchError},
    protocol::{Roster, RosterChange},
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
        let same = Arc::ptr_eq(&self.roster, &newer.roster);
        let roster = if same { Vec::new() } else { self.roster.diff(&newer.roster) };
        let model = M::diff(&self.model, &newer.model);
        StatePatch { base: self.seq, seq: newer.seq, roster, model }
    }

    /// The moment that `patch` leads to.
    ///
    /// # Errors
    /// If the patch was made for another moment.
    pub fn patched(&self, patch: &StatePatch<M>) -> Result<Self, PatchError> {
        if patch.base != self.seq {
            return Err(PatchError(
                format!("it stands on {}, not {}", patch.base, self.seq).into(),
            ));
        }
        let mut state = self.clone();
        state.seq = patch.seq;
        if !patch.roster.is_empty() {
            let roster = Arc::make_mut(&mut state.roster);
            patch.roster.iter().for_each(|change| roster.apply(change));
        }
        if let Some(patch) = &patch.model {
            M::apply(&mut state.model, patch)?;
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
///
/// In text, what does not differ is left out.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(bound = "")]
pub struct StatePatch<M: Model = Studio> {
    /// The moment it was made for, and the only one it may be applied to.
    pub base: Seq,
    /// The moment it leads to.
    pub seq: Seq,
    /// What differs of the session itself.
    #[serde(default)]
    pub roster: Vec<RosterChange>,
    /// What differs of what it is about.
    #[serde(default)]
    pub model: Option<M::Patch>,
}

impl<M: Model> Serialize for StatePatch<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { base, seq, roster, model } = self;
        // Binary has no names to tell by what was left out.
        let all = !serializer.is_human_readable();
        let (has_roster, has_model) = (all || !roster.is_empty(), all || model.is_some());
        let fields = 2 + usize::from(has_roster) + usize::from(has_model);
        let mut patch = serializer.serialize_struct("StatePatch", fields)?;
        patch.serialize_field("base", base)?;
        patch.serialize_field("seq", seq)?;
        if has_roster {
            patch.serialize_field("roster", roster)?;
        }
        if has_model {
            patch.serialize_field("model", model)?;
        }
        patch.end()
    }
}
