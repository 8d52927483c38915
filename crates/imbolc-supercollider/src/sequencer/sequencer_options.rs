//! The options of a sequencer, and the names of strips.

use std::collections::BTreeMap;

use imbolc_net::{model::InstrumentId, studio::BusId};

/// How the server is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequencerOptions {
    /// Its output channels; the first two are those of the master.
    pub outputs: u32,
    /// Its input channels.
    pub inputs: u32,
    /// Whether it renders offline.
    pub offline: bool,
    /// The first of two output channels, from 0, to which a strip is sent in addition, behind
    /// its fader.
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
