//! Collections of many values, such as notes: undo merges each in one pass.
//!
//! It must not know what the values are, nor where a collection is.

use crate::{
    model::Invalid,
    util::ordmap::{DiffItem, Merged, OrdMap},
};

/// Values that an edit changes in large numbers. A clone must be cheap.
pub(in crate::studio) trait Collection: Clone + PartialEq {
    /// As [`OrdMap::merge`](crate::util::ordmap::OrdMap::merge).
    fn merge(&mut self, from: &Self, to: &Self) -> Merged;
}

/// The entries of both maps whose collections differ: the key, and the collection in
/// `from` and in `to`.
pub(in crate::studio) fn edited_collections<'a, K: Ord + Copy, V: PartialEq, C: Collection>(
    from: &'a OrdMap<K, V>,
    to: &'a OrdMap<K, V>,
    of: impl Fn(&V) -> &C + 'a,
) -> impl Iterator<Item = (K, C, C)> + 'a {
    from.diff(to).filter_map(move |change| match change {
        DiffItem::Update { old: (key, old), new: (_, new) } if of(old) != of(new) => {
            Some((*key, of(old).clone(), of(new).clone()))
        }
        _ => None,
    })
}

/// Merges the change of each collection in `edited`, from its old to its new value,
/// into `state`, and completes it in `from`. `edit` edits the collection at a place
/// of a state. If `state` has none there, all its values count as kept.
pub(in crate::studio) fn merge_each<S, P, C: Collection>(
    state: &mut S,
    from: &mut S,
    edited: Vec<(P, C, C)>,
    edit: impl Fn(&mut S, &P, &mut dyn FnMut(&mut C)) -> Result<(), Invalid>,
) -> Merged {
    let mut merged = Merged::default();
    for (place, old, new) in edited {
        if edit(state, &place, &mut |values| merged += values.merge(&old, &new)).is_err() {
            merged.kept += old.clone().merge(&old, &new).changed;
        }
        // It is there: it was edited.
        let _ = edit(from, &place, &mut |values| values.clone_from(&new));
    }
    merged
}
