//! The piano roll: the notes of the selected instrument over time.
//!
//! It keeps a cursor and a cache of the track; notes live in the model.

mod edit;
pub(super) mod grid;
pub(super) mod paint;
mod survey;

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
    edit::Here,
    grid::{Grid, Window, Zoom},
    paint::{NAMES, Paint},
    survey::Survey,
};
use super::{Key, Pane, instruments::owner};
use crate::{app::place, intent::Intent, theme, view::View, words};

/// The piano roll.
#[derive(Debug, Default)]
pub struct PianoRoll {
    zoom: Zoom,
    /// The length of the next note: that of the last resized note, else one grid step.
    length: Option<NoteLength>,
    /// Where the marked region begins; it extends to the cursor.
    mark: Option<Ticks>,
    /// Whether the window follows the playhead.
    following: bool,
    survey: Survey,
    /// The instrument and the window of the last frame.
    window: Cell<Option<(InstrumentId, Window)>>,
}

impl Pane for PianoRoll {
    fn title(&self) -> &'static str {
        "Roll"
    }

    fn keys(&self) -> &'static [Key] {
        &[
            ("arrows", "move the cursor"),
            ("Page ↑ ↓", "by an octave"),
            ("Home End", "to the beginning, to the last note"),
            ("Enter", "add or remove a note"),
            ("Shift ↑ →", "move the note"),
            ("+ -", "longer, shorter"),
            ("< >", "softer, louder"),
            ("p", "less likely"),
            ("b", "mark from here on, Esc ends it"),
            ("y x v", "copy, cut, paste"),
            ("D", "delete"),
            ("l", "loop what is marked, or on and off"),
            ("A", "arm for recording"),
            ("o", "one note at a time, or many"),
            ("z Z", "closer, further away"),
            ("f", "follow the music"),
        ]
    }

    fn keeps(&self) -> DirtyFlags {
        DirtyFlags::PIANO_ROLL
    }

    fn refresh(&mut self, view: &View) {
        let track = view.selected().and_then(|(id, _)| view.studio().piano_roll.track(id));
        self.survey = track.map(Survey::of).unwrap_or_default();
    }

    fn key(&mut self, key: KeyEvent, view: &View) -> Option<Intent> {
        let here = self.here(view)?;
        match key.code {
            KeyCode::Char('z') => self.zoom = self.zoom.by(1),
            KeyCode::Char('Z') => self.zoom = self.zoom.by(-1),
            KeyCode::Char('f') => self.following = !self.following,
            KeyCode::Char('b') => self.mark = Some(here.tick),
            KeyCode::Esc => self.mark = None,
            _ => return self.edit(key, &here),
        }
        Some(Intent::Nothing)
    }

    fn draw(&self, view: &View, area: Rect, buffer: &mut Buffer) {
        let Some(here) = self.here(view) else {
            let hint = "no instrument is selected: [ ] selects one";
            return Line::styled(hint, theme::QUIET).render(area, buffer);
        };
        let [heading, roll, detail] =
            Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)])
                .areas(area);
        let window = self.window(&here, roll);
        self.heading(&here, window).render(heading, buffer);
        let region = self.marked(&here);
        Paint { here: &here, survey: &self.survey, window, region }.draw(roll, buffer);
        self.detail(&here).render(detail, buffer);
    }
}

impl PianoRoll {
    /// The cursor, in the track of the selected instrument.
    fn here<'a>(&self, view: &'a View<'a>) -> Option<Here<'a>> {
        let (id, _) = view.selected()?;
        let track = view.studio().piano_roll.track(id)?;
        let grid = Grid::of(&view.studio().session, self.zoom);
        let (tick, pitch) = view.mine.cursor();
        let note = self.survey.note_at(track, (tick, pitch), grid.stride());
        Some(Here { view, id, track, grid, tick, pitch, note })
    }

