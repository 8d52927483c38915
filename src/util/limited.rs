//! Lists, maps and texts whose length is limited while they are deserialized, before
//! memory is taken for more.

use std::{cell::Cell, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

use super::{
    ordmap::OrdMap,
    text::{printable, shortened},
};

/// Deserializes a list; fails at more than `MAX` elements.
pub(crate) fn bounded_list<'de, const MAX: usize, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_seq(BoundedList::<MAX, T>(PhantomData))
}

struct BoundedList<const MAX: usize, T>(PhantomData<T>);

impl<'de, const MAX: usize, T: Deserialize<'de>> Visitor<'de> for BoundedList<MAX, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MAX} elements")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element()? {
            if list.len() == MAX {
                return Err(A::Error::custom(format_args!("more than {MAX} elements")));
            }
            list.push(element);
        }
        Ok(list)
    }
}

/// Deserializes a map; fails at more than `MAX` entries or a repeated key.
pub(crate) fn bounded_map<'de, const MAX: usize, K, V, D>(
    deserializer: D,
) -> Result<OrdMap<K, V>, D::Error>
where
    K: Deserialize<'de> + Ord + Clone,
    V: Deserialize<'de> + Clone,
    D: Deserializer<'de>,
{
    deserializer.deserialize_map(AtMost::<MAX, K, V>(PhantomData))
}

struct AtMost<const MAX: usize, K, V>(PhantomData<(K, V)>);

impl<'de, const MAX: usize, K, V> Visitor<'de> for AtMost<MAX, K, V>
where
    K: Deserialize<'de> + Ord + Clone,
    V: Deserialize<'de> + Clone,
{
    type Value = OrdMap<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a map of at most {MAX} entries")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        bounded_entries(MAX, entries.size_hint(), || entries.next_entry())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        bounded_entries(MAX, entries.size_hint(), || entries.next_element())
    }
}

/// The most entries for which memory is reserved in advance. An announced
/// length is not trusted.
const ROOM: usize = 64;

/// Collects the entries from `next`; fails at more than `max` entries or a
/// repeated key.
pub(crate) fn bounded_entries<K, V, E>(
    max: usize,
    announced: Option<usize>,
    mut next: impl FnMut() -> Result<Option<(K, V)>, E>,
) -> Result<OrdMap<K, V>, E>
where
    K: Ord + Clone,
    V: Clone,
    E: Error,
{
    let mut entries = Vec::with_capacity(announced.unwrap_or_default().min(ROOM));
    while let Some(entry) = next()? {
        if entries.len() == max {
            return Err(E::custom(format_args!("more than {max} entries")));
        }
        entries.push(entry);
    }
    OrdMap::from_unique(entries).map_err(E::custom)
}

/// Deserializes a list of pairs; fails at more than `MAX` pairs or a repeated
/// key.
pub(crate) fn bounded_pairs<'de, const MAX: usize, K, V, D>(
    deserializer: D,
) -> Result<OrdMap<K, V>, D::Error>
where
    K: Deserialize<'de> + Ord + Clone,
    V: Deserialize<'de> + Clone,
    D: Deserializer<'de>,
{
    deserializer.deserialize_seq(AtMost::<MAX, K, V>(PhantomData))
}

/// Deserializes a text for people, [shortened] to `MAX` characters and made [printable]. A
/// host that behaves sends no other.
pub(crate) fn cut_text<'de, const MAX: usize, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: From<String>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_str(CutText::<MAX>).map(T::from)
}

struct CutText<const MAX: usize>;

impl<const MAX: usize> Visitor<'_> for CutText<MAX> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(printable(&shortened(text, MAX)).into_owned())
    }
}

/// Deserializes a value that may hold another of its type, but not deeper. A value in a
/// value, and so on, would exhaust the stack.
pub(crate) fn unnested<'de, T, D>(deserializer: D) -> Result<Box<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    thread_local! {
        static INSIDE: Cell<bool> = const { Cell::new(false) };
    }
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            INSIDE.set(false);
        }
    }
    if INSIDE.replace(true) {
        return Err(D::Error::custom("it is nested too deeply"));
    }
    let _leave = Leave;
    Box::deserialize(deserializer)
}
