//! A connection whose client is not in the session yet.

use super::{JoinRequest, PeerAddress};
use crate::{security::PublicKey, util::time::Timestamp};

pub(super) struct Stranger {
    pub(super) address: PeerAddress,
    /// Decides which connection makes room for this one, if one must.
    pub(super) random: u64,
    /// The key that it has proven to hold; `None` before message 3.
    pub(super) key: Option<PublicKey>,
    pub(super) budget: Budget,
    pub(super) stage: Stage,
    pub(super) deadline: Timestamp,
}

/// Which limit a connection counts towards, until it ends or joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Budget {
    /// Its key is not known yet.
    Handshake,
    /// Its key is admitted without a code or a question.
    Known,
    Run,
    Question,
}

/// The rows of the table in docs/protocol.md, "Entering".
pub(super) enum Stage {
    /// Nothing has arrived.
    Accepted,
    /// Message 1 waits for its answer.
    Opening,
    /// Message 2 may leave.
    Answered,
    /// Message 3 has arrived.
    Entering,
    /// It runs the code of this generation.
    Proving(u64),
    /// It has asked, and not revealed its nonce yet.
    Asking,
    /// Its question waits for a person.
    Waiting(JoinRequest),
    /// Its `Hello` may come. Before that its name may, because it may have been on its
    /// way when the person decided.
    Admitted { may_introduce: bool },
    /// The session decides about its `Hello`.
    Joining,
    /// It was refused, and is being told.
    Ended,
}
