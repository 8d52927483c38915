//! The reasons for missed targets, written by hand in `reasons.md` under the keys of
//! the rows.

const REASONS: &str = include_str!("reasons.md");

/// The text under the heading that lists `key`.
pub fn of(key: &str) -> Option<&'static str> {
    REASONS.split("\n## ").skip(1).find_map(|section| {
        let (heading, text) = section.split_once('\n')?;
        heading.trim().split(", ").any(|named| named == key).then(|| text.trim())
    })
}
