//! What is to be played between two ticks: notes of tracks and of clips, beats of
//! drum machines, and the values of lanes.
//!
//! It only reads. Intervals are half-open, so that what is asked for piece by
//! piece is what would have been asked for at once. Whatever else strikes notes
//! adds them in [`strikes`].

use super::{
    beats,
    swing::{self, Swing},
};
use crate::{
    model::InstrumentId,
    quantity::{Amount, PadNumber, Pitch, Probability, Semitones, Ticks, Velocity},
    studio::{
        Clip, Lane, Note, Notes, Part, Placement, PlayMode, StudioState, Target, Track, Voices,
    },
};

/// How often a lane says where it is, in ticks: 31 ms at 120 bpm.
pub(super) const GRID: u32 = 30;

/// What can be struck on an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// A key, as MIDI numbers it.
    Note(Pitch),
    /// A pad of a drum kit.
    Pad(PadNumber),
}

/// A note, or a pad, that is to be struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Strike {
    pub(super) tick: u32,
    pub(super) instrument: InstrumentId,
    pub(super) key: Key,
    pub(super) velocity: Velocity,
    /// The first tick after it.
    pub(super) end: u32,
    /// How likely it is: never at 0, always at [`CERTAIN`].
    pub(super) chance: u32,
    /// Whether it ends what other notes its instrument plays.
    pub(super) mono: bool,
    /// How far the sound of a pad is transposed; of a key, that is in the key.
    pub(super) transposed: Semitones,
    /// What else it silences.
    pub(super) chokes: Option<(InstrumentId, Key)>,
}

/// The chance of what is always played.
const CERTAIN: u32 = 1_000_000;

/// A parameter that is to be moved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shift {
    pub(super) tick: u32,
    pub(super) target: Target,
    pub(super) value: Amount,
}

/// The notes and pads that are struck at or after `from` and before `to`, in
/// order.
pub(super) fn strikes(state: &StudioState, from: u32, to: u32) -> Vec<Strike> {
    let mut strikes = Vec::new();
    swing::pieces(state, from, to, |swing, span| strike_all(state, swing, &span, &mut strikes));
    strikes.sort_unstable();
    strikes
}

pub(super) type Span = std::ops::Range<u32>;

fn strike_all(state: &StudioState, swing: Swing, span: &Span, strikes: &mut Vec<Strike>) {
    match state.arrangement.play {
        PlayMode::PianoRoll => {
            for (id, track) in state.piano_roll.tracks().filter(|(_, track)| !track.is_empty()) {
                swung(state, id, swing, span, strikes, |span, strikes| {
                    strike_track(id, track, span, strikes);
                });
            }
        }
        PlayMode::Arrangement => {
            for (id, part) in state.arrangement.parts() {
                let mono = state.piano_roll.track(id).is_some_and(is_mono);
                swung(state, id, swing, span, strikes, |span, strikes| {
                    strike_part(id, part, mono, span, strikes);
                });
            }
        }
    }
    for (id, machine) in state.drums.machines() {
        swung(state, id, swing, span, strikes, |span, strikes| {
            beats::strike_machine(state, id, machine, span, strikes);
        });
    }
}

/// Asks for what is written so that it is played within `span` as the instrument
/// swings, and puts it there.
fn swung(
    state: &StudioState,
    id: InstrumentId,
    session: Swing,
    span: &Span,
    strikes: &mut Vec<Strike>,
    written: impl FnOnce(Span, &mut Vec<Strike>),
) {
    let swing = session.of_instrument(state.instruments.get(id));
    let first = strikes.len();
    written(swing.written(span.start)..swing.written(span.end), strikes);
    for strike in strikes.iter_mut().skip(first) {
        strike.tick = swing.played(strike.tick);
        // What is squeezed still lasts.
        strike.end = swing.played(strike.end).max(strike.tick + 1);
    }
}

pub(super) fn is_mono(track: &Track) -> bool {
    track.voices == Voices::Mono
}

fn strike_track(id: InstrumentId, track: &Track, span: Span, strikes: &mut Vec<Strike>) {
    let mono = is_mono(track);
    if !track.looping {
        return strike_notes(&track.notes, span.clone(), span.start, |note, tick| {
            strikes.push(strike(id, note, tick, u32::MAX, mono));
        });
    }
    let (start, end) = (track.region.start().get(), track.region.end().get());
    let once = span.start..span.end.min(end);
    strike_notes(&track.notes, once.clone(), once.start, |note, tick| {
        strikes.push(strike(id, note, tick, end, mono));
    });
    let again = span.start.max(end)..span.end;
    round_and_round(again, start, end - start, |local, tick| {
        strike_notes(&track.notes, start + local.start..start + local.end, tick, |note, tick| {
            let round_ends = tick + (end - note.tick.get());
            strikes.push(strike(id, note, tick, round_ends, mono));
        });
    });
}

