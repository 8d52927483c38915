//! The synchronised state, and the patch between two snapshots of it.
//!
//! Only data; when a patch is sent and to whom is decided in `sync`.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct as _};

use crate::{
    model::{Digest, DirtyFlags, InstrumentId, Model, PatchError},
    protocol::{Roster, RosterChange, limits},
    studio::Studio,
    util::{limited::bounded_list, panics::catch_panic},
};

/// The sequence number of a session's state, which increases by one with every
/// change.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The number of the next snapshot.
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

/// A snapshot of everything that is synchronised: the state at one [`Seq`].
///
/// Its parts are shared: a clone costs a few reference counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct NetworkState<M: Model = Studio> {
    /// The number of the snapshot. A predicted state has the number of the confirmed
    /// snapshot that it is based on.
    pub seq: Seq,
    /// The state of the model: in the studio, the music.
    pub model: M::State,
    /// The participants, the owners and the privilege.
    pub roster: Arc<Roster>,
}

impl<M: Model> NetworkState<M> {
    /// The patch that leads from this snapshot to `newer`.
    #[must_use]
    pub fn patch_to(&self, newer: &Self) -> StatePatch<M> {
        let same = Arc::ptr_eq(&self.roster, &newer.roster);
        let roster = if same { Vec::new() } else { self.roster.diff(&newer.roster) };
        let model = M::diff(&self.model, &newer.model);
        StatePatch { base: self.seq, seq: newer.seq, roster, model }
    }

    /// The snapshot that `patch` leads to.
    ///
    /// # Errors
    /// If the patch was made for another snapshot, if what it leads to exceeds a limit,
    /// or if the model panics.
    pub fn patched(&self, patch: &StatePatch<M>) -> Result<Self, PatchError> {
        if patch.base != self.seq {
            return Err(PatchError(format!("its base is {}, not {}", patch.base, self.seq).into()));
        }
        let mut state = self.clone();
        state.seq = patch.seq;
        if !patch.roster.is_empty() {
            let roster = Arc::make_mut(&mut state.roster);
            patch.roster.iter().for_each(|change| roster.apply(change));
            roster.check().map_err(|full| PatchError(full.to_string().into()))?;
        }
        if let Some(patch) = &patch.model {
            catch_panic(|| {
                M::apply(&mut state.model, patch)?;
                M::check_limits(&state.model).map_err(|full| PatchError(full.to_string().into()))
            })
            .unwrap_or_else(|panic| Err(PatchError(panic.into())))?;
        }
        Ok(state)
    }

    /// Whether `instrument` exists; `false` if the model panics.
    #[must_use]
    pub fn has_instrument(&self, instrument: InstrumentId) -> bool {
        catch_panic(|| M::exists(&self.model, instrument)).unwrap_or(false)
    }

    /// The parts that differ between this snapshot and `other`; all of them if the
    /// model panics.
    #[must_use]
    pub fn dirty(&self, other: &Self) -> DirtyFlags {
        catch_panic(|| M::dirty(&self.model, &other.model)).unwrap_or(DirtyFlags::ALL)
            | DirtyFlags::ROSTER.when(!Arc::ptr_eq(&self.roster, &other.roster))
    }
}

/// The digest of a snapshot. A client whose snapshot of this `seq` has another
/// digest differs from the authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateDigest {
    /// The number of the snapshot.
    pub seq: Seq,
    /// The digest of the roster and the model.
    pub digest: Digest,
}

/// The difference between the snapshots `base` and `seq`.
///
/// In JSON, an empty `roster` and an absent `model` are left out.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(bound = "")]
pub struct StatePatch<M: Model = Studio> {
    /// The snapshot that the patch was made for, and the only one that it applies to.
    pub base: Seq,
    /// The snapshot that it leads to.
    pub seq: Seq,
    /// The changes of the roster.
    #[serde(default, deserialize_with = "bounded_list::<{ limits::ROSTER_CHANGES }, _, _>")]
    pub roster: Vec<RosterChange>,
    /// The changes of the model; `None` if it is unchanged.
    #[serde(default)]
    pub model: Option<M::Patch>,
}

impl<M: Model> Serialize for StatePatch<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { base, seq, roster, model } = self;
        // A binary format has no field names, so every field must be present.
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
