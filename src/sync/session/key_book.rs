//! What the session keeps of the keys that its participants have proven: their names,
//! which stay viewers, and which the host has removed. It must not know how a key is proven.

use std::collections::BTreeSet;

use crate::{protocol::Role, security::PublicKey, util::text::drawn};

/// How many names are kept of keys that have only taken part, and how many of those that
/// the host knew before. 1,024: in an open session any stranger may bring a new key.
const MAX_NAMES: usize = 1024;

/// What is kept of keys.
#[derive(Default)]
pub(super) struct KeyBook {
    /// The name of each key, and each name of one key; the oldest first.
    names: Vec<BoundName>,
    /// Those that the host has made viewers.
    viewers: BTreeSet<PublicKey>,
    removed: BTreeSet<PublicKey>,
}

struct BoundName {
    /// What is drawn of the name.
    look: String,
    key: PublicKey,
    /// Whether the host knew the key before the session.
    is_known: bool,
}

impl KeyBook {
    /// Binds `name` to `key` in place of the name that this key had, unless another key has
    /// it.
    pub(super) fn bind(&mut self, name: &str, key: PublicKey, mut is_known: bool) {
        let look = drawn(name);
        if self.names.iter().any(|bound| bound.look == look && bound.key != key) {
            return;
        }
        is_known |= self.unbind(key).is_some_and(|bound| bound.is_known);
        self.names.push(BoundName { look, key, is_known });
        let mut alike = self.names.iter().filter(|bound| bound.is_known == is_known);
        if alike.clone().count() > MAX_NAMES
            && let Some(oldest) = alike.next().map(|bound| bound.key)
        {
            self.unbind(oldest);
        }
    }

    fn unbind(&mut self, key: PublicKey) -> Option<BoundName> {
        let at = self.names.iter().position(|bound| bound.key == key)?;
        Some(self.names.remove(at))
    }

    pub(super) fn has_name(&self, key: PublicKey) -> bool {
        self.names.iter().any(|bound| bound.key == key)
    }

    /// What is drawn of the names of all keys but `key`.
    pub(super) fn looks_of_others(&self, key: Option<PublicKey>) -> impl Iterator<Item = String> {
        self.names
            .iter()
            .filter(move |bound| Some(bound.key) != key)
            .map(|bound| bound.look.clone())
    }

    /// The role of a new participant that asks for `wanted`.
    pub(super) fn role(&self, key: Option<PublicKey>, wanted: Role) -> Role {
        if key.is_some_and(|key| self.viewers.contains(&key)) { Role::Viewer } else { wanted }
    }

    pub(super) fn set_role(&mut self, key: PublicKey, role: Role) {
        match role {
            Role::Viewer => self.viewers.insert(key),
            Role::Player => self.viewers.remove(&key),
        };
    }

    /// Refuses `key` from now on. Its name is free.
    pub(super) fn remove(&mut self, key: PublicKey) {
        self.unbind(key);
        self.removed.insert(key);
    }

    pub(super) fn is_removed(&self, key: PublicKey) -> bool {
        self.removed.contains(&key)
    }

    pub(super) fn readmit(&mut self, key: PublicKey) -> bool {
        self.removed.remove(&key)
    }
}
