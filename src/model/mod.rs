//! The trait [`Model`]: the shared state, the actions that change it, and the
//! difference between two states.
//!
//! The layers above (`sync`, `server`, `client`, …) handle any model and know
//! nothing of music; nothing here may know of them. The built-in model is
//! [`Studio`](crate::studio::Studio). An application with other state implements
//! the trait and uses the rest of the crate as it is: see docs/extending.md.

mod digest;
mod engine_fault;
mod engine_worker;
mod job_fault;

use std::{borrow::Cow, collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use digest::Digest;
pub(crate) use digest::DigestDelta;
pub use engine_fault::EngineFault;
pub use engine_worker::{EngineOutput, EngineWorker, NoEngine};
pub use job_fault::JobFault;

use crate::util::{limited::cut_text, ordmap::Merged};

/// Identifies what participants own: in the studio, an instrument.
///
/// A model without instruments uses it for its own unit of ownership. No two
/// units of a session have the same number at the same time; the number of a deleted
/// unit may be reused.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct InstrumentId(pub u32);

impl fmt::Display for InstrumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The right that an action requires of its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// None: every participant may send it.
    Anyone,
    /// None. The action creates this instrument, and the sender owns it afterwards,
    /// unless it is alone.
    Create(InstrumentId),
    /// Ownership of this instrument, which still exists afterwards.
    Own(InstrumentId),
    /// Ownership of this instrument, which the action deletes.
    Delete(InstrumentId),
    /// The privilege, which at most one participant holds.
    Privilege,
    /// No participant may send it; only the engine and the jobs of the host may.
    Engine,
}

/// Characters of a text in an [`Invalid`]. A longer one is shortened when it arrives from
/// the network.
pub const MAX_REASON: usize = 300;

/// Why an action is impossible in a state, whatever the sender's rights.
///
/// It crosses the wire inside
/// [`ServerMessage::ActionRejected`](crate::protocol::ServerMessage::ActionRejected).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// The action refers to something that does not exist.
    #[error("there is no {what} {id}")]
    Missing {
        /// The kind of thing, e.g. `instrument`.
        #[serde(deserialize_with = "cut_text::<MAX_REASON, _, _>")]
        what: Cow<'static, str>,
        /// Its id, as text.
        #[serde(deserialize_with = "cut_text::<MAX_REASON, _, _>")]
        id: String,
    },
    /// The action would create something that exists already.
    #[error("{what} {id} already exists")]
    Exists {
        /// The kind of thing, e.g. `bus`.
        #[serde(deserialize_with = "cut_text::<MAX_REASON, _, _>")]
        what: Cow<'static, str>,
        /// Its id, as text.
        #[serde(deserialize_with = "cut_text::<MAX_REASON, _, _>")]
        id: String,
    },
    /// The action would exceed a limit.
    #[error("there may be at most {limit} {what}")]
    Full {
        /// The kind of thing, in the plural.
        #[serde(deserialize_with = "cut_text::<MAX_REASON, _, _>")]
        what: Cow<'static, str>,
        /// The largest allowed number.
        limit: u32,
    },
    /// Any other reason, as a text.
    #[error("{0}")]
    Unfit(#[serde(deserialize_with = "cut_text::<MAX_REASON, _, _>")] Cow<'static, str>),
}

impl Invalid {
    /// [`Missing`](Self::Missing): there is no `what` called `id`.
    pub fn missing(what: &'static str, id: impl fmt::Display) -> Self {
        Self::Missing { what: what.into(), id: id.to_string() }
    }

    /// [`Exists`](Self::Exists): there already is a `what` called `id`.
    pub fn exists(what: &'static str, id: impl fmt::Display) -> Self {
        Self::Exists { what: what.into(), id: id.to_string() }
    }

    /// [`Full`](Self::Full): there are `limit` of `what` (plural) already.
    #[must_use]
    pub fn full(what: &'static str, limit: u32) -> Self {
        Self::Full { what: what.into(), limit }
    }

    /// [`Unfit`](Self::Unfit): `why` is a text that makes sense on its own.
    #[must_use]
    pub fn unfit(why: &'static str) -> Self {
        Self::Unfit(why.into())
    }
}

