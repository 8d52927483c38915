//! The instruments pane: the list with owners and levels, and the parameters of one
//! instrument.
//!
//! It reads a view and returns intents; it does not check permissions.

use crossterm::event::{KeyCode, KeyEvent};
use imbolc_net::{
    model::{DirtyFlags, InstrumentId},
    studio::{
        Action, ChainSetting, Instrument, InstrumentAction, InstrumentParameter, InstrumentSetting,
        NetworkAction, SelectionAction,
    },
    util::{
        quantity::{Amount, Decibels},
        text::{fitted, padded},
    },
};
use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::{Paragraph, Widget as _},
};

use super::{KeyHelp, Pane, mixer};
use crate::{describe, intent::Intent, theme, view::View};

/// The instruments pane.
#[derive(Debug, Default)]
pub struct InstrumentsPane {
    /// All instruments, in order.
    ids: Vec<InstrumentId>,
    /// Whether the keys go to the parameters instead of the list.
    on_knobs: bool,
    /// The index of the parameter under the cursor.
    knob: usize,
}

/// The width from which list and parameters fit side by side.
const TWO_COLUMNS: u16 = 90;

/// How far one key turns a parameter, as a part of its range.
const KNOB_STEP: f32 = 0.01;

impl Pane for InstrumentsPane {
    fn title(&self) -> &'static str {
        "Instruments"
    }

    fn key_help(&self) -> &'static [KeyHelp] {
        &[
            ("↑ ↓", "previous, next row"),
            ("→ ←", "to the parameters, and back"),
            ("+ -", "change the parameter, or the level"),
            ("m s", "mute, solo"),
            ("a", "add an instrument"),
            ("n", "rename it"),
            ("S", "change the source"),
            ("e", "add an effect"),
            ("D", "delete it"),
        ]
    }

    fn cached_parts(&self) -> DirtyFlags {
        DirtyFlags::INSTRUMENTS
    }

    fn refresh(&mut self, view: &View) {
        self.ids = view.studio().instruments.iter().map(|(id, _)| id).collect();
    }

    fn handle_key(&mut self, key: KeyEvent, view: &View) -> Option<Intent> {
        if key.code == KeyCode::Char('a') {
            return Some(Intent::OpenPalette("add ".into()));
        }
        let (id, instrument) = view.selected()?;
        let knobs = knobs(instrument);
        Some(match key.code {
            KeyCode::Up if self.on_knobs => self.choose(self.knob.saturating_sub(1), &knobs),
            KeyCode::Down if self.on_knobs => self.choose(self.knob + 1, &knobs),
            KeyCode::Up => self.beside(id, -1)?,
            KeyCode::Down => self.beside(id, 1)?,
            KeyCode::Right | KeyCode::Enter => self.focus(true),
            KeyCode::Left | KeyCode::Esc => self.focus(false),
            KeyCode::Char('+' | '=') => self.turn(id, instrument, KNOB_STEP)?,
            KeyCode::Char('-') => self.turn(id, instrument, -KNOB_STEP)?,
            KeyCode::Char('m') => Intent::set(id, InstrumentSetting::Mute(!instrument.mute)),
            KeyCode::Char('s') => Intent::set(id, InstrumentSetting::Solo(!instrument.solo)),
            KeyCode::Char('n') => Intent::OpenPalette(format!("rename {}", instrument.name)),
            KeyCode::Char('S') => Intent::OpenPalette("source ".into()),
            KeyCode::Char('e') => Intent::OpenPalette("effect ".into()),
            KeyCode::Char('D') => Intent::OpenPalette("delete".into()),
            _ => return None,
        })
    }

    fn select_added(&mut self, action: &NetworkAction, view: &View) {
        match action {
            NetworkAction::AddInstrument { .. } => self.on_knobs = false,
            NetworkAction::Instrument(id, InstrumentAction::Set(setting)) => {
                let InstrumentSetting::Chain(ChainSetting::Add(slot, ..)) = setting else { return };
                let instrument = view.studio().instruments.get(*id);
                let knobs = instrument.map(knobs).unwrap_or_default();
                let is_of_effect = |knob: &InstrumentParameter| match knob {
                    InstrumentParameter::Chain(parameter) => parameter.slot() == *slot,
                    _ => false,
                };
                if let Some(at) = knobs.iter().position(is_of_effect) {
                    (self.knob, self.on_knobs) = (at, true);
                }
            }
            _ => {}
        }
    }

    fn draw(&self, view: &View, area: Rect, buffer: &mut Buffer) {
        if area.width < TWO_COLUMNS {
            // The list is more important: it shows the owners.
            if self.on_knobs {
                self.draw_knobs(view, area, buffer);
            } else {
                self.draw_list(view, area, buffer);
            }
            return;
        }
        let [list, knobs] =
            Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).areas(area);
        self.draw_list(view, list, buffer);
        self.draw_knobs(view, knobs, buffer);
    }
}

impl InstrumentsPane {
    fn focus(&mut self, on_knobs: bool) -> Intent {
        self.on_knobs = on_knobs;
        Intent::Nothing
    }

    fn choose(&mut self, knob: usize, knobs: &[InstrumentParameter]) -> Intent {
        self.knob = knob.min(knobs.len().saturating_sub(1));
        Intent::Nothing
    }

    /// Selects the instrument that is `lines` below.
    fn beside(&self, id: InstrumentId, lines: isize) -> Option<Intent> {
        let at = self.ids.iter().position(|other| *other == id)?;
        let at = at.saturating_add_signed(lines).min(self.ids.len() - 1);
        Some(Action::from(SelectionAction::Instrument(self.ids[at])).into())
    }

