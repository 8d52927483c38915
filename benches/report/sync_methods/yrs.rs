//! A `yrs` document of shared maps and arrays, and its updates. Items that are edited
//! as a whole, such as notes, are single values.

use std::{collections::HashMap, sync::Arc};

use ::yrs::{
    Any, Array, ArrayPrelim, ArrayRef, Doc, In, Map, MapPrelim, MapRef, Out, ReadTxn, StateVector,
    Transact, TransactionMut, Update, updates::decoder::Decode,
};
use serde_json::Value;

use super::{
    SyncMethod,
    document_edit::{Change, DocumentEdit, Place},
};

const ROOT: &str = "studio";

/// Edits after which the documents are recreated, because they keep deleted
/// items.
const LIFE: u32 = 2000;

/// A client id of 53 bits, as `yrs` generates.
const WRITERS: [u64; 3] = [1 << 52, (1 << 52) + 1, (1 << 52) + 2];

/// The encoded document of `value`.
pub fn to_update(value: &Value) -> Vec<u8> {
    let doc = Doc::with_client_id(WRITERS[0]);
    let root = doc.get_or_insert_map(ROOT);
    let mut txn = doc.transact_mut();
    for (key, value) in value.as_object().unwrap() {
        root.insert(&mut txn, key.as_str(), shared(value));
    }
    drop(txn);
    doc.transact().encode_state_as_update_v1(&StateVector::default())
}

/// Maps and lists that are edited inside are shared types; list elements with
/// only plain values are single values.
fn shared(value: &Value) -> In {
    match value {
        Value::Object(map) => {
            let entries = map.iter().map(|(key, value)| (key.as_str(), shared(value)));
            In::Map(MapPrelim::from_iter(entries))
        }
        Value::Array(list) => In::Array(ArrayPrelim::from_iter(list.iter().map(|value| {
            let is_flat = value.as_object().is_some_and(|map| map.values().all(is_scalar));
            if is_flat { In::Any(any(value)) } else { shared(value) }
        }))),
        _ => In::Any(any(value)),
    }
}

fn is_scalar(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}

fn any(value: &Value) -> Any {
    match value {
        Value::Null => Any::Null,
        Value::Bool(value) => Any::Bool(*value),
        Value::Number(number) => {
            number.as_i64().map_or_else(|| Any::from(number.as_f64().unwrap()), Any::from)
        }
        Value::String(text) => Any::from(text.as_str()),
        Value::Array(list) => Any::Array(list.iter().map(any).collect()),
        Value::Object(map) => {
            let entries = map.iter().map(|(key, value)| (key.clone(), any(value)));
            Any::Map(Arc::new(entries.collect::<HashMap<_, _>>()))
        }
    }
}

pub struct Yrs<'a> {
    stored: &'a [u8],
    spot: DocumentEdit,
    new: Any,
    here: Copy,
    there: Copy,
    message: Vec<u8>,
    edits: u32,
}

struct Copy {
    doc: Doc,
    holder: Holder,
}

#[derive(Clone)]
enum Holder {
    Map(MapRef, String),
    List(ArrayRef, u32),
}

impl<'a> Yrs<'a> {
    pub fn new(stored: &'a [u8], spot: DocumentEdit) -> Self {
        let [here, there] = copies(stored, &spot);
        let new = any(spot.new_value());
        Self { stored, spot, new, here, there, message: Vec::new(), edits: 0 }
    }
}

fn copies(stored: &[u8], spot: &DocumentEdit) -> [Copy; 2] {
    [WRITERS[1], WRITERS[2]].map(|writer| Copy::load(writer, stored, spot))
}

impl Copy {
    fn load(writer: u64, stored: &[u8], spot: &DocumentEdit) -> Self {
        let doc = Doc::with_client_id(writer);
        let root = doc.get_or_insert_map(ROOT);
        doc.transact_mut().apply_update(Update::decode_v1(stored).unwrap()).unwrap();
        let holder = edited_branch(&doc.transact(), Out::YMap(root), spot);
        Self { doc, holder }
    }
}

/// References that an application would keep.
fn edited_branch(txn: &impl ReadTxn, root: Out, spot: &DocumentEdit) -> Holder {
    let holder = spot.holder.iter().fold(root, |holder, place| {
        let inner = match (&holder, place) {
            (Out::YMap(map), Place::Key(key)) => map.get(txn, key),
            (Out::YArray(list), Place::Index(index)) => {
                list.get(txn, u32::try_from(*index).unwrap())
            }
            _ => None,
        };
        inner.expect("the document has another form")
    });
    match (holder, &spot.place) {
        (Out::YMap(map), Place::Key(key)) => Holder::Map(map, key.clone()),
        (Out::YArray(list), Place::Index(index)) => {
            Holder::List(list, u32::try_from(*index).unwrap())
        }
        _ => unreachable!("the document has another form"),
    }
}

impl Holder {
    fn put(&self, txn: &mut TransactionMut<'_>, value: Any) {
        match self {
            Self::Map(map, key) => drop(map.insert(txn, key.as_str(), value)),
            Self::List(list, index) => drop(list.insert(txn, *index, value)),
        }
    }

    fn get(&self, txn: &impl ReadTxn) -> Option<Out> {
        match self {
            Self::Map(map, key) => map.get(txn, key),
            Self::List(list, index) => list.get(txn, *index),
        }
    }

    fn restore(&self, txn: &mut TransactionMut<'_>, change: &Change) {
        match (self, change) {
            (Self::Map(map, key), Change::Put { old: Some(old), .. }) => {
                map.insert(txn, key.as_str(), any(old));
            }
            (Self::Map(map, key), _) => drop(map.remove(txn, key)),
            (Self::List(list, index), _) => list.remove(txn, *index),
        }
    }
}

impl SyncMethod for Yrs<'_> {
    fn send(&mut self) {
        let mut txn = self.here.doc.transact_mut();
        self.here.holder.put(&mut txn, self.new.clone());
        self.message = txn.encode_update_v1();
    }

    fn receive(&mut self) {
        let update = Update::decode_v1(&self.message).unwrap();
        self.there.doc.transact_mut().apply_update(update).unwrap();
    }

    fn bytes(&self) -> usize {
        self.message.len()
    }

    fn has_arrived(&self) -> bool {
        self.there.holder.get(&self.there.doc.transact()) == Some(Out::Any(self.new.clone()))
    }

    fn restore(&mut self) {
        self.edits += 1;
        if self.edits.is_multiple_of(LIFE) {
            [self.here, self.there] = copies(self.stored, &self.spot);
            return;
        }
        let mut txn = self.here.doc.transact_mut();
        self.here.holder.restore(&mut txn, &self.spot.change);
        let message = txn.encode_update_v1();
        drop(txn);
        let update = Update::decode_v1(&message).unwrap();
        self.there.doc.transact_mut().apply_update(update).unwrap();
    }
}
