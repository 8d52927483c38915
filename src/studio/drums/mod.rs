//! Drum machines: one for every instrument whose source is a drum kit.
//!
//! This module describes drum machines and never plays them. It knows
//! instruments by id, and their sources only as drum kit or not.

mod chopper;
mod drum_parameter;
mod euclid;
mod machine;
mod pattern;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::{
    chopper::{BadSlice, Chopper, ChopperSetting, Slice, SliceId},
    drum_parameter::DrumParameter,
    machine::{
        ChainedPatterns, DrumMachine, DrumSetting, Pad, PadParameter, PadSetting, PadSound,
        PatternId,
    },
    pattern::{BadStepRegion, Hit, HitSetting, Pattern, PatternSetting, Step, StepRegion, Steps},
};

use crate::{
    model::{DigestDelta, InstrumentId, Invalid},
    studio::{
        common::{
            bounded::{self, MAX_INSTRUMENTS, MAX_PATTERNS_IN_ALL, MAX_STEPS_IN_ALL},
            collection::merge_each,
            narrowing,
            reference::{Reference, Refers},
        },
        instrument::InstrumentState,
        source::SourceKind,
    },
    util::{
        ordmap::{DiffItem, Merged, OrdMap},
        quantity::{PadNumber, SliceCount, StepCount, StepNumber},
    },
};

/// The drum machines of all drum kits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Machines", into = "Machines")]
pub struct Drums {
    machines: OrdMap<InstrumentId, Arc<DrumMachine>>,
    /// Totals over all machines, updated with every edit.
    load: Load,
}

/// The number of steps and patterns in one machine or in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Load {
    steps: usize,
    patterns: usize,
}

/// An edit to one drum machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DrumAction {
    /// Changes one setting: of a pad, a pattern, a step or the chain.
    Set(DrumSetting),
    /// Changes a step that is on.
    Step(PatternId, PadNumber, StepNumber, HitSetting),
    /// Replaces the steps of a pad by a Euclidean rhythm: `hits` steps, spread
    /// as evenly as possible over the pattern.
    Euclid {
        /// The pattern to edit.
        pattern: PatternId,
        /// The pad whose steps are replaced.
        pad: PadNumber,
        /// The number of steps that will be on; at most the length of the
        /// pattern.
        hits: StepCount,
        /// The number of steps by which the rhythm starts later.
        rotation: StepNumber,
    },
    /// Turns off all steps within a region.
    ClearRegion(PatternId, StepRegion),
    /// Turns on these steps and replaces those at the same positions.
    Paste(PatternId, Steps),
    /// Replaces all slices by this many slices of equal length.
    Chop(SliceCount),
    /// Assigns the slices in order to consecutive pads, starting at this pad.
    AssignSlices(PadNumber),
}

/// A change of one drum machine, as a patch carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DrumChange {
    /// A setting has a new value.
    Set(DrumSetting),
    /// The complete new value.
    Whole(Arc<DrumMachine>),
}

impl Drums {
    /// The drum machine of this instrument; `None` unless it is a drum kit.
    #[must_use]
    pub fn machine(&self, id: InstrumentId) -> Option<&DrumMachine> {
        self.machines.get(&id).map(Arc::as_ref)
    }

    /// All drum machines, by instrument id.
    pub fn machines(&self) -> impl Iterator<Item = (InstrumentId, &DrumMachine)> {
        self.machines.iter().map(|(id, machine)| (*id, machine.as_ref()))
    }

    /// The number of steps that are on, over all machines.
    #[must_use]
    pub const fn steps(&self) -> usize {
        self.load.steps
    }

    /// Creates the machine of a drum kit, or removes that of an instrument that
    /// is none.
    pub(super) fn follow_one(&mut self, id: InstrumentId, instruments: &InstrumentState) {
        let is_kit = |id| instruments.get(id).map(|i| i.source.kind()) == Some(SourceKind::DrumKit);
        match (self.machines.contains_key(&id), is_kit(id)) {
            (false, true) => self.insert(id, Arc::default()),
            (true, false) => self.remove(id),
            _ => {}
        }
    }

    /// Creates and removes machines so that every drum kit has exactly one.
    pub(super) fn follow(&mut self, instruments: &InstrumentState) {
        let concerned: Vec<_> = self.machines.keys().copied().chain(instruments.ids()).collect();
        for id in concerned {
            self.follow_one(id, instruments);
        }
    }

    /// Whether every drum kit has a machine and no other instrument does.
    pub(super) fn match_kits(&self, instruments: &InstrumentState) -> bool {
        let kits = instruments.iter().filter(|(_, i)| i.source.kind() == SourceKind::DrumKit);
        kits.map(|(id, _)| id).eq(self.machines.keys().copied())
    }

