//! Draws a lane: the ruler, the value over time, and the points.
//!
//! It reads a view and writes cells; no key arrives here.

use std::sync::Arc;

use imbolc_net::{
    studio::{LoopRegion, Point, StudioState},
    util::quantity::{Amount, Ticks},
};
use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::point_editing::PointCursor;
use crate::{
    pane::piano_roll::{
        grid::{GridLine, clamped_ticks},
        roll_painter::{cell_at, put_cell},
    },
    theme,
    view::View,
};

/// Draws a lane.
pub(super) struct LanePainter<'a> {
    pub(super) here: &'a PointCursor<'a>,
    /// The tick of the first column.
    pub(super) left: u32,
    /// The marked region.
    pub(super) region: Option<LoopRegion>,
    /// The tick of the cursor, if the keys go to the points.
    pub(super) cursor: Option<Ticks>,
}

/// The position of the playhead, also when the transport is stopped.
pub(super) fn playhead_tick(view: &View) -> Ticks {
    if view.metering.playing { view.metering.playhead } else { view.studio().transport.position }
}

/// Whether the authority has confirmed the point at this tick as it is shown.
pub(super) fn point_is_confirmed(here: &PointCursor, tick: Ticks) -> bool {
    let point = |studio: &StudioState| -> Option<Point> {
        let next = studio.automation.lane(&here.target)?.points.next(tick);
        next.filter(|point| point.tick == tick)
    };
    here.view.is_confirmed(point)
}

impl LanePainter<'_> {
    /// Draws the ruler in the first line and the values below it.
    pub(super) fn draw(&self, area: Rect, buffer: &mut Buffer) {
        self.here.grid.draw_ruler(self.left, area, buffer);
        let rows = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        let playhead = self.here.grid.column_at(self.left, playhead_tick(self.here.view).get());
        for column in 0..area.width {
            self.draw_column(column, playhead == Some(column), rows, buffer);
        }
        if let Some(column) = playhead.filter(|column| *column < area.width) {
            put_cell(buffer, area, (column, 0), '▼', self.playhead_style());
        }
    }

    fn playhead_style(&self) -> Style {
        if self.here.view.metering.playing { theme::GOOD } else { theme::DIM }
    }

    fn draw_column(&self, column: u16, is_playhead: bool, area: Rect, buffer: &mut Buffer) {
        let here = self.here;
        let first = self.left + u32::from(column) * here.grid.column;
        let [start, end] = [first, first + here.grid.column].map(|tick| clamped_ticks(tick.into()));
        let Ok(within) = LoopRegion::new(start, end) else { return };
        let points = &here.lane.points;
        let point = points.within(within).next();
        let value = point.map(|point| point.value).or_else(|| points.value(start));
        let bars = theme::vertical_bar(value.map_or(0.0, Amount::get), area.height.into());
        let style = self.style();
        for (row, bar) in (0..).zip(bars) {
            let bar = bar.chars().next().unwrap_or(' ');
            let (symbol, style) = match (bar, here.grid.line(first)) {
                (' ', _) if is_playhead => ('┃', self.playhead_style()),
                (' ', GridLine::Bar) => ('│', theme::DIM),
                (' ', GridLine::Beat) => ('·', theme::DIM),
                _ if is_playhead => (bar, self.playhead_style()),
                _ => (bar, style),
            };
            put_cell(buffer, area, (column, row), symbol, style);
        }
        if let Some(point) = point {
            let (symbol, style) = if point_is_confirmed(here, point.tick) {
                ('●', theme::HEADING)
            } else {
                ('○', theme::WARNING)
            };
            put_cell(buffer, area, (column, value_row(point.value, area)), symbol, style);
        } else if let Some(gone) = self.removed(within) {
            put_cell(buffer, area, (column, value_row(gone.value, area)), '×', theme::WARNING);
        }
        let marked = self.region.is_some_and(|region| region.start() < end && start < region.end());
        let stride = here.grid.stride();
        let under = self
            .cursor
            .is_some_and(|at| first < at.get() + stride && at.get() < first + here.grid.column);
        for row in 0..area.height {
            let Some(cell) = cell_at(buffer, area, (column, row)) else { continue };
            if under {
                cell.set_style(theme::SELECTED);
            } else if marked {
                cell.set_style(theme::MARKED);
            }
        }
    }

    /// A point that is removed here but not yet by the authority.
    fn removed(&self, within: LoopRegion) -> Option<Point> {
        let view = self.here.view;
        if Arc::ptr_eq(&view.state, &view.confirmed) {
            return None;
        }
        let lane = view.confirmed.model.automation.lane(&self.here.target)?;
        lane.points.within(within).next()
    }

    /// The colour of the owner of the lane.
    fn style(&self) -> Style {
        let PointCursor { view, target, lane, .. } = self.here;
        if !lane.enabled {
            return theme::DIM;
        }
        let owner = target.instrument().and_then(|id| view.player(id));
        owner.map(|owner| theme::participant_style(owner.client_id)).unwrap_or_default()
    }
}

/// The row of a value; the largest value is in row 0.
fn value_row(value: Amount, area: Rect) -> u16 {
    let bars = theme::vertical_bar(value.get(), area.height.into());
    let empty = bars.iter().take_while(|bar| **bar == " ").count();
    u16::try_from(empty).unwrap_or(u16::MAX).min(area.height.saturating_sub(1))
}
