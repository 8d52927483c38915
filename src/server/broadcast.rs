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

/// How many patches are cached. 16: those of a few bases, until each connection has
/// pulled its own.
const MAX_FRAMES: usize = 16;

/// The total size of the cached patches; the newest patch may exceed it. 32 MiB holds
/// many.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// The base, the target, and the format.
type PatchKey = (Seq, Seq, Format);
type FrameSlot = Arc<OnceLock<Result<Bytes, Arc<CodecError>>>>;

/// The most recently encoded frames.
#[derive(Default)]
pub(super) struct Broadcast {
    patches: Mutex<VecDeque<(PatchKey, FrameSlot)>>,
    /// The newest full state in each format. It is the most expensive frame and
    /// serves a quarter of a second, so no patch evicts it.
    fulls: Mutex<Vec<(Format, Seq, FrameSlot)>>,
}

impl Broadcast {
    /// The frame of `update`, and whether this call encoded it.
    pub(super) fn frame<M: Model>(
        &self,
        format: Format,
        update: &Update<M>,
    ) -> Result<(Bytes, bool), Arc<CodecError>> {
        // Encoded outside the lock, because other connections may need other frames.
        let slot = match update {
            Update::Patch { from, to } => self.patch_slot((from.seq, to.seq, format)),
            Update::Full(state) => self.full_slot(format, state.seq),
        };
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

    /// Drops the oldest patches while the total exceeds [`MAX_BYTES`].
    fn evict(&self) {
        let mut slots = self.patches.lock().unwrap_or_else(PoisonError::into_inner);
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

    fn full_slot(&self, format: Format, seq: Seq) -> FrameSlot {
        let mut fulls = self.fulls.lock().unwrap_or_else(PoisonError::into_inner);
        let known = fulls.iter().position(|(known, ..)| *known == format);
        let slot = FrameSlot::default();
        let Some(known) = known.map(|index| &mut fulls[index]) else {
            fulls.push((format, seq, Arc::clone(&slot)));
            return slot;
        };
        if known.1 == seq {
            return Arc::clone(&known.2);
        }
        let replaced = std::mem::replace(known, (format, seq, Arc::clone(&slot)));
        drop(fulls);
        // Freed after the lock is released, because it may be large.
        drop(replaced);
        slot
    }

    fn patch_slot(&self, key: PatchKey) -> FrameSlot {
        let mut slots = self.patches.lock().unwrap_or_else(PoisonError::into_inner);
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
        protocol::{NetworkState, framing::Codec},
        studio::{Studio, StudioState},
    };

    fn state(seq: u64) -> Arc<NetworkState<Studio>> {
        let model = StudioState::starter();
        Arc::new(NetworkState { seq: Seq(seq), model, roster: Arc::default() })
    }

    fn encode(broadcast: &Broadcast, seq: u64) -> bool {
        let patch = Update::Patch { from: state(0), to: state(seq) };
        broadcast.frame(Format::default(), &patch).unwrap().1
    }

    fn encode_full(broadcast: &Broadcast, codec: Codec, seq: u64) -> bool {
        let format = Format { codec, compression: None };
        broadcast.frame(format, &Update::Full(state(seq))).unwrap().1
    }

    fn cached(broadcast: &Broadcast) -> Vec<u64> {
        broadcast.patches.lock().unwrap().iter().map(|((_, to, _), _)| to.0).collect()
    }

    /// Caches a frame of `bytes` zeros.
    fn put(broadcast: &Broadcast, seq: u64, bytes: usize) {
        let slot = broadcast.patch_slot((Seq(0), Seq(seq), Format::default()));
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
    fn full_state_is_encoded_once_among_many_patches() {
        let broadcast = Broadcast::default();
        for codec in Codec::ALL {
            assert!(encode_full(&broadcast, codec, 1));
        }
        assert!((2..=40).all(|seq| encode(&broadcast, seq)));
        put(&broadcast, 41, MAX_BYTES + 1);
        for codec in Codec::ALL {
            assert!(!encode_full(&broadcast, codec, 1), "{codec:?}");
            assert!(encode_full(&broadcast, codec, 2), "a newer one replaces it");
        }
        assert_eq!(broadcast.fulls.lock().unwrap().len(), Codec::ALL.len());
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
