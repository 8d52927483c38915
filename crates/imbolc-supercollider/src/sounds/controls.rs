//! The names of the controls that a synth gets when it is created.

/// The control that says on which audio bus a synth writes, or which it processes.
pub const BUS: &str = "bus";

/// The control with the frequency of the note in Hz.
pub const FREQUENCY: &str = "freq";

/// The control with the amplitude of the note, from its velocity, 0 to 1.
pub const LEVEL: &str = "level";

/// The control that is 1 while the note is held.
pub const GATE: &str = "gate";

/// The control with the phase of the LFO at the start of the voice, 0 to 1.
pub const LFO_PHASE: &str = "phase";

/// The control with the factor by which a strike changes the speed of a pad's sample: the
/// transpositions of pad and step.
pub const RATE: &str = "rate";

/// The control that says on which audio bus a part of a strip writes.
pub const TO: &str = "to";

/// The control that says on which control bus the fader writes its two peaks.
pub const METER: &str = "meter";
