//! The command palette: a line of text with completion and history.
//!
//! It edits the line; `commands` says what a command means.

mod commands;
mod completion;
mod line_editor;
mod names;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use imbolc_net::util::text::{columns, padded};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::{Modifier, Style},
    text::{Line, Span},
    widgets::{Clear, Paragraph, Widget as _},
};

use self::{
    commands::{COMMANDS, Command},
    completion::Completion,
    line_editor::{LineEditor, MAX_LINE},
};
use crate::{intent::Intent, theme, view::View};

/// The line that is being typed.
#[derive(Debug, Default)]
pub struct Palette {
    line: LineEditor,
    /// Why the line was rejected.
    error: Option<String>,
    /// What the line can become, if that is listed.
    completion: Option<Completion>,
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
        self.line.set(text);
        self.error = None;
        self.completion = None;
        self.recalled = self.history.len();
    }

    /// Opens the palette with a command and a value to change: the cursor is behind the
    /// number, so that its unit stays.
    pub fn open_value(&mut self, command: &str, value: &str) {
        self.open(format!("{command} {value}"));
        let is_unit = |letter: &char| !letter.is_ascii_digit();
        let unit = value.chars().rev().take_while(is_unit).count();
        if unit < value.chars().count() {
            (0..unit).for_each(|_| self.line.left());
        }
    }

    /// Handles a key.
    pub fn handle_key(&mut self, key: KeyEvent, view: &View) -> PaletteOutcome {
        self.error = None;
        match key.code {
            KeyCode::Tab => self.complete(true, view),
            KeyCode::BackTab => self.complete(false, view),
            _ => {
                self.completion = None;
                return self.edit(key, view);
            }
        }
        PaletteOutcome::Editing
    }

    fn edit(&mut self, key: KeyEvent, view: &View) -> PaletteOutcome {
        match key.code {
            KeyCode::Esc => return PaletteOutcome::Cancelled,
            KeyCode::Enter => return self.enter(view),
            KeyCode::Left => self.line.left(),
            KeyCode::Right => self.line.right(),
            KeyCode::Home => self.line.home(),
            KeyCode::End => self.line.end(),
            KeyCode::Up => self.recall(self.recalled.saturating_sub(1)),
            KeyCode::Down => self.recall(self.recalled + 1),
            KeyCode::Backspace if self.line.text().is_empty() => return PaletteOutcome::Cancelled,
            KeyCode::Backspace => self.line.backspace(),
            KeyCode::Delete => self.line.delete(),
            KeyCode::Char(letter) if key.modifiers.contains(KeyModifiers::CONTROL) => {
                match letter {
                    'u' => self.open(String::new()),
                    'k' => self.line.delete_to_end(),
                    'w' => self.line.delete_word(),
                    _ => {}
                }
            }
            KeyCode::Char(letter) => self.insert(letter.encode_utf8(&mut [0; 4])),
            _ => {}
        }
        PaletteOutcome::Editing
    }

    /// Inserts one line of pasted text.
    pub fn paste(&mut self, line: &str) {
        self.error = None;
        self.completion = None;
        self.insert(line);
    }

    fn insert(&mut self, text: &str) {
        if !self.line.insert(text) {
            self.error = Some(match text.chars().count() {
                1 => format!("a line has at most {MAX_LINE} characters"),
                many => format!("{many} characters are too many to be pasted"),
            });
        }
    }

    fn recall(&mut self, which: usize) {
        self.recalled = which.min(self.history.len());
        self.line.set(self.history.get(self.recalled).cloned().unwrap_or_default());
    }

    fn enter(&mut self, view: &View) -> PaletteOutcome {
        let line = self.line.text().trim().to_owned();
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

    /// Completes the line as far as it is unambiguous, and lists the candidates; then
    /// chooses one after the other.
    fn complete(&mut self, forward: bool, view: &View) {
        if let Some(listed) = &mut self.completion {
            if let Some(line) = listed.step(forward) {
                self.line.set(line);
            }
            return;
        }
        let completion = Completion::of(self.line.text(), view);
        let Some(common) = completion.common() else { return };
        let is_command = !common.contains(' ');
        self.line.set(common);
        match completion.candidates.len() {
            1 if is_command => self.insert(" "),
            1 => {}
            _ => self.completion = Some(completion),
        }
    }

    /// Draws the line at the bottom of `area`, and above it the candidates, a hint or
    /// the error.
    pub fn draw(&self, area: Rect, buffer: &mut Buffer) {
        let room = area.height.saturating_sub(1);
        let hints = match &self.completion {
            Some(listed) => candidate_lines(listed, area.width.into(), room.into()),
            None => self.hint(area.width.into()),
        };
        let height = u16::try_from(hints.len()).unwrap_or(room).min(room);
        let hint = Rect { y: area.bottom() - 1 - height, height, ..area };
        let line = Rect { y: area.bottom() - 1, height: 1, ..area };
        Clear.render(hint, buffer);
        Clear.render(line, buffer);
        Paragraph::new(hints).render(hint, buffer);
        let room = usize::from(area.width).saturating_sub(1);
        let (text, cursor, is_cut) = self.line.window(room);
        let prompt = if is_cut { "‹" } else { ":" };
        Line::raw(format!("{prompt}{text}")).render(line, buffer);
        let column = u16::try_from(cursor + 1).unwrap_or(u16::MAX).saturating_add(line.x);
        if let Some(cell) = buffer.cell_mut(Position::new(column, line.y)) {
            cell.set_style(theme::SELECTED.add_modifier(Modifier::REVERSED));
        }
    }

    fn hint(&self, width: usize) -> Vec<Line<'static>> {
        if let Some(error) = &self.error {
            return styled_lines(error, width, theme::ERROR);
        }
        let text = self.line.text();
        let name = text.split(' ').next().unwrap_or_default();
        if let Some(command) = commands::command_named(name) {
            return command_help(command, width);
        }
        let names: Vec<_> = commands::commands_like(text).map(|command| command.name).collect();
        styled_lines(&names.join(" "), width, theme::DIM)
    }
}

