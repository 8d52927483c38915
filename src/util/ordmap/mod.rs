//! An ordered map of which every version stays as it was.
//!
//! A clone shares everything with what it was made from; an edit copies the few
//! nodes on the way to what it touches; and two versions are compared without a
//! look at what they share. The snapshots of a session are made of such maps.
//!
//! It is a B+ tree of shared nodes. It knows nothing of what is kept in it.
//!
//! ```
//! use imbolc_net::util::ordmap::{DiffItem, OrdMap};
//!
//! let before: OrdMap<_, _> = (0..1_000).map(|n| (n, "rest")).collect();
//! let mut after = before.clone();
//! after.insert(440, "note");
//!
//! let item = DiffItem::Update { old: (&440, &"rest"), new: (&440, &"note") };
//! assert!(before.diff(&after).eq([item]));
//! ```

mod cursor;
mod node;

use std::{fmt, iter::FusedIterator, marker::PhantomData, ops::Index};

use cursor::Cursor;
pub use cursor::{Diff, DiffItem};
use node::{Inserted, Node};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, Visitor},
};

/// An ordered map. Cheap to clone.
pub struct OrdMap<K, V> {
    /// A node of the tree has at least one entry.
    root: Option<Node<K, V>>,
    len: usize,
}

/// A list in which one key comes twice is no map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the same key twice")]
pub struct Repeated;

impl<K, V> OrdMap<K, V> {
    /// A map without entries.
    #[must_use]
    pub const fn new() -> Self {
        Self { root: None, len: 0 }
    }

    /// How many entries there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the two share everything. They may be equal if they do not.
    #[must_use]
    pub fn ptr_eq(&self, other: &Self) -> bool {
        match (&self.root, &other.root) {
            (Some(ours), Some(theirs)) => ours.is_same(theirs),
            (None, None) => true,
            _ => false,
        }
    }

    /// All entries, in the order of their keys.
    #[must_use]
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter { cursor: Cursor::new(self.root.as_ref()), left: self.len }
    }

    /// All keys, in their order.
    #[must_use]
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// All values, in the order of their keys.
    #[must_use]
    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }
}

impl<K: Ord, V> OrdMap<K, V> {
    /// What is at `key`.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.root.as_ref()?.get(key)
    }

    /// The first entry.
    #[must_use]
    pub fn first(&self) -> Option<(&K, &V)> {
        self.iter().next()
    }

    /// The last entry.
    #[must_use]
    pub fn last(&self) -> Option<(&K, &V)> {
        self.root.as_ref()?.last()
    }

    /// The entries at `key` and after it, in the order of their keys.
    pub fn iter_from<'a>(
        &'a self,
        key: &K,
    ) -> impl Iterator<Item = (&'a K, &'a V)> + use<'a, K, V> {
        let mut cursor = Cursor::seek(self.root.as_ref(), key);
        std::iter::from_fn(move || cursor.next().map(|(key, value)| (key, value)))
    }

    /// The entry at `key`, or the last one before it.
    #[must_use]
    pub fn at_or_before(&self, key: &K) -> Option<(&K, &V)> {
        self.root.as_ref()?.at_or_before(key)
    }

    /// Whether there is something at `key`.
    #[must_use]
    pub fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// What leads from `self` to `other`, in the order of the keys. What the two
    /// share is not looked at.
    #[must_use]
    pub fn diff<'a>(&'a self, other: &'a Self) -> Diff<'a, K, V> {
        Diff::new(self.root.as_ref(), other.root.as_ref())
    }
}

impl<K: Ord + Clone, V: Clone> OrdMap<K, V> {
    /// A map with one entry.
    #[must_use]
    pub fn unit(key: K, value: V) -> Self {
        Self::from_sorted(vec![(key, value)])
    }

    /// What is at `key`, to be changed. The way there is copied if another version
    /// has it as well, even if there is nothing at its end.
    #[must_use]
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.root.as_mut()?.get_mut(key)
    }

    /// What is at `key`, to be changed. What was not there is made.
    pub fn get_or_default(&mut self, key: &K) -> &mut V
    where
        V: Default,
    {
        if !self.contains_key(key) {
            self.insert(key.clone(), V::default());
        }
        let root = self.root.as_mut().and_then(|root| root.get_mut(key));
        root.unwrap_or_else(|| unreachable!("it is there"))
    }

    /// Puts `value` at `key`, and returns what was there.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let Some(root) = &mut self.root else {
            *self = Self::unit(key, value);
            return None;
        };
        match root.insert(key, value) {
            Inserted::Replaced(old) => return Some(old),
            Inserted::Fitted => {}
            Inserted::Split(right) => root.grow(right),
        }
        self.len += 1;
        None
    }

    /// Takes away what is at `key`, and returns it.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        // Nothing is copied for what is not there.
        if !self.contains_key(key) {
            return None;
        }
        let removed = self.root.as_mut()?.remove(key)?;
        self.root = self.root.take().and_then(Node::shrunk);
        self.len -= 1;
        Some(removed)
    }

    /// The map of these entries, in any order.
    ///
    /// # Errors
    /// If a key comes twice.
    pub fn from_unique(mut entries: Vec<(K, V)>) -> Result<Self, Repeated> {
        if !is_sorted(&entries) {
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            if !is_sorted(&entries) {
                return Err(Repeated);
            }
        }
        Ok(Self::from_sorted(entries))
    }

    fn from_sorted(entries: Vec<(K, V)>) -> Self {
        Self { len: entries.len(), root: Node::of(entries) }
    }
}