/// A patch was applied to a state that it was not made for.
///
/// A mirror that gets this error requests a full state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the patch does not match the state: {0}")]
pub struct PatchError(pub Cow<'static, str>);

/// The parts of a session that differ between two states: one bit per part.
///
/// The model defines bits 0 to 30; [`Studio`](crate::studio::Studio) names those of
/// its subsystems. Bit 31, [`ROSTER`](Self::ROSTER), belongs to the session.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct DirtyFlags(u32);

impl DirtyFlags {
    /// Nothing differs.
    pub const NONE: Self = Self(0);
    /// The participants, the owners, or the holder of the privilege.
    pub const ROSTER: Self = Self(1 << 31);
    /// Everything may differ.
    pub const ALL: Self = Self(u32::MAX);

    /// The flag of the model's part number `part`, from 0 to 30.
    ///
    /// # Panics
    /// If `part` is over 30; in a constant that is a compile error.
    #[must_use]
    pub const fn part(part: u32) -> Self {
        assert!(part < 31, "bit 31 is ROSTER");
        Self(1 << part)
    }

    /// The union of both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These flags if `condition` is true, else [`NONE`](Self::NONE).
    #[must_use]
    pub const fn when(self, condition: bool) -> Self {
        if condition { self } else { Self::NONE }
    }

    /// Whether all flags of `other` are set here.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any flag of `other` is set here.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether no flag is set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl std::ops::BitOr for DirtyFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

impl fmt::Debug for DirtyFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DirtyFlags({:#b})", self.0)
    }
}

/// How an action affects the undo history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndoPolicy {
    /// The action is a step that its sender can undo.
    Step,
    /// The action cannot be undone, and leaves the history as it is.
    Nothing,
    /// The action cannot be undone, and clears the history of every participant,
    /// e.g. because it replaces the whole state.
    Barrier,
}

/// What an action leads to, beside the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reduction<E, O = ()> {
    /// What the engine and the jobs must do.
    pub effects: Vec<E>,
    /// What the sender learns.
    pub outcome: O,
}

impl<E, O: Default> Default for Reduction<E, O> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<E, O: Default> From<Vec<E>> for Reduction<E, O> {
    fn from(effects: Vec<E>) -> Self {
        Self { effects, outcome: O::default() }
    }
}

/// Which part of the host's program carries out an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectKind {
    /// The engine.
    Engine,
    /// A job that writes files, and leaves the session as it is.
    Save,
    /// A job that reads what replaces the session.
    Load,
}

/// A single difference between two states, as patches in both directions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReversibleChange<P> {
    /// Leads from the first state to the second.
    pub forward: P,
    /// Leads from the second state to the first.
    pub backward: P,
}

