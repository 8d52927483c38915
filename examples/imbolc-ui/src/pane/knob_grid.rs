//! Parameters in groups with headings, in as many columns as the width allows, and what
//! the one under the cursor means.
//!
//! It moves a cursor and draws; which parameters there are is said by `parameters`.

use std::cell::Cell;

use crossterm::event::{KeyCode, KeyEvent};
use imbolc_net::{
    studio::Target,
    util::{
        quantity::Amount,
        text::{columns, fitted, padded},
    },
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::Widget as _,
};

use crate::{intent::Intent, parameters::Knob, theme, view::View};

/// A cursor over parameters, and how they were drawn last.
#[derive(Debug, Default)]
pub(crate) struct KnobGrid {
    /// The parameter under the cursor, and its index.
    chosen: Option<(Target, usize)>,
    /// The columns and rows of the last frame.
    size: Cell<(u16, u16)>,
}

/// The least width of a column, including the space behind it.
const COLUMN_WIDTH: u16 = 26;

/// The space behind a column.
const GAP: u16 = 2;

/// The width from which a column has a bar beside each parameter.
const BAR_FROM: usize = 34;

/// The width of a bar.
const BAR_WIDTH: usize = 6;

/// A row of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GridRow<'a> {
    Heading(&'a str),
    /// The index of a parameter.
    Knob(usize),
}

impl KnobGrid {
    /// The index of the cursor.
    pub(crate) fn at(&self, knobs: &[Knob]) -> usize {
        let (target, at) = match self.chosen {
            Some((target, at)) => (Some(target), at),
            None => (None, 0),
        };
        let found = knobs.iter().position(|knob| Some(knob.target) == target);
        found.unwrap_or(at).min(knobs.len().saturating_sub(1))
    }

    /// Puts the cursor on the first parameter.
    pub(crate) fn start(&mut self) {
        self.chosen = None;
    }

    /// Translates a key; `None` if it means nothing here, such as a step to the left of
    /// the first column.
    pub(crate) fn handle_key(
        &mut self,
        key: KeyEvent,
        knobs: &[Knob],
        view: &View,
    ) -> Option<Intent> {
        let at = self.at(knobs);
        let knob = knobs.get(at)?;
        match key.code {
            KeyCode::Up => self.choose(at.saturating_sub(1), knobs),
            KeyCode::Down => self.choose(at + 1, knobs),
            KeyCode::Home => self.choose(0, knobs),
            KeyCode::End => self.choose(knobs.len(), knobs),
            KeyCode::PageDown => {
                let next = knobs.iter().skip(at).position(|it| it.group != knob.group);
                self.choose(next.map_or(knobs.len(), |next| at + next), knobs);
            }
            KeyCode::PageUp => {
                let before = knobs.iter().take(at).rposition(|it| it.group != knob.group);
                let group = before.map(|before| &knobs[before].group);
                let first = knobs.iter().position(|it| Some(&it.group) == group);
                self.choose(first.unwrap_or_default(), knobs);
            }
            KeyCode::Left => self.choose(self.beside(at, knobs, false)?, knobs),
            KeyCode::Right => {
                if let Some(to) = self.beside(at, knobs, true) {
                    self.choose(to, knobs);
                }
            }
            KeyCode::Char('+' | '=') => return knob.turned(view.studio(), 1.0),
            KeyCode::Char('-') => return knob.turned(view.studio(), -1.0),
            KeyCode::Enter => return Some(knob.type_value(view.studio())),
            _ => return None,
        }
        Some(Intent::Nothing)
    }

    /// Puts the cursor on the parameter at `at`, or on the last one.
    pub(crate) fn choose(&mut self, at: usize, knobs: &[Knob]) {
        let at = at.min(knobs.len().saturating_sub(1));
        self.chosen = knobs.get(at).map(|knob| (knob.target, at));
    }

    /// The parameter beside that with the index `at`, in the next column or the one before.
    fn beside(&self, at: usize, knobs: &[Knob], right: bool) -> Option<usize> {
        let (columns, rows) = self.size.get();
        let columns = arranged(knobs, columns.into(), rows.into());
        let place = |column: &Vec<GridRow>| column.iter().position(|row| *row == GridRow::Knob(at));
        let (column, row) =
            columns.iter().enumerate().find_map(|(column, rows)| Some((column, place(rows)?)))?;
        let next = if right { column + 1 } else { column.checked_sub(1)? };
        let near = columns.get(next)?.iter().enumerate().filter_map(|(place, it)| match it {
            GridRow::Knob(at) => Some((place.abs_diff(row), *at)),
            GridRow::Heading(_) => None,
        });
        near.min().map(|(_, at)| at)
    }

