//! How much of everything there may be, and maps that refuse more while they
//! are still being read.
//!
//! It knows how many, never of what.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

use crate::{model::Invalid, util::ordmap::OrdMap};

/// Bytes of the largest state that can come about within the limits below, as
/// JSON. A frame must be able to hold it.
pub const MAX_STATE_BYTES: usize = 128 * 1024 * 1024;

/// Bytes of the largest action, which is a paste, as JSON.
pub const MAX_ACTION_BYTES: usize = 384 * 1024;

/// Instruments in a session: more than any studio has.
pub const MAX_INSTRUMENTS: usize = 2048;

/// Buses in the mixer: a large desk has half as many.
pub const MAX_BUSES: usize = 64;

/// Notes in a track: three hours at six notes a second.
pub const MAX_NOTES: usize = 65_536;

/// Notes in all tracks together, so that a full state keeps a size that can be
/// sent.
pub const MAX_NOTES_IN_ALL: usize = 262_144;

/// Notes that one action may paste: more than a screen of any size shows.
pub const MAX_PASTED: usize = 4096;

/// Clips of an instrument: more than a screen can list.
pub const MAX_CLIPS: usize = 256;

/// Clips of all instruments together.
pub const MAX_CLIPS_IN_ALL: usize = 8192;

/// Notes in all clips together, so that a full state keeps a size that can be
/// sent.
pub const MAX_CLIP_NOTES_IN_ALL: usize = 65_536;

/// Placements of the clips of an instrument: one a bar, for half an hour.
pub const MAX_PLACEMENTS: usize = 1024;

/// Placements of all instruments together.
pub const MAX_PLACEMENTS_IN_ALL: usize = 32_768;

/// Automation lanes in a session: two for every instrument of a large one.
pub const MAX_LANES: usize = 2048;

/// Points of a lane: one a beat, for over half an hour.
pub const MAX_POINTS: usize = 4096;

/// Points of all lanes together, so that a full state keeps a size that can be
/// sent.
pub const MAX_POINTS_IN_ALL: usize = 65_536;

/// Projects that are listed: the others are there all the same.
pub const MAX_PROJECTS: usize = 1024;

/// Checkpoints of a project.
pub const MAX_CHECKPOINTS: usize = 256;

/// Characters in a name: it must fit in the column of a mixer.
pub const MAX_NAME: usize = 64;

/// Effects in a chain: a rack is no higher.
pub const MAX_SLOTS: usize = 16;

/// Parameters of custom `SynthDef`s and plug-ins that are touched in one chain,
/// or in one source. The others are as the plug-in's saved state has them.
pub const MAX_TOUCHED: usize = 256;

/// Custom `SynthDef`s, and plug-ins, in the registry.
pub const MAX_DEFINITIONS: usize = 256;

/// Parameters of one custom `SynthDef` or plug-in: the largest synthesisers have
/// some hundreds that are of use on a stage.
pub const MAX_PARAMETERS: usize = 512;

/// Parameters in the whole registry.
pub const MAX_PARAMETERS_IN_ALL: usize = 8192;

/// Layer groups: a keyboard has fewer zones.
pub const MAX_LAYER_GROUPS: usize = 64;

/// Patterns of a drum kit.
pub const MAX_PATTERNS: usize = 64;

/// Patterns that follow one another in a chain.
pub const MAX_CHAINED: usize = 64;

/// Slices of a sample.
pub const MAX_SLICES: usize = 64;

/// Drum steps in a session, all patterns of all kits together.
pub const MAX_STEPS_IN_ALL: usize = 65_536;

/// Patterns in a session, those of all kits together.
pub const MAX_PATTERNS_IN_ALL: usize = 4096;

/// Drum steps that one action may paste: all of a pattern.
pub const MAX_STEPS_PASTED: usize = 16 * 128;

/// MIDI controllers that are mapped to something.
pub const MAX_MAPPINGS: usize = 256;

/// A limit as an error carries it.
pub(super) fn count(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}

