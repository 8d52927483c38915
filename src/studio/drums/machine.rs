//! One drum machine: pads, patterns, the pattern chain and the chopper.
//!
//! Its references to its own patterns and slices never dangle. It must know the
//! instruments that pads play by id only.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    DrumAction, DrumChange,
    chopper::{Chopper, ChopperSetting, SliceId},
    pattern::{Pattern, PatternSetting, Steps, no_pattern},
};
use crate::{
    model::{DigestDelta, InstrumentId, Invalid},
    studio::common::{
        bounded::{self, MAX_CHAINED, MAX_PATTERNS},
        collection::edited_collections,
        content::Content,
        name::Name,
        narrowing,
        reference::{Reference, Refers},
        settings::{ParamPath, PathStep, Settings, settings},
    },
    util::{
        limited::bounded_list,
        ordmap::{DiffItem, OrdMap},
        quantity::{Amount, Decibels, PadNumber, Pan, Pitch, Semitones},
    },
};

/// The id of a pattern, unique within its drum machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PatternId(pub u16);

impl fmt::Display for PatternId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The sound of a pad.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PadSound {
    /// Silence.
    Nothing,
    /// A sample file.
    Sample(Content),
    /// A slice of the machine's chopper.
    Slice(SliceId),
    /// A note on another instrument. If that instrument is a drum kit, its pads
    /// play only their own sounds, so that kits cannot trigger each other
    /// endlessly.
    Instrument(InstrumentId, Pitch),
}

settings! {
    /// A pad of a drum machine.
    Pad, PadSetting, PadParameter {
        /// The display name.
        name: Name(Name) = Name::given("Pad");
        /// The sound that the pad plays.
        sound: Sound(PadSound) = PadSound::Nothing;
        /// The level in dB.
        level: Level(Decibels) = Decibels::of(0.0);
        /// The stereo position, from -1 (left) to 1 (right).
        pan: Pan(Pan) = Pan::of(0.0);
        /// The transposition in semitones.
        pitch: Pitch(Semitones) = Semitones::of(0);
        /// Whether the sound is played backwards.
        reverse: Reverse(bool) = false;
        /// The pad that this one silences, for example an open hi-hat that a
        /// closed one cuts off.
        chokes: Chokes(Option<PadNumber>) = None;
    }
}

/// A pattern chain: patterns that are played in this order, and repeat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChainedPatterns(
    #[serde(deserialize_with = "bounded_list::<MAX_CHAINED, _, _>")] Vec<PatternId>,
);

impl ChainedPatterns {
    /// A chain of these patterns. A pattern may occur more than once.
    ///
    /// # Errors
    /// [`Invalid::Full`] if there are more than 64.
    pub fn new(patterns: Vec<PatternId>) -> Result<Self, Invalid> {
        bounded::at_most(patterns.len(), MAX_CHAINED, "patterns in a chain")?;
        Ok(Self(patterns))
    }

    /// The patterns, in playing order.
    #[must_use]
    pub fn patterns(&self) -> &[PatternId] {
        &self.0
    }
}

/// The drum machine of an instrument whose source is a drum kit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedMachine")]
pub struct DrumMachine {
    /// The delay of every second step: 0 is straight.
    pub swing: Amount,
    /// Whether playback follows the chain; otherwise it repeats the current
    /// pattern.
    pub chained: bool,
    current: Option<PatternId>,
    chain: Arc<ChainedPatterns>,
    pads: OrdMap<PadNumber, Arc<Pad>>,
    patterns: OrdMap<PatternId, Arc<Pattern>>,
    chopper: Arc<Chopper>,
}

