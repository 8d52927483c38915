//! Instruments: their settings, editing and playing.
//!
//! This file must not know owners. Of tracks it knows only that each instrument
//! has one.

pub(super) mod held_keys;
pub(super) mod modulator;
pub(super) mod sends;

use crate::{
    model::{DigestDelta, InstrumentId, Invalid},
    studio::{
        common::{
            bounded::{self, MAX_INSTRUMENTS},
            filter::{Envelope, Filter},
            ids::{BusId, LayerGroupId},
            name::Name,
            narrowing,
            range::choices,
            reference::{Reference, Refers},
            settings::{Settings, settings},
            studio_effect::{KeyHold, StudioEffect},
        },
        effect::chain::Chain,
        instrument::{
            held_keys::{KeyChange, Keys},
            modulator::{Arpeggiator, ChordShape, Groove, Lfo},
            sends::{BusSendParameter, Sends, SendsParameter},
        },
        source::Source,
    },
    util::{
        ordmap::{DiffItem, OrdMap},
        quantity::{Decibels, OctaveShift, Pan, Pitch, Velocity},
    },
};
use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize};

/// The output of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    /// Directly to the master.
    Master,
    /// To a bus.
    Bus(BusId),
}

/// The number of audio channels of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Channels {
    /// One channel.
    Mono,
    /// A left and a right channel.
    Stereo,
}

settings! {
    /// An instrument and its strip.
    ///
    /// Every edit copies the struct, so large or rarely edited parts are
    /// shared.
    Instrument, InstrumentSetting, InstrumentParameter {
        /// The display name.
        name: Name(Name) = Name::default();
        /// The sound source.
        source: Source[Source] = Source::default();
        /// The filter after the source.
        filter: Filter[Filter] = Filter::default();
        /// The amplitude envelope.
        amp: Amp[Envelope] = Envelope::default();
        /// The effects before the fader.
        chain: Chain[Chain] = Chain::default();
        /// The low-frequency oscillator.
        lfo: Lfo[Arc<Lfo>] = Arc::default();
        /// The arpeggiator.
        arpeggiator: Arpeggiator[Arc<Arpeggiator>] = Arc::default();
        /// The chord that one key plays.
        chord: Chord(ChordShape) = ChordShape::Single;
        /// The timing relative to the beat.
        groove: Groove[Arc<Groove>] = Arc::default();
        /// The layer group that the instrument belongs to.
        layer_group: LayerGroup(Option<LayerGroupId>) = None;
        /// The transposition in octaves.
        octave: Octave(OctaveShift) = OctaveShift::of(0);
        /// The number of audio channels.
        channels: Channels(Channels) = Channels::Stereo;
        /// The fader level in dB.
        level: Level(Decibels) = Decibels::of(-6.0);
        /// The stereo position, from -1 (left) to 1 (right).
        pan: Pan(Pan) = Pan::of(0.0);
        /// Whether the instrument is muted.
        mute: Mute(bool) = false;
        /// Whether only paths with a soloed strip on them are heard.
        solo: Solo(bool) = false;
        /// The output.
        output: Output(Output) = Output::Master;
        /// The sends to buses.
        sends: Sends[Sends] = Sends::default();
    }
    beside {
        /// The keys that are held down.
        sounding: Keys;
    }
}

/// An action on one instrument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InstrumentAction {
    /// Changes a setting.
    Set(InstrumentSetting),
    /// Plays a note. A held key of the same pitch is released first.
    Play(Pitch, Velocity),
    /// Releases a key. Without effect if it is not held, because
    /// [`ReleaseAll`](Self::ReleaseAll) may have been first.
    Release(Pitch),
    /// Releases a key later than it was let go, and says how long it was held, for the
    /// recording. Otherwise the same as [`Release`](Self::Release).
    ReleaseLate(Pitch, KeyHold),
    /// Releases all keys.
    ReleaseAll,
}

/// All instruments, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstrumentState(
    #[serde(deserialize_with = "bounded::map::<MAX_INSTRUMENTS, _, _, _>")]
    OrdMap<InstrumentId, Arc<Instrument>>,
);

impl InstrumentState {
    /// Digests instrument by instrument.
    pub(super) fn digest_delta(&self, to: &Self, delta: &mut DigestDelta) {
        delta.map(Some(&self.0), Some(&to.0));
    }

    /// The instrument with this id.
    #[must_use]
    pub fn get(&self, id: InstrumentId) -> Option<&Instrument> {
        self.0.get(&id).map(Arc::as_ref)
    }

    /// Whether the instrument exists.
    #[must_use]
    pub fn contains(&self, id: InstrumentId) -> bool {
        self.0.contains_key(&id)
    }

