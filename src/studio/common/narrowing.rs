//! Reduces maps to what differs between them, for the undo history.
//!
//! It knows maps, never what is in them.

use crate::util::ordmap::{DiffItem, OrdMap};

/// About how many bytes an entry that differs keeps alive if its neighbours are
/// shared: a leaf and its share of the branches, in both maps.
const ALONE: usize = 600;

/// About how many bytes an entry takes in a full map.
const IN_A_ROW: usize = 48;

/// Reduces both maps to the entries that differ, and passes each to `each`: the key,
/// the old and the new value.
pub(in crate::studio) fn narrow<K: Ord + Clone, V: Clone + PartialEq>(
    from: &mut OrdMap<K, V>,
    to: &mut OrdMap<K, V>,
    mut each: impl FnMut(&K, Option<&V>, Option<&V>),
) {
    let (mut old_entries, mut new_entries) = (Vec::new(), Vec::new());
    for difference in from.diff(to) {
        let (key, old, new) = match difference {
            DiffItem::Add(key, new) => (key, None, Some(new)),
            DiffItem::Remove(key, old) => (key, Some(old), None),
            DiffItem::Update { old: (key, old), new: (_, new) } => (key, Some(old), Some(new)),
        };
        each(key, old, new);
        old_entries.extend(old.map(|old| (key.clone(), old.clone())));
        new_entries.extend(new.map(|new| (key.clone(), new.clone())));
    }
    *from = old_entries.into_iter().collect();
    *to = new_entries.into_iter().collect();
}

/// About how many bytes two maps of small values do not share.
pub(in crate::studio) fn weight<K: Ord, V: PartialEq>(
    old: Option<&OrdMap<K, V>>,
    new: Option<&OrdMap<K, V>>,
) -> usize {
    let entries = old.map_or(0, OrdMap::len) + new.map_or(0, OrdMap::len);
    let differing = match (old, new) {
        (Some(old), Some(new)) => old.diff(new).count(),
        _ => entries,
    };
    (differing * ALONE).min(entries * IN_A_ROW)
}
