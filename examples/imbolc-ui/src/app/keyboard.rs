//! Plays notes on the computer keyboard: the row of `a` holds the white keys, the row
//! above it the black ones.
//!
//! It turns keys into actions, and knows neither the dispatcher nor the screen.

use std::time::{Duration, Instant};

use crossterm::event::KeyCode;
use imbolc_net::{
    model::InstrumentId,
    studio::{InstrumentAction, NetworkAction},
    util::quantity::{Pitch, Velocity},
};

/// How long a note sounds after a key press. A terminal reports key presses but not
/// releases; while a key is held, it repeats and prolongs the note.
const NOTE_LENGTH: Duration = Duration::from_millis(400);

/// The letters from C upwards.
const PIANO_KEYS: &str = "awsedftgyhujkolp";

/// The notes that are held on the computer keyboard.
#[derive(Debug)]
pub(super) struct Keyboard {
    /// The pitch of `a`, always a C.
    lowest: u8,
    held: Vec<(InstrumentId, Pitch, Instant)>,
}

impl Default for Keyboard {
    fn default() -> Self {
        Self { lowest: 60, held: Vec::new() }
    }
}

impl Keyboard {
    /// Presses a key; returns the action that starts a note, if one does.
    pub(super) fn press(
        &mut self,
        code: KeyCode,
        instrument: InstrumentId,
        now: Instant,
    ) -> Option<NetworkAction> {
        let KeyCode::Char(letter) = code else { return None };
        match letter {
            'z' => self.lowest = self.lowest.saturating_sub(12),
            'x' => self.lowest = (self.lowest + 12).min(108),
            _ => {}
        }
        let semitones = u8::try_from(PIANO_KEYS.find(letter)?).ok()?;
        let pitch = Pitch::new(self.lowest + semitones).ok()?;
        let until = now + NOTE_LENGTH;
        let held = |(id, other, _): &&mut (InstrumentId, Pitch, Instant)| {
            *id == instrument && *other == pitch
        };
        if let Some((_, _, end)) = self.held.iter_mut().find(held) {
            *end = until;
            return None;
        }
        self.held.push((instrument, pitch, until));
        let play = InstrumentAction::Play(pitch, Velocity::of(100));
        Some(NetworkAction::Instrument(instrument, play))
    }

    /// Ends the notes whose time is over; returns the actions that release them.
    pub(super) fn release_expired(&mut self, now: Instant) -> Vec<NetworkAction> {
        let over = self.held.extract_if(.., |(_, _, end)| *end <= now);
        over.map(|(id, pitch, _)| NetworkAction::Instrument(id, InstrumentAction::Release(pitch)))
            .collect()
    }

    /// Whether any note sounds.
    pub(super) const fn is_sounding(&self) -> bool {
        !self.held.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASS: InstrumentId = InstrumentId(1);

    #[test]
    fn held_key_sounds_once_until_it_stops_repeating() {
        let mut keyboard = Keyboard::default();
        let now = Instant::now();
        let play = InstrumentAction::Play(Pitch::of(62), Velocity::of(100));
        let pressed = keyboard.press(KeyCode::Char('s'), BASS, now);
        assert_eq!(pressed, Some(NetworkAction::Instrument(BASS, play)));
        assert_eq!(keyboard.press(KeyCode::Char('s'), BASS, now + NOTE_LENGTH / 2), None);
        assert_eq!(keyboard.release_expired(now + NOTE_LENGTH), []);
        assert!(keyboard.is_sounding());
        let release = NetworkAction::Instrument(BASS, InstrumentAction::Release(Pitch::of(62)));
        assert_eq!(keyboard.release_expired(now + NOTE_LENGTH * 2), [release]);
        assert!(!keyboard.is_sounding());
    }

    #[test]
    fn octaves_stay_in_midi_range() {
        let mut keyboard = Keyboard::default();
        for _ in 0..20 {
            assert_eq!(keyboard.press(KeyCode::Char('x'), BASS, Instant::now()), None);
        }
        assert!(keyboard.press(KeyCode::Char('p'), BASS, Instant::now()).is_some());
        for _ in 0..20 {
            keyboard.press(KeyCode::Char('z'), BASS, Instant::now());
        }
        assert!(keyboard.press(KeyCode::Char('a'), BASS, Instant::now()).is_some());
    }
}
