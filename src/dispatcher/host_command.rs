//! What only the host of a session may do.

use crate::{
    admission::{StrangerId, Verdict},
    protocol::{ClientId, Role},
};

/// A decision of the person at the host about participants and requests to join.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostCommand {
    /// Answers a [`JoinRequest`](crate::admission::JoinRequest).
    Decide {
        /// Its id.
        request: StrangerId,
        /// The answer.
        verdict: Verdict,
    },
    /// Admits the stranger that asks under this name, for this session, or a participant
    /// of this name that was removed.
    Admit {
        /// The name.
        name: String,
    },
    /// Makes a participant a viewer or a player. The role belongs to its key until the
    /// session ends.
    SetRole {
        /// The participant.
        client: ClientId,
        /// Its role from now on.
        role: Role,
    },
    /// Ends the place of a participant. If it has a key, this key is not known any more,
    /// and refused until it is [admitted](Self::Admit) or the session ends; and a new
    /// code is made, because the participant knows the old one.
    Remove {
        /// The participant.
        client: ClientId,
    },
    /// Frees the instruments of a participant that is away, and takes its privilege.
    Free {
        /// The participant.
        client: ClientId,
    },
    /// Makes a new code, and lifts the pause of codes.
    NewCode,
}