/// A change of a [`DrumMachine`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DrumSetting {
    /// The delay of every second step.
    Swing(Amount),
    /// A change of the chopper.
    Chopper(ChopperSetting),
    /// A setting of a pad.
    Pad(PadNumber, PadSetting),
    /// A new, empty pattern.
    AddPattern(PatternId),
    /// Deletes a pattern, also from the chain. If it was the current one, the
    /// pattern with the lowest id becomes current.
    DeletePattern(PatternId),
    /// A setting or a step of a pattern.
    Pattern(PatternId, PatternSetting),
    /// The pattern that is edited, and played while the chain is off.
    Current(Option<PatternId>),
    /// The pattern chain.
    Chain(ChainedPatterns),
    /// Whether playback follows the chain.
    Chained(bool),
}

impl Default for DrumMachine {
    /// One empty pattern, and silent pads.
    fn default() -> Self {
        let first = PatternId(1);
        Self {
            swing: Amount::of(0.0),
            chained: false,
            current: Some(first),
            chain: Arc::default(),
            pads: OrdMap::new(),
            patterns: OrdMap::unit(first, Arc::default()),
            chopper: Arc::default(),
        }
    }
}

impl DrumMachine {
    /// The pad with this number; a pad that was never edited has default
    /// settings.
    #[must_use]
    pub fn pad(&self, number: PadNumber) -> Pad {
        self.pads.get(&number).map(|pad| Pad::clone(pad)).unwrap_or_default()
    }

    /// The pattern with this id.
    #[must_use]
    pub fn pattern(&self, id: PatternId) -> Option<&Pattern> {
        self.patterns.get(&id).map(Arc::as_ref)
    }

    /// All patterns, by id.
    pub fn patterns(&self) -> impl Iterator<Item = (PatternId, &Pattern)> {
        self.patterns.iter().map(|(id, pattern)| (*id, pattern.as_ref()))
    }

    /// The lowest unused pattern id, from 1.
    #[must_use]
    pub fn free_id(&self) -> PatternId {
        let mut ids = (1..=u16::MAX).map(PatternId);
        ids.find(|id| !self.patterns.contains_key(id)).unwrap_or(PatternId(0))
    }

    /// The pattern that is edited, and played while the chain is off.
    #[must_use]
    pub const fn current(&self) -> Option<PatternId> {
        self.current
    }

    /// The pattern chain.
    #[must_use]
    pub fn chain(&self) -> &ChainedPatterns {
        &self.chain
    }

    /// The sample and its slices.
    #[must_use]
    pub fn chopper(&self) -> &Chopper {
        &self.chopper
    }

    /// Digests pad by pad, pattern by pattern with its steps, and the rest as a
    /// whole.
    pub(super) fn digest_delta(old: Option<&Self>, new: Option<&Self>, delta: &mut DigestDelta) {
        let bare = |machine: &Self| Self {
            pads: OrdMap::new(),
            patterns: OrdMap::new(),
            ..machine.clone()
        };
        delta.replace(old.map(bare), new.map(bare));
        delta.at("pads", |delta| {
            delta.map(old.map(|machine| &machine.pads), new.map(|machine| &machine.pads));
        });
        let (old, new) =
            (old.map(|machine| &machine.patterns), new.map(|machine| &machine.patterns));
        delta.at("patterns", |delta| {
            delta.entries(old, new, |delta, old, new| {
                Pattern::digest_delta(old.map(Arc::as_ref), new.map(Arc::as_ref), delta);
            });
        });
    }

    /// About how many bytes the two do not share.
    pub(super) fn weight(old: Option<&Self>, new: Option<&Self>) -> usize {
        let patterns = |machine: Option<&Self>| {
            machine.map(|machine| machine.patterns.clone()).unwrap_or_default()
        };
        let mut weight = 0;
        narrowing::narrow(&mut patterns(old), &mut patterns(new), |_, old, new| {
            weight += Pattern::weight(old.map(Arc::as_ref), new.map(Arc::as_ref));
        });
        weight
    }

