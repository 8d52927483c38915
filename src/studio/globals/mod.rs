//! What holds for the session as a whole: its settings, the MIDI map, the transport.
//!
//! It knows no instrument but by its id.

pub(super) mod midi_map;
pub(super) mod playback;
pub(super) mod session_settings;
