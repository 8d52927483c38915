//! The drum pane: the pads of a drum machine, and the steps at which they are struck.
//!
//! It shows the machine of the selected instrument; sounds are the engine's business.

mod edit;
mod paint;
mod playing;

use std::cell::Cell;

use crossterm::event::{KeyCode, KeyEvent};
use imbolc_net::{
    studio::{PadSound, Pattern, Step, StepRegion, StudioState},
    util::quantity::{PadNumber, StepNumber},
};
use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::Style,
    text::{Line, Span},
    widgets::Widget as _,
};

use self::{
    edit::Here,
    paint::{Paint, Window},
};
use super::{Key, Pane, instruments::owner};
use crate::{intent::Intent, theme, view::View, words};

/// The drum pane.
#[derive(Debug)]
pub struct Drums {
    pad: PadNumber,
    step: StepNumber,
    /// The corner where the marked region begins; it extends to the cursor.
    mark: Option<(PadNumber, StepNumber)>,
    /// What the last frame showed.
    window: Cell<Window>,
}

impl Default for Drums {
    fn default() -> Self {
        Self { pad: PadNumber::MIN, step: StepNumber::MIN, mark: None, window: Cell::default() }
    }
}

impl Pane for Drums {
    fn title(&self) -> &'static str {
        "Drums"
    }

    fn keys(&self) -> &'static [Key] {
        &[
            ("arrows", "another pad, another step"),
            ("Home End", "to the first step, to the last"),
            ("Enter", "strike the pad at the step, or not"),
            ("+ -", "harder, softer"),
            ("p", "less likely"),
            (", .", "lower, higher"),
            ("b", "mark from here on, Esc ends it"),
            ("y x v", "copy, cut, paste"),
            ("Delete", "delete steps"),
            ("< >", "the pattern before, after"),
            ("a D", "add a pattern, delete it"),
            ("E", "spread hits over the pattern"),
            ("h H", "chain on and off, another chain"),
            ("n S", "name the pad, another sound for it"),
            ("C V", "cut into slices, give them to pads"),
        ]
    }

    fn key(&mut self, key: KeyEvent, view: &View) -> Option<Intent> {
        let here = self.here(view)?;
        match key.code {
            KeyCode::Up => self.pad = pad(here.pad.get().saturating_sub(1)),
            KeyCode::Down => self.pad = pad(here.pad.get() + 1),
            KeyCode::Left => self.step = step(here.step.get().saturating_sub(1)),
            KeyCode::Right => self.step = here.last().min(step(here.step.get() + 1)),
            KeyCode::Home => self.step = StepNumber::MIN,
            KeyCode::End => self.step = here.last(),
            KeyCode::Char('b') => self.mark = Some((here.pad, here.step)),
            KeyCode::Esc => self.mark = None,
            _ => return self.edit(key, &here),
        }
        Some(Intent::Nothing)
    }

    fn draw(&self, view: &View, area: Rect, buffer: &mut Buffer) {
        let Some(here) = self.here(view) else {
            return Line::styled(hint(view), theme::QUIET).render(area, buffer);
        };
        let [heading, pads, detail] =
            Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)])
                .areas(area);
        heading_of(&here).render(heading, buffer);
        let window = self.window.get().showing((here.pad, here.step), pads);
        self.window.set(window);
        let playing = playing::step(view, here.machine);
        let playing = playing.filter(|(id, _)| Some(*id) == here.machine.current());
        Paint {
            here: &here,
            window,
            region: self.marked(&here),
            playing: playing.map(|(_, step)| step),
        }
        .draw(pads, buffer);
        self.detail(&here).render(detail, buffer);
    }
}

impl Drums {
    /// The cursor, in the drum machine of the selected instrument.
    fn here<'a>(&self, view: &'a View<'a>) -> Option<Here<'a>> {
        let (id, _) = view.selected()?;
        let machine = view.studio().drums.machine(id)?;
        let current = machine.current();
        let pattern = current.and_then(|id| Some((id, machine.pattern(id)?)));
        // Another participant may have shortened the pattern.
        let step = pattern.map_or(StepNumber::MIN, |(_, pattern)| self.step.min(last(pattern)));
        Some(Here { view, id, machine, pattern, pad: self.pad, step })
    }

    /// The marked region, including the step of the cursor.
    fn marked(&self, here: &Here) -> Option<StepRegion> {
        let (pad, step) = self.mark?;
        let first = (pad.min(here.pad), step.min(here.step));
        StepRegion::new(first, (pad.max(here.pad), step.max(here.step))).ok()
    }

