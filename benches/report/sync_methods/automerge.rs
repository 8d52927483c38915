//! An `automerge` document of maps and lists, and its changes.

use ::automerge::{
    AutoCommit, ObjId, ObjType, ReadDoc, ScalarValue, Value as Found, transaction::Transactable,
};
use serde_json::Value;

use super::{
    SyncMethod,
    document_edit::{Change, DocumentEdit, Place},
};

/// Edits after which the documents are recreated, because they keep their
/// history.
const LIFE: u32 = 2000;

/// The saved document of `value`.
pub fn to_saved(value: &Value) -> Vec<u8> {
    let mut doc = AutoCommit::new();
    for (key, value) in value.as_object().unwrap() {
        put(&mut doc, &::automerge::ROOT, &Place::Key(key.clone()), value);
    }
    doc.save()
}

/// Puts a value into a map, or inserts it into a list.
fn put(doc: &mut AutoCommit, holder: &ObjId, place: &Place, value: &Value) {
    let kind = match value {
        Value::Object(_) => ObjType::Map,
        Value::Array(_) => ObjType::List,
        _ => {
            match place {
                Place::Key(key) => doc.put(holder, key.as_str(), scalar(value)).unwrap(),
                Place::Index(index) => doc.insert(holder, *index, scalar(value)).unwrap(),
            }
            return;
        }
    };
    let made = match place {
        Place::Key(key) => doc.put_object(holder, key.as_str(), kind).unwrap(),
        Place::Index(index) => doc.insert_object(holder, *index, kind).unwrap(),
    };
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                put(doc, &made, &Place::Key(key.clone()), value);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                put(doc, &made, &Place::Index(index), value);
            }
        }
        _ => unreachable!("it holds something"),
    }
}

fn scalar(value: &Value) -> ScalarValue {
    match value {
        Value::Bool(value) => ScalarValue::Boolean(*value),
        Value::Number(number) => number
            .as_i64()
            .map_or_else(|| ScalarValue::F64(number.as_f64().unwrap()), ScalarValue::Int),
        Value::String(text) => ScalarValue::Str(text.as_str().into()),
        _ => ScalarValue::Null,
    }
}

pub struct Automerge<'a> {
    stored: &'a [u8],
    spot: DocumentEdit,
    here: AutoCommit,
    there: AutoCommit,
    /// Object ids that an application would keep.
    holder: ObjId,
    message: Vec<u8>,
    edits: u32,
}

impl<'a> Automerge<'a> {
    pub fn new(stored: &'a [u8], spot: DocumentEdit) -> Self {
        let [here, there] = [(); 2].map(|()| AutoCommit::load(stored).unwrap());
        let holder = edited_object(&here, &spot);
        Self { stored, spot, here, there, holder, message: Vec::new(), edits: 0 }
    }
}

fn edited_object(doc: &AutoCommit, spot: &DocumentEdit) -> ObjId {
    spot.holder.iter().fold(::automerge::ROOT, |holder, place| {
        let found = match place {
            Place::Key(key) => doc.get(&holder, key.as_str()),
            Place::Index(index) => doc.get(&holder, *index),
        };
        found.unwrap().expect("the document has another form").1
    })
}

/// The number of items in the edited object, and the value at the place.
fn glance(doc: &AutoCommit, holder: &ObjId, place: &Place) -> (usize, Option<Found<'static>>) {
    let found = match place {
        Place::Key(key) => doc.get(holder, key.as_str()),
        Place::Index(index) => doc.get(holder, *index),
    };
    (doc.length(holder), found.unwrap().map(|(value, _)| value.into_owned()))
}

impl SyncMethod for Automerge<'_> {
    fn send(&mut self) {
        put(&mut self.here, &self.holder, &self.spot.place, self.spot.new_value());
        self.message = self.here.save_incremental();
    }

    fn receive(&mut self) {
        self.there.load_incremental(&self.message).unwrap();
    }

    fn bytes(&self) -> usize {
        self.message.len()
    }

    fn has_arrived(&self) -> bool {
        let glance = |doc| glance(doc, &self.holder, &self.spot.place);
        glance(&self.there) == glance(&self.here)
    }

    fn restore(&mut self) {
        self.edits += 1;
        if self.edits.is_multiple_of(LIFE) {
            [self.here, self.there] = [(); 2].map(|()| AutoCommit::load(self.stored).unwrap());
            return;
        }
        match (&self.spot.place, &self.spot.change) {
            (place @ Place::Key(_), Change::Put { old: Some(old), .. }) => {
                put(&mut self.here, &self.holder, place, old);
            }
            (Place::Key(key), _) => self.here.delete(&self.holder, key.as_str()).unwrap(),
            (Place::Index(index), _) => self.here.delete(&self.holder, *index).unwrap(),
        }
        let message = self.here.save_incremental();
        self.there.load_incremental(&message).unwrap();
    }
}
