//! A drum pattern: a grid of pads and steps.
//!
//! It must not know how a pad sounds, nor any other pattern.

use serde::{Deserialize, Serialize};

use super::{PatternId, euclid::euclidean_rhythm};
use crate::{
    model::{DigestDelta, Invalid},
    studio::common::{
        bounded::MAX_STEPS_PASTED,
        collection::Collection,
        name::Name,
        narrowing,
        rhythm::NoteValue,
        settings::{ParamPath, PathStep, Settings, settings},
    },
    util::{
        limited::bounded_list,
        ordmap::{DiffItem, Merged, OrdMap},
        quantity::{Amount, PadNumber, Semitones, StepCount, StepNumber, Velocity},
    },
};

settings! {
    /// How a step strikes its pad.
    #[derive(Copy)]
    Hit, HitSetting {
        /// The velocity.
        velocity: Velocity(Velocity) = Velocity::of(100);
        /// The probability that the step sounds: 0 is never, 1 is always.
        probability: Probability(Amount) = Amount::of(1.0);
        /// The transposition in semitones.
        pitch: Pitch(Semitones) = Semitones::of(0);
    }
}

/// A step that is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The pad that it strikes.
    pub pad: PadNumber,
    /// The position in the pattern, from 0.
    pub step: StepNumber,
    /// The velocity.
    pub velocity: Velocity,
    /// The probability that the step sounds: 0 is never, 1 is always.
    pub probability: Amount,
    /// The transposition in semitones.
    pub pitch: Semitones,
}

impl Step {
    /// A step with the default velocity, probability and pitch.
    #[must_use]
    pub fn new(pad: PadNumber, step: StepNumber) -> Self {
        Hit::default().at((pad, step))
    }

    const fn hit(self) -> Hit {
        Hit { velocity: self.velocity, probability: self.probability, pitch: self.pitch }
    }
}

impl Hit {
    const fn at(self, (pad, step): Cell) -> Step {
        let Self { velocity, probability, pitch } = self;
        Step { pad, step, velocity, probability, pitch }
    }
}

/// The position of a step; it identifies the step within its pattern.
type Cell = (PadNumber, StepNumber);

/// The steps that are on, at most one per pad and position. It is serialized as
/// a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StepList", into = "StepList")]
pub struct Steps(OrdMap<Cell, Hit>);

/// A non-empty rectangle of a pattern: a range of pads and a range of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Corners", into = "Corners")]
pub struct StepRegion {
    first: Cell,
    last: Cell,
}

/// A region ends before it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a pattern region must not end before it starts")]
#[non_exhaustive]
pub struct BadStepRegion;

impl StepRegion {
    /// All pads and all steps.
    pub const ALL: Self =
        Self { first: (PadNumber::MIN, StepNumber::MIN), last: (PadNumber::MAX, StepNumber::MAX) };

    /// The region from the pad and step in `first` to those in `last`, both
    /// inclusive.
    ///
    /// # Errors
    /// [`BadStepRegion`] if either in `last` is less than in `first`.
    pub fn new(
        first: (PadNumber, StepNumber),
        last: (PadNumber, StepNumber),
    ) -> Result<Self, BadStepRegion> {
        let fits = first.0 <= last.0 && first.1 <= last.1;
        if fits { Ok(Self { first, last }) } else { Err(BadStepRegion) }
    }

    /// The first pad and the first step.
    #[must_use]
    pub const fn first(self) -> (PadNumber, StepNumber) {
        self.first
    }

    /// Whether the region contains this step of this pad.
    #[must_use]
    pub fn contains(self, (pad, step): (PadNumber, StepNumber)) -> bool {
        (self.first.0..=self.last.0).contains(&pad) && (self.first.1..=self.last.1).contains(&step)
    }
}

impl Steps {
    /// The step of this pad, if it is on.
    #[must_use]
    pub fn step(&self, pad: PadNumber, step: StepNumber) -> Option<Step> {
        self.0.get(&(pad, step)).map(|hit| hit.at((pad, step)))
    }

    /// All steps that are on, by pad, then by position.
    pub fn iter(&self) -> impl Iterator<Item = Step> {
        self.0.iter().map(|(place, hit)| hit.at(*place))
    }

    /// The steps at one position, by pad.
    pub fn at(&self, step: StepNumber) -> impl Iterator<Item = Step> {
        let pads =
            (PadNumber::MIN.get()..=PadNumber::MAX.get()).filter_map(|n| PadNumber::new(n).ok());
        pads.filter_map(move |pad| self.step(pad, step))
    }

    /// The steps within a region, by pad, then by position.
    pub fn within(&self, region: StepRegion) -> impl Iterator<Item = Step> {
        self.iter().filter(move |step| region.contains((step.pad, step.step)))
    }

    /// The number of steps that are on.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no step is on.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn put(&mut self, step: Step) {
        self.0.insert((step.pad, step.step), step.hit());
    }
}

impl Collection for Steps {
    fn merge(&mut self, from: &Self, to: &Self) -> Merged {
        self.0.merge(&from.0, &to.0)
    }
}

