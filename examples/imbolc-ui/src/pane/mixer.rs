//! The mixer pane: the strips side by side, and the master always at the right.
//!
//! It reads a view and returns intents; what a strip can do is in `strip`.

mod column;
mod effects;
pub(crate) mod strip;

use crossterm::event::{KeyCode, KeyEvent};
use imbolc_net::{
    model::DirtyFlags,
    studio::{Action, SelectionAction},
    util::quantity::Pan,
};
use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    widgets::{Block, Borders, Widget as _},
};

pub(crate) use self::column::level;
use self::{
    column::WIDTH,
    effects::Effects,
    strip::{NO_EFFECTS, Strip, StripId, moved, panned},
};
use super::{Key, Pane};
use crate::{intent::Intent, theme, view::View};

/// The mixer pane.
#[derive(Debug, Default)]
pub struct Mixer {
    /// All strips except the master, from left to right.
    strips: Vec<StripId>,
    /// The strip under the cursor, unless it is that of the selected instrument.
    elsewhere: Option<StripId>,
    /// The cursor inside the strip, if the strip is open.
    inside: Option<Effects>,
}

/// How many decibels one key moves a fader.
const STEP: f32 = 1.0;

impl Pane for Mixer {
    fn title(&self) -> &'static str {
        "Mixer"
    }

    fn keys(&self) -> &'static [Key] {
        &[
            ("← →", "another strip"),
            ("↑ ↓ + -", "move the fader"),
            ("< >", "pan; inside: move the effect"),
            ("m s", "mute, solo"),
            ("o", "another output"),
            ("t T", "add a send, end one"),
            ("Enter", "inside: effects and sends"),
            ("  ↑ ↓", "inside: another effect"),
            ("  Enter", "inside: bypass it or not"),
            ("  D", "inside: delete it"),
            ("  Esc ←", "out again"),
            ("e", "add an effect"),
            ("b g", "add a bus, a layer group"),
            ("n", "rename the strip"),
            ("D", "delete it"),
        ]
    }

    fn keeps(&self) -> DirtyFlags {
        DirtyFlags::INSTRUMENTS | DirtyFlags::MIXER
    }

    fn refresh(&mut self, view: &View) {
        self.strips = StripId::all(view.studio());
    }

    fn key(&mut self, key: KeyEvent, view: &View) -> Option<Intent> {
        let id = self.under_cursor(view);
        let strip = id.of(view.studio())?;
        if let Some(effects) = &mut self.inside {
            if matches!(key.code, KeyCode::Esc | KeyCode::Left) {
                self.inside = None;
                return Some(Intent::Nothing);
            }
            if let Some(intent) = effects.key(key, id, &strip) {
                return Some(intent);
            }
        }
        self.move_cursor(key.code, id, &strip).or_else(|| on_strip(key.code, id, &strip, view))
    }

    fn draw(&self, view: &View, area: Rect, buffer: &mut Buffer) {
        let id = self.under_cursor(view);
        let [left, master] =
            Layout::horizontal([Constraint::Fill(1), Constraint::Length(WIDTH + 2)]).areas(area);
        let block = Block::new().borders(Borders::LEFT).border_style(theme::QUIET);
        let inside = block.inner(master);
        block.render(master, buffer);
        let inside = Rect { x: inside.x + 1, width: WIDTH, ..inside }.intersection(area);
        column::draw(StripId::Master, id == StripId::Master, view, inside, buffer);
        match &self.inside {
            Some(effects) => draw_inside(effects, id, view, left, buffer),
            None => self.draw_strips(id, view, left, buffer),
        }
    }
}

impl Mixer {
    /// The strip under the cursor, which always exists.
    fn under_cursor(&self, view: &View) -> StripId {
        let there = |id: &StripId| id.of(view.studio()).is_some();
        let selected = || view.selected().map(|(id, _)| StripId::Instrument(id));
        self.elsewhere.filter(there).or_else(selected).unwrap_or(StripId::Master)
    }

