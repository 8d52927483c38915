//! The buses and the master.
//!
//! It knows nothing of the instruments that are routed to it; that none of them
//! points to a bus that is gone is seen to by the reducer, at the end.

use std::fmt;

use imbl::{OrdMap, ordmap::DiffItem};
use serde::{Deserialize, Serialize};

use super::{
    StudioEffect, StudioState,
    bounded::{self, MAX_BUSES},
    name::Name,
    settings::{Place, PlaceName, Settings, settings},
};
use crate::{
    model::Invalid,
    quantity::{Decibels, Pan},
};

/// Names a bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BusId(pub u32);

impl fmt::Display for BusId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

settings! {
    /// A strip that other strips feed.
    Bus, BusSetting {
        /// What the strip is labelled.
        name: Name(Name) = Name::given("Bus");
        /// The fader.
        level: Level(Decibels) = Decibels::of(0.0);
        /// Where it is between the loudspeakers.
        pan: Pan(Pan) = Pan::of(0.0);
        /// Whether it is silenced.
        mute: Mute(bool) = false;
        /// Whether the buses that are not soloed are silenced.
        solo: Solo(bool) = false;
    }
}

settings! {
    /// The strip that everything ends in.
    #[derive(Copy)]
    Master, MasterSetting {
        /// The fader.
        level: Level(Decibels) = Decibels::of(0.0);
        /// Where it is between the loudspeakers.
        pan: Pan(Pan) = Pan::of(0.0);
        /// Whether it is silenced.
        mute: Mute(bool) = false;
    }
}

/// The buses and the master.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mixer {
    /// The strip that everything ends in.
    pub master: Master,
    #[serde(deserialize_with = "bounded::map::<MAX_BUSES, _, _, _>")]
    buses: OrdMap<BusId, Bus>,
}

/// One change of the [`Mixer`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MixerSetting {
    /// There is a new bus.
    AddBus(BusId, Name),
    /// A bus is gone.
    DeleteBus(BusId),
    /// A strip of a bus was touched.
    Bus(BusId, BusSetting),
    /// The strip of the master was touched.
    Master(MasterSetting),
}

impl Mixer {
    /// The bus of this name, if there is one.
    #[must_use]
    pub fn bus(&self, id: BusId) -> Option<&Bus> {
        self.buses.get(&id)
    }

    /// All buses, by id.
    pub fn buses(&self) -> impl Iterator<Item = (BusId, &Bus)> {
        self.buses.iter().map(|(id, bus)| (*id, bus))
    }

    /// How many buses there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buses.len()
    }

    /// Whether there is no bus.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buses.is_empty()
    }

    /// The lowest id, from 1, that no bus has.
    #[must_use]
    pub fn free_id(&self) -> BusId {
        let mut free = 1;
        for (id, _) in self.buses() {
            if id.0 == free {
                free += 1;
            }
        }
        BusId(free)
    }

    /// Whether both are the same in memory, and so equal.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.master == other.master && self.buses.ptr_eq(&other.buses)
    }

    fn require(&self, id: BusId) -> Result<(), Invalid> {
        if self.buses.contains_key(&id) { Ok(()) } else { Err(Invalid::missing("bus", id)) }
    }
}

pub(super) fn reduce(
    state: &mut StudioState,
    setting: &MixerSetting,
) -> Result<Vec<StudioEffect>, Invalid> {
    state.mixer.set(setting.clone())?;
    if let MixerSetting::DeleteBus(id) = setting {
        state.instruments.forget_bus(*id);
        state.automation.forget_bus(*id);
    }
    Ok(Vec::new())
}

impl Settings for Mixer {
    type Setting = MixerSetting;

    /// Changes the mixer alone: what pointed to a bus that is gone still does.
    fn set(&mut self, setting: MixerSetting) -> Result<(), Invalid> {
        match setting {
            MixerSetting::AddBus(id, name) => {
                if self.buses.contains_key(&id) {
                    return Err(Invalid::exists("bus", id));
                }
                if self.buses.len() >= MAX_BUSES {
                    return Err(Invalid::full("buses", bounded::count(MAX_BUSES)));
                }
                self.buses.insert(id, Bus { name, ..Bus::default() });
                Ok(())
            }
            MixerSetting::DeleteBus(id) => {
                self.require(id)?;
                self.buses.remove(&id);
                Ok(())
            }
            MixerSetting::Bus(id, setting) => match self.buses.get_mut(&id) {
                Some(bus) => bus.set(setting),
                None => Err(Invalid::missing("bus", id)),
            },
            MixerSetting::Master(setting) => self.master.set(setting),
        }
    }

    fn place(setting: &MixerSetting, place: &mut Place) {
        match setting {
            MixerSetting::AddBus(id, _) | MixerSetting::DeleteBus(id) => {
                place.extend([PlaceName::Part("Bus"), PlaceName::Number(id.0.into())]);
            }
            MixerSetting::Bus(id, setting) => {
                place.extend([PlaceName::Part("Bus"), PlaceName::Number(id.0.into())]);
                Bus::place(setting, place);
            }
            MixerSetting::Master(setting) => {
                place.push(PlaceName::Part("Master"));
                Master::place(setting, place);
            }
        }
    }

    fn diff(&self, to: &Self, emit: &mut dyn FnMut(MixerSetting)) {
        self.master.diff(&to.master, &mut |setting| emit(MixerSetting::Master(setting)));
        // What is gone first: a full mixer must have room for what is new.
        for change in self.buses.diff(&to.buses) {
            if let DiffItem::Remove(id, _) = change {
                emit(MixerSetting::DeleteBus(*id));
            }
        }
        for change in self.buses.diff(&to.buses) {
            match change {
                DiffItem::Add(id, bus) => {
                    emit(MixerSetting::AddBus(*id, bus.name.clone()));
                    let fresh = Bus { name: bus.name.clone(), ..Bus::default() };
                    fresh.diff(bus, &mut |setting| emit(MixerSetting::Bus(*id, setting)));
                }
                DiffItem::Update { old: (id, old), new: (_, new) } => {
                    old.diff(new, &mut |setting| emit(MixerSetting::Bus(*id, setting)));
                }
                DiffItem::Remove(..) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_can_be_added_once_and_up_to_the_limit() {
        let mut mixer = Mixer::default();
        for _ in 0..MAX_BUSES {
            mixer.set(MixerSetting::AddBus(mixer.free_id(), Name::default())).unwrap();
        }
        assert_eq!(
            mixer.set(MixerSetting::AddBus(BusId(1), Name::default())),
            Err(Invalid::exists("bus", 1))
        );
        assert_eq!(
            mixer.set(MixerSetting::AddBus(mixer.free_id(), Name::default())),
            Err(Invalid::full("buses", 64))
        );
    }

    #[test]
    fn a_full_mixer_can_exchange_one_bus_for_another_in_one_patch() {
        let mut before = Mixer::default();
        for id in 1..=64 {
            before.set(MixerSetting::AddBus(BusId(id), Name::default())).unwrap();
        }
        let mut after = before.clone();
        after.set(MixerSetting::DeleteBus(BusId(64))).unwrap();
        after.set(MixerSetting::AddBus(BusId(0), Name::default())).unwrap();

        let mut patched = before.clone();
        let mut settings = Vec::new();
        before.diff(&after, &mut |setting| settings.push(setting));
        for setting in settings {
            patched.set(setting).unwrap();
        }
        assert_eq!(patched, after);
    }
}
