//! A cache of encoded patches and full states, so that connections with the same
//! base and format share one frame. Knows no sockets and no clients.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use bytes::Bytes;
use serde::ser::Error as _;

use crate::{
    model::Model,
    protocol::{
        Seq, ServerMessage,
        framing::{CodecError, Format},
    },
    sync::session::Update,
    util::panics::catch_panic,
};

/// How many frames are cached. 16: those of a few bases, until each connection has
/// pulled its own.
const MAX_FRAMES: usize = 16;

/// The total size of the cached frames; the newest one may exceed it. 32 MiB holds
/// many patches and a few full states of a large session.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// The base (`None` for a full state), the target, and the format.
type FrameKey = (Option<Seq>, Seq, Format);
type FrameSlot = Arc<OnceLock<Result<Bytes, Arc<CodecError>>>>;

/// The most recently encoded frames.
#[derive(Default)]
pub(super) struct Broadcast {
    slots: Mutex<VecDeque<(FrameKey, FrameSlot)>>,
}

impl Broadcast {
    /// The frame of `update`, and whether this call encoded it.
    pub(super) fn frame<M: Model>(
        &self,
        format: Format,
        update: &Update<M>,
    ) -> Result<(Bytes, bool), Arc<CodecError>> {
        let key = match update {
            Update::Patch { from, to } => (Some(from.seq), to.seq, format),
            Update::Full(state) => (None, state.seq, format),
        };
        // Encoded outside the lock, because other connections may need other frames.
        let slot = self.slot(key);
        let mut fresh = false;
        let frame = slot.get_or_init(|| {
            fresh = true;
            catch_panic(|| encode_update(format, update))
                .unwrap_or_else(|panic| Err(CodecError::custom(panic)))
                .map_err(Arc::new)
        });
        if fresh {
            self.evict();
        }
        frame.clone().map(|frame| (frame, fresh))
    }

    /// Drops the oldest frames while the total exceeds [`MAX_BYTES`].
    fn evict(&self) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = 0;
        let excess = slots.iter().rev().position(|(_, slot)| {
            bytes += slot.get().and_then(|frame| frame.as_ref().ok()).map_or(0, Bytes::len);
            bytes > MAX_BYTES
        });
        // Other connections are about to need the newest one.
        let keep = excess.map_or(slots.len(), |keep| keep.max(1));
        let old = slots.len() - keep;
        let dropped: Vec<_> = slots.drain(..old).collect();
        drop(slots);
        // Freed after the lock is released, because it may be large.
        drop(dropped);
    }

    fn slot(&self, key: FrameKey) -> FrameSlot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, slot)) = slots.iter().find(|(known, _)| *known == key) {
            return Arc::clone(slot);
        }
        let slot = FrameSlot::default();
        slots.push_back((key, Arc::clone(&slot)));
        if slots.len() > MAX_FRAMES {
            slots.pop_front();
        }
        slot
    }
}

fn encode_update<M: Model>(format: Format, update: &Update<M>) -> Result<Bytes, CodecError> {
    let message = match update {
        Update::Patch { from, to } => ServerMessage::StatePatchUpdate(from.patch_to(to)),
        Update::Full(state) => ServerMessage::FullStateSync { state: (**state).clone() },
    };
    let mut buffer = Vec::new();
    format.encode(&message, &mut buffer)?;
    // `MAX_BYTES` counts lengths, so spare capacity would not be counted.
    buffer.shrink_to_fit();
    Ok(Bytes::from(buffer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        protocol::NetworkState,
        studio::{Studio, StudioState},
    };

    fn full(seq: u64) -> Update<Studio> {
        let model = StudioState::starter();
        Update::Full(Arc::new(NetworkState { seq: Seq(seq), model, roster: Arc::default() }))
    }

    fn encode(broadcast: &Broadcast, seq: u64) -> bool {
        broadcast.frame(Format::default(), &full(seq)).unwrap().1
    }

    fn cached(broadcast: &Broadcast) -> Vec<u64> {
        broadcast.slots.lock().unwrap().iter().map(|((_, to, _), _)| to.0).collect()
    }

    /// Caches a frame of `bytes` zeros.
    fn put(broadcast: &Broadcast, seq: u64, bytes: usize) {
        let slot = broadcast.slot((None, Seq(seq), Format::default()));
        slot.set(Ok(Bytes::from(vec![0; bytes]))).unwrap();
        broadcast.evict();
    }

    #[test]
    fn frames_are_encoded_once_and_evicted_by_count() {
        let broadcast = Broadcast::default();
        assert!((1..=16).all(|seq| encode(&broadcast, seq)));
        assert!(!(1..=16).any(|seq| encode(&broadcast, seq)));
        assert!(encode(&broadcast, 17));
        assert_eq!(cached(&broadcast), (2..=17).collect::<Vec<_>>());
        assert!(encode(&broadcast, 1));
    }

    #[test]
    fn frames_are_evicted_by_size_except_the_newest() {
        let broadcast = Broadcast::default();
        for seq in 1..=5 {
            put(&broadcast, seq, MAX_BYTES / 4);
        }
        assert_eq!(cached(&broadcast), [2, 3, 4, 5]);
        put(&broadcast, 6, MAX_BYTES + 1);
        assert_eq!(cached(&broadcast), [6]);
        assert!(encode(&broadcast, 7));
        assert_eq!(cached(&broadcast), [7], "encoding a frame evicts older ones");
    }
}
