//! The beats of the drum machines between two ticks.
//!
//! A machine starts with the music and repeats. Its position follows from the tick
//! alone, so it is in step after a seek.

use super::{
    schedule::{Span, chance_of, moves, plays_mono},
    strike::{Struck, Struckable, WrittenStrike},
    swing,
};
use crate::{
    model::InstrumentId,
    studio::{
        DrumMachine, DrumParameter, Lane, PadSound, Pattern, PatternId, Step, StudioState, Target,
    },
    util::quantity::{Amount, PadNumber, Pitch, Semitones, StepNumber, Ticks},
};

/// Emits the strikes of a kit's machine within `span`.
pub(super) fn strike_machine(
    state: &StudioState,
    kit: InstrumentId,
    machine: &DrumMachine,
    span: Span,
    emit: &mut dyn FnMut(WrittenStrike),
) {
    let round: u32 = patterns(machine).map(length).sum();
    if round == 0 || patterns(machine).all(|pattern| pattern.steps().is_empty()) {
        return;
    }
    let lane = kit_swing_lane(state, kit);
    let mut start = span.start - span.start % round;
    while start < span.end {
        for pattern in patterns(machine) {
            let end = start.saturating_add(length(pattern));
            let shared = span.start.max(start)..span.end.min(end);
            if !shared.is_empty() {
                let local = shared.start - start..shared.end - start;
                let swing = |tick| swing_at(machine, lane, start + tick);
                struck(pattern, swing, local, |step, straight, late| {
                    let straight = start + straight;
                    strike_pad(state, kit, machine, pattern, step, (straight, straight + late))
                        .into_iter()
                        .for_each(&mut *emit);
                });
            }
            start = end;
        }
    }
}

/// The patterns that are played in turn: those of the chain, or the current
/// pattern if the chain is off or empty.
fn patterns(machine: &DrumMachine) -> impl Iterator<Item = &Pattern> {
    let chain: &[PatternId] = if machine.chained { machine.chain().patterns() } else { &[] };
    let alone = if chain.is_empty() { machine.current() } else { None };
    chain.iter().copied().chain(alone).filter_map(|id| machine.pattern(id))
}

/// The length of a pattern, in ticks.
fn length(pattern: &Pattern) -> u32 {
    u32::from(pattern.length.get()) * pattern.resolution.ticks()
}

/// The active swing lane of a drum machine, if any.
pub(super) fn kit_swing_lane(state: &StudioState, kit: InstrumentId) -> Option<&Lane> {
    let target = Target::Drums(kit, DrumParameter::Swing);
    state.automation.lane(&target).filter(|lane| moves(state, target, lane))
}

/// The swing of a machine at a tick, from its lane if it has one.
fn swing_at(machine: &DrumMachine, lane: Option<&Lane>, tick: u32) -> Amount {
    let at = lane.zip(Ticks::new(tick).ok());
    at.and_then(|(lane, tick)| lane.value(tick)).unwrap_or(machine.swing)
}

/// Emits the steps within `span` of the pattern, each with its straight tick and the delay
/// of its swing. `swing` is called with the first tick of each pair of steps.
fn struck(
    pattern: &Pattern,
    swing: impl Fn(u32) -> Amount,
    span: Span,
    mut emit: impl FnMut(Step, u32, u32),
) {
    let lasts = pattern.resolution.ticks();
    for number in span.start / lasts..span.end.div_ceil(lasts) {
        let straight = number * lasts;
        let is_second = number % 2 == 1;
        let late = if is_second { swing::delay(swing(straight - lasts), lasts) } else { 0 };
        let step = u8::try_from(number).ok().and_then(|number| StepNumber::new(number).ok());
        if let Some(step) = step.filter(|_| span.contains(&(straight + late))) {
            pattern.steps().at(step).for_each(|step| emit(step, straight, late));
        }
    }
}

fn strike_pad(
    state: &StudioState,
    kit: InstrumentId,
    machine: &DrumMachine,
    pattern: &Pattern,
    step: Step,
    (straight, tick): (u32, u32),
) -> Option<WrittenStrike> {
    let pad = machine.pad(step.pad);
    let transposed = transposed(pad.pitch, step.pitch);
    let (instrument, key, mono) = match pad.sound {
        PadSound::Nothing => return None,
        PadSound::Sample(_) | PadSound::Slice(_) => (kit, Struckable::Pad(step.pad), false),
        PadSound::Instrument(id, pitch) => {
            (id, Struckable::Note(moved(pitch, transposed)), plays_mono(state, id))
        }
    };
    let chokes = pad.chokes.map(|pad: PadNumber| (kit, Struckable::Pad(pad)));
    let end = tick.saturating_add(pattern.resolution.ticks());
    let (velocity, chance) = (step.velocity, chance_of(step.probability));
    let what = Struck { instrument, key, velocity, mono, transposed, chokes };
    Some(WrittenStrike { tick, straight, end, chance, what })
}

/// The sum of both transpositions, clamped to the valid range.
fn transposed(pad: Semitones, step: Semitones) -> Semitones {
    let sum = (pad.get() + step.get()).clamp(Semitones::MIN.get(), Semitones::MAX.get());
    Semitones::new(sum).unwrap_or(pad)
}

/// The transposed key, clamped to the valid range.
fn moved(pitch: Pitch, by: Semitones) -> Pitch {
    let key = pitch.get().saturating_add_signed(by.get()).min(Pitch::MAX.get());
    Pitch::new(key).unwrap_or(pitch)
}