    pub(super) fn act(&mut self, action: &DrumAction) -> Result<(), Invalid> {
        match action {
            DrumAction::Set(setting) => {
                self.apply(setting.clone())?;
                return self.settle(setting);
            }
            DrumAction::Step(id, pad, step, setting) => {
                self.pattern_mut(*id)?.edit(*pad, *step, setting.clone())?;
            }
            DrumAction::Euclid { pattern, pad, hits, rotation } => {
                self.pattern_mut(*pattern)?.euclid(*pad, *hits, *rotation)?;
            }
            DrumAction::ClearRegion(id, region) => self.pattern_mut(*id)?.clear_region(*region),
            DrumAction::Paste(id, steps) => self.pattern_mut(*id)?.paste(steps),
            DrumAction::Chop(count) => {
                Arc::make_mut(&mut self.chopper).chop(*count);
                self.silence_lost_slices();
            }
            DrumAction::AssignSlices(first) => self.assign_slices(*first),
        }
        Ok(())
    }

    /// Repairs references to what the action deleted, and refuses an action
    /// that refers to a missing pattern or slice.
    fn settle(&mut self, done: &DrumSetting) -> Result<(), Invalid> {
        match done {
            DrumSetting::DeletePattern(gone) => {
                if self.chain.0.contains(gone) {
                    Arc::make_mut(&mut self.chain).0.retain(|id| id != gone);
                }
                if self.current == Some(*gone) {
                    self.current = self.patterns.first().map(|(id, _)| *id);
                }
                Ok(())
            }
            DrumSetting::Chopper(ChopperSetting::Remove(_)) => {
                self.silence_lost_slices();
                Ok(())
            }
            DrumSetting::Current(_) | DrumSetting::Chain(_) | DrumSetting::Pad(..) => self.check(),
            _ => Ok(()),
        }
    }

    /// Checks that no pad, chain entry or current pattern refers to something
    /// missing.
    pub(in crate::studio) fn check(&self) -> Result<(), Invalid> {
        let named = self.current.iter().chain(&self.chain.0);
        if let Some(id) = named.copied().find(|id| !self.patterns.contains_key(id)) {
            return Err(no_pattern(id));
        }
        let slices = self.pads.values().filter_map(|pad| match pad.sound {
            PadSound::Slice(id) => Some(id),
            _ => None,
        });
        match slices.into_iter().find(|id| self.chopper.slice(*id).is_none()) {
            Some(id) => Err(Invalid::missing("slice", id)),
            None => Ok(()),
        }
    }

    fn silence_lost_slices(&mut self) {
        let chopper = Arc::clone(&self.chopper);
        self.silence(|sound| match sound {
            PadSound::Slice(id) => chopper.slice(*id).is_none(),
            _ => false,
        });
    }

    fn silence(&mut self, lost: impl Fn(&PadSound) -> bool) {
        let silent: Vec<_> =
            self.pads.iter().filter(|(_, pad)| lost(&pad.sound)).map(|(n, _)| *n).collect();
        for number in silent {
            self.set_pad(number, |pad| pad.sound = PadSound::Nothing);
        }
    }

    fn assign_slices(&mut self, first: PadNumber) {
        let pads = (first.get()..=PadNumber::MAX.get()).filter_map(|n| PadNumber::new(n).ok());
        let slices: Vec<_> = self.chopper.slices().map(|(id, _)| id).collect();
        for (number, id) in pads.zip(slices) {
            self.set_pad(number, |pad| pad.sound = PadSound::Slice(id));
        }
    }

    /// Edits a pad. A pad with default settings is not stored.
    fn set_pad(&mut self, number: PadNumber, edit: impl FnOnce(&mut Pad)) {
        let mut pad = self.pad(number);
        edit(&mut pad);
        if pad == Pad::default() {
            self.pads.remove(&number);
        } else {
            self.pads.insert(number, Arc::new(pad));
        }
    }