    /// Draws the parameters, and below them what the one under the cursor means. The cursor
    /// is shown if the keys go here.
    pub(crate) fn draw(
        &self,
        knobs: &[Knob],
        has_keys: bool,
        view: &View,
        area: Rect,
        buffer: &mut Buffer,
    ) {
        let grid = Rect { height: area.height.saturating_sub(1), ..area };
        let count = ((area.width + GAP) / COLUMN_WIDTH).max(1);
        self.size.set((count, grid.height));
        let shown = arranged(knobs, count.into(), grid.height.into());
        let width = (area.width + GAP) / count;
        let at = self.at(knobs);
        // Scrolled so that the cursor is visible, with the heading above it.
        let rows = usize::from(grid.height);
        let cursor =
            shown.iter().find_map(|column| column.iter().position(|row| *row == GridRow::Knob(at)));
        let longest = shown.iter().map(Vec::len).max().unwrap_or_default();
        let first = cursor.unwrap_or_default().saturating_sub(rows / 2);
        let first = first.min(longest.saturating_sub(rows));
        for (x, column) in (area.x..).step_by(width.into()).zip(&shown) {
            for (y, row) in (grid.y..).zip(column.iter().skip(first).take(rows)) {
                let line = match row {
                    GridRow::Heading(text) => {
                        let text = fitted(text, usize::from(width - GAP));
                        Line::styled(text, theme::HEADING)
                    }
                    GridRow::Knob(index) => {
                        let line = knob_line(&knobs[*index], usize::from(width - GAP), view);
                        let selected = has_keys && *index == at;
                        if selected { line.patch_style(theme::SELECTED) } else { line }
                    }
                };
                let place = Rect { x, y, width: width - GAP, height: 1 }.intersection(grid);
                line.render(place, buffer);
            }
        }
        if longest > first + rows {
            let below = Rect { x: area.right().saturating_sub(1), width: 1, ..grid };
            buffer.set_string(below.x, below.bottom().saturating_sub(1), "↓", theme::WARNING);
        }
        if first > 0 {
            buffer.set_string(area.right().saturating_sub(1), grid.y, "↑", theme::WARNING);
        }
        if let Some(knob) = knobs.get(at).filter(|_| has_keys) {
            let help = Rect { y: grid.bottom(), height: 1, ..area }.intersection(area);
            let text = fitted(&format!("{}: {}", knob.name, meaning(knob)), area.width.into());
            Line::styled(text, theme::DIM).render(help, buffer);
        }
    }
}

/// What a parameter is, as the screen counts.
fn meaning(knob: &Knob) -> String {
    let text = knob.target.meaning();
    let text = text.replace("from 0 to 1", "from 0 to 100 %").replace("`None`", "off");
    let text = text.replace("from -1 (left) to 1 (right)", "from L100 to R100");
    text.chars().filter(|letter| !matches!(letter, '`' | '[' | ']')).collect()
}

/// A parameter with its value at the right, and a bar if there is room.
fn knob_line<'a>(knob: &Knob, width: usize, view: &View) -> Line<'a> {
    let value = knob.value(view.studio()).unwrap_or_default();
    let certain = view.is_confirmed(|studio| knob.target.part(studio));
    let mark = if certain { " " } else { theme::UNCONFIRMED };
    let bar = if width < BAR_FROM { 0 } else { BAR_WIDTH };
    let room = width.saturating_sub(bar + mark.len());
    let value = fitted(&value, room);
    let label = padded(&format!(" {} ", knob.label), room.saturating_sub(columns(&value)));
    let mut line = Line::styled(format!("{label}{value}{mark}"), theme::value_style(certain));
    if bar > 0 {
        let part = knob.target.part(view.studio()).unwrap_or(Amount::MIN);
        let bar = theme::horizontal_bar(part.get(), BAR_WIDTH);
        line.push_span(Span::styled(bar, theme::GOOD));
    }
    line
}

/// The rows of each column. A group is not parted if that leaves it in view; what does not
/// fit makes the columns longer than `rows`.
fn arranged(knobs: &[Knob], count: usize, rows: usize) -> Vec<Vec<GridRow<'_>>> {
    let groups: Vec<_> = knobs.chunk_by(|a, b| a.group == b.group).collect();
    let all = knobs.len() + groups.len();
    let fits = |length: usize| packed(&groups, length).len() <= count;
    let length = (rows.max(1)..all).find(|length| fits(*length)).unwrap_or(all.max(1));
    packed(&groups, length)
}

/// Columns of at most `length` rows, unless a group is longer.
fn packed<'a>(groups: &[&'a [Knob]], length: usize) -> Vec<Vec<GridRow<'a>>> {
    let mut packed: Vec<Vec<GridRow>> = vec![Vec::new()];
    let mut at = 0;
    for group in groups {
        let is_full = packed
            .last()
            .is_some_and(|column| !column.is_empty() && column.len() + group.len() + 1 > length);
        if is_full {
            packed.push(Vec::new());
        }
        if let Some(column) = packed.last_mut() {
            column.extend(group.first().map(|first| GridRow::Heading(&first.group)));
            column.extend((at..at + group.len()).map(GridRow::Knob));
        }
        at += group.len();
    }
    packed
}
