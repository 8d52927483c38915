//! The instruments: what each is made of, how it is edited and how it is played.
//!
//! It knows nothing of who owns an instrument, and nothing of its track but
//! that each instrument has one.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    StudioEffect, StudioState,
    automation::ChainOf,
    bounded::{self, MAX_INSTRUMENTS},
    chain::{Chain, ChainSetting},
    keys::{KeyChange, Keys},
    layer_group::LayerGroupId,
    mixer::BusId,
    modulator::{Arpeggiator, ChordShape, Groove, Lfo},
    name::Name,
    reference::{Reference, Refers},
    sends::Sends,
    settings::{Settings, settings},
    source::{Source, SourceKind},
    tone::{Envelope, Filter},
};
use crate::{
    model::{DigestDelta, InstrumentId, Invalid},
    util::{
        ordmap::{DiffItem, OrdMap},
        quantity::{Decibels, OctaveShift, Pan, Pitch, Velocity},
    },
};

/// Where the sound of an instrument goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    /// Straight to the master.
    Master,
    /// To a bus.
    Bus(BusId),
}

/// How many channels an instrument has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Channels {
    /// One.
    Mono,
    /// A left and a right one.
    Stereo,
}

settings! {
    /// An instrument and its strip.
    ///
    /// An edit copies the whole of it, so it is small: what can grow, and what
    /// is rarely edited, is shared.
    Instrument, InstrumentSetting, InstrumentParameter {
        /// What it is called.
        name: Name(Name) = Name::default();
        /// What its sound begins with.
        source: Source[Source] = Source::default();
        /// What its spectrum is shaped by.
        filter: Filter[Filter] = Filter::default();
        /// What its loudness is shaped by.
        amp: Amp[Envelope] = Envelope::default();
        /// What its sound goes through then.
        chain: Chain[Chain] = Chain::default();
        /// What moves it by itself.
        lfo: Lfo[Arc<Lfo>] = Arc::default();
        /// What plays its held keys one after the other.
        arpeggiator: Arpeggiator[Arc<Arpeggiator>] = Arc::default();
        /// What one key plays.
        chord: Chord(ChordShape) = ChordShape::Single;
        /// How it stands to the beat.
        groove: Groove[Arc<Groove>] = Arc::default();
        /// The group with which it is played.
        layer_group: LayerGroup(Option<LayerGroupId>) = None;
        /// How far it is transposed.
        octave: Octave(OctaveShift) = OctaveShift::of(0);
        /// How many channels it has.
        channels: Channels(Channels) = Channels::Stereo;
        /// The fader.
        level: Level(Decibels) = Decibels::of(-6.0);
        /// Where it is between the loudspeakers.
        pan: Pan(Pan) = Pan::of(0.0);
        /// Whether it is silenced.
        mute: Mute(bool) = false;
        /// Whether the instruments that are not soloed are silenced.
        solo: Solo(bool) = false;
        /// Where its sound goes.
        output: Output(Output) = Output::Master;
        /// Where else its sound goes.
        sends: Sends[Sends] = Sends::default();
    }
    beside {
        /// The keys that are held down.
        sounding: Keys;
    }
}

/// What is done to one instrument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InstrumentAction {
    /// Sets one parameter.
    Set(InstrumentSetting),
    /// Strikes a key; again, if it is held.
    Play(Pitch, Velocity),
    /// Releases a key. Nothing happens if it is not held: its release may have
    /// come with [`ReleaseAll`](Self::ReleaseAll) already.
    Release(Pitch),
    /// Releases all keys.
    ReleaseAll,
}

/// All instruments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstrumentState(
    #[serde(deserialize_with = "bounded::map::<MAX_INSTRUMENTS, _, _, _>")]
    OrdMap<InstrumentId, Arc<Instrument>>,
);

impl InstrumentState {
    /// Instrument by instrument.
    pub(super) fn digest_delta(&self, to: &Self, delta: &mut DigestDelta) {
        delta.map(Some(&self.0), Some(&to.0));
    }

    /// The instrument of this id, if there is one.
    #[must_use]
    pub fn get(&self, id: InstrumentId) -> Option<&Instrument> {
        self.0.get(&id).map(Arc::as_ref)
    }

    /// Whether there is an instrument of this id.
    #[must_use]
    pub fn contains(&self, id: InstrumentId) -> bool {
        self.0.contains_key(&id)
    }

