//! What a text may contain that is shown on everyone's terminal.

/// Whether `text` shows as what it is: it has no control character, which could
/// do things to a terminal, and no invisible one or one that turns the direction
/// of writing, which could make one name look like another.
#[must_use]
pub fn is_plain(text: &str) -> bool {
    !text.chars().any(|character| character.is_control() || is_invisible(character))
}

/// Unicode's format characters and separators of lines and paragraphs, but for
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
    use super::is_plain;

    #[test]
    fn names_of_all_kinds_are_plain_and_tricks_are_not() {
        for name in ["Ana", "Łukasz", "山田", "Zoë 🎹", "👩\u{200d}🎤", "می\u{200c}خواهم"]
        {
            assert!(is_plain(name), "{name}");
        }
        for trick in ["a\u{1b}[2J", "a\nb", "anA\u{202e}", "a\u{200b}na", "a\u{2028}b"] {
            assert!(!is_plain(trick), "{trick:?}");
        }
    }
}
