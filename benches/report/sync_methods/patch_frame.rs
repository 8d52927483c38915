//! Our method: the difference of two snapshots, in a frame.

use imbolc_net::{
    NetworkState, ServerMessage,
    model::Model,
    protocol::{
        Seq,
        framing::{self, Codec},
    },
    studio::{NetworkAction, Studio, StudioState},
};

use super::SyncMethod;

pub struct PatchFrame {
    codec: Codec,
    action: NetworkAction,
    before: NetworkState,
    after: Option<NetworkState>,
    there: Option<NetworkState>,
    frame: Vec<u8>,
}

impl PatchFrame {
    pub fn new(codec: Codec, state: &StudioState, action: NetworkAction) -> Self {
        // As in a long session.
        let seq = Seq(1_000_000);
        let before = NetworkState { seq, model: state.clone(), roster: Default::default() };
        Self { codec, action, before, after: None, there: None, frame: Vec::new() }
    }
}

impl SyncMethod for PatchFrame {
    fn send(&mut self) {
        let mut after = self.before.clone();
        after.seq = self.before.seq.next();
        Studio::reduce(&mut after.model, &self.action).unwrap();
        let patch = ServerMessage::<Studio>::StatePatchUpdate(self.before.patch_to(&after));
        self.frame.clear();
        framing::encode(self.codec, &patch, &mut self.frame).unwrap();
        self.after = Some(after);
    }

    fn receive(&mut self) {
        let message = framing::decode(self.codec, &self.frame[4..]).unwrap();
        let ServerMessage::<Studio>::StatePatchUpdate(patch) = message else {
            unreachable!("it was a patch")
        };
        self.there = Some(self.before.patched(&patch).unwrap());
    }

    fn bytes(&self) -> usize {
        self.frame.len()
    }

    fn has_arrived(&self) -> bool {
        self.there.is_some() && self.there == self.after
    }

    fn restore(&mut self) {
        (self.after, self.there) = (None, None);
    }
}
