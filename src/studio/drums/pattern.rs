//! A pattern: which pads are struck at which steps, and how.
//!
//! It knows nothing of what a pad sounds like, nor of other patterns.

use serde::{Deserialize, Serialize};

use super::PatternId;
use crate::{
    model::{DigestDelta, Invalid},
    studio::{
        bounded::{self, MAX_STEPS_PASTED},
        name::Name,
        rhythm::NoteValue,
        settings::{Place, PlaceName, Settings, settings},
    },
    util::{
        ordmap::{DiffItem, OrdMap},
        quantity::{Amount, PadNumber, Semitones, StepCount, StepNumber, Velocity},
    },
};

settings! {
    /// How a pad is struck.
    #[derive(Copy)]
    Hit, HitSetting {
        /// How hard.
        velocity: Velocity(Velocity) = Velocity::of(100);
        /// How likely: never at 0, always at 1.
        probability: Probability(Amount) = Amount::of(1.0);
        /// How far it is transposed.
        pitch: Pitch(Semitones) = Semitones::of(0);
    }
}

/// A step that is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which pad is struck.
    pub pad: PadNumber,
    /// When, counted from 0.
    pub step: StepNumber,
    /// How hard.
    pub velocity: Velocity,
    /// How likely: never at 0, always at 1.
    pub probability: Amount,
    /// How far it is transposed.
    pub pitch: Semitones,
}

impl Step {
    /// A pad that is struck at a step as by default.
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

/// What tells a step from the others of its pattern.
type Cell = (PadNumber, StepNumber);

/// The steps that are on, at most one a pad and step. Written as a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "List", into = "List")]
pub struct Steps(OrdMap<Cell, Hit>);

/// A region of a pattern, never empty: some pads, and some steps of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Corners", into = "Corners")]
pub struct StepRegion {
    first: Cell,
    last: Cell,
}

/// A region would have ended before it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a region of a pattern must not end before it begins")]
pub struct BadStepRegion;

impl StepRegion {
    /// All pads and steps.
    pub const ALL: Self =
        Self { first: (PadNumber::MIN, StepNumber::MIN), last: (PadNumber::MAX, StepNumber::MAX) };

    /// The steps `first.1` to `last.1` of the pads `first.0` to `last.0`, both
    /// inclusive.
    ///
    /// # Errors
    /// If a last one is before its first one.
    pub fn new(
        first: (PadNumber, StepNumber),
        last: (PadNumber, StepNumber),
    ) -> Result<Self, BadStepRegion> {
        let fits = first.0 <= last.0 && first.1 <= last.1;
        if fits { Ok(Self { first, last }) } else { Err(BadStepRegion) }
    }

    /// Its first pad and its first step.
    #[must_use]
    pub const fn first(self) -> (PadNumber, StepNumber) {
        self.first
    }

    /// Whether this step of this pad is in it.
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

    /// All steps that are on, by pad.
    pub fn iter(&self) -> impl Iterator<Item = Step> {
        self.0.iter().map(|(place, hit)| hit.at(*place))
    }

    /// What is struck at a step, by pad.
    pub fn at(&self, step: StepNumber) -> impl Iterator<Item = Step> {
        let pads =
            (PadNumber::MIN.get()..=PadNumber::MAX.get()).filter_map(|n| PadNumber::new(n).ok());
        pads.filter_map(move |pad| self.step(pad, step))
    }

    /// The steps of a region, by pad.
    pub fn within(&self, region: StepRegion) -> impl Iterator<Item = Step> {
        self.iter().filter(move |step| region.contains((step.pad, step.step)))
    }

    /// How many steps are on.
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

impl FromIterator<Step> for Steps {
    /// Of steps at the same place, the last one counts.
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        Self(steps.into_iter().map(|step| ((step.pad, step.step), step.hit())).collect())
    }
}

/// A pattern of a drum machine.
///
/// Steps beyond its length are not played; they are there again when it is made
/// longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// What it is called.
    pub name: Name,
    /// How many steps it has.
    pub length: StepCount,
    /// How long a step lasts.
    pub resolution: NoteValue,
    steps: Steps,
}

/// One change of a [`Pattern`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PatternSetting {
    /// What it is called.
    Name(Name),
    /// How many steps it has.
    Length(StepCount),
    /// How long a step lasts.
    Resolution(NoteValue),
    /// A step is on, or is not what it was.
    On(Step),
    /// A step is off.
    Off(PadNumber, StepNumber),
    /// All steps, as they are now.
    Steps(Steps),
}

