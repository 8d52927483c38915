//! The nodes of the tree: leaves with the entries, branches above them. All
//! leaves are equally deep.

use std::{mem, sync::Arc};

use arrayvec::ArrayVec;

/// How many entries a leaf has at most, and how many children a branch. An edit
/// copies one node of each level: of wide ones there are fewer, but each costs
/// more. 12: of 6, 8, 12 and 16 the one with which a note and a knob among 64 and
/// among 1,024 took the least time all in all.
const WIDTH: usize = 12;

type Few<T> = ArrayVec<T, WIDTH>;

/// A leaf or a branch, which others may have as well.
pub(super) struct Node<K, V>(Arc<Kind<K, V>>);

#[derive(Clone)]
pub(super) enum Kind<K, V> {
    /// Entries, in the order of their keys.
    Leaf(Few<(K, V)>),
    Branch(Branch<K, V>),
}

#[derive(Clone)]
pub(super) struct Branch<K, V> {
    /// How many levels there are below.
    height: u8,
    /// The first key in each child.
    firsts: Few<K>,
    /// In the order of their keys.
    pub(super) children: Few<Node<K, V>>,
}

/// What came of putting in an entry.
pub(super) enum Inserted<K, V> {
    /// There was one of this key.
    Replaced(V),
    /// There was room.
    Fitted,
    /// There was not: this is what comes after the node now.
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

    /// How many levels there are below.
    pub(super) fn height(&self) -> u8 {
        match self.kind() {
            Kind::Leaf(_) => 0,
            Kind::Branch(branch) => branch.height,
        }
    }

    /// How many entries or children it has.
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

    /// The leaf in which the entry of this key is, or would be.
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
    /// The tree of these entries, which are in the order of their keys.
    pub(super) fn of(entries: Vec<(K, V)>) -> Option<Self> {
        let mut level = evenly(entries, |entries| Self::new(Kind::Leaf(entries)));
        while level.len() > 1 {
            level = evenly(level, Self::above);
        }
        level.pop()
    }

    /// A branch of these nodes, of which there is at least one.
    fn above(children: Few<Self>) -> Self {
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

    /// What is at `key`. The way there is copied if others have it as well.
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
                Err(at) => match put(entries, at, (key, value)) {
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
                    Inserted::Split(right) => branch.put(at + 1, right),
                    done => done,
                }
            }
        }
    }

    /// Becomes the root of what it was and `right`, into which it was split.
    pub(super) fn grow(&mut self, right: Self) {
        *self = Self::above([self.clone(), right].into_iter().collect());
    }

    /// Takes away what is at `key`. It may have nothing left then.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        match Arc::make_mut(&mut self.0) {
            Kind::Leaf(entries) => find(entries, key).ok().map(|at| entries.remove(at).1),
            Kind::Branch(branch) => {
                let at = branch.child_of(key);
                let removed = branch.children[at].remove(key);
                branch.tidy(at);
                removed
            }
        }
    }

    /// The root without levels that are of no use any more.
    pub(super) fn shrunk(self) -> Option<Self> {
        let mut root = self;
        while let Kind::Branch(branch) = root.kind()
            && let [only] = &branch.children[..]
        {
            root = only.clone();
        }
        (root.width() > 0).then_some(root)
    }

    /// Puts what comes after it behind what it has. There must be room.
    fn append(&mut self, right: Self) {
        match (Arc::make_mut(&mut self.0), Arc::unwrap_or_clone(right.0)) {
            (Kind::Leaf(left), Kind::Leaf(right)) => left.extend(right),
            (Kind::Branch(left), Kind::Branch(right)) => {
                left.firsts.extend(right.firsts);
                left.children.extend(right.children);
            }
            _ => unreachable!("nodes of one level are of one kind"),
        }
    }
}

/// Where in a leaf the entry of this key is, or would be.
pub(super) fn find<K: Ord, V>(entries: &[(K, V)], key: &K) -> Result<usize, usize> {
    entries.binary_search_by(|(known, _)| known.cmp(key))
}

impl<K: Ord, V> Branch<K, V> {
    /// The child in which the entry of this key is, or would be.
    pub(super) fn child_of(&self, key: &K) -> usize {
        self.firsts.partition_point(|first| first <= key).saturating_sub(1)
    }
}

impl<K: Ord + Clone, V: Clone> Branch<K, V> {
    fn put(&mut self, at: usize, child: Node<K, V>) -> Inserted<K, V> {
        let firsts = put(&mut self.firsts, at, child.first().clone());
        let children = put(&mut self.children, at, child);
        let right = firsts.zip(children).map(|(firsts, children)| {
            Node::new(Kind::Branch(Self { height: self.height, firsts, children }))
        });
        right.map_or(Inserted::Fitted, Inserted::Split)
    }

    /// Sees to the child out of which something was taken: it goes if it is empty,
    /// and is joined to a neighbour if it is narrow and there is room.
    fn tidy(&mut self, at: usize) {
        let child = &self.children[at];
        let width = child.width();
        if width == 0 {
            self.take(at);
            return;
        }
        if *child.first() != self.firsts[at] {
            self.firsts[at] = child.first().clone();
        }
        if width < WIDTH / 2 {
            let pairs = [Some(at), at.checked_sub(1)];
            let roomy = pairs.into_iter().flatten().find(|&left| self.fit_together(left));
            if let Some(left) = roomy {
                let right = self.take(left + 1);
                self.children[left].append(right);
            }
        }
    }

    fn take(&mut self, at: usize) -> Node<K, V> {
        self.firsts.remove(at);
        self.children.remove(at)
    }

    fn fit_together(&self, left: usize) -> bool {
        let pair = self.children.get(left..left + 2);
        pair.is_some_and(|pair| pair[0].width() + pair[1].width() <= WIDTH)
    }
}

// Derived, it would ask for more of the types than sharing takes.
impl<K, V> Clone for Node<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Puts `item` at its place. Where there is no room, the second half goes, and is
/// returned.
fn put<T>(items: &mut Few<T>, at: usize, item: T) -> Option<Few<T>> {
    if !items.is_full() {
        items.insert(at, item);
        return None;
    }
    let mut right: Few<T> = items.drain(WIDTH / 2..).collect();
    if at <= items.len() {
        items.insert(at, item);
    } else {
        right.insert(at - items.len(), item);
    }
    Some(right)
}

/// Groups of much the same size, as few as there can be.
fn evenly<T, G>(items: Vec<T>, mut group: impl FnMut(Few<T>) -> G) -> Vec<G> {
    let mut left = items.len();
    let mut items = items.into_iter();
    let groups = (1..=left.div_ceil(WIDTH)).rev().map(|groups| {
        let size = left.div_ceil(groups);
        left -= size;
        group(items.by_ref().take(size).collect())
    });
    groups.collect()
}
