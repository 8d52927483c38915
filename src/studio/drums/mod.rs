//! The drum machines: one for every instrument whose source is a drum kit.
//!
//! It knows instruments by their ids, and of their sources only whether one is a
//! drum kit. Nothing in here plays: it says what is to be played.

mod chopper;
mod drum_parameter;
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

use super::{
    StudioEffect, StudioState,
    bounded::{self, MAX_INSTRUMENTS, MAX_PATTERNS_IN_ALL, MAX_STEPS_IN_ALL},
    instrument::InstrumentState,
    reference::{Reference, Refers},
    source::SourceKind,
};
use crate::{
    model::{DigestDelta, InstrumentId, Invalid},
    util::{
        ordmap::{DiffItem, OrdMap},
        quantity::{PadNumber, SliceCount, StepCount, StepNumber},
    },
};

/// The drum machines of all drum kits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Machines", into = "Machines")]
pub struct Drums {
    machines: OrdMap<InstrumentId, Arc<DrumMachine>>,
    /// What is in all machines together, counted as it comes and goes.
    load: Load,
}

/// How much is in a drum machine, or in all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Load {
    steps: usize,
    patterns: usize,
}

/// What is done to a drum machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DrumAction {
    /// Sets one thing: a pad, a pattern, a step, what follows what.
    Set(DrumSetting),
    /// Edits a step that is on.
    Step(PatternId, PadNumber, StepNumber, HitSetting),
    /// Replaces the steps of a pad by `hits` of them, as evenly as the steps of
    /// the pattern allow.
    Euclid {
        /// In this pattern.
        pattern: PatternId,
        /// The steps of this pad.
        pad: PadNumber,
        /// How many there shall be; not more than the pattern has steps.
        hits: StepCount,
        /// By how many steps the figure starts later.
        rotation: StepNumber,
    },
    /// Turns off all steps of a region: what is left of it once it is cut.
    ClearRegion(PatternId, StepRegion),
    /// Turns on these steps, in the place of those that are there.
    Paste(PatternId, Steps),
    /// Cuts the sample into this many slices of one length, in the place of
    /// those that are there.
    Chop(SliceCount),
    /// Assigns the slices to the pads in their order, from this pad on.
    AssignSlices(PadNumber),
}

/// One change of the drum machines, in a patch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DrumChange {
    /// One thing is not what it was.
    Set(DrumSetting),
    /// The machine as it is now.
    Whole(Arc<DrumMachine>),
}

impl Drums {
    /// The drum machine of this instrument, if it is a drum kit.
    #[must_use]
    pub fn machine(&self, id: InstrumentId) -> Option<&DrumMachine> {
        self.machines.get(&id).map(Arc::as_ref)
    }

    /// All drum machines, by instrument.
    pub fn machines(&self) -> impl Iterator<Item = (InstrumentId, &DrumMachine)> {
        self.machines.iter().map(|(id, machine)| (*id, machine.as_ref()))
    }

    /// How many steps are on in all patterns of all machines together.
    #[must_use]
    pub const fn steps(&self) -> usize {
        self.load.steps
    }

    /// Makes a machine for this instrument if it is a drum kit, and else removes
    /// the one it has.
    pub(super) fn follow_one(&mut self, id: InstrumentId, instruments: &InstrumentState) {
        let is_kit = |id| instruments.get(id).map(|i| i.source.kind()) == Some(SourceKind::DrumKit);
        match (self.machines.contains_key(&id), is_kit(id)) {
            (false, true) => self.insert(id, Arc::default()),
            (true, false) => self.remove(id),
            _ => {}
        }
    }

    /// Makes and removes machines so that each drum kit has one.
    pub(super) fn follow(&mut self, instruments: &InstrumentState) {
        let concerned: Vec<_> = self.machines.keys().copied().chain(instruments.ids()).collect();
        for id in concerned {
            self.follow_one(id, instruments);
        }
    }

    /// Whether each drum kit has a machine, and nothing else has one.
    pub(super) fn match_kits(&self, instruments: &InstrumentState) -> bool {
        let kits = instruments.iter().filter(|(_, i)| i.source.kind() == SourceKind::DrumKit);
        kits.map(|(id, _)| id).eq(self.machines.keys().copied())
    }

    /// Whether both are the same in memory, and so equal.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.machines.ptr_eq(&other.machines)
    }

    /// Hands to `emit` what makes `to` of these machines, but for which machines
    /// there are: that follows from the instruments.
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

    /// Machine by machine, down to the step.
    pub(super) fn digest_delta(&self, to: &Self, delta: &mut DigestDelta) {
        delta.entries(Some(&self.machines), Some(&to.machines), |delta, old, new| {
            DrumMachine::digest_delta(old.map(Arc::as_ref), new.map(Arc::as_ref), delta);
        });
    }

    /// Carries out what [`diff`](Self::diff) found.
    pub(super) fn apply(&mut self, id: InstrumentId, change: &DrumChange) -> Result<(), Invalid> {
        self.edit(id, |machine| match change {
            DrumChange::Set(setting) => machine.apply(setting.clone()),
            DrumChange::Whole(whole) => {
                machine.clone_from(whole);
                Ok(())
            }
        })
    }

    /// Edits a machine, and keeps count of what is in it.
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
    /// Checks that there is room for all steps and patterns there are.
    pub(super) fn check(&self) -> Result<(), Invalid> {
        bounded::at_most(self.load.steps, MAX_STEPS_IN_ALL, "drum steps in all")?;
        bounded::at_most(self.load.patterns, MAX_PATTERNS_IN_ALL, "patterns in all")
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

pub(super) fn reduce(
    state: &mut StudioState,
    id: InstrumentId,
    action: &DrumAction,
) -> Result<Vec<StudioEffect>, Invalid> {
    let before = state.drums.load;
    state.drums.edit(id, |machine| machine.act(action))?;
    let after = state.drums.load;
    // Who is over a limit may still remove.
    if after.steps > before.steps {
        bounded::at_most(after.steps, MAX_STEPS_IN_ALL, "drum steps in all")?;
    }
    if after.patterns > before.patterns {
        bounded::at_most(after.patterns, MAX_PATTERNS_IN_ALL, "patterns in all")?;
    }
    if let DrumAction::Set(DrumSetting::Pad(_, PadSetting::Sound(_))) = action
        && let Some(edited) = state.drums.machine(id)
    {
        state.check_references(edited)?;
    }
    Ok(Vec::new())
}

/// Drum machines as they are written: the count follows from them.
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
