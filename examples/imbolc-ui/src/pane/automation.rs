//! The automation pane: the lanes that control parameters, and the points of one lane
//! over time.
//!
//! It edits lanes; how a lane moves a parameter is the model's business.

mod edit;
mod paint;

use std::cell::Cell;

use crossterm::event::{KeyCode, KeyEvent};
use imbolc_net::{
    model::DirtyFlags,
    studio::{Action, AutomationAction, Curve, Lane, LaneSetting, Point, StudioState, Target},
    util::quantity::{Amount, Ticks},
};
use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::{Block, Borders, Paragraph, Widget as _},
};

use self::{edit::Here, paint::Paint};
use super::{
    Key, Pane,
    instruments::owner,
    piano_roll::grid::{Grid, Zoom},
};
use crate::{app::place, intent::Intent, theme, view::View, words};

/// The automation pane.
#[derive(Debug, Default)]
pub struct Automation {
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

impl Pane for Automation {
    fn title(&self) -> &'static str {
        "Auto"
    }

    fn keys(&self) -> &'static [Key] {
        &[
            ("↑ ↓", "another lane"),
            ("a D", "add a lane, delete it"),
            ("e", "enabled or not"),
            ("A", "arm for recording"),
            ("Enter", "to the points of the lane"),
            ("  Esc", "back to the lanes"),
            ("  ← →", "along the grid"),
            ("  Page ↑ ↓", "by a bar"),
            ("  Home", "to the beginning"),
            ("  ↑ ↓ + -", "move the point, or add one"),
            ("  Enter", "add a point, remove it"),
            ("  , .", "another curve to the next point"),
            ("  b", "mark from here on, Esc ends it"),
            ("  y x v", "copy, cut, paste"),
            ("  Delete", "delete points"),
        ]
    }

    fn keeps(&self) -> DirtyFlags {
        DirtyFlags::AUTOMATION
    }

    fn refresh(&mut self, view: &View) {
        let selected = view.mine.instrument();
        let all = || view.studio().automation.lanes().map(|(target, _)| *target);
        let own = all().filter(|target| selected.is_some() && target.instrument() == selected);
        self.targets = own.chain(all().filter(|target| target.instrument().is_none())).collect();
    }

    fn key(&mut self, key: KeyEvent, view: &View) -> Option<Intent> {
        if key.code == KeyCode::Char('a') {
            return Some(Intent::Type("automate ".into()));
        }
        let here = self.here(view)?;
        let act = |action| Some(Action::Automation(here.target, action).into());
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

    fn draw(&self, view: &View, area: Rect, buffer: &mut Buffer) {
        let Some(here) = self.here(view) else {
            let hint = "no lanes here: a lets one move a parameter";
            return Line::styled(hint, theme::QUIET).render(area, buffer);
        };
        let [body, detail] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(area);
        let width = (area.width * 3 / 7).clamp(30, 44);
        let [list, right] =
            Layout::horizontal([Constraint::Length(width), Constraint::Fill(1)]).areas(body);
        self.draw_list(&here, list, buffer);
        let block = Block::new().borders(Borders::LEFT).border_style(theme::QUIET);
        let inside = block.inner(right);
        block.render(right, buffer);
        let [heading, curve] =
            Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(inside);
        heading_of(&here).render(heading, buffer);
        let left = here.grid.left(self.left.get(), here.tick, curve.width);
        self.left.set(left);
        let region = self.marked(&here);
        let cursor = self.on_points.then_some(here.tick);
        Paint { here: &here, left, region, cursor }.draw(curve, buffer);
        self.detail(&here).render(detail, buffer);
    }
}

impl Automation {
    /// The cursor, on a lane that exists.
    fn here<'a>(&self, view: &'a View<'a>) -> Option<Here<'a>> {
        let lanes = &view.studio().automation;
        let chosen = self.chosen.filter(|(target, _)| self.targets.contains(target));
        let target = chosen.map(|(target, _)| target).or_else(|| {
            // The chosen lane was deleted: the next one takes its place.
            let at = self.chosen.map_or(0, |(_, at)| at);
            self.targets.get(at).or(self.targets.last()).copied()
        })?;
        let lane = lanes.lane(&target)?;
        let grid = Grid::of(&view.studio().session, Zoom::default());
        let (tick, pitch) = view.mine.cursor();
        let point = lane.points.next(tick);
        let point = point.filter(|point| point.tick.get() < tick.get() + grid.stride());
        Some(Here { view, target, lane, grid, tick, pitch, point })
    }

    /// Moves the cursor down by `lanes`.
    fn choose(&mut self, from: Target, lanes: isize) {
        let at = self.targets.iter().position(|target| *target == from).unwrap_or_default();
        let at = at.saturating_add_signed(lanes).min(self.targets.len().saturating_sub(1));
        self.chosen = self.targets.get(at).map(|target| (*target, at));
        self.mark = None;
    }

