//! An arpeggio: the keys of one instrument, played one after the other.
//!
//! It counts steps in ticks; it must not know the instrument, tempo, or what else sounds.

use super::{
    chord::{KeyDown, KeySource, PitchSet},
    groove::mixed,
    playhead::Playhead,
};
use crate::{
    studio::{Arpeggiator, ArpeggioPattern},
    util::quantity::{Pitch, Velocity},
};

/// An arpeggio that runs, because it has keys.
#[derive(Clone, Debug)]
pub(super) struct Arpeggio {
    settings: Arpeggiator,
    /// In the order in which they were struck.
    keys: Vec<ArpeggioKey>,
    /// How many steps were played since the first key.
    turn: u32,
    /// The tick of the next step.
    next: u32,
    /// The tick at which the notes of the last step end, if they sound.
    ends: Option<u32>,
    /// What ticks are counted by while the playhead stands still.
    pub(super) clock: Playhead,
}

#[derive(Clone, Copy, Debug)]
struct ArpeggioKey {
    key: KeyDown,
    /// Whether it is still down: otherwise the arpeggio holds it.
    down: bool,
}

/// What an arpeggio does at a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArpeggioTurn {
    /// The notes of the last step end.
    End,
    /// The notes of the last step end, if they sound, and those of the next one begin.
    Step,
}

impl Arpeggio {
    /// An arpeggio without keys. Its first step is due at `tick`.
    pub(super) fn starting(settings: Arpeggiator, tick: u32) -> Self {
        let clock = Playhead::at(tick);
        Self { settings, keys: Vec::new(), turn: 0, next: tick, ends: None, clock }
    }

    pub(super) fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// The keys that are not only held by the arpeggio.
    pub(super) fn keys_down(&self) -> impl Iterator<Item = &KeyDown> {
        self.keys.iter().filter(|held| held.down).map(|held| &held.key)
    }

    /// Adds a key. If all others are only held by the arpeggio, it replaces them.
    pub(super) fn press(&mut self, key: KeyDown) {
        if !self.keys.iter().any(|held| held.down) {
            self.keys.clear();
            self.turn = 0;
        }
        self.keys.retain(|held| !held.key.is((key.source, key.pitch)));
        self.keys.push(ArpeggioKey { key, down: true });
    }

    /// Releases a key.
    pub(super) fn release(&mut self, key: (KeySource, Pitch)) {
        for held in self.keys.iter_mut().filter(|held| held.key.is(key)) {
            held.down = false;
        }
        self.drop_released();
    }

    /// Drops the keys of a source, even those that the arpeggio holds.
    pub(super) fn drop_source(&mut self, source: KeySource) {
        self.keys.retain(|held| held.key.source != source);
    }

    fn drop_released(&mut self) {
        self.keys.retain(|held| held.down || self.settings.hold);
    }

    /// Takes new settings. `here` is the first tick that has not been played, and `on_grid`
    /// says whether steps are multiples.
    pub(super) fn follow(&mut self, settings: Arpeggiator, here: u32, on_grid: bool) {
        let step = settings.step.ticks();
        if step != self.settings.step.ticks() {
            self.next = if on_grid {
                here.next_multiple_of(step)
            } else {
                self.next.min(here.saturating_add(step))
            };
        }
        self.settings = settings;
        self.drop_released();
    }

    /// Counts from `to` where it counted from `from`, with steps at multiples.
    pub(super) fn move_to_grid(&mut self, from: u32, to: u32) {
        self.ends = self.ends.map(|end| to.saturating_add(end.saturating_sub(from)));
        self.next = to.next_multiple_of(self.settings.step.ticks());
    }

    /// The tick at which something is next to do.
    pub(super) fn next_tick(&self) -> u32 {
        self.ends.map_or(self.next, |end| end.min(self.next))
    }

