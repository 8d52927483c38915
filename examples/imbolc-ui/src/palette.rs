//! The command palette: a line of text with completion and history.
//!
//! It edits the line; `commands` says what a command means.

mod commands;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::Modifier,
    text::{Line, Span},
    widgets::{Clear, Paragraph, Widget as _},
};

use self::commands::{COMMANDS, Command};
use crate::{intent::Intent, theme, view::View};

/// The line that is being typed.
#[derive(Debug, Default)]
pub struct Palette {
    text: String,
    /// The position of the cursor, in characters.
    cursor: usize,
    /// Why the line was rejected.
    wrong: Option<String>,
    /// Whether all matching commands are listed.
    lists: bool,
    /// The history of accepted lines.
    past: Vec<String>,
    /// The index of the recalled line in the history.
    recalled: usize,
}

/// The result of a key.
#[derive(Debug)]
pub enum Typed {
    /// The user is still typing.
    More,
    /// The palette was closed without a command.
    Nothing,
    /// A command was entered.
    Command(Vec<Intent>),
}

impl Palette {
    /// Opens the palette with `text`.
    pub fn open(&mut self, text: String) {
        self.cursor = text.chars().count();
        self.text = text;
        self.wrong = None;
        self.lists = false;
        self.recalled = self.past.len();
    }

    /// Handles a key.
    pub fn key(&mut self, key: KeyEvent, view: &View) -> Typed {
        self.wrong = None;
        self.lists = false;
        match key.code {
            KeyCode::Esc => return Typed::Nothing,
            KeyCode::Enter => return self.enter(view),
            KeyCode::Tab => self.complete(),
            KeyCode::Left => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Right => self.cursor = (self.cursor + 1).min(self.text.chars().count()),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.text.chars().count(),
            KeyCode::Up => self.recall(self.recalled.saturating_sub(1)),
            KeyCode::Down => self.recall(self.recalled + 1),
            KeyCode::Backspace if self.text.is_empty() => return Typed::Nothing,
            KeyCode::Backspace if self.cursor > 0 => {
                self.cursor -= 1;
                self.text.remove(self.byte());
            }
            KeyCode::Delete if self.cursor < self.text.chars().count() => {
                self.text.remove(self.byte());
            }
            KeyCode::Char('u') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                self.open(String::new());
            }
            KeyCode::Char(letter) if !key.modifiers.contains(KeyModifiers::CONTROL) => {
                self.text.insert(self.byte(), letter);
                self.cursor += 1;
            }
            _ => {}
        }
        Typed::More
    }

    /// The byte offset of the cursor.
    fn byte(&self) -> usize {
        self.text.char_indices().nth(self.cursor).map_or(self.text.len(), |(byte, _)| byte)
    }

    fn recall(&mut self, which: usize) {
        self.recalled = which.min(self.past.len());
        self.text = self.past.get(self.recalled).cloned().unwrap_or_default();
        self.cursor = self.text.chars().count();
    }

    fn enter(&mut self, view: &View) -> Typed {
        let line = self.text.trim().to_owned();
        if line.is_empty() {
            return Typed::Nothing;
        }
        match commands::meaning(&line, view) {
            Ok(intents) => {
                self.past.push(line);
                Typed::Command(intents)
            }
            Err(why) => {
                self.wrong = Some(why);
                Typed::More
            }
        }
    }

    /// Completes the command as far as it is unambiguous, and lists the candidates.
    fn complete(&mut self) {
        let mut fitting = self.fitting();
        let Some(first) = fitting.next() else { return };
        let others: Vec<_> = fitting.collect();
        if others.is_empty() {
            return self.open(format!("{} ", first.name));
        }
        let common = others.iter().fold(first.name, |common, other| shared(common, other.name));
        self.open(common.into());
        self.lists = true;
    }

    /// The commands whose names start with the line.
    fn fitting(&self) -> impl Iterator<Item = &'static Command> {
        COMMANDS.iter().filter(|command| command.name.starts_with(&*self.text))
    }

    /// Draws the line at the bottom of `area`, and above it the candidates, a hint or
    /// the error.
    pub fn draw(&self, area: Rect, buffer: &mut Buffer) {
        let room = area.height.saturating_sub(1);
        let hints = if self.lists { self.list(area.width, room) } else { vec![self.hint()] };
        let height = u16::try_from(hints.len()).unwrap_or(room).min(room);
        let hint = Rect { y: area.bottom() - 1 - height, height, ..area };
        let line = Rect { y: area.bottom() - 1, height: 1, ..area };
        Clear.render(hint, buffer);
        Clear.render(line, buffer);
        Paragraph::new(hints).render(hint, buffer);
        Line::raw(format!(":{}", self.text)).render(line, buffer);
        let column = u16::try_from(self.cursor + 1).unwrap_or(u16::MAX).saturating_add(line.x);
        if let Some(cell) = buffer.cell_mut(Position::new(column, line.y)) {
            cell.set_style(theme::SELECTED.add_modifier(Modifier::REVERSED));
        }
    }

    fn hint(&self) -> Line<'_> {
        if let Some(wrong) = &self.wrong {
            return Line::styled(&**wrong, theme::WRONG);
        }
        let name = self.text.split(' ').next().unwrap_or_default();
        if let Some(command) = COMMANDS.iter().find(|command| command.name == name) {
            return explain(command);
        }
        let names: Vec<_> = self.fitting().map(|command| command.name).collect();
        Line::styled(names.join(" "), theme::QUIET)
    }

    /// The candidates: one per line with an explanation if they fit, else in columns.
    fn list(&self, width: u16, room: u16) -> Vec<Line<'_>> {
        let (width, room) = (usize::from(width), usize::from(room));
        let fitting: Vec<_> = self.fitting().collect();
        if fitting.len() <= room {
            return fitting.into_iter().map(explain).collect();
        }
        let longest = fitting.iter().map(|command| command.name.len()).max().unwrap_or_default();
        let column = longest + 2;
        let rows = fitting.chunks((width / column).max(1));
        let names = |row: &[&Command]| {
            let names = row.iter().map(|command| format!("{:<column$}", command.name));
            Line::styled(names.collect::<String>(), theme::QUIET)
        };
        rows.take(room).map(names).collect()
    }
}

/// The arguments of a command and what it does.
fn explain(command: &Command) -> Line<'static> {
    Line::from(vec![
        Span::styled(format!("{} {}", command.name, command.takes), theme::HEADING),
        Span::styled(format!("  {}", command.what), theme::QUIET),
    ])
}

/// The common prefix of two names.
fn shared<'a>(a: &'a str, b: &str) -> &'a str {
    let same = a.char_indices().zip(b.chars()).find(|((_, a), b)| a != b);
    &a[..same.map_or(a.len().min(b.len()), |((at, _), _)| at)]
}