    /// The visible window: that of the last frame, scrolled as little as the cursor or
    /// the playhead requires.
    fn window(&self, here: &Here, area: Rect) -> Window {
        let (columns, rows) = (area.width.saturating_sub(NAMES), area.height.saturating_sub(1));
        let before = self.window.get();
        let was = before.map(|(_, window)| window).unwrap_or_default();
        let mut window = was.sized(columns, rows, &here.grid);
        if before.is_none_or(|(id, _)| id != here.id) {
            // A track that was not shown before is scrolled to its notes.
            let here = u16::from(here.pitch.get());
            let middle = |(low, high): (_, _)| u16::midpoint(low, high);
            let range = self.survey.range.map(|(low, high)| (low.get().into(), high.get().into()));
            window = window.around(range.map_or(here, middle));
        }
        let at = (here.tick, here.pitch);
        let metering = here.view.metering;
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
    fn heading<'a>(&self, here: &Here, window: Window) -> Line<'a> {
        let Here { view, id, track, .. } = here;
        let session = &view.studio().session;
        let settings = |studio: &StudioState| {
            let track = studio.piano_roll.track(*id);
            track.map(|track| (track.voices, track.armed, track.looping, track.region))
        };
        let certain = view.is_certain(settings);
        let mut line = Line::styled(words::instrument(view.studio(), *id), theme::HEADING);
        line.push_span(Span::raw(" "));
        line.extend(owner(view, *id));
        let voices = match track.voices {
            Voices::Poly => "poly",
            Voices::Mono => "mono",
        };
        let voices = format!("  {voices}{}", theme::mark(certain));
        line.push_span(Span::styled(voices, theme::certain(certain)));
        if track.armed {
            line.push_span(Span::styled("  ● armed", theme::WRONG));
        }
        if track.looping {
            let region = span(here, track.region);
            line.push_span(Span::styled(format!("  ⟲ {region}"), theme::CAREFUL));
        }
        if self.following {
            line.push_span(Span::styled("  follows", theme::WELL));
        }
        let notes = match self.survey.range {
            Some((low, high)) => {
                let there = |key, arrow| if window.row(key).is_none() { arrow } else { "" };
                let arrows = [there(low, "↓"), there(high, "↑")].concat();
                let (low, high) = (words::pitch(low), words::pitch(high));
                format!("{} notes {low}–{high}{arrows}", track.len())
            }
            None => "no notes".into(),
        };
        line.push_span(Span::styled(format!("  {notes}"), theme::QUIET));
        let snap = session.snap.map_or_else(|| "off".into(), words::of);
        let grid = format!("  grid {snap}{}", self.zoom.name());
        line.push_span(Span::styled(grid, theme::QUIET));
        line
    }

    /// What is under the cursor, or the marked region.
    fn detail<'a>(&self, here: &Here) -> Line<'a> {
        if let Some(region) = self.marked(here) {
            let keys = "  y copy  x cut  D delete  l loop";
            return Line::from(vec![
                Span::styled(format!("marked {}", span(here, region)), theme::MARKED),
                Span::styled(keys, theme::QUIET),
            ]);
        }
        let session = &here.view.studio().session;
        let Some(note) = here.note else {
            let at = format!("{} {}", place(here.tick, session), words::pitch(here.pitch));
            return Line::from(vec![
                Span::raw(at),
                Span::styled("  Enter adds a note", theme::QUIET),
            ]);
        };
        let Note { tick, pitch, length, velocity, probability } = note;
        let certain = is_certain(here.view, here.id, &note);
        let likely = match probability {
            Probability::MAX => String::new(),
            less => format!("  {less} likely"),
        };
        let words = format!(
            "{} {}{}  length {length}  velocity {velocity}{likely}",
            place(tick, session),
            words::pitch(pitch),
            theme::mark(certain),
        );
        Line::styled(words, theme::certain(certain))
    }
}

/// Whether the authority has confirmed this note as it is shown.
fn is_certain(view: &View, id: InstrumentId, note: &Note) -> bool {
    let track = |studio: &StudioState| -> Option<Note> {
        studio.piano_roll.track(id).and_then(|track| track.note(note.tick, note.pitch))
    };
    view.is_certain(track)
}

/// A region as text.
fn span(here: &Here, region: LoopRegion) -> String {
    let session = &here.view.studio().session;
    format!("{} – {}", place(region.start(), session), place(region.end(), session))
}