    /// Whether both share the same memory, which implies that they are equal.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.machines.ptr_eq(&other.machines)
    }

    /// Drops the machines that are the same. Passes each other one, and about how many
    /// bytes it keeps alive.
    pub(super) fn narrow(
        from: &mut Self,
        to: &mut Self,
        each: &mut dyn FnMut(InstrumentId, usize),
    ) {
        narrowing::narrow(&mut from.machines, &mut to.machines, |id, old, new| {
            each(*id, DrumMachine::weight(old.map(Arc::as_ref), new.map(Arc::as_ref)));
        });
    }

    /// Emits the changes that turn these machines into `to`. Which machines
    /// exist is omitted, because it follows from the instruments.
    pub(super) fn diff(&self, to: &Self, emit: &mut dyn FnMut(InstrumentId, DrumChange)) {
        for change in self.machines.diff(&to.machines) {
            match change {
                DiffItem::Add(id, new) if **new != DrumMachine::default() => {
                    emit(*id, DrumChange::Whole(Arc::clone(new)));
                }
                DiffItem::Update { old: (id, old), new: (_, new) } => {
                    for setting in old.changes(new) {
                        emit(*id, setting);
                    }
                }
                DiffItem::Add(..) | DiffItem::Remove(..) => {}
            }
        }
    }

    /// Digests machine by machine, down to the step.
    pub(super) fn digest_delta(&self, to: &Self, delta: &mut DigestDelta) {
        delta.entries(Some(&self.machines), Some(&to.machines), |delta, old, new| {
            DrumMachine::digest_delta(old.map(Arc::as_ref), new.map(Arc::as_ref), delta);
        });
    }

    /// Applies a change that [`diff`](Self::diff) emitted.
    pub(super) fn apply(&mut self, id: InstrumentId, change: &DrumChange) -> Result<(), Invalid> {
        self.edit(id, |machine| match change {
            DrumChange::Set(setting) => machine.apply(setting.clone()),
            DrumChange::Whole(whole) => {
                machine.clone_from(whole);
                Ok(())
            }
        })
    }

    /// Edits a machine and updates the totals.
    fn edit(
        &mut self,
        id: InstrumentId,
        edit: impl FnOnce(&mut DrumMachine) -> Result<(), Invalid>,
    ) -> Result<(), Invalid> {
        let Some(machine) = self.machines.get_mut(&id) else {
            return Err(Invalid::missing("drum kit", id));
        };
        let before = Load::of(machine);
        edit(Arc::make_mut(machine))?;
        self.load = self.load.without(before).with(Load::of(machine));
        Ok(())
    }

    /// Merges the steps of all patterns, as [`merge_each`] does.
    pub(super) fn merge_steps(&mut self, from: &mut Self, to: &Self) -> Merged {
        let mut edited = Vec::new();
        for change in from.machines.diff(&to.machines) {
            if let DiffItem::Update { old: (id, old), new: (_, new) } = change {
                let steps = old.edited_steps(new);
                edited.extend(steps.map(|(pattern, old, new)| ((*id, pattern), old, new)));
            }
        }
        merge_each(self, from, edited, |state, (id, pattern), merge| {
            state.edit(*id, |machine| {
                merge(machine.pattern_mut(*pattern)?.steps_mut());
                Ok(())
            })
        })
    }

    fn insert(&mut self, id: InstrumentId, machine: Arc<DrumMachine>) {
        self.load = self.load.with(Load::of(&machine));
        self.machines.insert(id, machine);
    }

    fn remove(&mut self, id: InstrumentId) {
        if let Some(machine) = self.machines.remove(&id) {
            self.load = self.load.without(Load::of(&machine));
        }
    }
}

impl Load {
    fn of(machine: &DrumMachine) -> Self {
        let (mut steps, mut patterns) = (0, 0);
        for (_, pattern) in machine.patterns() {
            steps += pattern.steps().len();
            patterns += 1;
        }
        Self { steps, patterns }
    }

    const fn with(self, other: Self) -> Self {
        Self { steps: self.steps + other.steps, patterns: self.patterns + other.patterns }
    }

    const fn without(self, other: Self) -> Self {
        Self { steps: self.steps - other.steps, patterns: self.patterns - other.patterns }
    }
}

impl Drums {
    /// Checks the limits on steps and patterns.
    pub(super) fn check(&self) -> Result<(), Invalid> {
        bounded::at_most(self.load.steps, MAX_STEPS_IN_ALL, "drum steps in total")?;
        bounded::at_most(self.load.patterns, MAX_PATTERNS_IN_ALL, "patterns in total")
    }
}

impl Refers for Drums {
    fn references(&self, each: &mut dyn FnMut(Reference)) {
        self.machines.values().for_each(|machine| machine.references(each));
    }

    fn forget(&mut self, gone: Reference) {
        let affected = self.machines().filter(|(_, machine)| machine.refers_to(gone));
        for id in affected.map(|(id, _)| id).collect::<Vec<_>>() {
            if let Some(machine) = self.machines.get_mut(&id) {
                Arc::make_mut(machine).forget(gone);
            }
        }
    }
}

impl Drums {
    /// Edits a drum machine. What it refers to is not checked here.
    pub(super) fn reduce(&mut self, id: InstrumentId, action: &DrumAction) -> Result<(), Invalid> {
        let before = self.load;
        self.edit(id, |machine| machine.act(action))?;
        let after = self.load;
        // Check only what has grown, so that a state over a limit can still shrink.
        if after.steps > before.steps {
            bounded::at_most(after.steps, MAX_STEPS_IN_ALL, "drum steps in total")?;
        }
        if after.patterns > before.patterns {
            bounded::at_most(after.patterns, MAX_PATTERNS_IN_ALL, "patterns in total")?;
        }
        Ok(())
    }
}

/// The serialized form of [`Drums`]; the totals are recomputed when it is read.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct Machines(
    #[serde(deserialize_with = "bounded::map::<MAX_INSTRUMENTS, _, _, _>")]
    OrdMap<InstrumentId, Arc<DrumMachine>>,
);

impl From<Machines> for Drums {
    fn from(Machines(machines): Machines) -> Self {
        let none = Load::default();
        let load = machines.values().fold(none, |load, machine| load.with(Load::of(machine)));
        Self { machines, load }
    }
}

impl From<Drums> for Machines {
    fn from(drums: Drums) -> Self {
        Self(drums.machines)
    }
}
