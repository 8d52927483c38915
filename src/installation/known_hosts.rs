//! The hosts whose keys were verified, and the labels under which they were found.

use serde::{Deserialize, Serialize};

use crate::{security::PublicKey, transport::with_port, util::text::cleaned};

/// Characters of a label that are kept.
const MAX_LABEL: usize = 255;

/// Where a host was found. Nothing of it is proven.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostLabels {
    /// The name of the session, if it was announced.
    pub session: Option<String>,
    /// The name of the machine, if it was announced.
    pub machine: Option<String>,
    /// The address with its port, as the user gave it or as it was announced.
    pub address: String,
}

/// A key that was verified.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KnownHost {
    key: PublicKey,
    /// `None` if another key was verified under this name since.
    session: Option<String>,
    machine: Option<String>,
    /// `None` if another key was verified there since.
    address: Option<String>,
    /// In seconds since 1970.
    last_seen: u64,
}

impl HostLabels {
    /// The labels as they are kept: short and plain.
    pub(super) fn kept(&self) -> Self {
        let name = |label: &Option<String>| {
            let label = cleaned(label.as_deref()?, MAX_LABEL);
            (!label.is_empty()).then_some(label)
        };
        Self {
            session: name(&self.session),
            machine: name(&self.machine),
            address: cleaned(&self.address, MAX_LABEL),
        }
    }
}

impl KnownHost {
    pub(super) fn new(key: PublicKey, labels: HostLabels, last_seen: u64) -> Self {
        let HostLabels { session, machine, address } = labels;
        Self { key, session, machine, address: Some(address), last_seen }
    }

    fn has_session(&self, session: Option<&str>) -> bool {
        equal_names(self.session.as_deref(), session)
    }

    fn has_machine(&self, machine: Option<&str>) -> bool {
        equal_names(self.machine.as_deref(), machine)
    }

    fn has_address(&self, address: Option<&str>) -> bool {
        equal_names(self.address.as_deref(), address)
    }
}

fn equal_names(one: Option<&str>, other: Option<&str>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one.eq_ignore_ascii_case(other))
}

pub(super) fn is_pinned(hosts: &[KnownHost], key: PublicKey) -> bool {
    hosts.iter().any(|host| host.key == key)
}

/// The entry of a known host that was found as `found`: with its new labels, unless
/// another key has them, because no label is proven. `None` if its key is not known, or
/// nothing has changed in the day before but the time.
pub(super) fn refreshed(hosts: &[KnownHost], mut found: KnownHost) -> Option<KnownHost> {
    const DAY: u64 = 24 * 60 * 60;
    let known = hosts.iter().find(|host| host.key == found.key)?;
    let is_free = |has: fn(&KnownHost, Option<&str>) -> bool, label: &String| {
        !hosts.iter().any(|host| host.key != known.key && has(host, Some(label)))
    };
    let keep = |new: Option<String>, has, known: &Option<String>| {
        new.filter(|new| is_free(has, new)).or_else(|| known.clone())
    };
    found.session = keep(found.session, KnownHost::has_session, &known.session);
    found.machine = keep(found.machine, KnownHost::has_machine, &known.machine);
    found.address = keep(found.address, KnownHost::has_address, &known.address);
    let last_seen = known.last_seen;
    let is_fresh = last_seen.abs_diff(found.last_seen) < DAY
        && KnownHost { last_seen, ..found.clone() } == *known;
    (!is_fresh).then_some(found)
}

/// The first of the labels that is known, with the key under it: the session, the machine,
/// the address.
pub(super) fn pinned_under(
    hosts: &[KnownHost],
    labels: &HostLabels,
) -> Option<(PublicKey, String)> {
    let HostLabels { session, machine, address } = labels;
    let find = |label: Option<&str>, has: fn(&KnownHost, Option<&str>) -> bool| {
        let host = hosts.iter().find(|host| has(host, label))?;
        Some((host.key, label?.to_owned()))
    };
    find(session.as_deref(), KnownHost::has_session)
        .or_else(|| find(machine.as_deref(), KnownHost::has_machine))
        .or_else(|| find(Some(address), KnownHost::has_address))
}

/// Adds `new`, in place of what is known of its key and of other keys of its machine.
/// Another key of its session or at its address loses this label only: others use the same
/// name, and in another network the address is given to another machine.
pub(super) fn pin(hosts: &mut Vec<KnownHost>, mut new: KnownHost) {
    if let Some(at) = hosts.iter().position(|host| host.key == new.key) {
        let known = hosts.remove(at);
        new.session = new.session.or(known.session);
        new.machine = new.machine.or(known.machine);
    }
    hosts.retain_mut(|host| {
        if host.has_machine(new.machine.as_deref()) {
            return false;
        }
        if host.has_session(new.session.as_deref()) {
            host.session = None;
        }
        if host.has_address(new.address.as_deref()) {
            host.address = None;
        }
        host.session.is_some() || host.machine.is_some() || host.address.is_some()
    });
    hosts.push(new);
}

/// Removes every key under `label`: an address with or without its port, a machine, a
/// session, or the key itself. Returns how many there were.
pub(super) fn forget_label(hosts: &mut Vec<KnownHost>, label: &str) -> usize {
    let (before, name, address) = (hosts.len(), label.trim(), with_port(label.trim()));
    let key = PublicKey::parse(name);
    hosts.retain(|host| {
        let is_named = host.has_machine(Some(name))
            || host.has_address(Some(name))
            || host.has_address(Some(&address))
            || host.has_session(Some(name))
            || key == Some(host.key);
        !is_named
    });
    before - hosts.len()
}