fn strike_part(id: InstrumentId, part: &Part, mono: bool, span: Span, strikes: &mut Vec<Strike>) {
    for (_, placement) in part.placements() {
        let shared = span.start.max(placement.tick.get())..span.end.min(placement.end());
        if let Some(clip) = part.clip(placement.clip).filter(|_| !shared.is_empty()) {
            strike_clip(id, clip, placement, mono, shared, strikes);
        }
    }
}

fn strike_clip(
    id: InstrumentId,
    clip: &Clip,
    placement: &Placement,
    mono: bool,
    span: Span,
    strikes: &mut Vec<Strike>,
) {
    round_and_round(span, placement.tick.get(), clip.length.get(), |local, tick| {
        strike_notes(&clip.notes, local, tick, |note, tick| {
            strikes.push(strike(id, note, tick, placement.end(), mono));
        });
    });
}

/// Cuts `span` where what began at `origin` and lasts `length` begins anew.
/// Hands out each piece as it is counted within, and the tick it is at.
fn round_and_round(span: Span, origin: u32, length: u32, mut piece: impl FnMut(Span, u32)) {
    let mut tick = span.start;
    while tick < span.end {
        let local = (tick - origin) % length;
        let size = (length - local).min(span.end - tick);
        piece(local..local + size, tick);
        tick += size;
    }
}

/// The notes that start within `span`, the beginning of which is at `tick`.
fn strike_notes(notes: &Notes, span: Span, tick: u32, mut emit: impl FnMut(Note, u32)) {
    let place = |tick: u32| Ticks::new(tick).unwrap_or(Ticks::MAX);
    for note in notes.starting(place(span.start), place(span.end)) {
        emit(note, tick + (note.tick.get() - span.start));
    }
}

fn strike(instrument: InstrumentId, note: Note, tick: u32, cut: u32, mono: bool) -> Strike {
    let Note { pitch, length, velocity, probability, .. } = note;
    let end = tick.saturating_add(length.get()).min(cut);
    Strike {
        tick,
        instrument,
        key: Key::Note(pitch),
        velocity,
        end,
        chance: percent(probability),
        mono,
        transposed: Semitones::of(0),
        chokes: None,
    }
}

fn percent(probability: Probability) -> u32 {
    u32::from(probability.get()) * (CERTAIN / 100)
}

/// The chance of what is never played at 0, and always at 1.
pub(super) fn chance_of(probability: Amount) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to a million")]
    let chance = (f64::from(probability.get()) * f64::from(CERTAIN)).round() as u32;
    chance
}

/// Where enabled lanes are at or after `from` and before `to`, in order: at
/// every point and on a grid between them; with `at_once`, at `from` as well.
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

/// Whether a lane moves its parameter: it does not while it learns from it, nor
/// while there is no such parameter.
pub(super) fn moves(state: &StudioState, target: Target, lane: &Lane) -> bool {
    let learns = lane.armed && state.transport.recording;
    lane.enabled && !lane.points.is_empty() && !learns && target.part(state).is_some()
}

/// The first tick from `from` on at which a lane may be elsewhere.
pub(super) fn next_step(lane: &Lane, from: u32) -> Option<u32> {
    let on_grid = from.checked_next_multiple_of(GRID)?;
    let point = Ticks::new(from).ok().and_then(|from| lane.points.next(from));
    Some(point.map_or(on_grid, |point| on_grid.min(point.tick.get())))
}

/// Whether it is played this time: the same for the same place and pass,
/// wherever and whenever it is asked.
pub(super) fn is_played(strike: &Strike, pass: u32) -> bool {
    let place = u64::from(strike.tick) << 32 | u64::from(strike.instrument.0);
    let key = match strike.key {
        Key::Note(pitch) => pitch.get(),
        Key::Pad(pad) => 128 + pad.get(),
    };
    let time = u64::from(pass) << 8 | u64::from(key);
    mixed(mixed(place) ^ time) % u64::from(CERTAIN) < u64::from(strike.chance)
}

/// Spreads a number over all numbers.
const fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
