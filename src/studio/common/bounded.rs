//! Size limits of the state, and collections that enforce them during
//! deserialization.
//!
//! This file knows how many, never of what.

use serde::{Serialize, Serializer};

pub(in crate::studio) use crate::util::limited::{
    bounded_entries as collect, bounded_map as map, bounded_pairs as pairs,
};
use crate::{model::Invalid, util::ordmap::OrdMap};

/// Bytes of the largest state within the limits below, as JSON. A frame must be
/// able to hold it.
pub const MAX_STATE_BYTES: usize = 128 * 1024 * 1024;

/// Bytes of the largest action, a paste, as JSON.
pub const MAX_ACTION_BYTES: usize = 384 * 1024;

/// Instruments in a session.
pub const MAX_INSTRUMENTS: usize = 2048;

/// Buses in the mixer; large consoles have about half as many.
pub const MAX_BUSES: usize = 64;

/// Notes in a track: three hours at six notes per second.
pub const MAX_NOTES: usize = 65_536;

/// Notes in all tracks; bounds the size of a full state.
pub const MAX_NOTES_IN_ALL: usize = 262_144;

/// Notes that one action can paste.
pub const MAX_PASTED: usize = 4096;

/// Clips of one instrument.
pub const MAX_CLIPS: usize = 256;

/// Clips of all instruments.
pub const MAX_CLIPS_IN_ALL: usize = 8192;

/// Notes in all clips; bounds the size of a full state.
pub const MAX_CLIP_NOTES_IN_ALL: usize = 65_536;

/// Placements of one instrument: one per bar for half an hour.
pub const MAX_PLACEMENTS: usize = 1024;

/// Placements of all instruments.
pub const MAX_PLACEMENTS_IN_ALL: usize = 32_768;

/// Automation lanes in a session.
pub const MAX_LANES: usize = 2048;

/// Points of one lane: one per beat for more than half an hour.
pub const MAX_POINTS: usize = 4096;

/// Points of all lanes; bounds the size of a full state.
pub const MAX_POINTS_IN_ALL: usize = 65_536;

/// Projects in the list. The disk may hold more; they can be loaded by name.
pub const MAX_PROJECTS: usize = 1024;

/// Checkpoints of one project.
pub const MAX_CHECKPOINTS: usize = 256;

/// Sessions with unsaved work that are kept; older ones are deleted.
pub const MAX_RECOVERED: usize = 16;

/// Characters in a name, so that it fits a column of the mixer.
pub const MAX_NAME: usize = 64;

/// Effects in one chain.
pub const MAX_SLOTS: usize = 16;

/// Touched parameters of custom `SynthDef`s and plug-ins in one chain or one
/// source. Other parameters keep the values of the saved state.
pub const MAX_TOUCHED: usize = 256;

/// Custom `SynthDef`s in the registry; the same limit applies to plug-ins.
pub const MAX_DEFINITIONS: usize = 256;

/// Parameters of one custom `SynthDef` or plug-in; large synthesisers have a
/// few hundred.
pub const MAX_PARAMETERS: usize = 512;

/// Parameters of all definitions in the registry.
pub const MAX_PARAMETERS_IN_ALL: usize = 8192;

/// Layer groups in the mixer.
pub const MAX_LAYER_GROUPS: usize = 64;

/// Patterns of one drum kit.
pub const MAX_PATTERNS: usize = 64;

/// Patterns in one pattern chain.
pub const MAX_CHAINED: usize = 64;

/// Slices of one sample.
pub const MAX_SLICES: usize = 64;

/// Drum steps in all patterns of all kits.
pub const MAX_STEPS_IN_ALL: usize = 65_536;

/// Patterns of all kits.
pub const MAX_PATTERNS_IN_ALL: usize = 4096;

/// Drum steps that one action can paste: a full pattern.
pub const MAX_STEPS_PASTED: usize = 16 * 128;

/// MIDI mappings in a session.
pub const MAX_MAPPINGS: usize = 256;

/// Changes in a patch: more than all values of the largest state.
pub const MAX_CHANGES: usize = 1024 * 1024;

/// A limit in the type that [`Invalid`] carries.
pub(in crate::studio) fn count(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}

/// Removes the entries for which `gone` is true; the others stay shared.
pub(in crate::studio) fn remove<K, V>(map: &mut OrdMap<K, V>, gone: impl Fn(&K, &V) -> bool)
where
    K: Ord + Clone,
    V: Clone,
{
    let keys: Vec<_> =
        map.iter().filter(|(key, value)| gone(key, value)).map(|(key, _)| key.clone()).collect();
    for key in keys {
        map.remove(&key);
    }
}

/// Fails with [`Invalid::Full`] if there are more than `limit`; `what` is a
/// plural.
pub(in crate::studio) fn at_most(
    there: usize,
    limit: usize,
    what: &'static str,
) -> Result<(), Invalid> {
    if there <= limit { Ok(()) } else { Err(Invalid::full(what, count(limit))) }
}

/// Serializes a map as a list of pairs, because its keys cannot be keys in
/// JSON.
pub(in crate::studio) fn write_pairs<K, V, S>(
    map: &OrdMap<K, V>,
    serializer: S,
) -> Result<S::Ok, S::Error>
where
    K: Serialize + Ord,
    V: Serialize,
    S: Serializer,
{
    serializer.collect_seq(map)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(transparent)]
    struct Two(#[serde(deserialize_with = "map::<2, _, _, _>")] OrdMap<u32, bool>);

    #[test]
    fn map_with_excess_or_duplicate_entries_is_refused() {
        assert!(serde_json::from_str::<Two>(r#"{"1":true,"2":true}"#).is_ok());
        assert!(serde_json::from_str::<Two>(r#"{"1":true,"2":true,"3":true}"#).is_err());
        assert!(serde_json::from_str::<Two>(r#"{"1":true,"1":false}"#).is_err());
    }
}
