//! The command palette: a line that is typed, with completion.

mod commands;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::Modifier,
    text::{Line, Span},
    widgets::{Clear, Widget as _},
};

use self::commands::COMMANDS;
use crate::{intent::Intent, theme, view::View};

/// A line that is being typed.
#[derive(Debug, Default)]
pub struct Palette {
    text: String,
    /// Where the next letter goes, in letters from the beginning.
    cursor: usize,
    /// What was wrong with what was typed.
    wrong: Option<String>,
    /// The lines that were typed before.
    past: Vec<String>,
    /// Which of them is shown.
    recalled: usize,
}

/// What became of a key.
#[derive(Debug)]
pub enum Typed {
    /// The line goes on.
    More,
    /// The line is given up.
    Nothing,
    /// The line is a command.
    Command(Vec<Intent>),
}

impl Palette {
    /// Begins a line with `text`.
    pub fn open(&mut self, text: String) {
        self.cursor = text.chars().count();
        self.text = text;
        self.wrong = None;
        self.recalled = self.past.len();
    }

    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent, view: &View) -> Typed {
        self.wrong = None;
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

    /// Where in the text the cursor is, in bytes.
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

    fn complete(&mut self) {
        let fitting: Vec<_> = self.fitting().collect();
        if let [command] = fitting[..] {
            self.open(format!("{command} "));
        }
    }

    /// The names of the commands that begin as the line does.
    fn fitting(&self) -> impl Iterator<Item = &'static str> + '_ {
        COMMANDS.iter().map(|command| command.name).filter(|name| name.starts_with(&*self.text))
    }

    /// Draws the line, and above it what could be meant or what is wrong.
    pub fn draw(&self, area: Rect, buffer: &mut Buffer) {
        Clear.render(area, buffer);
        let [hint, line] = [0, 1].map(|row| Rect { y: area.y + row, height: 1, ..area });
        self.hint().render(hint, buffer);
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
        match COMMANDS.iter().find(|command| command.name == name) {
            Some(command) => Line::from(vec![
                Span::styled(format!("{} {}", command.name, command.takes), theme::HEADING),
                Span::styled(format!("  {}", command.what), theme::QUIET),
            ]),
            None => Line::styled(self.fitting().collect::<Vec<_>>().join(" "), theme::QUIET),
        }
    }
}
