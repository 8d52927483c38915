//! Texts from elsewhere, such as names: which are allowed, how they are made safe to
//! print, and how many columns of a terminal they take.
//!
//! It knows characters only, never what a text is used for.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization as _;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

/// Whether `text` is safe to display: it contains no control character, which could
/// control a terminal, and no character that is invisible or changes the writing
/// direction, which could make one name look like another.
#[must_use]
pub fn is_plain(text: &str) -> bool {
    !text.chars().any(|character| character.is_control() || is_invisible(character))
}

/// `text` as a terminal or a log may print it, in one line: every character that could
/// control a terminal or that is invisible is replaced by `\u{fffd}`, a line break or tab by
/// a space.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let visible = |character: char| match character {
        '\t' | '\n' | '\r' => ' ',
        hidden if hidden.is_control() || is_invisible(hidden) => char::REPLACEMENT_CHARACTER,
        visible => visible,
    };
    Cow::Owned(text.chars().map(visible).collect())
}

/// How many columns of a terminal `text` takes.
#[must_use]
pub fn columns(text: &str) -> usize {
    text.width()
}

/// `text` cut to at most `limit` columns; a longer one ends with `…`.
#[must_use]
pub fn fitted(text: &str, limit: usize) -> String {
    if columns(text) <= limit {
        return text.to_owned();
    }
    let mut left = limit.saturating_sub(1);
    let kept = text.graphemes(true).take_while(|grapheme| {
        let width = columns(grapheme);
        let fits = width <= left;
        left = left.saturating_sub(width);
        fits
    });
    kept.chain((limit > 0).then_some("…")).collect()
}

/// `text` [fitted] and followed by spaces, so that it takes exactly `limit` columns.
#[must_use]
pub fn padded(text: &str, limit: usize) -> String {
    let mut text = fitted(text, limit);
    text.push_str(&" ".repeat(limit.saturating_sub(columns(&text))));
    text
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
    use super::{cleaned, columns, fitted, is_plain, padded, printable};

    #[test]
    fn printable_text_controls_no_terminal() {
        assert_eq!(printable("Zoë 🎹"), "Zoë 🎹");
        assert_eq!(printable("a\u{1b}[2J\nb\u{202e}"), "a\u{fffd}[2J b\u{fffd}");
    }

    #[test]
    fn text_is_measured_in_columns() {
        assert_eq!(columns("山田"), 4);
        assert_eq!(fitted("山田太郎", 5), "山田…");
        assert_eq!(fitted("👩\u{200d}🎤👩\u{200d}🎤", 3), "👩\u{200d}🎤…");
        assert_eq!(padded("山田", 5), "山田 ");
        assert_eq!(padded("Bass", 3), "Ba…");
        assert_eq!(fitted("ab", 0), "");
    }

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
