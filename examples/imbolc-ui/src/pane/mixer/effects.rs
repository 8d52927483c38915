//! Inside a strip: its effects in the order of the signal, and its sends.
//!
//! It reads a view and returns intents.

use crossterm::event::{KeyCode, KeyEvent};
use imbolc_net::{
    studio::{BusSend, ChainSetting, Sends, Slot, SlotId},
    util::text::padded,
};
use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::{Paragraph, Widget as _},
};

use super::strip::{Strip, StripId};
use crate::{describe, intent::Intent, pane::knob_grid::KnobGrid, parameters, theme, view::View};

/// The cursor inside a strip.
#[derive(Debug, Default)]
pub(super) struct EffectCursor {
    /// The effect under the cursor; it may have been deleted since.
    slot: Option<SlotId>,
    /// Whether the keys go to the parameters of the effect instead of the list.
    on_knobs: bool,
    grid: KnobGrid,
}

impl EffectCursor {
    /// The cursor on the effect in this slot.
    pub(super) fn on(slot: SlotId) -> Self {
        Self { slot: Some(slot), ..Self::default() }
    }

    /// Translates a key; `None` leaves it to the strip.
    pub(super) fn handle_key(
        &mut self,
        key: KeyEvent,
        id: StripId,
        strip: &Strip,
        view: &View,
    ) -> Option<Intent> {
        let slots = strip.chain.as_ref()?.slots();
        let at = self.at(slots);
        let slot = slots.get(at)?;
        if self.on_knobs {
            let knobs = parameters::of_slot(id.place()?, slot.id, view.studio());
            if let Some(intent) = self.grid.handle_key(key, &knobs, view) {
                return Some(intent);
            }
        }
        Some(match key.code {
            KeyCode::Esc | KeyCode::Left if self.on_knobs => self.focus(false),
            KeyCode::Right => self.focus(true),
            KeyCode::Up => self.choose(slots, at.saturating_sub(1)),
            KeyCode::Down => self.choose(slots, at + 1),
            KeyCode::Home => self.choose(slots, 0),
            KeyCode::End => self.choose(slots, slots.len()),
            KeyCode::Enter => id.set_chain(ChainSetting::Bypass(slot.id, !slot.bypass)),
            KeyCode::Char('<') => self.shift(id, slot.id, at.checked_sub(1)),
            KeyCode::Char('>') => {
                self.shift(id, slot.id, Some(at + 1).filter(|to| *to < slots.len()))
            }
            KeyCode::Char('D') | KeyCode::Delete => {
                // The cursor moves to the effect that takes its place.
                self.choose(
                    slots,
                    if at + 1 < slots.len() { at + 1 } else { at.saturating_sub(1) },
                );
                id.set_chain(ChainSetting::Remove(slot.id))
            }
            _ => return None,
        })
    }

    fn focus(&mut self, on_knobs: bool) -> Intent {
        self.on_knobs = on_knobs;
        self.grid.start();
        Intent::Nothing
    }

    /// The index of the cursor in the chain.
    fn at(&self, slots: &[Slot]) -> usize {
        slots.iter().position(|slot| Some(slot.id) == self.slot).unwrap_or_default()
    }

    fn choose(&mut self, slots: &[Slot], at: usize) -> Intent {
        self.slot = slots.get(at.min(slots.len().saturating_sub(1))).map(|slot| slot.id);
        Intent::Nothing
    }

    /// Moves an effect within the chain, together with the cursor.
    fn shift(&mut self, id: StripId, slot: SlotId, to: Option<usize>) -> Intent {
        self.slot = Some(slot);
        let to = to.and_then(|to| u8::try_from(to).ok());
        to.map_or(Intent::Nothing, |to| id.set_chain(ChainSetting::Move(slot, to)))
    }

