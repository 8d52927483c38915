//! The drum pane: the pads of a drum machine, and the steps at which they are struck.
//!
//! It shows the machine of the selected instrument; sounds are the engine's business.

mod pattern_painter;
mod pattern_playback;
mod step_editing;

use std::cell::Cell;

use crossterm::event::{KeyCode, KeyEvent};
use imbolc_net::{
    model::InstrumentId,
    studio::{
        Action, Name, NetworkAction, PadSound, Pattern, SelectionAction, SourceKind, Step,
        StepRegion, StudioState,
    },
    util::quantity::{Amount, PadNumber, StepNumber},
};
use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::Style,
    text::{Line, Span},
    widgets::{Paragraph, Widget as _},
};

use self::{
    pattern_painter::{PatternPainter, StepWindow},
    step_editing::StepCursor,
};
use super::{KeyHelp, Pane, instruments::owner_spans};
use crate::{describe, intent::Intent, theme, view::View};

/// The drum pane.
#[derive(Debug)]
pub struct DrumsPane {
    pad: PadNumber,
    step: StepNumber,
    /// The corner where the marked region begins; it extends to the cursor.
    mark: Option<(PadNumber, StepNumber)>,
    /// What the last frame showed.
    window: Cell<StepWindow>,
}

impl Default for DrumsPane {
    fn default() -> Self {
        Self { pad: PadNumber::MIN, step: StepNumber::MIN, mark: None, window: Cell::default() }
    }
}

impl Pane for DrumsPane {
    fn title(&self) -> &'static str {
        "Drums"
    }

    fn key_help(&self) -> &'static [KeyHelp] {
        &[
            ("arrows", "move the cursor"),
            ("Home End", "first, last step"),
            ("Enter", "step on or off"),
            ("+ -", "velocity up, down"),
            ("p", "lower the probability"),
            (", .", "pitch down, up"),
            ("b", "start marking; Esc: cancel"),
            ("y x v", "copy, cut, paste"),
            ("Delete", "delete steps"),
            ("< >", "previous, next pattern"),
            ("a D", "add, delete a pattern"),
            ("E", "Euclidean rhythm"),
            ("h H", "chain on/off, edit the chain"),
            ("n S F", "name, sound, file of the pad"),
            (":steps", "length; :resolution, :drumswing"),
            ("C V", "slice the sample, assign slices"),
        ]
    }

    fn handle_key(&mut self, key: KeyEvent, view: &View) -> Option<Intent> {
        let Some(here) = self.here(view) else {
            return match key.code {
                KeyCode::Char('a') => Some(add_kit(view)),
                KeyCode::Enter => {
                    Some(Action::from(SelectionAction::Instrument(a_kit(view)?)).into())
                }
                _ => None,
            };
        };
        match key.code {
            KeyCode::Up => self.pad = clamped_pad(here.pad.get().saturating_sub(1)),
            KeyCode::Down => self.pad = clamped_pad(here.pad.get() + 1),
            KeyCode::Left => self.step = clamped_step(here.step.get().saturating_sub(1)),
            KeyCode::Right => self.step = here.last().min(clamped_step(here.step.get() + 1)),
            KeyCode::Home => self.step = StepNumber::MIN,
            KeyCode::End => self.step = here.last(),
            KeyCode::Char('b') => self.mark = Some((here.pad, here.step)),
            KeyCode::Esc if self.mark.is_some() => self.mark = None,
            _ => return self.edit(key, &here),
        }
        Some(Intent::Nothing)
    }

    fn draw(&self, view: &View, area: Rect, buffer: &mut Buffer) {
        let Some(here) = self.here(view) else {
            let hint = no_machine_hint(view).into_iter();
            let hint: Vec<_> = hint.map(|line| Line::styled(line, theme::DIM)).collect();
            return Paragraph::new(hint).render(area, buffer);
        };
        let [heading, pads, detail] =
            Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)])
                .areas(area);
        pattern_heading(&here).render(heading, buffer);
        let window = self.window.get().showing((here.pad, here.step), pads);
        self.window.set(window);
        let playing = pattern_playback::playing_step(view, here.machine);
        let playing = playing.filter(|(id, _)| Some(*id) == here.machine.current());
        PatternPainter {
            here: &here,
            window,
            region: self.marked(&here),
            playing: playing.map(|(_, step)| step),
        }
        .draw(pads, buffer);
        self.detail(&here).render(detail, buffer);
    }
}

impl DrumsPane {
    /// The cursor, in the drum machine of the selected instrument.
    fn here<'a>(&self, view: &'a View<'a>) -> Option<StepCursor<'a>> {
        let (id, _) = view.selected()?;
        let machine = view.studio().drums.machine(id)?;
        let current = machine.current();
        let pattern = current.and_then(|id| Some((id, machine.pattern(id)?)));
        // Another participant may have shortened the pattern.
        let step =
            pattern.map_or(StepNumber::MIN, |(_, pattern)| self.step.min(last_step(pattern)));
        Some(StepCursor { view, id, machine, pattern, pad: self.pad, step })
    }

    /// The marked region, including the step of the cursor.
    fn marked(&self, here: &StepCursor) -> Option<StepRegion> {
        let (pad, step) = self.mark?;
        let first = (pad.min(here.pad), step.min(here.step));
        StepRegion::new(first, (pad.max(here.pad), step.max(here.step))).ok()
    }

