//! Computes the playing step from the playhead: a drum machine loops from the start of
//! the piece.
//!
//! It reads a view; it keeps no state and draws nothing.

use imbolc_net::{
    studio::{DrumMachine, Pattern, PatternId},
    util::quantity::StepNumber,
};

use crate::view::View;

/// The playing pattern and step, while the transport runs.
pub(super) fn playing_step(view: &View, machine: &DrumMachine) -> Option<(PatternId, StepNumber)> {
    let (_, id, local) = playing_position(view, machine)?;
    let number = local / machine.pattern(id)?.resolution.ticks();
    Some((id, StepNumber::new(u8::try_from(number).ok()?).ok()?))
}

/// The index of the playing link of the chain, while the transport runs.
pub(super) fn playing_link(view: &View, machine: &DrumMachine) -> Option<usize> {
    let (link, ..) = playing_position(view, machine).filter(|_| machine.chained)?;
    Some(link)
}

/// The index of the playing pattern in its sequence, its id, and the tick within it.
fn playing_position(view: &View, machine: &DrumMachine) -> Option<(usize, PatternId, u32)> {
    let metering = &view.metering;
    if !metering.playing {
        return None;
    }
    let round: u32 = sequence(machine).map(|(_, pattern)| pattern_ticks(pattern)).sum();
    let mut local = metering.playhead.get().checked_rem(round)?;
    for (link, (id, pattern)) in sequence(machine).enumerate() {
        match local.checked_sub(pattern_ticks(pattern)) {
            Some(rest) => local = rest,
            None => return Some((link, id, local)),
        }
    }
    None
}

/// The sequence of patterns that is played: the chain, or else the current pattern.
fn sequence(machine: &DrumMachine) -> impl Iterator<Item = (PatternId, &Pattern)> {
    let chain: &[PatternId] = if machine.chained { machine.chain().patterns() } else { &[] };
    let alone = if chain.is_empty() { machine.current() } else { None };
    chain.iter().copied().chain(alone).filter_map(|id| Some((id, machine.pattern(id)?)))
}

/// The length of a pattern in ticks.
fn pattern_ticks(pattern: &Pattern) -> u32 {
    u32::from(pattern.length.get()) * pattern.resolution.ticks()
}
