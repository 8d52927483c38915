//! Draws the piano roll: the ruler, the note names at the left, and the notes.
//!
//! It writes cells directly, and looks only at notes that are visible; no key arrives
//! here.

use std::sync::Arc;

use imbolc_net::{
    studio::{LoopRegion, Note},
    util::quantity::Pitch,
};
use ratatui::{
    buffer::{Buffer, Cell},
    layout::{Position, Rect},
    style::{Modifier, Style},
};

use super::{
    grid::{GridLine, RollWindow},
    note_editing::NoteCursor,
    note_index::NoteIndex,
    note_is_confirmed,
};
use crate::theme;

/// The columns of the note names.
pub(super) const NAME_COLUMNS: u16 = 5;

/// Draws the roll.
pub(super) struct RollPainter<'a> {
    pub(super) here: &'a NoteCursor<'a>,
    pub(super) note_index: &'a NoteIndex,
    pub(super) window: RollWindow,
    /// The marked region.
    pub(super) region: Option<LoopRegion>,
}

impl RollPainter<'_> {
    /// Draws the ruler in the first line and the pitches below it.
    pub(super) fn draw(&self, area: Rect, buffer: &mut Buffer) {
        let ruler = Rect { x: area.x + NAME_COLUMNS.min(area.width), height: 1, ..area };
        let rows = Rect { y: area.y + 1, height: self.window.rows, ..area };
        self.draw_ruler(ruler, buffer);
        self.draw_names(rows, buffer);
        let rows = Rect { x: ruler.x, width: self.window.columns, ..rows };
        self.draw_lines(rows, buffer);
        self.draw_removed(rows, buffer);
        self.draw_notes(rows, buffer);
        self.draw_cursor(rows, buffer);
    }

    fn tick(&self, column: u16) -> u32 {
        self.window.left + u32::from(column) * self.here.grid.column
    }

    /// The tick of the playhead within the track.
    fn playhead(&self) -> u32 {
        let view = self.here.view;
        let stands = view.studio().transport.position;
        let at = if view.metering.playing { view.metering.playhead } else { stands };
        self.here.track.local(at.get())
    }

    fn draw_ruler(&self, area: Rect, buffer: &mut Buffer) {
        let (grid, track) = (&self.here.grid, self.here.track);
        let transport = &self.here.view.studio().transport;
        for column in 0..self.window.columns {
            let tick = self.tick(column);
            let within = |region: LoopRegion| {
                tick < region.end().get() && tick + grid.column > region.start().get()
            };
            let (symbol, style) = if track.looping && within(track.region) {
                ('═', theme::WARNING)
            } else if transport.looping && within(transport.region) {
                ('─', theme::GOOD)
            } else {
                (if grid.line(tick) == GridLine::Beat { '·' } else { ' ' }, theme::DIM)
            };
            put_cell(buffer, area, (column, 0), symbol, style);
        }
        for column in 0..self.window.columns {
            if let Some(bar) = grid.number(self.tick(column)) {
                let left = usize::from(self.window.columns - column);
                let x = area.x + column;
                buffer.set_stringn(x, area.y, (bar + 1).to_string(), left, theme::HEADING);
            }
        }
        if let Some(column) = self.window.column(self.playhead(), grid) {
            put_cell(buffer, area, (column, 0), '▼', self.playhead_style());
        }
    }

    fn draw_names(&self, area: Rect, buffer: &mut Buffer) {
        let instrument = self.here.view.studio().instruments.get(self.here.id);
        for (y, pitch) in (area.y..).zip(self.window.pitches()) {
            let held = instrument.is_some_and(|it| it.sounding.held(pitch).is_some());
            let style = match pitch {
                _ if held => theme::GOOD,
                pitch if pitch == self.here.pitch => theme::SELECTED,
                pitch if is_black(pitch) => theme::DIM,
                _ => Style::new(),
            };
            let mark = if held { "♪" } else { " " };
            buffer.set_stringn(area.x, y, pitch.to_string(), NAME_COLUMNS.into(), style);
            buffer.set_string(
                area.x + NAME_COLUMNS - 1,
                y,
                mark,
                style.remove_modifier(Modifier::REVERSED),
            );
        }
    }

    /// Draws bars, beats, octaves, the playhead and the marked region.
    fn draw_lines(&self, area: Rect, buffer: &mut Buffer) {
        let playhead = self.window.column(self.playhead(), &self.here.grid);
        for column in 0..self.window.columns {
            let tick = self.tick(column);
            let line = self.here.grid.line(tick);
            let marked = self
                .region
                .is_some_and(|region| tick < region.end().get() && tick >= region.start().get());
            for (row, pitch) in (0..).zip(self.window.pitches()) {
                let octave = pitch.get() % 12 == 0;
                let (symbol, style) = match (line, octave) {
                    _ if playhead == Some(column) => ('┃', self.playhead_style()),
                    (GridLine::Bar, true) => ('┼', theme::DIM),
                    (GridLine::Bar, false) => ('│', theme::DIM),
                    (_, true) => ('─', theme::DIM),
                    (GridLine::Beat, false) => ('·', theme::DIM),
                    (GridLine::Nothing, false) => (' ', theme::DIM),
                };
                let style = if marked { style.patch(theme::MARKED) } else { style };
                put_cell(buffer, area, (column, row), symbol, style);
            }
        }
    }

    fn playhead_style(&self) -> Style {
        if self.here.view.metering.playing { theme::GOOD } else { theme::DIM }
    }

    /// Draws notes that are removed here but not yet by the authority.
    fn draw_removed(&self, area: Rect, buffer: &mut Buffer) {
        let NoteCursor { view, id, track, grid, .. } = self.here;
        let Some(confirmed) = view.confirmed.model.piano_roll.track(*id) else { return };
        if Arc::ptr_eq(&view.state, &view.confirmed) {
            return;
        }
        let right = self.window.right(grid);
        for note in self.note_index.sounding(confirmed, self.window.left, right) {
            let column = self.window.column(note.tick.get(), grid);
            let gone = track.note(note.tick, note.pitch).is_none();
            if let (true, Some(column), Some(row)) = (gone, column, self.window.row(note.pitch)) {
                put_cell(buffer, area, (column, row), '×', theme::WARNING);
            }
        }
    }

    fn draw_notes(&self, area: Rect, buffer: &mut Buffer) {
        let NoteCursor { view, id, track, grid, .. } = self.here;
        let owner = view
            .player(*id)
            .map(|owner| theme::participant_style(owner.client_id))
            .unwrap_or_default();
        let playhead = view.metering.playing.then(|| self.playhead());
        for note in self.note_index.sounding(track, self.window.left, self.window.right(grid)) {
            if let Some(row) = self.window.row(note.pitch) {
                let sounds = |at: u32| (note.tick.get()..note.end()).contains(&at);
                let style = if playhead.is_some_and(sounds) {
                    theme::GOOD.add_modifier(Modifier::BOLD)
                } else {
                    owner
                };
                self.draw_note(&note, row, style, area, buffer);
            }
        }
    }

    fn draw_note(&self, note: &Note, row: u16, style: Style, area: Rect, buffer: &mut Buffer) {
        let grid = &self.here.grid;
        let certain = note_is_confirmed(self.here.view, self.here.id, note);
        let style = style.patch(theme::value_style(certain));
        let percent = note.probability.get();
        let tail = if certain && percent == 100 { '━' } else { '╌' };
        let first = self.window.column(note.tick.get(), grid);
        let last = self.window.column(note.end() - 1, grid);
        let last = last.unwrap_or(self.window.columns.saturating_sub(1));
        for column in first.map_or(0, |first| first + 1)..=last {
            put_cell(buffer, area, (column, row), tail, style);
        }
        if let Some(first) = first {
            let head = theme::velocity_symbol(note.velocity, percent, certain);
            put_cell(buffer, area, (first, row), head, style);
        }
    }

    fn draw_cursor(&self, area: Rect, buffer: &mut Buffer) {
        let NoteCursor { tick, pitch, grid, .. } = self.here;
        let Some(row) = self.window.row(*pitch) else { return };
        for column in 0..self.window.columns {
            let at = self.tick(column);
            let covered = at < tick.get() + grid.stride() && at + grid.column > tick.get();
            if let Some(cell) = cell_at(buffer, area, (column, row)).filter(|_| covered) {
                cell.set_style(theme::SELECTED);
            }
        }
    }
}

fn is_black(pitch: Pitch) -> bool {
    matches!(pitch.get() % 12, 1 | 3 | 6 | 8 | 10)
}

pub(in crate::pane) fn cell_at(
    buffer: &mut Buffer,
    area: Rect,
    (column, row): (u16, u16),
) -> Option<&mut Cell> {
    buffer.cell_mut(Position::new(area.x + column, area.y + row))
}

/// Writes a cell; where `style` sets nothing, the style below shows through.
pub(in crate::pane) fn put_cell(
    buffer: &mut Buffer,
    area: Rect,
    at: (u16, u16),
    symbol: char,
    style: Style,
) {
    if let Some(cell) = cell_at(buffer, area, at) {
        cell.set_char(symbol).set_style(style);
    }
}
