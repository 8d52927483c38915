//! Display names of instruments, buses, clips, patterns and sessions: short,
//! printable and cheap to clone.
//!
//! A name is for people: nothing may be looked up by it.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::bounded::MAX_NAME;
use crate::util::text::{is_plain, normalised};

/// A name of 1 to 64 characters in NFC with single spaces, without control or invisible
/// characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Name(Arc<str>);

/// The reason why a text is not a [`Name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadName {
    /// The text is empty or blank.
    #[error("a name must not be empty")]
    Empty,
    /// The text exceeds 64 characters.
    #[error("a name must not be longer than {MAX_NAME} characters")]
    TooLong,
    /// The text contains a control character, or one that draws nothing where it stands.
    #[error("a name must not contain control or invisible characters")]
    Control,
}

impl Name {
    /// Trims `text`, checks it and makes it a name.
    ///
    /// # Errors
    /// The rule that `text` breaks: it is blank, longer than 64 characters, or
    /// not [plain](is_plain).
    pub fn new(text: &str) -> Result<Self, BadName> {
        let text = &*normalised(text.trim());
        if text.is_empty() {
            Err(BadName::Empty)
        } else if !is_plain(text) {
            Err(BadName::Control)
        } else if text.chars().nth(MAX_NAME).is_some() {
            Err(BadName::TooLong)
        } else {
            Ok(Self(text.into()))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name that this crate defines; it is not checked.
    pub(in crate::studio) fn given(text: &'static str) -> Self {
        Self(text.into())
    }
}

impl Default for Name {
    fn default() -> Self {
        Self::given("Untitled")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_unsafe_for_terminals_is_not_deserialized() {
        assert_eq!(Name::new("  "), Err(BadName::Empty));
        assert_eq!(Name::new("a\u{1b}[2J"), Err(BadName::Control));
        assert_eq!(Name::new(&"x".repeat(65)), Err(BadName::TooLong));
        assert!(Name::new(&"ß".repeat(64)).is_ok(), "characters count, not bytes");
        assert!(serde_json::from_str::<Name>("\"a\\nb\"").is_err());
    }

    #[test]
    fn surrounding_blanks_are_trimmed() {
        assert_eq!(Name::new(" Lead ").map(|name| name.to_string()), Ok("Lead".to_owned()));
    }
}
