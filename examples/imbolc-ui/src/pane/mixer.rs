//! The mixer pane: the strips side by side, and the master always at the right.
//!
//! It reads a view and returns intents; what a strip can do is in `strip`.

mod effects;
pub(crate) mod strip;
mod strip_view;

use crossterm::event::{KeyCode, KeyEvent};
use imbolc_net::{
    model::DirtyFlags,
    studio::{self, Action, Added, Device, SelectionAction},
    util::quantity::Pan,
};
use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    widgets::{Block, Borders, Widget as _},
};

use self::{
    effects::EffectCursor,
    strip::{NO_EFFECTS, NO_PAN, Strip, StripId, level_moved, pan_moved},
    strip_view::STRIP_WIDTH,
};
use super::{KeyHelp, Pane};
use crate::{intent::Intent, theme, view::View};

/// The mixer pane.
#[derive(Debug, Default)]
pub struct MixerPane {
    /// All strips except the master, from left to right.
    strips: Vec<StripId>,
    /// The strip under the cursor, unless it is that of the selected instrument.
    elsewhere: Option<StripId>,
    /// The cursor inside the strip, if the strip is open.
    inside: Option<EffectCursor>,
}

/// How many decibels one key moves a fader.
const FADER_STEP: f32 = 1.0;

impl Pane for MixerPane {
    fn title(&self) -> &'static str {
        "Mixer"
    }

    fn key_help(&self) -> &'static [KeyHelp] {
        &[
            ("← →", "previous, next strip"),
            ("↑ ↓ + -", "move the fader"),
            ("< >", "pan; open: move the effect"),
            ("v p", "type the level, the pan"),
            ("m s", "mute, solo"),
            ("o", "change the output"),
            ("t T", "add, remove a send"),
            ("Enter", "open the strip: effects, sends"),
            ("  ↑ ↓", "open: previous, next effect"),
            ("  Enter", "open: bypass on/off"),
            ("  D", "open: delete the effect"),
            ("  →", "open: to its parameters"),
            ("  Esc ←", "close the strip"),
            ("e", "add an effect"),
            ("b g", "add a bus, a layer group"),
            ("n", "rename the strip"),
            ("D", "delete it"),
        ]
    }

    fn cached_parts(&self) -> DirtyFlags {
        DirtyFlags::INSTRUMENTS | DirtyFlags::MIXER
    }

    fn refresh(&mut self, view: &View) {
        self.strips = StripId::all(view.studio());
    }

    fn handle_key(&mut self, key: KeyEvent, view: &View) -> Option<Intent> {
        let id = self.under_cursor(view);
        let strip = id.of(view.studio())?;
        if let Some(effects) = &mut self.inside {
            if let Some(intent) = effects.handle_key(key, id, &strip, view) {
                return Some(intent);
            }
            if matches!(key.code, KeyCode::Esc | KeyCode::Left) {
                self.inside = None;
                return Some(Intent::Nothing);
            }
        }
        self.move_cursor(key.code, id, &strip).or_else(|| strip_intent(key.code, id, &strip, view))
    }

    fn select_added(&mut self, added: Added, view: &View) {
        let (strip, inside) = match added {
            Added::Instrument(id) | Added::Send(id, _) => (StripId::Instrument(id), None),
            Added::Bus(id) => (StripId::Bus(id), None),
            Added::LayerGroup(id) => (StripId::LayerGroup(id), None),
            Added::Effect(Device::Slot(id, slot)) => (StripId::Instrument(id), Some(slot)),
            Added::Effect(Device::BusSlot(id, slot)) => (StripId::Bus(id), Some(slot)),
            Added::Effect(Device::MasterSlot(slot)) => (StripId::Master, Some(slot)),
            _ => return,
        };
        self.elsewhere = Some(strip).filter(|strip| !matches!(strip, StripId::Instrument(_)));
        // An effect that is shown elsewhere leaves the strips in view.
        let inside = inside.filter(|_| view.client.pane() == studio::Pane::Mixer);
        self.inside = inside.map(EffectCursor::on);
    }

    fn draw(&self, view: &View, area: Rect, buffer: &mut Buffer) {
        let id = self.under_cursor(view);
        let [left, master] =
            Layout::horizontal([Constraint::Fill(1), Constraint::Length(STRIP_WIDTH + 2)])
                .areas(area);
        let block = Block::new().borders(Borders::LEFT).border_style(theme::DIM);
        let inside = block.inner(master);
        block.render(master, buffer);
        let inside = Rect { x: inside.x + 1, width: STRIP_WIDTH, ..inside }.intersection(area);
        strip_view::draw_strip(StripId::Master, id == StripId::Master, view, inside, buffer);
        match &self.inside {
            Some(effects) => draw_open_strip(effects, id, view, left, buffer),
            None => self.draw_strips(id, view, left, buffer),
        }
    }
}

