//! The keys of the drum pane: they edit steps, patterns and pads.
//!
//! They return intents from a cursor and a view; nothing is drawn here.

use crossterm::event::{KeyCode, KeyEvent};
use imbolc_net::{
    model::InstrumentId,
    studio::{
        ClipboardAction, DrumAction, DrumMachine, DrumSetting, HitSetting, NetworkAction, Pattern,
        PatternId, PatternSetting, Step, StepRegion,
    },
    util::quantity::{Amount, PadNumber, Semitones, StepNumber, Velocity},
};

use super::{DrumsPane, last_step};
use crate::{intent::Intent, theme, view::View};

/// How much one key changes the velocity of a step.
const VELOCITY_STEP: i8 = 5;

/// The cursor, and what is under it.
pub(super) struct StepCursor<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) id: InstrumentId,
    pub(super) machine: &'a DrumMachine,
    /// The current pattern.
    pub(super) pattern: Option<(PatternId, &'a Pattern)>,
    pub(super) pad: PadNumber,
    pub(super) step: StepNumber,
}

impl StepCursor<'_> {
    /// The last step of the pattern.
    pub(super) fn last(&self) -> StepNumber {
        self.pattern.map_or(StepNumber::MIN, |(_, pattern)| last_step(pattern))
    }

    /// The step at the cursor, if it is on.
    pub(super) fn struck(&self) -> Option<Step> {
        self.pattern?.1.steps().step(self.pad, self.step)
    }

    /// Whether the authority has confirmed a step as it is shown.
    pub(super) fn is_confirmed(&self, pad: PadNumber, step: StepNumber) -> bool {
        let Some((id, _)) = self.pattern else { return true };
        self.view.is_confirmed(|studio| {
            let pattern = studio.drums.machine(self.id)?.pattern(id)?;
            pattern.steps().step(pad, step)
        })
    }

    fn act(&self, action: DrumAction) -> Intent {
        NetworkAction::Drums(self.id, action).into()
    }

    fn set(&self, setting: DrumSetting) -> Intent {
        self.act(DrumAction::Set(setting))
    }

    /// Edits the step at the cursor.
    fn edit(&self, edit: impl FnOnce(&Step) -> HitSetting) -> Intent {
        match (self.pattern, self.struck()) {
            (Some((id, _)), Some(step)) => {
                self.act(DrumAction::Step(id, self.pad, self.step, edit(&step)))
            }
            _ => Intent::ShowError("no step under the cursor".into()),
        }
    }

    /// Switches to the pattern that is `by` after the current one.
    fn pattern_beside(&self, by: isize) -> Option<Intent> {
        let ids: Vec<_> = self.machine.patterns().map(|(id, _)| id).collect();
        let current = self.machine.current();
        let at = ids.iter().position(|id| Some(*id) == current).unwrap_or_default();
        let beside = *ids.get(at.saturating_add_signed(by).min(ids.len().saturating_sub(1)))?;
        let moves = Some(beside) != current;
        Some(if moves { self.set(DrumSetting::Current(Some(beside))) } else { Intent::Nothing })
    }

    /// The number of the pad, counted from 1 as in commands.
    fn pad_number(&self) -> u8 {
        self.pad.get() + 1
    }
}

impl DrumsPane {
    /// Translates a key at the cursor.
    pub(super) fn edit(&mut self, key: KeyEvent, here: &StepCursor) -> Option<Intent> {
        let number = here.pad_number();
        Some(match key.code {
            KeyCode::Char('<') => here.pattern_beside(-1)?,
            KeyCode::Char('>') => here.pattern_beside(1)?,
            KeyCode::Char('a') => {
                let id = here.machine.free_id();
                let add = here.set(DrumSetting::AddPattern(id));
                (add, here.set(DrumSetting::Current(Some(id)))).into()
            }
            KeyCode::Char('E') => Intent::OpenPalette(format!("euclid {number} ")),
            KeyCode::Char('H') => Intent::OpenPalette("chain ".into()),
            KeyCode::Char('h') if here.machine.chain().patterns().is_empty() => {
                Intent::OpenPalette("chain ".into())
            }
            KeyCode::Char('h') => here.set(DrumSetting::Chained(!here.machine.chained)),
            KeyCode::Char('n') => Intent::OpenPalette(format!("pad {number} ")),
            KeyCode::Char('S') => Intent::OpenPalette(format!("sound {number} ")),
            KeyCode::Char('F') => Intent::OpenPalette(format!("sample {number} ")),
            KeyCode::Char('C') => Intent::OpenPalette("slice ".into()),
            KeyCode::Char('V') => Intent::OpenPalette(format!("assign {number}")),
            code => {
                let (id, _) = here.pattern?;
                self.edit_steps(code, here, id)?
            }
        })
    }

    fn edit_steps(&mut self, code: KeyCode, here: &StepCursor, id: PatternId) -> Option<Intent> {
        Some(match code {
            KeyCode::Enter => here.set(DrumSetting::Pattern(
                id,
                match here.struck() {
                    Some(_) => PatternSetting::Off(here.pad, here.step),
                    None => PatternSetting::On(Step::new(here.pad, here.step)),
                },
            )),
            KeyCode::Char('+' | '=') => change_step_velocity(here, VELOCITY_STEP),
            KeyCode::Char('-') => change_step_velocity(here, -VELOCITY_STEP),
            KeyCode::Char('.') => change_step_pitch(here, 1),
            KeyCode::Char(',') => change_step_pitch(here, -1),
            KeyCode::Char('p') => lower_step_probability(here),
            KeyCode::Char('y') => ClipboardAction::CopySteps(id, self.take_region(here)?).into(),
            KeyCode::Char('x') => ClipboardAction::CutSteps(id, self.take_region(here)?).into(),
            KeyCode::Char('v') => ClipboardAction::PasteSteps(id, here.pad, here.step).into(),
            KeyCode::Delete => here.act(DrumAction::ClearRegion(id, self.take_region(here)?)),
            KeyCode::Char('D') => here.set(DrumSetting::DeletePattern(id)),
            _ => return None,
        })
    }

    /// Clears the mark; returns the marked region, or else the step at the cursor.
    fn take_region(&mut self, here: &StepCursor) -> Option<StepRegion> {
        let at = (here.pad, here.step);
        let marked = self.marked(here);
        self.mark = None;
        marked.or_else(|| StepRegion::new(at, at).ok())
    }
}

fn change_step_velocity(here: &StepCursor, by: i8) -> Intent {
    here.edit(|step| {
        let velocity = step.velocity.get().saturating_add_signed(by);
        let velocity = velocity.clamp(Velocity::MIN.get(), Velocity::MAX.get());
        HitSetting::Velocity(Velocity::new(velocity).unwrap_or(step.velocity))
    })
}

fn change_step_pitch(here: &StepCursor, by: i8) -> Intent {
    here.edit(|step| {
        let pitch = step.pitch.get().saturating_add(by);
        HitSetting::Pitch(Semitones::new(pitch).unwrap_or(step.pitch))
    })
}

/// Lowers the probability by ten percent; from 0 it goes back to 100.
fn lower_step_probability(here: &StepCursor) -> Intent {
    here.edit(|step| {
        let less = match theme::to_percent(step.probability) {
            0 => 100,
            percent => percent.saturating_sub(10),
        };
        let less = Amount::new(f32::from(less) / 100.0);
        HitSetting::Probability(less.unwrap_or(step.probability))
    })
}