/// The candidates: one per line with an explanation if they fit, else in columns.
fn candidate_lines(listed: &Completion, width: usize, room: usize) -> Vec<Line<'static>> {
    let candidates = listed.candidates.iter().enumerate();
    let style = |at| if listed.chosen == Some(at) { theme::SELECTED } else { Style::new() };
    let explained = listed.candidates.iter().any(|(_, what)| !what.is_empty());
    if explained && candidates.len() <= room {
        return candidates
            .map(|(at, (name, what))| {
                Line::from(vec![
                    Span::styled(name.clone(), theme::HEADING.patch(style(at))),
                    Span::styled(format!(" {what}"), theme::DIM),
                ])
            })
            .collect();
    }
    let longest = listed.candidates.iter().map(|(name, _)| columns(name)).max().unwrap_or_default();
    let each = (width / (longest + 2)).max(1);
    // The chosen one is visible.
    let first = (listed.chosen.unwrap_or_default() / each + 2).saturating_sub(room);
    let cells: Vec<_> = candidates
        .map(|(at, (name, _))| Span::styled(padded(name, longest + 2), theme::DIM.patch(style(at))))
        .collect();
    let rows = cells.chunks(each).skip(first).take(room.saturating_sub(1));
    let chosen = listed.chosen.and_then(|at| listed.candidates.get(at));
    let help = chosen.filter(|(_, what)| !what.is_empty()).map(|(name, what)| {
        Line::from(vec![
            Span::styled(name.clone(), theme::HEADING),
            Span::styled(format!(" {what}"), theme::DIM),
        ])
    });
    rows.map(|row| Line::from(row.to_vec())).chain(help).collect()
}

/// The arguments of a command and what it does.
fn command_help(command: &Command, width: usize) -> Vec<Line<'static>> {
    let usage = format!("{} {}", command.name, command.arguments);
    let lists = if command.choices.is_empty() { "" } else { "  Tab: choices" };
    let help = format!("  {}{lists}", command.help);
    if columns(&usage) + columns(&help) <= width {
        let spans = [Span::styled(usage, theme::HEADING), Span::styled(help, theme::DIM)];
        return vec![Line::from(spans.to_vec())];
    }
    let mut lines = styled_lines(&usage, width, theme::HEADING);
    lines.extend(styled_lines(help.trim_start(), width, theme::DIM));
    lines
}

/// A text in as many lines as it needs.
fn styled_lines(text: &str, width: usize, style: Style) -> Vec<Line<'static>> {
    theme::wrapped(text, width).into_iter().map(|line| Line::styled(line, style)).collect()
}
