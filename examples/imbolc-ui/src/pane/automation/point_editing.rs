//! The keys of the automation pane: they add, move and delete points of a lane.
//!
//! They return intents from a cursor and a view; nothing is drawn here.

use crossterm::event::KeyCode;
use imbolc_net::{
    studio::{
        AutomationAction, ClipboardAction, Curve, Lane, LoopRegion, NetworkAction, Point,
        SelectionAction, Target,
    },
    util::quantity::{Amount, Pitch, Ticks},
};

use super::{AutomationPane, shifted};
use crate::{
    describe,
    intent::Intent,
    pane::piano_roll::grid::{Grid, clamped_ticks},
    view::View,
};

/// The curves to the next point, in the order in which the keys step through them.
const CURVES: [Curve; 5] =
    [Curve::Hold, Curve::Linear, Curve::SlowStart, Curve::SlowEnd, Curve::Smooth];

/// The cursor, and what is under it.
pub(super) struct PointCursor<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) target: Target,
    pub(super) lane: &'a Lane,
    pub(super) grid: Grid,
    pub(super) tick: Ticks,
    /// The pitch of the piano roll's cursor, which stays as it is.
    pub(super) pitch: Pitch,
    /// The first point within the grid step of the cursor.
    pub(super) point: Option<Point>,
}

impl PointCursor<'_> {
    fn act(&self, action: AutomationAction) -> Intent {
        NetworkAction::Automation(self.target, action).into()
    }

    fn go_to(&self, tick: Ticks) -> Intent {
        SelectionAction::Cursor(tick, self.pitch).into()
    }

    /// Moves the cursor by grid steps.
    fn go(&self, strides: i32) -> Intent {
        self.go_to(self.grid.beside(self.tick, strides))
    }

    /// Moves the cursor by bars.
    fn go_bars(&self, bars: i64) -> Intent {
        self.go_to(clamped_ticks(i64::from(self.tick.get()) + bars * i64::from(self.grid.bar)))
    }

    /// The value at the cursor: of the lane if it has points, else of the parameter.
    pub(super) fn value(&self) -> Amount {
        let points = self.lane.points.value(self.tick);
        let set = || self.target.part(self.view.studio());
        points.or_else(set).unwrap_or(Amount::of(0.5))
    }

    /// The value in the unit of the parameter.
    pub(super) fn meaning(&self, value: Amount) -> String {
        let studio = self.view.studio();
        let action = self.target.action(value, studio);
        action.map(|action| describe::value_text(&action)).unwrap_or_default()
    }

    /// A new point at the cursor that leaves the curve unchanged.
    fn new_point(&self) -> Point {
        let before = self.lane.points.iter().take_while(|point| point.tick < self.tick).last();
        let curve = before.map_or(Curve::Linear, |point| point.curve);
        Point { tick: self.tick, value: self.value(), curve }
    }

    /// Moves the point by twentieths of the range; adds one if there is none.
    fn turn(&self, twentieths: f32) -> Intent {
        let point = self.point.unwrap_or_else(|| self.new_point());
        let value = shifted(point.value, twentieths);
        if self.point.is_some() && value == point.value {
            return Intent::Nothing;
        }
        self.act(AutomationAction::Put(Point { value, ..point }))
    }

    fn toggle(&self) -> Intent {
        self.act(match self.point {
            Some(point) => AutomationAction::Remove(point.tick),
            None => AutomationAction::Put(self.new_point()),
        })
    }

    /// Gives the point the curve that is `by` after its own.
    fn change_curve(&self, by: usize) -> Intent {
        let Some(point) = self.point else { return no_point() };
        let at = CURVES.iter().position(|curve| *curve == point.curve).unwrap_or_default();
        let curve = CURVES[(at + by) % CURVES.len()];
        self.act(AutomationAction::Put(Point { curve, ..point }))
    }

    /// The region from `first` to the end of the grid step at `last`.
    fn steps(&self, first: Ticks, last: Ticks) -> Option<LoopRegion> {
        let end = i64::from(last.get()) + i64::from(self.grid.stride());
        LoopRegion::new(first, clamped_ticks(end)).ok()
    }
}

impl AutomationPane {
    /// Translates a key at the cursor.
    pub(super) fn edit(&mut self, key: KeyCode, here: &PointCursor) -> Option<Intent> {
        Some(match key {
            KeyCode::Esc if self.mark.is_some() => {
                self.mark = None;
                Intent::Nothing
            }
            KeyCode::Esc => self.leave(),
            // There is nothing further left but the list.
            KeyCode::Left if here.tick == Ticks::MIN => self.leave(),
            KeyCode::Left => here.go(-1),
            KeyCode::Right => here.go(1),
            KeyCode::PageUp => here.go_bars(-1),
            KeyCode::PageDown => here.go_bars(1),
            KeyCode::Home => here.go_to(Ticks::MIN),
            KeyCode::Up | KeyCode::Char('+' | '=') => here.turn(1.0),
            KeyCode::Down | KeyCode::Char('-') => here.turn(-1.0),
            KeyCode::Enter => here.toggle(),
            KeyCode::Char('.') => here.change_curve(1),
            KeyCode::Char(',') => here.change_curve(CURVES.len() - 1),
            KeyCode::Char('b') => {
                self.mark = Some(here.tick);
                Intent::Nothing
            }
            KeyCode::Char('y') => self.with_region(here, |region| {
                ClipboardAction::CopyPoints(here.target, region).into()
            }),
            KeyCode::Char('x') => self
                .with_region(here, |region| ClipboardAction::CutPoints(here.target, region).into()),
            KeyCode::Char('v') => ClipboardAction::PastePoints(here.target).into(),
            KeyCode::Delete => {
                self.with_region(here, |region| here.act(AutomationAction::DeleteRegion(region)))
            }
            _ => return None,
        })
    }

    /// Goes back to the list.
    fn leave(&mut self) -> Intent {
        self.on_points = false;
        self.mark = None;
        Intent::Nothing
    }

    /// The marked region, including the grid step of the cursor.
    pub(super) fn marked(&self, here: &PointCursor) -> Option<LoopRegion> {
        let mark = self.mark?;
        here.steps(here.tick.min(mark), here.tick.max(mark))
    }

    /// Clears the mark and calls `act` with the marked region, or with the grid step of
    /// the cursor, provided that it contains a point.
    fn with_region(
        &mut self,
        here: &PointCursor,
        act: impl FnOnce(LoopRegion) -> Intent,
    ) -> Intent {
        let region = self.marked(here).or_else(|| here.steps(here.tick, here.tick));
        self.mark = None;
        match region.filter(|region| here.lane.points.within(*region).next().is_some()) {
            Some(region) => act(region),
            None => no_point(),
        }
    }
}

fn no_point() -> Intent {
    Intent::ShowError("no point under the cursor".into())
}
