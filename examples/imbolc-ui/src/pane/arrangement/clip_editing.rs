//! The keys of the arrangement: they place, move and resize clips.
//!
//! They return intents from a cursor and a view; nothing is drawn here.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use imbolc_net::{
    model::InstrumentId,
    studio::{
        ArrangementSetting, AtEnd, ClipAction, ClipId, NetworkAction, Part, Placement,
        PlacementAction, PlacementId, PlayMode, SelectionAction, TransportAction,
    },
    util::quantity::{NoteLength, Pitch, Ticks},
};

use super::ArrangementPane;
use crate::{
    intent::Intent,
    pane::piano_roll::grid::{Grid, clamped_ticks},
    view::View,
};

/// The cursor, and what is under it.
pub(super) struct ClipCursor<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) id: InstrumentId,
    /// The clips and placements of the instrument, if it has any.
    pub(super) part: Option<&'a Part>,
    pub(super) grid: Grid,
    pub(super) tick: Ticks,
    /// The pitch of the piano roll's cursor, which stays as it is.
    pub(super) pitch: Pitch,
    /// The chosen clip.
    pub(super) clip: Option<ClipId>,
    /// The placement under the cursor.
    pub(super) placement: Option<(PlacementId, Placement)>,
}

impl ClipCursor<'_> {
    fn act(&self, action: PlacementAction) -> Intent {
        NetworkAction::Placement(self.id, action).into()
    }

    fn go_to(&self, tick: i64) -> Intent {
        SelectionAction::Cursor(clamped_ticks(tick), self.pitch).into()
    }

    /// Moves the cursor by bars, to the start of a bar.
    fn go_bars(&self, bars: i64) -> Intent {
        let (at, bar) = (i64::from(self.tick.get()), i64::from(self.grid.bar));
        // From within a bar, the first step back goes to the start of that bar.
        let line = at / bar + i64::from(at % bar != 0 && bars < 0);
        self.go_to((line + bars) * bar)
    }

    /// Moves the placement under the cursor by beats, together with the cursor; without
    /// a placement, moves the cursor.
    fn go_beats(&self, beats: i64) -> Intent {
        let by = beats * i64::from(self.grid.stride());
        let cursor = self.go_to(i64::from(self.tick.get()) + by);
        let Some((id, placement)) = self.placement else { return cursor };
        let to = clamped_ticks(i64::from(placement.tick.get()) + by);
        if to == placement.tick {
            return Intent::Nothing;
        }
        (self.act(PlacementAction::Move(id, to)), cursor).into()
    }

    /// Edits the placement under the cursor.
    fn edit(&self, edit: impl FnOnce(PlacementId, Placement) -> Intent) -> Intent {
        match self.placement {
            Some((id, placement)) => edit(id, placement),
            None => Intent::ShowError("no placement under the cursor".into()),
        }
    }

    /// Places the chosen clip, or removes the placement under the cursor.
    fn toggle(&self) -> Intent {
        match (self.placement, self.part, self.clip) {
            (Some((id, _)), ..) => self.act(PlacementAction::Remove(id)),
            (None, Some(part), Some(clip)) => {
                let placement = part.free_placement();
                self.act(PlacementAction::Place { placement, clip, tick: self.tick })
            }
            _ => Intent::ShowError("no clip to place: press a to add one".into()),
        }
    }

    /// Makes the placement longer or shorter by bars, but not shorter than one bar.
    fn resize(&self, bars: i64) -> Intent {
        self.edit(|id, placement| {
            let (length, bar) = (i64::from(placement.length.get()), i64::from(self.grid.bar));
            let new = (length + bars * bar).max(length.min(bar));
            let new = u32::try_from(new).ok().and_then(|new| NoteLength::new(new).ok());
            match new.filter(|new| *new != placement.length) {
                Some(new) => self.act(PlacementAction::Resize(id, new)),
                None => Intent::Nothing,
            }
        })
    }

    /// Repeats the placement directly after itself, and moves the cursor there.
    fn duplicate(&self) -> Intent {
        self.edit(|placement, original| {
            let Some(part) = self.part else { return Intent::Nothing };
            let Ok(tick) = Ticks::new(original.end()) else {
                return Intent::ShowError("no room after the placement".into());
            };
            let copy = part.free_placement();
            let duplicate = PlacementAction::Duplicate { placement, copy, tick };
            (self.act(duplicate), self.go_to(tick.get().into())).into()
        })
    }

    /// A length in bars if it is whole bars, else in beats or ticks.
    pub(super) fn length(&self, length: u32) -> String {
        let counted =
            |count: u32, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
        let (bar, beat) = (self.grid.bar, self.grid.column);
        match length {
            bars if bars % bar == 0 => counted(bars / bar, "bar"),
            beats if beats % beat == 0 => counted(beats / beat, "beat"),
            ticks => counted(ticks, "tick"),
        }
    }
}

