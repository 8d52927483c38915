//! Texts from elsewhere, such as names: which are allowed, how they are made safe to
//! print, and how many columns of a terminal they take.
//!
//! It knows characters only, never what a text is used for.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization as _, char::canonical_combining_class};
use unicode_properties::{
    GeneralCategory, GeneralCategoryGroup, UnicodeEmoji as _, UnicodeGeneralCategory as _,
};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Whether `text` is safe to display: it contains no control character, which could
/// control a terminal, and no character that draws nothing where it stands or changes the
/// writing direction, which could make one name look like another.
#[must_use]
pub fn is_plain(text: &str) -> bool {
    first_hidden(text).is_none()
}

/// The first character for which `text` is not [plain](is_plain).
#[must_use]
pub fn first_hidden(text: &str) -> Option<char> {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return None;
    }
    judged(text).find(|(_, shown)| !shown).map(|(character, _)| character)
}

/// Whether two plain texts look alike, because they differ only in characters that draw
/// nothing of their own: joiners and variation selectors. Letters that look alike, such as
/// Latin and Cyrillic `a`, differ.
#[must_use]
pub fn look_alike(one: &str, other: &str) -> bool {
    one == other || drawn(one) == drawn(other)
}

/// What is drawn of `text`: the same of all that [look alike](look_alike).
#[must_use]
pub fn drawn(text: &str) -> String {
    text.chars()
        .filter(|character| !is_joiner(*character) && !is_selector(*character))
        .nfc()
        .collect()
}

/// `text` as a terminal or a log may print it, in one line: every character that is not
/// [plain](is_plain) is replaced by `\u{fffd}`, a line break or tab by a space.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let visible = |(character, shown)| if shown { character } else { replacement(character) };
    Cow::Owned(judged(text).map(visible).collect())
}

