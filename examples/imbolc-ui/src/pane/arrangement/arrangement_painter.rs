//! Draws the arrangement: the ruler, the instruments at the left, and the placements.
//!
//! It reads a view and writes cells; no key arrives here.

use std::sync::Arc;

use imbolc_net::{
    model::InstrumentId,
    studio::{AtEnd, Part, Placement, PlacementId, PlayMode},
    util::{
        quantity::Ticks,
        text::{columns, fitted},
    },
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Modifier, Style},
};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::{
    describe,
    pane::piano_roll::{
        grid::{Grid, GridLine},
        roll_painter::{cell_at, put_cell},
    },
    theme,
    view::View,
};

/// The columns of the instrument names.
pub(super) const INSTRUMENT_COLUMNS: u16 = 12;

/// Draws the arrangement.
pub(super) struct ArrangementPainter<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) ids: &'a [InstrumentId],
    pub(super) grid: Grid,
    /// The tick of the first column.
    pub(super) left: u32,
    pub(super) cursor: Ticks,
}

impl ArrangementPainter<'_> {
    /// Draws the ruler in the first line and the instruments below it; scrolls so that
    /// the selected instrument is visible.
    pub(super) fn draw(&self, area: Rect, buffer: &mut Buffer) {
        let names = INSTRUMENT_COLUMNS.min(area.width);
        let time = Rect { x: area.x + names, width: area.width - names, ..area };
        self.draw_ruler(time, buffer);
        let selected = self.view.client.instrument();
        let rows = area.height.saturating_sub(1);
        let at = self.ids.iter().position(|id| Some(*id) == selected).unwrap_or_default();
        let first = (at + 1).saturating_sub(rows.into());
        for (row, id) in (0..rows).zip(self.ids.iter().skip(first)) {
            let y = area.y + 1 + row;
            let is_selected = selected == Some(*id);
            let style = self.owner(*id);
            let style = if is_selected { style.patch(theme::SELECTED) } else { style };
            let name = fitted(
                &describe::instrument_label(self.view.studio(), *id),
                INSTRUMENT_COLUMNS.into(),
            );
            buffer.set_stringn(area.x, y, name, names.into(), style);
            let line = Rect { y, height: 1, ..time };
            self.draw_line(*id, line, buffer);
            if is_selected
                && let Some(column) = self.column(self.cursor.get(), time.width)
                && let Some(cell) = cell_at(buffer, line, (column, 0))
            {
                cell.set_style(theme::SELECTED);
            }
        }
        if self.ids.is_empty() {
            buffer.set_stringn(
                area.x,
                area.y + 1,
                "no instruments: press 1, then a",
                area.width.into(),
                theme::DIM,
            );
        }
    }

    fn owner(&self, id: InstrumentId) -> Style {
        self.view
            .player(id)
            .map(|owner| theme::participant_style(owner.client_id))
            .unwrap_or_default()
    }

    /// The column of `tick`, if it is visible.
    fn column(&self, tick: u32, columns: u16) -> Option<u16> {
        self.grid.column_at(self.left, tick).filter(|column| *column < columns)
    }

    fn playhead(&self, columns: u16) -> Option<(u16, Style)> {
        let metering = &self.view.metering;
        let stands = self.view.studio().transport.position;
        let (at, style) =
            if metering.playing { (metering.playhead, theme::GOOD) } else { (stands, theme::DIM) };
        Some((self.column(at.get(), columns)?, style))
    }

    fn draw_ruler(&self, area: Rect, buffer: &mut Buffer) {
        self.grid.draw_ruler(self.left, area, buffer);
        let arrangement = &self.view.studio().arrangement;
        let end = arrangement.end();
        if let Some(column) = self.column(end, area.width).filter(|_| end > 0) {
            let symbol = match arrangement.at_end {
                AtEnd::GoOn => '›',
                AtEnd::Stop => '■',
                AtEnd::Repeat => '⟲',
            };
            let style = match arrangement.play {
                PlayMode::Arrangement => theme::WARNING,
                PlayMode::PianoRoll => theme::DIM,
            };
            put_cell(buffer, area, (column, 0), symbol, style);
        }
        if let Some((column, style)) = self.playhead(area.width) {
            put_cell(buffer, area, (column, 0), '▼', style);
        }
    }

    /// Draws the placements of an instrument.
    fn draw_line(&self, id: InstrumentId, area: Rect, buffer: &mut Buffer) {
        let playhead = self.playhead(area.width);
        for column in 0..area.width {
            let tick = self.left + u32::from(column) * self.grid.column;
            let (symbol, style) = match playhead {
                Some((at, style)) if at == column => ('┃', style),
                _ if self.grid.line(tick) == GridLine::Bar => ('│', theme::DIM),
                _ => (' ', theme::DIM),
            };
            put_cell(buffer, area, (column, 0), symbol, style);
        }
        let part = self.view.studio().arrangement.part(id);
        let confirmed = self.view.confirmed.model.arrangement.part(id);
        self.draw_removed(part, confirmed, area, buffer);
        let Some(part) = part else { return };
        let mut placements: Vec<_> = part.placements().collect();
        // If two overlap, the later one is on top.
        placements.sort_by_key(|(id, placement)| (placement.tick, *id));
        for (number, placement) in placements {
            let certain = self.is_confirmed(confirmed, number, placement);
            let clip = part.clip(placement.clip);
            let name = clip.map(|clip| clip.name.as_str()).unwrap_or_default();
            let sounds = self.view.metering.playing
                && self.view.studio().arrangement.play == PlayMode::Arrangement
                && (placement.tick.get()..placement.end())
                    .contains(&self.view.metering.playhead.get());
            let style = if sounds { theme::GOOD } else { self.owner(id) };
            let name = format!("{name}{}", theme::unconfirmed_mark(certain));
            self.draw_block(placement, &name, certain, style, area, buffer);
        }
    }

    fn is_confirmed(
        &self,
        confirmed: Option<&Part>,
        id: PlacementId,
        placement: &Placement,
    ) -> bool {
        Arc::ptr_eq(&self.view.state, &self.view.confirmed)
            || confirmed.and_then(|part| part.placement(id)) == Some(placement)
    }

    /// Draws a placement with as much of its name as fits.
    fn draw_block(
        &self,
        placement: &Placement,
        name: &str,
        certain: bool,
        style: Style,
        area: Rect,
        buffer: &mut Buffer,
    ) {
        let style = style.patch(theme::value_style(certain)).remove_modifier(Modifier::REVERSED);
        let (start, end) = (placement.tick.get(), placement.end());
        let tail = if certain { '━' } else { '╌' };
        let first = start / self.grid.column;
        let end = end.div_ceil(self.grid.column).max(first + 1);
        let visible = |column: u32| self.column(column * self.grid.column, area.width);
        for column in first..end {
            let Some(x) = visible(column) else { continue };
            put_cell(buffer, area, (x, 0), if column == first { '▌' } else { tail }, style);
        }
        let mut column = first + 1;
        for grapheme in name.graphemes(true) {
            let after = column + u32::try_from(columns(grapheme)).unwrap_or_default();
            // A wide one is shown as a whole or not at all.
            if let Some(x) = visible(column)
                && after <= end
                && (after == column + 1 || visible(after - 1).is_some())
            {
                buffer.set_string(area.x + x, area.y, grapheme, style);
            }
            column = after;
        }
    }

    /// Draws placements that are removed here but not yet by the authority.
    fn draw_removed(
        &self,
        part: Option<&Part>,
        confirmed: Option<&Part>,
        area: Rect,
        buffer: &mut Buffer,
    ) {
        if Arc::ptr_eq(&self.view.state, &self.view.confirmed) {
            return;
        }
        for (id, placement) in confirmed.into_iter().flat_map(Part::placements) {
            let gone = part.is_none_or(|part| part.placement(id).is_none());
            let column = self.column(placement.tick.get(), area.width);
            if let Some(column) = column.filter(|_| gone) {
                put_cell(buffer, area, (column, 0), '×', theme::WARNING);
            }
        }
    }
}