    /// Translates a key that moves the cursor.
    fn move_cursor(&mut self, key: KeyCode, id: StripId, strip: &Strip) -> Option<Intent> {
        // The master comes last.
        let last = self.strips.len();
        let at = self.strips.iter().position(|other| *other == id).unwrap_or(last);
        match key {
            KeyCode::Left => Some(self.go(at.saturating_sub(1))),
            KeyCode::Right => Some(self.go(at + 1)),
            KeyCode::Home => Some(self.go(0)),
            KeyCode::End => Some(self.go(last)),
            KeyCode::Enter if strip.chain.is_some() => {
                self.inside.get_or_insert_default();
                Some(Intent::Nothing)
            }
            KeyCode::Enter => Some(Intent::Complain(NO_EFFECTS.into())),
            _ => None,
        }
    }

    /// Moves the cursor to the strip with this index.
    fn go(&mut self, at: usize) -> Intent {
        self.inside = None;
        let id = self.strips.get(at).copied().unwrap_or(StripId::Master);
        if let StripId::Instrument(id) = id {
            self.elsewhere = None;
            return Action::Selection(SelectionAction::Instrument(id)).into();
        }
        self.elsewhere = Some(id);
        Intent::Nothing
    }

    /// Draws as many strips as fit, scrolled so that the cursor is visible.
    fn draw_strips(&self, id: StripId, view: &View, area: Rect, buffer: &mut Buffer) {
        let room = usize::from(area.width.saturating_sub(1) / (WIDTH + 1)).max(1);
        let at = self.strips.iter().position(|other| *other == id).unwrap_or(self.strips.len());
        let first = at.saturating_sub(room / 2).min(self.strips.len().saturating_sub(room));
        let shown = self.strips.iter().skip(first).take(room);
        for (x, strip) in (area.x + 1..).step_by(usize::from(WIDTH) + 1).zip(shown) {
            let column = Rect { x, width: WIDTH, ..area }.intersection(area);
            column::draw(*strip, *strip == id, view, column, buffer);
        }
        if first > 0 {
            buffer.set_string(area.x, area.y, "‹", theme::CAREFUL);
        }
        if first + room < self.strips.len() {
            buffer.set_string(area.right().saturating_sub(1), area.y, "›", theme::CAREFUL);
        }
        if self.strips.is_empty() {
            buffer.set_string(area.x + 1, area.y, "no strips: b adds a bus", theme::QUIET);
        }
    }
}

/// Translates a key that edits a strip.
fn on_strip(key: KeyCode, id: StripId, strip: &Strip, view: &View) -> Option<Intent> {
    let mixer = &view.studio().mixer;
    let pan = |steps| id.set_pan(panned(strip.pan.unwrap_or(Pan::of(0.0)), steps));
    Some(match key {
        KeyCode::Up | KeyCode::Char('+' | '=') => id.set_level(moved(strip.level, STEP)),
        KeyCode::Down | KeyCode::Char('-') => id.set_level(moved(strip.level, -STEP)),
        KeyCode::Char('<') => pan(-1.0),
        KeyCode::Char('>') => pan(1.0),
        KeyCode::Char('m') => id.set_mute(!strip.mute),
        KeyCode::Char('s') => id.set_solo(strip.solo != Some(true)),
        KeyCode::Char('o') => id.next_output(strip, mixer),
        KeyCode::Char('t') => id.send("send", mixer),
        KeyCode::Char('T') => id.send("unsend", mixer),
        KeyCode::Char('e') => id.add_effect(),
        KeyCode::Char('b') => Intent::Type("bus ".into()),
        KeyCode::Char('g') => Intent::Type("group ".into()),
        KeyCode::Char('n') => id.rename(strip),
        KeyCode::Char('D') | KeyCode::Delete => id.delete(),
        _ => return None,
    })
}

/// Draws the open strip at the left, and its effects and sends beside it.
fn draw_inside(effects: &Effects, id: StripId, view: &View, area: Rect, buffer: &mut Buffer) {
    if id == StripId::Master {
        return effects.draw(id, view, area, buffer);
    }
    let [_, strip, _, list] = Layout::horizontal([
        Constraint::Length(1),
        Constraint::Length(WIDTH),
        Constraint::Length(2),
        Constraint::Fill(1),
    ])
    .areas(area);
    column::draw(id, true, view, strip, buffer);
    effects.draw(id, view, list, buffer);
}
