//! State of the session as a whole: settings, MIDI mappings, transport.
//!
//! It must know instruments and buses by id only.

pub(super) mod midi_map;
pub(super) mod playback;
pub(super) mod session_settings;
