//! Draws the pads and their steps.
//!
//! It reads a view and writes cells; no key arrives here.

use imbolc_net::{
    studio::{PadSound, Pattern, Step, StepRegion, StudioState},
    util::{
        quantity::{PadNumber, StepNumber},
        text::padded,
    },
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Modifier, Style},
};

use super::{clamped_pad, clamped_step, step_editing::StepCursor};
use crate::{describe, theme};

/// The columns of the number, the name and the sound of a pad, without those of the name.
const PAD_COLUMNS: u16 = 16;
/// The columns of a step: its symbol and a separator.
const STEP_WIDTH: u16 = 2;

/// The columns of the name of a pad.
const fn name_columns(width: u16) -> u16 {
    if width < 70 { 8 } else { 12 }
}

/// The columns before the steps.
const fn pad_columns(width: u16) -> u16 {
    PAD_COLUMNS + name_columns(width)
}

/// The visible part of the pattern.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct StepWindow {
    /// The first pad and the first step.
    first: (u8, u8),
    /// The number of pads and of steps.
    size: (u8, u8),
}

impl StepWindow {
    /// A window as large as `area` allows, scrolled as little as possible to show a
    /// step.
    pub(super) fn showing(self, (pad, step): (PadNumber, StepNumber), area: Rect) -> Self {
        let fitting = |cells: u16| u8::try_from(cells).unwrap_or(u8::MAX).max(1);
        let pads = fitting(area.height.saturating_sub(1)).min(PadNumber::MAX.get() + 1);
        let steps = fitting(area.width.saturating_sub(pad_columns(area.width)) / STEP_WIDTH);
        let moved = |first: u8, at: u8, size: u8| first.clamp((at + 1).saturating_sub(size), at);
        let first = (self.first.0.min(PadNumber::MAX.get() + 1 - pads), self.first.1);
        let first = (moved(first.0, pad.get(), pads), moved(first.1, step.get(), steps));
        Self { first, size: (pads, steps) }
    }
}

/// Draws the pads.
pub(super) struct PatternPainter<'a> {
    pub(super) here: &'a StepCursor<'a>,
    pub(super) window: StepWindow,
    /// The marked region.
    pub(super) region: Option<StepRegion>,
    /// The step that is playing.
    pub(super) playing: Option<StepNumber>,
}

impl PatternPainter<'_> {
    /// Draws the step numbers in the first line and the pads below it.
    pub(super) fn draw(&self, area: Rect, buffer: &mut Buffer) {
        let StepWindow { first, size } = self.window;
        let last = self.here.last().get().min(first.1.saturating_add(size.1 - 1));
        let steps = Rect { x: area.x + pad_columns(area.width).min(area.width), ..area };
        if let Some((_, pattern)) = self.here.pattern {
            self.draw_numbers(pattern, (first.1, last), steps, buffer);
        }
        for (y, number) in (area.y + 1..area.bottom()).zip(first.0..first.0 + size.0) {
            self.draw_pad(clamped_pad(number), Rect { y, height: 1, ..area }, buffer);
            if let Some((_, pattern)) = self.here.pattern {
                let row = Rect { y, height: 1, ..steps };
                for (x, at) in (steps.x..).step_by(STEP_WIDTH.into()).zip(first.1..=last) {
                    let cell = Rect { x, width: STEP_WIDTH, ..row };
                    self.draw_step(pattern, (clamped_pad(number), clamped_step(at)), cell, buffer);
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
        for (x, at) in (area.x..).step_by(STEP_WIDTH.into()).zip(first..=last) {
            if self.begins_beat(pattern, at) {
                buffer.set_string(x, area.y, (u16::from(at) + 1).to_string(), theme::DIM);
            }
            if self.playing == Some(clamped_step(at)) {
                buffer.set_string(x, area.y, "▼ ", theme::GOOD);
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
        let certain = here.view.is_confirmed(|studio: &StudioState| {
            studio.drums.machine(here.id).map(|machine| machine.pad(number))
        });
        let mut style = theme::value_style(certain);
        if pad.sound == PadSound::Nothing {
            style = style.patch(theme::DIM);
        }
        if number == here.pad {
            style = style.patch(theme::SELECTED);
        }
        let name = padded(pad.name.as_str(), name_columns(area.width).into());
        let sound = padded(&sound_label(here, &pad.sound), 10);
        let line =
            format!("{:>2} {name} {sound}{:1}", number.get() + 1, theme::unconfirmed_mark(certain));
        let room = pad_columns(area.width) - 1;
        buffer.set_stringn(area.x, area.y, line, room.into(), style);
    }

    fn draw_step(
        &self,
        pattern: &Pattern,
        (pad, step): (PadNumber, StepNumber),
        area: Rect,
        buffer: &mut Buffer,
    ) {
        let struck = pattern.steps().step(pad, step);
        let certain = self.here.is_confirmed(pad, step);
        let plays = self.playing == Some(step);
        let mut style = match struck {
            Some(_) if plays => theme::GOOD.add_modifier(Modifier::BOLD),
            Some(_) => self.owner(),
            None if plays => theme::GOOD,
            None => theme::DIM,
        };
        style = style.patch(theme::value_style(certain));
        if self.region.is_some_and(|region| region.contains((pad, step))) {
            style = style.patch(theme::MARKED);
        }
        let at_cursor = (pad, step) == (self.here.pad, self.here.step);
        let own = if at_cursor { style.patch(theme::SELECTED) } else { style };
        buffer.set_stringn(area.x, area.y, step_symbol(struck, certain).to_string(), 1, own);
        let between = match struck.map(|step| step.pitch.get()) {
            Some(by) if by > 0 => "↑",
            Some(by) if by < 0 => "↓",
            _ if self.begins_beat(pattern, step.get() + 1) => "│",
            _ => " ",
        };
        let style = if struck.is_some() { style } else { style.patch(theme::DIM) };
        buffer.set_stringn(area.x + 1, area.y, between, 1, style);
    }

    fn owner(&self) -> Style {
        let owner = self.here.view.player(self.here.id);
        owner.map(|owner| theme::participant_style(owner.client_id)).unwrap_or_default()
    }
}

/// The symbol of a step; `×` if it is removed here but not yet by the authority.
fn step_symbol(struck: Option<Step>, certain: bool) -> char {
    match struck {
        Some(step) => {
            theme::velocity_symbol(step.velocity, theme::to_percent(step.probability), certain)
        }
        None if certain => '·',
        None => '×',
    }
}

/// What a pad plays, in a few words.
pub(super) fn sound_label(here: &StepCursor, sound: &PadSound) -> String {
    match sound {
        PadSound::Nothing => "no sound".into(),
        PadSound::Sample(content) => content.name.to_string(),
        PadSound::Slice(id) => format!("slice {id}"),
        PadSound::Instrument(id, pitch) => {
            format!("{pitch} {}", describe::instrument_label(here.view.studio(), *id))
        }
    }
}
