//! What a sequencer is created with, and how strips are named.

use std::collections::BTreeMap;

use imbolc_net::{model::InstrumentId, studio::BusId};

/// What the server has, beside what is sent to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequencerOptions {
    /// Its output channels; the first two are those of the master.
    pub outputs: u32,
    /// Its input channels.
    pub inputs: u32,
    /// Whether it renders offline.
    pub offline: bool,
    /// Output channels, from 0, to which strips are sent in addition, behind their faders.
    pub stems: BTreeMap<StripId, u32>,
}

impl Default for SequencerOptions {
    fn default() -> Self {
        Self { outputs: 2, inputs: 2, offline: false, stems: BTreeMap::new() }
    }
}

/// A strip of the mixer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StripId {
    /// That of an instrument.
    Instrument(InstrumentId),
    /// That of a bus.
    Bus(BusId),
    /// The master.
    Master,
}
