//! The automation pane: the lanes that control parameters, and the points of one lane
//! over time.
//!
//! It edits lanes; how a lane moves a parameter is the model's business.

mod lane_painter;
mod point_editing;

use std::cell::Cell;

use crossterm::event::{KeyCode, KeyEvent};
use imbolc_net::{
    model::DirtyFlags,
    studio::{
        Added, AutomationAction, Curve, Lane, LaneSetting, NetworkAction, Point, StudioState,
        Target,
    },
    util::{
        quantity::{Amount, Ticks},
        text::padded,
    },
};
use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::{Block, Borders, Paragraph, Widget as _},
};

use self::{lane_painter::LanePainter, point_editing::PointCursor};
use super::{
    KeyHelp, Pane,
    instruments::owner_spans,
    piano_roll::grid::{Grid, Zoom},
};
use crate::{app::bar_beat_tick, describe, intent::Intent, theme, view::View};

/// The automation pane.
#[derive(Debug, Default)]
pub struct AutomationPane {
    /// The targets of the lanes: those of the selected instrument, then the shared
    /// ones.
    targets: Vec<Target>,
    /// The target of the lane under the cursor, and its index in the list.
    chosen: Option<(Target, usize)>,
    /// Whether the keys go to the points instead of the list.
    on_points: bool,
    /// Where the marked region begins; it extends to the cursor.
    mark: Option<Ticks>,
    /// The first tick of the last frame.
    left: Cell<u32>,
}

impl Pane for AutomationPane {
    fn title(&self) -> &'static str {
        "Automation"
    }

    fn key_help(&self) -> &'static [KeyHelp] {
        &[
            ("↑ ↓", "previous, next lane"),
            ("a D", "add, delete a lane"),
            ("e", "enable or disable"),
            ("A", "arm: R and Space record it"),
            ("Enter", "edit the points of the lane"),
            ("  Esc", "back to the lanes"),
            ("  ← →", "move along the grid"),
            ("  Page ↑ ↓", "move by a bar"),
            ("  Home", "move to the start"),
            ("  ↑ ↓ + -", "move or add a point"),
            ("  Enter", "add or remove a point"),
            ("  t", "type the value of a point"),
            ("  , .", "change the curve to the next point"),
            ("  b", "start marking; Esc: cancel"),
            ("  y x v", "copy, cut, paste"),
            ("  Delete", "delete points"),
        ]
    }

    fn cached_parts(&self) -> DirtyFlags {
        DirtyFlags::AUTOMATION
    }

    fn refresh(&mut self, view: &View) {
        let selected = view.client.instrument();
        let all = || view.studio().automation.lanes().map(|(target, _)| *target);
        let own = all().filter(|target| selected.is_some() && target.instrument() == selected);
        self.targets = own.chain(all().filter(|target| target.instrument().is_none())).collect();
    }

    fn handle_key(&mut self, key: KeyEvent, view: &View) -> Option<Intent> {
        if key.code == KeyCode::Char('a') {
            return Some(Intent::OpenPalette("automate ".into()));
        }
        let here = self.here(view)?;
        let act = |action| Some(NetworkAction::Automation(here.target, action).into());
        match key.code {
            KeyCode::Char('D') => return act(AutomationAction::Delete),
            KeyCode::Char('e') => {
                return act(AutomationAction::Set(LaneSetting::Enabled(!here.lane.enabled)));
            }
            KeyCode::Char('A') => {
                return act(AutomationAction::Set(LaneSetting::Armed(!here.lane.armed)));
            }
            _ if self.on_points => return self.edit(key.code, &here),
            KeyCode::Up => self.choose(here.target, -1),
            KeyCode::Down => self.choose(here.target, 1),
            KeyCode::Enter | KeyCode::Right => self.on_points = true,
            _ => return None,
        }
        Some(Intent::Nothing)
    }

    fn select_added(&mut self, added: Added, _view: &View) {
        if let Added::Lane(added) = added {
            let at = self.targets.iter().position(|target| *target == added);
            self.chosen = at.map(|at| (added, at));
            self.on_points = false;
            self.mark = None;
        }
    }

    fn draw(&self, view: &View, area: Rect, buffer: &mut Buffer) {
        let Some(here) = self.here(view) else {
            let hint = no_lane_hint(view).into_iter();
            let hint: Vec<_> = hint.map(|line| Line::styled(line, theme::DIM)).collect();
            return Paragraph::new(hint).render(area, buffer);
        };
        let [body, detail] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(area);
        let width = (area.width * 3 / 7).clamp(30, 44);
        let [list, right] =
            Layout::horizontal([Constraint::Length(width), Constraint::Fill(1)]).areas(body);
        self.draw_list(&here, list, buffer);
        let block = Block::new().borders(Borders::LEFT).border_style(theme::DIM);
        let inside = block.inner(right);
        block.render(right, buffer);
        let [heading, curve] =
            Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(inside);
        lane_heading(&here).render(heading, buffer);
        let left = here.grid.left(self.left.get(), here.tick, curve.width);
        self.left.set(left);
        let region = self.marked(&here);
        let cursor = self.on_points.then_some(here.tick);
        LanePainter { here: &here, left, region, cursor }.draw(curve, buffer);
        self.detail(&here).render(detail, buffer);
    }
}