    fn turn(&self, id: InstrumentId, instrument: &Instrument, by: f32) -> Option<Intent> {
        let knobs = knobs(instrument);
        let level = InstrumentParameter::Level;
        let knob = if self.on_knobs { *knobs.get(self.knob)? } else { level };
        if knob == level {
            // A fader moves in decibels.
            let level = mixer::strip::level_moved(instrument.level, by.signum());
            return Some(Intent::set(id, InstrumentSetting::Level(level)));
        }
        let now = knob.part(instrument)?;
        let at = |part: f32| Amount::new(part.clamp(0.0, 1.0)).ok().map(|part| knob.setting(part));
        // A parameter with steps goes on to the next step; past the last one nothing
        // changes.
        let mut parts = (1..=100u8).map(|steps| at(now.get() + by * f32::from(steps)));
        let next = parts.find(|setting| *setting != Some(knob.setting(now)));
        Some(next.flatten().map_or(Intent::Nothing, |setting| Intent::set(id, setting)))
    }

    fn draw_list(&self, view: &View, area: Rect, buffer: &mut Buffer) {
        let width = usize::from(area.width);
        let heading = format!("{:>5} {:<12} {:<14} {:>7}  owner", "", "name", "source", "level");
        let mut lines = vec![Line::styled(fitted(&heading, width), theme::HEADING)];
        let rows = usize::from(area.height.saturating_sub(1));
        let at = self.ids.iter().position(|id| Some(*id) == view.client.instrument()).unwrap_or(0);
        let first = (at + 1).saturating_sub(rows);
        for id in self.ids.iter().skip(first).take(rows) {
            if let Some(instrument) = view.studio().instruments.get(*id) {
                lines.push(self.row(view, *id, instrument));
            }
        }
        if self.ids.is_empty() {
            lines.push(Line::styled("no instruments: press a to add one", theme::DIM));
        }
        Paragraph::new(lines).render(area, buffer);
    }

    fn row<'a>(&self, view: &View, id: InstrumentId, instrument: &Instrument) -> Line<'a> {
        let of = |studio: &imbolc_net::studio::StudioState| {
            studio.instruments.get(id).map(|i| (i.level, i.mute, i.solo, i.name.clone()))
        };
        let certain = view.is_confirmed(of);
        let source = padded(&describe::label(instrument.source.kind()), 14);
        let level = match instrument.level {
            Decibels::MIN => "-∞".into(),
            level => format!("{:.1}", level.get()),
        };
        let flag = |on, mark| if on { mark } else { " " };
        let mut line = Line::from(vec![
            Span::raw(format!(
                "{id:>4}{} {} {source} {level:>6}{:1}{}{}",
                flag(!instrument.sounding.is_empty(), "♪"),
                padded(instrument.name.as_str(), 12),
                theme::unconfirmed_mark(certain),
                flag(instrument.mute, "M"),
                flag(instrument.solo, "S"),
            ))
            .style(theme::value_style(certain)),
            Span::raw(" "),
        ]);
        line.extend(owner_spans(view, id));
        if view.client.instrument() == Some(id) && !self.on_knobs {
            line = line.patch_style(theme::SELECTED);
        }
        line
    }

    fn draw_knobs(&self, view: &View, area: Rect, buffer: &mut Buffer) {
        let Some((id, instrument)) = view.selected() else { return };
        let heading = format!("{id} {}", instrument.name);
        let mut lines = vec![Line::styled(heading, theme::HEADING)];
        let rows = usize::from(area.height.saturating_sub(1));
        let knobs = knobs(instrument);
        let first = (self.knob + 1).saturating_sub(rows);
        for (at, knob) in knobs.iter().enumerate().skip(first).take(rows) {
            let part = knob.part(instrument).unwrap_or(Amount::MIN);
            let certain = view.is_confirmed(|studio| {
                studio.instruments.get(id).and_then(|other| knob.part(other))
            });
            let mut line = Line::from(vec![
                Span::styled(theme::horizontal_bar(part.get(), 8), theme::GOOD),
                Span::raw(" "),
                Span::styled(
                    format!(
                        "{}{}",
                        describe::label(knob.setting(part)),
                        theme::unconfirmed_mark(certain)
                    ),
                    theme::value_style(certain),
                ),
            ]);
            if self.on_knobs && at == self.knob {
                line = line.patch_style(theme::SELECTED);
            }
            lines.push(line);
        }
        Paragraph::new(lines).render(area, buffer);
    }
}

/// The parameters that the instrument has now.
fn knobs(instrument: &Instrument) -> Vec<InstrumentParameter> {
    instrument.parameters()
}

/// The owner of an instrument, and how long they have been away. Alone, what has no
/// owner is yours.
pub(crate) fn owner_spans<'a>(view: &View, id: InstrumentId) -> Vec<Span<'a>> {
    let Some(owner) = view.owner(id) else {
        let nobody = if view.player(id).is_some() { "yours" } else { "-" };
        return vec![Span::styled(nobody, theme::DIM)];
    };
    let mut spans =
        vec![Span::styled(owner.name.to_string(), theme::participant_style(owner.client_id))];
    if let Some(away) = view.away(owner.client_id) {
        spans.push(Span::styled(format!(" away {}", theme::duration_text(away)), theme::WARNING));
    }
    spans
}
