//! The written notes, beats and lane values between two ticks.
//!
//! It only reads. Intervals are half-open, so that adjacent queries give the same
//! result as one query. Every source of strikes is one of the [`players`].

use super::beats;
use crate::{
    model::InstrumentId,
    studio::{
        Clip, DrumMachine, Lane, Note, NoteValue, Notes, Part, Placement, PlayMode, StudioState,
        Target, Track, Voices,
        silent_engine::strike::{CERTAIN, Struck, Struckable, VoiceKey, WrittenStrike},
    },
    util::quantity::{Amount, Probability, Semitones, Ticks},
};

/// The interval at which a lane is read, in ticks: 31 ms at 120 bpm.
pub(super) const GRID: u32 = 30;

/// A new value for a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shift {
    pub(super) tick: u32,
    pub(super) target: Target,
    pub(super) value: Amount,
}

/// A range of written ticks.
pub(super) type Span = std::ops::Range<u32>;

/// A source of strikes.
pub(super) enum Player<'a> {
    /// The track of an instrument.
    Track(&'a Track),
    /// Its clips.
    Part(&'a Part),
    /// Its drum machine.
    Machine(&'a DrumMachine),
}

/// The longest delay by the swing of a drum machine: half of the longest step.
const MACHINE_SWING: u32 = NoteValue::Whole.ticks() / 2;

/// All sources of strikes, each with its instrument.
pub(super) fn players(state: &StudioState) -> impl Iterator<Item = (InstrumentId, Player<'_>)> {
    let (roll, parts) = (&state.piano_roll, &state.arrangement);
    let tracks = (parts.play == PlayMode::PianoRoll).then(|| roll.tracks());
    let parts = (parts.play == PlayMode::Arrangement).then(|| parts.parts());
    let tracks = tracks.into_iter().flatten().filter(|(_, track)| !track.is_empty());
    let tracks = tracks.map(|(id, track)| (id, Player::Track(track)));
    let parts = parts.into_iter().flatten().map(|(id, part)| (id, Player::Part(part)));
    let machines = state.drums.machines().map(|(id, machine)| (id, Player::Machine(machine)));
    tracks.chain(parts).chain(machines)
}

/// The sources of strikes of an instrument.
fn players_of(state: &StudioState, id: InstrumentId) -> impl Iterator<Item = Player<'_>> {
    let (roll, parts) = (&state.piano_roll, &state.arrangement);
    let written = match parts.play {
        PlayMode::PianoRoll => roll.track(id).map(Player::Track),
        PlayMode::Arrangement => parts.part(id).map(Player::Part),
    };
    written.into_iter().chain(state.drums.machine(id).map(Player::Machine))
}

/// The strike of an instrument's players with this straight tick and key.
pub(super) fn written_at(
    state: &StudioState,
    by: InstrumentId,
    straight: u32,
    key: VoiceKey,
) -> Option<WrittenStrike> {
    let mut found: Option<WrittenStrike> = None;
    for player in players_of(state, by) {
        player.strike(state, by, player.around(straight), &mut |written| {
            let is_it = written.straight == straight && written.what.place() == key;
            // Of several placements, the last one that ends is heard.
            if is_it && found.is_none_or(|found| found.end < written.end) {
                found = Some(written);
            }
        });
    }
    found
}

/// Whether what an instrument's players have written is the same memory in both states.
pub(super) fn plays_alike(before: &StudioState, now: &StudioState, by: InstrumentId) -> bool {
    fn written<T>(part: Option<&T>) -> Option<*const T> {
        part.map(std::ptr::from_ref)
    }

    before.arrangement.play == now.arrangement.play
        && written(before.piano_roll.track(by)) == written(now.piano_roll.track(by))
        && written(before.arrangement.part(by)) == written(now.arrangement.part(by))
        && written(before.drums.machine(by)) == written(now.drums.machine(by))
}

impl Player<'_> {
    /// Emits the written notes before `tick`, of the same round of a loop or of a clip. One
    /// of them may last until after `tick`. Drum steps are too short for that.
    pub(super) fn notes_before(
        &self,
        state: &StudioState,
        id: InstrumentId,
        tick: u32,
        emit: &mut dyn FnMut(WrittenStrike),
    ) {
        match self {
            Self::Track(track) => strike_track(id, track, round_of(track, tick)..tick, emit),
            Self::Part(part) => {
                let mono = plays_mono(state, id);
                for (_, placement) in part.placements() {
                    let start = placement.tick.get();
                    let clip = part.clip(placement.clip);
                    if let Some(clip) = clip.filter(|_| (start..placement.end()).contains(&tick)) {
                        let round = tick - (tick - start) % clip.length.get();
                        strike_clip(id, clip, placement, mono, round..tick, emit);
                    }
                }
            }
            Self::Machine(_) => {}
        }
    }

    /// The ticks at which a strike with this straight tick can be written.
    fn around(&self, straight: u32) -> Span {
        let swing = if let Self::Machine(_) = self { MACHINE_SWING } else { 0 };
        straight..straight.saturating_add(swing + 1)
    }

    /// Emits the written strikes within `span`.
    pub(super) fn strike(
        &self,
        state: &StudioState,
        id: InstrumentId,
        span: Span,
        emit: &mut dyn FnMut(WrittenStrike),
    ) {
        match self {
            Self::Track(track) => strike_track(id, track, span, emit),
            Self::Part(part) => {
                let mono = plays_mono(state, id);
                strike_part(id, part, mono, span, emit);
            }
            Self::Machine(machine) => beats::strike_machine(state, id, machine, span, emit),
        }
    }
}

