//! Draws the pads and their steps.
//!
//! It reads a view and writes cells; no key arrives here.

use imbolc_net::{
    studio::{PadSound, Pattern, Step, StepRegion, StudioState},
    util::quantity::{PadNumber, StepNumber},
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Modifier, Style},
};

use super::{edit::Here, pad, step};
use crate::{theme, words};

/// The columns of the number, the name and the sound of a pad.
const PADS: u16 = 24;
/// The columns of a step: its symbol and a separator.
const STEP: u16 = 2;

/// The visible part of the pattern.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Window {
    /// The first pad and the first step.
    first: (u8, u8),
    /// The number of pads and of steps.
    size: (u8, u8),
}

impl Window {
    /// A window as large as `area` allows, scrolled as little as possible to show a
    /// step.
    pub(super) fn showing(self, (pad, step): (PadNumber, StepNumber), area: Rect) -> Self {
        let fitting = |cells: u16| u8::try_from(cells).unwrap_or(u8::MAX).max(1);
        let pads = fitting(area.height.saturating_sub(1)).min(PadNumber::MAX.get() + 1);
        let steps = fitting(area.width.saturating_sub(PADS) / STEP);
        let moved = |first: u8, at: u8, size: u8| first.clamp((at + 1).saturating_sub(size), at);
        let first = (self.first.0.min(PadNumber::MAX.get() + 1 - pads), self.first.1);
        let first = (moved(first.0, pad.get(), pads), moved(first.1, step.get(), steps));
        Self { first, size: (pads, steps) }
    }
}

/// Draws the pads.
pub(super) struct Paint<'a> {
    pub(super) here: &'a Here<'a>,
    pub(super) window: Window,
    /// The marked region.
    pub(super) region: Option<StepRegion>,
    /// The step that is playing.
    pub(super) playing: Option<StepNumber>,
}

impl Paint<'_> {
    /// Draws the step numbers in the first line and the pads below it.
    pub(super) fn draw(&self, area: Rect, buffer: &mut Buffer) {
        let Window { first, size } = self.window;
        let last = self.here.last().get().min(first.1.saturating_add(size.1 - 1));
        let steps = Rect { x: area.x + PADS.min(area.width), ..area };
        if let Some((_, pattern)) = self.here.pattern {
            self.draw_numbers(pattern, (first.1, last), steps, buffer);
        }
        for (y, number) in (area.y + 1..area.bottom()).zip(first.0..first.0 + size.0) {
            self.draw_pad(pad(number), Rect { y, height: 1, width: PADS, ..area }, buffer);
            if let Some((_, pattern)) = self.here.pattern {
                let row = Rect { y, height: 1, ..steps };
                for (x, at) in (steps.x..).step_by(STEP.into()).zip(first.1..=last) {
                    let cell = Rect { x, width: STEP, ..row };
                    self.draw_step(pattern, (pad(number), step(at)), cell, buffer);
                }
            }
        }
    }

    fn draw_numbers(
        &self,
        pattern: &Pattern,
        (first, last): (u8, u8),
        area: Rect,
        buffer: &mut Buffer,
    ) {
        for (x, at) in (area.x..).step_by(STEP.into()).zip(first..=last) {
            if self.begins_beat(pattern, at) {
                buffer.set_string(x, area.y, (u16::from(at) + 1).to_string(), theme::QUIET);
            }
            if self.playing == Some(step(at)) {
                buffer.set_string(x, area.y, "▼ ", theme::WELL);
            }
        }
    }

    /// Whether a beat starts at a step.
    fn begins_beat(&self, pattern: &Pattern, at: u8) -> bool {
        let metre = self.here.view.studio().session.time_signature;
        let beat = metre.bar() / u32::from(metre.beats());
        let lasts = pattern.resolution.ticks();
        lasts >= beat || (u32::from(at) * lasts).is_multiple_of(beat)
    }

    fn draw_pad(&self, number: PadNumber, area: Rect, buffer: &mut Buffer) {
        let here = self.here;
        let pad = here.machine.pad(number);
        let certain = here.view.is_certain(|studio: &StudioState| {
            studio.drums.machine(here.id).map(|machine| machine.pad(number))
        });
        let mut style = theme::certain(certain);
        if pad.sound == PadSound::Nothing {
            style = style.patch(theme::QUIET);
        }
        if number == here.pad {
            style = style.patch(theme::SELECTED);
        }
        let name = theme::fit(pad.name.as_str(), 8);
        let sound = theme::fit(&sound(here, &pad.sound), 10);
        let line =
            format!("{:>2} {name:<8} {sound:<10}{:1}", number.get() + 1, theme::mark(certain));
        buffer.set_stringn(area.x, area.y, line, (PADS - 1).into(), style);
    }

    fn draw_step(
        &self,
        pattern: &Pattern,
        (pad, step): (PadNumber, StepNumber),
        area: Rect,
        buffer: &mut Buffer,
    ) {
        let struck = pattern.steps().step(pad, step);
        let certain = self.here.is_certain(pad, step);
        let plays = self.playing == Some(step);
        let mut style = match struck {
            Some(_) if plays => theme::WELL.add_modifier(Modifier::BOLD),
            Some(_) => self.owner(),
            None if plays => theme::WELL,
            None => theme::QUIET,
        };
        style = style.patch(theme::certain(certain));
        if self.region.is_some_and(|region| region.contains((pad, step))) {
            style = style.patch(theme::MARKED);
        }
        let at_cursor = (pad, step) == (self.here.pad, self.here.step);
        let own = if at_cursor { style.patch(theme::SELECTED) } else { style };
        buffer.set_stringn(area.x, area.y, head(struck, certain).to_string(), 1, own);
        let between = match struck.map(|step| step.pitch.get()) {
            Some(by) if by > 0 => "↑",
            Some(by) if by < 0 => "↓",
            _ if self.begins_beat(pattern, step.get() + 1) => "│",
            _ => " ",
        };
        let style = if struck.is_some() { style } else { style.patch(theme::QUIET) };
        buffer.set_stringn(area.x + 1, area.y, between, 1, style);
    }

    fn owner(&self) -> Style {
        let owner = self.here.view.owner(self.here.id);
        owner.map(|owner| theme::of(owner.client_id)).unwrap_or_default()
    }
}

/// The symbol of a step; `×` if it is removed here but not yet by the authority.
fn head(struck: Option<Step>, certain: bool) -> char {
    match struck {
        Some(step) => theme::head(step.velocity, theme::percent(step.probability), certain),
        None if certain => '·',
        None => '×',
    }
}

/// What a pad plays, in a few words.
pub(super) fn sound(here: &Here, sound: &PadSound) -> String {
    match sound {
        PadSound::Nothing => "-".into(),
        PadSound::Sample(content) => content.name.to_string(),
        PadSound::Slice(id) => format!("slice {id}"),
        PadSound::Instrument(id, pitch) => {
            let key = words::pitch(*pitch);
            format!("{key} {}", words::instrument(here.view.studio(), *id))
        }
    }
}
