//! JSON Patch (RFC 6902): the difference of two documents.

use serde_json::Value;

use super::{SyncMethod, document_edit::DocumentEdit};

pub struct Rfc6902 {
    before: Value,
    after: Value,
    there: Value,
    spot: DocumentEdit,
    message: Vec<u8>,
}

impl Rfc6902 {
    pub fn new(document: &Value, spot: DocumentEdit) -> Self {
        let [before, after, there] = [(); 3].map(|()| document.clone());
        Self { before, after, there, spot, message: Vec::new() }
    }
}

impl SyncMethod for Rfc6902 {
    fn send(&mut self) {
        self.spot.make(&mut self.after);
        let patch = json_patch::diff(&self.before, &self.after);
        self.message.clear();
        serde_json::to_writer(&mut self.message, &patch).unwrap();
    }

    fn receive(&mut self) {
        let patch: json_patch::Patch = serde_json::from_slice(&self.message).unwrap();
        json_patch::patch(&mut self.there, &patch).unwrap();
    }

    fn bytes(&self) -> usize {
        self.message.len()
    }

    fn has_arrived(&self) -> bool {
        self.there == self.after
    }

    fn restore(&mut self) {
        self.spot.unmake(&mut self.after);
        // The message may not have been received.
        if self.spot.is_in(&mut self.there) {
            self.spot.unmake(&mut self.there);
        }
    }
}
