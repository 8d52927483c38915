//! The sources of instruments, one function per kind.
//!
//! A source gives its peak at about 1 for a velocity of 127; the voice applies the envelope
//! and the velocity.

use imbolc_net::studio::Source;

use super::{
    Surroundings,
    voice::{SourceSound, Voice},
};

/// Seconds that a percussive source sounds, whatever its key does; `None` for one that sounds
/// as long as its key is held.
pub(super) fn own_length(_source: &Source) -> Option<f32> {
    None
}

/// Whether a source sounds without a key.
#[must_use]
pub fn sounds_without_key(_source: &Source) -> bool {
    false
}

/// Builds the source of a voice.
pub(super) fn synthesize<'g>(
    voice: &Voice<'g>,
    _source: &Source,
    _surroundings: &Surroundings<'_>,
) -> SourceSound<'g> {
    SourceSound::Mono(voice.graph.sine(voice.frequency, 0.0))
}
