//! Names as people type them: of variants and keys, in any case and with or
//! without blanks.
//!
//! Functions from text to values; they know no command.

use imbolc_net::studio::{Key, Scale};
use serde::Serialize;

use crate::describe;

/// A name without what people leave out or add: case, blanks, hyphens.
pub(super) fn plain_name(name: &str) -> String {
    let counts = |letter: &char| !matches!(letter, ' ' | '-' | '_');
    name.chars().filter(counts).flat_map(char::to_lowercase).collect()
}

/// Whether two names are the same, as people type them.
pub(super) fn is_name(typed: &str, name: &str) -> bool {
    plain_name(typed) == plain_name(name)
}

/// One of `all` by its name, or by a beginning that no other name has.
///
/// # Errors
/// If there is none; the message lists the names.
pub(super) fn parse_one<T: Copy + Serialize>(
    name: &str,
    all: &[T],
    what: &str,
) -> Result<T, String> {
    if let Ok((found, "")) = split_one(name, all, what) {
        return Ok(found);
    }
    let typed = plain_name(name);
    let begins = |one: &&T| plain_name(&describe::label(one)).starts_with(&typed);
    let mut found = all.iter().filter(begins);
    match (found.next(), found.next()) {
        (Some(found), None) if !typed.is_empty() => Ok(*found),
        _ => Err(unknown(name, all, what)),
    }
}

/// One of `all` whose name begins a text, and the rest of the text.
///
/// # Errors
/// If there is none; the message lists the names.
pub(super) fn split_one<'a, T: Copy + Serialize>(
    text: &'a str,
    all: &[T],
    what: &str,
) -> Result<(T, &'a str), String> {
    let blanks = text.match_indices(' ').map(|(at, _)| at);
    // The longest name first, because one may begin with another.
    let ends: Vec<_> = blanks.chain([text.len()]).collect();
    for (name, rest) in ends.into_iter().rev().map(|at| text.split_at(at)) {
        if let Some(found) = all.iter().find(|one| is_name(name, &describe::label(one))) {
            return Ok((*found, rest.trim()));
        }
    }
    Err(unknown(text, all, what))
}

fn unknown<T: Serialize>(name: &str, all: &[T], what: &str) -> String {
    let all: Vec<_> = all.iter().map(describe::label).collect();
    format!("no {what} {name:?}; available: {}", all.join(", "))
}

/// A key, and a scale if one follows: `c#`, `Db`, `F sharp`, `c minor`.
///
/// # Errors
/// If it is none.
pub(super) fn parse_key(text: &str) -> Result<(Key, Option<Scale>), String> {
    let unknown = || format!("no key {text:?}; write it like C, F#, Bb or C minor");
    let (tonic, rest) = split_tonic(text).ok_or_else(unknown)?;
    let key = Key::ALL.get(usize::try_from(tonic.rem_euclid(12)).unwrap_or_default());
    let key = *key.ok_or_else(unknown)?;
    match rest {
        "" => Ok((key, None)),
        scale => {
            let scale = scale.parse().map_err(|error| format!("the scale {error}"))?;
            Ok((key, Some(scale)))
        }
    }
}

/// The semitones of a tonic above C, from -1 (Cb) to 12 (B#), and the text after it.
fn split_tonic(text: &str) -> Option<(i16, &str)> {
    const ACCIDENTALS: [(&str, i16); 6] =
        [("sharp", 1), ("flat", -1), ("#", 1), ("♯", 1), ("♭", -1), ("b", -1)];
    let letter = text.chars().next()?;
    let semitones = match letter.to_ascii_lowercase() {
        'c' => 0,
        'd' => 2,
        'e' => 4,
        'f' => 5,
        'g' => 7,
        'a' => 9,
        'b' => 11,
        _ => return None,
    };
    let rest = text[letter.len_utf8()..].trim_start();
    for (accidental, by) in ACCIDENTALS {
        let start = rest.get(..accidental.len());
        if let Some(start) = start.filter(|start| start.eq_ignore_ascii_case(accidental)) {
            let after = &rest[start.len()..];
            // The b of `c blues` is no accidental.
            if !after.starts_with(char::is_alphabetic) {
                return Some((semitones + by, after.trim()));
            }
        }
    }
    Some((semitones, rest.trim()))
}
