//! The participants that this installation admits as a host.

use serde::{Deserialize, Serialize};

use super::Day;
use crate::security::PublicKey;

/// A participant that this installation admits as a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownParticipant {
    /// Its key.
    pub key: PublicKey,
    /// The name that it had last.
    pub name: String,
    /// When it was in a session last.
    pub last_seen: Day,
}

pub(super) fn remember(participants: &mut Vec<KnownParticipant>, participant: KnownParticipant) {
    participants.retain(|known| known.key != participant.key);
    participants.push(participant);
}

/// Removes `key`. Returns whether it was known.
pub(super) fn forget(participants: &mut Vec<KnownParticipant>, key: PublicKey) -> bool {
    let before = participants.len();
    participants.retain(|known| known.key != key);
    participants.len() < before
}