impl Default for Pattern {
    /// A bar of common time in sixteenths.
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

    /// Spreads `hits` over the steps of a pad. A step is on where the running
    /// share of the hits passes a whole number.
    pub(super) fn euclid(
        &mut self,
        pad: PadNumber,
        hits: StepCount,
        rotation: StepNumber,
    ) -> Result<(), Invalid> {
        let (hits, length) = (u16::from(hits.get()), u16::from(self.length.get()));
        if hits > length {
            return Err(Invalid::unfit("there cannot be more hits than the pattern has steps"));
        }
        self.clear(|(other, _)| other == pad);
        for n in (0..length).filter(|n| n * hits % length < hits) {
            let step = (n + u16::from(rotation.get())) % length;
            if let Some(step) = u8::try_from(step).ok().and_then(|n| StepNumber::new(n).ok()) {
                self.steps.put(Step::new(pad, step));
            }
        }
        Ok(())
    }

    pub(super) fn clear_region(&mut self, region: StepRegion) {
        self.clear(|cell| region.contains(cell));
    }

    pub(super) fn paste(&mut self, steps: &Steps) {
        steps.iter().for_each(|step| self.steps.put(step));
    }

    fn clear(&mut self, gone: impl Fn(Cell) -> bool) {
        for place in self.steps.0.keys().copied().filter(|p| gone(*p)).collect::<Vec<_>>() {
            self.steps.0.remove(&place);
        }
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

    fn place(setting: &PatternSetting, place: &mut Place) {
        let step = |pad: PadNumber, step: StepNumber| {
            [
                PlaceName::Part("Step"),
                PlaceName::Number(pad.get().into()),
                PlaceName::Number(step.get().into()),
            ]
        };
        match setting {
            PatternSetting::Name(_) => place.push(PlaceName::Part("Name")),
            PatternSetting::Length(_) => place.push(PlaceName::Part("Length")),
            PatternSetting::Resolution(_) => place.push(PlaceName::Part("Resolution")),
            PatternSetting::On(on) => place.extend(step(on.pad, on.step)),
            PatternSetting::Off(pad, number) => place.extend(step(*pad, *number)),
            PatternSetting::Steps(_) => place.push(PlaceName::Part("Step")),
        }
    }

    /// Step by step, unless the steps as a whole are shorter than that.
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
    // As people count.
    Invalid::missing("step", format_args!("{} of pad {}", step.get() + 1, pad.get() + 1))
}

pub(super) fn no_pattern(id: PatternId) -> Invalid {
    Invalid::missing("pattern", id)
}

/// Steps as they are written.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct List(#[serde(deserialize_with = "bounded::list::<MAX_STEPS_PASTED, _, _>")] Vec<Step>);

impl From<List> for Steps {
    fn from(List(steps): List) -> Self {
        steps.into_iter().collect()
    }
}

impl From<Steps> for List {
    fn from(steps: Steps) -> Self {
        Self(steps.iter().collect())
    }
}

/// How a region is written.
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
    fn hits_are_spread_as_evenly_as_the_steps_allow() {
        assert_eq!(euclid(8, 3, 0), "x..x..x.");
        assert_eq!(euclid(8, 3, 1), ".x..x..x");
        assert_eq!(euclid(8, 5, 0), "x.x.xx.x");
        assert_eq!(euclid(16, 4, 16), "x...x...x...x...");
        assert_eq!(euclid(4, 4, 2), "xxxx");
        assert_eq!(euclid(128, 1, 127).rfind('x'), Some(127));
        let five = Pattern::default().euclid(PAD, StepCount::of(17), StepNumber::MIN);
        assert!(five.is_err(), "there are 16 steps");
    }

    #[test]
    fn a_figure_replaces_the_steps_of_its_pad_and_of_no_other() {
        let mut pattern = Pattern::default();
        let other = Step::new(PadNumber::of(1), StepNumber::of(5));
        pattern.paste(&[Step::new(PAD, StepNumber::of(5)), other].into_iter().collect());
        pattern.euclid(PAD, StepCount::of(1), StepNumber::of(0)).unwrap();
        let left: Vec<_> = pattern.steps().iter().collect();
        assert_eq!(left, [Step::new(PAD, StepNumber::of(0)), other]);
    }

    #[test]
    fn steps_are_sent_whole_only_when_that_is_shorter() {
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