    /// The patterns whose steps differ, with the steps here and in `to`.
    pub(super) fn edited_steps<'a>(
        &'a self,
        to: &'a Self,
    ) -> impl Iterator<Item = (PatternId, Steps, Steps)> + 'a {
        edited_collections(&self.patterns, &to.patterns, |pattern| pattern.steps())
    }

    pub(super) fn pattern_mut(&mut self, id: PatternId) -> Result<&mut Pattern, Invalid> {
        self.patterns.get_mut(&id).map(Arc::make_mut).ok_or_else(|| no_pattern(id))
    }

    /// Applies one setting without repairing references, as a patch does.
    pub(super) fn apply(&mut self, setting: DrumSetting) -> Result<(), Invalid> {
        match setting {
            DrumSetting::Swing(swing) => self.swing = swing,
            DrumSetting::Chopper(setting) => self.chopper.set(setting)?,
            DrumSetting::Pad(number, setting) => {
                let mut pad = self.pad(number);
                pad.set(setting)?;
                self.set_pad(number, |edited| *edited = pad);
            }
            DrumSetting::AddPattern(id) => {
                if self.patterns.contains_key(&id) {
                    return Err(Invalid::exists("pattern", id));
                }
                self.patterns.insert(id, Arc::default());
                bounded::at_most(self.patterns.len(), MAX_PATTERNS, "patterns of a drum kit")?;
            }
            DrumSetting::DeletePattern(id) => {
                self.patterns.remove(&id).ok_or_else(|| no_pattern(id))?;
            }
            DrumSetting::Pattern(id, setting) => self.pattern_mut(id)?.set(setting)?,
            DrumSetting::Current(id) => self.current = id,
            DrumSetting::Chain(chain) => self.chain = Arc::new(chain),
            DrumSetting::Chained(chained) => self.chained = chained,
        }
        Ok(())
    }

    /// The parameter path of a setting.
    pub(in crate::studio) fn path(setting: &DrumSetting, path: &mut ParamPath) {
        use PathStep::{Number, Part};
        match setting {
            DrumSetting::Swing(_) => path.push(Part("Swing")),
            DrumSetting::Chopper(setting) => {
                path.push(Part("Chopper"));
                Chopper::path(setting, path);
            }
            DrumSetting::Pad(number, setting) => {
                path.extend([Part("Pad"), Number(number.get().into())]);
                Pad::path(setting, path);
            }
            DrumSetting::AddPattern(id) | DrumSetting::DeletePattern(id) => {
                path.extend([Part("Pattern"), Number(id.0.into())]);
            }
            DrumSetting::Pattern(id, setting) => {
                path.extend([Part("Pattern"), Number(id.0.into())]);
                Pattern::path(setting, path);
            }
            DrumSetting::Current(_) => path.push(Part("Current")),
            DrumSetting::Chain(_) => path.push(Part("Chain")),
            DrumSetting::Chained(_) => path.push(Part("Chained")),
        }
    }

    /// The changes that turn this machine into `to`.
    pub(super) fn changes(&self, to: &Self) -> Vec<DrumChange> {
        let mut changes = Vec::new();
        let mut emit = |setting| changes.push(DrumChange::Set(setting));
        if self.swing != to.swing {
            emit(DrumSetting::Swing(to.swing));
        }
        self.chopper.diff(&to.chopper, &mut |setting| emit(DrumSetting::Chopper(setting)));
        self.diff_pads(to, &mut emit);
        self.diff_patterns(to, &mut emit);
        if self.current != to.current {
            emit(DrumSetting::Current(to.current));
        }
        if self.chain != to.chain {
            emit(DrumSetting::Chain(ChainedPatterns::clone(&to.chain)));
        }
        if self.chained != to.chained {
            emit(DrumSetting::Chained(to.chained));
        }
        changes
    }

    fn diff_pads(&self, to: &Self, emit: &mut dyn FnMut(DrumSetting)) {
        for change in self.pads.diff(&to.pads) {
            let (DiffItem::Add(number, _)
            | DiffItem::Update { new: (number, _), .. }
            | DiffItem::Remove(number, _)) = change;
            let (old, new) = (self.pad(*number), to.pad(*number));
            old.diff(&new, &mut |setting| emit(DrumSetting::Pad(*number, setting)));
        }
    }

    fn diff_patterns(&self, to: &Self, emit: &mut dyn FnMut(DrumSetting)) {
        // Removals first: a full machine needs room for new patterns.
        for change in self.patterns.diff(&to.patterns) {
            if let DiffItem::Remove(id, _) = change {
                emit(DrumSetting::DeletePattern(*id));
            }
        }
        for change in self.patterns.diff(&to.patterns) {
            match change {
                DiffItem::Add(id, new) => {
                    emit(DrumSetting::AddPattern(*id));
                    Pattern::default().diff(new, &mut |s| emit(DrumSetting::Pattern(*id, s)));
                }
                DiffItem::Update { old: (id, old), new: (_, new) } => {
                    old.diff(new, &mut |s| emit(DrumSetting::Pattern(*id, s)));
                }
                DiffItem::Remove(..) => {}
            }
        }
    }
}

