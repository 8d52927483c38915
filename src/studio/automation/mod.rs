//! Automation: lanes of points that move parameters while the music plays.
//!
//! A parameter has at most one lane, so its target identifies the lane. This
//! module must not know what a parameter does.

mod lane;
mod splice;
mod target;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(super) use self::target::ChainOf;
pub use self::{
    lane::{Curve, Lane, LaneChange, LaneSetting, Point, Points},
    target::Target,
};

use crate::{
    model::{DigestDelta, InstrumentId, Invalid},
    studio::{
        common::{
            bounded::{self, MAX_LANES, MAX_POINTS_IN_ALL},
            collection::{edited_collections, merge_each},
            ids::{BusId, LayerGroupId, SlotId},
            loop_region::LoopRegion,
            narrowing,
            settings::Settings,
        },
        instrument::InstrumentState,
    },
    util::{
        ordmap::{DiffItem, Merged, OrdMap},
        quantity::Ticks,
    },
};

/// All lanes, by target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Lanes", into = "Lanes")]
pub struct Automation {
    lanes: OrdMap<Target, Arc<Lane>>,
    /// The number of points in all lanes, updated with every edit.
    points: usize,
}

/// The serialized form of [`Automation`]; the number of points is recomputed
/// when it is read.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Lanes(
    #[serde(
        serialize_with = "bounded::write_pairs",
        deserialize_with = "bounded::pairs::<MAX_LANES, _, _, _>"
    )]
    OrdMap<Target, Arc<Lane>>,
);

impl From<Lanes> for Automation {
    fn from(Lanes(lanes): Lanes) -> Self {
        let points = lanes.values().map(|lane| lane.points.len()).sum();
        Self { lanes, points }
    }
}

impl From<Automation> for Lanes {
    fn from(automation: Automation) -> Self {
        Self(automation.lanes)
    }
}

/// An edit to the lane of one parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AutomationAction {
    /// Adds an empty lane.
    Add,
    /// Deletes the lane.
    Delete,
    /// Enables or arms the lane.
    Set(LaneSetting),
    /// Writes a point and replaces one at the same tick. Recorded moves of a
    /// control arrive as this action too.
    Put(Point),
    /// Removes the point at this tick.
    Remove(Ticks),
    /// Moves the point at this tick to the tick, value and curve of the given
    /// one. It is refused if another point is there.
    Move(Ticks, Point),
    /// Removes all points within the region.
    DeleteRegion(LoopRegion),
    /// Copies the points within the region to a destination that starts at the
    /// given tick, and replaces all points within a region of equal length
    /// there.
    CopyRegion(LoopRegion, Ticks),
    /// Writes points and replaces those at the same ticks.
    Paste(Points),
}

impl Automation {
    /// The lane of `target`.
    #[must_use]
    pub fn lane(&self, target: &Target) -> Option<&Lane> {
        self.lanes.get(target).map(Arc::as_ref)
    }

    /// All lanes, by target.
    pub fn lanes(&self) -> impl Iterator<Item = (&Target, &Lane)> {
        self.lanes.iter().map(|(target, lane)| (target, lane.as_ref()))
    }

