//! Frames that several connections need, encoded once.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use bytes::{Bytes, BytesMut};

use crate::{
    framing::{self, Codec, CodecError},
    model::Model,
    protocol::{Seq, ServerMessage},
    session::Update,
};

/// How many frames are kept: those of a few bases, for as long as it takes the
/// connections to ask.
const KEPT: usize = 16;

/// What a frame leads from and to; who stands on nothing gets everything.
type Key = (Option<Seq>, Seq, Codec);
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
        codec: Codec,
        update: &Update<M>,
    ) -> Result<(Bytes, bool), Arc<CodecError>> {
        let key = match update {
            Update::Patch { from, to } => (Some(from.seq), to.seq, codec),
            Update::Full(state) => (None, state.seq, codec),
        };
        // Encoded outside the lock: others may need another frame meanwhile.
        let slot = self.slot(key);
        let mut fresh = false;
        let frame = slot.get_or_init(|| {
            fresh = true;
            encode(codec, update).map_err(Arc::new)
        });
        frame.clone().map(|frame| (frame, fresh))
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

fn encode<M: Model>(codec: Codec, update: &Update<M>) -> Result<Bytes, CodecError> {
    let message = match update {
        Update::Patch { from, to } => ServerMessage::StatePatchUpdate(from.patch_to(to)),
        Update::Full(state) => ServerMessage::FullStateSync { state: (**state).clone() },
    };
    let mut buffer = BytesMut::new();
    framing::encode(codec, &message, &mut buffer)?;
    Ok(buffer.freeze())
}
