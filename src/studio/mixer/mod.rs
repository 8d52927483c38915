//! The mixer: buses, layer group strips and the master strip.
//!
//! It must not know the instruments that are routed to it; the reducer removes
//! their references to a deleted bus or group.

pub(super) mod layer_group;

use serde::{Deserialize, Serialize};

use crate::{
    model::{DigestDelta, Invalid},
    studio::{
        common::{
            bounded::{self, MAX_BUSES, MAX_LAYER_GROUPS},
            ids::{BusId, LayerGroupId},
            name::Name,
            reference::{Reference, Refers},
            settings::{ParamPath, PathStep, Settings, settings},
        },
        effect::chain::Chain,
        mixer::layer_group::{LayerGroup, LayerGroupSetting},
    },
    util::{
        ordmap::{DiffItem, OrdMap},
        quantity::{Decibels, Pan},
    },
};

settings! {
    /// A bus: a strip that receives outputs and sends.
    Bus, BusSetting, BusParameter {
        /// The display name.
        name: Name(Name) = Name::given("Bus");
        /// The fader level in dB.
        level: Level(Decibels) = Decibels::of(0.0);
        /// The stereo position, from -1 (left) to 1 (right).
        pan: Pan(Pan) = Pan::of(0.0);
        /// Whether the bus is muted.
        mute: Mute(bool) = false;
        /// Whether only paths with a soloed strip on them are heard.
        solo: Solo(bool) = false;
        /// The effects before the fader.
        chain: Chain[Chain] = Chain::default();
    }
}

settings! {
    /// The master strip, where all signals end.
    Master, MasterSetting, MasterParameter {
        /// The fader level in dB.
        level: Level(Decibels) = Decibels::of(0.0);
        /// The stereo position, from -1 (left) to 1 (right).
        pan: Pan(Pan) = Pan::of(0.0);
        /// Whether the master is muted.
        mute: Mute(bool) = false;
        /// The effects before the fader.
        chain: Chain[Chain] = Chain::default();
    }
}

/// The buses, the layer group strips and the master strip.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mixer {
    /// The master strip.
    pub master: Master,
    #[serde(deserialize_with = "bounded::map::<MAX_BUSES, _, _, _>")]
    buses: OrdMap<BusId, Bus>,
    #[serde(deserialize_with = "bounded::map::<MAX_LAYER_GROUPS, _, _, _>")]
    layer_groups: OrdMap<LayerGroupId, LayerGroup>,
}

/// A change of the [`Mixer`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MixerSetting {
    /// Adds a bus.
    AddBus(BusId, Name),
    /// Deletes a bus. Outputs to it go to the master, sends to it are removed.
    DeleteBus(BusId),
    /// A setting of a bus.
    Bus(BusId, BusSetting),
    /// A setting of the master.
    Master(MasterSetting),
    /// Adds a layer group.
    AddLayerGroup(LayerGroupId, Name),
    /// Deletes a layer group.
    DeleteLayerGroup(LayerGroupId),
    /// A setting of a layer group.
    LayerGroup(LayerGroupId, LayerGroupSetting),
}

impl Mixer {
    /// Digests strip by strip.
    pub(super) fn digest_delta(&self, to: &Self, delta: &mut DigestDelta) {
        let Self { master, buses, layer_groups } = self;
        delta.at("master", |delta| delta.replace(Some(master), Some(&to.master)));
        delta.at("buses", |delta| delta.map(Some(buses), Some(&to.buses)));
        delta.at("groups", |delta| delta.map(Some(layer_groups), Some(&to.layer_groups)));
    }

    /// The bus with this id.
    #[must_use]
    pub fn bus(&self, id: BusId) -> Option<&Bus> {
        self.buses.get(&id)
    }

    /// All buses, by id.
    pub fn buses(&self) -> impl Iterator<Item = (BusId, &Bus)> {
        self.buses.iter().map(|(id, bus)| (*id, bus))
    }

    /// The layer group with this id.
    #[must_use]
    pub fn layer_group(&self, id: LayerGroupId) -> Option<&LayerGroup> {
        self.layer_groups.get(&id)
    }

    /// All layer groups, by id.
    pub fn layer_groups(&self) -> impl Iterator<Item = (LayerGroupId, &LayerGroup)> {
        self.layer_groups.iter().map(|(id, group)| (*id, group))
    }