impl FromIterator<Step> for Steps {
    /// If two steps have the same position, the last one wins.
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        Self(steps.into_iter().map(|step| ((step.pad, step.step), step.hit())).collect())
    }
}

/// A pattern of a drum machine.
///
/// Steps beyond the length are kept but not played.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// The display name.
    pub name: Name,
    /// The number of steps.
    pub length: StepCount,
    /// The note value of one step.
    pub resolution: NoteValue,
    steps: Steps,
}

/// A change of a [`Pattern`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PatternSetting {
    /// The display name.
    Name(Name),
    /// The number of steps.
    Length(StepCount),
    /// The note value of one step.
    Resolution(NoteValue),
    /// A step was turned on or changed.
    On(Step),
    /// A step was turned off.
    Off(PadNumber, StepNumber),
    /// The complete new set of steps.
    Steps(Steps),
}

impl Default for Pattern {
    /// One 4/4 bar of sixteenths, without steps.
    fn default() -> Self {
        Self {
            name: Name::given("Pattern"),
            length: StepCount::of(16),
            resolution: NoteValue::Sixteenth,
            steps: Steps::default(),
        }
    }
}

impl Pattern {
    /// The steps that are on.
    #[must_use]
    pub const fn steps(&self) -> &Steps {
        &self.steps
    }

    /// About how many bytes the steps of the two do not share.
    pub(super) fn weight(old: Option<&Self>, new: Option<&Self>) -> usize {
        narrowing::weight(old.map(|pattern| &pattern.steps.0), new.map(|pattern| &pattern.steps.0))
    }

    pub(super) const fn steps_mut(&mut self) -> &mut Steps {
        &mut self.steps
    }

    pub(super) fn digest_delta(old: Option<&Self>, new: Option<&Self>, delta: &mut DigestDelta) {
        let bare = |pattern: &Self| Self { steps: Steps::default(), ..pattern.clone() };
        delta.replace(old.map(bare), new.map(bare));
        delta.at("steps", |delta| {
            delta.map(old.map(|pattern| &pattern.steps.0), new.map(|pattern| &pattern.steps.0));
        });
    }

    pub(super) fn edit(
        &mut self,
        pad: PadNumber,
        step: StepNumber,
        setting: HitSetting,
    ) -> Result<(), Invalid> {
        match self.steps.0.get_mut(&(pad, step)) {
            Some(hit) => hit.set(setting),
            None => Err(no_step(pad, step)),
        }
    }

    /// Replaces the steps of a pad by a Euclidean rhythm, rotated to the right.
    pub(super) fn euclid(
        &mut self,
        pad: PadNumber,
        hits: StepCount,
        rotation: StepNumber,
    ) -> Result<(), Invalid> {
        if hits > self.length {
            return Err(Invalid::unfit("a pattern cannot have more hits than steps"));
        }
        self.clear(|(other, _)| other == pad);
        let mut rhythm = euclidean_rhythm(hits, self.length);
        let length = rhythm.len();
        rhythm.rotate_right(usize::from(rotation.get()) % length);
        for (step, _) in (0..).zip(rhythm).filter(|(_, is_on)| *is_on) {
            if let Ok(step) = StepNumber::new(step) {
                self.steps.put(Step::new(pad, step));
            }
        }
        Ok(())
    }

    pub(super) fn clear_region(&mut self, region: StepRegion) {
        self.clear(|cell| region.contains(cell));
    }

    pub(super) fn paste(&mut self, steps: &Steps) {
        let steps = steps.0.iter().map(|(place, hit)| (*place, Some(*hit)));
        self.steps.0.apply_sorted(steps.collect());
    }

    fn clear(&mut self, gone: impl Fn(Cell) -> bool) {
        let gone = self.steps.0.keys().filter(|place| gone(**place)).map(|place| (*place, None));
        self.steps.0.apply_sorted(gone.collect());
    }
}

impl Settings for Pattern {
    type Setting = PatternSetting;

    fn set(&mut self, setting: PatternSetting) -> Result<(), Invalid> {
        match setting {
            PatternSetting::Name(name) => self.name = name,
            PatternSetting::Length(length) => self.length = length,
            PatternSetting::Resolution(resolution) => self.resolution = resolution,
            PatternSetting::On(step) => self.steps.put(step),
            PatternSetting::Off(pad, step) => {
                self.steps.0.remove(&(pad, step)).ok_or_else(|| no_step(pad, step))?;
            }
            PatternSetting::Steps(steps) => self.steps = steps,
        }
        Ok(())
    }

    fn path(setting: &PatternSetting, path: &mut ParamPath) {
        let step = |pad: PadNumber, step: StepNumber| {
            [
                PathStep::Part("Step"),
                PathStep::Number(pad.get().into()),
                PathStep::Number(step.get().into()),
            ]
        };
        match setting {
            PatternSetting::Name(_) => path.push(PathStep::Part("Name")),
            PatternSetting::Length(_) => path.push(PathStep::Part("Length")),
            PatternSetting::Resolution(_) => path.push(PathStep::Part("Resolution")),
            PatternSetting::On(on) => path.extend(step(on.pad, on.step)),
            PatternSetting::Off(pad, number) => path.extend(step(*pad, *number)),
            PatternSetting::Steps(_) => path.push(PathStep::Part("Step")),
        }
    }

