//! The instruments pane: the list with owners and levels, and the parameters of one
//! instrument.
//!
//! It reads a view and returns intents; it does not check permissions.

use crossterm::event::{KeyCode, KeyEvent};
use imbolc_net::{
    model::{DirtyFlags, InstrumentId},
    studio::{
        Action, Added, Device, Instrument, InstrumentParameter, InstrumentSetting, SelectionAction,
        Source, Target,
    },
    util::text::{fitted, padded},
};
use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::{Paragraph, Widget as _},
};

use super::{KeyHelp, Pane, knob_grid::KnobGrid, mixer};
use crate::{
    describe,
    intent::Intent,
    parameters::{self, Knob},
    samples, theme,
    view::View,
};

/// The instruments pane.
#[derive(Debug, Default)]
pub struct InstrumentsPane {
    /// All instruments, in order.
    ids: Vec<InstrumentId>,
    /// Whether the keys go to the parameters instead of the list.
    on_knobs: bool,
    /// The parameters of the selected instrument.
    grid: KnobGrid,
}

/// The width from which list and parameters fit side by side.
const TWO_COLUMNS: u16 = 90;

/// The width from which the list stays beside the parameters while these have the keys.
const LIST_STAYS: u16 = 140;

/// The columns of the list.
const LIST_WIDTH: u16 = 60;

impl Pane for InstrumentsPane {
    fn title(&self) -> &'static str {
        "Instruments"
    }

    fn key_help(&self) -> &'static [KeyHelp] {
        &[
            ("↑ ↓", "previous, next row"),
            ("→ Enter", "to the parameters; Esc: back"),
            ("+ -", "change the parameter, or the level"),
            ("Enter", "on a parameter: type its value"),
            ("Page ↑ ↓", "previous, next group"),
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
        if self.on_knobs {
            let knobs = parameters::of_instrument(id, view.studio());
            if let Some(intent) = self.grid.handle_key(key, &knobs, view) {
                return Some(intent);
            }
        }
        Some(match key.code {
            KeyCode::Up => self.beside(id, -1)?,
            KeyCode::Down => self.beside(id, 1)?,
            KeyCode::Right | KeyCode::Enter => self.focus(true),
            KeyCode::Left => self.focus(false),
            KeyCode::Esc if self.on_knobs => self.focus(false),
            KeyCode::Char('+' | '=') => louder(id, instrument, 1.0),
            KeyCode::Char('-') => louder(id, instrument, -1.0),
            KeyCode::Char('m') => Intent::set(id, InstrumentSetting::Mute(!instrument.mute)),
            KeyCode::Char('s') => Intent::set(id, InstrumentSetting::Solo(!instrument.solo)),
            KeyCode::Char('n') => Intent::OpenPalette(format!("rename {}", instrument.name)),
            KeyCode::Char('S') => Intent::OpenPalette("source ".into()),
            KeyCode::Char('e') => Intent::OpenPalette("effect ".into()),
            KeyCode::Char('D') => Intent::OpenPalette("delete".into()),
            _ => return None,
        })
    }

    fn select_added(&mut self, added: Added, view: &View) {
        match added {
            Added::Instrument(_) => self.on_knobs = false,
            Added::Effect(Device::Slot(id, slot)) => {
                let knobs = parameters::of_instrument(id, view.studio());
                let is_of_effect = |knob: &Knob| match knob.target {
                    Target::Instrument(_, InstrumentParameter::Chain(it)) => it.slot() == slot,
                    _ => false,
                };
                if let Some(at) = knobs.iter().position(is_of_effect) {
                    self.grid.choose(at, &knobs);
                    self.on_knobs = true;
                }
            }
            _ => {}
        }
    }

    fn draw(&self, view: &View, area: Rect, buffer: &mut Buffer) {
        // The list is more important: it shows the owners.
        let keys_need_all = self.on_knobs && area.width < LIST_STAYS;
        if keys_need_all {
            return self.draw_knobs(view, area, buffer);
        }
        if area.width < TWO_COLUMNS {
            return self.draw_list(view, area, buffer);
        }
        let [list, knobs] =
            Layout::horizontal([Constraint::Length(LIST_WIDTH), Constraint::Fill(1)]).areas(area);
        self.draw_list(view, list, buffer);
        self.draw_knobs(view, knobs, buffer);
    }
}

impl InstrumentsPane {
    fn focus(&mut self, on_knobs: bool) -> Intent {
        self.on_knobs = on_knobs;
        Intent::Nothing
    }

    /// Selects the instrument that is `lines` below.
    fn beside(&self, id: InstrumentId, lines: isize) -> Option<Intent> {
        let at = self.ids.iter().position(|other| *other == id)?;
        let at = at.saturating_add_signed(lines).min(self.ids.len() - 1);
        Some(Action::from(SelectionAction::Instrument(self.ids[at])).into())
    }

    fn draw_list(&self, view: &View, area: Rect, buffer: &mut Buffer) {
        let width = usize::from(area.width);
        let heading = format!("{:>5} {:<12} {:<14} {:>8}   owner", "", "name", "source", "level");
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
        let level = instrument.level.to_string();
        let flag = |on, mark| if on { mark } else { " " };
        let mut line = Line::from(vec![
            Span::raw(format!(
                "{id:>4}{} {} {source} {level:>8}{:1}{}{}",
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
        let hint = if self.on_knobs { "+ - change  Enter type  Esc back" } else { "→ change" };
        let mut line = Line::styled(heading, theme::HEADING);
        if let Source::BusInput(input) = &instrument.source {
            let bus = input.bus.and_then(|id| Some((id, view.studio().mixer.bus(id)?)));
            line.push_span(match bus {
                Some((id, bus)) => format!("  plays bus {id} {}", bus.name),
                None => "  plays no bus: “:input 1” chooses one".into(),
            });
        }
        if let Some(missing) = samples::missing_files(id, view) {
            line.push_span(Span::styled(format!("  {missing}"), theme::ERROR));
        } else {
            for file in samples::files_of(id, view.studio()) {
                line.push_span(format!("  {}", file.name));
            }
            line.push_span(Span::styled(format!("  {hint}"), theme::DIM));
        }
        line.render(area, buffer);
        let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        let knobs = parameters::of_instrument(id, view.studio());
        self.grid.draw(&knobs, self.on_knobs, view, below, buffer);
    }
}

/// Moves the fader of an instrument.
fn louder(id: InstrumentId, instrument: &Instrument, by: f32) -> Intent {
    let level = mixer::strip::level_moved(instrument.level, by);
    Intent::set(id, InstrumentSetting::Level(level))
}

/// The owner of an instrument, and how long they have been away. Alone, what has no
/// owner is yours.
pub(crate) fn owner_spans<'a>(view: &View, id: InstrumentId) -> Vec<Span<'a>> {
    let Some(owner) = view.owner(id) else {
        let nobody = if view.player(id).is_some() { "yours" } else { "no owner" };
        return vec![Span::styled(nobody, theme::DIM)];
    };
    let mut spans =
        vec![Span::styled(owner.name.to_string(), theme::participant_style(owner.client_id))];
    if let Some(away) = view.away(owner.client_id) {
        spans.push(Span::styled(format!(" away {}", theme::duration_text(away)), theme::WARNING));
    }
    spans
}
