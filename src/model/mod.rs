//! The plug: what the session machinery asks of the thing that is shared.
//!
//! The machinery (`session`, `mirror`, `server`, `client`) knows nothing of
//! music. All it needs is a [`Model`]: a state, the actions that change it, and
//! the difference between two states. [`Studio`](crate::studio::Studio) is the
//! built-in one; an application with state types of its own implements this
//! trait and gets everything else.

mod digest;
mod engine;

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use digest::Digest;
pub(crate) use digest::DigestDelta;
pub use engine::{Engine, Metering, NoEngine};

/// Names the unit of ownership: in the studio, an instrument.
///
/// A model that is not musical uses it for whatever its participants own.
/// It is unique within a session at any moment; what is deleted may leave its
/// number to something new.
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

/// What the sender of an action must have for it to be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing: anybody may.
    Anyone,
    /// Nothing, and whoever sends the action owns this instrument afterwards.
    Create(InstrumentId),
    /// To own this instrument, which is there afterwards as well.
    Own(InstrumentId),
    /// To own this instrument, which is gone afterwards.
    Delete(InstrumentId),
    /// The privilege, which one participant at most holds at a time.
    Privilege,
    /// To be the engine: no participant may.
    Engine,
}

/// Why an action makes no sense in a state, whoever sends it.
///
/// It crosses the wire inside
/// [`ServerMessage::ActionRejected`](crate::protocol::ServerMessage::ActionRejected).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Invalid {
    /// The action refers to something that is not there.
    #[error("there is no {what} {id}")]
    Missing {
        /// The kind of thing, e.g. `instrument`.
        what: Cow<'static, str>,
        /// Which one.
        id: String,
    },
    /// The action would make something that is there already.
    #[error("{what} {id} exists already")]
    Exists {
        /// The kind of thing, e.g. `bus`.
        what: Cow<'static, str>,
        /// Which one.
        id: String,
    },
    /// There is no room for more of them.
    #[error("there is room for {limit} {what} only")]
    Full {
        /// The kind of thing, in the plural.
        what: Cow<'static, str>,
        /// How many there may be.
        limit: u32,
    },
    /// The action does not fit what it is meant for.
    #[error("{0}")]
    Unfit(Cow<'static, str>),
}

impl Invalid {
    /// There is no `what` called `id`.
    pub fn missing(what: &'static str, id: impl fmt::Display) -> Self {
        Self::Missing { what: what.into(), id: id.to_string() }
    }

    /// There is a `what` called `id` already.
    pub fn exists(what: &'static str, id: impl fmt::Display) -> Self {
        Self::Exists { what: what.into(), id: id.to_string() }
    }

    /// There are as many `what` (plural) as there may be.
    #[must_use]
    pub fn full(what: &'static str, limit: u32) -> Self {
        Self::Full { what: what.into(), limit }
    }

    /// Anything else, in words that stand on their own.
    #[must_use]
    pub fn unfit(why: &'static str) -> Self {
        Self::Unfit(why.into())
    }
}

/// A patch was applied to a state that it was not made for.
///
/// The mirror that meets one asks for a full state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the patch does not fit the state: {0}")]
pub struct PatchError(pub Cow<'static, str>);

/// Which parts of a model differ between two states: one bit a part.
///
/// The bits are the model's own; [`Studio`](crate::studio::Studio) names those
/// of its subsystems. [`DirtyFlags::ROSTER`] is the machinery's.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct DirtyFlags(u32);

impl DirtyFlags {
    /// Nothing differs.
    pub const NONE: Self = Self(0);
    /// Who takes part, who owns what, or who has the privilege.
    pub const ROSTER: Self = Self(1 << 31);
    /// Everything may differ.
    pub const ALL: Self = Self(u32::MAX);

    /// The flag of the model's part number `part`, from 0 to 30.
    ///
    /// # Panics
    /// If `part` is over 30; in a constant that is a compile error.
    #[must_use]
    pub const fn part(part: u32) -> Self {
        assert!(part < 31, "bit 31 is the machinery's");
        Self(1 << part)
    }

    /// The flags of both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These flags if `condition` holds, else none.
    #[must_use]
    pub const fn when(self, condition: bool) -> Self {
        if condition { self } else { Self::NONE }
    }

    /// Whether all of `other` is among these.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is among these.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether nothing differs.
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

/// What an action means to the history of whoever sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndoPolicy {
    /// It is a step that can be undone.
    Step,
    /// It cannot be undone, and does not stand in the way of undoing what was
    /// done before.
    Nothing,
    /// It cannot be undone, and neither can what anybody did before it, e.g.
    /// because it replaces everything.
    Barrier,
}

/// One thing that differs between two states, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReversibleChange<P> {
    /// What leads from the first to the second.
    pub forward: P,
    /// What leads back.
    pub backward: P,
}

