//! What sounds of the keys: every note that begins ends once, when the last key that plays it
//! is released.
//!
//! It knows the instruments that play more than the written notes as they are: those with held
//! keys, a chord, an octave or an arpeggio. It knows neither where keys come from nor the time.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    time::Duration,
};

use super::{
    arpeggio::{Arpeggio, ArpeggioTurn},
    chord::{KeyDown, KeySource, PitchSet},
    played::PlaybackEvent,
    playhead::Playhead,
    schedule::plays_mono,
};
use crate::{
    model::InstrumentId,
    studio::StudioState,
    util::quantity::{Bpm, Pitch, Velocity},
};

/// Takes what begins and ends.
type Emit<'a> = &'a mut dyn FnMut(PlaybackEvent);

/// The keys that are down, and what sounds of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Keyboard {
    instruments: BTreeMap<InstrumentId, InstrumentKeys>,
    arpeggios: BTreeMap<InstrumentId, Arpeggio>,
    /// Whether the steps of arpeggios are counted by the playhead.
    on_grid: bool,
}

/// The keys of one instrument, without those that its arpeggio plays.
#[derive(Clone, Debug, Default)]
struct InstrumentKeys {
    keys: Vec<KeyDown>,
    sounding: BTreeMap<Pitch, Velocity>,
}

impl Keyboard {
    /// Whether the instrument plays more than its written notes as they are. Then it must know
    /// all its keys.
    pub(super) fn is_busy(&self, id: InstrumentId) -> bool {
        self.instruments.contains_key(&id) || self.arpeggios.contains_key(&id)
    }

    /// The velocities of the notes of an instrument that sound.
    pub(super) fn sounding(&self, id: InstrumentId) -> impl Iterator<Item = Velocity> {
        self.instruments.get(&id).into_iter().flat_map(|own| own.sounding.values().copied())
    }

    pub(super) fn is_silent(&self) -> bool {
        self.instruments.values().all(|own| own.sounding.is_empty())
    }

    pub(super) fn has_arpeggios(&self) -> bool {
        !self.arpeggios.is_empty()
    }

    /// Notes that sound already, as written, of an instrument that was not busy.
    pub(super) fn take_over(
        &mut self,
        id: InstrumentId,
        notes: impl Iterator<Item = (Pitch, Velocity)>,
    ) {
        for (pitch, velocity) in notes {
            let own = self.instruments.entry(id).or_default();
            let (source, notes) = (KeySource::Written, PitchSet::one(pitch));
            own.keys.push(KeyDown { source, pitch, velocity, notes });
            own.sounding.insert(pitch, velocity);
        }
    }

    /// A key goes down. `here` is the first tick that has not been played.
    pub(super) fn press(
        &mut self,
        state: &StudioState,
        id: InstrumentId,
        (source, pitch, velocity): (KeySource, Pitch, Velocity),
        here: u32,
        emit: Emit<'_>,
    ) {
        let Some(instrument) = state.instruments.get(id) else { return };
        let mono = plays_mono(state, id);
        let notes = PitchSet::of_key(instrument, pitch, mono);
        let key = KeyDown { source, pitch, velocity, notes };
        let settings = *instrument.arpeggiator;
        if settings.on || self.arpeggios.contains_key(&id) {
            let on_grid = self.on_grid;
            let arpeggio = self.arpeggios.entry(id).or_insert_with(|| {
                if !on_grid {
                    return Arpeggio::starting(settings, 0);
                }
                Arpeggio::starting(settings, here.next_multiple_of(settings.step.ticks()))
            });
            arpeggio.press(key);
        } else {
            self.instruments.entry(id).or_default().begin(id, key, mono, emit);
        }
    }

    /// A key goes up. What it began ends, unless another key plays it, too.
    pub(super) fn release(&mut self, id: InstrumentId, key: (KeySource, Pitch), emit: Emit<'_>) {
        self.end_keys(id, |down| down.is(key), emit);
        if let Some(arpeggio) = self.arpeggios.get_mut(&id) {
            arpeggio.release(key);
            self.drop_finished(id, emit);
        }
    }