/// The shared state of a session, and the rules by which it changes.
///
/// All functions are pure: the same arguments give the same results, on the
/// authority and on every client. Prediction depends on it. A panic in one of them
/// is caught: an action that panics is refused, and a patch is replaced by the full
/// state.
///
/// Not every client could be sent a number that is not finite, so an action that
/// contains one is refused. A reducer that computes one from finite numbers must
/// refuse the action itself.
///
/// Patches may be coarse: a model that compares whole parts sends more than
/// necessary, but is still correct.
pub trait Model: Copy + fmt::Debug + PartialEq + Send + Sync + 'static {
    /// The name of the model. Both sides of a handshake must have the same.
    const NAME: &'static str;
    /// The version of the model. Both sides of a handshake must have the same.
    const VERSION: u32;

    /// The state that every participant mirrors. It is cloned for every action, so
    /// its parts should be shared (`Arc`, [`OrdMap`](crate::util::ordmap::OrdMap)).
    type State: Clone
        + fmt::Debug
        + PartialEq
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static;
    /// A change that a participant, or the engine, asks for.
    type Action: Clone
        + fmt::Debug
        + PartialEq
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static;
    /// The difference between two states.
    type Patch: Clone
        + fmt::Debug
        + PartialEq
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static;
    /// A task for the engine, or a job that reads or writes files: see
    /// [`effect_kind`](Self::effect_kind). It never crosses the wire.
    type Effect: fmt::Debug + Send + 'static;
    /// What an action leads to, for its sender: e.g. the id of what was added. It is
    /// computed where the action is dispatched, so it is a prediction on a client; it
    /// never crosses the wire.
    type Outcome: Default + fmt::Debug + PartialEq + Send + 'static;
    /// What the engine says continuously, such as the playhead and the meters. At most
    /// 16 KiB [in every codec](crate::protocol::framing::check_report); the newest one
    /// replaces those before it.
    type Metering: Clone
        + Default
        + fmt::Debug
        + PartialEq
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static;
    /// What the engine says now and then, such as that the sound is gone. At most 16 KiB
    /// in every codec. Texts in it should be shortened when they are decoded, because they
    /// come from the host. The machinery makes one of each [`EngineFault`].
    type Notice: Clone
        + fmt::Debug
        + PartialEq
        + From<EngineFault>
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static;

    /// The right that `action` requires.
    #[must_use]
    fn access(state: &Self::State, action: &Self::Action) -> Access;

    /// Applies `action` to `state`, and returns the effects and the outcome.
    ///
    /// # Errors
    /// If the action is impossible in this state. `state` may then be left
    /// half-changed: the caller works on a copy and drops it.
    fn reduce(
        state: &mut Self::State,
        action: &Self::Action,
    ) -> Result<Reduction<Self::Effect, Self::Outcome>, Invalid>;

    /// The patch that leads from `from` to `to`; `None` if they are equal.
    #[must_use]
    fn diff(from: &Self::State, to: &Self::State) -> Option<Self::Patch>;

    /// Applies a patch of [`diff`](Self::diff): after `apply(a, diff(a, b))`, `a`
    /// equals `b`.
    ///
    /// # Errors
    /// If the patch was made for another state. `state` may then be left
    /// half-changed.
    fn apply(state: &mut Self::State, patch: &Self::Patch) -> Result<(), PatchError>;

    /// Everything in `state` that can be owned.
    #[must_use]
    fn instruments(state: &Self::State) -> Vec<InstrumentId>;

    /// Whether `instrument` exists in `state`. Override it if there is a faster way
    /// than a search: it is called for every action that requires ownership.
    #[must_use]
    fn exists(state: &Self::State, instrument: InstrumentId) -> bool {
        Self::instruments(state).contains(&instrument)
    }

    /// The instruments that `from` has and `to` has not: they lose their owners.
    /// Override it if there is a faster way than a search: it is called for every
    /// action that requires no ownership.
    #[must_use]
    fn removed(from: &Self::State, to: &Self::State) -> Vec<InstrumentId> {
        let left: BTreeSet<_> = Self::instruments(to).into_iter().collect();
        Self::instruments(from).into_iter().filter(|id| !left.contains(id)).collect()
    }

    /// The action to apply to an instrument when its owner releases it or loses the
    /// connection, e.g. to end the notes of keys that are held down. What has no owner
    /// is released by the participant that is alone when another joins.
    #[must_use]
    fn on_release(_state: &Self::State, _instrument: InstrumentId) -> Option<Self::Action> {
        None
    }

    /// How `action` affects the undo history.
    #[must_use]
    fn undo_policy(_action: &Self::Action) -> UndoPolicy {
        UndoPolicy::Step
    }

    /// Whether `next` edits the same value as `previous`, so that both can be one
    /// undo step, as in the sweep of a knob.
    #[must_use]
    fn continues(_previous: &Self::Action, _next: &Self::Action) -> bool {
        false
    }

    /// What `action` does in `state`, for an undo history: e.g. `cutoff of 1 Bass`.
    /// At most 100 characters are kept. By default, nothing is said.
    #[must_use]
    fn describe(_state: &Self::State, _action: &Self::Action) -> String {
        String::new()
    }

    /// The differences between two states for the undo history: one
    /// [`ReversibleChange`] per changed value, without values that are played rather
    /// than edited, such as sounding notes. Each patch must apply to every state in
    /// which its target exists.
    ///
    /// By default, a single change that consists of whole patches.
    #[must_use]
    fn diff_reversible(from: &Self::State, to: &Self::State) -> Vec<ReversibleChange<Self::Patch>> {
        let forward = Self::diff(from, to);
        let backward = Self::diff(to, from);
        forward
            .zip(backward)
            .map(|(forward, backward)| ReversibleChange { forward, backward })
            .into_iter()
            .collect()
    }

    /// Drops from both states what is the same in both, so that an undo step keeps
    /// only alive what it changed, and returns about how many bytes that is. Their
    /// [`diff_reversible`](Self::diff_reversible) must stay the same. Nothing else is
    /// done with them.
    ///
    /// By default, nothing is dropped, and a step counts as 64 KiB.
    #[must_use]
    fn narrow(_from: &mut Self::State, _to: &mut Self::State) -> usize {
        64 * 1024
    }

    /// Whether the engine records a take in `state`. What it changes from then on, until
    /// the next take begins, is an undo step of the participants who hold the rights that
    /// the changes need when the take begins.
    #[must_use]
    fn is_recording(_state: &Self::State) -> bool {
        false
    }

    /// Makes in `state` what consists of many values in ordered maps, such as notes,
    /// of the change that leads from `from` to `to`, except where a value is not as
    /// in `from`: see [`OrdMap::merge`](crate::util::ordmap::OrdMap::merge). It
    /// makes the same part of `from` equal to `to`, so that
    /// [`diff_reversible`](Self::diff_reversible) is left with the rest. Undo calls
    /// both.
    ///
    /// By default, nothing. Override it if an action can change thousands of values:
    /// a [`ReversibleChange`] for each takes long, while every participant waits.
    fn merge_collections(
        _state: &mut Self::State,
        _from: &mut Self::State,
        _to: &Self::State,
    ) -> Merged {
        Merged::default()
    }

    /// Checks `state` against the model's limits. Actions check their own limits;
    /// undo uses this function, because other participants may have added things
    /// since the step.
    ///
    /// # Errors
    /// [`Invalid::Full`] if `state` exceeds a limit.
    fn check_limits(_state: &Self::State) -> Result<(), Invalid> {
        Ok(())
    }

    /// The effects for the engine when something other than an action, such as undo,
    /// replaces state `from` by `to`: e.g. end the notes of an instrument whose
    /// creation is undone.
    #[must_use]
    fn effects_between(_from: &Self::State, _to: &Self::State) -> Vec<Self::Effect> {
        Vec::new()
    }

    /// What carries out `effect`. By default the engine.
    #[must_use]
    fn effect_kind(_effect: &Self::Effect) -> EffectKind {
        EffectKind::Engine
    }

    /// The action to apply when the job of `effect` is not carried out, or panics: e.g. one
    /// that says why to the participants. By default, none.
    #[must_use]
    fn on_job_fault(
        _state: &Self::State,
        _effect: &Self::Effect,
        _fault: &JobFault,
    ) -> Option<Self::Action> {
        None
    }

    /// Whether `action`, which the engine asks for, answers something that has changed
    /// since: e.g. where the music stopped, although it was started again. It is dropped
    /// without a word.
    #[must_use]
    fn is_stale(_state: &Self::State, _action: &Self::Action) -> bool {
        false
    }

    /// The parts that differ between two states, for a UI that redraws only those.
    /// It must be fast; it may include parts that are equal.
    #[must_use]
    fn dirty(from: &Self::State, to: &Self::State) -> DirtyFlags {
        DirtyFlags::ALL.when(from != to)
    }

    /// The digest of `state`, with which a mirror detects that it differs from the
    /// authority. It is computed once per heartbeat.
    ///
    /// `known` is another state with its digest, usually an earlier one. An
    /// implementation may compute the digest from it, at the cost of the differences.
    /// Equal states must have equal digests, with any `known` and on every machine.
    #[must_use]
    fn digest(state: &Self::State, _known: Option<(&Self::State, Digest)>) -> Digest {
        Digest::of(state)
    }
}