impl ArrangementPane {
    /// Translates a key at the cursor.
    pub(super) fn edit(&mut self, key: KeyEvent, here: &ClipCursor) -> Option<Intent> {
        let shift = key.modifiers.contains(KeyModifiers::SHIFT);
        Some(match key.code {
            KeyCode::Left if shift => here.go_beats(-1),
            KeyCode::Right if shift => here.go_beats(1),
            KeyCode::Left => here.go_bars(-1),
            KeyCode::Right => here.go_bars(1),
            KeyCode::Home => here.go_to(0),
            KeyCode::End => here.go_to(here.view.studio().arrangement.end().into()),
            KeyCode::Up => self.beside(here.id, -1)?,
            KeyCode::Down => self.beside(here.id, 1)?,
            KeyCode::Char('g') => TransportAction::Locate(here.tick).into(),
            KeyCode::Enter => here.toggle(),
            KeyCode::Char('+' | '=') => here.resize(1),
            KeyCode::Char('-') => here.resize(-1),
            KeyCode::Char('d') => here.duplicate(),
            KeyCode::Char('<') => self.choose(here, -1),
            KeyCode::Char('>') => self.choose(here, 1),
            KeyCode::Char('a') => Intent::OpenPalette("clip ".into()),
            KeyCode::Char('C') => Intent::OpenPalette("capture ".into()),
            KeyCode::Char('n') => {
                with_clip(here, |clip, name| Intent::OpenPalette(format!("clipname {clip} {name}")))
            }
            KeyCode::Char('D') => with_clip(here, |clip, _| {
                NetworkAction::Clip(here.id, ClipAction::Delete(clip)).into()
            }),
            _ => return None,
        })
    }

    /// Selects the instrument that is `rows` below.
    fn beside(&self, id: InstrumentId, rows: isize) -> Option<Intent> {
        let at = self.ids.iter().position(|other| *other == id)?;
        let at = at.saturating_add_signed(rows).min(self.ids.len() - 1);
        Some(SelectionAction::Instrument(self.ids[at]).into())
    }

    /// Chooses the clip that is `clips` after the chosen one.
    fn choose(&mut self, here: &ClipCursor, clips: isize) -> Intent {
        let ids: Vec<_> = here.part.into_iter().flat_map(Part::clips).map(|(id, _)| id).collect();
        let at = ids.iter().position(|id| Some(*id) == here.clip).unwrap_or_default();
        let at = at.saturating_add_signed(clips).min(ids.len().saturating_sub(1));
        self.clip = ids.get(at).copied();
        Intent::Nothing
    }
}

/// Calls `act` with the id and name of the chosen clip.
fn with_clip(here: &ClipCursor, act: impl FnOnce(ClipId, &str) -> Intent) -> Intent {
    let chosen = here.clip.and_then(|id| Some((id, here.part?.clip(id)?)));
    match chosen {
        Some((id, clip)) => act(id, clip.name.as_str()),
        None => Intent::ShowError("no clip: press a to add one".into()),
    }
}

/// Switches between playing the piano roll and the arrangement.
pub(super) fn next_mode(view: &View) -> Intent {
    let play = match view.studio().arrangement.play {
        PlayMode::PianoRoll => PlayMode::Arrangement,
        PlayMode::Arrangement => PlayMode::PianoRoll,
    };
    NetworkAction::Arrangement(ArrangementSetting::Play(play)).into()
}

/// Switches to the next behaviour at the end of the arrangement.
pub(super) fn next_end(view: &View) -> Intent {
    let at_end = match view.studio().arrangement.at_end {
        AtEnd::GoOn => AtEnd::Stop,
        AtEnd::Stop => AtEnd::Repeat,
        AtEnd::Repeat => AtEnd::GoOn,
    };
    NetworkAction::Arrangement(ArrangementSetting::AtEnd(at_end)).into()
}