    /// What is to do at or before `tick`, which is then done.
    pub(super) fn turn(&mut self, tick: u32) -> Option<ArpeggioTurn> {
        if self.next <= tick {
            let step = self.settings.step.ticks();
            self.ends = Some(self.next.saturating_add(gate(&self.settings)));
            self.next = self.next.saturating_add(step);
            return Some(ArpeggioTurn::Step);
        }
        self.ends.take_if(|end| *end <= tick).map(|_| ArpeggioTurn::End)
    }

    /// Counts from 0 at the last step, so that the clock never ends.
    pub(super) fn wind_back(&mut self) {
        let last = self.next.saturating_sub(self.settings.step.ticks());
        self.clock.jump(last, 0);
        self.ends = self.ends.map(|end| end.saturating_sub(last));
        self.next -= last;
    }

    /// The notes of the next step, in the order in which they are struck. `seed` is that of the
    /// instrument; with `mono`, there is at most one.
    pub(super) fn step(&mut self, seed: u32, mono: bool, mut play: impl FnMut(Pitch, Velocity)) {
        let turn = self.turn;
        self.turn = self.turn.wrapping_add(1);
        if self.settings.pattern == ArpeggioPattern::AllAtOnce {
            let octave = u8::try_from(turn % u32::from(self.settings.span.get()));
            let all = self.all().up(octave.unwrap_or_default());
            let most = if mono { 1 } else { usize::MAX };
            return all
                .iter()
                .take(most)
                .for_each(|note| play(note, self.velocity(note, octave.unwrap_or_default())));
        }
        let octaves = 0..self.settings.span.get();
        let count: u32 = octaves.clone().map(|octave| self.all().up(octave).len()).sum();
        let Some(mut number) = self.number(turn, count, seed) else { return };
        for octave in octaves {
            let here = self.all().up(octave).len();
            if number < here {
                if let Some(note) = self.nth(number, octave) {
                    play(note, self.velocity(note, octave));
                }
                return;
            }
            number -= here;
        }
    }

    /// The place of a step among `count` notes.
    fn number(&self, turn: u32, count: u32, seed: u32) -> Option<u32> {
        let last = count.checked_sub(1)?;
        Some(match self.settings.pattern {
            ArpeggioPattern::Up | ArpeggioPattern::AsStruck | ArpeggioPattern::AllAtOnce => {
                turn % count
            }
            ArpeggioPattern::Down => last - turn % count,
            ArpeggioPattern::UpAndDown => {
                let place = turn % (2 * last).max(1);
                place.min(2 * last - place)
            }
            ArpeggioPattern::Random => {
                let dice = mixed(u64::from(seed) << 32 | u64::from(turn)) % u64::from(count);
                u32::try_from(dice).unwrap_or_default()
            }
        })
    }

    /// The notes of all keys, in the lowest octave of the span.
    fn all(&self) -> PitchSet {
        self.keys.iter().fold(PitchSet::default(), |all, held| all.with(held.key.notes))
    }

    /// The note of this number in an octave of the span: by pitch or as struck.
    fn nth(&self, number: u32, octave: u8) -> Option<Pitch> {
        let mut number = number;
        let mut seen = PitchSet::default();
        let ordered = self.settings.pattern != ArpeggioPattern::AsStruck;
        let whole = [self.all()];
        let each = self.keys.iter().map(|held| held.key.notes);
        let parts = whole.into_iter().filter(|_| ordered).chain(each.filter(|_| !ordered));
        for part in parts {
            let new = part.without(seen).up(octave);
            if number < new.len() {
                return new.iter().nth(usize::try_from(number).ok()?);
            }
            number -= new.len();
            seen = seen.with(part);
        }
        None
    }

    /// The velocity of a note: that of the first key that plays it.
    fn velocity(&self, note: Pitch, octave: u8) -> Velocity {
        let first = self.keys.iter().find(|held| held.key.notes.up(octave).contains(note));
        first.map_or(Velocity::MAX, |held| held.key.velocity)
    }
}

/// The length of a note, in ticks: at least one.
fn gate(settings: &Arpeggiator) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most a step")]
    let length = (f64::from(settings.gate.get()) * f64::from(settings.step.ticks())).round() as u32;
    length.max(1)
}