/// Whether each key is greater than the one before.
fn is_sorted<K: Ord, V>(entries: &[(K, V)]) -> bool {
    entries.is_sorted_by(|(a, _), (b, _)| a < b)
}

impl<K, V> Clone for OrdMap<K, V> {
    fn clone(&self) -> Self {
        Self { root: self.root.clone(), len: self.len }
    }
}

impl<K, V> Default for OrdMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// As that of a `BTreeMap`.
///
/// # Panics
/// If there is nothing at the key.
impl<K: Ord, V> Index<&K> for OrdMap<K, V> {
    type Output = V;

    fn index(&self, key: &K) -> &V {
        self.get(key).unwrap_or_else(|| panic!("there is nothing at this key"))
    }
}

impl<K: Ord, V: PartialEq> PartialEq for OrdMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.diff(other).next().is_none()
    }
}

impl<K: Ord, V: Eq> Eq for OrdMap<K, V> {}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for OrdMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

/// Of entries with the same key, the last one stays.
impl<K: Ord + Clone, V: Clone> FromIterator<(K, V)> for OrdMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        if !is_sorted(&entries) {
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            entries.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                if same {
                    std::mem::swap(next, kept);
                }
                same
            });
        }
        Self::from_sorted(entries)
    }
}

impl<'a, K, V> IntoIterator for &'a OrdMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The entries of an [`OrdMap`], in the order of their keys.
pub struct Iter<'a, K, V> {
    cursor: Cursor<'a, K, V>,
    left: usize,
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value) = self.cursor.next()?;
        self.left -= 1;
        Some((key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<K, V> ExactSizeIterator for Iter<'_, K, V> {}
impl<K, V> FusedIterator for Iter<'_, K, V> {}

impl<K: Serialize, V: Serialize> Serialize for OrdMap<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

impl<'de, K, V> Deserialize<'de> for OrdMap<K, V>
where
    K: Deserialize<'de> + Ord + Clone,
    V: Deserialize<'de> + Clone,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

struct Entries<K, V>(PhantomData<(K, V)>);

impl<'de, K, V> Visitor<'de> for Entries<K, V>
where
    K: Deserialize<'de> + Ord + Clone,
    V: Deserialize<'de> + Clone,
{
    type Value = OrdMap<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        OrdMap::from_unique(entries).map_err(A::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        collections::{BTreeMap, BTreeSet},
    };

    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// What may be done to a map; keys come again often.
    #[derive(Clone, Debug)]
    enum Act {
        Insert(u16, u8),
        Change(u16, u8),
        Default(u16),
        Remove(u16),
        /// Makes room below, so that nodes are joined.
        RemoveFrom(u16, u16),
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let act = prop_oneof![
            6 => (0..400_u16, 0..3_u8).prop_map(|(key, value)| Act::Insert(key, value)),
            1 => (0..400_u16, 0..3_u8).prop_map(|(key, value)| Act::Change(key, value)),
            1 => (0..400_u16).prop_map(Act::Default),
            2 => (0..400_u16).prop_map(Act::Remove),
            1 => (0..400_u16, 0..60_u16).prop_map(|(key, count)| Act::RemoveFrom(key, count)),
        ];
        vec(act, 0..300)
    }

    fn carry_out(act: &Act, ours: &mut OrdMap<u16, u8>, model: &mut BTreeMap<u16, u8>) {
        match *act {
            Act::Insert(key, value) => {
                assert_eq!(ours.insert(key, value), model.insert(key, value));
            }
            Act::Change(key, value) => {
                let (ours, model) = (ours.get_mut(&key), model.get_mut(&key));
                assert_eq!(ours, model);
                if let (Some(ours), Some(model)) = (ours, model) {
                    (*ours, *model) = (value, value);
                }
            }
            Act::Default(key) => {
                assert_eq!(ours.get_or_default(&key), model.entry(key).or_default());
            }
            Act::Remove(key) => assert_eq!(ours.remove(&key), model.remove(&key)),
            Act::RemoveFrom(key, count) => {
                for key in key..key + count {
                    assert_eq!(ours.remove(&key), model.remove(&key));
                }
            }
        }
    }

    fn assert_same(ours: &OrdMap<u16, u8>, model: &BTreeMap<u16, u8>) {
        assert!(ours.iter().eq(model), "{ours:?} is not {model:?}");
        assert_eq!((ours.len(), ours.iter().len()), (model.len(), model.len()));
        assert_eq!(ours.is_empty(), model.is_empty());
        assert_eq!((ours.first(), ours.last()), (model.first_key_value(), model.last_key_value()));
        for key in (0..460).step_by(7) {
            assert_eq!(ours.get(&key), model.get(&key));
            assert!(ours.iter_from(&key).eq(model.range(key..)), "from {key}");
            assert_eq!(ours.at_or_before(&key), model.range(..=key).next_back());
        }
    }

    /// A key, what was there, and what is there.
    type Change = (u16, Option<u8>, Option<u8>);

    fn differences(old: &BTreeMap<u16, u8>, new: &BTreeMap<u16, u8>) -> Vec<Change> {
        let keys: BTreeSet<_> = old.keys().chain(new.keys()).copied().collect();
        let all = keys.into_iter().map(|key| (key, old.get(&key).copied(), new.get(&key).copied()));
        all.filter(|(_, old, new)| old != new).collect()
    }

    fn flat(item: DiffItem<'_, u16, u8>) -> Change {
        match item {
            DiffItem::Add(key, new) => (*key, None, Some(*new)),
            DiffItem::Update { old: (key, old), new: (_, new) } => (*key, Some(*old), Some(*new)),
            DiffItem::Remove(key, old) => (*key, Some(*old), None),
        }
    }

    proptest! {
        #[test]
        fn it_does_as_a_map_does_and_every_version_stays_as_it_was(
            begin in vec((0..400_u16, 0..3_u8), 0..300),
            acts in acts(),
        ) {
            let mut ours: OrdMap<_, _> = begin.iter().copied().collect();
            let mut model: BTreeMap<_, _> = begin.into_iter().collect();
            assert_same(&ours, &model);
            let mut versions = vec![(ours.clone(), model.clone())];
            for some in acts.chunks(40) {
                for act in some {
                    carry_out(act, &mut ours, &mut model);
                }
                versions.push((ours.clone(), model.clone()));
            }
            for (ours, model) in &versions {
                assert_same(ours, model);
                for (other, its) in &versions {
                    let diff: Vec<_> = ours.diff(other).map(flat).collect();
                    prop_assert_eq!(diff, differences(model, its));
                    prop_assert_eq!(ours == other, model == its);
                }
            }
        }
    }

    /// Counts how often one is compared.
    struct Counted<'a>(u32, &'a Cell<u32>);

    impl Clone for Counted<'_> {
        fn clone(&self) -> Self {
            Self(self.0, self.1)
        }
    }

    impl PartialEq for Counted<'_> {
        fn eq(&self, other: &Self) -> bool {
            self.1.set(self.1.get() + 1);
            self.0 == other.0
        }
    }

    #[test]
    fn what_two_share_is_not_looked_at() {
        let compared = Cell::new(0);
        let before: OrdMap<_, _> = (0..10_000).map(|n| (n, Counted(n, &compared))).collect();
        assert!(before.diff(&before.clone()).next().is_none());
        assert_eq!(compared.get(), 0);
        // Also where a node was split, or is gone, and all the others moved.
        let edits: [fn(&mut OrdMap<u32, Counted>); 3] = [
            |map| map.get_mut(&5_000).unwrap().0 = 1,
            |map| assert!(map.remove(&0).is_some()),
            |map| assert!((5_000..5_006).all(|key| map.remove(&key).is_some())),
        ];
        for edit in edits {
            let mut after = before.clone();
            edit(&mut after);
            compared.set(0);
            assert!((1..=6).contains(&before.diff(&after).count()));
            assert!(compared.get() < 50, "{} were compared", compared.get());
        }
    }

    #[test]
    fn a_root_that_grew_is_compared_as_well() {
        let compared = Cell::new(0);
        let mut before = OrdMap::new();
        for n in 0..100_000 {
            let mut after = before.clone();
            after.insert(n, Counted(n, &compared));
            compared.set(0);
            assert_eq!(before.diff(&after).count(), 1);
            assert!(compared.get() < 50, "{} were compared at {n}", compared.get());
            before = after;
        }
    }

    #[test]
    fn of_a_key_that_comes_twice_the_last_stays_or_it_is_no_map() {
        let twice = vec![(2, 'a'), (1, 'b'), (2, 'c')];
        let map: OrdMap<_, _> = twice.iter().copied().collect();
        assert!(map.iter().eq([(&1, &'b'), (&2, &'c')]));
        assert_eq!(OrdMap::from_unique(twice), Err(Repeated));
        assert!(serde_json::from_str::<OrdMap<u8, u8>>(r#"{"1":1,"1":2}"#).is_err());
        assert!(serde_json::from_str::<OrdMap<u8, u8>>(r#"{"2":1,"1":2}"#).is_ok());
    }
}
