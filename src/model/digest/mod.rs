//! A digest of a state: a number by which two sides can tell that what they
//! have is not the same, without sending it.
//!
//! It finds mistakes, not forgeries. It is the same on every machine, for equal
//! states however they came about.
//!
//! A state of many parts is digested as a sum with a term for each thing in it,
//! so that the digest of one state follows from that of another at the cost of
//! what differs: a `DigestDelta` takes the old term away and adds the new one. Only
//! what is digested is known here, never what it means.

mod hasher;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use self::hasher::Hasher;
use crate::util::ordmap::{DiffItem, OrdMap};

/// The digest of a state.
///
/// Written as 16 hexadecimal digits in text: a number of 64 bits is more than many
/// readers of JSON can hold.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Digest(pub u64);

impl Digest {
    /// The digest of a value as a whole: of what [`Serialize`] tells of it.
    ///
    /// The entries of a map count in any order, so a `HashMap` has the digest of
    /// an equal one. The items of a list count in theirs, so what holds a
    /// `HashSet` needs another way.
    #[must_use]
    pub fn of(value: &impl Serialize) -> Self {
        let mut hasher = Hasher::default();
        hasher.take(value);
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

/// A digest on its way from one state to another: a sum, to which each thing
/// that is there adds the hash of where it is and what it is.
pub(crate) struct DigestDelta {
    sum: u64,
    /// Where what comes next is.
    path: Hasher,
}

impl DigestDelta {
    /// Starts from a state of this digest.
    pub(crate) fn from(known: Digest) -> Self {
        Self { sum: known.0, path: Hasher::default() }
    }

    /// The digest of the state that was arrived at.
    pub(crate) const fn digest(&self) -> Digest {
        Digest(self.sum)
    }

    /// What `delta` counts is at `place`, seen from here.
    pub(crate) fn at(&mut self, place: impl Serialize, delta: impl FnOnce(&mut Self)) {
        let here = self.path;
        self.path.take(&place);
        delta(self);
        self.path = here;
    }

    /// What is here now, and what was.
    pub(crate) fn replace<T: Serialize + PartialEq>(&mut self, old: Option<T>, new: Option<T>) {
        if old != new {
            self.sum = self.sum.wrapping_sub(self.term(old)).wrapping_add(self.term(new));
        }
    }

    fn term(&self, thing: Option<impl Serialize>) -> u64 {
        thing.map_or(0, |thing| {
            let mut hasher = self.path;
            hasher.take(&thing);
            hasher.finish()
        })
    }

    /// Hands each entry of two maps that differs to `delta`, at its key: what it
    /// was, and what it is. No map is an empty one.
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

    /// Each entry of two maps that differs, as a whole.
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

    /// So that a machine of another kind, or a later version, notices that it
    /// would not agree with this one.
    #[test]
    fn a_digest_is_the_same_everywhere() {
        let value = (-7_i8, "bass", Some(440.1_f32), [1.5_f64], BTreeMap::from([(1_u16, 'x')]));
        assert_eq!(Digest::of(&value).to_string(), "a674fffb0527c504");
    }

    #[test]
    fn what_is_equal_has_one_digest_and_what_differs_another() {
        assert_eq!(Digest::of(&0.0_f32), Digest::of(&-0.0_f32));
        let forward: HashMap<_, _> = (0..100).map(|n| (n, n * n)).collect();
        let backward: HashMap<_, _> = (0..100).rev().map(|n| (n, n * n)).collect();
        assert_eq!(Digest::of(&forward), Digest::of(&backward));

        // What stands in one place is of one type.
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
    fn a_digest_is_written_as_16_digits() {
        let json = "\"00000000000000ff\"";
        assert_eq!(serde_json::to_string(&Digest(255)).unwrap(), json);
        assert_eq!(serde_json::from_str::<Digest>(json).unwrap(), Digest(255));
        for wrong in ["\"ff\"", "\"+0000000000000ff\"", "255", "\"000000000000000g\""] {
            assert!(serde_json::from_str::<Digest>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_tally_arrives_at_one_sum_by_every_way() {
        let delta = |known, old: &OrdMap<u32, u32>, new: &OrdMap<u32, u32>| {
            let mut delta = DigestDelta::from(known);
            delta.at("numbers", |delta| delta.map(Some(old), Some(new)));
            delta.digest()
        };
        let empty = OrdMap::new();
        let few: OrdMap<u32, u32> = (0..10_u32).map(|n| (n, n)).collect();
        let many: OrdMap<u32, u32> = (5..1000_u32).map(|n| (n, n + n % 7)).collect();
        let direct = delta(Digest::default(), &empty, &many);
        let by_way_of_few = delta(delta(Digest::default(), &empty, &few), &few, &many);
        assert_eq!(direct, by_way_of_few);
        assert_eq!(delta(direct, &many, &empty), Digest::default());
    }
}