/// How many columns of a terminal `text` takes. A terminal places one grapheme after the
/// other, so ligatures save none.
#[must_use]
pub fn columns(text: &str) -> usize {
    text.graphemes(true).map(str::width).sum()
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

/// `text` in NFC with single spaces, the form in which names are kept and compared: an
/// accent or a space typed on one system must equal the same one typed on another.
#[must_use]
pub fn normalised(text: &str) -> String {
    let mut after_space = false;
    let single = |character: char| {
        let is_space = character.general_category() == GeneralCategory::SpaceSeparator;
        let repeated = std::mem::replace(&mut after_space, is_space) && is_space;
        (!repeated).then_some(if is_space { ' ' } else { character })
    };
    text.nfc().filter_map(single).collect()
}

/// The nearest text to `text` that is [plain](is_plain), [normalised] and trimmed, and has
/// at most `limit` characters. It may be empty.
#[must_use]
pub fn cleaned(text: &str, limit: usize) -> String {
    let mut text = text.replace(['\t', '\n', '\r'], " ");
    loop {
        // To leave a character out may join those around it.
        let shown: String =
            judged(&text).filter_map(|(character, shown)| shown.then_some(character)).collect();
        let shown: String = normalised(shown.trim()).chars().take(limit).collect();
        if shown == text {
            return text;
        }
        text = shown;
    }
}

/// How many marks that take no column a letter may have. 4, as UTS 39 (section 5.4) allows.
const MAX_MARKS: u32 = 4;

const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';

/// What a character that does not show is replaced by.
const fn replacement(character: char) -> char {
    match character {
        '\t' | '\n' | '\r' => ' ',
        _ => char::REPLACEMENT_CHARACTER,
    }
}

/// Each character of `text`, and whether it shows where it stands: that it is drawn, or
/// changes how those around it are drawn.
fn judged(text: &str) -> impl Iterator<Item = (char, bool)> {
    let mut characters = text.chars().peekable();
    let mut before = Before::default();
    std::iter::from_fn(move || {
        let character = characters.next()?;
        let shown = before.shows(character, characters.peek().copied());
        before.push(if shown { character } else { replacement(character) });
        Some((character, shown))
    })
}

/// What stands before a character, with replacements for what does not show.
#[derive(Default)]
struct Before {
    last: Option<char>,
    /// The last character that can bear a mark; `None` after a space.
    base: Option<char>,
    /// How many marks without a column follow it.
    marks: u32,
}

impl Before {
    fn shows(&self, character: char, next: Option<char>) -> bool {
        let Self { last, base, marks } = *self;
        let joins = |test: fn(char) -> bool| base.is_some_and(test) && next.is_some_and(test);
        let after_virama = last.is_some_and(is_virama);
        let before_virama = last == base && base.is_some() && next.is_some_and(is_virama);
        match character {
            ' '..='~' => true,
            // RFC 5892, appendix A, the sequences of emoji in UTS 51, and Bengali `rya`.
            ZERO_WIDTH_JOINER => after_virama || before_virama || joins(is_pictograph),
            ZERO_WIDTH_NON_JOINER => after_virama || joins(is_joining_letter),
            selector if is_selector(selector) => {
                last.is_some_and(|base| takes_selector(base, selector, next))
            }
            mark if is_mark(mark) => {
                base.is_some()
                    && !is_blank(mark)
                    && (takes_column(mark) || marks < MAX_MARKS && last != Some(mark))
            }
            vowel if is_vowel_jamo(vowel) => !is_blank(vowel) && last.is_some_and(is_leading_jamo),
            consonant if is_trailing_jamo(consonant) => last.is_some_and(ends_with_vowel),
            other => {
                !is_blank(other)
                    && other.width().is_some_and(|width| width > 0)
                    && other.general_category() != GeneralCategory::Format
                    && !matches!(other, '\u{2028}' | '\u{2029}')
            }
        }
    }

    fn push(&mut self, character: char) {
        self.last = Some(character);
        if is_mark(character) {
            self.marks += u32::from(!takes_column(character));
        } else if !is_joiner(character) && !is_selector(character) {
            self.base = (!character.is_whitespace()).then_some(character);
            self.marks = 0;
        }
    }
}

const fn is_joiner(character: char) -> bool {
    matches!(character, ZERO_WIDTH_JOINER | ZERO_WIDTH_NON_JOINER)
}

/// Unicode's property `Variation_Selector`.
const fn is_selector(character: char) -> bool {
    matches!(
        character,
        '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}'
    )
}

/// Whether a variation selector can change how `base` is drawn.
fn takes_selector(base: char, selector: char, next: Option<char>) -> bool {
    match selector {
        '\u{fe0e}' | '\u{fe0f}' if base.is_ascii() => {
            let is_keycap = next == Some('\u{20e3}');
            is_keycap && base.is_emoji_char()
        }
        '\u{fe0e}' | '\u{fe0f}' => base.is_emoji_char(),
        '\u{180b}'..='\u{180f}' => matches!(base, '\u{1820}'..='\u{18aa}'),
        _ => matches!(
            base,
            '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}'
        ),
    }
}

fn is_pictograph(character: char) -> bool {
    !character.is_ascii() && character.is_emoji_char()
}

/// Whether a letter is of a script that joins its letters, as Arabic does.
fn is_joining_letter(character: char) -> bool {
    matches!(character, '\u{620}'..='\u{8ff}' | '\u{1820}'..='\u{18aa}')
        && character.general_category_group() == GeneralCategoryGroup::Letter
}

fn is_mark(character: char) -> bool {
    character.general_category_group() == GeneralCategoryGroup::Mark
}

fn takes_column(mark: char) -> bool {
    mark.width().is_some_and(|width| width > 0)
}

fn is_virama(character: char) -> bool {
    canonical_combining_class(character) == 9
}

/// First consonants of a Korean syllable. The vowel and the last consonant that follow take no
/// column of their own, and elsewhere than in a syllable they draw nothing that is certain.
const fn is_leading_jamo(character: char) -> bool {
    matches!(character, '\u{1100}'..='\u{115e}' | '\u{a960}'..='\u{a97c}')
}

const fn is_vowel_jamo(character: char) -> bool {
    matches!(character, '\u{1160}'..='\u{11a7}' | '\u{d7b0}'..='\u{d7c6}')
}

const fn is_trailing_jamo(character: char) -> bool {
    matches!(character, '\u{11a8}'..='\u{11ff}' | '\u{d7cb}'..='\u{d7fb}')
}

/// Whether it is a Korean vowel, or a syllable without a last consonant.
const fn ends_with_vowel(character: char) -> bool {
    let is_open = matches!(character, '\u{ac00}'..='\u{d7a3}')
        && (character as u32 - 0xac00).is_multiple_of(28);
    is_open || is_vowel_jamo(character)
}

/// Letters, marks and symbols that draw nothing, though their category and width do not
/// tell: fillers, inherent vowels, joiners of graphemes, consonants and numbers, and blanks of
/// Braille, of musical symbols and of hieroglyphs.
const fn is_blank(character: char) -> bool {
    matches!(
        character,
        '\u{34f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{2800}'
            | '\u{2d7f}'
            | '\u{3164}'
            | '\u{ffa0}'
            | '\u{1107f}'
            | '\u{13441}'..='\u{13442}'
            | '\u{16fe4}'
            | '\u{1d159}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        assert_eq!(cleaned("👩\u{200d}🎤", 2), "👩", "nothing is left to join");
    }

    #[test]
    fn plain_text_has_no_control_or_invisible_characters() {
        for name in [
            "Ana",
            "Łukasz",
            "山田",
            "Zoë 🎹",
            "👩\u{200d}🎤",
            "می\u{200c}خواهم",
            "⌨\u{fe0f}",
            "1\u{fe0f}\u{20e3}",
            "🏳\u{fe0f}\u{200d}🌈",
            "👩🏽\u{200d}🎤",
            "🇩🇪",
            "葛\u{e0100}",
            "ක්\u{200d}රම",
            "Nguyễn",
            "בְּרֵאשִׁית",
            "한글",
            "हिन्दी",
            "ไทยดนตรี",
            "\u{f8ff}",
        ] {
            assert!(is_plain(name), "{name}");
            assert_eq!(printable(name), name);
            assert_eq!(cleaned(name, 64), normalised(name));
        }
        for trick in [
            "a\u{1b}[2J",
            "a\nb",
            "anA\u{202e}",
            "a\u{200b}na",
            "a\u{2028}b",
            "a\u{200d}b",
            "a\u{200d}",
            "\u{200d}🎤",
            "a\u{200c}b",
            "a\u{fe0f}",
            "1\u{fe0f}",
            "⌨\u{fe0f}\u{fe0f}",
            "\u{301}a",
            "a \u{301}",
            "a\u{301}\u{301}",
            "a\u{300}\u{301}\u{302}\u{303}\u{304}",
            "a\u{1161}",
            "각\u{11a8}",
            "가\u{1161}",
            "ᄀ\u{11a8}",
            "a\u{9be}\u{9be}",
            "ⵣ\u{2d7f}",
            "🏴\u{e0067}",
            "\u{3164}",
        ] {
            assert!(!is_plain(trick), "{trick:?}");
            assert!(is_plain(&printable(trick)), "{trick:?}");
        }
    }

    /// As they are typed in the country, also decomposed.
    #[test]
    fn names_of_people_are_plain() {
        for name in [
            "Nguyễn Thị Ánh",
            "Đặng Hồng Phượng",
            "김민준",
            "박서연",
            "山田太郎",
            "王小明",
            "עומר",
            "שָׂרָה",
            "בְּרָכָה",
            "רִבְקָה",
            "فاطمة",
            "مُحَمَّد",
            "عَبْدُ ٱللّٰه",
            "علی\u{200c}رضا",
            "प्रियंका चोपड़ा",
            "श्री कृष्णा",
            "সত্যজিৎ রায়",
            "র\u{200d}্যাচেল",
            "சுப்ரமணியம்",
            "రాజ్\u{200c}కుమార్",
            "ಶ್ರೀನಿವಾಸ",
            "മോഹൻലാൽ",
            "ක්\u{200d}රිස්ටිනා",
            "สมชาย",
            "ณัฐวุฒิ",
            "น้ำฝน",
            "ບຸນມີ",
            "བསྟན་འཛིན་རྒྱ་མཚོ",
            "བཀྲ་ཤིས",
            "အောင်ဆန်းစုကြည်",
            "ကျော်မြို့",
            "ស្រីមុំ",
            "ሰላም",
            "Ελένη",
            "Ѓорѓи",
            "გიორგი",
            "İbrahim Şahin",
            "Jean-Luc O’Brien",
            "Nǃxau ǂToma",
            "ᠮᠣᠩᠭᠣᠯ",
            "👨\u{200d}👩\u{200d}👧\u{200d}👦",
            "⛹🏻\u{200d}♀\u{fe0f}",
        ] {
            let decomposed: String = name.nfd().collect();
            for name in [name, &decomposed, &normalised(name)] {
                assert_eq!(first_hidden(name), None, "{name}");
            }
            assert_eq!(cleaned(name, 64), normalised(name));
        }
    }

    #[test]
    fn no_character_that_draws_nothing_is_plain() {
        for character in (0..=0x10_ffff).filter_map(char::from_u32) {
            let is_hidden = match character.general_category() {
                GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator => true,
                _ => character.width() == Some(0) && !is_mark(character),
            };
            let blanks = "\u{34f}\u{115f}\u{17b4}\u{180b}\u{2800}\u{3164}\u{fe00}\u{ffa0}\u{e0100}";
            if is_hidden || blanks.contains(character) {
                assert!(!is_plain(&format!("a{character}b")), "{character:?}");
                assert!(!is_plain(&character.to_string()), "{character:?}");
            }
        }
    }

    #[test]
    fn every_space_is_one_space() {
        let spaces = "a \u{a0}\u{2003}\u{3000}b";
        assert_eq!(normalised(spaces), "a b");
        assert_eq!(cleaned(spaces, 9), "a b");
    }

    fn tricky_text() -> impl Strategy<Value = String> {
        let pieces = proptest::sample::select(vec![
            "a",
            "é",
            " ",
            "1",
            "\u{301}",
            "\u{323}",
            "\u{200c}",
            "\u{200d}",
            "\u{200b}",
            "\u{202e}",
            "\u{fe0e}",
            "\u{fe0f}",
            "\u{20e3}",
            "\u{3164}",
            "\u{2800}",
            "\u{a0}",
            "👩",
            "🎤",
            "🏽",
            "⌨",
            "می",
            "خ",
            "\u{64e}",
            "क",
            "\u{94d}",
            "葛",
            "\u{e0100}",
            "\u{34f}",
            "\u{1160}",
            "가",
            "\u{11a8}",
            "각",
            "র",
            "\u{9be}",
            "\u{e0067}",
            "\n",
        ]);
        prop_oneof![
            proptest::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat()),
            ".{0,20}",
        ]
    }

    proptest! {
        #[test]
        fn plain_names_with_the_same_ink_look_alike(one in tricky_text(), other in tricky_text()) {
            let ink = |text: &str| -> String {
                let drawn = |c: &char| is_mark(*c) && !is_selector(*c) || c.width() != Some(0);
                normalised(&normalised(text).chars().filter(drawn).collect::<String>())
            };
            let bare = ink(&one);
            for text in [&other, &bare] {
                let (one, text) = (normalised(&one), normalised(text));
                if is_plain(&one) && is_plain(&text) && ink(&one) == ink(&text) {
                    prop_assert!(look_alike(&one, &text), "{one:?} {text:?}");
                }
            }
        }

        #[test]
        fn cleaned_and_printable_texts_are_plain(text in tricky_text(), limit in 0..9_usize) {
            let cleaned = cleaned(&text, limit);
            prop_assert!(is_plain(&cleaned) && cleaned.chars().count() <= limit, "{cleaned:?}");
            prop_assert_eq!(&normalised(cleaned.trim()), &cleaned);
            prop_assert!(is_plain(&printable(&text)), "{text:?}");
            prop_assert!(columns(&padded(&text, limit)) == limit);
        }
    }
}
