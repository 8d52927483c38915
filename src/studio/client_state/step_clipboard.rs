//! The clipboard for drum steps.
//!
//! It holds copies, so later edits to the pattern do not change them.

use crate::{
    studio::drums::{DrumMachine, PatternId, Step, StepRegion, Steps},
    util::quantity::{PadNumber, StepNumber},
};

/// The copied steps, with the corner of their region at 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StepClipboard(Vec<Step>);

impl StepClipboard {
    /// Copies the steps of a region and returns whether it has any. An empty
    /// region leaves the clipboard unchanged.
    pub(super) fn copy(
        &mut self,
        machine: &DrumMachine,
        id: PatternId,
        region: StepRegion,
    ) -> bool {
        let Some(pattern) = machine.pattern(id) else { return false };
        let (pad, step) = region.first();
        let copied: Vec<_> = pattern
            .steps()
            .within(region)
            .filter_map(|copied| {
                let pad = PadNumber::new(copied.pad.get() - pad.get()).ok()?;
                let step = StepNumber::new(copied.step.get() - step.get()).ok()?;
                Some(Step { pad, step, ..copied })
            })
            .collect();
        let any = !copied.is_empty();
        if any {
            self.0 = copied;
        }
        any
    }

    /// The steps with the corner of their region here, without those beyond the
    /// last pad or step.
    pub(super) fn at(&self, pad: PadNumber, step: StepNumber) -> Steps {
        let moved = self.0.iter().filter_map(|copied| {
            let pad = PadNumber::new(copied.pad.get() + pad.get()).ok()?;
            let step = StepNumber::new(copied.step.get() + step.get()).ok()?;
            Some(Step { pad, step, ..*copied })
        });
        moved.collect()
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use crate::{
        model::Model,
        studio::{DrumSetting, Name, PatternId, PatternSetting, Step, StepRegion, Steps, Studio},
        util::quantity::{PadNumber, StepNumber},
    };

    const KIT: InstrumentId = InstrumentId(9);
    const PATTERN: PatternId = PatternId(1);

    fn step(pad: u8, step: u8) -> Step {
        Step::new(PadNumber::of(pad), StepNumber::of(step))
    }

    fn drums(studio: &mut StudioState, action: DrumAction) {
        Studio::reduce(studio, &NetworkAction::Drums(KIT, action)).unwrap();
    }

    fn studio() -> StudioState {
        let mut studio = StudioState::default();
        let (name, source) = (Name::default(), crate::studio::SourceKind::DrumKit);
        let add = NetworkAction::AddInstrument { id: KIT, name, source };
        Studio::reduce(&mut studio, &add).unwrap();
        for on in [step(0, 0), step(1, 4), step(2, 8)] {
            let on = PatternSetting::On(on);
            drums(&mut studio, DrumAction::Set(DrumSetting::Pattern(PATTERN, on)));
        }
        studio
    }

    fn region(first: (u8, u8), last: (u8, u8)) -> StepRegion {
        let corner = |(pad, step)| (PadNumber::of(pad), StepNumber::of(step));
        StepRegion::new(corner(first), corner(last)).unwrap()
    }

    #[test]
    fn cut_steps_are_removed_and_can_be_pasted() {
        let mut studio = studio();
        let mut client = ClientState::default();
        let mut handle = |action, studio: &StudioState| client.handle(action, studio);
        handle(LocalAction::Selection(SelectionAction::Instrument(KIT)), &studio);

        let cut = ClipboardAction::CutSteps(PATTERN, region((1, 2), (2, 9)));
        let clear = handle(LocalAction::Clipboard(cut), &studio).unwrap();
        Studio::reduce(&mut studio, &clear).unwrap();
        let to = (PadNumber::of(0), StepNumber::of(121));
        let paste = ClipboardAction::PasteSteps(PATTERN, to.0, to.1);
        let pasted = handle(LocalAction::Clipboard(paste), &studio).unwrap();
        let carried: Steps = [step(0, 123), step(1, 127)].into_iter().collect();
        assert_eq!(pasted, NetworkAction::Drums(KIT, DrumAction::Paste(PATTERN, carried)));
        Studio::reduce(&mut studio, &pasted).unwrap();

        let machine = studio.drums.machine(KIT).unwrap();
        let left: Vec<_> = machine.pattern(PATTERN).unwrap().steps().iter().collect();
        assert_eq!(left, [step(0, 0), step(0, 123), step(1, 127)]);
    }

    #[test]
    fn empty_region_and_empty_clipboard_return_no_action() {
        let studio = studio();
        let mut client = ClientState::default();
        client.handle(LocalAction::Selection(SelectionAction::Instrument(KIT)), &studio);
        let cut = ClipboardAction::CutSteps(PATTERN, region((5, 0), (6, 9)));
        assert_eq!(client.handle(LocalAction::Clipboard(cut), &studio), None);
        let paste = ClipboardAction::PasteSteps(PATTERN, PadNumber::MIN, StepNumber::MIN);
        assert_eq!(client.handle(LocalAction::Clipboard(paste), &studio), None);
    }
}