    /// The number of lanes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lanes.len()
    }

    /// Whether there is no lane.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// The number of points in all lanes.
    #[must_use]
    pub const fn points(&self) -> usize {
        self.points
    }

    /// Digests lane by lane and point by point.
    pub(super) fn digest_delta(&self, to: &Self, delta: &mut DigestDelta) {
        delta.entries(Some(&self.lanes), Some(&to.lanes), |delta, old, new| {
            Lane::digest_delta(old.map(Arc::as_ref), new.map(Arc::as_ref), delta);
        });
    }

    /// Removes the lanes of a deleted instrument.
    pub(super) fn forget_instrument(&mut self, id: InstrumentId) {
        self.forget(|target| target.instrument() == Some(id));
    }

    /// Removes the lanes of a deleted bus, and of sends to it.
    pub(super) fn forget_bus(&mut self, id: BusId) {
        self.forget(|target| target.bus() == Some(id));
    }

    /// Removes the lanes of a deleted effect.
    pub(super) fn forget_slot(&mut self, chain: ChainOf, slot: SlotId) {
        self.forget(|target| target.slot() == Some((chain, slot)));
    }

    /// Removes the lanes of a deleted layer group.
    pub(super) fn forget_layer_group(&mut self, id: LayerGroupId) {
        self.forget(|target| target.layer_group() == Some(id));
    }

    /// Removes the lanes of instruments that no longer exist.
    pub(super) fn follow(&mut self, instruments: &InstrumentState) {
        self.forget(|target| target.is_orphan(instruments));
    }

    fn forget(&mut self, gone: impl Fn(&Target) -> bool) {
        let gone: Vec<_> = self.lanes.keys().copied().filter(gone).collect();
        for target in gone {
            self.remove(target);
        }
    }

    /// Whether both share the same memory, which implies that they are equal.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.lanes.ptr_eq(&other.lanes)
    }

    /// Drops the lanes that are the same. Passes the instrument of each other one, if it
    /// has one, and about how many bytes it keeps alive.
    pub(super) fn narrow(
        from: &mut Self,
        to: &mut Self,
        each: &mut dyn FnMut(Option<InstrumentId>, usize),
    ) {
        narrowing::narrow(&mut from.lanes, &mut to.lanes, |target, old, new| {
            let points = |lane: Option<&Arc<Lane>>| lane.map(|lane| lane.points.clone());
            let weight = Points::weight(points(old).as_ref(), points(new).as_ref());
            each(target.instrument(), weight);
        });
    }

    /// Emits the changes that turn these lanes into those of `to`. It omits the
    /// lanes of deleted instruments, which go with the instrument.
    pub(super) fn diff(
        &self,
        to: &Self,
        instruments: &InstrumentState,
        emit: &mut dyn FnMut(Target, LaneChange),
    ) {
        for change in self.lanes.diff(&to.lanes) {
            match change {
                DiffItem::Add(target, lane) => {
                    emit(*target, LaneChange::Whole(Arc::clone(lane)));
                }
                DiffItem::Update { old: (target, old), new: (_, new) } => {
                    old.diff_lane(new, &mut |change| emit(*target, change));
                }
                DiffItem::Remove(target, _) if target.is_orphan(instruments) => {}
                DiffItem::Remove(target, _) => emit(*target, LaneChange::Gone),
            }
        }
    }

    /// Applies a change that [`diff`](Self::diff) emitted. The caller has
    /// checked that the target exists.
    pub(super) fn apply(&mut self, target: Target, change: &LaneChange) -> Result<(), Invalid> {
        match change {
            LaneChange::Whole(lane) => {
                self.remove(target);
                self.points += lane.points.len();
                self.lanes.insert(target, Arc::clone(lane));
                Ok(())
            }
            LaneChange::Gone if self.remove(target) => Ok(()),
            LaneChange::Gone => Err(no_lane(target)),
            LaneChange::Set(setting) => self.edit(target, |lane| lane.set(setting.clone())),
            LaneChange::Put(point) => self.edit_points(target, |points| {
                points.put(*point);
                Ok(())
            }),
            LaneChange::Remove(tick) => {
                self.edit_points(target, |points| points.take(*tick).map(drop))
            }
        }
    }

    /// Merges the points of all lanes, as [`merge_each`] does.
    pub(super) fn merge_points(&mut self, from: &mut Self, to: &Self) -> Merged {
        let edited = edited_collections(&from.lanes, &to.lanes, |lane| &lane.points).collect();
        merge_each(self, from, edited, |state, target, merge| {
            state.edit_points(*target, |points| {
                merge(points);
                Ok(())
            })
        })
    }

    /// Removes a lane and returns whether there was one.
    fn remove(&mut self, target: Target) -> bool {
        let lane = self.lanes.remove(&target);
        self.points -= lane.as_ref().map_or(0, |lane| lane.points.len());
        lane.is_some()
    }

    /// Edits the lane of `target` and updates the number of points.
    fn edit(
        &mut self,
        target: Target,
        edit: impl FnOnce(&mut Lane) -> Result<(), Invalid>,
    ) -> Result<(), Invalid> {
        let lane = self.lanes.get_mut(&target).ok_or_else(|| no_lane(target))?;
        let lane = Arc::make_mut(lane);
        self.points -= lane.points.len();
        let done = edit(lane);
        self.points += lane.points.len();
        done
    }

    fn edit_points(
        &mut self,
        target: Target,
        edit: impl FnOnce(&mut Points) -> Result<(), Invalid>,
    ) -> Result<(), Invalid> {
        self.edit(target, |lane| edit(&mut lane.points))
    }

    fn add(&mut self, target: Target) -> Result<(), Invalid> {
        if self.lanes.contains_key(&target) {
            return Err(Invalid::exists("lane of", target));
        }
        if self.lanes.len() >= MAX_LANES {
            return Err(Invalid::full("lanes", bounded::count(MAX_LANES)));
        }
        self.lanes.insert(target, Arc::default());
        Ok(())
    }

    /// Checks the limits on lanes and points, also those of each lane.
    pub(super) fn check_all(&self) -> Result<(), Invalid> {
        self.lanes.values().try_for_each(|lane| lane.points.check())?;
        self.check()
    }

    fn check(&self) -> Result<(), Invalid> {
        bounded::at_most(self.lanes.len(), MAX_LANES, "lanes")?;
        bounded::at_most(self.points, MAX_POINTS_IN_ALL, "points in total")
    }
}

