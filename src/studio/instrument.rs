//! The instruments: what each is made of, how it is edited and how it is played.
//!
//! It knows nothing of who owns an instrument, and nothing of its track but
//! that each instrument has one.

use std::sync::Arc;

use imbl::{OrdMap, ordmap::DiffItem};
use serde::{Deserialize, Serialize};

use super::{
    StudioEffect, StudioState,
    bounded::{self, MAX_INSTRUMENTS},
    keys::{KeyChange, Keys},
    mixer::{BusId, Mixer},
    name::Name,
    sends::{Sends, SendsSetting},
    settings::{Settings, settings},
    source::{Source, SourceKind},
    tone::{Envelope, Filter},
};
use crate::{
    model::{InstrumentId, Invalid},
    quantity::{Decibels, Pan, Pitch, Velocity},
};

/// Where the sound of an instrument goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    /// Straight to the master.
    Master,
    /// To a bus.
    Bus(BusId),
}

settings! {
    /// An instrument and its strip.
    ///
    /// An edit copies the whole of it, so it is small: what can grow is shared.
    Instrument, InstrumentSetting {
        /// What it is called.
        name: Name(Name) = Name::default();
        /// What its sound begins with.
        source: Source[Source] = Source::default();
        /// What its spectrum is shaped by.
        filter: Filter[Filter] = Filter::default();
        /// What its loudness is shaped by.
        amp: Amp[Envelope] = Envelope::default();
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
        let after_all =
            || self.0.get_max().map_or(Some(1), |(highest, _)| highest.0.checked_add(1));
        let id = own.or_else(after_all).or_else(|| self.lowest_free(1, u32::MAX));
        InstrumentId(id.unwrap_or_default())
    }

    fn lowest_free(&self, first: u32, last: u32) -> Option<u32> {
        let mut candidates = first..=last;
        for (taken, _) in self.0.range(InstrumentId(first)..=InstrumentId(last)) {
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
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0)
    }

    pub(super) fn diff<'a, 'b>(
        &'a self,
        to: &'b Self,
    ) -> impl Iterator<Item = DiffItem<'a, 'b, InstrumentId, Arc<Instrument>>> {
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

    /// Sends what went to this bus to the master, and sends nothing else to it.
    pub(super) fn forget_bus(&mut self, bus: BusId) {
        let affected: Vec<_> =
            self.iter().filter(|(_, instrument)| instrument.uses(bus)).map(|(id, _)| id).collect();
        for id in affected {
            if let Some(instrument) = self.0.get_mut(&id) {
                Arc::make_mut(instrument).forget_bus(bus);
            }
        }
    }
}

impl Instrument {
    /// Whether its output or a send goes to this bus.
    #[must_use]
    pub fn uses(&self, bus: BusId) -> bool {
        self.output == Output::Bus(bus) || self.sends.to(bus).is_some()
    }

    /// The buses that its output and its sends go to.
    pub(super) fn buses(&self) -> impl Iterator<Item = BusId> {
        let output = match self.output {
            Output::Master => None,
            Output::Bus(bus) => Some(bus),
        };
        output.into_iter().chain(self.sends.iter().map(|(bus, _)| bus))
    }

    fn forget_bus(&mut self, bus: BusId) {
        if self.output == Output::Bus(bus) {
            self.output = Output::Master;
        }
        // That there is no such send is fine: the output alone may have used it.
        let _ = self.sends.set(SendsSetting::Remove(bus));
    }
}

impl InstrumentSetting {
    /// Checks that a bus that this setting refers to is there.
    pub(super) fn check(&self, mixer: &Mixer) -> Result<(), Invalid> {
        match self {
            Self::Output(Output::Bus(bus)) | Self::Sends(SendsSetting::Add(bus))
                if mixer.bus(*bus).is_none() =>
            {
                Err(Invalid::missing("bus", bus))
            }
            _ => Ok(()),
        }
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
            setting.check(&state.mixer)?;
            instrument.set(setting.clone())?;
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
        studio::{MixerSetting, NetworkAction, Studio},
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
        assert_eq!(Studio::let_go(&state, LEAD), None);
        act(&mut state, &InstrumentAction::Play(C, LOUD));
        let release = NetworkAction::Instrument(LEAD, InstrumentAction::ReleaseAll);
        assert_eq!(Studio::let_go(&state, LEAD), Some(release));
        assert_eq!(Studio::let_go(&state, InstrumentId(99)), None);
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
            let refused = reduce(&mut state, LEAD, &InstrumentAction::Set(setting.clone()));
            assert_eq!(refused, Err(missing.clone()));
        }
        mixer(&mut state, MixerSetting::AddBus(bus, Name::default())).unwrap();
        act(&mut state, &InstrumentAction::Set(output));
        act(&mut state, &InstrumentAction::Set(send));
        mixer(&mut state, MixerSetting::DeleteBus(bus)).unwrap();
        assert_eq!(state.instruments, StudioState::starter().instruments);
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
        for id in 1..=4096 {
            assert_eq!(add(&mut state, id), Ok(vec![]));
        }
        assert_eq!(add(&mut state, 4096), Err(Invalid::exists("instrument", 4096)));
        assert_eq!(add(&mut state, 4097), Err(Invalid::full("instruments", 4096)));
    }
}