    /// All instruments, by id.
    pub fn iter(&self) -> impl Iterator<Item = (InstrumentId, &Instrument)> {
        self.0.iter().map(|(id, instrument)| (*id, instrument.as_ref()))
    }

    /// The instruments that differ in `to`, by id: as they are there, or `None` for one that
    /// does not exist there. What both share is skipped.
    pub fn changed<'a>(
        &'a self,
        to: &'a Self,
    ) -> impl Iterator<Item = (InstrumentId, Option<&'a Instrument>)> {
        self.0.diff(&to.0).map(|item| match item {
            DiffItem::Add(id, new) | DiffItem::Update { new: (id, new), .. } => {
                (*id, Some(new.as_ref()))
            }
            DiffItem::Remove(id, _) => (*id, None),
        })
    }

    /// The number of instruments.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no instruments.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The id that a participant should use for a new instrument.
    ///
    /// Each participant counts in its own block of ids, so that participants
    /// who add instruments at the same time do not collide: the host in block 0
    /// (1 to 1000), client `n` in block `n` (`n` * 1000 + 1 to `n` * 1000 +
    /// 1000). The result is the lowest unused id of the block; if the block is
    /// full, the highest id in use plus one, and failing that the lowest unused
    /// id of all.
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

    /// Drops the instruments that are the same, unless they are `concerned`.
    pub(super) fn narrow(from: &mut Self, to: &mut Self, concerned: &BTreeSet<InstrumentId>) {
        let all = (from.0.clone(), to.0.clone());
        narrowing::narrow(&mut from.0, &mut to.0, |_, _, _| {});
        for (narrowed, all) in [(&mut from.0, &all.0), (&mut to.0, &all.1)] {
            for id in concerned {
                if let Some(instrument) = all.get(id) {
                    narrowed.insert(*id, Arc::clone(instrument));
                }
            }
        }
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

    /// Whether both share the same memory, which implies that they are equal.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
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
    /// Checks the limits of the instrument as a whole, once an action is done.
    fn check(&self) -> Result<(), Invalid> {
        self.chain.check()
    }
}

impl Instrument {
    /// The parameters of this instrument, including those of its effects and
    /// sends.
    #[must_use]
    pub fn parameters(&self) -> Vec<InstrumentParameter> {
        let own = InstrumentParameter::all();
        let mut there: Vec<_> =
            own.into_iter().filter(|parameter| parameter.part(self).is_some()).collect();
        there.extend(self.chain.parameters().into_iter().map(InstrumentParameter::Chain));
        let sends = self.sends.iter().flat_map(|(bus, _)| {
            BusSendParameter::all().into_iter().map(move |send| SendsParameter(bus, send))
        });
        there.extend(sends.map(InstrumentParameter::Sends));
        there
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

    /// An output to a deleted bus goes to the master.
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

impl InstrumentState {
    /// Edits or plays an instrument. What it refers to is not checked here.
    pub(super) fn reduce(
        &mut self,
        id: InstrumentId,
        action: &InstrumentAction,
    ) -> Result<Vec<StudioEffect>, Invalid> {
        let instrument = self.get_mut(id)?;
        match action {
            InstrumentAction::Set(setting) => {
                instrument.set(setting.clone())?;
                instrument.check()?;
                Ok(Vec::new())
            }
            InstrumentAction::Play(pitch, velocity) => play(id, instrument, *pitch, *velocity),
            InstrumentAction::Release(pitch) => release(id, instrument, *pitch, None),
            InstrumentAction::ReleaseLate(pitch, hold) => {
                release(id, instrument, *pitch, Some(*hold))
            }
            InstrumentAction::ReleaseAll => {
                let mut effects = silence(id, &std::mem::take(&mut instrument.sounding));
                effects.extend(instrument.arpeggiator.holds().then_some(StudioEffect::EndHeld(id)));
                Ok(effects)
            }
        }
    }
}

fn play(
    id: InstrumentId,
    instrument: &mut Instrument,
    pitch: Pitch,
    velocity: Velocity,
) -> Result<Vec<StudioEffect>, Invalid> {
    // A key that is played again is released first, so that every note that
    // starts in the engine also ends.
    let mut effects = release(id, instrument, pitch, None)?;
    instrument.sounding.set(KeyChange::Down(pitch, velocity))?;
    effects.push(StudioEffect::NoteOn { instrument: id, pitch, velocity });
    Ok(effects)
}

fn release(
    id: InstrumentId,
    instrument: &mut Instrument,
    pitch: Pitch,
    hold: Option<KeyHold>,
) -> Result<Vec<StudioEffect>, Invalid> {
    if instrument.sounding.held(pitch).is_none() {
        return Ok(Vec::new());
    }
    instrument.sounding.set(KeyChange::Up(pitch))?;
    Ok(vec![StudioEffect::NoteOff { instrument: id, pitch, hold }])
}

pub(super) fn silence(id: InstrumentId, keys: &Keys) -> Vec<StudioEffect> {
    let off = |(pitch, _)| StudioEffect::NoteOff { instrument: id, pitch, hold: None };
    keys.iter().map(off).collect()
}

choices! {
    Channels: Mono Stereo;
}

#[cfg(test)]
mod parameter_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Model,
        studio::{
            Studio, StudioState, instrument::sends::SendsSetting, mixer::MixerSetting,
            network_action::NetworkAction, source::SourceKind,
        },
    };