    /// What is under the cursor, or the marked region.
    fn detail<'a>(&self, here: &StepCursor) -> Line<'a> {
        let pad = here.machine.pad(here.pad);
        let at = format!("pad {} step {}", here.pad.get() + 1, here.step.get() + 1);
        if let Some((from, step)) = self.mark {
            let from =
                format!("marked from pad {} step {} to {at}", from.get() + 1, step.get() + 1);
            return Line::from(vec![
                Span::styled(from, theme::MARKED),
                Span::styled("  y copy  x cut", theme::DIM),
            ]);
        }
        let Some(struck) = here.struck() else {
            return Line::styled(
                format!("{at}: {}", pad_description(here, &pad.sound)),
                theme::DIM,
            );
        };
        let certain = here.is_confirmed(here.pad, here.step);
        let Step { velocity, pitch, .. } = struck;
        let pitch = match pitch.get() {
            0 => String::new(),
            _ => format!("  pitch {pitch}"),
        };
        let likely = match theme::to_percent(struck.probability) {
            100 => String::new(),
            percent => format!("  {percent} % likely"),
        };
        let text =
            format!("{at}{}: velocity {velocity}{pitch}{likely}", theme::unconfirmed_mark(certain));
        Line::styled(text, theme::value_style(certain))
    }
}

/// What a pad plays; for a slice, its range in the sample.
fn pad_description(here: &StepCursor, sound: &PadSound) -> String {
    let text = pattern_painter::sound_label(here, sound);
    let chopper = here.machine.chopper();
    match sound {
        PadSound::Nothing => "no sound: press S to set one".into(),
        PadSound::Slice(id) => {
            let sample = chopper.sample.as_ref().map_or("no sample", |it| it.name.as_str());
            let slice = chopper.slice(*id);
            let part = slice.map(|it| [it.start(), it.end()].map(theme::to_percent));
            let [start, end] = part.unwrap_or_default();
            format!("{text} of {}: {start}–{end} % of {sample}", chopper.slices().count())
        }
        _ => text,
    }
}

/// What to do if there is no drum machine to show.
fn no_machine_hint(view: &View) -> Vec<String> {
    let name = |id| describe::instrument_label(view.studio(), id);
    let what = match view.selected() {
        None => "no instrument is selected".into(),
        Some((id, _)) => format!("{} is not a drum kit", name(id)),
    };
    let select = a_kit(view).map(|kit| format!("Enter selects {}", name(kit)));
    [what].into_iter().chain(select).chain(["a adds a drum kit".into()]).collect()
}

/// The first drum kit.
fn a_kit(view: &View) -> Option<InstrumentId> {
    view.studio().drums.machines().map(|(id, _)| id).next()
}

/// Adds a drum kit under a name that no instrument has.
fn add_kit(view: &View) -> Intent {
    let instruments = &view.studio().instruments;
    let names = std::iter::once("Drums".to_owned()).chain((2_u32..).map(|n| format!("Drums {n}")));
    let is_free = |name: &Name| instruments.iter().all(|(_, other)| other.name != *name);
    let mut names = names.filter_map(|name| Name::new(&name).ok());
    match names.find(is_free) {
        Some(name) => {
            let id = instruments.free_id(view.identity.client_id.0);
            NetworkAction::AddInstrument { id, name, source: SourceKind::DrumKit }.into()
        }
        None => Intent::Nothing,
    }
}

/// The instrument, its owner and the current pattern.
fn pattern_heading<'a>(here: &StepCursor) -> Line<'a> {
    let StepCursor { view, id, machine, pattern, .. } = here;
    let settings = |studio: &StudioState| {
        let machine = studio.drums.machine(*id)?;
        let pattern = machine.pattern(machine.current()?)?;
        let chain = (machine.chained, machine.chain().clone());
        let pattern = (pattern.name.clone(), pattern.length, pattern.resolution);
        Some((machine.current(), machine.swing, chain, pattern))
    };
    let certain = view.is_confirmed(settings);
    let mut line = Line::styled(describe::instrument_label(view.studio(), *id), theme::HEADING);
    line.push_span(Span::raw(" "));
    line.extend(owner_spans(view, *id));
    let shown = match pattern {
        Some((id, pattern)) => {
            let count = machine.patterns().count();
            let at = machine.patterns().take_while(|(other, _)| other <= id).count();
            let (steps, lasts) = (pattern.length.get(), describe::label(pattern.resolution));
            let mark = theme::unconfirmed_mark(certain);
            format!("  {id} {} ({at} of {count})  {steps} × {lasts}{mark}", pattern.name)
        }
        None => "  no pattern: press a to add one".into(),
    };
    line.push_span(Span::styled(shown, theme::value_style(certain)));
    if machine.swing > Amount::MIN {
        line.push_span(Span::raw(format!("  swing {}", machine.swing)));
    }
    line.extend(chain_spans(here));
    line
}

/// The pattern chain, with the playing link marked.
fn chain_spans<'a>(here: &StepCursor) -> Vec<Span<'a>> {
    let patterns = here.machine.chain().patterns();
    if patterns.is_empty() {
        return Vec::new();
    }
    let chained = here.machine.chained;
    let (name, style) =
        if chained { ("  chain", Style::new()) } else { ("  chain off:", theme::DIM) };
    let at = pattern_playback::playing_link(here.view, here.machine);
    let mut spans = vec![Span::styled(name, style)];
    spans.extend(patterns.iter().enumerate().map(|(n, id)| {
        if at == Some(n) {
            Span::styled(format!(" ▸{id}"), theme::GOOD)
        } else {
            Span::styled(format!(" {id}"), style)
        }
    }));
    spans
}

/// The last step of a pattern.
fn last_step(pattern: &Pattern) -> StepNumber {
    clamped_step(pattern.length.get() - 1)
}

/// The step with this number, or the last possible one.
fn clamped_step(number: u8) -> StepNumber {
    StepNumber::new(number).unwrap_or(StepNumber::MAX)
}

/// The pad with this number, or the last possible one.
fn clamped_pad(number: u8) -> PadNumber {
    PadNumber::new(number).unwrap_or(PadNumber::MAX)
}