impl AutomationPane {
    /// The cursor, on a lane that exists.
    fn here<'a>(&self, view: &'a View<'a>) -> Option<PointCursor<'a>> {
        let lanes = &view.studio().automation;
        let chosen = self.chosen.filter(|(target, _)| self.targets.contains(target));
        let target = chosen.map(|(target, _)| target).or_else(|| {
            // The chosen lane was deleted: the next one takes its place.
            let at = self.chosen.map_or(0, |(_, at)| at);
            self.targets.get(at).or(self.targets.last()).copied()
        })?;
        let lane = lanes.lane(&target)?;
        let grid = Grid::of(&view.studio().session, Zoom::default());
        let (tick, pitch) = view.client.cursor();
        let point = lane.points.next(tick);
        let point = point.filter(|point| point.tick.get() < tick.get() + grid.stride());
        Some(PointCursor { view, target, lane, grid, tick, pitch, point })
    }

    /// Moves the cursor down by `lanes`.
    fn choose(&mut self, from: Target, lanes: isize) {
        let at = self.targets.iter().position(|target| *target == from).unwrap_or_default();
        let at = at.saturating_add_signed(lanes).min(self.targets.len().saturating_sub(1));
        self.chosen = self.targets.get(at).map(|target| (*target, at));
        self.mark = None;
    }

    fn draw_list(&self, here: &PointCursor, area: Rect, buffer: &mut Buffer) {
        let width = usize::from(area.width.saturating_sub(1));
        let name = width.saturating_sub(LIST_NUMBERS);
        let heading = format!("{:<name$}     points", "lane");
        let mut lines = vec![Line::styled(heading, theme::HEADING)];
        let rows = usize::from(area.height.saturating_sub(1));
        let at = self.targets.iter().position(|target| *target == here.target);
        let first = (at.unwrap_or_default() + 1).saturating_sub(rows);
        for target in self.targets.iter().skip(first).take(rows) {
            let Some(lane) = here.view.studio().automation.lane(target) else { continue };
            let shown = lane_row(here.view, *target, lane, name);
            lines.push(match (*target == here.target, self.on_points) {
                (true, false) => shown.patch_style(theme::SELECTED),
                (true, true) => shown.patch_style(theme::MARKED),
                _ => shown,
            });
        }
        Paragraph::new(lines).render(Rect { width: area.width.saturating_sub(1), ..area }, buffer);
    }

