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

/// More is no command.
const MAX_PASTE: usize = 1000;

/// The line that is being typed.
#[derive(Debug, Default)]
pub struct Palette {
    text: String,
    /// The position of the cursor, in characters.
    cursor: usize,
    /// Why the line was rejected.
    error: Option<String>,
    /// Whether all matching commands are listed.
    lists: bool,
    /// The history of accepted lines.
    history: Vec<String>,
    /// The index of the recalled line in the history.
    recalled: usize,
}

/// The result of a key.
#[derive(Debug)]
pub enum PaletteOutcome {
    /// The user is still typing.
    Editing,
    /// The palette was closed without a command.
    Cancelled,
    /// A command was entered.
    Run(Intent),
}

impl Palette {
    /// The names of all commands.
    pub fn commands() -> impl Iterator<Item = &'static str> {
        COMMANDS.iter().map(|command| command.name)
    }

    /// Opens the palette with `text`.
    pub fn open(&mut self, text: String) {
        self.cursor = text.chars().count();
        self.text = text;
        self.error = None;
        self.lists = false;
        self.recalled = self.history.len();
    }

    /// Opens the palette with a command and a value to change: the cursor is behind the
    /// number, so that its unit stays.
    pub fn open_value(&mut self, command: &str, value: &str) {
        self.open(format!("{command} {value}"));
        let is_unit = |letter: &char| !letter.is_ascii_digit();
        let unit = value.chars().rev().take_while(is_unit).count();
        if unit < value.chars().count() {
            self.cursor -= unit;
        }
    }

    /// Handles a key.
    pub fn handle_key(&mut self, key: KeyEvent, view: &View) -> PaletteOutcome {
        self.error = None;
        self.lists = false;
        match key.code {
            KeyCode::Esc => return PaletteOutcome::Cancelled,
            KeyCode::Enter => return self.enter(view),
            KeyCode::Tab => self.complete(),
            KeyCode::Left => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Right => self.cursor = (self.cursor + 1).min(self.text.chars().count()),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.text.chars().count(),
            KeyCode::Up => self.recall(self.recalled.saturating_sub(1)),
            KeyCode::Down => self.recall(self.recalled + 1),
            KeyCode::Backspace if self.text.is_empty() => return PaletteOutcome::Cancelled,
            KeyCode::Backspace if self.cursor > 0 => {
                self.cursor -= 1;
                self.text.remove(self.byte_offset());
            }
            KeyCode::Delete if self.cursor < self.text.chars().count() => {
                self.text.remove(self.byte_offset());
            }
            KeyCode::Char(letter) if key.modifiers.contains(KeyModifiers::CONTROL) => {
                self.edit(letter);
            }
            KeyCode::Char(letter) => self.insert(letter.encode_utf8(&mut [0; 4])),
            _ => {}
        }
        PaletteOutcome::Editing
    }

    /// Inserts one line of pasted text.
    pub fn paste(&mut self, line: &str) {
        self.error = None;
        self.lists = false;
        match line.chars().count() {
            ..=MAX_PASTE => self.insert(line),
            long => self.error = Some(format!("{long} characters are too many to be pasted")),
        }
    }

    fn insert(&mut self, text: &str) {
        self.text.insert_str(self.byte_offset(), text);
        self.cursor += text.chars().count();
    }

    /// Edits the line as Ctrl with `letter` does in a shell.
    fn edit(&mut self, letter: char) {
        let cursor = self.byte_offset();
        match letter {
            'u' => self.open(String::new()),
            'k' => self.text.truncate(cursor),
            'w' => {
                let before = self.text[..cursor].trim_end();
                let word = before.rfind(' ').map_or(0, |space| space + 1);
                self.text.replace_range(word..cursor, "");
                self.cursor = self.text[..word].chars().count();
            }
            _ => {}
        }
    }

    /// The byte offset of the cursor.
    fn byte_offset(&self) -> usize {
        self.text
            .char_indices()
            .nth(self.cursor)
            .map_or(self.text.len(), |(byte_offset, _)| byte_offset)
    }

    fn recall(&mut self, which: usize) {
        self.recalled = which.min(self.history.len());
        self.text = self.history.get(self.recalled).cloned().unwrap_or_default();
        self.cursor = self.text.chars().count();
    }

    fn enter(&mut self, view: &View) -> PaletteOutcome {
        let line = self.text.trim().to_owned();
        if line.is_empty() {
            return PaletteOutcome::Cancelled;
        }
        match commands::parse_line(&line, view) {
            Ok(intents) => {
                self.history.push(line);
                PaletteOutcome::Run(Intent::each(intents))
            }
            Err(why) => {
                self.error = Some(why);
                PaletteOutcome::Editing
            }
        }
    }

    /// Completes the command as far as it is unambiguous, and lists the candidates.
    fn complete(&mut self) {
        let mut candidates = self.candidates();
        let Some(first) = candidates.next() else { return };
        let others: Vec<_> = candidates.collect();
        if others.is_empty() {
            return self.open(format!("{} ", first.name));
        }
        let common =
            others.iter().fold(first.name, |common, other| common_prefix(common, other.name));
        self.open(common.into());
        self.lists = true;
    }

    /// The commands whose names start with the line.
    fn candidates(&self) -> impl Iterator<Item = &'static Command> {
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
        if let Some(error) = &self.error {
            return Line::styled(&**error, theme::ERROR);
        }
        let name = self.text.split(' ').next().unwrap_or_default();
        if let Some(command) = COMMANDS.iter().find(|command| command.name == name) {
            return command_help(command);
        }
        let names: Vec<_> = self.candidates().map(|command| command.name).collect();
        Line::styled(names.join(" "), theme::DIM)
    }

    /// The candidates: one per line with an explanation if they fit, else in columns.
    fn list(&self, width: u16, room: u16) -> Vec<Line<'_>> {
        let (width, room) = (usize::from(width), usize::from(room));
        let candidates: Vec<_> = self.candidates().collect();
        if candidates.len() <= room {
            return candidates.into_iter().map(command_help).collect();
        }
        let longest = candidates.iter().map(|command| command.name.len()).max().unwrap_or_default();
        let column = longest + 2;
        let rows = candidates.chunks((width / column).max(1));
        let names = |row: &[&Command]| {
            let names = row.iter().map(|command| format!("{:<column$}", command.name));
            Line::styled(names.collect::<String>(), theme::DIM)
        };
        rows.take(room).map(names).collect()
    }
}

/// The arguments of a command and what it does.
fn command_help(command: &Command) -> Line<'static> {
    Line::from(vec![
        Span::styled(format!("{} {}", command.name, command.arguments), theme::HEADING),
        Span::styled(format!("  {}", command.help), theme::DIM),
    ])
}

/// The common prefix of two names.
fn common_prefix<'a>(a: &'a str, b: &str) -> &'a str {
    let same = a.char_indices().zip(b.chars()).find(|((_, a), b)| a != b);
    &a[..same.map_or(a.len().min(b.len()), |((at, _), _)| at)]
}
