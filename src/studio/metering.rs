//! What an engine of the studio says continuously, beside the state.

use serde::{Deserialize, Serialize};

use crate::util::quantity::{Bpm, Decibels, Ticks};

/// The values that change continuously: the playhead and the meters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metering {
    /// The playback position.
    pub playhead: Ticks,
    /// The tempo at the playhead.
    pub tempo: Bpm,
    /// Whether playback runs.
    pub playing: bool,
    /// The peak levels of the left and the right master channel, in decibels
    /// relative to full scale.
    pub peaks: [Decibels; 2],
}

impl Default for Metering {
    /// Stopped at tick 0, at 120 bpm, silent.
    fn default() -> Self {
        Self {
            playhead: Ticks::MIN,
            tempo: Bpm::of(120.0),
            playing: false,
            peaks: [Decibels::MIN; 2],
        }
    }
}
