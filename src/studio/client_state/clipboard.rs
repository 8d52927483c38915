//! The clipboard: notes, automation points and drum steps, as they were copied.
//!
//! A copy keeps its place within what was marked, and is pasted whole or not at all.
//! It reads the shared state and returns the actions that change it.

use super::local_action::ClipboardAction;
use crate::{
    model::InstrumentId,
    studio::{
        StudioState,
        automation::{AutomationAction, Point, Target},
        common::{bounded::MAX_PASTED, loop_region::LoopRegion},
        drums::{DrumAction, DrumMachine, PatternId, Step, StepRegion},
        network_action::NetworkAction,
        piano_roll::{Note, PianoRollAction},
    },
    util::quantity::{PadNumber, StepNumber, Ticks},
};

/// The most notes that can be copied: as many as one batch can paste.
const MAX_COPIED: usize = 3 * MAX_PASTED;

/// Why nothing was copied, cut or pasted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClipboardError {
    /// There is nothing of this kind to copy or to cut.
    #[error("no {0} here")]
    Nothing(&'static str),
    /// This number of notes cannot be pasted in one step.
    #[error("{0} notes are marked, and at most {MAX_COPIED} can be copied at once")]
    TooMany(usize),
    /// Nothing of this kind has been copied.
    #[error("nothing to paste: copy a {0} first")]
    Empty(&'static str),
    /// This track, lane or pattern does not exist.
    #[error("there is no {0} here")]
    NoPlace(&'static str),
    /// A part of the copy would be after the end of a track, a lane or a pattern.
    #[error("not pasted: {beyond} of {all} {what}s do not fit here")]
    Beyond {
        /// How many do not fit.
        beyond: usize,
        /// How many were copied.
        all: usize,
        /// What was copied.
        what: &'static str,
    },
}

/// Copies, with the beginning of what was marked at 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Clipboard {
    pub(super) notes: Vec<Note>,
    points: Vec<Point>,
    pub(super) steps: Vec<Step>,
}

impl Clipboard {
    /// Copies, cuts or pastes, in the selected `instrument` and at `cursor`. Returns
    /// the shared actions that follow from it; they are one step.
    pub(super) fn act(
        &mut self,
        action: &ClipboardAction,
        (instrument, cursor): (Option<InstrumentId>, Ticks),
        studio: &StudioState,
    ) -> Result<Vec<NetworkAction>, ClipboardError> {
        let id = instrument.filter(|id| studio.instruments.contains(*id));
        let track = || id.ok_or(ClipboardError::NoPlace("track"));
        let kit = || {
            let machine = id.and_then(|id| Some((id, studio.drums.machine(id)?)));
            machine.ok_or(ClipboardError::NoPlace("pattern"))
        };
        match action {
            ClipboardAction::Copy(region) => {
                self.copy_notes(track()?, *region, studio)?;
            }
            ClipboardAction::Cut(region) => {
                let id = track()?;
                self.copy_notes(id, *region, studio)?;
                let delete = PianoRollAction::DeleteRegion(*region);
                return Ok(vec![NetworkAction::PianoRoll(id, delete)]);
            }
            ClipboardAction::Paste => return self.paste_notes(track()?, cursor),
            ClipboardAction::CopyPoints(target, region) => {
                self.copy_points(*target, *region, studio)?;
            }
            ClipboardAction::CutPoints(target, region) => {
                self.copy_points(*target, *region, studio)?;
                let delete = AutomationAction::DeleteRegion(*region);
                return Ok(vec![NetworkAction::Automation(*target, delete)]);
            }
            ClipboardAction::PastePoints(target) => {
                return self.paste_points(*target, cursor, studio);
            }
            ClipboardAction::CopySteps(pattern, region) => {
                self.copy_steps(kit()?.1, *pattern, *region)?;
            }
            ClipboardAction::CutSteps(pattern, region) => {
                let (id, machine) = kit()?;
                self.copy_steps(machine, *pattern, *region)?;
                let clear = DrumAction::ClearRegion(*pattern, *region);
                return Ok(vec![NetworkAction::Drums(id, clear)]);
            }
            ClipboardAction::PasteSteps(pattern, pad, step) => {
                let (id, machine) = kit()?;
                let paste = self.paste_steps(machine, *pattern, (*pad, *step))?;
                return Ok(vec![NetworkAction::Drums(id, paste)]);
            }
        }
        Ok(Vec::new())
    }

    fn copy_notes(
        &mut self,
        id: InstrumentId,
        region: LoopRegion,
        studio: &StudioState,
    ) -> Result<(), ClipboardError> {
        let track = studio.piano_roll.track(id).ok_or(ClipboardError::NoPlace("track"))?;
        let notes = track.starting(region.start(), region.end());
        let notes: Vec<_> = notes
            .filter_map(|note| Some(Note { tick: earlier(note.tick, region.start())?, ..note }))
            .collect();
        if notes.len() > MAX_COPIED {
            return Err(ClipboardError::TooMany(notes.len()));
        }
        replace(&mut self.notes, notes, "note")
    }

    fn paste_notes(
        &self,
        id: InstrumentId,
        to: Ticks,
    ) -> Result<Vec<NetworkAction>, ClipboardError> {
        let moved = |note: &Note| Some(Note { tick: later(note.tick, to)?, ..*note });
        let notes = all_moved(&self.notes, moved, "note")?;
        let paste = |notes: &[Note]| PianoRollAction::Paste(notes.iter().copied().collect());
        let pages = notes.chunks(MAX_PASTED).map(paste);
        Ok(pages.map(|paste| NetworkAction::PianoRoll(id, paste)).collect())
    }

    fn copy_points(
        &mut self,
        target: Target,
        region: LoopRegion,
        studio: &StudioState,
    ) -> Result<(), ClipboardError> {
        let lane = studio.automation.lane(&target).ok_or(ClipboardError::NoPlace("lane"))?;
        let points = lane.points.within(region);
        let points = points
            .filter_map(|point| Some(Point { tick: earlier(point.tick, region.start())?, ..point }))
            .collect();
        replace(&mut self.points, points, "point")
    }

    fn paste_points(
        &self,
        target: Target,
        to: Ticks,
        studio: &StudioState,
    ) -> Result<Vec<NetworkAction>, ClipboardError> {
        studio.automation.lane(&target).ok_or(ClipboardError::NoPlace("lane"))?;
        let moved = |point: &Point| Some(Point { tick: later(point.tick, to)?, ..*point });
        let points = all_moved(&self.points, moved, "point")?;
        let paste = AutomationAction::Paste(points.into_iter().collect());
        Ok(vec![NetworkAction::Automation(target, paste)])
    }

    fn copy_steps(
        &mut self,
        machine: &DrumMachine,
        id: PatternId,
        region: StepRegion,
    ) -> Result<(), ClipboardError> {
        let pattern = machine.pattern(id).ok_or(ClipboardError::NoPlace("pattern"))?;
        let (pad, step) = region.first();
        let steps = pattern.steps().within(region);
        let steps = steps
            .filter_map(|copied| {
                let pad = PadNumber::new(copied.pad.get() - pad.get()).ok()?;
                let step = StepNumber::new(copied.step.get() - step.get()).ok()?;
                Some(Step { pad, step, ..copied })
            })
            .collect();
        replace(&mut self.steps, steps, "step")
    }

    /// The action that pastes the steps with the corner of their region at `to`.
    fn paste_steps(
        &self,
        machine: &DrumMachine,
        id: PatternId,
        to: (PadNumber, StepNumber),
    ) -> Result<DrumAction, ClipboardError> {
        let pattern = machine.pattern(id).ok_or(ClipboardError::NoPlace("pattern"))?;
        let moved = |copied: &Step| {
            let pad = PadNumber::new(copied.pad.get() + to.0.get()).ok()?;
            let step = StepNumber::new(copied.step.get() + to.1.get()).ok()?;
            // A step after the end of the pattern would neither be played nor shown.
            (step.get() < pattern.length.get()).then_some(Step { pad, step, ..*copied })
        };
        let steps = all_moved(&self.steps, moved, "step")?;
        Ok(DrumAction::Paste(id, steps.into_iter().collect()))
    }
}

/// Replaces a copy, unless there is nothing to copy.
fn replace<T>(copy: &mut Vec<T>, by: Vec<T>, what: &'static str) -> Result<(), ClipboardError> {
    if by.is_empty() {
        return Err(ClipboardError::Nothing(what));
    }
    *copy = by;
    Ok(())
}

/// A copy at its new place, if all of it fits there.
fn all_moved<T>(
    copy: &[T],
    moved: impl Fn(&T) -> Option<T>,
    what: &'static str,
) -> Result<Vec<T>, ClipboardError> {
    if copy.is_empty() {
        return Err(ClipboardError::Empty(what));
    }
    let (all, fitting) = (copy.len(), copy.iter().filter_map(moved).collect::<Vec<_>>());
    match all - fitting.len() {
        0 => Ok(fitting),
        beyond => Err(ClipboardError::Beyond { beyond, all, what }),
    }
}

fn earlier(tick: Ticks, by: Ticks) -> Option<Ticks> {
    Ticks::new(tick.get().checked_sub(by.get())?).ok()
}

fn later(tick: Ticks, by: Ticks) -> Option<Ticks> {
    Ticks::new(tick.get().checked_add(by.get())?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Model as _,
        studio::{
            Curve, DrumSetting, InstrumentParameter, Name, PatternSetting, SourceKind, Studio,
            client_state::{ClientState, LocalAction, SelectionAction},
        },
        util::quantity::{Amount, NoteLength, Pitch, Probability, StepCount, Velocity},
    };

    const BASS: InstrumentId = InstrumentId(1);
    const KIT: InstrumentId = InstrumentId(9);
    const PATTERN: PatternId = PatternId(1);
    const LEVEL: Target = Target::Instrument(BASS, InstrumentParameter::Level);

    /// A shared state, and a UI beside it with its cursor at middle C.
    struct Desk {
        studio: StudioState,
        client: ClientState,
    }

    impl Desk {
        /// A track with these notes, a lane with these points, and an empty drum pattern.
        fn with(notes: impl IntoIterator<Item = Note>, points: &[u32]) -> Self {
            let mut desk = Self { studio: StudioState::starter(), client: ClientState::default() };
            let notes: Vec<_> = notes.into_iter().collect();
            for page in notes.chunks(MAX_PASTED) {
                let paste = PianoRollAction::Paste(page.iter().copied().collect());
                desk.reduce(&NetworkAction::PianoRoll(BASS, paste));
            }
            desk.reduce(&NetworkAction::Automation(LEVEL, AutomationAction::Add));
            for tick in points {
                let put = AutomationAction::Put(point(*tick));
                desk.reduce(&NetworkAction::Automation(LEVEL, put));
            }
            let (name, source) = (Name::default(), SourceKind::DrumKit);
            desk.reduce(&NetworkAction::AddInstrument { id: KIT, name, source });
            desk.select(BASS);
            desk
        }

        /// A drum pattern of 16 steps, of which these are on.
        fn drumming(steps: &[(u8, u8)]) -> Self {
            let mut desk = Self::with([], &[]);
            for (pad, number) in steps {
                let on = PatternSetting::On(step(*pad, *number));
                let set = DrumAction::Set(DrumSetting::Pattern(PATTERN, on));
                desk.reduce(&NetworkAction::Drums(KIT, set));
            }
            desk.select(KIT);
            desk
        }

        fn reduce(&mut self, action: &NetworkAction) {
            Studio::reduce(&mut self.studio, action).unwrap();
        }

        fn select(&mut self, id: InstrumentId) {
            let select = LocalAction::Selection(SelectionAction::Instrument(id));
            assert_eq!(self.client.handle(select, &self.studio), Ok(vec![]));
        }

        fn go_to(&mut self, tick: u32) {
            let cursor = SelectionAction::Cursor(Ticks::of(tick), Pitch::of(60));
            self.client.handle(LocalAction::Selection(cursor), &self.studio).unwrap();
        }

        /// Performs the actions that follow, and returns how many there are.
        fn act(&mut self, action: ClipboardAction) -> Result<usize, ClipboardError> {
            let actions = self.client.handle(LocalAction::Clipboard(action), &self.studio)?;
            for action in &actions {
                self.reduce(action);
            }
            Ok(actions.len())
        }

        fn notes(&self) -> Vec<Note> {
            self.studio.piano_roll.track(BASS).unwrap().notes().collect()
        }

        fn points(&self) -> Vec<Point> {
            self.studio.automation.lane(&LEVEL).unwrap().points.iter().collect()
        }

        fn steps(&self) -> Vec<Step> {
            let machine = self.studio.drums.machine(KIT).unwrap();
            machine.pattern(PATTERN).unwrap().steps().iter().collect()
        }

        fn paste_steps(&mut self, pad: u8, step: u8) -> Result<usize, ClipboardError> {
            let (pad, step) = (PadNumber::of(pad), StepNumber::of(step));
            self.act(ClipboardAction::PasteSteps(PATTERN, pad, step))
        }
    }

    fn note(tick: u32) -> Note {
        Note {
            tick: Ticks::of(tick),
            pitch: Pitch::of(60),
            length: NoteLength::of(240),
            velocity: Velocity::of(90),
            probability: Probability::MAX,
        }
    }

    fn point(tick: u32) -> Point {
        Point { tick: Ticks::of(tick), value: Amount::of(0.5), curve: Curve::Smooth }
    }

    fn step(pad: u8, step: u8) -> Step {
        Step::new(PadNumber::of(pad), StepNumber::of(step))
    }

    fn region(start: u32, end: u32) -> LoopRegion {
        LoopRegion::new(Ticks::of(start), Ticks::of(end)).unwrap()
    }

    fn rectangle(first: (u8, u8), last: (u8, u8)) -> StepRegion {
        let corner = |(pad, step)| (PadNumber::of(pad), StepNumber::of(step));
        StepRegion::new(corner(first), corner(last)).unwrap()
    }

    #[test]
    fn paste_gives_back_all_notes_that_were_cut() {
        let all: Vec<_> = (0..5000).map(|n| note(480 + n * 10)).collect();
        let mut desk = Desk::with(all.clone(), &[]);
        assert_eq!(desk.act(ClipboardAction::Cut(region(0, 60_000))), Ok(1));
        assert_eq!(desk.notes(), []);
        assert_eq!(desk.act(ClipboardAction::Paste), Ok(2), "a paste has 4,096 notes at most");
        assert!(desk.notes() == all, "{} notes", desk.notes().len());
    }

    #[test]
    fn nothing_is_cut_that_the_clipboard_cannot_hold() {
        let count = u32::try_from(MAX_COPIED).unwrap() + 1;
        let mut desk = Desk::with((0..count).map(note), &[]);
        let too_many = Err(ClipboardError::TooMany(MAX_COPIED + 1));
        assert_eq!(desk.act(ClipboardAction::Cut(region(0, count))), too_many);
        assert_eq!(desk.notes().len(), MAX_COPIED + 1);
        assert_eq!(desk.act(ClipboardAction::Cut(region(1, count))), Ok(1));
        desk.go_to(1);
        assert_eq!(desk.act(ClipboardAction::Paste), Ok(3));
        assert_eq!(desk.notes().len(), MAX_COPIED + 1);
    }

    #[test]
    fn copies_keep_their_place_in_what_was_marked() {
        let mut desk = Desk::with([note(600), note(1500)], &[600]);
        desk.act(ClipboardAction::Copy(region(480, 1920))).unwrap();
        desk.act(ClipboardAction::CutPoints(LEVEL, region(480, 1920))).unwrap();
        assert_eq!(desk.points(), []);
        desk.go_to(1920);
        desk.act(ClipboardAction::Paste).unwrap();
        desk.act(ClipboardAction::PastePoints(LEVEL)).unwrap();
        assert_eq!(desk.notes(), [600, 1500, 2040, 2940].map(note));
        assert_eq!(desk.points(), [point(2040)]);

        let mut desk = Desk::drumming(&[(1, 4), (2, 8)]);
        desk.act(ClipboardAction::CutSteps(PATTERN, rectangle((0, 2), (3, 9)))).unwrap();
        assert_eq!(desk.steps(), []);
        desk.paste_steps(4, 5).unwrap();
        assert_eq!(desk.steps(), [step(5, 7), step(6, 11)]);
    }

    #[test]
    fn copy_that_does_not_fit_is_not_pasted_and_says_so() {
        let mut desk = Desk::with([0, 480].map(note), &[0, 480]);
        desk.act(ClipboardAction::Copy(region(0, 481))).unwrap();
        desk.act(ClipboardAction::CopyPoints(LEVEL, region(0, 481))).unwrap();
        desk.go_to(Ticks::MAX.get() - 100);
        let beyond = |what| Err(ClipboardError::Beyond { beyond: 1, all: 2, what });
        assert_eq!(desk.act(ClipboardAction::Paste), beyond("note"));
        assert_eq!(desk.act(ClipboardAction::PastePoints(LEVEL)), beyond("point"));
        assert_eq!((desk.notes().len(), desk.points().len()), (2, 2));

        let mut desk = Desk::drumming(&[(0, 0), (1, 4)]);
        desk.act(ClipboardAction::CopySteps(PATTERN, rectangle((0, 0), (1, 7)))).unwrap();
        assert_eq!(desk.paste_steps(0, 12), beyond("step"), "after the last step");
        assert_eq!(desk.paste_steps(PadNumber::MAX.get(), 0), beyond("step"), "after the last pad");
        assert_eq!(desk.steps().len(), 2);
        assert_eq!(desk.paste_steps(PadNumber::MAX.get() - 1, 11), Ok(1));
    }

    #[test]
    fn steps_that_a_shorter_pattern_hides_are_not_pasted() {
        let mut desk = Desk::drumming(&[(0, 0), (0, 7)]);
        desk.act(ClipboardAction::CopySteps(PATTERN, rectangle((0, 0), (0, 7)))).unwrap();
        let short = PatternSetting::Length(StepCount::of(7));
        let set = DrumAction::Set(DrumSetting::Pattern(PATTERN, short));
        desk.reduce(&NetworkAction::Drums(KIT, set));
        assert!(desk.paste_steps(0, 0).is_err());
    }

    #[test]
    fn empty_copies_and_pastes_say_so_and_keep_the_clipboard() {
        let mut desk = Desk::with([note(0)], &[]);
        assert_eq!(desk.act(ClipboardAction::Paste), Err(ClipboardError::Empty("note")));
        desk.act(ClipboardAction::Copy(region(0, 1))).unwrap();
        for nothing in
            [ClipboardAction::Copy(region(100, 200)), ClipboardAction::Cut(region(100, 200))]
        {
            assert_eq!(desk.act(nothing), Err(ClipboardError::Nothing("note")));
        }
        assert_eq!(desk.client.clipboard(), [note(0)]);
        let points = ClipboardAction::CutPoints(LEVEL, region(0, 100));
        assert_eq!(desk.act(points), Err(ClipboardError::Nothing("point")));
        let points = ClipboardAction::PastePoints(LEVEL);
        assert_eq!(desk.act(points), Err(ClipboardError::Empty("point")));

        let mut desk = Desk::drumming(&[]);
        let steps = ClipboardAction::CutSteps(PATTERN, rectangle((5, 0), (6, 9)));
        assert_eq!(desk.act(steps), Err(ClipboardError::Nothing("step")));
        assert_eq!(desk.paste_steps(0, 0), Err(ClipboardError::Empty("step")));
    }

    #[test]
    fn nothing_is_pasted_into_what_is_gone() {
        let mut desk = Desk::with([note(0)], &[0]);
        desk.act(ClipboardAction::Copy(region(0, 1))).unwrap();
        desk.act(ClipboardAction::CopyPoints(LEVEL, region(0, 1))).unwrap();
        desk.reduce(&NetworkAction::DeleteInstrument(BASS));
        assert_eq!(desk.act(ClipboardAction::Paste), Err(ClipboardError::NoPlace("track")));
        let paste = ClipboardAction::PastePoints(LEVEL);
        assert_eq!(desk.act(paste), Err(ClipboardError::NoPlace("lane")));
        assert_eq!(desk.paste_steps(0, 0), Err(ClipboardError::NoPlace("pattern")));
    }
}