    /// What is under the cursor, or the marked region.
    fn detail<'a>(&self, here: &PointCursor) -> Line<'a> {
        let session = &here.view.studio().session;
        if !self.on_points {
            return Line::from(vec![
                Span::raw(describe::target_text(here.view.studio(), &here.target)),
                Span::styled("  Enter: edit the points", theme::DIM),
            ]);
        }
        if let Some(region) = self.marked(here) {
            let [start, end] =
                [region.start(), region.end()].map(|tick| bar_beat_tick(tick, session));
            return Line::styled(format!("marked {start} – {end}"), theme::MARKED);
        }
        let Some(Point { tick, value, curve }) = here.point else {
            let at = bar_beat_tick(here.tick, session);
            return Line::from(vec![
                Span::raw(format!("{at} {}", part_and_meaning(here, here.value()))),
                Span::styled("  Enter: add a point  t: type its value", theme::DIM),
            ]);
        };
        let certain = lane_painter::point_is_confirmed(here, tick);
        let text = format!(
            "{} {}{}  {}",
            bar_beat_tick(tick, session),
            part_and_meaning(here, value),
            theme::unconfirmed_mark(certain),
            curve_label(curve),
        );
        Line::styled(text, theme::value_style(certain))
    }
}

/// What to do if there is no lane to show: those of other instruments are not.
fn no_lane_hint(view: &View) -> Vec<String> {
    let name = |id| describe::instrument_label(view.studio(), id);
    let of = view.selected().map_or_else(String::new, |(id, _)| format!(" of {}", name(id)));
    let mut lanes = view.studio().automation.lanes();
    let other = lanes.find_map(|(target, _)| target.instrument());
    let other = other.map(|id| format!("[ or ] selects another instrument, such as {}", name(id)));
    [format!("no lanes{of}: a automates a parameter")].into_iter().chain(other).collect()
}

/// The columns of the list after the name.
const LIST_NUMBERS: usize = 11;

/// A lane in the list.
fn lane_row<'a>(view: &View, target: Target, lane: &Lane, width: usize) -> Line<'a> {
    let settings = |studio: &StudioState| {
        let lane = studio.automation.lane(&target);
        lane.map(|lane| (lane.enabled, lane.armed, lane.points.len()))
    };
    let certain = view.is_confirmed(settings);
    let style = if lane.enabled { theme::value_style(certain) } else { theme::DIM };
    let name = padded(&describe::target_text(view.studio(), &target), width);
    let enabled = if lane.enabled { "on" } else { "off" };
    let armed = if lane.armed { "●" } else { " " };
    Line::from(vec![
        Span::styled(format!("{name}{:1}", theme::unconfirmed_mark(certain)), style),
        Span::styled(armed, theme::ERROR),
        Span::styled(format!(" {enabled:<3}{:>5}", lane.points.len()), style),
    ])
}

/// The current value of the parameter, and its owner.
fn lane_heading<'a>(here: &PointCursor) -> Line<'a> {
    let PointCursor { view, target, lane, .. } = here;
    let now = lane_painter::playhead_tick(view);
    let lanes = lane.value(now);
    let value = lanes.or_else(|| target.part(view.studio()));
    let now = match value {
        Some(value) => {
            format!("now {}", part_and_meaning(here, value))
        }
        None => "inactive: no such parameter".into(),
    };
    let mut line = Line::styled(now, theme::HEADING);
    if let Some(id) = target.instrument() {
        line.push_span(Span::raw("  "));
        line.extend(owner_spans(view, id));
    } else {
        line.push_span(Span::styled("  shared", theme::DIM));
    }
    if lane.armed {
        line.push_span(Span::styled("  ● armed", theme::ERROR));
    }
    if !lane.enabled {
        line.push_span(Span::styled("  off", theme::WARNING));
    }
    line
}

/// A value in the unit of the parameter, and as a part of its range if that is not the same.
fn part_and_meaning(here: &PointCursor, value: Amount) -> String {
    let (meaning, part) = (here.meaning(value), format!("{} %", theme::to_percent(value)));
    if meaning == part { part } else { format!("{meaning} ({part})") }
}

/// The name of a curve.
fn curve_label(curve: Curve) -> String {
    describe::label(curve)
}

/// A value changed by twentieths of its range, within the range.
fn shifted(value: Amount, twentieths: f32) -> Amount {
    // In whole percent, so that repeated steps do not drift.
    let percent = (value.get() * 100.0).round() + twentieths * 5.0;
    Amount::new((percent / 100.0).clamp(0.0, 1.0)).unwrap_or(value)
}
