//! What a key of the terminal means, before any pane, line or list sees it.
//!
//! Keys with Ctrl, Alt, Super, Hyper or Meta are bound here and nowhere else. It knows
//! neither the studio nor the screen.

use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use imbolc_net::util::text::printable;

/// A key that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keystroke {
    /// A key without modifiers, except Shift.
    Key(KeyEvent),
    /// A key that is held and repeats, though what it does should happen once.
    Held(KeyEvent),
    /// An editing key of a line.
    Edit(KeyEvent),
    /// A key was let go.
    Released(KeyCode),
    /// Ctrl-C.
    Quit,
}

impl Keystroke {
    /// What `key` means; `None` if it means nothing anywhere.
    #[must_use]
    pub fn of(key: KeyEvent) -> Option<Self> {
        if let KeyCode::Modifier(_)
        | KeyCode::Media(_)
        | KeyCode::CapsLock
        | KeyCode::NumLock
        | KeyCode::ScrollLock
        | KeyCode::Null = key.code
        {
            return None;
        }
        if key.kind == KeyEventKind::Release {
            return Some(Self::Released(key.code));
        }
        let repeats = key.kind == KeyEventKind::Repeat;
        let modifiers = key.modifiers.difference(KeyModifiers::SHIFT);
        if modifiers.is_empty() {
            let once = repeats && !may_repeat(key.code);
            return Some(if once { Self::Held(key) } else { Self::Key(key) });
        }
        match key.code {
            // Some terminals report a character that is typed with AltGr so.
            KeyCode::Char(letter)
                if modifiers == KeyModifiers::CONTROL | KeyModifiers::ALT
                    && !letter.is_ascii_alphanumeric()
                    && letter != ' ' =>
            {
                let typed = KeyEvent { modifiers: key.modifiers - modifiers, ..key };
                Self::of(typed)
            }
            KeyCode::Char(letter) if key.modifiers == KeyModifiers::CONTROL => {
                match letter.to_ascii_lowercase() {
                    'c' => (!repeats).then_some(Self::Quit),
                    letter => editing_key(letter).map(Self::Edit),
                }
            }
            _ => None,
        }
    }

    /// Whether `key` is Ctrl-L, which draws the screen anew.
    #[must_use]
    pub fn redraws(key: KeyEvent) -> bool {
        key.kind != KeyEventKind::Release
            && key.modifiers == KeyModifiers::CONTROL
            && matches!(key.code, KeyCode::Char('l' | 'L'))
    }
}

/// The editing key of a line that is Ctrl with `letter`, as in a shell. A line knows three
/// of them only with Ctrl: `u`, `w` and `k`.
fn editing_key(letter: char) -> Option<KeyEvent> {
    let code = match letter {
        'a' => KeyCode::Home,
        'e' => KeyCode::End,
        'b' => KeyCode::Left,
        'f' => KeyCode::Right,
        'p' => KeyCode::Up,
        'n' => KeyCode::Down,
        'd' => KeyCode::Delete,
        // What Backspace sends in some terminals.
        'h' => KeyCode::Backspace,
        'u' | 'w' | 'k' => {
            return Some(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL));
        }
        _ => return None,
    };
    Some(code.into())
}

/// Whether a key does what it does again while it is held: it moves a cursor or changes a
/// value, and does not turn something on and off.
const fn may_repeat(code: KeyCode) -> bool {
    matches!(
        code,
        KeyCode::Up
            | KeyCode::Down
            | KeyCode::Left
            | KeyCode::Right
            | KeyCode::Home
            | KeyCode::End
            | KeyCode::PageUp
            | KeyCode::PageDown
            | KeyCode::Tab
            | KeyCode::BackTab
            | KeyCode::Delete
            | KeyCode::Char('+' | '=' | '-' | '<' | '>' | '[' | ']' | '.' | ',' | 'u' | 'U')
    )
}

/// Tells a key that repeats from one that is pressed again, in terminals that report when a
/// letter is released, but its repetition as another press.
#[derive(Debug, Default)]
pub struct RepeatFinder {
    /// Whether the terminal has reported the release of a letter.
    sees_releases: bool,
    /// The last key, and when it was pressed or repeated last.
    down: Option<(KeyCode, Instant)>,
}

impl RepeatFinder {
    /// A repetition follows sooner. Without this limit a terminal that ceases to report
    /// releases, such as another one that takes over, would seem to hold a key for ever.
    const LIMIT: Duration = Duration::from_secs(1);

