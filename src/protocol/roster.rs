//! Who takes part, who owns what, and who has the privilege: the part of the
//! shared state that belongs to the session and not to the model.
//!
//! Only data and its comparison; who may change it is the business of
//! `session`.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    model::{Digest, DigestDelta, InstrumentId},
    util::{
        ordmap::{DiffItem, OrdMap},
        time::{Millis, Timestamp},
    },
};

/// Names a participant within a session. The host is 0; numbers are not given
/// out twice.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ClientId(pub u32);

impl ClientId {
    /// The participant at the machine that holds the session.
    pub const HOST: Self = Self(0);
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whose an instrument, or the privilege, is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerInfo {
    /// The participant.
    pub client_id: ClientId,
    /// What it is called.
    pub name: Arc<str>,
}

impl fmt::Display for OwnerInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

/// Whether a participant may control transport, session settings and buses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PrivilegeLevel {
    /// It may not.
    #[default]
    Normal,
    /// It may, and it is the only one.
    Privileged,
}

/// Whether a participant can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Presence {
    /// It is connected.
    Here,
    /// It is suspended: what it owns is kept for it until the window is over.
    Away {
        /// Since when, by the session's clock.
        since: Timestamp,
    },
}

/// Somebody who takes part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    /// What it is called; no two participants of a session are called the same.
    pub name: Arc<str>,
    /// Whether it can be reached.
    pub presence: Presence,
    /// About how long a message to it and back takes, rounded up to 1, 2, 5, 10,
    /// … ms, as the last heartbeat found; `None` for the host, for who is away,
    /// and until it was measured.
    pub round_trip: Option<Millis>,
}

impl Participant {
    /// Somebody who has just come in.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), presence: Presence::Here, round_trip: None }
    }
}

/// Who takes part, who owns what, and who has the privilege.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    /// Everyone, also those who are away.
    pub participants: OrdMap<ClientId, Participant>,
    /// The owner of each instrument that has one.
    pub owners: OrdMap<InstrumentId, OwnerInfo>,
    /// Who has the privilege.
    pub privileged: Option<OwnerInfo>,
}

impl Roster {
    /// Who owns `instrument`, if anybody does.
    #[must_use]
    pub fn owner(&self, instrument: InstrumentId) -> Option<&OwnerInfo> {
        self.owners.get(&instrument)
    }

    /// Whether `client` owns `instrument`.
    #[must_use]
    pub fn owns(&self, client: ClientId, instrument: InstrumentId) -> bool {
        self.owner(instrument).is_some_and(|owner| owner.client_id == client)
    }

    /// What `client` owns, in the order of the numbers.
    pub fn owned_by(&self, client: ClientId) -> impl Iterator<Item = InstrumentId> + '_ {
        self.owners
            .iter()
            .filter(move |(_, owner)| owner.client_id == client)
            .map(|(&instrument, _)| instrument)
    }

    /// Whether `client` has the privilege.
    #[must_use]
    pub fn is_privileged(&self, client: ClientId) -> bool {
        self.privileged.as_ref().is_some_and(|holder| holder.client_id == client)
    }

    /// The privilege of `client`.
    #[must_use]
    pub fn privilege(&self, client: ClientId) -> PrivilegeLevel {
        if self.is_privileged(client) { PrivilegeLevel::Privileged } else { PrivilegeLevel::Normal }
    }

    /// Whether `client` takes part and cannot be reached.
    #[must_use]
    pub fn is_away(&self, client: ClientId) -> bool {
        self.participants
            .get(&client)
            .is_some_and(|participant| matches!(participant.presence, Presence::Away { .. }))
    }

    /// `client` as an owner; `None` if it does not take part.
    #[must_use]
    pub fn as_owner(&self, client: ClientId) -> Option<OwnerInfo> {
        let name = Arc::clone(&self.participants.get(&client)?.name);
        Some(OwnerInfo { client_id: client, name })
    }

    /// What leads from this roster to `newer`.
    #[must_use]
    pub fn diff(&self, newer: &Self) -> Vec<RosterChange> {
        let people = self.participants.diff(&newer.participants).map(|item| match item {
            DiffItem::Add(&id, participant) | DiffItem::Update { new: (&id, participant), .. } => {
                RosterChange::Participant(id, participant.clone())
            }
            DiffItem::Remove(&id, _) => RosterChange::Left(id),
        });
        let owners = self.owners.diff(&newer.owners).map(|item| match item {
            DiffItem::Add(&id, owner) | DiffItem::Update { new: (&id, owner), .. } => {
                RosterChange::Owned(id, owner.clone())
            }
            DiffItem::Remove(&id, _) => RosterChange::Freed(id),
        });
        let privilege = (self.privileged != newer.privileged)
            .then(|| RosterChange::Privilege(newer.privileged.clone()));
        people.chain(owners).chain(privilege).collect()
    }

    /// The digest of this roster, from that of another one if it is known.
    #[must_use]
    pub fn digest(&self, known: Option<(&Self, Digest)>) -> Digest {
        let empty = Self::default();
        let (from, digest) = known.unwrap_or((&empty, Digest::default()));
        let mut delta = DigestDelta::from(digest);
        let Self { participants, owners, privileged } = from;
        delta.at("participants", |delta| delta.map(Some(participants), Some(&self.participants)));
        delta.at("owners", |delta| delta.map(Some(owners), Some(&self.owners)));
        delta.at("privileged", |delta| delta.replace(Some(privileged), Some(&self.privileged)));
        delta.digest()
    }

    /// Carries out one change.
    pub fn apply(&mut self, change: &RosterChange) {
        match change {
            RosterChange::Participant(id, participant) => {
                self.participants.insert(*id, participant.clone());
            }
            RosterChange::Left(id) => {
                self.participants.remove(id);
            }
            RosterChange::Owned(id, owner) => {
                self.owners.insert(*id, owner.clone());
            }
            RosterChange::Freed(id) => {
                self.owners.remove(id);
            }
            RosterChange::Privilege(holder) => self.privileged.clone_from(holder),
        }
    }
}

/// One difference between two rosters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RosterChange {
    /// Somebody joined, or its presence or round trip changed.
    Participant(ClientId, Participant),
    /// Somebody is gone.
    Left(ClientId),
    /// An instrument has this owner from now on.
    Owned(InstrumentId, OwnerInfo),
    /// An instrument has no owner any more.
    Freed(InstrumentId),
    /// The privilege is with this participant, or with nobody.
    Privilege(Option<OwnerInfo>),
}