/// Removes the entries that are `gone`, and leaves the others shared.
pub(super) fn remove<K, V>(map: &mut OrdMap<K, V>, gone: impl Fn(&K, &V) -> bool)
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

/// Checks that there are not more than `limit` of `what` (plural).
pub(super) fn at_most(there: usize, limit: usize, what: &'static str) -> Result<(), Invalid> {
    if there <= limit { Ok(()) } else { Err(Invalid::full(what, count(limit))) }
}

/// Reads a list of at most `MAX` elements.
pub(super) fn list<'de, const MAX: usize, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_seq(List::<MAX, T>(PhantomData))
}

struct List<const MAX: usize, T>(PhantomData<T>);

impl<'de, const MAX: usize, T: Deserialize<'de>> Visitor<'de> for List<MAX, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MAX} elements")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element()? {
            if list.len() == MAX {
                return Err(A::Error::custom(format_args!("more than {MAX} elements")));
            }
            list.push(element);
        }
        Ok(list)
    }
}

/// Reads a map of at most `MAX` entries, none of them twice.
pub(super) fn map<'de, const MAX: usize, K, V, D>(deserializer: D) -> Result<OrdMap<K, V>, D::Error>
where
    K: Deserialize<'de> + Ord + Clone,
    V: Deserialize<'de> + Clone,
    D: Deserializer<'de>,
{
    deserializer.deserialize_map(AtMost::<MAX, K, V>(PhantomData))
}

struct AtMost<const MAX: usize, K, V>(PhantomData<(K, V)>);

impl<'de, const MAX: usize, K, V> Visitor<'de> for AtMost<MAX, K, V>
where
    K: Deserialize<'de> + Ord + Clone,
    V: Deserialize<'de> + Clone,
{
    type Value = OrdMap<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a map of at most {MAX} entries")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        collect(MAX, entries.size_hint(), || entries.next_entry())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        collect(MAX, entries.size_hint(), || entries.next_element())
    }
}

/// How much room is made for what is announced: who says that much comes may be
/// wrong.
const ROOM: usize = 64;

/// A map of at most `max` entries, none of them twice, as `next` brings them.
pub(super) fn collect<K, V, E>(
    max: usize,
    announced: Option<usize>,
    mut next: impl FnMut() -> Result<Option<(K, V)>, E>,
) -> Result<OrdMap<K, V>, E>
where
    K: Ord + Clone,
    V: Clone,
    E: Error,
{
    let mut entries = Vec::with_capacity(announced.unwrap_or_default().min(ROOM));
    while let Some(entry) = next()? {
        if entries.len() == max {
            return Err(E::custom(format_args!("more than {max} entries")));
        }
        entries.push(entry);
    }
    OrdMap::from_unique(entries).map_err(E::custom)
}

/// Writes a map whose keys cannot be keys in JSON, as a list of pairs.
pub(super) fn write_pairs<K, V, S>(map: &OrdMap<K, V>, serializer: S) -> Result<S::Ok, S::Error>
where
    K: Serialize + Ord,
    V: Serialize,
    S: Serializer,
{
    serializer.collect_seq(map)
}

/// Reads a list of at most `MAX` pairs as a map, no key twice.
pub(super) fn pairs<'de, const MAX: usize, K, V, D>(
    deserializer: D,
) -> Result<OrdMap<K, V>, D::Error>
where
    K: Deserialize<'de> + Ord + Clone,
    V: Deserialize<'de> + Clone,
    D: Deserializer<'de>,
{
    deserializer.deserialize_seq(AtMost::<MAX, K, V>(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(transparent)]
    struct Two(#[serde(deserialize_with = "map::<2, _, _, _>")] OrdMap<u32, bool>);

    #[test]
    fn a_map_with_too_many_entries_or_a_repeated_key_is_refused() {
        assert!(serde_json::from_str::<Two>(r#"{"1":true,"2":true}"#).is_ok());
        assert!(serde_json::from_str::<Two>(r#"{"1":true,"2":true,"3":true}"#).is_err());
        assert!(serde_json::from_str::<Two>(r#"{"1":true,"1":false}"#).is_err());
    }
}
