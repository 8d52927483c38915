//! The ways from an edit here to the same edit there: ours, and what one would
//! use instead. All of them begin with the same session and make the same edit.

mod automerge;
mod ours;
mod patch;
mod spot;
mod whole;
mod yrs;

use std::cell::OnceCell;

use imbolc_net::{model::InstrumentId, protocol::framing::Codec, studio::StudioState};
use serde_json::Value;

use self::{
    automerge::Automerge, ours::Ours, patch::Rfc6902, spot::Spot, whole::WholePart, yrs::Yrs,
};
use crate::fixture::{band::Edit, touched};

/// Two copies of a session, and a message between them.
pub trait Way {
    /// Edits the one copy, and makes the message that tells of it.
    fn send(&mut self);

    /// Reads the message, and carries it out on the other copy.
    fn receive(&mut self);

    /// How long the message is, in bytes.
    fn bytes(&self) -> usize;

    /// Whether the other copy has what was edited.
    fn has_arrived(&self) -> bool;

    /// Takes the edit back on both sides, for the next time. Nobody counts how
    /// long that takes.
    fn restore(&mut self);
}

/// What the peers are called, in the order of [`Session::peers`].
pub const PEERS: [&str; 4] = ["changed part, JSON", "RFC 6902", "`yrs`", "`automerge`"];

/// A session in the forms of all peers, before it is edited.
pub struct Session {
    pub instruments: u32,
    state: StudioState,
    /// What only the peers need is made when it is asked for.
    value: OnceCell<Value>,
    yrs: OnceCell<Vec<u8>>,
    automerge: OnceCell<Vec<u8>>,
}

impl Session {
    pub fn of(instruments: u32, state: StudioState) -> Self {
        let (value, yrs, automerge) = Default::default();
        Self { instruments, state, value, yrs, automerge }
    }

    fn touched(&self) -> InstrumentId {
        touched(self.instruments)
    }

    pub fn ours(&self, edit: &Edit, codec: Codec) -> Box<dyn Way> {
        checked(Ours::new(codec, &self.state, (edit.of)(self.touched())))
    }

    pub fn peers(&self, edit: &Edit) -> [Box<dyn Way + '_>; 4] {
        let action = (edit.of)(self.touched());
        let value = self.value.get_or_init(|| spot::document(&self.state));
        let spot = Spot::between(value, &spot::document(&spot::edited(&self.state, &action)));
        let yrs = self.yrs.get_or_init(|| yrs::document(value));
        let automerge = self.automerge.get_or_init(|| automerge::document(value));
        [
            checked(WholePart::new(&self.state, action)),
            checked(Rfc6902::new(value, spot.clone())),
            checked(Yrs::new(yrs, spot.clone())),
            checked(Automerge::new(automerge, spot)),
        ]
    }
}

/// A way that has been gone once, so that it is known to lead there.
fn checked<'a>(mut way: impl Way + 'a) -> Box<dyn Way + 'a> {
    way.send();
    assert!(way.bytes() > 0);
    assert!(!way.has_arrived(), "it was there before");
    way.receive();
    assert!(way.has_arrived(), "it did not arrive");
    way.restore();
    Box::new(way)
}
