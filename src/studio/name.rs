//! Names of whatever people name, such as instruments, buses, clips, patterns and
//! sessions: short, printable, cheap to clone.
//!
//! A name is for people. Nothing is ever looked up by it.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::bounded::MAX_NAME;
use crate::util::text::is_plain;

/// A name of 1 to 64 characters, none of which can upset a terminal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Name(Arc<str>);

/// Why a text is not a [`Name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// There is nothing in it, or blanks only.
    #[error("a name must not be empty")]
    Empty,
    /// It does not fit.
    #[error("a name must not be longer than {MAX_NAME} characters")]
    TooLong,
    /// It has a line break, an escape, or the like in it.
    #[error("a name must not contain control characters or invisible ones")]
    Control,
}

impl Name {
    /// Takes `text`, without the blanks around it, if it can be a name.
    ///
    /// # Errors
    /// If nothing is left of it, if it has more than 64 characters, or is not
    /// [plain](is_plain).
    pub fn new(text: &str) -> Result<Self, BadName> {
        let text = text.trim();
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

    /// A name that this crate gives, and that is known to be one.
    pub(super) fn given(text: &'static str) -> Self {
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
    fn a_name_that_would_upset_a_terminal_is_refused_from_the_wire_too() {
        assert_eq!(Name::new("  "), Err(BadName::Empty));
        assert_eq!(Name::new("a\u{1b}[2J"), Err(BadName::Control));
        assert_eq!(Name::new(&"x".repeat(65)), Err(BadName::TooLong));
        assert!(Name::new(&"ß".repeat(64)).is_ok(), "characters count, not bytes");
        assert!(serde_json::from_str::<Name>("\"a\\nb\"").is_err());
    }

    #[test]
    fn blanks_around_a_name_are_not_part_of_it() {
        assert_eq!(Name::new(" Lead ").map(|name| name.to_string()), Ok("Lead".to_owned()));
    }
}
