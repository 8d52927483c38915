//! Recording of parameters: moves of a control replace the points of an armed lane.
//!
//! A parameter is latched from its first move until the playhead jumps or recording
//! ends. This module returns the actions that write the moves down; it does not know
//! whether the playhead moves, and plays nothing.

use std::collections::BTreeMap;

use crate::{
    model::Model as _,
    studio::{
        AutomationAction, Curve, LaneSetting, LoopRegion, NetworkAction, Point, Points, Studio,
        StudioState, Target,
    },
    util::quantity::{Amount, Ticks},
};

/// The parameters of armed lanes while the transport records.
#[derive(Clone, Debug, Default)]
pub(super) struct Overdub {
    /// The last known values.
    turned: BTreeMap<Target, Amount>,
    latched: BTreeMap<Target, Latch>,
}

/// A parameter whose lane is being replaced.
#[derive(Clone, Debug)]
struct Latch {
    /// The points before the first move.
    before: Points,
    /// The first tick whose points may not have been removed yet.
    due: u32,
}

impl Overdub {
    /// Forgets the last known values, so that changes made before the playhead starts or
    /// jumps are not recorded after it.
    pub(super) fn forget_values(&mut self) {
        self.turned.clear();
    }

    /// Reads the parameters during the count-in, without recording their changes.
    pub(super) fn wait(&mut self, state: &StudioState) {
        self.turned = armed_values(state);
    }

    /// The state as it is played while parameters are latched: their lanes do not move
    /// them. `None` if no parameter is latched.
    pub(super) fn latched(&self, state: &StudioState) -> Option<StudioState> {
        let mut latched = (!self.latched.is_empty()).then(|| state.clone())?;
        for target in self.latched.keys() {
            let off = AutomationAction::Set(LaneSetting::Enabled(false));
            // A lane that is gone moves nothing.
            let _ = Studio::reduce(&mut latched, &NetworkAction::Automation(*target, off));
        }
        Some(latched)
    }

    /// Appends to `actions` the actions that record, at `tick`, the parameters that have
    /// changed, and that end the recording of those that are no longer armed. `state` does
    /// not contain the `actions` so far. Returns whether the set of latched parameters has
    /// changed.
    pub(super) fn watch(
        &mut self,
        state: &StudioState,
        tick: u32,
        actions: &mut Vec<NetworkAction>,
    ) -> bool {
        let mut changed = false;
        let now = if state.transport.recording { armed_values(state) } else { BTreeMap::new() };
        let was = std::mem::replace(&mut self.turned, now);
        let gone = |target: &Target, _: &mut Latch| !self.turned.contains_key(target);
        for (target, latch) in self.latched.extract_if(.., gone) {
            latch.end(state, target, tick, actions);
            changed = true;
        }
        for (target, latch) in &mut self.latched {
            actions.extend(latch.pass(state, *target, tick.saturating_add(1)));
        }
        for (target, value) in &self.turned {
            // A lane that was just armed has no earlier value, and no change.
            let Some(was) = was.get(target).filter(|was| *was != value) else { continue };
            let at = place(tick);
            if !self.latched.contains_key(target) {
                let before = points_after(state, actions, *target);
                let head = before.head(at, *was);
                actions.extend(head.into_iter().map(|point| put(*target, point)));
                self.latched.insert(*target, Latch { before, due: tick.saturating_add(1) });
                changed = true;
            }
            let point = Point { tick: at, value: *value, curve: Curve::Hold };
            actions.push(put(*target, point));
        }
        changed
    }

    /// Appends the actions that end all recordings at `tick`, before the playhead jumps or
    /// stops.
    pub(super) fn release(
        &mut self,
        state: &StudioState,
        tick: u32,
        actions: &mut Vec<NetworkAction>,
    ) {
        for (target, latch) in std::mem::take(&mut self.latched) {
            latch.end(state, target, tick, actions);
        }
    }
}

impl Latch {
    /// Removes the points that the playhead has passed before `tick`.
    fn pass(&mut self, state: &StudioState, target: Target, tick: u32) -> Option<NetworkAction> {
        let passed = LoopRegion::new(place(self.due), place(tick)).ok()?;
        self.due = tick;
        let lane = state.automation.lane(&target)?;
        lane.points.within(passed).next()?;
        Some(NetworkAction::Automation(target, AutomationAction::DeleteRegion(passed)))
    }

    /// Appends the actions that let the lane continue from `tick` as it was before the
    /// first move.
    fn end(
        mut self,
        state: &StudioState,
        target: Target,
        tick: u32,
        actions: &mut Vec<NetworkAction>,
    ) {
        let Some(lane) = state.automation.lane(&target) else { return };
        actions.extend(self.pass(state, target, tick));
        let at = place(tick);
        let tail = lane.points.as_before(&self.before, at).tail(at);
        actions.extend(tail.into_iter().map(|point| put(target, point)));
    }
}

fn place(tick: u32) -> Ticks {
    Ticks::new(tick).unwrap_or(Ticks::MAX)
}

fn put(target: Target, point: Point) -> NetworkAction {
    NetworkAction::Automation(target, AutomationAction::Put(point))
}

/// The points of a lane once the actions are performed.
fn points_after(state: &StudioState, actions: &[NetworkAction], target: Target) -> Points {
    let mut state = state.clone();
    for action in actions {
        if matches!(action, NetworkAction::Automation(other, _) if *other == target) {
            // Whether there is room for what is recorded is decided elsewhere.
            let _ = Studio::reduce(&mut state, action);
        }
    }
    state.automation.lane(&target).map(|lane| lane.points.clone()).unwrap_or_default()
}

/// The values of the parameters of armed lanes.
fn armed_values(state: &StudioState) -> BTreeMap<Target, Amount> {
    let armed = state.automation.lanes().filter(|(_, lane)| lane.armed);
    armed.filter_map(|(target, _)| Some((*target, target.part(state)?))).collect()
}
