//! The session pane: the settings that all participants share, from tempo to project.
//!
//! It moves a cursor over rows; `session_rows` says what each row shows and changes.

mod session_rows;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use imbolc_net::util::text::fitted;
use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::Style,
    text::{Line, Span},
    widgets::{Paragraph, Widget as _},
};

use self::session_rows::{LEFT_ROWS, ROWS, Row, RowContent};
use super::{KeyHelp, Pane};
use crate::{intent::Intent, theme, view::View};

/// The session pane.
#[derive(Debug, Default)]
pub struct SessionPane {
    /// The index of the row under the cursor.
    at: usize,
}

/// The width from which there are two columns.
const TWO_COLUMN_WIDTH: u16 = 80;

/// The columns of the labels.
const LABEL_WIDTH: usize = 14;

/// How many small steps a large step is.
const LARGE_STEP: i16 = 10;

impl Pane for SessionPane {
    fn title(&self) -> &'static str {
        "Session"
    }

    fn key_help(&self) -> &'static [KeyHelp] {
        &[
            ("↑ ↓", "previous, next row"),
            ("+ - ← →", "next, previous value"),
            ("Page ↑ ↓", "change by ten"),
            ("Shift ← →", "change by ten"),
            ("Enter", "type the value, or on/off"),
            ("n", "rename the session"),
        ]
    }

    fn handle_key(&mut self, key: KeyEvent, view: &View) -> Option<Intent> {
        let large = key.modifiers.contains(KeyModifiers::SHIFT);
        let sideways = if large { LARGE_STEP } else { 1 };
        let row = ROWS.get(self.at)?;
        match key.code {
            KeyCode::Up => Some(self.choose(self.at.saturating_sub(1))),
            KeyCode::Down => Some(self.choose(self.at + 1)),
            KeyCode::Home => Some(self.choose(0)),
            KeyCode::End => Some(self.choose(ROWS.len())),
            KeyCode::Right => row.change(view, sideways),
            KeyCode::Left => row.change(view, -sideways),
            KeyCode::Char('+' | '=') => row.change(view, 1),
            KeyCode::Char('-') => row.change(view, -1),
            KeyCode::PageUp => row.change(view, LARGE_STEP),
            KeyCode::PageDown => row.change(view, -LARGE_STEP),
            KeyCode::Enter => match row.enter {
                Some(enter) => Some(enter(view)),
                None => row.change(view, 1),
            },
            KeyCode::Char('n') => {
                Some(Intent::OpenPalette(format!("title {}", view.studio().session.name)))
            }
            _ => None,
        }
    }

    fn draw(&self, view: &View, area: Rect, buffer: &mut Buffer) {
        let [area, about] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(area);
        if let Some(row) = ROWS.get(self.at) {
            let text = fitted(&format!("{}: {}", row.label, row.about), about.width.into());
            Line::styled(text, theme::DIM).render(about, buffer);
        }
        if area.width < TWO_COLUMN_WIDTH {
            return self.draw_rows(0, ROWS, view, area, buffer);
        }
        let [left, right] =
            Layout::horizontal([Constraint::Fill(2), Constraint::Fill(3)]).areas(area);
        let (first, rest) = ROWS.split_at(LEFT_ROWS);
        self.draw_rows(0, first, view, left, buffer);
        self.draw_rows(LEFT_ROWS, rest, view, right, buffer);
    }
}

impl SessionPane {
    fn choose(&mut self, at: usize) -> Intent {
        self.at = at.min(ROWS.len() - 1);
        Intent::Nothing
    }

    /// Draws rows, the first of which has the index `from`, with a heading per group;
    /// scrolls so that the cursor is visible.
    fn draw_rows(&self, from: usize, rows: &[Row], view: &View, area: Rect, buffer: &mut Buffer) {
        let mut lines = Vec::new();
        let mut cursor = 0;
        let mut group = "";
        for (at, row) in (from..).zip(rows) {
            if row.group != group {
                group = row.group;
                lines.push(Line::styled(group, theme::HEADING));
            }
            let mut line = row.line(view, area.width.into());
            if at == self.at {
                cursor = lines.len();
                line = line.style(theme::SELECTED);
            }
            lines.push(line);
        }
        let room = usize::from(area.height);
        let first = cursor.saturating_sub(room / 2).min(lines.len().saturating_sub(room));
        Paragraph::new(lines.split_off(first)).render(area, buffer);
    }
}

impl Row {
    /// Changes the row by steps; a row at its limit stays as it is.
    fn change(&self, view: &View, by: i16) -> Option<Intent> {
        let step = self.step?;
        Some(step(view.studio(), by).unwrap_or(Intent::Nothing))
    }

    fn line(&self, view: &View, width: usize) -> Line<'static> {
        let mut line = Line::raw(format!(" {:<LABEL_WIDTH$}", self.label));
        match self.shows {
            RowContent::Other(shows) => line.extend(shows(view)),
            RowContent::Studio(shows) => {
                let certain = view.is_confirmed(shows);
                let text = shows(view.studio());
                // Leaves room for the mark, and a blank at the right.
                let room = width.saturating_sub(LABEL_WIDTH + 2 + theme::UNCONFIRMED.len());
                let text = fitted(&text, room) + theme::unconfirmed_mark(certain);
                let changes = self.step.is_some() || self.enter.is_some();
                let style = if changes { Style::new() } else { theme::DIM };
                line.push_span(Span::styled(text, style.patch(theme::value_style(certain))));
            }
        }
        line
    }
}
