//! Frames that several connections need, encoded once.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use bytes::Bytes;

use crate::{
    model::Model,
    protocol::{
        Seq, ServerMessage,
        framing::{CodecError, Format},
    },
    sync::session::Update,
};

/// How many frames are kept: those of a few bases, for as long as it takes the
/// connections to ask.
const KEPT: usize = 16;

/// How many bytes the frames that are kept may have together, but for the newest.
/// 32 MiB: any number of patches, and a few full states of a large session.
const KEPT_BYTES: usize = 32 * 1024 * 1024;

/// What a frame leads from and to; who stands on nothing gets everything.
type Key = (Option<Seq>, Seq, Format);
type Slot = Arc<OnceLock<Result<Bytes, Arc<CodecError>>>>;

/// The frames that were encoded last.
#[derive(Default)]
pub(super) struct Broadcast {
    slots: Mutex<VecDeque<(Key, Slot)>>,
}

impl Broadcast {
    /// The frame of `update`, which is encoded only if nobody did yet.
    /// Also returns whether it was.
    pub(super) fn frame<M: Model>(
        &self,
        format: Format,
        update: &Update<M>,
    ) -> Result<(Bytes, bool), Arc<CodecError>> {
        let key = match update {
            Update::Patch { from, to } => (Some(from.seq), to.seq, format),
            Update::Full(state) => (None, state.seq, format),
        };
        // Encoded outside the lock: others may need another frame meanwhile.
        let slot = self.slot(key);
        let mut fresh = false;
        let frame = slot.get_or_init(|| {
            fresh = true;
            encode(format, update).map_err(Arc::new)
        });
        if fresh {
            self.make_room();
        }
        frame.clone().map(|frame| (frame, fresh))
    }

    /// Drops the oldest frames if all of them are too large.
    fn make_room(&self) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = 0;
        let too_many = slots.iter().rev().position(|(_, slot)| {
            bytes += slot.get().and_then(|frame| frame.as_ref().ok()).map_or(0, Bytes::len);
            bytes > KEPT_BYTES
        });
        // The newest is the one that somebody is about to ask for.
        let keep = too_many.map_or(slots.len(), |keep| keep.max(1));
        let old = slots.len() - keep;
        let dropped: Vec<_> = slots.drain(..old).collect();
        drop(slots);
        // Not under the lock: it may be much.
        drop(dropped);
    }

    fn slot(&self, key: Key) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, slot)) = slots.iter().find(|(known, _)| *known == key) {
            return Arc::clone(slot);
        }
        let slot = Slot::default();
        slots.push_back((key, Arc::clone(&slot)));
        if slots.len() > KEPT {
            slots.pop_front();
        }
        slot
    }
}

fn encode<M: Model>(format: Format, update: &Update<M>) -> Result<Bytes, CodecError> {
    let message = match update {
        Update::Patch { from, to } => ServerMessage::StatePatchUpdate(from.patch_to(to)),
        Update::Full(state) => ServerMessage::FullStateSync { state: (**state).clone() },
    };
    let mut buffer = Vec::new();
    format.encode(&message, &mut buffer)?;
    // What is kept is counted by its length.
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

    fn kept(broadcast: &Broadcast) -> Vec<u64> {
        broadcast.slots.lock().unwrap().iter().map(|((_, to, _), _)| to.0).collect()
    }

    /// As if a frame of `bytes` had been encoded.
    fn put(broadcast: &Broadcast, seq: u64, bytes: usize) {
        let slot = broadcast.slot((None, Seq(seq), Format::default()));
        slot.set(Ok(Bytes::from(vec![0; bytes]))).unwrap();
        broadcast.make_room();
    }

    #[test]
    fn a_frame_is_encoded_once_and_kept_until_there_are_sixteen_newer_ones() {
        let broadcast = Broadcast::default();
        assert!((1..=16).all(|seq| encode(&broadcast, seq)));
        assert!(!(1..=16).any(|seq| encode(&broadcast, seq)));
        assert!(encode(&broadcast, 17));
        assert_eq!(kept(&broadcast), (2..=17).collect::<Vec<_>>());
        assert!(encode(&broadcast, 1));
    }

    #[test]
    fn large_frames_push_out_the_oldest_and_the_newest_is_kept_however_large() {
        let broadcast = Broadcast::default();
        for seq in 1..=5 {
            put(&broadcast, seq, KEPT_BYTES / 4);
        }
        assert_eq!(kept(&broadcast), [2, 3, 4, 5]);
        put(&broadcast, 6, KEPT_BYTES + 1);
        assert_eq!(kept(&broadcast), [6]);
        assert!(encode(&broadcast, 7));
        assert_eq!(kept(&broadcast), [7], "a frame that is encoded makes room for itself");
    }
}
