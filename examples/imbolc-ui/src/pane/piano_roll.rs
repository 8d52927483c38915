//! The piano roll: the notes of the selected instrument over time.
//!
//! It keeps a cursor and a cache of the track; notes live in the model.

pub(super) mod grid;
mod note_editing;
mod note_index;
pub(super) mod roll_painter;

use std::cell::Cell;

use crossterm::event::{KeyCode, KeyEvent};
use imbolc_net::{
    model::{DirtyFlags, InstrumentId},
    studio::{LoopRegion, Note, StudioState, Voices},
    util::quantity::{NoteLength, Probability, Ticks},
};
use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::Widget as _,
};

use self::{
    grid::{Grid, RollWindow, Zoom},
    note_editing::NoteCursor,
    note_index::NoteIndex,
    roll_painter::{NAME_COLUMNS, RollPainter},
};
use super::{KeyHelp, Pane, instruments::owner_spans};
use crate::{app::bar_beat_tick, describe, intent::Intent, theme, view::View};

/// The piano roll.
#[derive(Debug, Default)]
pub struct PianoRollPane {
    zoom: Zoom,
    /// The length of the next note: that of the last resized note, else one grid step.
    length: Option<NoteLength>,
    /// Where the marked region begins; it extends to the cursor.
    mark: Option<Ticks>,
    /// Whether the window follows the playhead.
    following: bool,
    note_index: NoteIndex,
    /// The instrument and the window of the last frame.
    window: Cell<Option<(InstrumentId, RollWindow)>>,
}

impl Pane for PianoRollPane {
    fn title(&self) -> &'static str {
        "Roll"
    }

    fn key_help(&self) -> &'static [KeyHelp] {
        &[
            ("arrows", "move the cursor"),
            ("Page ↑ ↓", "move by an octave"),
            (", .", "back, forward by a bar"),
            ("Home End", "to the start, the last note"),
            ("Enter", "add or remove a note"),
            ("Shift ↑ →", "move the note"),
            ("+ -", "longer, shorter"),
            ("< >", "velocity down, up"),
            ("p", "lower the probability"),
            ("b", "start marking; Esc: cancel"),
            ("y x v", "copy, cut, paste"),
            ("D", "delete"),
            ("l", "loop the mark, or on/off"),
            ("A", "arm: R and Space record it"),
            ("o", "mono or poly"),
            ("z Z", "zoom in, out"),
            ("f", "follow the playhead"),
            ("g", "playhead to the cursor"),
        ]
    }

    fn cached_parts(&self) -> DirtyFlags {
        DirtyFlags::PIANO_ROLL
    }

    fn refresh(&mut self, view: &View) {
        let track = view.selected().and_then(|(id, _)| view.studio().piano_roll.track(id));
        self.note_index = track.map(NoteIndex::of).unwrap_or_default();
    }

    fn handle_key(&mut self, key: KeyEvent, view: &View) -> Option<Intent> {
        let here = self.here(view)?;
        match key.code {
            KeyCode::Char('z') => self.zoom = self.zoom.by(1),
            KeyCode::Char('Z') => self.zoom = self.zoom.by(-1),
            KeyCode::Char('f') => self.following = !self.following,
            KeyCode::Char('b') => self.mark = Some(here.tick),
            KeyCode::Esc if self.mark.is_some() => self.mark = None,
            _ => return self.edit(key, &here),
        }
        Some(Intent::Nothing)
    }

    fn draw(&self, view: &View, area: Rect, buffer: &mut Buffer) {
        let Some(here) = self.here(view) else {
            let hint = "no instrument selected: press [ or ]";
            return Line::styled(hint, theme::DIM).render(area, buffer);
        };
        let [heading, roll, detail] =
            Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)])
                .areas(area);
        let window = self.window(&here, roll);
        self.heading(&here, window).render(heading, buffer);
        let region = self.marked(&here);
        RollPainter { here: &here, note_index: &self.note_index, window, region }
            .draw(roll, buffer);
        self.detail(&here).render(detail, buffer);
    }
}

impl PianoRollPane {
    /// The cursor, in the track of the selected instrument.
    fn here<'a>(&self, view: &'a View<'a>) -> Option<NoteCursor<'a>> {
        let (id, _) = view.selected()?;
        let track = view.studio().piano_roll.track(id)?;
        let grid = Grid::of(&view.studio().session, self.zoom);
        let (tick, pitch) = view.client.cursor();
        let note = self.note_index.note_at(track, (tick, pitch), grid.stride());
        Some(NoteCursor { view, id, track, grid, tick, pitch, note })
    }

