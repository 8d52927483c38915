//! The nodes of the tree: leaves hold the entries, branches hold nodes. All leaves
//! have the same depth.
//!
//! A node keeps its own keys in order; it never knows which maps share it.

use std::{mem, sync::Arc};

use arrayvec::ArrayVec;

/// The most entries in a leaf, and the most children of a branch. An edit copies
/// one node per level: wide nodes make fewer levels, but each copy costs more. Of
/// 6, 8, 12 and 16, 12 took the least time in total for a note and a knob among 64
/// and among 1,024 instruments.
const WIDTH: usize = 12;

type Items<T> = ArrayVec<T, WIDTH>;

/// A leaf or a branch, which several maps may share.
pub(super) struct Node<K, V>(Arc<Kind<K, V>>);

#[derive(Clone)]
pub(super) enum Kind<K, V> {
    /// Entries, in key order.
    Leaf(Items<(K, V)>),
    Branch(Branch<K, V>),
}

#[derive(Clone)]
pub(super) struct Branch<K, V> {
    /// The number of levels below this node.
    height: u8,
    /// The first key of each child.
    firsts: Items<K>,
    /// In key order.
    pub(super) children: Items<Node<K, V>>,
}

/// The result of an insertion into a node.
pub(super) enum Inserted<K, V> {
    /// The key existed; this is its previous value.
    Replaced(V),
    /// The node had room.
    Fitted,
    /// The node was split; this new node follows it.
    Split(Node<K, V>),
}

impl<K, V> Node<K, V> {
    fn new(kind: Kind<K, V>) -> Self {
        Self(Arc::new(kind))
    }

    pub(super) fn kind(&self) -> &Kind<K, V> {
        &self.0
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The number of levels below this node.
    pub(super) fn height(&self) -> u8 {
        match self.kind() {
            Kind::Leaf(_) => 0,
            Kind::Branch(branch) => branch.height,
        }
    }

    /// The number of entries or children.
    fn width(&self) -> usize {
        match self.kind() {
            Kind::Leaf(entries) => entries.len(),
            Kind::Branch(branch) => branch.children.len(),
        }
    }

    pub(super) fn last(&self) -> Option<(&K, &V)> {
        let mut node = self;
        loop {
            match node.kind() {
                Kind::Leaf(entries) => return entries.last().map(|(key, value)| (key, value)),
                Kind::Branch(branch) => node = branch.children.last()?,
            }
        }
    }
}

impl<K: Ord, V> Node<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        let entries = self.leaf_of(key);
        find(entries, key).ok().map(|at| &entries[at].1)
    }

    pub(super) fn at_or_before(&self, key: &K) -> Option<(&K, &V)> {
        let entries = self.leaf_of(key);
        let after = find(entries, key).map_or_else(|after| after, |at| at + 1);
        entries[..after].last().map(|(key, value)| (key, value))
    }

    /// The leaf that contains `key`, or would contain it.
    fn leaf_of(&self, key: &K) -> &[(K, V)] {
        let mut node = self;
        loop {
            match node.kind() {
                Kind::Leaf(entries) => return entries,
                Kind::Branch(branch) => node = &branch.children[branch.child_of(key)],
            }
        }
    }
}

impl<K: Ord + Clone, V: Clone> Node<K, V> {
    /// A tree of `entries`, which must be in key order; `None` if there are none.
    pub(super) fn of(entries: Vec<(K, V)>) -> Option<Self> {
        let mut level = group_evenly(entries, |entries| Self::new(Kind::Leaf(entries)));
        while level.len() > 1 {
            level = group_evenly(level, Self::above);
        }
        level.pop()
    }

    /// A branch of `children`, which must not be empty.
    fn above(children: Items<Self>) -> Self {
        let height = children[0].height() + 1;
        let firsts = children.iter().map(|child| child.first().clone()).collect();
        Self::new(Kind::Branch(Branch { height, firsts, children }))
    }

    fn first(&self) -> &K {
        match self.kind() {
            Kind::Leaf(entries) => &entries[0].0,
            Kind::Branch(branch) => &branch.firsts[0],
        }
    }