    /// Draws the effects and the sends.
    pub(super) fn draw(&self, id: StripId, view: &View, area: Rect, buffer: &mut Buffer) {
        let Some(strip) = id.of(view.studio()) else { return };
        let slots = strip.chain.as_ref().map_or(&[][..], |chain| chain.slots());
        let sends = strip.sends.as_ref();
        // The sends get the rows that they need, up to half of the area, and the parameters of
        // the effect those that are left.
        let rows = usize::from(area.height);
        let below = sends.map_or(0, |sends| (sends.iter().count() + 2).min(rows / 2));
        let below = if self.on_knobs && rows < ROWS_FOR_ALL { 0 } else { below };
        let listed = slots.len().clamp(1, (rows.saturating_sub(below) / 2).max(1));
        let hint = match (slots.is_empty(), self.on_knobs) {
            (true, _) => "",
            (_, true) => "  + - change  Enter type  Esc back",
            (_, false) => "  Enter bypass  → its parameters",
        };
        let mut lines = vec![Line::from(vec![
            Span::styled("Effects", theme::HEADING),
            Span::styled(hint, theme::DIM),
        ])];
        if slots.is_empty() {
            lines.push(Line::styled("none: press e to add one", theme::DIM));
        }
        let at = self.at(slots);
        let first = (at + 1).saturating_sub(listed);
        for (place, slot) in slots.iter().enumerate().skip(first).take(listed) {
            let line = effect_line(place, slot, id, view);
            lines.push(match (place == at, self.on_knobs) {
                (true, false) => line.style(theme::SELECTED),
                (true, true) => line.style(theme::MARKED),
                _ => line,
            });
        }
        let [list, knobs, rest] = Layout::vertical([
            Constraint::Length(u16::try_from(lines.len()).unwrap_or(u16::MAX)),
            Constraint::Fill(1),
            Constraint::Length(u16::try_from(below).unwrap_or_default()),
        ])
        .areas(area);
        Paragraph::new(lines).render(list, buffer);
        if let (Some(place), Some(slot)) = (id.place(), slots.get(at)) {
            let all = parameters::of_slot(place, slot.id, view.studio());
            self.grid.draw(&all, self.on_knobs, view, knobs, buffer);
        }
        if let Some(sends) = sends {
            let mut lines = vec![Line::default(), Line::styled("Sends", theme::HEADING)];
            lines.extend(send_lines(sends, id, view));
            Paragraph::new(lines).render(rest, buffer);
        }
    }
}

/// From how many rows on the sends stay in view beside the parameters of an effect.
const ROWS_FOR_ALL: usize = 16;

/// An effect: its index and its kind.
fn effect_line(place: usize, slot: &Slot, id: StripId, view: &View) -> Line<'static> {
    let certain = view.is_confirmed(|studio| {
        let chain = id.of(studio)?.chain?;
        let at = chain.slots().iter().position(|other| other.id == slot.id)?;
        Some((at, chain.slots()[at].clone()))
    });
    let kind = describe::label(slot.effect.kind());
    let bypass = if slot.bypass { "bypassed" } else { "" };
    let style = if slot.bypass { theme::DIM } else { theme::value_style(certain) };
    Line::from(vec![
        Span::styled(
            format!("{:>2} {}{:1}", place + 1, padded(&kind, 12), theme::unconfirmed_mark(certain)),
            style,
        ),
        Span::styled(format!(" {bypass:<8} "), theme::WARNING),
    ])
}

fn send_lines(sends: &Sends, id: StripId, view: &View) -> Vec<Line<'static>> {
    let send = |(bus, send): (_, &BusSend)| {
        let certain = view.is_confirmed(|studio| id.of(studio)?.sends?.to(bus).copied());
        let name = view.studio().mixer.bus(bus).map_or("?", |bus| bus.name.as_str());
        let before = if send.pre_fader { ", pre-fader" } else { "" };
        Line::styled(
            format!("→ B{bus} {name} {}{before}{}", send.level, theme::unconfirmed_mark(certain)),
            theme::value_style(certain),
        )
    };
    let lines: Vec<_> = sends.iter().map(send).collect();
    if lines.is_empty() {
        vec![Line::styled("none: press t to add one", theme::DIM)]
    } else {
        lines
    }
}