    /// The visible window: that of the last frame, scrolled as little as the cursor or
    /// the playhead requires.
    fn window(&self, here: &NoteCursor, area: Rect) -> RollWindow {
        let (columns, rows) =
            (area.width.saturating_sub(NAME_COLUMNS), area.height.saturating_sub(1));
        let before = self.window.get();
        let was = before.map(|(_, window)| window).unwrap_or_default();
        let mut window = was.sized(columns, rows, &here.grid);
        if before.is_none_or(|(id, _)| id != here.id) {
            // A track that was not shown before is scrolled to its notes.
            let here = u16::from(here.pitch.get());
            let middle = |(low, high): (_, _)| u16::midpoint(low, high);
            let range =
                self.note_index.range.map(|(low, high)| (low.get().into(), high.get().into()));
            window = window.around(range.map_or(here, middle));
        }
        let at = (here.tick, here.pitch);
        let metering = &here.view.metering;
        if self.following && metering.playing {
            let playhead = here.track.local(metering.playhead.get());
            let left = window.left;
            window = window.with(at, &here.grid);
            window.left = left;
            window = window.turned_to(playhead, &here.grid);
        } else {
            window = window.with(at, &here.grid);
        }
        self.window.set(Some((here.id, window)));
        window
    }

    /// The instrument, its owner and how it is played.
    fn heading<'a>(&self, here: &NoteCursor, window: RollWindow) -> Line<'a> {
        let NoteCursor { view, id, track, .. } = here;
        let session = &view.studio().session;
        let settings = |studio: &StudioState| {
            let track = studio.piano_roll.track(*id);
            track.map(|track| (track.voices, track.armed, track.looping, track.region))
        };
        let certain = view.is_confirmed(settings);
        let mut line = Line::styled(describe::instrument_label(view.studio(), *id), theme::HEADING);
        line.push_span(Span::raw(" "));
        line.extend(owner_spans(view, *id));
        let voices = match track.voices {
            Voices::Poly => "poly",
            Voices::Mono => "mono",
        };
        let voices = format!("  {voices}{}", theme::unconfirmed_mark(certain));
        line.push_span(Span::styled(voices, theme::value_style(certain)));
        if track.armed {
            line.push_span(Span::styled("  ● armed", theme::ERROR));
        }
        if track.looping {
            let region = region_text(here, track.region);
            line.push_span(Span::styled(format!("  ⟲ {region}"), theme::WARNING));
        }
        if self.following {
            line.push_span(Span::styled("  following", theme::GOOD));
        }
        let notes = match self.note_index.range {
            Some((low, high)) => {
                let there = |key, arrow| if window.row(key).is_none() { arrow } else { "" };
                let arrows = [there(low, "↓"), there(high, "↑")].concat();
                format!("{} notes {low}–{high}{arrows}", track.len())
            }
            None => "no notes".into(),
        };
        line.push_span(Span::styled(format!("  {notes}"), theme::DIM));
        let snap = session.snap.map_or_else(|| "off".into(), describe::label);
        let grid = format!("  grid {snap}{}", self.zoom.name());
        line.push_span(Span::styled(grid, theme::DIM));
        line
    }

    /// What is under the cursor, or the marked region.
    fn detail<'a>(&self, here: &NoteCursor) -> Line<'a> {
        if let Some(region) = self.marked(here) {
            let keys = "  y copy  x cut  D delete  l loop";
            return Line::from(vec![
                Span::styled(format!("marked {}", region_text(here, region)), theme::MARKED),
                Span::styled(keys, theme::DIM),
            ]);
        }
        let session = &here.view.studio().session;
        let Some(note) = here.note else {
            let at = format!("{} {}", bar_beat_tick(here.tick, session), here.pitch);
            return Line::from(vec![
                Span::raw(at),
                Span::styled("  Enter: add a note", theme::DIM),
            ]);
        };
        let Note { tick, pitch, length, velocity, probability } = note;
        let certain = note_is_confirmed(here.view, here.id, &note);
        let likely = match probability {
            Probability::MAX => String::new(),
            less => format!("  {less} likely"),
        };
        let text = format!(
            "{} {pitch}{}  length {length}  velocity {velocity}{likely}",
            bar_beat_tick(tick, session),
            theme::unconfirmed_mark(certain),
        );
        Line::styled(text, theme::value_style(certain))
    }
}

/// Whether the authority has confirmed this note as it is shown.
fn note_is_confirmed(view: &View, id: InstrumentId, note: &Note) -> bool {
    let track = |studio: &StudioState| -> Option<Note> {
        studio.piano_roll.track(id).and_then(|track| track.note(note.tick, note.pitch))
    };
    view.is_confirmed(track)
}

/// A region as text.
fn region_text(here: &NoteCursor, region: LoopRegion) -> String {
    let session = &here.view.studio().session;
    format!("{} – {}", bar_beat_tick(region.start(), session), bar_beat_tick(region.end(), session))
}
