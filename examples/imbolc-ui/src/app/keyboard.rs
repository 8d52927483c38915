//! Plays notes on the computer keyboard: the row of `a` holds the white keys, the row
//! above it the black ones.
//!
//! It turns keys into actions, and knows neither the dispatcher nor the screen.

use std::time::{Duration, Instant};

use crossterm::event::KeyEventKind;
use imbolc_net::{
    model::InstrumentId,
    studio::{InstrumentAction, KeyHold, NetworkAction},
    util::{
        quantity::{Pitch, Velocity},
        time::Millis,
    },
};

/// How long a key sounds that does not repeat, if the terminal does not report releases. A
/// system begins to repeat a held key after 500 ms (GNOME), 600 (KDE) or 660 (X11).
const UNTIL_FIRST_REPEAT: Duration = Duration::from_millis(700);

/// How long it sounds after it has repeated. It repeats every 33 ms or so.
const UNTIL_NEXT_REPEAT: Duration = Duration::from_millis(100);

/// A key that is pressed again sooner than a system begins to repeat, but later than it
/// repeats, was let go in between.
const BEFORE_FIRST_REPEAT: Duration = Duration::from_millis(400);

/// Keys that follow each other sooner are a chord: no melody is as fast.
const CHORD_SPREAD: Duration = Duration::from_millis(50);

/// The letters from C upwards.
const PIANO_KEYS: &str = "awsedftgyhujkolp";

/// The notes that are held on the computer keyboard.
///
/// Some terminals report when a key is released, and a note sounds until then. All others
/// only repeat a key while it is held, and only the one that was pressed last: a key that is
/// held while another is pressed seems to be let go. So each chord has a deadline of its own,
/// and the repetition of its last key prolongs all of it. In a melody that is played legato
/// a note overlaps the next one until its deadline, as if it had been let go then.
#[derive(Debug)]
pub(super) struct Keyboard {
    /// The pitch of `a`, always a C.
    lowest: u8,
    held: Vec<HeldKey>,
    /// Whether the terminal reports releases.
    sees_releases: bool,
}

#[derive(Debug)]
struct HeldKey {
    letter: char,
    instrument: InstrumentId,
    pitch: Pitch,
    pressed: Instant,
    /// When the first key of its chord was pressed.
    chord: Instant,
    /// When the last key of its chord was pressed or repeated.
    last: Instant,
    repeats: bool,
}

impl HeldKey {
    /// When the key counts as released.
    fn deadline(&self) -> Instant {
        self.last + if self.repeats { UNTIL_NEXT_REPEAT } else { UNTIL_FIRST_REPEAT }
    }

    /// Whether a press at `now` is the repetition of this key.
    fn is_repeated_at(&self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.last);
        self.repeats || !(UNTIL_NEXT_REPEAT..BEFORE_FIRST_REPEAT).contains(&since)
    }

    /// Releases the key, for which the terminal has reported no release.
    fn release_late(&self) -> NetworkAction {
        let time = Millis::of(self.last.saturating_duration_since(self.pressed));
        let hold = if self.repeats { KeyHold::Held(time) } else { KeyHold::Unknown };
        self.act(InstrumentAction::ReleaseLate(self.pitch, hold))
    }

    fn release(&self) -> NetworkAction {
        self.act(InstrumentAction::Release(self.pitch))
    }

    const fn act(&self, action: InstrumentAction) -> NetworkAction {
        NetworkAction::Instrument(self.instrument, action)
    }
}

impl Default for Keyboard {
    fn default() -> Self {
        Self { lowest: 60, held: Vec::new(), sees_releases: false }
    }
}

impl Keyboard {
    /// What `a` plays.
    pub(super) fn lowest(&self) -> Pitch {
        Pitch::new(self.lowest).unwrap_or(Pitch::MAX)
    }

    /// Presses or repeats a key; returns the actions that start a note, if one starts.
    pub(super) fn press(
        &mut self,
        letter: char,
        kind: KeyEventKind,
        instrument: InstrumentId,
        now: Instant,
    ) -> Vec<NetworkAction> {
        let letter = letter.to_ascii_lowercase();
        let held = self.held.iter().position(|key| key.letter == letter);
        if kind == KeyEventKind::Repeat {
            self.sees_releases = true;
            return Vec::new();
        }
        match letter {
            'z' => self.lowest = self.lowest.saturating_sub(12),
            'x' => self.lowest = (self.lowest + 12).min(108),
            _ => {}
        }
        let Some(pitch) = self.pitch(letter) else { return Vec::new() };
        let mut actions = Vec::new();
        if let Some(at) = held {
            let key = &self.held[at];
            let same = (key.instrument, key.pitch) == (instrument, pitch);
            if same && !self.sees_releases && key.is_repeated_at(now) {
                let chord = key.chord;
                for key in self.held.iter_mut().filter(|key| key.chord == chord) {
                    (key.last, key.repeats) = (now, true);
                }
                return actions;
            }
            // Its release was not reported, so the next one may not be either.
            self.sees_releases = false;
            actions.push(self.held.remove(at).release_late());
        }
        let is_chord = |key: &&HeldKey| !key.repeats && now < key.last + CHORD_SPREAD;
        let chord = self.held.last().filter(is_chord).map_or(now, |key| key.chord);
        for key in self.held.iter_mut().filter(|key| key.chord == chord) {
            key.last = now;
        }
        let key =
            HeldKey { letter, instrument, pitch, pressed: now, chord, last: now, repeats: false };
        actions.push(key.act(InstrumentAction::Play(pitch, Velocity::of(100))));
        self.held.push(key);
        actions
    }

