//! Iteration over one tree, and the comparison of two trees that skips their shared
//! nodes.
//!
//! Everything here only reads.

use std::{cmp::Ordering, fmt, iter::FusedIterator, slice};

use arrayvec::ArrayVec;

use super::node::{Kind, Node, find};

/// The most branches above a leaf. Two adjacent nodes have at least seven entries or
/// children in total, so each level has about three times the nodes of the level
/// above it: a tree of this height would not fit in memory.
const HEIGHT: usize = 24;

/// A position in a tree: before an entry, or between two nodes.
pub(super) struct Cursor<'a, K, V> {
    /// The nodes that follow the leaf, one iterator per level, the lowest level last.
    above: ArrayVec<slice::Iter<'a, Node<K, V>>, HEIGHT>,
    /// The remaining entries of the current leaf.
    leaf: slice::Iter<'a, (K, V)>,
    /// The root, until it is entered.
    root: Option<&'a Node<K, V>>,
}

impl<'a, K, V> Cursor<'a, K, V> {
    /// A cursor before the first entry.
    pub(super) fn new(root: Option<&'a Node<K, V>>) -> Self {
        Self { above: ArrayVec::new(), leaf: [].iter(), root }
    }

    /// A cursor before the first entry whose key is `key` or greater.
    pub(super) fn seek(root: Option<&'a Node<K, V>>, key: &K) -> Self
    where
        K: Ord,
    {
        let mut cursor = Self::new(None);
        let mut next = root;
        while let Some(node) = next.take() {
            match node.kind() {
                Kind::Leaf(entries) => {
                    let at = find(entries, key).unwrap_or_else(|at| at);
                    cursor.leaf = entries[at..].iter();
                }
                Kind::Branch(branch) => {
                    let mut children = branch.children[branch.child_of(key)..].iter();
                    next = children.next();
                    cursor.above.push(children);
                }
            }
        }
        cursor
    }

    pub(super) fn next(&mut self) -> Option<&'a (K, V)> {
        self.peek()?;
        self.leaf.next()
    }

    /// The next entry, without moving past it. Enters nodes as needed.
    fn peek(&mut self) -> Option<&'a (K, V)> {
        loop {
            if let Some(entry) = self.leaf.as_slice().first() {
                return Some(entry);
            }
            let node = self.take_node()?;
            self.enter(node);
        }
    }

    fn is_in_leaf(&self) -> bool {
        !self.leaf.as_slice().is_empty()
    }

    /// The next node that is not entered yet.
    fn node(&mut self) -> Option<&'a Node<K, V>> {
        if self.root.is_some() {
            return self.root;
        }
        loop {
            match self.above.last()?.as_slice().first() {
                Some(node) => return Some(node),
                None => self.above.pop(),
            };
        }
    }

    /// Moves past the next node, and returns it.
    fn take_node(&mut self) -> Option<&'a Node<K, V>> {
        let node = self.node()?;
        if self.root.take().is_none()
            && let Some(children) = self.above.last_mut()
        {
            children.next();
        }
        Some(node)
    }

    fn enter(&mut self, node: &'a Node<K, V>) {
        match node.kind() {
            Kind::Leaf(entries) => self.leaf = entries.iter(),
            Kind::Branch(branch) => self.above.push(branch.children.iter()),
        }
    }
}

/// A difference between two maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiffItem<'a, K, V> {
    /// The key is new.
    Add(&'a K, &'a V),
    /// The value at the key changed.
    Update {
        /// The old entry.
        old: (&'a K, &'a V),
        /// The new entry.
        new: (&'a K, &'a V),
    },
    /// The key is gone; this was its value.
    Remove(&'a K, &'a V),
}

/// The differences between two maps, in key order.
pub struct Diff<'a, K, V> {
    old: Cursor<'a, K, V>,
    new: Cursor<'a, K, V>,
}

impl<'a, K, V> Diff<'a, K, V> {
    pub(super) fn new(old: Option<&'a Node<K, V>>, new: Option<&'a Node<K, V>>) -> Self {
        let same = old.zip(new).is_some_and(|(old, new)| old.is_same(new));
        let [old, new] = if same { [None; 2] } else { [old, new] };
        Self { old: Cursor::new(old), new: Cursor::new(new) }
    }

    /// Moves both cursors past shared nodes, if both are between two nodes. The roots
    /// must differ.
    fn skip_shared(&mut self) {
        let Self { old, new } = self;
        while !old.is_in_leaf() && !new.is_in_leaf() {
            if let (Some(left), Some(right)) = (old.above.last_mut(), new.above.last_mut()) {
                let pairs = left.as_slice().iter().zip(right.as_slice());
                let same = pairs.take_while(|(left, right)| left.is_same(right)).count();
                *left = left.as_slice()[same..].iter();
                *right = right.as_slice()[same..].iter();
            }
            let (Some(left), Some(right)) = (old.node(), new.node()) else { return };
            // Only nodes of equal height can be shared: enter the higher one, or both.
            let higher = left.height().cmp(&right.height());
            if higher.is_ge() {
                old.take_node();
                old.enter(left);
            }
            if higher.is_le() {
                new.take_node();
                new.enter(right);
            }
        }
    }
}

impl<'a, K: Ord, V: PartialEq> Diff<'a, K, V> {
    /// The next changed value, as long as both leaves continue with the same keys,
    /// which is the common case.
    fn next_update(&mut self) -> Option<DiffItem<'a, K, V>> {
        let Self { old: Cursor { leaf: left, .. }, new: Cursor { leaf: right, .. } } = self;
        let (before, after) = (left.as_slice(), right.as_slice());
        let same = before.iter().zip(after).take_while(|(old, new)| old == new).count();
        (*left, *right) = (before[same..].iter(), after[same..].iter());
        let ((at, old), (key, new)) = (before.get(same)?, after.get(same)?);
        (at == key).then(|| {
            left.next();
            right.next();
            DiffItem::Update { old: (at, old), new: (key, new) }
        })
    }
}

impl<K, V> fmt::Debug for Diff<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Diff").finish_non_exhaustive()
    }
}

impl<'a, K: Ord, V: PartialEq> Iterator for Diff<'a, K, V> {
    type Item = DiffItem<'a, K, V>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(update) = self.next_update() {
                return Some(update);
            }
            self.skip_shared();
            let Self { old, new } = self;
            let order = match (old.peek(), new.peek()) {
                (Some((left, _)), Some((right, _))) => left.cmp(right),
                (Some(_), None) => Ordering::Less,
                (None, _) => Ordering::Greater,
            };
            match order {
                Ordering::Less => return old.next().map(|(key, old)| DiffItem::Remove(key, old)),
                Ordering::Equal => {}
                Ordering::Greater => return new.next().map(|(key, new)| DiffItem::Add(key, new)),
            }
        }
    }
}

impl<K: Ord, V: PartialEq> FusedIterator for Diff<'_, K, V> {}