    /// The value at `key`. Shared nodes on the path are copied.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let mut node = self;
        loop {
            match Arc::make_mut(&mut node.0) {
                Kind::Leaf(entries) => {
                    return find(entries, key).ok().map(|at| &mut entries[at].1);
                }
                Kind::Branch(branch) => {
                    let at = branch.child_of(key);
                    node = &mut branch.children[at];
                }
            }
        }
    }

    pub(super) fn insert(&mut self, key: K, value: V) -> Inserted<K, V> {
        match Arc::make_mut(&mut self.0) {
            Kind::Leaf(entries) => match find(entries, &key) {
                Ok(at) => Inserted::Replaced(mem::replace(&mut entries[at].1, value)),
                Err(at) => match insert_or_split(entries, at, (key, value)) {
                    Some(right) => Inserted::Split(Self::new(Kind::Leaf(right))),
                    None => Inserted::Fitted,
                },
            },
            Kind::Branch(branch) => {
                let at = branch.child_of(&key);
                if key < branch.firsts[at] {
                    branch.firsts[at] = key.clone();
                }
                match branch.children[at].insert(key, value) {
                    Inserted::Split(right) => branch.insert_child(at + 1, right),
                    done => done,
                }
            }
        }
    }

    /// Turns this root, which was split, into a new root above itself and `right`.
    pub(super) fn grow(&mut self, right: Self) {
        *self = Self::above([self.clone(), right].into_iter().collect());
    }

    /// Removes the entry at `key`. The node may be empty afterwards.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        match Arc::make_mut(&mut self.0) {
            Kind::Leaf(entries) => find(entries, key).ok().map(|at| entries.remove(at).1),
            Kind::Branch(branch) => {
                let at = branch.child_of(key);
                let removed = branch.children[at].remove(key);
                branch.rebalance(at);
                removed
            }
        }
    }

    /// The root without levels that have only one child; `None` if it is empty.
    pub(super) fn shrunk(self) -> Option<Self> {
        let mut root = self;
        while let Kind::Branch(branch) = root.kind()
            && let [only] = &branch.children[..]
        {
            root = only.clone();
        }
        (root.width() > 0).then_some(root)
    }

    /// Appends the items of `right`, the next node of the same level. There must be
    /// room.
    fn append(&mut self, right: Self) {
        match (Arc::make_mut(&mut self.0), Arc::unwrap_or_clone(right.0)) {
            (Kind::Leaf(left), Kind::Leaf(right)) => left.extend(right),
            (Kind::Branch(left), Kind::Branch(right)) => {
                left.firsts.extend(right.firsts);
                left.children.extend(right.children);
            }
            _ => unreachable!("all nodes of a level are of one kind"),
        }
    }
}

/// The index of `key` in a leaf: `Err` holds the index at which it would be
/// inserted.
pub(super) fn find<K: Ord, V>(entries: &[(K, V)], key: &K) -> Result<usize, usize> {
    entries.binary_search_by(|(known, _)| known.cmp(key))
}

impl<K: Ord, V> Branch<K, V> {
    /// The index of the child that contains `key`, or would contain it.
    pub(super) fn child_of(&self, key: &K) -> usize {
        self.firsts.partition_point(|first| first <= key).saturating_sub(1)
    }
}

impl<K: Ord + Clone, V: Clone> Branch<K, V> {
    fn insert_child(&mut self, at: usize, child: Node<K, V>) -> Inserted<K, V> {
        let firsts = insert_or_split(&mut self.firsts, at, child.first().clone());
        let children = insert_or_split(&mut self.children, at, child);
        let right = firsts.zip(children).map(|(firsts, children)| {
            Node::new(Kind::Branch(Self { height: self.height, firsts, children }))
        });
        right.map_or(Inserted::Fitted, Inserted::Split)
    }

    /// Restores the invariants after a removal from the child at `at`: an empty child
    /// is removed, and a narrow one is merged with a neighbour if both fit in a node.
    fn rebalance(&mut self, at: usize) {
        let child = &self.children[at];
        let width = child.width();
        if width == 0 {
            self.remove_child(at);
            return;
        }
        if *child.first() != self.firsts[at] {
            self.firsts[at] = child.first().clone();
        }
        if width < WIDTH / 2 {
            let pairs = [Some(at), at.checked_sub(1)];
            let roomy = pairs.into_iter().flatten().find(|&left| self.fit_together(left));
            if let Some(left) = roomy {
                let right = self.remove_child(left + 1);
                self.children[left].append(right);
            }
        }
    }

    fn remove_child(&mut self, at: usize) -> Node<K, V> {
        self.firsts.remove(at);
        self.children.remove(at)
    }

    fn fit_together(&self, left: usize) -> bool {
        let pair = self.children.get(left..left + 2);
        pair.is_some_and(|pair| pair[0].width() + pair[1].width() <= WIDTH)
    }
}

// A derived implementation would require `K: Clone` and `V: Clone`.
impl<K, V> Clone for Node<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Inserts `item` at index `at`. If `items` is full, its second half is split off and
/// returned.
fn insert_or_split<T>(items: &mut Items<T>, at: usize, item: T) -> Option<Items<T>> {
    if !items.is_full() {
        items.insert(at, item);
        return None;
    }
    let mut right: Items<T> = items.drain(WIDTH / 2..).collect();
    if at <= items.len() {
        items.insert(at, item);
    } else {
        right.insert(at - items.len(), item);
    }
    Some(right)
}

/// Groups `items` into as few groups as possible, of nearly equal size.
fn group_evenly<T, G>(items: Vec<T>, mut group: impl FnMut(Items<T>) -> G) -> Vec<G> {
    let mut left = items.len();
    let mut items = items.into_iter();
    let groups = (1..=left.div_ceil(WIDTH)).rev().map(|groups| {
        let size = left.div_ceil(groups);
        left -= size;
        group(items.by_ref().take(size).collect())
    });
    groups.collect()
}
