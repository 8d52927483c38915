//! The keys of the piano roll: they add, move, resize and delete notes.
//!
//! They return intents from a cursor and a view; nothing is drawn here.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use imbolc_net::{
    model::InstrumentId,
    studio::{
        ClipboardAction, LoopRegion, NetworkAction, Note, PianoRollAction, SelectionAction, Track,
        TrackSetting, TransportAction, Voices,
    },
    util::quantity::{NoteLength, Pitch, Probability, Ticks, Velocity},
};

use super::{
    PianoRollPane,
    grid::{Grid, clamped_ticks},
};
use crate::{app::bar_beat_tick, intent::Intent, view::View};

/// How much one key changes the velocity of a note.
const NOTE_VELOCITY_STEP: i8 = 5;

/// The cursor, and what is under it.
pub(super) struct NoteCursor<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) id: InstrumentId,
    pub(super) track: &'a Track,
    pub(super) grid: Grid,
    pub(super) tick: Ticks,
    pub(super) pitch: Pitch,
    /// The note under the cursor.
    pub(super) note: Option<Note>,
}

impl NoteCursor<'_> {
    fn act(&self, action: PianoRollAction) -> Intent {
        NetworkAction::PianoRoll(self.id, action).into()
    }

    fn set(&self, setting: TrackSetting) -> Intent {
        self.act(PianoRollAction::Set(setting))
    }

    /// Edits the note under the cursor.
    fn edit(&self, edit: impl FnOnce(&Note) -> PianoRollAction) -> Intent {
        match &self.note {
            Some(note) => self.act(edit(note)),
            None => no_note(),
        }
    }

    /// Moves the cursor by grid strides and semitones.
    fn go(&self, strides: i32, keys: i8) -> Intent {
        move_cursor(self.grid.beside(self.tick, strides), transposed(self.pitch, keys))
    }

    /// Moves the cursor by bars.
    fn go_bars(&self, bars: i64) -> Intent {
        let tick = i64::from(self.tick.get()) + bars * i64::from(self.grid.bar);
        move_cursor(clamped_ticks(tick), self.pitch)
    }

    /// Moves the note under the cursor, together with the cursor.
    fn move_note(&self, strides: i32, keys: i8) -> Intent {
        let Some(Note { tick, pitch, .. }) = self.note else {
            return no_note();
        };
        let by = i64::from(strides) * i64::from(self.grid.stride());
        let (to_tick, to_pitch) =
            (clamped_ticks(i64::from(tick.get()) + by), transposed(pitch, keys));
        if (to_tick, to_pitch) == (tick, pitch) {
            return Intent::Nothing;
        }
        if self.track.note(to_tick, to_pitch).is_some() {
            let bar_beat_tick = bar_beat_tick(to_tick, &self.view.studio().session);
            return Intent::ShowError(format!("{bar_beat_tick} {to_pitch} is occupied"));
        }
        let move_note = PianoRollAction::Move { tick, pitch, to_tick, to_pitch };
        (self.act(move_note), self.go(strides, keys)).into()
    }
}

impl PianoRollPane {
    /// Translates a key at the cursor.
    pub(super) fn edit(&mut self, key: KeyEvent, here: &NoteCursor) -> Option<Intent> {
        let shift = key.modifiers.contains(KeyModifiers::SHIFT);
        Some(match key.code {
            KeyCode::Left if shift => here.move_note(-1, 0),
            KeyCode::Right if shift => here.move_note(1, 0),
            KeyCode::Up if shift => here.move_note(0, 1),
            KeyCode::Down if shift => here.move_note(0, -1),
            KeyCode::Left => here.go(-1, 0),
            KeyCode::Right => here.go(1, 0),
            KeyCode::Up => here.go(0, 1),
            KeyCode::Down => here.go(0, -1),
            KeyCode::PageUp => here.go(0, 12),
            KeyCode::PageDown => here.go(0, -12),
            KeyCode::Home => move_cursor(Ticks::MIN, here.pitch),
            KeyCode::End => {
                let last = here.track.notes().last()?;
                move_cursor(last.tick, last.pitch)
            }
            KeyCode::Char(',') => here.go_bars(-1),
            KeyCode::Char('.') => here.go_bars(1),
            KeyCode::Char('g') => TransportAction::Locate(here.tick).into(),
            KeyCode::Enter => self.toggle(here),
            KeyCode::Char('+' | '=') => self.resize(here, 1),
            KeyCode::Char('-') => self.resize(here, -1),
            KeyCode::Char('>') => change_note_velocity(here, NOTE_VELOCITY_STEP),
            KeyCode::Char('<') => change_note_velocity(here, -NOTE_VELOCITY_STEP),
            KeyCode::Char('p') => lower_note_probability(here),
            KeyCode::Char('y') => self.clip(here, ClipboardAction::Copy),
            KeyCode::Char('x') => self.clip(here, ClipboardAction::Cut),
            KeyCode::Char('v') => ClipboardAction::Paste.into(),
            KeyCode::Char('D') | KeyCode::Delete => self.delete(here),
            KeyCode::Char('A') => here.set(TrackSetting::Armed(!here.track.armed)),
            KeyCode::Char('o') => here.set(TrackSetting::Voices(match here.track.voices {
                Voices::Poly => Voices::Mono,
                Voices::Mono => Voices::Poly,
            })),
            KeyCode::Char('l') => self.repeat(here),
            _ => return None,
        })
    }