fn no_lane(target: Target) -> Invalid {
    Invalid::missing("lane of", target)
}

impl Automation {
    /// Edits the lane of a parameter, which is there.
    pub(super) fn reduce(
        &mut self,
        target: Target,
        action: &AutomationAction,
    ) -> Result<(), Invalid> {
        match action {
            AutomationAction::Add => self.add(target)?,
            AutomationAction::Delete => self.apply(target, &LaneChange::Gone)?,
            AutomationAction::Set(setting) => {
                self.edit(target, |lane| lane.set(setting.clone()))?;
            }
            AutomationAction::Put(point) => {
                self.edit_points(target, |points| points.paste([*point]))?;
            }
            AutomationAction::Remove(tick) => {
                self.edit_points(target, |points| points.take(*tick).map(drop))?;
            }
            AutomationAction::Move(tick, point) => self.edit_points(target, |points| {
                points.take(*tick)?;
                points.add(*point)
            })?,
            AutomationAction::DeleteRegion(region) => self.edit_points(target, |points| {
                points.clear(*region);
                Ok(())
            })?,
            AutomationAction::CopyRegion(region, to) => {
                self.edit_points(target, |points| points.copy(*region, *to))?;
            }
            AutomationAction::Paste(pasted) => {
                self.edit_points(target, |points| points.paste(pasted.iter()))?;
            }
        }
        self.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Model,
        studio::{
            Studio, StudioState,
            common::name::Name,
            effect::{
                EffectKind,
                chain::{ChainParameter, ChainSetting},
            },
            instrument::{
                InstrumentAction, InstrumentParameter, InstrumentSetting,
                sends::{BusSendParameter, SendsParameter},
            },
            mixer::{
                BusParameter, MasterParameter, MasterSetting, MixerSetting,
                layer_group::LayerGroupParameter,
            },
            network_action::NetworkAction,
        },
        util::quantity::Amount,
    };

    const BASS: InstrumentId = InstrumentId(1);
    const LEVEL: Target = Target::Instrument(BASS, InstrumentParameter::Level);

    fn point(tick: u32, value: f32) -> Point {
        Point { tick: Ticks::of(tick), value: Amount::of(value), curve: Curve::Linear }
    }

    fn reduce(
        state: &mut StudioState,
        target: Target,
        action: &AutomationAction,
    ) -> Result<(), Invalid> {
        Studio::reduce(state, &NetworkAction::Automation(target, action.clone())).map(drop)
    }

    fn studio(points: impl IntoIterator<Item = Point>) -> StudioState {
        let mut state = StudioState::starter();
        reduce(&mut state, LEVEL, &AutomationAction::Add).unwrap();
        for point in points {
            reduce(&mut state, LEVEL, &AutomationAction::Put(point)).unwrap();
        }
        state
    }

    #[test]
    fn moving_a_point_onto_another_is_refused() {
        let mut state = studio([point(0, 0.0), point(480, 1.0)]);
        let onto = AutomationAction::Move(Ticks::of(0), point(480, 0.5));
        assert!(reduce(&mut state.clone(), LEVEL, &onto).is_err());
        let beside = AutomationAction::Move(Ticks::of(0), point(240, 0.5));
        reduce(&mut state, LEVEL, &beside).unwrap();
        assert_eq!(state, studio([point(240, 0.5), point(480, 1.0)]));
    }

