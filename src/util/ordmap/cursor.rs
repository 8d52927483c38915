//! A walk through a tree, and one through two of them that skips what they
//! share.

use std::{cmp::Ordering, iter::FusedIterator, slice};

use arrayvec::ArrayVec;

use super::node::{Kind, Node, find};

/// How many branches there are above a leaf at most. Two nodes beside each other
/// have seven entries or children between them, so each level has three times the
/// nodes of the one above it: this many stand over more than memory holds.
const HEIGHT: usize = 24;

/// A place in a tree: before an entry, or between two nodes.
pub(super) struct Cursor<'a, K, V> {
    /// What comes after the leaf, the nearest last.
    above: ArrayVec<slice::Iter<'a, Node<K, V>>, HEIGHT>,
    /// What is left of the leaf that was entered.
    leaf: slice::Iter<'a, (K, V)>,
    /// The root, if it was not entered yet.
    root: Option<&'a Node<K, V>>,
}

impl<'a, K, V> Cursor<'a, K, V> {
    /// Before everything.
    pub(super) fn new(root: Option<&'a Node<K, V>>) -> Self {
        Self { above: ArrayVec::new(), leaf: [].iter(), root }
    }

    /// Before the first entry that is not before `key`.
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

    /// The next entry. To get there, nodes are entered.
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

    /// The node that comes next, of those that are not entered yet.
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

    /// Goes past that node.
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
    /// There was nothing at this key.
    Add(&'a K, &'a V),
    /// There was something else at this key.
    Update {
        /// The entry that was there.
        old: (&'a K, &'a V),
        /// The entry that is there now.
        new: (&'a K, &'a V),
    },
    /// There is nothing at this key any more.
    Remove(&'a K, &'a V),
}

/// The differences between two maps, in the order of their keys.
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

    /// Goes past the nodes that the two share, if both are between two nodes. Their
    /// roots are not the same.
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
            // Those below may be the same, and can be if they are equally high.
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
    /// The next value that differs, for as long as both have the same keys ahead
    /// of them in their leaves: most have.
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