    /// `key`, marked as a repetition if it is one.
    #[must_use]
    pub fn mark(&mut self, mut key: KeyEvent, now: Instant) -> KeyEvent {
        if is_let_go_in_silence(key.code) {
            self.down = None;
            return key;
        }
        if key.kind == KeyEventKind::Release {
            self.sees_releases |= matches!(key.code, KeyCode::Char(_));
            // With Shift it may be the release of another character than was pressed.
            self.down = None;
            return key;
        }
        if let Some((_, at)) = self.down.filter(|(code, _)| *code == key.code) {
            self.sees_releases &= now < at + Self::LIMIT;
            if self.sees_releases {
                key.kind = KeyEventKind::Repeat;
            }
        }
        self.down = Some((key.code, now));
        key
    }
}

/// Whether a terminal that reports when a letter is released may not do so for this key: by
/// the protocol of kitty only if all keys are reported, and then repetitions are, too.
const fn is_let_go_in_silence(code: KeyCode) -> bool {
    cfg!(unix)
        && matches!(code, KeyCode::Enter | KeyCode::Tab | KeyCode::BackTab | KeyCode::Backspace)
}

/// Pasted text as one line: line breaks and tabs become spaces, and what a terminal would not
/// show is dropped.
#[must_use]
pub fn pasted_line(text: &str) -> String {
    let breaks = ['\n', '\r', '\t', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];
    let line = text.trim_matches(breaks).replace("\r\n", " ").replace(breaks, " ");
    printable(&line).replace(char::REPLACEMENT_CHARACTER, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(letter: char, kind: KeyEventKind) -> KeyEvent {
        KeyEvent::new_with_kind(KeyCode::Char(letter), KeyModifiers::NONE, kind)
    }

    #[test]
    fn key_repeats_until_something_is_released() {
        let (mut finder, begun) = (RepeatFinder::default(), Instant::now());
        let mut kind = |letter, kind, millis| {
            finder.mark(key(letter, kind), begun + Duration::from_millis(millis)).kind
        };
        let (press, repeat, release) =
            (KeyEventKind::Press, KeyEventKind::Repeat, KeyEventKind::Release);
        assert_eq!(kind(' ', press, 0), press);
        assert_eq!(kind(' ', press, 100), press, "it does not report releases");
        assert_eq!(kind(' ', release, 150), release);
        for (millis, told) in [(200, press), (800, repeat), (833, repeat), (866, repeat)] {
            assert_eq!(kind(' ', press, millis), told, "{millis}");
        }
        assert_eq!(kind(' ', release, 900), release);
        assert_eq!(kind(' ', press, 950), press);
        assert_eq!(kind('R', press, 960), press, "another key");
        // With Shift another character is released than was pressed.
        assert_eq!(kind(':', press, 970), press);
        assert_eq!(kind(';', release, 980), release);
        assert_eq!(kind(':', press, 990), press);
    }

    #[cfg(unix)]
    #[test]
    fn enter_pressed_twice_counts_twice_though_its_release_is_not_told() {
        let (mut finder, begun) = (RepeatFinder::default(), Instant::now());
        let mut kind = |code, kind, millis| {
            let key = KeyEvent::new_with_kind(code, KeyModifiers::NONE, kind);
            finder.mark(key, begun + Duration::from_millis(millis)).kind
        };
        let (press, repeat, release) =
            (KeyEventKind::Press, KeyEventKind::Repeat, KeyEventKind::Release);
        let space = KeyCode::Char(' ');
        let _ = kind(space, release, 0);
        for code in [KeyCode::Enter, KeyCode::Backspace] {
            for millis in [100, 300, 2000] {
                assert_eq!(kind(code, press, millis), press, "{code:?} at {millis} ms");
            }
        }
        assert_eq!(kind(KeyCode::Enter, repeat, 2100), repeat, "as the terminal tells");
        assert_eq!(kind(space, press, 3000), press);
        assert_eq!(kind(space, press, 3500), repeat, "letters are still found");
    }

    #[test]
    fn terminal_that_ceases_to_report_releases_repeats_nothing() {
        let (mut finder, begun) = (RepeatFinder::default(), Instant::now());
        let _ = finder.mark(key('a', KeyEventKind::Release), begun);
        for seconds in [0, 2, 3] {
            let now = begun + Duration::from_secs(seconds);
            assert_eq!(finder.mark(key(' ', KeyEventKind::Press), now).kind, KeyEventKind::Press);
        }
    }

    #[test]
    fn pasted_text_is_one_plain_line() {
        assert_eq!(pasted_line("q\n:quit\n"), "q :quit");
        assert_eq!(pasted_line("a\r\nb\rc\td"), "a b c d");
        assert_eq!(pasted_line("\u{1b}[2Ja\u{0}\u{9b}b\u{202e}"), "[2Jab");
        assert_eq!(pasted_line(" 90 "), " 90 ");
        assert_eq!(pasted_line("\n"), "");
    }
}
