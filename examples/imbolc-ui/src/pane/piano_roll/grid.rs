//! Maps time and pitch to columns and rows: the grid, the zoom, and the visible window.
//!
//! It computes; it knows neither notes nor keys of the keyboard.

use imbolc_net::{
    studio::{NoteValue, SessionState},
    util::quantity::{Pitch, Ticks},
};
use ratatui::{buffer::Buffer, layout::Rect};

use crate::theme;

/// The grid without snap: a tick of the MIDI clock, 24 per quarter note.
const UNSNAPPED_STEP: u32 = 20;

/// The number of pitches.
const PITCHES: u16 = Pitch::MAX.get() as u16 + 1;

/// The zoom: each level above zero doubles the columns of a step, each level below zero
/// doubles the steps of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::pane) struct Zoom(i8);

impl Zoom {
    /// Zooms in, or out if `steps` is negative.
    pub(in crate::pane) fn by(self, steps: i8) -> Self {
        Self((self.0 + steps).clamp(-4, 2))
    }

    /// The zoom as text: `×2`, `÷4`, or nothing.
    pub(in crate::pane) fn name(self) -> String {
        let sign = if self.0 < 0 { '÷' } else { '×' };
        match self.0 {
            0 => String::new(),
            zoom => format!(" {sign}{}", 1 << zoom.unsigned_abs()),
        }
    }
}

/// The division of time, in ticks.
#[derive(Clone, Copy, Debug)]
pub(in crate::pane) struct Grid {
    step: u32,
    /// The ticks of a column.
    pub(in crate::pane) column: u32,
    pub(in crate::pane) bar: u32,
    beat: u32,
}

/// The grid line at the start of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pane) enum GridLine {
    /// A bar starts here.
    Bar,
    /// A beat starts here.
    Beat,
    /// Neither.
    Nothing,
}

impl Grid {
    /// The grid of a session at a zoom level.
    pub(in crate::pane) fn of(session: &SessionState, zoom: Zoom) -> Self {
        let step = session.snap.map_or(UNSNAPPED_STEP, NoteValue::ticks);
        let by = zoom.0.unsigned_abs();
        // Every step can be halved twice.
        let column = if zoom.0 < 0 { step << by } else { step >> by };
        let bar = session.time_signature.bar();
        Self { step, column, bar, beat: bar / u32::from(session.time_signature.beats()) }
    }

    /// A grid of beats: a beat is a step and a column.
    pub(in crate::pane) fn beats(session: &SessionState) -> Self {
        let grid = Self::of(session, Zoom::default());
        Self { step: grid.beat, column: grid.beat, ..grid }
    }

    /// By how many ticks the cursor moves: a step, or a column that holds several
    /// steps.
    pub(in crate::pane) fn stride(&self) -> u32 {
        self.step.max(self.column)
    }

    /// The tick that is `strides` from `tick`, on the grid.
    pub(in crate::pane) fn beside(&self, tick: Ticks, strides: i32) -> Ticks {
        let (at, stride) = (i64::from(tick.get()), i64::from(self.stride()));
        // From between two grid lines, the first step back goes to the line before.
        let off = at % stride != 0 && strides < 0;
        let line = at / stride + i64::from(off) + i64::from(strides);
        clamped_ticks(line * stride)
    }

    /// The tick of the first of `columns` columns that show the cursor, as near to
    /// `left` as possible.
    pub(in crate::pane) fn left(&self, left: u32, cursor: Ticks, columns: u16) -> u32 {
        let at = cursor.get() - cursor.get() % self.column;
        let last = u32::from(columns.saturating_sub(1)) * self.column;
        (left - left % self.column).clamp(at.saturating_sub(last), at)
    }

    /// The column of `tick`, where `left` is the first tick of column 0.
    pub(in crate::pane) fn column_at(&self, left: u32, tick: u32) -> Option<u16> {
        u16::try_from(tick.checked_sub(left)? / self.column).ok()
    }

    /// Draws a ruler with beats and bar numbers into the first line, from the tick
    /// `left` on.
    pub(in crate::pane) fn draw_ruler(&self, left: u32, area: Rect, buffer: &mut Buffer) {
        let ticks = (0..area.width).map(|column| left + u32::from(column) * self.column);
        for (x, tick) in (area.x..).zip(ticks.clone()) {
            if self.line(tick) == GridLine::Beat {
                buffer.set_string(x, area.y, "·", theme::DIM);
            }
        }
        for (x, tick) in (area.x..).zip(ticks) {
            if let Some(bar) = self.number(tick) {
                let room = usize::from(area.right() - x);
                buffer.set_stringn(x, area.y, (bar + 1).to_string(), room, theme::HEADING);
            }
        }
    }

    /// The grid line within the column at `tick`.
    pub(in crate::pane) fn line(&self, tick: u32) -> GridLine {
        let begins = |length: u32| {
            self.column < length && tick.next_multiple_of(length) < tick + self.column
        };
        if begins(self.bar) {
            GridLine::Bar
        } else if begins(self.beat) {
            GridLine::Beat
        } else {
            GridLine::Nothing
        }
    }

    /// The index of the bar that starts within the column at `tick`, if there is room
    /// for its number.
    pub(in crate::pane) fn number(&self, tick: u32) -> Option<u32> {
        const ROOM: u32 = 6;
        let every = (ROOM * self.column).div_ceil(self.bar).next_power_of_two();
        let bar = tick.div_ceil(self.bar);
        (bar * self.bar < tick + self.column && bar.is_multiple_of(every)).then_some(bar)
    }
}

