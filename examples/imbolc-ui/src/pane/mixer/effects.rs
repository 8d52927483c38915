//! Inside a strip: its effects in the order of the signal, and its sends.
//!
//! It reads a view and returns intents; the parameters of an effect are shown, not
//! edited.

use crossterm::event::{KeyCode, KeyEvent};
use imbolc_net::{
    studio::{BusSend, ChainSetting, Sends, Slot, SlotId},
    util::text::{fitted, padded},
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::{Paragraph, Widget as _},
};

use super::{
    strip::{Strip, StripId},
    strip_view,
};
use crate::{describe, intent::Intent, theme, view::View};

/// The cursor inside a strip.
#[derive(Debug, Default)]
pub(super) struct EffectCursor {
    /// The effect under the cursor; it may have been deleted since.
    slot: Option<SlotId>,
}

impl EffectCursor {
    /// The cursor on the effect that `setting` adds.
    pub(super) fn on_added(setting: &ChainSetting) -> Option<Self> {
        match setting {
            ChainSetting::Add(slot, ..) => Some(Self { slot: Some(*slot) }),
            _ => None,
        }
    }

    /// Translates a key; `None` leaves it to the strip.
    pub(super) fn handle_key(
        &mut self,
        key: KeyEvent,
        id: StripId,
        strip: &Strip,
    ) -> Option<Intent> {
        let slots = strip.chain.as_ref()?.slots();
        let at = self.at(slots);
        let slot = slots.get(at)?;
        Some(match key.code {
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
        // The sends get the rows that they need, up to half of the area.
        let rows = usize::from(area.height);
        let below = sends.map_or(0, |sends| (sends.iter().count() + 2).min(rows / 2));
        let rows = rows.saturating_sub(below + 1);
        let mut lines = vec![Line::styled("Effects", theme::HEADING)];
        if slots.is_empty() {
            lines.push(Line::styled("none: press e to add one", theme::DIM));
        }
        let at = self.at(slots);
        let first = (at + 1).saturating_sub(rows);
        for (place, slot) in slots.iter().enumerate().skip(first).take(rows) {
            let mut line = effect_line(place, slot, id, view, area.width.into());
            if place == at {
                line = line.style(theme::SELECTED);
            }
            lines.push(line);
        }
        if let Some(sends) = sends {
            lines.push(Line::default());
            lines.push(Line::styled("Sends", theme::HEADING));
            lines.extend(send_lines(sends, id, view));
        }
        Paragraph::new(lines).render(area, buffer);
    }
}

/// An effect: its index, its kind and its parameters.
fn effect_line(place: usize, slot: &Slot, id: StripId, view: &View, width: usize) -> Line<'static> {
    let certain = view.is_confirmed(|studio| {
        let chain = id.of(studio)?.chain?;
        let at = chain.slots().iter().position(|other| other.id == slot.id)?;
        Some((at, chain.slots()[at].clone()))
    });
    let kind = describe::label(slot.effect.kind());
    let knobs = describe::label(&slot.effect);
    // An effect with many parameters is described by an ellipsis, which says nothing.
    let knobs = knobs.strip_prefix(&kind).unwrap_or(&knobs).trim().trim_matches('…').to_owned();
    let bypass = if slot.bypass { "bypassed" } else { "" };
    let style = if slot.bypass { theme::DIM } else { theme::value_style(certain) };
    let mut line = Line::from(vec![
        Span::styled(
            format!("{:>2} {}{:1}", place + 1, padded(&kind, 12), theme::unconfirmed_mark(certain)),
            style,
        ),
        Span::styled(format!(" {bypass:<8} "), theme::WARNING),
    ]);
    let knobs = fitted(&knobs, width.saturating_sub(line.width()));
    line.push_span(Span::styled(knobs, theme::DIM));
    line
}

fn send_lines(sends: &Sends, id: StripId, view: &View) -> Vec<Line<'static>> {
    let send = |(bus, send): (_, &BusSend)| {
        let certain = view.is_confirmed(|studio| id.of(studio)?.sends?.to(bus).copied());
        let name = view.studio().mixer.bus(bus).map_or("?", |bus| bus.name.as_str());
        let before = if send.pre_fader { ", pre-fader" } else { "" };
        let level = strip_view::level_text(send.level);
        Line::styled(
            format!("→ B{bus} {name} {level}{before}{}", theme::unconfirmed_mark(certain)),
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
