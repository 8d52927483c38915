//! The place and content of an edit in a JSON document, found by comparing the
//! documents before and after, so that all methods make the same edit.

use imbolc_net::{
    model::Model,
    studio::{NetworkAction, Studio, StudioState},
};
use serde_json::Value;

/// The state after `action`.
pub fn edited(state: &StudioState, action: &NetworkAction) -> StudioState {
    let mut after = state.clone();
    Studio::reduce(&mut after, action).unwrap();
    after
}

/// A state as a document, with the numbers as on the wire.
pub fn to_document(state: &StudioState) -> Value {
    serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
}

/// A key of a map or an index of a list.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    Key(String),
    Index(usize),
}

/// The kind of change.
#[derive(Clone, Debug)]
pub enum Change {
    /// Sets the value of a key, which may be new.
    Put { old: Option<Value>, new: Value },
    /// Inserts an element into a list.
    Insert(Value),
}

/// An edit of a document.
#[derive(Clone, Debug)]
pub struct DocumentEdit {
    /// The path of the map or list.
    pub holder: Vec<Place>,
    pub place: Place,
    pub change: Change,
}

impl DocumentEdit {
    /// Finds the only difference of two documents.
    pub fn between(old: &Value, new: &Value) -> Self {
        let mut holder = Vec::new();
        let (place, change) = find(old, new, &mut holder).expect("they are the same");
        Self { holder, place, change }
    }

    /// The new value.
    pub fn new_value(&self) -> &Value {
        match &self.change {
            Change::Put { new, .. } => new,
            Change::Insert(element) => element,
        }
    }

    /// Applies the edit to a document.
    pub fn make(&self, document: &mut Value) {
        let new = self.new_value().clone();
        match (self.holder_in(document), &self.place) {
            (Value::Object(map), Place::Key(key)) => drop(map.insert(key.clone(), new)),
            (Value::Array(list), Place::Index(index)) => list.insert(*index, new),
            _ => unreachable!("the document has another form"),
        }
    }

    /// Reverts the edit in a document.
    pub fn unmake(&self, document: &mut Value) {
        match (self.holder_in(document), &self.place, &self.change) {
            (Value::Object(map), Place::Key(key), Change::Put { old: Some(old), .. }) => {
                map.insert(key.clone(), old.clone());
            }
            (Value::Object(map), Place::Key(key), _) => drop(map.remove(key)),
            (Value::Array(list), Place::Index(index), _) => drop(list.remove(*index)),
            _ => unreachable!("the document has another form"),
        }
    }

    /// Whether a document contains the edit.
    pub fn is_in(&self, document: &mut Value) -> bool {
        let found = match (self.holder_in(document), &self.place) {
            (Value::Object(map), Place::Key(key)) => map.get(key),
            (Value::Array(list), Place::Index(index)) => list.get(*index),
            _ => None,
        };
        found == Some(self.new_value())
    }

    fn holder_in<'a>(&self, document: &'a mut Value) -> &'a mut Value {
        self.holder.iter().fold(document, |holder, place| match place {
            Place::Key(key) => &mut holder[key],
            Place::Index(index) => &mut holder[index],
        })
    }
}

fn find(old: &Value, new: &Value, holder: &mut Vec<Place>) -> Option<(Place, Change)> {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let (key, value) = new.iter().find(|(key, value)| old.get(*key) != Some(*value))?;
            go_on(old.get(key), value, Place::Key(key.clone()), holder)
        }
        (Value::Array(old), Value::Array(new)) => {
            let differs = |index: &usize| old.get(*index) != new.get(*index);
            let index = (0..new.len()).find(differs)?;
            if old.len() < new.len() {
                return Some((Place::Index(index), Change::Insert(new[index].clone())));
            }
            go_on(old.get(index), &new[index], Place::Index(index), holder)
        }
        _ => None,
    }
}

/// Searches within `place`, or takes it as the changed value.
fn go_on(
    old: Option<&Value>,
    new: &Value,
    place: Place,
    holder: &mut Vec<Place>,
) -> Option<(Place, Change)> {
    if let Some(old) = old {
        holder.push(place.clone());
        if let Some(found) = find(old, new, holder) {
            return Some(found);
        }
        holder.pop();
    }
    Some((place, Change::Put { old: old.cloned(), new: new.clone() }))
}
