//! The roster: participants, owners and the privilege. It is the part of the shared
//! state that belongs to the session and not to the model.
//!
//! Only data and its difference; the rules by which it changes are in
//! `sync::session`.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    model::{Digest, DigestDelta, InstrumentId, Invalid},
    protocol::limits,
    security::PublicKey,
    util::{
        limited::{bounded_map, cut_text},
        ordmap::{DiffItem, OrdMap},
        time::{Millis, Timestamp},
    },
};

/// Identifies a participant of a session. The host is 0; a number is never reused.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ClientId(pub u32);

impl ClientId {
    /// The participant at the machine that runs the session. If nobody sits there, the
    /// roster has no such participant.
    pub const HOST: Self = Self(0);
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The owner of an instrument, or the holder of the privilege.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerInfo {
    /// The participant.
    pub client_id: ClientId,
    /// Its name.
    #[serde(deserialize_with = "cut_text::<{ limits::NAME as usize }, _, _>")]
    pub name: Arc<str>,
}

impl fmt::Display for OwnerInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

/// Whether a participant may control the transport, session settings and buses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PrivilegeLevel {
    /// Without the privilege.
    #[default]
    Normal,
    /// With the privilege, which at most one participant has.
    Privileged,
}

/// What a participant may do in a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// It sees the session and follows it, and changes nothing.
    Viewer,
    /// It may own instruments, play them, and have the privilege.
    #[default]
    Player,
}

/// Whether a participant is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Presence {
    /// Connected.
    Here,
    /// Suspended: its instruments are reserved until the resume window ends.
    Away {
        /// The session time at which the connection was lost.
        since: Timestamp,
    },
}

/// A participant, as shown to all others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    /// The name, which is unique within the session.
    #[serde(deserialize_with = "cut_text::<{ limits::NAME as usize }, _, _>")]
    pub name: Arc<str>,
    /// Whether the participant is connected.
    pub presence: Presence,
    /// What it may do.
    pub role: Role,
    /// The key that it has proven to hold; `None` for a plain participant, which anybody
    /// on its way could be.
    pub key: Option<PublicKey>,
    /// The round-trip time that the last heartbeat measured, rounded up to 1, 2, 5,
    /// 10, … ms; `None` for the host, for a suspended participant, and before the
    /// first measurement.
    pub round_trip: Option<Millis>,
}

impl Participant {
    /// A participant that has just connected.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            presence: Presence::Here,
            role: Role::Player,
            key: None,
            round_trip: None,
        }
    }
}

/// The participants, the owners and the privilege.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    /// All participants, including suspended ones.
    #[serde(deserialize_with = "bounded_map::<{ limits::PARTICIPANTS }, _, _, _>")]
    pub participants: OrdMap<ClientId, Participant>,
    /// The owner of each instrument that has one.
    #[serde(deserialize_with = "bounded_map::<{ limits::OWNED_INSTRUMENTS }, _, _, _>")]
    pub owners: OrdMap<InstrumentId, OwnerInfo>,
    /// The holder of the privilege, if there is one.
    pub privileged: Option<OwnerInfo>,
}

impl Roster {
    /// The owner of `instrument`, if it has one.
    #[must_use]
    pub fn owner(&self, instrument: InstrumentId) -> Option<&OwnerInfo> {
        self.owners.get(&instrument)
    }

    /// Whether `client` owns `instrument`.
    #[must_use]
    pub fn owns(&self, client: ClientId, instrument: InstrumentId) -> bool {
        self.owner(instrument).is_some_and(|owner| owner.client_id == client)
    }

    /// The only participant of the session, if it is a player; `None` if there is any
    /// other, even a suspended one or a viewer.
    #[must_use]
    pub fn alone(&self) -> Option<OwnerInfo> {
        let mut ids = self.participants.keys();
        let only = ids.next().filter(|_| self.participants.len() == 1);
        only.filter(|&&only| !self.is_viewer(only)).and_then(|&only| self.as_owner(only))
    }

