//! A persistent ordered map: a B+ tree of shared nodes, of which the snapshots of
//! a session are made.
//!
//! A clone shares all nodes with its original. An edit copies only the nodes on
//! the path to the entry. A comparison of two versions skips the nodes that they
//! share. The map knows nothing of the keys and values except their order and
//! equality.
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

mod bulk;
mod cursor;
mod node;

use std::{fmt, iter::FusedIterator, marker::PhantomData, ops::Index};

pub use bulk::Merged;
use cursor::Cursor;
pub use cursor::{Diff, DiffItem};
use node::{Inserted, Node};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, Visitor},
};

/// A persistent ordered map. A clone costs one reference count.
pub struct OrdMap<K, V> {
    /// `None` if the map is empty: every node has at least one entry.
    root: Option<Node<K, V>>,
    len: usize,
}

/// A list of entries contains a key twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("the same key twice")]
pub struct Repeated;

impl<K, V> OrdMap<K, V> {
    /// An empty map.
    #[must_use]
    pub const fn new() -> Self {
        Self { root: None, len: 0 }
    }

    /// The number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether the map has no entries.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the two maps share their root. If so they are equal; if not, they may
    /// still be.
    #[must_use]
    pub fn ptr_eq(&self, other: &Self) -> bool {
        match (&self.root, &other.root) {
            (Some(ours), Some(theirs)) => ours.is_same(theirs),
            (None, None) => true,
            _ => false,
        }
    }

    /// All entries, in key order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter { cursor: Cursor::new(self.root.as_ref()), left: self.len }
    }

    /// All keys, in order.
    #[must_use]
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// All values, in key order.
    #[must_use]
    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }
}

impl<K: Ord, V> OrdMap<K, V> {
    /// The value at `key`.
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

    /// The entries from `key` on, in key order.
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

    /// Whether the map has an entry at `key`.
    #[must_use]
    pub fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// The changes that lead from `self` to `other`, in key order. Shared nodes are
    /// skipped, so the cost depends on the differences and not on the size.
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

    /// The value at `key`, mutably. Nodes on the path that other versions share are
    /// copied, even if there is no entry at `key`.
    #[must_use]
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.root.as_mut()?.get_mut(key)
    }

    /// The value at `key`, mutably. A missing entry is inserted with its default.
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

    /// Sets the value at `key`, and returns the previous one.
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

    /// Removes the entry at `key`, and returns its value.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        // A missing key must not cause nodes to be copied.
        if !self.contains_key(key) {
            return None;
        }
        let removed = self.root.as_mut()?.remove(key)?;
        self.root = self.root.take().and_then(Node::shrunk);
        self.len -= 1;
        Some(removed)
    }

    /// A map of `entries`, which may be in any order.
    ///
    /// # Errors
    /// If two entries have the same key.
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

/// Whether the keys are strictly ascending.
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

/// # Panics
/// If the map has no entry at the key, as `BTreeMap` does.
impl<K: Ord, V> Index<&K> for OrdMap<K, V> {
    type Output = V;

    fn index(&self, key: &K) -> &V {
        self.get(key).unwrap_or_else(|| panic!("no entry at this key"))
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

/// If several entries have the same key, the last one is kept.
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

/// The entries of an [`OrdMap`], in key order.
pub struct Iter<'a, K, V> {
    cursor: Cursor<'a, K, V>,
    left: usize,
}

impl<K, V> fmt::Debug for Iter<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter").field("left", &self.left).finish_non_exhaustive()
    }
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
        deserializer.deserialize_map(MapVisitor(PhantomData))
    }
}

struct MapVisitor<K, V>(PhantomData<(K, V)>);

