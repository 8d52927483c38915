//! The effects of chains, one function per kind.

use imbolc_net::studio::Effect;

use super::{Stereo, Surroundings};

/// Builds an effect.
pub(super) fn process<'g>(
    input: Stereo<'g>,
    _effect: &Effect,
    _surroundings: &Surroundings<'_>,
) -> Stereo<'g> {
    input
}

/// How long an effect sounds on, in seconds.
pub(super) fn tail(_effect: &Effect, _surroundings: &Surroundings<'_>) -> f32 {
    0.0
}