/// What a session shares: a state, and the rules by which it changes.
///
/// All functions are pure: the same arguments give the same results, on the
/// authority and on every client. That is what makes prediction possible.
///
/// A model may compare coarsely, by whole parts; it then sends more than it
/// must, and is right all the same.
pub trait Model: Copy + fmt::Debug + PartialEq + Send + Sync + 'static {
    /// Compared in the handshake: both sides must run the same model.
    const NAME: &'static str;
    /// Compared in the handshake: both sides must run the same version of it.
    const VERSION: u32;

    /// What everyone mirrors. Cloned on every action: let its parts be shared.
    type State: Clone
        + fmt::Debug
        + PartialEq
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static;
    /// What may cross the wire.
    type Action: Clone
        + fmt::Debug
        + PartialEq
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static;
    /// The difference of two states.
    type Patch: Clone
        + fmt::Debug
        + PartialEq
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static;
    /// What the [`Engine`](crate::model::Engine) must do. Never crosses the wire.
    type Effect: fmt::Debug + Send + 'static;

    /// What the sender of `action` must have.
    fn access(state: &Self::State, action: &Self::Action) -> Access;

    /// Carries out `action`, and returns what the engine must do for it.
    ///
    /// # Errors
    /// If the action makes no sense in this state. What is left of `state`
    /// then does not matter: the machinery works on a copy.
    fn reduce(state: &mut Self::State, action: &Self::Action)
    -> Result<Vec<Self::Effect>, Invalid>;

    /// What leads from one state to the other; `None` if they are equal.
    fn diff(from: &Self::State, to: &Self::State) -> Option<Self::Patch>;

    /// Carries out what [`diff`](Self::diff) found:
    /// `apply(a, diff(a, b))` makes `b` of `a`.
    ///
    /// # Errors
    /// If the patch was made for another state. What is left of `state` then
    /// does not matter.
    fn apply(state: &mut Self::State, patch: &Self::Patch) -> Result<(), PatchError>;

    /// What there is to be owned.
    fn instruments(state: &Self::State) -> Vec<InstrumentId>;

    /// Whether `instrument` is there to be owned. Worth a quick way if there is
    /// one: it is asked for every action that needs ownership.
    fn exists(state: &Self::State, instrument: InstrumentId) -> bool {
        Self::instruments(state).contains(&instrument)
    }

    /// What must be done with an instrument whose owner lets go of it or drops
    /// out, e.g. release the keys that were held down.
    fn on_release(_state: &Self::State, _instrument: InstrumentId) -> Option<Self::Action> {
        None
    }

    /// What `action` means to the history of whoever sends it.
    fn undo_policy(_action: &Self::Action) -> UndoPolicy {
        UndoPolicy::Step
    }

    /// Whether `next` edits the same thing as `previous`, so that the two can be
    /// one step of the history, as in a sweep of a knob.
    fn continues(_previous: &Self::Action, _next: &Self::Action) -> bool {
        false
    }

    /// As [`diff`](Self::diff), but each thing that changed alone, both ways, and
    /// without what is not edited but played: what undoing needs. A patch in it
    /// must apply to any state in which what it refers to is there.
    fn diff_reversible(from: &Self::State, to: &Self::State) -> Vec<ReversibleChange<Self::Patch>> {
        let forward = Self::diff(from, to);
        let backward = Self::diff(to, from);
        forward
            .zip(backward)
            .map(|(forward, backward)| ReversibleChange { forward, backward })
            .into_iter()
            .collect()
    }

    /// Whether there is room for all that is in `state`. Actions see to that by
    /// themselves; undoing asks, for others may have filled the room meanwhile.
    ///
    /// # Errors
    /// If there is more than there may be.
    fn check_limits(_state: &Self::State) -> Result<(), Invalid> {
        Ok(())
    }

    /// What the engine must do when the state leaps from one to another by
    /// anything else than an action, e.g. end the notes of an instrument whose
    /// creation is undone.
    fn effects_between(_from: &Self::State, _to: &Self::State) -> Vec<Self::Effect> {
        Vec::new()
    }

    /// Which parts differ between two states, for a UI that redraws only those.
    /// It must be quick, and may name too many.
    fn dirty(from: &Self::State, to: &Self::State) -> DirtyFlags {
        DirtyFlags::ALL.when(from != to)
    }

    /// The digest of a state, by which a mirror notices that it does not have
    /// what the authority has. It is asked for once a heartbeat.
    ///
    /// If another state and its digest are `known`, usually an earlier one, it
    /// may be worked out from them, at the cost of what differs. Equal states
    /// must have the same digest whatever is known, on every machine.
    fn digest(state: &Self::State, _known: Option<(&Self::State, Digest)>) -> Digest {
        Digest::of(state)
    }
}
