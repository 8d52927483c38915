//! What stands in the way of a target, where one is missed. Written by hand, in
//! `reasons.md`, by the keys of the rows.

const REASONS: &str = include_str!("reasons.md");

/// What is written under the heading that names this key, perhaps among others.
pub fn of(key: &str) -> Option<&'static str> {
    REASONS.split("\n## ").skip(1).find_map(|section| {
        let (heading, text) = section.split_once('\n')?;
        heading.trim().split(", ").any(|named| named == key).then(|| text.trim())
    })
}