    /// Releases what is written, even if an arpeggio holds it.
    pub(super) fn release_written(&mut self, emit: Emit<'_>) {
        for id in self.ids() {
            self.drop_keys(id, KeySource::Written, emit);
        }
    }

    /// Releases the keys of a source, even if an arpeggio holds them.
    pub(super) fn drop_keys(&mut self, id: InstrumentId, source: KeySource, emit: Emit<'_>) {
        self.end_keys(id, |down| down.source == source, emit);
        if let Some(arpeggio) = self.arpeggios.get_mut(&id) {
            arpeggio.drop_source(source);
            self.drop_finished(id, emit);
        }
    }

    /// Ends everything.
    pub(super) fn silence(&mut self, emit: Emit<'_>) {
        self.arpeggios.clear();
        for id in self.ids() {
            self.end_keys(id, |_| true, emit);
        }
    }

    /// The keys that a source holds down.
    pub(super) fn keys_of(&self, source: KeySource) -> BTreeSet<(InstrumentId, Pitch)> {
        let own =
            self.instruments.iter().flat_map(|(id, own)| own.keys.iter().map(|key| (*id, key)));
        let arpeggios = self.arpeggios.iter();
        let arpeggios = arpeggios.flat_map(|(id, own)| own.keys_down().map(|key| (*id, key)));
        let keys = own.chain(arpeggios).filter(|(_, key)| key.source == source);
        keys.map(|(id, key)| (id, key.pitch)).collect()
    }

    fn ids(&self) -> Vec<InstrumentId> {
        let mut ids: Vec<_> =
            self.instruments.keys().chain(self.arpeggios.keys()).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn end_keys(&mut self, id: InstrumentId, which: impl Fn(&KeyDown) -> bool, emit: Emit<'_>) {
        let Some(own) = self.instruments.get_mut(&id) else { return };
        while let Some(at) = own.keys.iter().position(&which) {
            own.end(id, at, emit);
        }
        if own.keys.is_empty() {
            self.instruments.remove(&id);
        }
    }

    /// Ends an arpeggio that has no keys any more.
    fn drop_finished(&mut self, id: InstrumentId, emit: Emit<'_>) {
        if self.arpeggios.get(&id).is_some_and(|arpeggio| !arpeggio.has_keys()) {
            self.arpeggios.remove(&id);
            self.end_step(id, emit);
        }
    }

    fn end_step(&mut self, id: InstrumentId, emit: Emit<'_>) {
        self.end_keys(id, |down| down.source == KeySource::Arpeggio, emit);
    }
}

/// The arpeggios. On the grid, their steps are at multiples of the step, counted by the
/// playhead; otherwise each has its own clock, which runs since its first key.
impl Keyboard {
    /// The next tick on the grid at which an arpeggio plays.
    pub(super) fn next_tick(&self) -> Option<u32> {
        self.arpeggios.values().map(Arpeggio::next_tick).min()
    }

    /// Plays the arpeggios up to and including `tick` of the grid.
    pub(super) fn play(&mut self, state: &StudioState, tick: u32, emit: Emit<'_>) {
        for id in self.running() {
            while self.turn(state, id, tick, emit) {}
        }
    }

    /// Plays the arpeggios for `time`, off the grid. `emit` gets how long before its end each
    /// event was.
    pub(super) fn rest(
        &mut self,
        state: &StudioState,
        time: Duration,
        tempo: Bpm,
        emit: &mut dyn FnMut(Duration, PlaybackEvent),
    ) {
        for arpeggio in self.arpeggios.values_mut() {
            arpeggio.clock.move_on(time, tempo);
        }
        let due = |id: InstrumentId, arpeggio: &Arpeggio| {
            let tick = arpeggio.next_tick();
            let there = arpeggio.clock.has_reached(tick);
            there.then(|| (arpeggio.clock.since(tick, tempo), Reverse(id), tick))
        };
        let arpeggios = self.arpeggios.iter();
        let mut all: BinaryHeap<_> = arpeggios.filter_map(|(id, own)| due(*id, own)).collect();
        while let Some((ago, Reverse(id), tick)) = all.pop() {
            self.turn(state, id, tick, &mut |what| emit(ago, what));
            if let Some(arpeggio) = self.arpeggios.get_mut(&id) {
                arpeggio.wind_back();
                all.extend(due(id, arpeggio));
            }
        }
    }

