//! Methods that copy an edit from one replica to another: our patches and their
//! alternatives. All start with the same session and make the same edit.

mod automerge;
mod document_edit;
mod json_patch;
mod patch_frame;
mod whole_part;
mod yrs;

use std::cell::OnceCell;

use imbolc_net::{model::InstrumentId, protocol::framing::Codec, studio::StudioState};
use serde_json::Value;

use self::{
    automerge::Automerge, document_edit::DocumentEdit, json_patch::Rfc6902,
    patch_frame::PatchFrame, whole_part::WholePart, yrs::Yrs,
};
use crate::fixture::{band::Edit, touched};

/// Two replicas of a session, and a message between them.
pub trait SyncMethod {
    /// Edits one replica and makes the message.
    fn send(&mut self);

    /// Applies the message to the other replica.
    fn receive(&mut self);

    /// Size of the message in bytes.
    fn bytes(&self) -> usize;

    /// Whether the other replica has the edit.
    fn has_arrived(&self) -> bool;

    /// Reverts the edit on both replicas, untimed.
    fn restore(&mut self);
}

/// Names of the peers, in the order of [`SyncFixture::peers`].
pub const PEERS: [&str; 4] = ["changed part, JSON", "RFC 6902", "`yrs`", "`automerge`"];

/// A session before the edit, in each method's form.
pub struct SyncFixture {
    pub instruments: u32,
    state: StudioState,
    /// Created on demand, because only the peers need it.
    value: OnceCell<Value>,
    yrs: OnceCell<Vec<u8>>,
    automerge: OnceCell<Vec<u8>>,
}

impl SyncFixture {
    pub fn of(instruments: u32, state: StudioState) -> Self {
        let (value, yrs, automerge) = Default::default();
        Self { instruments, state, value, yrs, automerge }
    }

    fn touched(&self) -> InstrumentId {
        touched(self.instruments)
    }

    pub fn ours(&self, edit: &Edit, codec: Codec) -> Box<dyn SyncMethod> {
        checked(PatchFrame::new(codec, &self.state, (edit.of)(self.touched())))
    }

    pub fn peers(&self, edit: &Edit) -> [Box<dyn SyncMethod + '_>; 4] {
        let action = (edit.of)(self.touched());
        let value = self.value.get_or_init(|| document_edit::to_document(&self.state));
        let spot = DocumentEdit::between(
            value,
            &document_edit::to_document(&document_edit::edited(&self.state, &action)),
        );
        let yrs = self.yrs.get_or_init(|| yrs::to_update(value));
        let automerge = self.automerge.get_or_init(|| automerge::to_saved(value));
        [
            checked(WholePart::new(&self.state, action)),
            checked(Rfc6902::new(value, spot.clone())),
            checked(Yrs::new(yrs, spot.clone())),
            checked(Automerge::new(automerge, spot)),
        ]
    }
}

/// A method after one run that checks that it works.
fn checked<'a>(mut way: impl SyncMethod + 'a) -> Box<dyn SyncMethod + 'a> {
    way.send();
    assert!(way.bytes() > 0);
    assert!(!way.has_arrived(), "it was there before");
    way.receive();
    assert!(way.has_arrived(), "it did not arrive");
    way.restore();
    Box::new(way)
}