/// Whether each note of an instrument ends the one before.
pub(super) fn plays_mono(state: &StudioState, id: InstrumentId) -> bool {
    state.piano_roll.track(id).is_some_and(is_mono)
}

fn is_mono(track: &Track) -> bool {
    track.voices == Voices::Mono
}

/// The tick at which the round of a track that is played at `tick` began.
fn round_of(track: &Track, tick: u32) -> u32 {
    let repeats = track.looping && tick >= track.region.end().get();
    if repeats { tick - (track.local(tick) - track.region.start().get()) } else { 0 }
}

fn strike_track(id: InstrumentId, track: &Track, span: Span, emit: &mut dyn FnMut(WrittenStrike)) {
    let mono = is_mono(track);
    if !track.looping {
        return strike_notes(&track.notes, span.clone(), span.start, |note, tick| {
            emit(strike_note(id, note, tick, u32::MAX, mono));
        });
    }
    let (start, end) = (track.region.start().get(), track.region.end().get());
    let once = span.start..span.end.min(end);
    strike_notes(&track.notes, once.clone(), once.start, |note, tick| {
        emit(strike_note(id, note, tick, end, mono));
    });
    let again = span.start.max(end)..span.end;
    round_and_round(again, start, end - start, |local, tick| {
        strike_notes(&track.notes, start + local.start..start + local.end, tick, |note, tick| {
            let round_ends = tick + (end - note.tick.get());
            emit(strike_note(id, note, tick, round_ends, mono));
        });
    });
}

fn strike_part(
    id: InstrumentId,
    part: &Part,
    mono: bool,
    span: Span,
    emit: &mut dyn FnMut(WrittenStrike),
) {
    for (_, placement) in part.placements() {
        let shared = span.start.max(placement.tick.get())..span.end.min(placement.end());
        if let Some(clip) = part.clip(placement.clip).filter(|_| !shared.is_empty()) {
            strike_clip(id, clip, placement, mono, shared, emit);
        }
    }
}

fn strike_clip(
    id: InstrumentId,
    clip: &Clip,
    placement: &Placement,
    mono: bool,
    span: Span,
    emit: &mut dyn FnMut(WrittenStrike),
) {
    round_and_round(span, placement.tick.get(), clip.length.get(), |local, tick| {
        strike_notes(&clip.notes, local, tick, |note, tick| {
            let round_ends = tick + (clip.length.get() - note.tick.get());
            emit(strike_note(id, note, tick, round_ends.min(placement.end()), mono));
        });
    });
}

/// Divides `span` at the repetitions of a loop that starts at `origin` and lasts
/// `length`. Calls `piece` with the ticks within the loop and the absolute tick.
fn round_and_round(span: Span, origin: u32, length: u32, mut piece: impl FnMut(Span, u32)) {
    let mut tick = span.start;
    while tick < span.end {
        let local = (tick - origin) % length;
        let size = (length - local).min(span.end - tick);
        piece(local..local + size, tick);
        tick += size;
    }
}

/// Emits the notes that start within `span`; `tick` is the played tick of its start.
fn strike_notes(notes: &Notes, span: Span, tick: u32, mut emit: impl FnMut(Note, u32)) {
    let place = |tick: u32| Ticks::new(tick).unwrap_or(Ticks::MAX);
    for note in notes.starting(place(span.start), place(span.end)) {
        emit(note, tick + (note.tick.get() - span.start));
    }
}

fn strike_note(
    instrument: InstrumentId,
    note: Note,
    tick: u32,
    cut: u32,
    mono: bool,
) -> WrittenStrike {
    let Note { pitch, length, velocity, probability, .. } = note;
    let (key, transposed) = (Struckable::Note(pitch), Semitones::of(0));
    WrittenStrike {
        tick,
        straight: tick,
        end: tick.saturating_add(length.get()).min(cut),
        chance: percent(probability),
        what: Struck { instrument, key, velocity, mono, transposed, chokes: None },
    }
}

fn percent(probability: Probability) -> u32 {
    u32::from(probability.get()) * (CERTAIN / 100)
}

/// The chance for a probability from 0 (never) to 1 (always).
pub(super) fn chance_of(probability: Amount) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to a million")]
    let chance = (f64::from(probability.get()) * f64::from(CERTAIN)).round() as u32;
    chance
}

/// The values of active lanes from `from` to before `to`, in order: at every point
/// and on the grid between them; with `at_once`, also at `from`.
pub(super) fn shifts(state: &StudioState, from: u32, to: u32, at_once: bool) -> Vec<Shift> {
    let mut shifts = Vec::new();
    for (target, lane) in state.automation.lanes() {
        if moves(state, *target, lane) {
            let mut tick = if at_once { Some(from) } else { next_step(lane, from) };
            while let Some(at) = tick.filter(|tick| *tick < to) {
                let value = Ticks::new(at).ok().and_then(|tick| lane.value(tick));
                shifts.extend(value.map(|value| Shift { tick: at, target: *target, value }));
                tick = next_step(lane, at + 1);
            }
        }
    }
    shifts.sort_by_key(|shift| shift.tick);
    shifts
}

/// Whether a lane is active, i.e. moves its parameter. It does not if the parameter
/// does not exist.
pub(super) fn moves(state: &StudioState, target: Target, lane: &Lane) -> bool {
    lane.enabled && !lane.points.is_empty() && target.part(state).is_some()
}

/// The first tick at or after `from` at which the value of a lane may change.
pub(super) fn next_step(lane: &Lane, from: u32) -> Option<u32> {
    let on_grid = from.checked_next_multiple_of(GRID)?;
    let point = Ticks::new(from).ok().and_then(|from| lane.points.next(from));
    Some(point.map_or(on_grid, |point| on_grid.min(point.tick.get())))
}