    fn draw_list(&self, here: &Here, area: Rect, buffer: &mut Buffer) {
        let width = usize::from(area.width.saturating_sub(1));
        let name = width.saturating_sub(NUMBERS);
        let heading = format!("{:<name$}     points", "lane");
        let mut lines = vec![Line::styled(heading, theme::HEADING)];
        let rows = usize::from(area.height.saturating_sub(1));
        let at = self.targets.iter().position(|target| *target == here.target);
        let first = (at.unwrap_or_default() + 1).saturating_sub(rows);
        for target in self.targets.iter().skip(first).take(rows) {
            let Some(lane) = here.view.studio().automation.lane(target) else { continue };
            let shown = row(here.view, *target, lane, name);
            lines.push(match (*target == here.target, self.on_points) {
                (true, false) => shown.patch_style(theme::SELECTED),
                (true, true) => shown.patch_style(theme::MARKED),
                _ => shown,
            });
        }
        Paragraph::new(lines).render(Rect { width: area.width.saturating_sub(1), ..area }, buffer);
    }

    /// What is under the cursor, or the marked region.
    fn detail<'a>(&self, here: &Here) -> Line<'a> {
        let session = &here.view.studio().session;
        if !self.on_points {
            return Line::from(vec![
                Span::raw(words::target(here.view.studio(), &here.target)),
                Span::styled("  Enter: to the points", theme::QUIET),
            ]);
        }
        if let Some(region) = self.marked(here) {
            let [start, end] = [region.start(), region.end()].map(|tick| place(tick, session));
            return Line::styled(format!("marked {start} – {end}"), theme::MARKED);
        }
        let Some(Point { tick, value, curve }) = here.point else {
            let at = place(here.tick, session);
            return Line::from(vec![
                Span::raw(format!("{at} {} %", theme::percent(here.value()))),
                Span::styled("  Enter adds a point", theme::QUIET),
            ]);
        };
        let certain = paint::is_certain(here, tick);
        let words = format!(
            "{} {} %{}  {}  {}",
            place(tick, session),
            theme::percent(value),
            theme::mark(certain),
            curve_of(curve),
            here.meaning(value),
        );
        Line::styled(words, theme::certain(certain))
    }
}

/// The columns of the list after the name.
const NUMBERS: usize = 11;

/// A lane in the list.
fn row<'a>(view: &View, target: Target, lane: &Lane, width: usize) -> Line<'a> {
    let settings = |studio: &StudioState| {
        let lane = studio.automation.lane(&target);
        lane.map(|lane| (lane.enabled, lane.armed, lane.points.len()))
    };
    let certain = view.is_certain(settings);
    let style = if lane.enabled { theme::certain(certain) } else { theme::QUIET };
    let name = theme::fit(&words::target(view.studio(), &target), width);
    let enabled = if lane.enabled { "on" } else { "off" };
    let armed = if lane.armed { "●" } else { " " };
    Line::from(vec![
        Span::styled(format!("{name:<width$}{:1}", theme::mark(certain)), style),
        Span::styled(armed, theme::WRONG),
        Span::styled(format!(" {enabled:<3}{:>5}", lane.points.len()), style),
    ])
}

/// The current value of the parameter, and who owns it.
fn heading_of<'a>(here: &Here) -> Line<'a> {
    let Here { view, target, lane, .. } = here;
    let now = paint::playhead(view);
    let lanes = lane.value(now);
    let value = lanes.or_else(|| target.part(view.studio()));
    let now = match value {
        Some(value) => {
            format!("now {} ({} %)", here.meaning(value), theme::percent(value))
        }
        None => "rests: it is not there".into(),
    };
    let mut line = Line::styled(now, theme::HEADING);
    if let Some(id) = target.instrument() {
        line.push_span(Span::raw("  "));
        line.extend(owner(view, id));
    } else {
        line.push_span(Span::styled("  everybody's", theme::QUIET));
    }
    if lane.armed {
        line.push_span(Span::styled("  ● armed", theme::WRONG));
    }
    if !lane.enabled {
        line.push_span(Span::styled("  off", theme::CAREFUL));
    }
    line
}

/// The name of a curve.
fn curve_of(curve: Curve) -> String {
    words::of(curve)
}

/// A value changed by twentieths of its range, within the range.
fn turned(value: Amount, twentieths: f32) -> Amount {
    // In whole percent, so that repeated steps do not drift.
    let percent = (value.get() * 100.0).round() + twentieths * 5.0;
    Amount::new((percent / 100.0).clamp(0.0, 1.0)).unwrap_or(value)
}
