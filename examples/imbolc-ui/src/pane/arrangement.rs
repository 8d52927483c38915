//! The arrangement pane: which clips of the instruments are played, and when.
//!
//! It shows clips and placements; notes inside a clip belong to the piano roll.

mod arrangement_painter;
mod clip_editing;

use std::cell::Cell;

use crossterm::event::{KeyCode, KeyEvent};
use imbolc_net::{
    model::{DirtyFlags, InstrumentId},
    studio::{Added, AtEnd, Clip, ClipId, Part, PlayMode, StudioState},
    util::{
        quantity::Ticks,
        text::{columns, fitted, padded},
    },
};
use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::Style,
    text::{Line, Span},
    widgets::{Block, Borders, Paragraph, Widget as _},
};

use self::{
    arrangement_painter::{ArrangementPainter, INSTRUMENT_COLUMNS},
    clip_editing::ClipCursor,
};
use super::{KeyHelp, Pane, instruments::owner_spans, piano_roll::grid::Grid};
use crate::{app::bar_beat_tick, describe, intent::Intent, theme, view::View};

/// The arrangement pane.
#[derive(Debug, Default)]
pub struct ArrangementPane {
    /// The instruments, one per row.
    ids: Vec<InstrumentId>,
    /// The chosen clip of the selected instrument.
    clip: Option<ClipId>,
    /// The first tick of the last frame.
    left: Cell<u32>,
}

impl Pane for ArrangementPane {
    fn title(&self) -> &'static str {
        "Arrange"
    }

    fn key_help(&self) -> &'static [KeyHelp] {
        &[
            ("↑ ↓", "previous, next instrument"),
            ("← →", "move by a bar"),
            ("Shift ← →", "move the placement or the cursor"),
            ("Home End", "move to the start, the end"),
            ("Enter", "place or remove the clip"),
            ("+ -", "longer, shorter by a bar"),
            ("d", "repeat the placement"),
            ("< >", "previous, next clip"),
            ("a", "add a clip"),
            ("C", "capture the loop as a clip"),
            ("n D", "rename, delete the clip"),
            ("o", "play the roll or the clips"),
            ("e", "behaviour at the end"),
            ("g", "playhead to the cursor"),
        ]
    }

    fn cached_parts(&self) -> DirtyFlags {
        DirtyFlags::INSTRUMENTS
    }

    fn refresh(&mut self, view: &View) {
        self.ids = view.studio().instruments.iter().map(|(id, _)| id).collect();
    }

    fn handle_key(&mut self, key: KeyEvent, view: &View) -> Option<Intent> {
        match key.code {
            KeyCode::Char('o') => return Some(clip_editing::next_mode(view)),
            KeyCode::Char('e') => return Some(clip_editing::next_end(view)),
            _ => {}
        }
        let here = self.here(view)?;
        self.edit(key, &here)
    }

    fn select_added(&mut self, added: Added, _view: &View) {
        if let Added::Clip(_, clip) = added {
            self.clip = Some(clip);
        }
    }

    fn draw(&self, view: &View, area: Rect, buffer: &mut Buffer) {
        let [heading, body, detail] =
            Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)])
                .areas(area);
        arrangement_heading(view).render(heading, buffer);
        let width = if area.width < 80 { 17 } else { 25 };
        let [rows, right] =
            Layout::horizontal([Constraint::Fill(1), Constraint::Length(width)]).areas(body);
        let block = Block::new().borders(Borders::LEFT).border_style(theme::DIM);
        let clips = block.inner(right);
        block.render(right, buffer);
        let cursor = self.here(view).map_or(Ticks::MIN, |here| here.tick);
        let grid = Grid::beats(&view.studio().session);
        let left =
            grid.left(self.left.get(), cursor, rows.width.saturating_sub(INSTRUMENT_COLUMNS));
        self.left.set(left);
        ArrangementPainter { view, ids: &self.ids, grid, left, cursor }.draw(rows, buffer);
        match self.here(view) {
            Some(here) => {
                draw_clips(&here, clips, buffer);
                placement_detail(&here).render(detail, buffer);
            }
            None => Line::styled("no instrument selected: press [ or ]", theme::DIM)
                .render(detail, buffer),
        }
    }
}

impl ArrangementPane {
    /// The cursor, in the part of the selected instrument.
    fn here<'a>(&self, view: &'a View<'a>) -> Option<ClipCursor<'a>> {
        let (id, _) = view.selected()?;
        let part = view.studio().arrangement.part(id);
        let grid = Grid::beats(&view.studio().session);
        let (tick, pitch) = view.client.cursor();
        let tick = grid.beside(tick, 0);
        let under = |tick: Ticks| {
            let all = part.into_iter().flat_map(Part::placements);
            let here = all.filter(move |(_, it)| {
                it.tick.get() < tick.get() + grid.column && tick.get() < it.end()
            });
            here.map(|(id, it)| (id, *it)).max_by_key(|(id, it)| (it.tick, *id))
        };
        let clip = part.and_then(|part| {
            let there = self.clip.filter(|id| part.clip(*id).is_some());
            there.or_else(|| part.clips().map(|(id, _)| id).next())
        });
        Some(ClipCursor { view, id, part, grid, tick, pitch, clip, placement: under(tick) })
    }
}