    /// Does what an arpeggio has to do at or before `tick` and returns whether there was
    /// anything.
    fn turn(&mut self, state: &StudioState, id: InstrumentId, tick: u32, emit: Emit<'_>) -> bool {
        let Some(turn) = self.arpeggios.get_mut(&id).and_then(|own| own.turn(tick)) else {
            return false;
        };
        self.end_step(id, emit);
        if turn == ArpeggioTurn::Step
            && let Some(arpeggio) = self.arpeggios.get_mut(&id)
        {
            let mono = plays_mono(state, id);
            let own = self.instruments.entry(id).or_default();
            arpeggio.step(id.0, mono, |pitch, velocity| {
                let notes = PitchSet::one(pitch);
                let key = KeyDown { source: KeySource::Arpeggio, pitch, velocity, notes };
                own.begin(id, key, mono, emit);
            });
            if own.keys.is_empty() {
                self.instruments.remove(&id);
            }
        }
        true
    }

    /// The grid jumps, or begins: its ticks are counted from `to`. Off the grid, each
    /// arpeggio's own are at `from`.
    pub(super) fn move_to_grid(&mut self, from: u32, to: u32) {
        for arpeggio in self.arpeggios.values_mut() {
            let from = if self.on_grid { from } else { arpeggio.clock.tick() };
            arpeggio.move_to_grid(from, to);
        }
        self.on_grid = true;
    }

    /// The grid ends at `playhead`: each arpeggio goes on from there in its own time, which does
    /// not end where that of the playhead does.
    pub(super) fn leave_grid(&mut self, playhead: Playhead) {
        for arpeggio in self.arpeggios.values_mut().filter(|_| self.on_grid) {
            arpeggio.clock = playhead;
            arpeggio.wind_back();
        }
        self.on_grid = false;
    }

    /// Takes the settings of the arpeggiators. `here` is the first tick of the grid that has
    /// not been played.
    pub(super) fn follow(&mut self, state: &StudioState, here: u32, emit: Emit<'_>) {
        for id in self.running() {
            let settings = state.instruments.get(id).map(|instrument| *instrument.arpeggiator);
            let Some(settings) = settings.filter(|settings| settings.on) else {
                self.arpeggios.remove(&id);
                self.end_step(id, emit);
                continue;
            };
            let on_grid = self.on_grid;
            self.arpeggios.entry(id).and_modify(|arpeggio| {
                let here = if on_grid { here } else { arpeggio.clock.tick() };
                arpeggio.follow(settings, here, on_grid);
            });
            self.drop_finished(id, emit);
        }
    }

    fn running(&self) -> Vec<InstrumentId> {
        self.arpeggios.keys().copied().collect()
    }
}

impl InstrumentKeys {
    /// Begins the notes of a key. What sounds already is struck again.
    fn begin(&mut self, id: InstrumentId, key: KeyDown, mono: bool, emit: Emit<'_>) {
        if mono {
            for pitch in std::mem::take(&mut self.sounding).into_keys() {
                emit(PlaybackEvent::NoteOff { instrument: id, pitch });
            }
            self.keys.iter_mut().for_each(|other| other.notes = PitchSet::default());
        }
        for pitch in key.notes.iter() {
            if self.sounding.insert(pitch, key.velocity).is_some() {
                emit(PlaybackEvent::NoteOff { instrument: id, pitch });
            }
            emit(PlaybackEvent::NoteOn { instrument: id, pitch, velocity: key.velocity });
        }
        self.keys.push(key);
    }

    /// Ends the notes of the key at this place that no other key plays.
    fn end(&mut self, id: InstrumentId, at: usize, emit: Emit<'_>) {
        let key = self.keys.remove(at);
        let others = self.keys.iter().fold(PitchSet::default(), |all, key| all.with(key.notes));
        for pitch in key.notes.without(others).iter() {
            self.sounding.remove(&pitch);
            emit(PlaybackEvent::NoteOff { instrument: id, pitch });
        }
    }
}
