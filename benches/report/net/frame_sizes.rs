//! Frame sizes of a knob's action and patch.

use imbolc_net::{
    ClientMessage, ServerMessage,
    model::Model,
    protocol::{
        ActionNumber, NetworkState, Seq, StatePatch,
        framing::{self, Codec},
    },
    studio::Studio,
};
use serde::Serialize;

use crate::fixture::{band, cutoff, touched, turn_to};

/// Sizes of an action and of its patch in bytes, with their length prefixes.
pub struct FrameSizes {
    pub action: usize,
    pub patch: usize,
}

impl FrameSizes {
    /// In a session of `instruments` instruments with realistic numbers.
    pub fn of(codec: Codec, instruments: u32) -> Self {
        let model = band::session(instruments);
        let before = NetworkState::<Studio> { seq: Seq(1000), model, roster: Default::default() };
        let action = turn_to(touched(instruments), cutoff(1));
        let mut after = before.clone();
        Studio::reduce(&mut after.model, &action).unwrap();
        let patch = StatePatch { seq: Seq(1001), ..before.patch_to(&after) };
        let number = ActionNumber(1000);
        let action = ClientMessage::<Studio>::Action { number, continues: true, action };
        let patch = ServerMessage::<Studio>::StatePatchUpdate(patch);
        Self { action: frame(codec, &action).len(), patch: frame(codec, &patch).len() }
    }
}

/// The frame of a message.
pub fn frame(codec: Codec, message: &impl Serialize) -> Vec<u8> {
    let mut frame = Vec::new();
    framing::encode(codec, message, &mut frame).unwrap();
    frame
}