    const LEAD: InstrumentId = InstrumentId(2);
    const C: Pitch = Pitch::of(60);
    const LOUD: Velocity = Velocity::of(100);

    fn act(state: &mut StudioState, action: &InstrumentAction) -> Vec<StudioEffect> {
        state.instruments.reduce(LEAD, action).unwrap()
    }

    fn add_at(state: &mut StudioState, id: u32) {
        state.add_instrument(InstrumentId(id), &Name::default(), SourceKind::Pluck).unwrap();
    }

    #[test]
    fn every_started_note_ends_exactly_once() {
        let mut state = StudioState::starter();
        let on = StudioEffect::NoteOn { instrument: LEAD, pitch: C, velocity: LOUD };
        let off = StudioEffect::NoteOff { instrument: LEAD, pitch: C, hold: None };
        assert_eq!(act(&mut state, &InstrumentAction::Play(C, LOUD)), [on]);
        assert_eq!(act(&mut state, &InstrumentAction::Play(C, LOUD)), [off, on]);
        assert_eq!(act(&mut state, &InstrumentAction::ReleaseAll), [off]);
        assert_eq!(act(&mut state, &InstrumentAction::Release(C)), []);
        assert_eq!(act(&mut state, &InstrumentAction::ReleaseAll), []);
    }

    #[test]
    fn deleting_an_instrument_ends_notes_and_deletes_its_track() {
        let mut state = StudioState::starter();
        act(&mut state, &InstrumentAction::Play(C, LOUD));
        let off = StudioEffect::NoteOff { instrument: LEAD, pitch: C, hold: None };
        assert_eq!(state.delete_instrument(LEAD), Ok(vec![off]));
        assert_eq!(state.piano_roll.track(LEAD), None);
        assert_eq!(state.delete_instrument(LEAD), Err(Invalid::missing("instrument", 2)));
    }

    #[test]
    fn on_release_releases_held_keys() {
        let mut state = StudioState::starter();
        assert_eq!(Studio::on_release(&state, LEAD), None);
        act(&mut state, &InstrumentAction::Play(C, LOUD));
        let release = NetworkAction::Instrument(LEAD, InstrumentAction::ReleaseAll);
        assert_eq!(Studio::on_release(&state, LEAD), Some(release));
        assert_eq!(Studio::on_release(&state, InstrumentId(99)), None);
    }

    #[test]
    fn deleting_a_bus_removes_outputs_and_sends_to_it() {
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
            let refused =
                Studio::reduce(&mut state.clone(), &NetworkAction::Instrument(LEAD, set)).map(drop);
            assert_eq!(refused, Err(missing.clone()));
        }
        mixer(&mut state, MixerSetting::AddBus(bus, Name::default())).unwrap();
        act(&mut state, &InstrumentAction::Set(output));
        act(&mut state, &InstrumentAction::Set(send));
        mixer(&mut state, MixerSetting::DeleteBus(bus)).unwrap();
        assert_eq!(state.instruments, StudioState::starter().instruments);
    }

    #[test]
    fn instruments_are_small_to_copy() {
        assert!(size_of::<Instrument>() <= 256, "{}", size_of::<Instrument>());
    }

    #[test]
    fn free_ids_of_participants_do_not_collide() {
        let mut state = StudioState::starter();
        assert_eq!(state.instruments.free_id(0), InstrumentId(5));
        assert_eq!(state.instruments.free_id(3), InstrumentId(3001));
        add_at(&mut state, 3001);
        add_at(&mut state, 3003);
        assert_eq!(state.instruments.free_id(3), InstrumentId(3002));
    }

    #[test]
    fn free_id_is_found_outside_a_full_or_invalid_block() {
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
    fn instruments_are_unique_and_limited() {
        let mut state = StudioState::default();
        let add = |state: &mut StudioState, id| {
            state.add_instrument(InstrumentId(id), &Name::default(), SourceKind::Kick)
        };
        for id in 1..=2048 {
            assert_eq!(add(&mut state, id), Ok(()));
        }
        assert_eq!(add(&mut state, 2048), Err(Invalid::exists("instrument", 2048)));
        assert_eq!(add(&mut state, 2049), Err(Invalid::full("instruments", 2048)));
    }
}