impl MixerPane {
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
            KeyCode::Enter => Some(Intent::ShowError(NO_EFFECTS.into())),
            _ => None,
        }
    }

    /// Moves the cursor to the strip with this index.
    fn go(&mut self, at: usize) -> Intent {
        self.inside = None;
        let id = self.strips.get(at).copied().unwrap_or(StripId::Master);
        if let StripId::Instrument(id) = id {
            self.elsewhere = None;
            return Action::from(SelectionAction::Instrument(id)).into();
        }
        self.elsewhere = Some(id);
        Intent::Nothing
    }

    /// Draws as many strips as fit, scrolled so that the cursor is visible.
    fn draw_strips(&self, id: StripId, view: &View, area: Rect, buffer: &mut Buffer) {
        let room = usize::from(area.width.saturating_sub(1) / (STRIP_WIDTH + 1)).max(1);
        let at = self.strips.iter().position(|other| *other == id).unwrap_or(self.strips.len());
        let first = at.saturating_sub(room / 2).min(self.strips.len().saturating_sub(room));
        let shown = self.strips.iter().skip(first).take(room);
        for (x, strip) in (area.x + 1..).step_by(usize::from(STRIP_WIDTH) + 1).zip(shown) {
            let column = Rect { x, width: STRIP_WIDTH, ..area }.intersection(area);
            strip_view::draw_strip(*strip, *strip == id, view, column, buffer);
        }
        if first > 0 {
            buffer.set_string(area.x, area.y, "‹", theme::WARNING);
        }
        if first + room < self.strips.len() {
            buffer.set_string(area.right().saturating_sub(1), area.y, "›", theme::WARNING);
        }
        if self.strips.is_empty() {
            buffer.set_string(area.x + 1, area.y, "no strips: press b to add a bus", theme::DIM);
        }
    }
}

/// Translates a key that edits a strip.
fn strip_intent(key: KeyCode, id: StripId, strip: &Strip, view: &View) -> Option<Intent> {
    let mixer = &view.studio().mixer;
    let pan = |steps| id.set_pan(pan_moved(strip.pan.unwrap_or(Pan::of(0.0)), steps));
    Some(match key {
        KeyCode::Up | KeyCode::Char('+' | '=') => {
            id.set_level(level_moved(strip.level, FADER_STEP))
        }
        KeyCode::Down | KeyCode::Char('-') => id.set_level(level_moved(strip.level, -FADER_STEP)),
        KeyCode::Char('<') => pan(-1.0),
        KeyCode::Char('>') => pan(1.0),
        KeyCode::Char('v') => id.type_value("level", &strip.level),
        KeyCode::Char('p') => match strip.pan {
            Some(pan) => id.type_value("pan", &pan),
            None => Intent::ShowError(NO_PAN.into()),
        },
        KeyCode::Char('m') => id.set_mute(!strip.mute),
        KeyCode::Char('s') => id.set_solo(strip.solo != Some(true)),
        KeyCode::Char('o') => id.next_output(strip, mixer),
        KeyCode::Char('t') => id.send("send", mixer),
        KeyCode::Char('T') => id.send("unsend", mixer),
        KeyCode::Char('e') => id.add_effect(),
        KeyCode::Char('b') => Intent::OpenPalette("bus ".into()),
        KeyCode::Char('g') => Intent::OpenPalette("group ".into()),
        KeyCode::Char('n') => id.rename(strip),
        KeyCode::Char('D') | KeyCode::Delete => id.delete(),
        _ => return None,
    })
}

/// Draws the open strip at the left, and its effects and sends beside it.
fn draw_open_strip(
    effects: &EffectCursor,
    id: StripId,
    view: &View,
    area: Rect,
    buffer: &mut Buffer,
) {
    if id == StripId::Master {
        return effects.draw(id, view, area, buffer);
    }
    let [_, strip, _, list] = Layout::horizontal([
        Constraint::Length(1),
        Constraint::Length(STRIP_WIDTH),
        Constraint::Length(2),
        Constraint::Fill(1),
    ])
    .areas(area);
    strip_view::draw_strip(id, true, view, strip, buffer);
    effects.draw(id, view, list, buffer);
}