    fn toggle(&self, here: &NoteCursor) -> Intent {
        if let Some(Note { tick, pitch, .. }) = here.note {
            return here.act(PianoRollAction::Remove(tick, pitch));
        }
        let stride = NoteLength::new(here.grid.stride()).unwrap_or(NoteLength::MIN);
        here.act(PianoRollAction::Add(Note {
            tick: here.tick,
            pitch: here.pitch,
            length: self.length.unwrap_or(stride),
            velocity: Velocity::of(100),
            probability: Probability::MAX,
        }))
    }

    /// Makes the note under the cursor longer or shorter by a stride; the next new note
    /// gets the same length.
    fn resize(&mut self, here: &NoteCursor, by: i64) -> Intent {
        here.edit(|note| {
            let stride = i64::from(here.grid.stride());
            let length = i64::from(note.length.get());
            let new = (length + by * stride).max(length.min(stride));
            let new = u32::try_from(new).ok().and_then(|new| NoteLength::new(new).ok());
            let new = new.unwrap_or(note.length);
            self.length = Some(new);
            PianoRollAction::Resize(note.tick, note.pitch, new)
        })
    }

    /// The marked region, including the column of the cursor.
    pub(super) fn marked(&self, here: &NoteCursor) -> Option<LoopRegion> {
        let mark = self.mark?;
        columns_between(here, here.tick.min(mark), here.tick.max(mark))
    }

    /// Clears the mark; returns the marked region, or else the column of the cursor.
    fn take_region(&mut self, here: &NoteCursor) -> Option<LoopRegion> {
        let marked = self.marked(here);
        self.mark = None;
        marked.or_else(|| columns_between(here, here.tick, here.tick))
    }

    /// Copies or cuts the marked notes, or else those in the column of the cursor.
    fn clip(&mut self, here: &NoteCursor, clip: fn(LoopRegion) -> ClipboardAction) -> Intent {
        self.take_region(here).map_or(Intent::Nothing, |region| clip(region).into())
    }

    /// Deletes the marked notes, or else the note under the cursor.
    fn delete(&mut self, here: &NoteCursor) -> Intent {
        match self.marked(here) {
            Some(region) => {
                self.mark = None;
                here.act(PianoRollAction::DeleteRegion(region))
            }
            None => here.edit(|note| PianoRollAction::Remove(note.tick, note.pitch)),
        }
    }

    /// Loops the marked region; without a mark, turns the loop on or off.
    fn repeat(&mut self, here: &NoteCursor) -> Intent {
        match self.marked(here) {
            Some(region) => {
                self.mark = None;
                let region = here.set(TrackSetting::Region(region));
                (region, here.set(TrackSetting::Looping(true))).into()
            }
            None => here.set(TrackSetting::Looping(!here.track.looping)),
        }
    }
}

fn move_cursor(tick: Ticks, pitch: Pitch) -> Intent {
    SelectionAction::Cursor(tick, pitch).into()
}

fn no_note() -> Intent {
    Intent::ShowError("no note under the cursor".into())
}

/// The region from `first` to the end of the column at `last`.
fn columns_between(here: &NoteCursor, first: Ticks, last: Ticks) -> Option<LoopRegion> {
    let end = i64::from(last.get()) + i64::from(here.grid.stride());
    LoopRegion::new(first, clamped_ticks(end)).ok()
}

fn change_note_velocity(here: &NoteCursor, by: i8) -> Intent {
    here.edit(|note| {
        let velocity = note.velocity.get().saturating_add_signed(by);
        let velocity = velocity.clamp(Velocity::MIN.get(), Velocity::MAX.get());
        let velocity = Velocity::new(velocity).unwrap_or(note.velocity);
        PianoRollAction::Velocity(note.tick, note.pitch, velocity)
    })
}

/// Lowers the probability by ten percent; from 0 it goes back to 100.
fn lower_note_probability(here: &NoteCursor) -> Intent {
    here.edit(|note| {
        let less = match note.probability.get() {
            0 => 100,
            percent => percent.saturating_sub(10),
        };
        let less = Probability::new(less).unwrap_or(note.probability);
        PianoRollAction::Probability(note.tick, note.pitch, less)
    })
}

/// A pitch moved by semitones, within the range of MIDI.
fn transposed(pitch: Pitch, keys: i8) -> Pitch {
    let key = pitch.get().saturating_add_signed(keys).min(Pitch::MAX.get());
    Pitch::new(key).unwrap_or(pitch)
}