impl Refers for DrumMachine {
    fn references(&self, each: &mut dyn FnMut(Reference)) {
        for pad in self.pads.values() {
            if let PadSound::Instrument(id, _) = pad.sound {
                each(Reference::Instrument(id));
            }
        }
    }

    fn forget(&mut self, gone: Reference) {
        self.silence(|sound| match sound {
            PadSound::Instrument(id, _) => Reference::Instrument(*id) == gone,
            _ => false,
        });
    }
}

/// A drum machine as it is deserialized, before its references are checked.
#[derive(Deserialize)]
struct UncheckedMachine {
    swing: Amount,
    chained: bool,
    current: Option<PatternId>,
    chain: Arc<ChainedPatterns>,
    #[serde(deserialize_with = "bounded::map::<16, _, _, _>")]
    pads: OrdMap<PadNumber, Arc<Pad>>,
    #[serde(deserialize_with = "bounded::map::<MAX_PATTERNS, _, _, _>")]
    patterns: OrdMap<PatternId, Arc<Pattern>>,
    chopper: Arc<Chopper>,
}

impl TryFrom<UncheckedMachine> for DrumMachine {
    type Error = Invalid;

    fn try_from(read: UncheckedMachine) -> Result<Self, Invalid> {
        let UncheckedMachine { swing, chained, current, chain, pads, patterns, chopper } = read;
        let machine = Self { swing, chained, current, chain, pads, patterns, chopper };
        machine.check()?;
        Ok(machine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(machine: &mut DrumMachine, setting: DrumSetting) -> Result<(), Invalid> {
        machine.act(&DrumAction::Set(setting))
    }

    #[test]
    fn deleted_pattern_leaves_chain_and_current() {
        let mut machine = DrumMachine::default();
        let (first, second) = (PatternId(1), PatternId(2));
        let chain = |ids: &[PatternId]| ChainedPatterns::new(ids.to_vec()).unwrap();
        let both = DrumSetting::Chain(chain(&[first, second, first]));
        assert_eq!(set(&mut machine.clone(), both.clone()), Err(Invalid::missing("pattern", 2)));
        set(&mut machine, DrumSetting::AddPattern(second)).unwrap();
        set(&mut machine, both).unwrap();
        set(&mut machine, DrumSetting::DeletePattern(first)).unwrap();
        assert_eq!(machine.chain(), &chain(&[second]));
        assert_eq!(machine.current(), Some(second));
        set(&mut machine, DrumSetting::DeletePattern(second)).unwrap();
        assert_eq!((machine.current(), machine.free_id()), (None, first));
    }

    #[test]
    fn machine_with_dangling_reference_is_not_deserialized() {
        let json = serde_json::to_string(&DrumMachine::default()).unwrap();
        assert!(serde_json::from_str::<DrumMachine>(&json).is_ok());
        for (good, bad) in
            [(r#""current":1"#, r#""current":2"#), (r#""chain":[]"#, r#""chain":[9]"#)]
        {
            assert!(serde_json::from_str::<DrumMachine>(&json.replace(good, bad)).is_err());
        }
    }
}