    /// Emits the difference step by step, or all steps if that is shorter.
    fn diff(&self, to: &Self, emit: &mut dyn FnMut(PatternSetting)) {
        if self.name != to.name {
            emit(PatternSetting::Name(to.name.clone()));
        }
        if self.length != to.length {
            emit(PatternSetting::Length(to.length));
        }
        if self.resolution != to.resolution {
            emit(PatternSetting::Resolution(to.resolution));
        }
        let mut changes = Vec::new();
        for change in self.steps.0.diff(&to.steps.0) {
            if changes.len() >= to.steps.len().max(1) {
                return emit(PatternSetting::Steps(to.steps.clone()));
            }
            changes.push(match change {
                DiffItem::Add(place, hit) | DiffItem::Update { new: (place, hit), .. } => {
                    PatternSetting::On(hit.at(*place))
                }
                DiffItem::Remove((pad, step), _) => PatternSetting::Off(*pad, *step),
            });
        }
        changes.into_iter().for_each(emit);
    }
}

fn no_step(pad: PadNumber, step: StepNumber) -> Invalid {
    // People count from 1.
    Invalid::missing("step", format_args!("{} of pad {}", step.get() + 1, pad.get() + 1))
}

pub(super) fn no_pattern(id: PatternId) -> Invalid {
    Invalid::missing("pattern", id)
}

/// The serialized form of [`Steps`].
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct StepList(#[serde(deserialize_with = "bounded_list::<MAX_STEPS_PASTED, _, _>")] Vec<Step>);

impl From<StepList> for Steps {
    fn from(StepList(steps): StepList) -> Self {
        steps.into_iter().collect()
    }
}

impl From<Steps> for StepList {
    fn from(steps: Steps) -> Self {
        Self(steps.iter().collect())
    }
}

/// The serialized form of a [`StepRegion`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Corners {
    first_pad: PadNumber,
    last_pad: PadNumber,
    first_step: StepNumber,
    last_step: StepNumber,
}

impl TryFrom<Corners> for StepRegion {
    type Error = BadStepRegion;

    fn try_from(read: Corners) -> Result<Self, BadStepRegion> {
        Self::new((read.first_pad, read.first_step), (read.last_pad, read.last_step))
    }
}

impl From<StepRegion> for Corners {
    fn from(StepRegion { first, last }: StepRegion) -> Self {
        Self { first_pad: first.0, last_pad: last.0, first_step: first.1, last_step: last.1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAD: PadNumber = PadNumber::MIN;

    fn euclid(length: u8, hits: u8, rotation: u8) -> String {
        let mut pattern = Pattern { length: StepCount::of(length), ..Pattern::default() };
        pattern.euclid(PAD, StepCount::of(hits), StepNumber::of(rotation)).unwrap();
        let on = |n| pattern.steps().step(PAD, StepNumber::of(n)).is_some();
        (0..length).map(|n| if on(n) { 'x' } else { '.' }).collect()
    }

    #[test]
    fn euclid_is_rotated_to_the_right() {
        assert_eq!(euclid(8, 3, 1), ".x..x..x");
        assert_eq!(euclid(16, 4, 16), "x...x...x...x...");
        assert_eq!(euclid(4, 4, 2), "xxxx");
        assert_eq!(euclid(128, 1, 127).rfind('x'), Some(127));
        let five = Pattern::default().euclid(PAD, StepCount::of(17), StepNumber::MIN);
        assert!(five.is_err(), "17 hits in 16 steps");
    }

    #[test]
    fn euclid_replaces_the_steps_of_one_pad_only() {
        let mut pattern = Pattern::default();
        let other = Step::new(PadNumber::of(1), StepNumber::of(5));
        pattern.paste(&[Step::new(PAD, StepNumber::of(5)), other].into_iter().collect());
        pattern.euclid(PAD, StepCount::of(1), StepNumber::of(0)).unwrap();
        let left: Vec<_> = pattern.steps().iter().collect();
        assert_eq!(left, [Step::new(PAD, StepNumber::of(0)), other]);
    }

    #[test]
    fn diff_sends_all_steps_only_if_shorter() {
        let mut full = Pattern::default();
        full.euclid(PAD, StepCount::of(16), StepNumber::MIN).unwrap();
        let changes = |to: &Pattern| {
            let mut changes = Vec::new();
            full.diff(to, &mut |change| changes.push(change));
            changes
        };
        let mut edited = full.clone();
        edited.edit(PAD, StepNumber::of(3), HitSetting::Velocity(Velocity::of(9))).unwrap();
        let softer = Step { velocity: Velocity::of(9), ..Step::new(PAD, StepNumber::of(3)) };
        assert_eq!(changes(&edited), [PatternSetting::On(softer)]);
        edited.clear_region(StepRegion::ALL);
        assert_eq!(changes(&edited), [PatternSetting::Steps(Steps::default())]);
    }
}
