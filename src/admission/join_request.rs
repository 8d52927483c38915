//! What a stranger asks of the person at the host, and what the person says.

use std::fmt;

use super::PeerAddress;
use crate::{
    security::{PublicKey, Words},
    util::time::Timestamp,
};

/// The number of a stranger's connection, and of the question that it asks. None is
/// used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StrangerId(pub u64);

impl fmt::Display for StrangerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A stranger that asks to join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRequest {
    /// Identifies the request in a decision.
    pub id: StrangerId,
    /// The key that it has proven to hold.
    pub key: PublicKey,
    /// The six words. Its screen shows the same, unless there is a man in the middle.
    pub words: Words,
    /// What it calls itself, once its person has accepted the words: nothing proves it.
    /// It can be shown as it is.
    pub name: Option<String>,
    /// Whether another key has, or had, this name.
    pub is_name_taken: bool,
    /// Where it connects from.
    pub address: PeerAddress,
    /// When it asked. The question waits for 60 s.
    pub since: Timestamp,
}

/// What a person says to a [`JoinRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may join this session.
    Once,
    /// It may join this session and later ones.
    ForGood,
    /// It may not, nor ask again for 60 s.
    No,
}

/// Why a decision changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecisionError {
    /// The question was decided, or the stranger has gone.
    #[error("this question does not wait any more")]
    NotWaiting,
    /// No client of this name asks or was removed.
    #[error("no client of this name asks to join or was removed")]
    UnknownName,
    /// Several clients of this name ask or were removed.
    #[error("several clients of this name ask to join or were removed: decide in the list")]
    AmbiguousName,
}
