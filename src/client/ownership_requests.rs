//! Splits requests for ownership into messages of the size that the protocol
//! allows.

use crate::{model::InstrumentId, protocol::limits};

/// The largest number of instruments in one message.
pub(super) const MAX_OWNERSHIP_BATCH: usize = limits::REQUESTED_INSTRUMENTS as usize;

/// `instruments` in batches of at most [`MAX_OWNERSHIP_BATCH`].
pub(super) fn ownership_batches(
    instruments: &[InstrumentId],
) -> impl Iterator<Item = Vec<InstrumentId>> + '_ {
    instruments.chunks(MAX_OWNERSHIP_BATCH).map(Vec::from)
}