    #[test]
    fn copied_region_replaces_points_at_destination() {
        let mut state = studio([point(0, 0.0), point(100, 1.0), point(1050, 0.3)]);
        let region = LoopRegion::new(Ticks::of(0), Ticks::of(480)).unwrap();
        let copy = AutomationAction::CopyRegion(region, Ticks::of(1000));
        reduce(&mut state, LEVEL, &copy).unwrap();
        let copied = [(0, 0.0), (100, 1.0), (1000, 0.0), (1100, 1.0)];
        assert_eq!(state, studio(copied.map(|(tick, value)| point(tick, value))));
    }

    #[test]
    fn lanes_are_deleted_with_their_targets() {
        let mut state = studio([point(0, 0.5)]);
        let mut act = |action| Studio::reduce(&mut state, &action).map(drop);
        let bus = BusId(1);
        let lane = |target| NetworkAction::Automation(target, AutomationAction::Add);
        let pan = Target::Bus(bus, BusParameter::Pan);
        assert_eq!(act(lane(pan)), Err(Invalid::missing("bus", 1)));
        act(NetworkAction::Mixer(MixerSetting::AddBus(bus, Name::default()))).unwrap();
        act(lane(pan)).unwrap();
        let send = SendsParameter(bus, BusSendParameter::Level);
        let send = Target::Instrument(InstrumentId(2), InstrumentParameter::Sends(send));
        act(lane(send)).unwrap();
        let group = LayerGroupId(1);
        let level = Target::LayerGroup(group, LayerGroupParameter::Level);
        assert_eq!(act(lane(level)), Err(Invalid::missing("layer group", 1)));
        act(NetworkAction::Mixer(MixerSetting::AddLayerGroup(group, Name::default()))).unwrap();
        act(lane(level)).unwrap();
        act(NetworkAction::Mixer(MixerSetting::DeleteLayerGroup(group))).unwrap();
        act(NetworkAction::Mixer(MixerSetting::DeleteBus(bus))).unwrap();
        act(NetworkAction::DeleteInstrument(BASS)).unwrap();
        assert_eq!(state.automation, Automation::default());
    }

    #[test]
    fn lanes_of_a_removed_effect_do_not_pass_to_its_successor() {
        let mut state = StudioState::starter();
        let mut act = |action| Studio::reduce(&mut state, &action).map(drop);
        let slot = SlotId(1);
        let bus = BusId(1);
        act(NetworkAction::Mixer(MixerSetting::AddBus(bus, Name::default()))).unwrap();
        let on_instrument = |setting| {
            let setting = InstrumentSetting::Chain(setting);
            NetworkAction::Instrument(BASS, InstrumentAction::Set(setting))
        };
        let on_bus = |setting| {
            NetworkAction::Mixer(MixerSetting::Bus(bus, crate::studio::BusSetting::Chain(setting)))
        };
        let on_master =
            |setting| NetworkAction::Mixer(MixerSetting::Master(MasterSetting::Chain(setting)));
        let bypass = ChainParameter::Bypass(slot);
        let targets = [
            Target::Instrument(BASS, InstrumentParameter::Chain(bypass)),
            Target::Bus(bus, BusParameter::Chain(bypass)),
            Target::Master(MasterParameter::Chain(bypass)),
        ];
        let chains: [&dyn Fn(ChainSetting) -> NetworkAction; 3] =
            [&on_instrument, &on_bus, &on_master];
        for (target, chain) in targets.into_iter().zip(chains) {
            let lane = NetworkAction::Automation(target, AutomationAction::Add);
            assert_eq!(act(lane.clone()), Err(Invalid::missing("effect", 1)));
            act(chain(ChainSetting::Add(slot, EffectKind::Reverb, 0))).unwrap();
            act(lane).unwrap();
        }
        for chain in chains {
            act(chain(ChainSetting::Remove(slot))).unwrap();
            act(chain(ChainSetting::Add(slot, EffectKind::Delay, 0))).unwrap();
        }
        assert_eq!(state.automation, Automation::default());
    }
}