    /// What is under the cursor, or the marked region.
    fn detail<'a>(&self, here: &Here) -> Line<'a> {
        let pad = here.machine.pad(here.pad);
        let at = format!("pad {} step {}", here.pad.get() + 1, here.step.get() + 1);
        if let Some((from, step)) = self.mark {
            let from =
                format!("marked from pad {} step {} to {at}", from.get() + 1, step.get() + 1);
            return Line::from(vec![
                Span::styled(from, theme::MARKED),
                Span::styled("  y copy  x cut", theme::QUIET),
            ]);
        }
        let Some(struck) = here.struck() else {
            return Line::styled(format!("{at}: {}", played(here, &pad.sound)), theme::QUIET);
        };
        let certain = here.is_certain(here.pad, here.step);
        let Step { velocity, pitch, .. } = struck;
        let pitch = match pitch.get() {
            0 => String::new(),
            by => format!("  pitch {by:+}"),
        };
        let likely = match theme::percent(struck.probability) {
            100 => String::new(),
            percent => format!("  {percent} % likely"),
        };
        let words = format!("{at}{}: velocity {velocity}{pitch}{likely}", theme::mark(certain));
        Line::styled(words, theme::certain(certain))
    }
}

/// What a pad plays; for a slice, its range in the sample.
fn played(here: &Here, sound: &PadSound) -> String {
    let words = paint::sound(here, sound);
    let chopper = here.machine.chopper();
    match sound {
        PadSound::Nothing => "plays nothing, S gives it a sound".into(),
        PadSound::Slice(id) => {
            let sample = chopper.sample.as_ref().map_or("no sample", |it| it.name.as_str());
            let slice = chopper.slice(*id);
            let part = slice.map(|it| [it.start(), it.end()].map(theme::percent));
            let [start, end] = part.unwrap_or_default();
            format!("{words} of {}: {start}–{end} % of {sample}", chopper.slices().count())
        }
        _ => words,
    }
}

/// What to do if there is no drum machine to show.
fn hint(view: &View) -> String {
    match view.selected() {
        None => "no instrument is selected: [ ] selects one".into(),
        Some((id, _)) => {
            let name = words::instrument(view.studio(), id);
            format!("{name} is no drum kit: [ ] selects another instrument")
        }
    }
}

/// The instrument, its owner and the current pattern.
fn heading_of<'a>(here: &Here) -> Line<'a> {
    let Here { view, id, machine, pattern, .. } = here;
    let settings = |studio: &StudioState| {
        let machine = studio.drums.machine(*id)?;
        let pattern = machine.pattern(machine.current()?)?;
        let chain = (machine.chained, machine.chain().clone());
        let pattern = (pattern.name.clone(), pattern.length, pattern.resolution);
        Some((machine.current(), machine.swing, chain, pattern))
    };
    let certain = view.is_certain(settings);
    let mut line = Line::styled(words::instrument(view.studio(), *id), theme::HEADING);
    line.push_span(Span::raw(" "));
    line.extend(owner(view, *id));
    let shown = match pattern {
        Some((id, pattern)) => {
            let count = machine.patterns().count();
            let at = machine.patterns().take_while(|(other, _)| other <= id).count();
            let (steps, lasts) = (pattern.length.get(), words::of(pattern.resolution));
            let mark = theme::mark(certain);
            format!("  {id} {} ({at} of {count})  {steps} × {lasts}{mark}", pattern.name)
        }
        None => "  no pattern: a adds one".into(),
    };
    line.push_span(Span::styled(shown, theme::certain(certain)));
    match theme::percent(machine.swing) {
        0 => {}
        swing => line.push_span(Span::raw(format!("  swing {swing} %"))),
    }
    line.extend(chain(here));
    line
}

/// The pattern chain, with the playing link marked.
fn chain<'a>(here: &Here) -> Vec<Span<'a>> {
    let patterns = here.machine.chain().patterns();
    if patterns.is_empty() {
        return Vec::new();
    }
    let chained = here.machine.chained;
    let (name, style) =
        if chained { ("  chain", Style::new()) } else { ("  chain off:", theme::QUIET) };
    let at = playing::link(here.view, here.machine);
    let mut spans = vec![Span::styled(name, style)];
    spans.extend(patterns.iter().enumerate().map(|(n, id)| {
        if at == Some(n) {
            Span::styled(format!(" ▸{id}"), theme::WELL)
        } else {
            Span::styled(format!(" {id}"), style)
        }
    }));
    spans
}

/// The last step of a pattern.
fn last(pattern: &Pattern) -> StepNumber {
    step(pattern.length.get() - 1)
}

/// The step with this number, or the last possible one.
fn step(number: u8) -> StepNumber {
    StepNumber::new(number).unwrap_or(StepNumber::MAX)
}

/// The pad with this number, or the last possible one.
fn pad(number: u8) -> PadNumber {
    PadNumber::new(number).unwrap_or(PadNumber::MAX)
}
