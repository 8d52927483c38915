//! The voices that sound, and which of them goes first if there are too many.
//!
//! The server frees a voice when its envelope is over; this keeps account of it.

use std::{collections::BTreeMap, time::Duration};

use imbolc_net::{
    model::InstrumentId,
    studio::Envelope,
    util::{
        quantity::{PadNumber, Pitch},
        time::Timestamp,
    },
};

use super::allocation::Block;
use crate::{commands::NodeId, sounds::VoiceLife};

/// How many voices sound at a time.
pub const MAX_VOICES: usize = 512;

/// The key that plays a voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum VoiceKey {
    /// A note.
    Note(Pitch),
    /// A pad of a drum kit.
    Pad(PadNumber),
    /// An input, which sounds without a key.
    Open,
}

/// A voice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voice {
    pub(super) node: NodeId,
    pub(super) instrument: InstrumentId,
    pub(super) key: VoiceKey,
    /// The parameters that it reads.
    pub(super) block: Block,
    pub(super) life: VoiceLife,
    /// When it begins.
    pub(super) start: Timestamp,
    /// Its amplitude, 0 to 1, with the fader of its instrument.
    pub(super) level: f32,
    /// The envelope while it is held.
    pub(super) envelope: Envelope,
    /// Since when its key is up, or it takes no notice of it.
    pub(super) released: Option<Timestamp>,
    /// When it is over, if that is known.
    pub(super) end: Option<Timestamp>,
}

/// All voices, in the order in which they were struck.
#[derive(Debug, Default)]
pub(super) struct Voices {
    all: BTreeMap<NodeId, Voice>,
    /// The latest voice of each key.
    latest: BTreeMap<(InstrumentId, VoiceKey), NodeId>,
}

impl Voices {
    pub(super) fn insert(&mut self, voice: Voice) {
        self.latest.insert((voice.instrument, voice.key), voice.node);
        self.all.insert(voice.node, voice);
    }

    /// The latest voice of a key, which is not known by it any more.
    pub(super) fn take(&mut self, instrument: InstrumentId, key: VoiceKey) -> Option<&mut Voice> {
        let node = self.latest.remove(&(instrument, key))?;
        self.all.get_mut(&node)
    }

    /// The latest voice of a key.
    pub(super) fn latest(&self, instrument: InstrumentId, key: VoiceKey) -> Option<&Voice> {
        self.all.get(self.latest.get(&(instrument, key))?)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Voice> {
        self.all.values()
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Forgets a voice.
    pub(super) fn remove(&mut self, node: NodeId) {
        self.forget_where(|voice| voice.node == node);
    }

    /// Forgets what is over for longer than this.
    pub(super) fn forget_ended(&mut self, now: Timestamp, linger: Duration) {
        self.forget_where(|voice| voice.end.is_some_and(|end| end + linger <= now));
    }

    /// Forgets voices.
    pub(super) fn forget_where(&mut self, gone: impl Fn(&Voice) -> bool) {
        self.all.retain(|_, voice| !gone(voice));
        self.latest.retain(|_, node| self.all.contains_key(node));
    }

    /// Whether a voice reads this block.
    pub(super) fn read(&self, block: Block) -> bool {
        self.all.values().any(|voice| voice.block == block)
    }

    /// The voice that goes first: the one that was released first, otherwise the quietest.
    pub(super) fn victim(&self, now: Timestamp) -> Option<Voice> {
        let released = self.all.values().filter(|voice| voice.released.is_some());
        let oldest = released.min_by_key(|voice| voice.released);
        let quietest =
            || self.all.values().min_by(|a, b| a.loudness(now).total_cmp(&b.loudness(now)));
        oldest.or_else(quietest).copied()
    }
}

impl Voice {
    /// An estimate of how loud it is, by its envelope and level.
    pub(super) fn loudness(&self, now: Timestamp) -> f32 {
        let age = now.since(self.start).as_secs_f32();
        let Envelope { attack, decay, sustain, .. } = self.envelope;
        let (attack, decay, sustain) = (attack.get(), decay.get(), sustain.get());
        // While it rises, it counts as if it were up.
        let held = 1.0 - (1.0 - sustain) * ((age - attack) / decay.max(1e-3)).clamp(0.0, 1.0);
        let rest = match (self.released, self.end) {
            (Some(released), Some(end)) => {
                let length = end.since(released).as_secs_f32();
                end.since(now).as_secs_f32() / length.max(1e-3)
            }
            _ => 1.0,
        };
        match self.life {
            VoiceLife::Own(_) => self.level * rest,
            VoiceLife::Held(_) => self.level * held * rest,
        }
    }

    /// Whether it is over at this time.
    pub(super) fn is_over(&self, time: Timestamp) -> bool {
        self.end.is_some_and(|end| end <= time)
    }
}

/// So many seconds.
pub(super) fn seconds(seconds: f32) -> Duration {
    Duration::try_from_secs_f32(seconds).unwrap_or_default()
}
