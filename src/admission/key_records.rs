//! What the host remembers of the keys that it met.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::admission_config::MAX_KEYS;
use crate::{security::PublicKey, util::text::look_alike};

/// A key that a host admits without a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownParticipant {
    /// The key.
    pub key: PublicKey,
    /// The name that it had last; empty if it has not joined yet.
    pub name: String,
    /// When it joined last, in seconds since 1970; 0 if it has not joined yet.
    pub last_seen: u64,
}

/// How far the host trusts a key. Greater standings are forgotten later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// It was in this session, and needs the same as a stranger to come back.
    Met,
    /// A person has admitted it, for this session.
    Guest,
    /// It is admitted to every session of this host.
    Known,
}

/// In the order in which records are forgotten.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct KeyRecord {
    is_removed: bool,
    standing: Standing,
    last_seen: u64,
    name: String,
}

#[derive(Default)]
pub(super) struct KeyRecords(BTreeMap<PublicKey, KeyRecord>);

impl KeyRecords {
    pub(super) fn new(known: Vec<KnownParticipant>) -> Self {
        let mut records = Self::default();
        for KnownParticipant { key, name, last_seen } in known {
            let standing = Standing::Known;
            records.insert(key, KeyRecord { is_removed: false, standing, last_seen, name });
        }
        records
    }

    pub(super) fn is_removed(&self, key: PublicKey) -> bool {
        self.0.get(&key).is_some_and(|record| record.is_removed)
    }

    pub(super) fn standing(&self, key: PublicKey) -> Option<Standing> {
        self.0.get(&key).filter(|record| !record.is_removed).map(|record| record.standing)
    }

    pub(super) fn is_known(&self, key: PublicKey) -> bool {
        self.standing(key) == Some(Standing::Known)
    }

    /// The keys that this installation admits.
    pub(super) fn known(&self) -> impl Iterator<Item = KnownParticipant> {
        let known = |record: &KeyRecord| !record.is_removed && record.standing == Standing::Known;
        self.0.iter().filter(move |(_, record)| known(record)).map(|(key, record)| {
            KnownParticipant { key: *key, name: record.name.clone(), last_seen: record.last_seen }
        })
    }

    /// Raises the standing of `key`. Whether that has changed it.
    pub(super) fn raise(&mut self, key: PublicKey, standing: Standing, name: &str) -> bool {
        match self.0.get_mut(&key) {
            Some(record) if record.standing >= standing => return false,
            Some(record) => record.standing = standing,
            None => {
                let name = name.to_owned();
                self.insert(key, KeyRecord { is_removed: false, standing, last_seen: 0, name });
            }
        }
        true
    }

    pub(super) fn seen(&mut self, key: PublicKey, name: &str, last_seen: u64) {
        self.raise(key, Standing::Met, name);
        if let Some(record) = self.0.get_mut(&key) {
            name.clone_into(&mut record.name);
            record.last_seen = last_seen;
        }
    }

    /// Until it is [admitted again](Self::restore), `key` is removed.
    pub(super) fn remove(&mut self, key: PublicKey, name: &str) {
        let record = self.0.get(&key);
        let standing = record.map_or(Standing::Met, |record| record.standing);
        let last_seen = record.map_or(0, |record| record.last_seen);
        let name = name.to_owned();
        self.insert(key, KeyRecord { is_removed: true, standing, last_seen, name });
    }

    /// It stands as before it was removed.
    pub(super) fn restore(&mut self, key: PublicKey) {
        if let Some(record) = self.0.get_mut(&key) {
            record.is_removed = false;
        }
    }

    pub(super) fn removed(&self) -> impl Iterator<Item = (PublicKey, &str)> {
        let removed = self.0.iter().filter(|(_, record)| record.is_removed);
        removed.map(|(key, record)| (*key, &*record.name))
    }

    /// Whether a key other than `key` has, or had, a name that looks like `name`.
    pub(super) fn is_name_of_another(&self, name: &str, key: Option<PublicKey>) -> bool {
        let mut others = self.0.iter().filter(|(other, _)| Some(**other) != key);
        !name.is_empty() && others.any(|(_, record)| look_alike(&record.name, name))
    }

    /// A record makes room only for one that is kept at least as long.
    fn insert(&mut self, key: PublicKey, record: KeyRecord) {
        let rank = |record: &KeyRecord| (record.is_removed, record.standing);
        if self.0.len() >= MAX_KEYS && !self.0.contains_key(&key) {
            let first = self.0.iter().min_by(|(_, one), (_, other)| one.cmp(other));
            let Some((&first, least)) = first else { return };
            if rank(least) > rank(&record) {
                return;
            }
            self.0.remove(&first);
        }
        self.0.insert(key, record);
    }
}
