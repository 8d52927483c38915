//! Which step is played: a machine begins with the piece and goes round, so
//! that it follows from the playhead.

use imbolc_net::{
    studio::{DrumMachine, Pattern, PatternId},
    util::quantity::StepNumber,
};

use crate::view::View;

/// The pattern and the step that are played, while the music goes.
pub(super) fn step(view: &View, machine: &DrumMachine) -> Option<(PatternId, StepNumber)> {
    let (_, id, local) = place(view, machine)?;
    let number = local / machine.pattern(id)?.resolution.ticks();
    Some((id, StepNumber::new(u8::try_from(number).ok()?).ok()?))
}

/// Which link of the chain is played, from 0, while the music goes.
pub(super) fn link(view: &View, machine: &DrumMachine) -> Option<usize> {
    let (link, ..) = place(view, machine).filter(|_| machine.chained)?;
    Some(link)
}

/// Which of the patterns that follow one another is played, and which tick of
/// it.
fn place(view: &View, machine: &DrumMachine) -> Option<(usize, PatternId, u32)> {
    let metering = view.metering;
    if !metering.playing {
        return None;
    }
    let round: u32 = patterns(machine).map(|(_, pattern)| length(pattern)).sum();
    let mut local = metering.playhead.get().checked_rem(round)?;
    for (link, (id, pattern)) in patterns(machine).enumerate() {
        match local.checked_sub(length(pattern)) {
            Some(rest) => local = rest,
            None => return Some((link, id, local)),
        }
    }
    None
}

/// The patterns that follow one another: those of the chain, or else the current
/// one.
fn patterns(machine: &DrumMachine) -> impl Iterator<Item = (PatternId, &Pattern)> {
    let chain: &[PatternId] = if machine.chained { machine.chain().patterns() } else { &[] };
    let alone = if chain.is_empty() { machine.current() } else { None };
    chain.iter().copied().chain(alone).filter_map(|id| Some((id, machine.pattern(id)?)))
}

/// How long a pattern lasts, in ticks.
fn length(pattern: &Pattern) -> u32 {
    u32::from(pattern.length.get()) * pattern.resolution.ticks()
}