    /// The terminal reports that a key was released; returns the action that ends its note.
    pub(super) fn release(&mut self, letter: char) -> Option<NetworkAction> {
        self.sees_releases = true;
        let letter = letter.to_ascii_lowercase();
        let at = self.held.iter().position(|key| key.letter == letter)?;
        Some(self.held.remove(at).release())
    }

    /// Ends the notes whose time is over; returns the actions that release them.
    pub(super) fn release_expired(&mut self, now: Instant) -> Vec<NetworkAction> {
        let over = |key: &mut HeldKey| !self.sees_releases && key.deadline() <= now;
        self.held.extract_if(.., over).map(|key| key.release_late()).collect()
    }

    /// Ends all notes; returns the actions that release them.
    pub(super) fn release_all(&mut self) -> Vec<NetworkAction> {
        let release = |key: HeldKey| {
            if self.sees_releases { key.release() } else { key.release_late() }
        };
        self.held.drain(..).map(release).collect()
    }

    /// When the time of the next note is over, if one will be.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let deadlines = self.held.iter().map(HeldKey::deadline);
        if self.sees_releases { None } else { deadlines.min() }
    }

    fn pitch(&self, letter: char) -> Option<Pitch> {
        let semitones = u8::try_from(PIANO_KEYS.find(letter)?).ok()?;
        Pitch::new(self.lowest + semitones).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASS: InstrumentId = InstrumentId(1);

    /// A keyboard and its clock, in milliseconds.
    struct Player {
        keyboard: Keyboard,
        begun: Instant,
    }

    impl Player {
        fn new() -> Self {
            Self { keyboard: Keyboard::default(), begun: Instant::now() }
        }

        fn time(&self, millis: u64) -> Instant {
            self.begun + Duration::from_millis(millis)
        }

        /// What a press does that the terminal reports.
        fn press(&mut self, millis: u64, letter: char) -> Vec<InstrumentAction> {
            let now = self.time(millis);
            let mut done = self.expire(millis);
            let press = self.keyboard.press(letter, KeyEventKind::Press, BASS, now);
            done.extend(press.into_iter().map(bass));
            done
        }

        /// A key that is held from its first repetition to its last one.
        fn hold(&mut self, from: u64, to: u64, letter: char) {
            for millis in (from..=to).step_by(33) {
                assert_eq!(self.press(millis, letter), [], "{letter} at {millis} ms");
            }
        }

        /// The notes that end until this time.
        fn expire(&mut self, millis: u64) -> Vec<InstrumentAction> {
            let now = self.time(millis);
            self.keyboard.release_expired(now).into_iter().map(bass).collect()
        }
    }

    fn bass(action: NetworkAction) -> InstrumentAction {
        match action {
            NetworkAction::Instrument(BASS, action) => action,
            other => panic!("{other:?}"),
        }
    }

    fn play(pitch: u8) -> InstrumentAction {
        InstrumentAction::Play(Pitch::of(pitch), Velocity::of(100))
    }

    fn late(pitch: u8, hold: KeyHold) -> InstrumentAction {
        InstrumentAction::ReleaseLate(Pitch::of(pitch), hold)
    }

    const fn held(millis: u32) -> KeyHold {
        KeyHold::Held(Millis(millis))
    }

    #[test]
    fn key_that_never_repeats_sounds_for_700_ms() {
        let mut player = Player::new();
        assert_eq!(player.press(0, 's'), [play(62)]);
        assert_eq!(player.keyboard.next_deadline(), Some(player.time(700)));
        assert_eq!(player.expire(699), []);
        assert_eq!(player.expire(700), [late(62, KeyHold::Unknown)]);
        assert_eq!(player.keyboard.next_deadline(), None);
    }

    #[test]
    fn held_key_sounds_until_100_ms_after_its_last_repeat() {
        // GNOME, KDE and X11.
        for first in [500, 600, 660] {
            let mut player = Player::new();
            assert_eq!(player.press(0, 's'), [play(62)]);
            player.hold(first, first + 330, 's');
            assert_eq!(player.expire(first + 429), []);
            let hold = held(u32::try_from(first).unwrap() + 330);
            assert_eq!(player.expire(first + 430), [late(62, hold)]);
        }
    }

    #[test]
    fn key_pressed_again_before_it_could_repeat_strikes_again() {
        let mut player = Player::new();
        assert_eq!(player.press(0, 's'), [play(62)]);
        for millis in [125, 375, 500] {
            let again = [late(62, KeyHold::Unknown), play(62)];
            assert_eq!(player.press(millis, 's'), again, "{millis} ms");
        }
        // Some systems begin to repeat sooner: one note more, and then it is held.
        let mut player = Player::new();
        assert_eq!(player.press(0, 's'), [play(62)]);
        assert_eq!(player.press(200, 's'), [late(62, KeyHold::Unknown), play(62)]);
        player.hold(233, 1025, 's');
        assert_eq!(player.expire(1200), [late(62, held(825))]);
    }

    #[test]
    fn last_key_of_a_chord_holds_all_of_it() {
        let mut player = Player::new();
        assert_eq!(player.press(0, 'a'), [play(60)]);
        assert_eq!(player.press(40, 'd'), [play(64)]);
        assert_eq!(player.press(80, 'g'), [play(67)]);
        // X11 repeats the last one after 660 ms.
        player.hold(740, 1070, 'g');
        assert_eq!(player.expire(1169), []);
        let released = [late(60, held(1070)), late(64, held(1030)), late(67, held(990))];
        assert_eq!(player.expire(1170), released);
    }

    #[test]
    fn key_that_another_one_follows_ends_by_its_own_deadline() {
        // A held note, then another one: the first one ceases to repeat.
        let mut player = Player::new();
        assert_eq!(player.press(0, 'a'), [play(60)]);
        player.hold(500, 995, 'a');
        assert_eq!(player.press(1010, 's'), [play(62)]);
        assert_eq!(player.expire(1095), [late(60, held(995))]);
        player.hold(1510, 1840, 's');
        assert_eq!(player.expire(1940), [late(62, held(830))]);
        // A melody: no note holds the one before it.
        let mut player = Player::new();
        assert_eq!(player.press(0, 'a'), [play(60)]);
        assert_eq!(player.press(120, 's'), [play(62)]);
        assert_eq!(player.press(620, 's'), []);
        assert_eq!(player.expire(700), [late(60, KeyHold::Unknown)]);
        assert_eq!(player.expire(720), [late(62, held(500))]);
    }

    #[test]
    fn octave_keys_leave_no_note_hanging() {
        let mut player = Player::new();
        assert_eq!(player.press(0, 'a'), [play(60)]);
        assert_eq!(player.press(100, 'x'), []);
        // The same key is another note now.
        assert_eq!(player.press(600, 'a'), [late(60, KeyHold::Unknown), play(72)]);
        assert_eq!(player.expire(1300), [late(72, KeyHold::Unknown)]);

        assert_eq!(player.press(2000, 'a'), [play(72)]);
        assert_eq!(player.press(2100, 'z'), []);
        let release = player.keyboard.release('a').map(bass);
        assert_eq!(release, Some(InstrumentAction::Release(Pitch::of(72))));
        assert_eq!(player.expire(9000), []);
    }

    #[test]
    fn terminal_that_ceases_to_report_releases_hangs_no_note() {
        let mut player = Player::new();
        assert_eq!(player.keyboard.release('k'), None);
        assert_eq!(player.press(0, 'a'), [play(60)]);
        assert_eq!(player.expire(5000), []);
        assert_eq!(player.press(5000, 'a'), [late(60, KeyHold::Unknown), play(60)]);
        assert_eq!(player.expire(5700), [late(60, KeyHold::Unknown)]);
    }

    #[test]
    fn repetition_that_is_reported_strikes_nothing() {
        let mut player = Player::new();
        assert_eq!(player.press(0, 'a'), [play(60)]);
        let now = player.time(300);
        for letter in ['a', 's', 'x'] {
            assert_eq!(player.keyboard.press(letter, KeyEventKind::Repeat, BASS, now), []);
        }
        assert_eq!(player.expire(5000), [], "the release will be reported, too");
        assert_eq!(player.press(5000, 's'), [play(62)], "the octave is the same");
    }

    #[test]
    fn octaves_stay_in_midi_range() {
        let mut player = Player::new();
        for _ in 0..20 {
            assert_eq!(player.press(0, 'x'), []);
        }
        assert_eq!(player.press(0, 'p'), [play(123)]);
        for _ in 0..20 {
            assert_eq!(player.press(1000, 'z').len(), usize::from(player.keyboard.lowest == 96));
        }
        assert_eq!(player.press(2000, 'a'), [play(0)]);
    }
}
