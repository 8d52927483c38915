//! The pads of a drum kit: samples and slices.

use imbolc_net::{
    studio::{DrumKit, DrumMachine, Instrument},
    util::quantity::PadNumber,
};

use crate::{
    sounds::{Surroundings, VoiceSound},
    synth_def::TooManyWires,
};

/// The control with the factor by which a step changes the speed of a pad's sample.
pub const RATE: &str = "rate";

/// Builds the voices of a pad; `None` if it plays no sample, or one that is missing.
pub fn build_pad(
    _machine: &DrumMachine,
    _pad: PadNumber,
    _kit: &DrumKit,
    _instrument: &Instrument,
    _surroundings: &Surroundings<'_>,
) -> Option<Result<VoiceSound, TooManyWires>> {
    None
}