impl<'de, K, V> Visitor<'de> for MapVisitor<K, V>
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

    /// An edit of a map. The key range is small, so keys repeat often.
    #[derive(Clone, Debug)]
    enum Edit {
        Insert(u16, u8),
        Change(u16, u8),
        Default(u16),
        Remove(u16),
        /// Removes a run of keys, so that nodes are merged.
        RemoveFrom(u16, u16),
    }

    fn edits() -> impl Strategy<Value = Vec<Edit>> {
        let edit = prop_oneof![
            6 => (0..400_u16, 0..3_u8).prop_map(|(key, value)| Edit::Insert(key, value)),
            1 => (0..400_u16, 0..3_u8).prop_map(|(key, value)| Edit::Change(key, value)),
            1 => (0..400_u16).prop_map(Edit::Default),
            2 => (0..400_u16).prop_map(Edit::Remove),
            1 => (0..400_u16, 0..60_u16).prop_map(|(key, count)| Edit::RemoveFrom(key, count)),
        ];
        vec(edit, 0..300)
    }

    fn perform(edit: &Edit, ours: &mut OrdMap<u16, u8>, model: &mut BTreeMap<u16, u8>) {
        match *edit {
            Edit::Insert(key, value) => {
                assert_eq!(ours.insert(key, value), model.insert(key, value));
            }
            Edit::Change(key, value) => {
                let (ours, model) = (ours.get_mut(&key), model.get_mut(&key));
                assert_eq!(ours, model);
                if let (Some(ours), Some(model)) = (ours, model) {
                    (*ours, *model) = (value, value);
                }
            }
            Edit::Default(key) => {
                assert_eq!(ours.get_or_default(&key), model.entry(key).or_default());
            }
            Edit::Remove(key) => assert_eq!(ours.remove(&key), model.remove(&key)),
            Edit::RemoveFrom(key, count) => {
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

    /// A key, its old value, and its new value.
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
        fn ordmap_behaves_as_btreemap_and_versions_are_immutable(
            begin in vec((0..400_u16, 0..3_u8), 0..300),
            edits in edits(),
        ) {
            let mut ours: OrdMap<_, _> = begin.iter().copied().collect();
            let mut model: BTreeMap<_, _> = begin.into_iter().collect();
            assert_same(&ours, &model);
            let mut versions = vec![(ours.clone(), model.clone())];
            for chunk in edits.chunks(40) {
                for edit in chunk {
                    perform(edit, &mut ours, &mut model);
                }
                versions.push((ours.clone(), model.clone()));
            }
            for (ours, model) in &versions {
                assert_same(ours, model);
                for (other, other_model) in &versions {
                    let diff: Vec<_> = ours.diff(other).map(flat).collect();
                    prop_assert_eq!(diff, differences(model, other_model));
                    prop_assert_eq!(ours == other, model == other_model);
                }
            }
        }
    }

    /// A value that counts its comparisons.
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
    fn diff_skips_shared_nodes() {
        let compared = Cell::new(0);
        let before: OrdMap<_, _> = (0..10_000).map(|n| (n, Counted(n, &compared))).collect();
        assert!(before.diff(&before.clone()).next().is_none());
        assert_eq!(compared.get(), 0);
        // Also if a node was merged or removed, which moves its siblings.
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
            assert!(compared.get() < 50, "{} comparisons", compared.get());
        }
    }

    #[test]
    fn diff_skips_shared_nodes_below_a_new_root() {
        let compared = Cell::new(0);
        let mut before = OrdMap::new();
        for n in 0..100_000 {
            let mut after = before.clone();
            after.insert(n, Counted(n, &compared));
            compared.set(0);
            assert_eq!(before.diff(&after).count(), 1);
            assert!(compared.get() < 50, "{} comparisons at {n}", compared.get());
            before = after;
        }
    }

    #[test]
    fn duplicate_keys_are_rejected_or_the_last_is_kept() {
        let twice = vec![(2, 'a'), (1, 'b'), (2, 'c')];
        let map: OrdMap<_, _> = twice.iter().copied().collect();
        assert!(map.iter().eq([(&1, &'b'), (&2, &'c')]));
        assert_eq!(OrdMap::from_unique(twice), Err(Repeated));
        assert!(serde_json::from_str::<OrdMap<u8, u8>>(r#"{"1":1,"1":2}"#).is_err());
        assert!(serde_json::from_str::<OrdMap<u8, u8>>(r#"{"2":1,"1":2}"#).is_ok());
    }
}
