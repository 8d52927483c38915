//! The checks for texts that other participants' terminals show, such as names.
//!
//! It knows characters only, never what a text is used for.

use unicode_normalization::UnicodeNormalization as _;

/// Whether `text` is safe to display: it contains no control character, which could
/// control a terminal, and no character that is invisible or changes the writing
/// direction, which could make one name look like another.
#[must_use]
pub fn is_plain(text: &str) -> bool {
    !text.chars().any(|character| character.is_control() || is_invisible(character))
}

/// `text` with at most `limit` characters; a longer one ends with `…`.
#[must_use]
pub fn shortened(text: &str, limit: usize) -> String {
    if text.chars().nth(limit).is_none() {
        return text.to_owned();
    }
    let kept = text.chars().take(limit.saturating_sub(1));
    kept.chain(std::iter::once('…')).collect()
}

/// `text` in NFC, the form in which names are kept and compared: an accent typed on
/// one system must equal the same accent typed on another.
#[must_use]
pub fn normalised(text: &str) -> String {
    text.nfc().collect()
}

/// The nearest text to `text` that is [plain](is_plain), in NFC and trimmed, and has at most
/// `limit` characters. It may be empty.
#[must_use]
pub fn cleaned(text: &str, limit: usize) -> String {
    let visible = |character| match character {
        '\t' | '\n' | '\r' => Some(' '),
        hidden if hidden.is_control() || is_invisible(hidden) => None,
        visible => Some(visible),
    };
    let text: String = normalised(text).chars().filter_map(visible).collect();
    let text: String = text.trim().chars().take(limit).collect();
    text.trim_end().to_owned()
}

/// Unicode's format characters (`Cf`) and separators of lines and paragraphs, except
/// those that join emoji and letters.
const fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::{cleaned, is_plain};

    #[test]
    fn cleaned_text_is_plain_and_fits() {
        assert_eq!(cleaned("  E\u{301}lise\n\u{1b}[2J ", 64), "\u{c9}lise [2J");
        assert_eq!(cleaned("a \u{202e}b", 2), "a");
        assert_eq!(cleaned("\u{200b}\0", 64), "");
    }

    #[test]
    fn plain_text_has_no_control_or_invisible_characters() {
        for name in ["Ana", "Łukasz", "山田", "Zoë 🎹", "👩\u{200d}🎤", "می\u{200c}خواهم"]
        {
            assert!(is_plain(name), "{name}");
        }
        for trick in ["a\u{1b}[2J", "a\nb", "anA\u{202e}", "a\u{200b}na", "a\u{2028}b"] {
            assert!(!is_plain(trick), "{trick:?}");
        }
    }
}
