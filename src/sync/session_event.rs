//! What happens in a session, as a participant sees it: the events of a
//! [`Mirror`](crate::sync::mirror::Mirror) and the differences between two
//! rosters. Nothing here knows how a connection is doing.

use std::{fmt, sync::Arc};

use crate::{
    model::{InstrumentId, Model, PatchError},
    protocol::{ClientId, OwnerInfo, Participant, Presence, Refusal, Role, Roster, Seq, SessionId},
    util::{
        ordmap::DiffItem::{Add, Remove, Update},
        time::Millis,
    },
};

/// Something happened in the session.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SessionEvent<M: Model> {
    /// A participant joined.
    Joined(OwnerInfo),
    /// A participant left for good.
    Left(OwnerInfo),
    /// A participant cannot be reached; its place is kept for a while.
    Suspended(OwnerInfo),
    /// A suspended participant is back.
    Resumed(OwnerInfo),
    /// A participant has another role.
    RoleChanged {
        /// The participant.
        participant: OwnerInfo,
        /// Its role from now on.
        role: Role,
    },
    /// An instrument has another owner, or none.
    Ownership {
        /// The instrument.
        instrument: InstrumentId,
        /// Its owner from now on.
        owner: Option<OwnerInfo>,
    },
    /// You asked for an instrument and do not get it.
    OwnershipRefused {
        /// The instrument.
        instrument: InstrumentId,
        /// Why it is not granted.
        reason: Refusal,
    },
    /// Another participant, or none, holds the privilege.
    Privilege {
        /// The holder from now on.
        holder: Option<OwnerInfo>,
    },
    /// You hold the privilege, and another participant asks for it. Reported once per
    /// participant in 5 s.
    PrivilegeRequested {
        /// The participant that asks.
        by: OwnerInfo,
    },
    /// You asked for the privilege and do not get it.
    PrivilegeDenied {
        /// The holder; `None` if you cannot have it, because you are a viewer.
        holder: Option<OwnerInfo>,
        /// For how long it is still reserved for the holder, if that is away and this
        /// is known.
        reserved: Option<Millis>,
    },
    /// The authority refused an action that had been predicted. The prediction
    /// is taken back, with the whole batch if the action is part of one.
    Refused {
        /// The refused action.
        action: M::Action,
        /// Why it is refused.
        reason: Refusal,
    },
    /// Your last step was undone.
    Undone(UndoReport),
    /// The step that you undid last was redone.
    Redone(UndoReport),
    /// The authority refused an undo or redo.
    NothingUndone {
        /// Why it is refused.
        reason: Refusal,
    },
    /// Something that you played during a take (on the host: any participant) was not
    /// recorded. Reported once for each reason and take.
    NotRecorded {
        /// What was not recorded, in words.
        what: String,
        /// The reason.
        reason: Refusal,
    },
    /// The snapshot was replaced as a whole.
    Resynchronised(Resync),
    /// The client joined as a new participant, because its place is gone.
    NewSession {
        /// The session, which may be the same as before.
        session: SessionId,
        /// Why the place is gone.
        why: PlaceLoss,
        /// The actions that were not answered before, in order. They are
        /// lost unless the UI dispatches them again.
        unanswered: Vec<M::Action>,
    },
}

/// Why a client's place is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceLoss {
    /// The host has another session now, e.g. because it was restarted.
    #[error("the host has another session")]
    OtherSession,
    /// The session is the same, but it no longer keeps the place.
    #[error("your place has expired")]
    Expired,
}

impl PlaceLoss {
    /// The loss of a place in session `before`, for a client that joined `now`.
    #[must_use]
    pub fn between(before: SessionId, now: SessionId) -> Self {
        if before == now { Self::Expired } else { Self::OtherSession }
    }
}

/// What an undo or redo has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UndoReport {
    /// What the step did, as [`Model::describe`] says it.
    pub step: String,
    /// How many of its changes were made. 0 if it had nothing left to change.
    pub changed: u32,
    /// How many of its changes stay because another participant has changed the
    /// same values since.
    pub kept: u32,
}

/// Why a snapshot was replaced as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resync {
    /// A periodic full state, or one that was asked for.
    Routine,
    /// A patch is missing.
    Gap {
        /// The snapshot that the mirror has.
        have: Seq,
        /// The snapshot that it should have: the base of the next patch, or the
        /// one that a heartbeat named.
        base: Seq,
    },
    /// A patch does not apply.
    PatchError(PatchError),
    /// The digest of the mirror's snapshot differs from the authority's.
    Digest {
        /// The snapshot that was compared.
        seq: Seq,
    },
}

impl Resync {
    /// Whether something was lost or wrong: with no fault it would not have been
    /// necessary.
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
            Self::PatchError(error) => error.fmt(f),
            Self::Digest { seq } => write!(f, "the state at {seq} differed from the host's"),
        }
    }
}

/// The events that lead from one roster to another.
pub(crate) fn roster_events<M: Model>(old: &Roster, new: &Roster) -> Vec<SessionEvent<M>> {
    let mut events = Vec::new();
    for item in old.participants.diff(&new.participants) {
        match item {
            Add(&id, participant) => events.push(SessionEvent::Joined(info(id, participant))),
            Remove(&id, participant) => events.push(SessionEvent::Left(info(id, participant))),
            Update { old: (_, old), new: (&id, new) } => {
                events.extend(match (old.presence, new.presence) {
                    (Presence::Here, Presence::Away { .. }) => {
                        Some(SessionEvent::Suspended(info(id, new)))
                    }
                    (Presence::Away { .. }, Presence::Here) => {
                        Some(SessionEvent::Resumed(info(id, new)))
                    }
                    _ => None,
                });
                if old.role != new.role {
                    let (participant, role) = (info(id, new), new.role);
                    events.push(SessionEvent::RoleChanged { participant, role });
                }
            }
        }
    }
    for item in old.owners.diff(&new.owners) {
        let (instrument, owner) = match item {
            Add(&id, owner) | Update { new: (&id, owner), .. } => (id, Some(owner.clone())),
            Remove(&id, _) => (id, None),
        };
        events.push(SessionEvent::Ownership { instrument, owner });
    }
    if old.privileged != new.privileged {
        events.push(SessionEvent::Privilege { holder: new.privileged.clone() });
    }
    events
}

fn info(client_id: ClientId, participant: &Participant) -> OwnerInfo {
    OwnerInfo { client_id, name: Arc::clone(&participant.name) }
}