    /// All instruments, by id.
    pub fn iter(&self) -> impl Iterator<Item = (InstrumentId, &Instrument)> {
        self.0.iter().map(|(id, instrument)| (*id, instrument.as_ref()))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The id that a participant should give to an instrument that it adds.
    ///
    /// Each participant counts in a block of its own, the host in block 0 and
    /// client `n` in block `n`, so that two who add an instrument at the same
    /// moment do not ask for the same id. Block 0 is 1 to 1000, block 3 is 3001
    /// to 4000. It is the lowest free id of the block; if there is none, the one
    /// after the highest of all, and if that does not exist either, the lowest
    /// of all that is free.
    #[must_use]
    pub fn free_id(&self, block: u32) -> InstrumentId {
        let own = block.checked_mul(1000).and_then(|start| {
            let end = start.checked_add(1000)?;
            self.lowest_free(start + 1, end)
        });
        let after_all = || self.0.last().map_or(Some(1), |(highest, _)| highest.0.checked_add(1));
        let id = own.or_else(after_all).or_else(|| self.lowest_free(1, u32::MAX));
        InstrumentId(id.unwrap_or_default())
    }

    fn lowest_free(&self, first: u32, last: u32) -> Option<u32> {
        let mut candidates = first..=last;
        for (taken, _) in self.0.iter_from(&InstrumentId(first)) {
            let candidate = candidates.next()?;
            if taken.0 != candidate {
                return Some(candidate);
            }
        }
        candidates.next()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = InstrumentId> {
        self.0.keys().copied()
    }

    pub(super) fn get_mut(&mut self, id: InstrumentId) -> Result<&mut Instrument, Invalid> {
        match self.0.get_mut(&id) {
            Some(instrument) => Ok(Arc::make_mut(instrument)),
            None => Err(Invalid::missing("instrument", id)),
        }
    }

    pub(super) fn put(
        &mut self,
        id: InstrumentId,
        instrument: &Arc<Instrument>,
    ) -> Result<(), Invalid> {
        if self.contains(id) {
            return Err(Invalid::exists("instrument", id));
        }
        if self.len() >= MAX_INSTRUMENTS {
            return Err(Invalid::full("instruments", bounded::count(MAX_INSTRUMENTS)));
        }
        self.0.insert(id, Arc::clone(instrument));
        Ok(())
    }

    pub(super) fn take(&mut self, id: InstrumentId) -> Result<Arc<Instrument>, Invalid> {
        self.0.remove(&id).ok_or_else(|| Invalid::missing("instrument", id))
    }

    /// Whether both are the same in memory, and so equal.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0)
    }

    pub(crate) fn diff<'a>(
        &'a self,
        to: &'a Self,
    ) -> impl Iterator<Item = DiffItem<'a, InstrumentId, Arc<Instrument>>> {
        self.0.diff(&to.0)
    }

    /// Releases the keys of all instruments.
    pub(super) fn release_all(&mut self) {
        let held: Vec<_> = self
            .iter()
            .filter(|(_, played)| !played.sounding.is_empty())
            .map(|(id, _)| id)
            .collect();
        for id in held {
            if let Some(instrument) = self.0.get_mut(&id) {
                Arc::make_mut(instrument).sounding = Keys::default();
            }
        }
    }
}

impl Refers for InstrumentState {
    fn references(&self, each: &mut dyn FnMut(Reference)) {
        self.iter().for_each(|(_, instrument)| instrument.references(each));
    }

    fn forget(&mut self, gone: Reference) {
        let affected = self.iter().filter(|(_, instrument)| instrument.refers_to(gone));
        for id in affected.map(|(id, _)| id).collect::<Vec<_>>() {
            if let Some(instrument) = self.0.get_mut(&id) {
                Arc::make_mut(instrument).forget(gone);
            }
        }
    }
}

impl Instrument {
    /// Checks what concerns the instrument as a whole, once an action is done.
    fn check(&self) -> Result<(), Invalid> {
        self.chain.check()
    }
}

impl Refers for Instrument {
    fn references(&self, each: &mut dyn FnMut(Reference)) {
        self.source.references(each);
        self.chain.references(each);
        if let Some(group) = self.layer_group {
            each(Reference::LayerGroup(group));
        }
        if let Output::Bus(bus) = self.output {
            each(Reference::Bus(bus));
        }
        self.sends.references(each);
    }