/// What is played, and where it ends.
fn arrangement_heading<'a>(view: &View) -> Line<'a> {
    let studio = view.studio();
    let arrangement = &studio.arrangement;
    let certain =
        |of: fn(&StudioState) -> (PlayMode, AtEnd)| theme::unconfirmed_mark(view.is_confirmed(of));
    let mark = certain(|studio| (studio.arrangement.play, studio.arrangement.at_end));
    let (what, style) = match arrangement.play {
        PlayMode::PianoRoll => {
            ("plays the piano roll, not the clips (o changes it)", theme::WARNING)
        }
        PlayMode::Arrangement => ("plays the arrangement", theme::GOOD),
    };
    let end = match arrangement.end() {
        0 => "no placements".into(),
        end => {
            let end = Ticks::new(end).unwrap_or(Ticks::MAX);
            format!("ends at {}", bar_beat_tick(end, &studio.session))
        }
    };
    let then = match arrangement.at_end {
        AtEnd::GoOn => "then continues",
        AtEnd::Stop => "then stops",
        AtEnd::Repeat => "then repeats",
    };
    Line::from(vec![
        Span::styled(format!("{what}{mark}"), style),
        Span::raw(format!("  {end}  {then}")),
    ])
}

/// The clips of the selected instrument.
fn draw_clips(here: &ClipCursor, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let name = describe::instrument_label(here.view.studio(), here.id);
    let heading = fitted(&format!("clips of {name}"), width);
    let mut lines = vec![Line::styled(heading, theme::HEADING)];
    let clips: Vec<_> = here.part.into_iter().flat_map(Part::clips).collect();
    if clips.is_empty() {
        lines.push(Line::styled("none: a adds one", theme::DIM));
    }
    let rows = usize::from(area.height.saturating_sub(1));
    let at = clips.iter().position(|(id, _)| Some(*id) == here.clip).unwrap_or_default();
    let first = (at + 1).saturating_sub(rows);
    for (id, clip) in clips.into_iter().skip(first).take(rows) {
        let certain = clip_is_confirmed(here, id, clip);
        let long = here.length(clip.length.get());
        let room = width.saturating_sub(columns(&long) + 5);
        let name = fitted(clip.name.as_str(), room) + theme::unconfirmed_mark(certain);
        let line = format!("{id:>2} {} {long}", padded(&name, room + 1));
        let line = Line::styled(line, theme::value_style(certain));
        let chosen = here.clip == Some(id);
        lines.push(if chosen { line.patch_style(theme::SELECTED) } else { line });
    }
    Paragraph::new(lines).render(area, buffer);
}

/// Whether the authority has confirmed the clip as it is shown.
fn clip_is_confirmed(here: &ClipCursor, id: ClipId, clip: &Clip) -> bool {
    let view = here.view;
    let confirmed = || view.confirmed.model.arrangement.part(here.id)?.clip(id);
    std::sync::Arc::ptr_eq(&view.state, &view.confirmed) || confirmed() == Some(clip)
}

/// What is under the cursor.
fn placement_detail<'a>(here: &ClipCursor) -> Line<'a> {
    let ClipCursor { view, id, tick, placement, .. } = here;
    let session = &view.studio().session;
    let name = describe::instrument_label(view.studio(), *id);
    let mut line = Line::styled(format!("{} {name} ", bar_beat_tick(*tick, session)), Style::new());
    line.extend(owner_spans(view, *id));
    match placement {
        Some((number, placement)) => {
            let of = |studio: &StudioState| {
                studio.arrangement.part(*id).and_then(|part| part.placement(*number).copied())
            };
            let certain = view.is_confirmed(of);
            let clip = here.part.and_then(|part| part.clip(placement.clip));
            let clip = clip.map(|clip| clip.name.to_string()).unwrap_or_default();
            let start = bar_beat_tick(placement.tick, session);
            let long = here.length(placement.length.get());
            let text = format!("  {clip}{} from {start}, {long}", theme::unconfirmed_mark(certain));
            line.push_span(Span::styled(text, theme::value_style(certain)));
        }
        None if here.clip.is_some() => {
            line.push_span(Span::styled("  Enter: place the clip", theme::DIM));
        }
        None => line.push_span(Span::styled("  no clip to place", theme::DIM)),
    }
    line
}