/// The visible part of the roll.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::pane) struct RollWindow {
    /// The tick of the first column, a multiple of a column's length.
    pub(in crate::pane) left: u32,
    /// The lowest visible pitch.
    pub(in crate::pane) bottom: u16,
    pub(in crate::pane) columns: u16,
    pub(in crate::pane) rows: u16,
}

impl RollWindow {
    /// A window of another size at the nearest possible position.
    pub(in crate::pane) fn sized(self, columns: u16, rows: u16, grid: &Grid) -> Self {
        let rows = rows.min(PITCHES);
        let bottom = self.bottom.min(PITCHES - rows);
        Self { left: self.left - self.left % grid.column, bottom, columns, rows }
    }

    /// Scrolls so that this pitch is in the middle, if possible.
    pub(in crate::pane) fn around(self, pitch: u16) -> Self {
        let bottom = pitch.saturating_sub(self.rows / 2).min(PITCHES - self.rows);
        Self { bottom, ..self }
    }

    /// Scrolls as little as possible to show a position.
    pub(in crate::pane) fn with(mut self, (tick, pitch): (Ticks, Pitch), grid: &Grid) -> Self {
        let (column, pitch) = (tick.get() - tick.get() % grid.column, u16::from(pitch.get()));
        let lines = u32::from(self.columns.saturating_sub(1)) * grid.column;
        self.left = self.left.clamp(column.saturating_sub(lines), column);
        let rows = self.rows.saturating_sub(1);
        self.bottom = self.bottom.clamp(pitch.saturating_sub(rows), pitch);
        self
    }

    /// Scrolls so that the window starts at `tick`, unless it is visible already.
    pub(in crate::pane) fn turned_to(mut self, tick: u32, grid: &Grid) -> Self {
        if self.column(tick, grid).is_none() {
            self.left = tick - tick % grid.column;
        }
        self
    }

    /// The first tick after the window.
    pub(in crate::pane) fn right(&self, grid: &Grid) -> u32 {
        self.left + u32::from(self.columns) * grid.column
    }

    /// The column of `tick`, if it is visible.
    pub(in crate::pane) fn column(&self, tick: u32, grid: &Grid) -> Option<u16> {
        let column = u16::try_from(tick.checked_sub(self.left)? / grid.column).ok()?;
        (column < self.columns).then_some(column)
    }

    /// The row of a pitch, if it is visible; the highest pitch is in row 0.
    pub(in crate::pane) fn row(&self, pitch: Pitch) -> Option<u16> {
        let above = u16::from(pitch.get()).checked_sub(self.bottom)?;
        (self.rows.checked_sub(1)?).checked_sub(above)
    }

    /// The visible pitches, from the highest.
    pub(in crate::pane) fn pitches(&self) -> impl Iterator<Item = Pitch> {
        let keys = (self.bottom..self.bottom + self.rows).rev();
        keys.filter_map(|key| Pitch::new(u8::try_from(key).ok()?).ok())
    }
}

/// The nearest valid tick.
pub(in crate::pane) fn clamped_ticks(tick: i64) -> Ticks {
    let tick = tick.clamp(0, Ticks::MAX.get().into());
    u32::try_from(tick).ok().and_then(|tick| Ticks::new(tick).ok()).unwrap_or(Ticks::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(zoom: i8) -> Grid {
        Grid::of(&SessionState::default(), Zoom(zoom))
    }

    #[test]
    fn cursor_moves_along_the_grid() {
        let moved = |zoom, tick, by| grid(zoom).beside(Ticks::of(tick), by).get();
        assert_eq!((moved(0, 120, 1), moved(0, 120, -1), moved(0, 0, -1)), (240, 0, 0));
        assert_eq!((moved(0, 130, 1), moved(0, 130, -1)), (240, 120));
        assert_eq!((moved(2, 120, 1), moved(-1, 0, 1)), (240, 240), "a step, or a column");
        assert_eq!(moved(0, Ticks::MAX.get(), 1), Ticks::MAX.get());
    }

    #[test]
    fn window_scrolls_as_little_as_possible() {
        let grid = grid(0);
        let window = RollWindow { left: 1200, bottom: 50, columns: 10, rows: 12 };
        let with = |tick, pitch| {
            let moved = window.with((Ticks::of(tick), Pitch::of(pitch)), &grid);
            (moved.left, moved.bottom)
        };
        assert_eq!(with(1200, 50), (1200, 50));
        assert_eq!(with(2399, 61), (1200, 50));
        assert_eq!(with(2400, 62), (1320, 51));
        assert_eq!(with(1199, 49), (1080, 49));
        assert_eq!(with(0, 127), (0, 116));
        assert_eq!(window.sized(10, 200, &grid).rows, 128, "there are not more keys");
    }

    #[test]
    fn bar_numbers_do_not_overlap() {
        assert_eq!((grid(0).number(1920), grid(0).number(120)), (Some(1), None));
        let far = grid(-4);
        let numbered: Vec<_> = (0..16).filter_map(|n| far.number(n * far.column)).collect();
        assert_eq!(numbered, [0, 8], "a column is a bar");
    }
}
