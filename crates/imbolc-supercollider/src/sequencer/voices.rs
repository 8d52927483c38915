//! The voices that sound, and which of them goes first if there are too many.
//!
//! The server frees a voice when its envelope is over; this is an account of it.

use std::{collections::BTreeMap, time::Duration};

use imbolc_net::{
    model::InstrumentId,
    util::{
        quantity::{PadNumber, Pitch},
        time::Timestamp,
    },
};

use super::allocation::Block;
use crate::{commands::NodeId, sounds::VoiceLife};

/// How many voices sound at a time.
pub const MAX_VOICES: usize = 512;

/// What plays a voice.
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
    /// Its amplitude, 0 to 1.
    pub(super) level: f32,
    /// Whether its key is up, or it takes no notice of it.
    pub(super) released: bool,
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
        if let Some(voice) = self.all.remove(&node) {
            let key = (voice.instrument, voice.key);
            if self.latest.get(&key) == Some(&node) {
                self.latest.remove(&key);
            }
        }
    }

    /// Forgets what is over.
    pub(super) fn forget_ended(&mut self, now: Timestamp) {
        let over: Vec<_> = self
            .all
            .values()
            .filter(|voice| voice.end.is_some_and(|end| end <= now))
            .map(|voice| voice.node)
            .collect();
        over.into_iter().for_each(|node| self.remove(node));
    }

    /// Forgets the voices of an instrument, or all that read a block.
    pub(super) fn forget_where(&mut self, gone: impl Fn(&Voice) -> bool) {
        let gone: Vec<_> =
            self.all.values().filter(|voice| gone(voice)).map(|voice| voice.node).collect();
        gone.into_iter().for_each(|node| self.remove(node));
    }

    /// When the last voice that reads this block is over; `None` if that is not known.
    pub(super) fn last_reader(&self, block: Block) -> Option<Timestamp> {
        let mut last = Timestamp::ZERO;
        for voice in self.all.values().filter(|voice| voice.block == block) {
            last = last.max(voice.end?);
        }
        Some(last)
    }

    /// The voice that goes first: the one that was released first, otherwise the quietest.
    pub(super) fn victim(&self, now: Timestamp) -> Option<&Voice> {
        let released = self.all.values().filter(|voice| voice.released);
        let oldest = released.min_by_key(|voice| (voice.end, voice.start));
        let quietest =
            || self.all.values().min_by(|a, b| a.loudness(now).total_cmp(&b.loudness(now)));
        oldest.or_else(quietest)
    }
}

impl Voice {
    /// An estimate of how loud it is: what has sounded for long has decayed.
    pub(super) fn loudness(&self, now: Timestamp) -> f32 {
        let age = now.since(self.start).as_secs_f32();
        let rest = match self.life {
            VoiceLife::Own(seconds) => (1.0 - age / seconds.max(0.001)).max(0.0),
            VoiceLife::Held(_) if self.released => {
                self.end.map_or(0.0, |end| end.since(now).as_secs_f32().min(1.0))
            }
            VoiceLife::Held(_) => 0.5 + 0.5 / (1.0 + age),
        };
        self.level * rest
    }
}

/// So many seconds.
pub(super) fn seconds(seconds: f32) -> Duration {
    Duration::try_from_secs_f32(seconds).unwrap_or_default()
}