    /// The number of buses.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buses.len()
    }

    /// Whether there is no bus.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buses.is_empty()
    }

    /// The lowest unused bus id, from 1.
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

    /// Whether both share the same memory, which implies that they are equal.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.master == other.master
            && self.buses.ptr_eq(&other.buses)
            && self.layer_groups.ptr_eq(&other.layer_groups)
    }

    /// The number of strips: master, buses and layer groups.
    pub(super) fn strips(&self) -> usize {
        1 + self.buses.len() + self.layer_groups.len()
    }

    pub(super) fn bus_mut(&mut self, id: BusId) -> Result<&mut Bus, Invalid> {
        self.buses.get_mut(&id).ok_or_else(|| Invalid::missing("bus", id))
    }

    /// Changes a strip. What it refers to is not checked here.
    pub(super) fn reduce(&mut self, setting: &MixerSetting) -> Result<(), Invalid> {
        self.set(setting.clone())?;
        self.check(setting)
    }

    /// Checks the chain that a setting edits, once the action is done.
    pub(super) fn check(&self, setting: &MixerSetting) -> Result<(), Invalid> {
        match setting {
            MixerSetting::Bus(id, BusSetting::Chain(_)) => {
                self.bus(*id).map_or(Ok(()), |bus| bus.chain.check())
            }
            MixerSetting::Master(MasterSetting::Chain(_)) => self.master.chain.check(),
            _ => Ok(()),
        }
    }
}

impl Refers for Mixer {
    fn references(&self, each: &mut dyn FnMut(Reference)) {
        self.master.chain.references(each);
        self.buses.values().for_each(|bus| bus.chain.references(each));
    }

    fn forget(&mut self, gone: Reference) {
        self.master.chain.forget(gone);
        let affected = self.buses().filter(|(_, bus)| bus.chain.refers_to(gone));
        for id in affected.map(|(id, _)| id).collect::<Vec<_>>() {
            if let Some(bus) = self.buses.get_mut(&id) {
                bus.chain.forget(gone);
            }
        }
    }
}

impl Settings for Mixer {
    type Setting = MixerSetting;

    /// Changes the mixer alone and does not repair references to a deleted bus.
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
                let gone = self.buses.remove(&id).map(drop);
                gone.ok_or_else(|| Invalid::missing("bus", id))
            }
            MixerSetting::Bus(id, setting) => self.bus_mut(id)?.set(setting),
            MixerSetting::Master(setting) => self.master.set(setting),
            MixerSetting::AddLayerGroup(id, name) => {
                let group = LayerGroup { name, ..LayerGroup::default() };
                if self.layer_groups.insert(id, group).is_some() {
                    return Err(Invalid::exists("layer group", id));
                }
                bounded::at_most(self.layer_groups.len(), MAX_LAYER_GROUPS, "layer groups")
            }
            MixerSetting::DeleteLayerGroup(id) => {
                let gone = self.layer_groups.remove(&id).map(drop);
                gone.ok_or_else(|| Invalid::missing("layer group", id))
            }
            MixerSetting::LayerGroup(id, setting) => match self.layer_groups.get_mut(&id) {
                Some(group) => group.set(setting),
                None => Err(Invalid::missing("layer group", id)),
            },
        }
    }

    fn path(setting: &MixerSetting, path: &mut ParamPath) {
        match setting {
            MixerSetting::AddBus(id, _) | MixerSetting::DeleteBus(id) => {
                path.extend([PathStep::Part("Bus"), PathStep::Number(id.0.into())]);
            }
            MixerSetting::Bus(id, setting) => {
                path.extend([PathStep::Part("Bus"), PathStep::Number(id.0.into())]);
                Bus::path(setting, path);
            }
            MixerSetting::Master(setting) => {
                path.push(PathStep::Part("Master"));
                Master::path(setting, path);
            }
            MixerSetting::AddLayerGroup(id, _) | MixerSetting::DeleteLayerGroup(id) => {
                path.extend([PathStep::Part("LayerGroup"), PathStep::Number(id.0.into())]);
            }
            MixerSetting::LayerGroup(id, setting) => {
                path.extend([PathStep::Part("LayerGroup"), PathStep::Number(id.0.into())]);
                LayerGroup::path(setting, path);
            }
        }
    }

    fn diff(&self, to: &Self, emit: &mut dyn FnMut(MixerSetting)) {
        self.master.diff(&to.master, &mut |setting| emit(MixerSetting::Master(setting)));
        // Removals first: a full mixer needs room for new buses.
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
        self.diff_layer_groups(to, emit);
    }
}

impl Mixer {
    fn diff_layer_groups(&self, to: &Self, emit: &mut dyn FnMut(MixerSetting)) {
        for change in self.layer_groups.diff(&to.layer_groups) {
            if let DiffItem::Remove(id, _) = change {
                emit(MixerSetting::DeleteLayerGroup(*id));
            }
        }
        for change in self.layer_groups.diff(&to.layer_groups) {
            let fresh;
            let (id, old, new) = match change {
                DiffItem::Add(id, new) => {
                    emit(MixerSetting::AddLayerGroup(*id, new.name.clone()));
                    fresh = LayerGroup { name: new.name.clone(), ..LayerGroup::default() };
                    (*id, &fresh, new)
                }
                DiffItem::Update { old: (id, old), new: (_, new) } => (*id, old, new),
                DiffItem::Remove(..) => continue,
            };
            old.diff(new, &mut |setting| emit(MixerSetting::LayerGroup(id, setting)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buses_are_unique_and_limited() {
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
    fn patch_can_replace_a_bus_in_a_full_mixer() {
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
