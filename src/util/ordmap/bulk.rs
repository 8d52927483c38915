//! Edits of many entries at once.

use super::{DiffItem, OrdMap};

/// How many times as many entries as edits a map must have for each edit to go to
/// its own place. Otherwise one ordered merge that builds all nodes anew is faster;
/// it shares none with the version before.
const SPARSE: usize = 8;

/// The result of a [`merge`](OrdMap::merge).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// How many values were changed.
    pub changed: usize,
    /// How many values stay because they were not as expected.
    pub kept: usize,
}

impl std::ops::AddAssign for Merged {
    fn add_assign(&mut self, other: Self) {
        self.changed += other.changed;
        self.kept += other.kept;
    }
}

impl<K: Ord + Clone, V: Clone> OrdMap<K, V> {
    /// Sets the value of each key, or removes its entry if there is none. The keys
    /// must be in ascending order. It takes time in proportion to the edits, not to
    /// their square.
    pub fn apply_sorted(&mut self, edits: Vec<(K, Option<V>)>) {
        debug_assert!(edits.is_sorted_by(|(a, _), (b, _)| a < b), "the keys must ascend");
        if edits.len() < self.len() / SPARSE {
            for (key, value) in edits {
                match value {
                    Some(value) => drop(self.insert(key, value)),
                    None => drop(self.remove(&key)),
                }
            }
            return;
        }
        let mut entries = Vec::with_capacity(self.len() + edits.len());
        let mut old = self.iter().peekable();
        for (key, value) in edits {
            while let Some((key, value)) = old.next_if(|(before, _)| **before < key) {
                entries.push((key.clone(), value.clone()));
            }
            old.next_if(|(same, _)| **same == key);
            entries.extend(value.map(|value| (key, value)));
        }
        entries.extend(old.map(|(key, value)| (key.clone(), value.clone())));
        *self = Self::from_sorted(entries);
    }
}

impl<K: Ord + Clone, V: Clone + PartialEq> OrdMap<K, V> {
    /// Makes the change that leads from `from` to `to`, except where a value is not
    /// as in `from`. A map that shares its root with `from` shares that of `to`
    /// afterwards.
    pub fn merge(&mut self, from: &Self, to: &Self) -> Merged {
        if self.ptr_eq(from) {
            self.clone_from(to);
            return Merged { changed: from.diff(to).count(), kept: 0 };
        }
        let mut kept = 0;
        let mut edits = Vec::new();
        for change in from.diff(to) {
            let (key, old, new) = match change {
                DiffItem::Add(key, new) => (key, None, Some(new)),
                DiffItem::Update { old: (key, old), new: (_, new) } => (key, Some(old), Some(new)),
                DiffItem::Remove(key, old) => (key, Some(old), None),
            };
            if self.get(key) == old {
                edits.push((key.clone(), new.cloned()));
            } else {
                kept += 1;
            }
        }
        let changed = edits.len();
        self.apply_sorted(edits);
        Merged { changed, kept }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{
        collection::{btree_map, vec},
        prelude::*,
    };

    use super::*;

    type Model = BTreeMap<u16, u8>;

    fn ordered(model: &Model) -> OrdMap<u16, u8> {
        model.iter().map(|(key, value)| (*key, *value)).collect()
    }

    fn assert_same(ours: &OrdMap<u16, u8>, model: &Model) {
        assert!(ours.iter().eq(model), "{ours:?} is not {model:?}");
        assert_eq!(ours.len(), model.len());
        assert!(model.iter().all(|(key, value)| ours.get(key) == Some(value)));
    }

    fn models() -> impl Strategy<Value = Model> {
        btree_map(0..300_u16, 0..3_u8, 0..200)
    }

    proptest! {
        #[test]
        fn sorted_edits_equal_single_edits(
            mut model in models(),
            edits in btree_map(0..300_u16, proptest::option::of(0..3_u8), 0..60),
        ) {
            let mut ours = ordered(&model);
            let before = ours.clone();
            let begun = model.clone();
            for (key, value) in &edits {
                match value {
                    Some(value) => drop(model.insert(*key, *value)),
                    None => drop(model.remove(key)),
                }
            }
            ours.apply_sorted(edits.into_iter().collect());
            assert_same(&ours, &model);
            assert_same(&before, &begun);
        }

        /// Each key by itself is the oracle.
        #[test]
        fn merge_equals_merging_each_key(
            from in models(),
            edits in vec((0..300_u16, proptest::option::of(0..3_u8)), 0..200),
            others in vec((0..300_u16, proptest::option::of(0..3_u8)), 0..20),
        ) {
            let edited = |model: &Model, edits: &[(u16, Option<u8>)]| {
                let (mut ours, mut model) = (ordered(model), model.clone());
                for (key, value) in edits {
                    match value {
                        Some(value) => drop((ours.insert(*key, *value), model.insert(*key, *value))),
                        None => drop((ours.remove(key), model.remove(key))),
                    }
                }
                (ours, model)
            };
            let (to, to_model) = edited(&from, &edits);
            let (mut state, mut model) = edited(&from, &others);
            let mut expected = Merged::default();
            for key in 0..300 {
                let (old, new) = (from.get(&key), to_model.get(&key));
                if old != new && model.get(&key) != old {
                    expected.kept += 1;
                } else if old != new {
                    expected.changed += 1;
                    match new {
                        Some(new) => drop(model.insert(key, *new)),
                        None => drop(model.remove(&key)),
                    }
                }
            }
            prop_assert_eq!(state.merge(&ordered(&from), &to), expected);
            assert_same(&state, &model);
        }
    }

    #[test]
    fn merge_into_the_same_map_shares_the_result() {
        let from = ordered(&(0..300).map(|key| (key, 0)).collect());
        let mut to = from.clone();
        to.insert(7, 1);
        let mut state = from.clone();
        assert_eq!(state.merge(&from, &to), Merged { changed: 1, kept: 0 });
        assert!(state.ptr_eq(&to));
    }
}
