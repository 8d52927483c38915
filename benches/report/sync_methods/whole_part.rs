//! Sending the whole edited part: an instrument, a track, a drum machine.

use std::collections::BTreeMap;

use imbolc_net::{
    model::InstrumentId,
    studio::{
        self, DrumMachine, Instrument, Lane, Mixer, NetworkAction, StudioState, Target, Track,
    },
};
use serde::{Deserialize, Serialize};

use super::{SyncMethod, document_edit::edited};

/// The message.
#[derive(Serialize)]
enum Sent<'a> {
    Instrument(&'a Instrument),
    Track(&'a Track),
    Drums(&'a DrumMachine),
    Arrangement(&'a studio::Part),
    Mixer(&'a Mixer),
    Lane(Target, &'a Lane),
}

/// The received message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Received {
    Instrument(Box<Instrument>),
    Track(Track),
    Drums(DrumMachine),
    Arrangement(studio::Part),
    Mixer(Mixer),
    Lane(Target, Lane),
}

pub struct WholePart {
    state: StudioState,
    action: NetworkAction,
    after: Option<StudioState>,
    message: Vec<u8>,
    /// The part of every instrument, as the other replica needs it.
    there: BTreeMap<InstrumentId, Received>,
    before: (InstrumentId, Received),
}

impl WholePart {
    pub fn new(state: &StudioState, action: NetworkAction) -> Self {
        let sent = serde_json::to_vec(&part(state, &action)).unwrap();
        let before: (_, Received) = serde_json::from_slice(&sent).unwrap();
        let there = state.instruments.iter().map(|(id, _)| (id, before.1.clone())).collect();
        Self { state: state.clone(), action, after: None, message: Vec::new(), there, before }
    }
}

/// The part that `action` edits.
fn part<'a>(state: &'a StudioState, action: &NetworkAction) -> (InstrumentId, Sent<'a>) {
    match action {
        NetworkAction::Instrument(id, _) => {
            (*id, Sent::Instrument(state.instruments.get(*id).unwrap()))
        }
        NetworkAction::PianoRoll(id, _) => (*id, Sent::Track(state.piano_roll.track(*id).unwrap())),
        NetworkAction::Drums(id, _) => (*id, Sent::Drums(state.drums.machine(*id).unwrap())),
        NetworkAction::Placement(id, _) => {
            (*id, Sent::Arrangement(state.arrangement.part(*id).unwrap()))
        }
        NetworkAction::Mixer(_) => (InstrumentId(0), Sent::Mixer(&state.mixer)),
        NetworkAction::Automation(target, _) => {
            let lane = state.automation.lane(target).unwrap();
            (target.instrument().unwrap(), Sent::Lane(*target, lane))
        }
        _ => unreachable!("no edit of the band's"),
    }
}

impl SyncMethod for WholePart {
    fn send(&mut self) {
        let after = edited(&self.state, &self.action);
        self.message.clear();
        serde_json::to_writer(&mut self.message, &part(&after, &self.action)).unwrap();
        self.after = Some(after);
    }

    fn receive(&mut self) {
        let (id, part) = serde_json::from_slice(&self.message).unwrap();
        self.there.insert(id, part);
    }

    fn bytes(&self) -> usize {
        self.message.len()
    }

    fn has_arrived(&self) -> bool {
        let sent = serde_json::to_value(part(self.after.as_ref().unwrap(), &self.action)).unwrap();
        let id = self.before.0;
        sent == serde_json::to_value((id, self.there.get(&id))).unwrap()
    }

    fn restore(&mut self) {
        self.after = None;
        self.there.insert(self.before.0, self.before.1.clone());
    }
}
