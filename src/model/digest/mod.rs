//! The digest of a state: a number with which two sides detect that their states
//! differ, without sending them.
//!
//! Equal states have equal digests on every machine, whatever led to them. A digest
//! detects mistakes, not forgeries: it is not cryptographic.
//!
//! The digest of a state of many parts is a sum with one term per part. So the
//! digest of a new state follows from that of an old one at the cost of the
//! differences: a `DigestDelta` subtracts the old terms and adds the new ones.
//! Nothing here knows what a value means.

mod hasher;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use self::hasher::Hasher;
use crate::util::ordmap::{DiffItem, OrdMap};

/// The digest of a state.
///
/// In JSON it is a string of 16 hexadecimal digits, because many JSON parsers lose
/// precision in 64-bit numbers.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Digest(pub u64);

impl Digest {
    /// The digest of the [`Serialize`] representation of a whole value.
    ///
    /// The order of map entries does not matter, so equal `HashMap`s have equal
    /// digests. The order of sequence items does, so equal `HashSet`s may differ: do
    /// not use this function for a state that contains one.
    #[must_use]
    pub fn of(value: &impl Serialize) -> Self {
        let mut hasher = Hasher::default();
        hasher.add(value);
        Self(hasher.finish())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return u64::deserialize(deserializer).map(Self);
        }
        let digits = String::deserialize(deserializer)?;
        let fits = digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = if fits { u64::from_str_radix(&digits, 16).ok() } else { None };
        number.map(Self).ok_or_else(|| D::Error::custom("a digest is 16 hexadecimal digits"))
    }
}

/// Computes the digest of a state from that of another state. Each value
/// contributes the hash of its path and its content to a sum.
pub(crate) struct DigestDelta {
    sum: u64,
    /// The hash of the current path.
    path: Hasher,
}

impl DigestDelta {
    /// Starts from a state whose digest is `known`.
    pub(crate) fn from(known: Digest) -> Self {
        Self { sum: known.0, path: Hasher::default() }
    }

    /// The digest of the new state.
    pub(crate) const fn digest(&self) -> Digest {
        Digest(self.sum)
    }

    /// Calls `delta` with `step` appended to the current path.
    pub(crate) fn at(&mut self, step: impl Serialize, delta: impl FnOnce(&mut Self)) {
        let here = self.path;
        self.path.add(&step);
        delta(self);
        self.path = here;
    }

    /// Replaces the value at the current path. `None` means that there is no value.
    pub(crate) fn replace<T: Serialize + PartialEq>(&mut self, old: Option<T>, new: Option<T>) {
        if old != new {
            self.sum = self.sum.wrapping_sub(self.term(old)).wrapping_add(self.term(new));
        }
    }

    fn term(&self, value: Option<impl Serialize>) -> u64 {
        value.map_or(0, |value| {
            let mut hasher = self.path;
            hasher.add(&value);
            hasher.finish()
        })
    }

    /// Calls `delta` for each entry that differs between two maps, with the key
    /// appended to the path: with the old and the new value. `None` stands for an
    /// empty map.
    pub(crate) fn entries<K: Ord + Serialize, V: PartialEq>(
        &mut self,
        old: Option<&OrdMap<K, V>>,
        new: Option<&OrdMap<K, V>>,
        mut delta: impl FnMut(&mut Self, Option<&V>, Option<&V>),
    ) {
        let none = OrdMap::new();
        for item in old.unwrap_or(&none).diff(new.unwrap_or(&none)) {
            let (key, old, new) = match item {
                DiffItem::Add(key, new) => (key, None, Some(new)),
                DiffItem::Update { old: (key, old), new: (_, new) } => (key, Some(old), Some(new)),
                DiffItem::Remove(key, old) => (key, Some(old), None),
            };
            self.at(key, |here| delta(here, old, new));
        }
    }

    /// Replaces each entry that differs between two maps as a single value.
    pub(crate) fn map<K: Ord + Serialize, V: Serialize + PartialEq>(
        &mut self,
        old: Option<&OrdMap<K, V>>,
        new: Option<&OrdMap<K, V>>,
    ) {
        self.entries(old, new, |here, old, new| {
            here.replace(old, new);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use super::*;

    /// Fails on a platform, or in a version, that would disagree with others.
    #[test]
    fn digest_of_a_value_is_pinned() {
        let value = (-7_i8, "bass", Some(440.1_f32), [1.5_f64], BTreeMap::from([(1_u16, 'x')]));
        assert_eq!(Digest::of(&value).to_string(), "a674fffb0527c504");
    }

    #[test]
    fn digests_are_equal_exactly_for_equal_values() {
        assert_eq!(Digest::of(&0.0_f32), Digest::of(&-0.0_f32));
        let forward: HashMap<_, _> = (0..100).map(|n| (n, n * n)).collect();
        let backward: HashMap<_, _> = (0..100).rev().map(|n| (n, n * n)).collect();
        assert_eq!(Digest::of(&forward), Digest::of(&backward));

        // Values at the same path have the same type, so no types are mixed here.
        let lists: [&[&[u8]]; 6] =
            [&[], &[&[]], &[&[], &[]], &[&[1, 2]], &[&[1], &[2]], &[&[2, 1]]];
        assert_all_differ(&lists);
        assert_all_differ(&[(3, 4), (4, 3)].map(|(a, b)| BTreeMap::from([(1, a), (2, b)])));
        assert_all_differ(&["", "\0", "\0\0", "a", "ab", "eight by", "nine byte"]);
        assert_all_differ(&[None, Some(0), Some(1)]);
        assert_all_differ(&[Ok(0), Ok(1), Err(0), Err(1)]);
        assert_all_differ(&[0.0, 1.0, -1.0, f64::MIN_POSITIVE]);
    }

    fn assert_all_differ(values: &[impl Serialize + fmt::Debug]) {
        for (n, value) in values.iter().enumerate() {
            for other in &values[..n] {
                assert_ne!(Digest::of(value), Digest::of(other), "{value:?} and {other:?}");
            }
        }
    }

    #[test]
    fn digest_is_16_digits_in_json() {
        let json = "\"00000000000000ff\"";
        assert_eq!(serde_json::to_string(&Digest(255)).unwrap(), json);
        assert_eq!(serde_json::from_str::<Digest>(json).unwrap(), Digest(255));
        for wrong in ["\"ff\"", "\"+0000000000000ff\"", "255", "\"000000000000000g\""] {
            assert!(serde_json::from_str::<Digest>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn digest_delta_is_independent_of_the_path_taken() {
        let delta = |known, old: &OrdMap<u32, u32>, new: &OrdMap<u32, u32>| {
            let mut delta = DigestDelta::from(known);
            delta.at("numbers", |delta| delta.map(Some(old), Some(new)));
            delta.digest()
        };
        let empty = OrdMap::new();
        let few: OrdMap<u32, u32> = (0..10_u32).map(|n| (n, n)).collect();
        let many: OrdMap<u32, u32> = (5..1000_u32).map(|n| (n, n + n % 7)).collect();
        let direct = delta(Digest::default(), &empty, &many);
        let via_few = delta(delta(Digest::default(), &empty, &few), &few, &many);
        assert_eq!(direct, via_few);
        assert_eq!(delta(direct, &many, &empty), Digest::default());
    }
}
