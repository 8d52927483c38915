//! What the host decides of a participant: its role, whether it may be here, and whether
//! what it owns is kept while it is away. A decision about a participant with a key
//! applies to every place of this key: its user could otherwise continue in another program.

use std::sync::Arc;

use crate::{
    model::Model,
    protocol::{ClientId, EntryRefusal, Participant, ProtocolError, Role, ServerMessage},
    security::PublicKey,
    sync::session::{Session, presence::take_rights},
};

/// A participant that the host has removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// The key that is refused from now on; `None` for a plain participant, which cannot be
    /// recognised.
    pub key: Option<PublicKey>,
    /// The name that it had.
    pub name: Arc<str>,
}

impl<M: Model> Session<M> {
    /// Makes `client` a viewer or a player. A viewer loses its instruments, as if it had
    /// released them, and the privilege, which the host gets. Its undo history stays.
    ///
    /// The role belongs to the key until the session ends, and to the place of a plain
    /// client. Returns whether there is such a participant; the host is none.
    pub fn set_role(&mut self, client: ClientId, role: Role) -> bool {
        let Some(Participant { key, .. }) = self.guest(client) else { return false };
        if let Some(key) = key {
            self.keys.set_role(key, role);
        }
        self.change_role(&self.places_of(client, key), role);
        true
    }

    /// Changes the role of several participants in one step.
    pub(super) fn change_role(&mut self, clients: &[ClientId], role: Role) {
        if role == Role::Viewer {
            for &client in clients {
                self.apply_on_release_of_all(client);
                let roster = &self.state.roster;
                if roster.is_privileged(client)
                    && let Some(by) = roster.as_owner(ClientId::HOST)
                {
                    self.answer(client, ServerMessage::PrivilegeRevoked { by });
                }
            }
        }
        self.edit_roster(|roster| {
            for &client in clients {
                if role == Role::Viewer {
                    take_rights(roster, client);
                }
                if let Some(participant) = roster.participants.get_mut(&client) {
                    participant.role = role;
                }
            }
        });
    }

    /// Ends the place of `client` at once, and refuses its key until
    /// [`readmit_key`](Self::readmit_key), whatever the shell says of it. Returns what was
    /// removed; `None` if there is no such participant, and for the host.
    ///
    /// A plain client has no key that could be refused: where plain clients are admitted,
    /// it may come back as a new participant.
    pub fn remove_participant(&mut self, client: ClientId) -> Option<Removed> {
        let Participant { key, name, .. } = self.guest(client)?;
        for place in self.places_of(client, key) {
            self.remove(place, ProtocolError::NotAdmitted(EntryRefusal::Removed));
        }
        if let Some(key) = key {
            self.keys.remove(key);
        }
        Some(Removed { key, name })
    }

    /// Admits a key again that was removed. Returns whether it was.
    pub fn readmit_key(&mut self, key: PublicKey) -> bool {
        self.keys.readmit(key)
    }

    /// Frees what `client` owns while it is away; if it holds the privilege, the host gets
    /// it. Its place stays. Returns `false`, and frees nothing, if it is not away.
    pub fn free(&mut self, client: ClientId) -> bool {
        let is_away = self.state.roster.is_away(client);
        if is_away {
            self.edit_roster(|roster| take_rights(roster, client));
        }
        is_away
    }

    /// Binds the name of a key that the host knew before the session, as if it had taken
    /// part: no other key gets the name. Of two keys with one name the first has it.
    pub fn bind_name(&mut self, name: &str, key: PublicKey) {
        self.keys.bind(name, key, true);
    }

    /// The participant `client`, unless it is the host.
    fn guest(&self, client: ClientId) -> Option<Participant> {
        let participant = self.state.roster.participants.get(&client);
        participant.filter(|_| client != ClientId::HOST).cloned()
    }

    /// `client`, and all others with its key.
    fn places_of(&self, client: ClientId, key: Option<PublicKey>) -> Vec<ClientId> {
        let of_key = |member_key: Option<PublicKey>| key.is_some() && member_key == key;
        let places =
            self.members.iter().filter(|(id, member)| **id == client || of_key(member.key));
        places.map(|(&id, _)| id).collect()
    }
}
