//! What a UI shows as it happens. Each of these can also be read off a
//! snapshot; an event says that there is something new to read.

use std::fmt;

use crate::{
    dispatcher::Status,
    model::{DirtyFlags, InstrumentId, Model, PatchError},
    protocol::{ClientId, OwnerInfo, Presence, Refusal, Roster, Seq, SessionId},
    studio::Studio,
};

/// Something happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<M: Model = Studio> {
    /// These parts of the snapshot have changed, whoever changed them.
    Changed(DirtyFlags),
    /// Somebody takes part from now on.
    Joined(OwnerInfo),
    /// Somebody does not take part any more.
    Left(OwnerInfo),
    /// Somebody cannot be reached; its place is kept for a while.
    Suspended(OwnerInfo),
    /// Somebody is back.
    Resumed(OwnerInfo),
    /// An instrument has another owner, or none.
    Ownership {
        /// Which one.
        instrument: InstrumentId,
        /// Whose it is now.
        owner: Option<OwnerInfo>,
    },
    /// One does not get an instrument that one asked for.
    OwnershipRefused {
        /// Which one.
        instrument: InstrumentId,
        /// Why not.
        reason: Refusal,
    },
    /// Somebody else, or nobody, has the privilege.
    Privilege {
        /// Who has it now.
        holder: Option<OwnerInfo>,
    },
    /// One does not get the privilege.
    PrivilegeDenied {
        /// Who has it.
        holder: OwnerInfo,
    },
    /// The authority refused an action that had been predicted; it is undone.
    Refused {
        /// What was refused.
        action: M::Action,
        /// Why.
        reason: Refusal,
    },
    /// One's own last step was taken back.
    Undone {
        /// How many of its changes stay as they are, because somebody else has
        /// changed the same things since.
        kept: u32,
    },
    /// One's own step that was taken back last was done again.
    Redone {
        /// As in [`Undone`](Self::Undone).
        kept: u32,
    },
    /// The authority did not undo or redo what one had asked it to.
    NothingUndone {
        /// Why not.
        reason: Refusal,
    },
    /// The snapshot was replaced as a whole.
    Resynchronised(Resync),
    /// The host has another session now, and one takes part in it anew.
    NewSession {
        /// The new session.
        session: SessionId,
        /// One's actions that the old one did not answer, in order. They are
        /// lost, unless the UI dispatches them again.
        unanswered: Vec<M::Action>,
    },
    /// The dispatcher is doing differently.
    Status(Status),
    /// So many events were not collected in time; look at the snapshot.
    Missed(u64),
}

/// Why a snapshot was replaced as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resync {
    /// It was time, or somebody asked.
    Routine,
    /// A patch was missing.
    Gap {
        /// The moment that was there.
        have: Seq,
        /// The moment that should have been: the next patch was made for it, or
        /// a heartbeat named it.
        base: Seq,
    },
    /// A patch did not fit.
    PatchError(PatchError),
    /// The digest of what was there is not that of what the authority has.
    Digest {
        /// At this moment.
        seq: Seq,
    },
}

impl Resync {
    /// Whether it should not have been necessary: something was lost, or was not
    /// as it ought to be.
    #[must_use]
    pub const fn is_repair(&self) -> bool {
        match self {
            Self::Routine => false,
            Self::Gap { .. } | Self::PatchError(_) | Self::Digest { .. } => true,
        }
    }
}

impl fmt::Display for Resync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Routine => f.write_str("as a routine"),
            Self::Gap { have, base } => write!(f, "patches from {have} to {base} are missing"),
            Self::PatchError(misfit) => misfit.fmt(f),
            Self::Digest { seq } => write!(f, "what was here at {seq} was not what the host had"),
        }
    }
}

/// What happened between two rosters.
pub(crate) fn between<M: Model>(old: &Roster, new: &Roster) -> Vec<Event<M>> {
    let mut events = Vec::new();
    for item in old.participants.diff(&new.participants) {
        use crate::util::ordmap::DiffItem::{Add, Remove, Update};
        events.extend(match item {
            Add(&id, someone) => who(id, &someone.name).map(Event::Joined),
            Remove(&id, someone) => who(id, &someone.name).map(Event::Left),
            Update { old: (_, old), new: (&id, new) } => match (old.presence, new.presence) {
                (Presence::Here, Presence::Away { .. }) => who(id, &new.name).map(Event::Suspended),
                (Presence::Away { .. }, Presence::Here) => who(id, &new.name).map(Event::Resumed),
                _ => None,
            },
        });
    }
    for item in old.owners.diff(&new.owners) {
        use crate::util::ordmap::DiffItem::{Add, Remove, Update};
        let (instrument, owner) = match item {
            Add(&id, owner) | Update { new: (&id, owner), .. } => (id, Some(owner.clone())),
            Remove(&id, _) => (id, None),
        };
        events.push(Event::Ownership { instrument, owner });
    }
    if old.privileged != new.privileged {
        events.push(Event::Privilege { holder: new.privileged.clone() });
    }
    events
}

#[allow(clippy::unnecessary_wraps, reason = "it is chained with what may be nothing")]
fn who(client_id: ClientId, name: &std::sync::Arc<str>) -> Option<OwnerInfo> {
    Some(OwnerInfo { client_id, name: std::sync::Arc::clone(name) })
}