    /// What went to a bus that is gone goes to the master.
    fn forget(&mut self, gone: Reference) {
        self.source.forget(gone);
        self.chain.forget(gone);
        self.layer_group.take_if(|group| Reference::LayerGroup(*group) == gone);
        if let Output::Bus(bus) = self.output
            && Reference::Bus(bus) == gone
        {
            self.output = Output::Master;
        }
        self.sends.forget(gone);
    }
}

pub(super) fn add(
    state: &mut StudioState,
    id: InstrumentId,
    name: &Name,
    source: SourceKind,
) -> Result<Vec<StudioEffect>, Invalid> {
    let instrument =
        Instrument { name: name.clone(), source: Source::of(source), ..Instrument::default() };
    state.instruments.put(id, &Arc::new(instrument))?;
    state.piano_roll.add_track(id);
    state.drums.follow_one(id, &state.instruments);
    Ok(Vec::new())
}

pub(super) fn delete(
    state: &mut StudioState,
    id: InstrumentId,
) -> Result<Vec<StudioEffect>, Invalid> {
    let instrument = state.instruments.take(id)?;
    state.piano_roll.remove_track(id);
    state.arrangement.remove_part(id);
    state.automation.forget_instrument(id);
    state.drums.follow_one(id, &state.instruments);
    state.forget(Reference::Instrument(id));
    Ok(silence(id, &instrument.sounding))
}

pub(super) fn reduce(
    state: &mut StudioState,
    id: InstrumentId,
    action: &InstrumentAction,
) -> Result<Vec<StudioEffect>, Invalid> {
    let instrument = state.instruments.get_mut(id)?;
    match action {
        InstrumentAction::Set(setting) => {
            instrument.set(setting.clone())?;
            instrument.check()?;
            if let Some(edited) = state.instruments.get(id) {
                state.check_references(edited)?;
            }
            state.drums.follow_one(id, &state.instruments);
            if let InstrumentSetting::Chain(ChainSetting::Remove(slot)) = setting {
                state.automation.forget_slot(ChainOf::Instrument(id), *slot);
            }
            Ok(Vec::new())
        }
        InstrumentAction::Play(pitch, velocity) => play(id, instrument, *pitch, *velocity),
        InstrumentAction::Release(pitch) => release(id, instrument, *pitch),
        InstrumentAction::ReleaseAll => Ok(silence(id, &std::mem::take(&mut instrument.sounding))),
    }
}

fn play(
    id: InstrumentId,
    instrument: &mut Instrument,
    pitch: Pitch,
    velocity: Velocity,
) -> Result<Vec<StudioEffect>, Invalid> {
    // A key that is struck again is released first, so that every note that
    // begins in the engine also ends there.
    let mut effects = release(id, instrument, pitch)?;
    instrument.sounding.set(KeyChange::Down(pitch, velocity))?;
    effects.push(StudioEffect::NoteOn { instrument: id, pitch, velocity });
    Ok(effects)
}

fn release(
    id: InstrumentId,
    instrument: &mut Instrument,
    pitch: Pitch,
) -> Result<Vec<StudioEffect>, Invalid> {
    if instrument.sounding.held(pitch).is_none() {
        return Ok(Vec::new());
    }
    instrument.sounding.set(KeyChange::Up(pitch))?;
    Ok(vec![StudioEffect::NoteOff { instrument: id, pitch }])
}