    /// The participant that may edit and play `instrument`: its owner or, if it has none,
    /// the participant that is alone.
    #[must_use]
    pub fn player(&self, instrument: InstrumentId) -> Option<OwnerInfo> {
        self.owner(instrument).cloned().or_else(|| self.alone())
    }

    /// The participant that may control the transport, session settings and buses: the
    /// holder of the privilege or, if it is free, the participant that is alone.
    #[must_use]
    pub fn leader(&self) -> Option<OwnerInfo> {
        self.privileged.clone().or_else(|| self.alone())
    }

    /// Whether `client` may edit and play `instrument`.
    #[must_use]
    pub fn may_play(&self, client: ClientId, instrument: InstrumentId) -> bool {
        self.player(instrument).is_some_and(|player| player.client_id == client)
    }

    /// Whether `client` may control the transport, session settings and buses. In a session
    /// without a host participant, [`ClientId::HOST`] may: it stands for the machine.
    #[must_use]
    pub fn may_lead(&self, client: ClientId) -> bool {
        self.leader().is_some_and(|leader| leader.client_id == client)
            || (client == ClientId::HOST && !self.participants.contains_key(&client))
    }

    /// The instruments of `client`, in ascending order.
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

    /// The privilege level of `client`.
    #[must_use]
    pub fn privilege(&self, client: ClientId) -> PrivilegeLevel {
        if self.is_privileged(client) { PrivilegeLevel::Privileged } else { PrivilegeLevel::Normal }
    }

    /// Whether `client` is a viewer.
    #[must_use]
    pub fn is_viewer(&self, client: ClientId) -> bool {
        self.participants.get(&client).is_some_and(|participant| participant.role == Role::Viewer)
    }

    /// Whether `client` is a suspended participant.
    #[must_use]
    pub fn is_away(&self, client: ClientId) -> bool {
        self.participants
            .get(&client)
            .is_some_and(|participant| matches!(participant.presence, Presence::Away { .. }))
    }

    /// `client` as an owner; `None` if it is not a participant.
    #[must_use]
    pub fn as_owner(&self, client: ClientId) -> Option<OwnerInfo> {
        let name = Arc::clone(&self.participants.get(&client)?.name);
        Some(OwnerInfo { client_id: client, name })
    }

    /// The changes that lead from this roster to `newer`.
    #[must_use]
    pub fn diff(&self, newer: &Self) -> Vec<RosterChange> {
        let participants = self.participants.diff(&newer.participants).map(|item| match item {
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
        participants.chain(owners).chain(privilege).collect()
    }

    /// The digest of this roster. It is computed from `known`, another roster and
    /// its digest, if given; the result is the same.
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

    /// Checks the limits on participants and owners.
    ///
    /// # Errors
    /// [`Invalid::Full`] if there are more.
    pub fn check(&self) -> Result<(), Invalid> {
        check_count(self.participants.len(), limits::PARTICIPANTS, "participants")?;
        Self::check_owners(self.owners.len())
    }

    /// Checks whether so many instruments may have an owner.
    ///
    /// # Errors
    /// [`Invalid::Full`] if not.
    pub(crate) fn check_owners(owners: usize) -> Result<(), Invalid> {
        check_count(owners, limits::OWNED_INSTRUMENTS, "instruments with an owner")
    }

    /// Applies one change of [`diff`](Self::diff).
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

/// A single difference between two rosters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RosterChange {
    /// A participant joined, or its presence, role or round trip changed.
    Participant(ClientId, Participant),
    /// A participant left.
    Left(ClientId),
    /// An instrument has a new owner.
    Owned(InstrumentId, OwnerInfo),
    /// An instrument has no owner now.
    Freed(InstrumentId),
    /// The privilege has a new holder, or none.
    Privilege(Option<OwnerInfo>),
}

fn check_count(there: usize, limit: usize, what: &'static str) -> Result<(), Invalid> {
    let full = || Invalid::full(what, u32::try_from(limit).unwrap_or(u32::MAX));
    if there <= limit { Ok(()) } else { Err(full()) }
}