pub(super) fn silence(id: InstrumentId, keys: &Keys) -> Vec<StudioEffect> {
    keys.iter().map(|(pitch, _)| StudioEffect::NoteOff { instrument: id, pitch }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Model,
        studio::{MixerSetting, NetworkAction, SendsSetting, Studio},
    };

    const LEAD: InstrumentId = InstrumentId(2);
    const C: Pitch = Pitch::of(60);
    const LOUD: Velocity = Velocity::of(100);

    fn act(state: &mut StudioState, action: &InstrumentAction) -> Vec<StudioEffect> {
        reduce(state, LEAD, action).unwrap()
    }

    fn add_at(state: &mut StudioState, id: u32) {
        add(state, InstrumentId(id), &Name::default(), SourceKind::Pluck).unwrap();
    }

    #[test]
    fn every_note_that_begins_ends_once() {
        let mut state = StudioState::starter();
        let on = StudioEffect::NoteOn { instrument: LEAD, pitch: C, velocity: LOUD };
        let off = StudioEffect::NoteOff { instrument: LEAD, pitch: C };
        assert_eq!(act(&mut state, &InstrumentAction::Play(C, LOUD)), [on]);
        assert_eq!(act(&mut state, &InstrumentAction::Play(C, LOUD)), [off, on]);
        assert_eq!(act(&mut state, &InstrumentAction::ReleaseAll), [off]);
        assert_eq!(act(&mut state, &InstrumentAction::Release(C)), []);
        assert_eq!(act(&mut state, &InstrumentAction::ReleaseAll), []);
    }

    #[test]
    fn an_instrument_that_is_deleted_falls_silent_and_takes_its_track_along() {
        let mut state = StudioState::starter();
        act(&mut state, &InstrumentAction::Play(C, LOUD));
        let off = StudioEffect::NoteOff { instrument: LEAD, pitch: C };
        assert_eq!(delete(&mut state, LEAD), Ok(vec![off]));
        assert_eq!(state.piano_roll.track(LEAD), None);
        assert_eq!(delete(&mut state, LEAD), Err(Invalid::missing("instrument", 2)));
    }

    #[test]
    fn who_lets_go_of_a_sounding_instrument_releases_its_keys() {
        let mut state = StudioState::starter();
        assert_eq!(Studio::on_release(&state, LEAD), None);
        act(&mut state, &InstrumentAction::Play(C, LOUD));
        let release = NetworkAction::Instrument(LEAD, InstrumentAction::ReleaseAll);
        assert_eq!(Studio::on_release(&state, LEAD), Some(release));
        assert_eq!(Studio::on_release(&state, InstrumentId(99)), None);
    }

    #[test]
    fn a_bus_that_is_deleted_leaves_no_output_and_no_send_behind() {
        let mut state = StudioState::starter();
        let bus = BusId(1);
        let mixer = |state: &mut StudioState, setting| {
            Studio::reduce(state, &NetworkAction::Mixer(setting)).map(drop)
        };
        let output = InstrumentSetting::Output(Output::Bus(bus));
        let send = InstrumentSetting::Sends(SendsSetting::Add(bus));

        let missing = Invalid::missing("bus", 1);
        for setting in [&output, &send] {
            let set = InstrumentAction::Set(setting.clone());
            let refused = reduce(&mut state.clone(), LEAD, &set);
            assert_eq!(refused, Err(missing.clone()));
        }
        mixer(&mut state, MixerSetting::AddBus(bus, Name::default())).unwrap();
        act(&mut state, &InstrumentAction::Set(output));
        act(&mut state, &InstrumentAction::Set(send));
        mixer(&mut state, MixerSetting::DeleteBus(bus)).unwrap();
        assert_eq!(state.instruments, StudioState::starter().instruments);
    }

    #[test]
    fn an_instrument_is_small_to_copy() {
        assert!(size_of::<Instrument>() <= 256, "{}", size_of::<Instrument>());
    }

    #[test]
    fn participants_who_add_at_the_same_moment_ask_for_different_ids() {
        let mut state = StudioState::starter();
        assert_eq!(state.instruments.free_id(0), InstrumentId(4));
        assert_eq!(state.instruments.free_id(3), InstrumentId(3001));
        add_at(&mut state, 3001);
        add_at(&mut state, 3003);
        assert_eq!(state.instruments.free_id(3), InstrumentId(3002));
    }

    #[test]
    fn a_free_id_is_found_when_the_block_is_full_or_does_not_exist() {
        let mut state = StudioState::default();
        for id in 1001..=2000 {
            add_at(&mut state, id);
        }
        assert_eq!(state.instruments.free_id(1), InstrumentId(2001));
        assert_eq!(state.instruments.free_id(u32::MAX), InstrumentId(2001));
        add_at(&mut state, u32::MAX);
        assert_eq!(state.instruments.free_id(1), InstrumentId(1));
    }

    #[test]
    fn an_instrument_can_be_added_once_and_up_to_the_limit() {
        let mut state = StudioState::default();
        let add = |state: &mut StudioState, id| {
            add(state, InstrumentId(id), &Name::default(), SourceKind::Kick)
        };
        for id in 1..=2048 {
            assert_eq!(add(&mut state, id), Ok(vec![]));
        }
        assert_eq!(add(&mut state, 2048), Err(Invalid::exists("instrument", 2048)));
        assert_eq!(add(&mut state, 2049), Err(Invalid::full("instruments", 2048)));
    }
}
