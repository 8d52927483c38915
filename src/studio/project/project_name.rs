//! Names of projects and checkpoints: such as can be the name of a file, on any
//! system, and of no file elsewhere.
//!
//! It knows what a file may be called, never where files are.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::studio::bounded::MAX_NAME;
use crate::util::text::is_plain;

/// Bytes in a project's name: the name of a file must not have more than 255,
/// and this one gets an ending.
const MAX_BYTES: usize = 200;

/// The name of a project or a checkpoint.
///
/// It has 1 to 64 characters, no separator of paths nor anything else that some
/// system gives a meaning to, and does not begin or end with a dot or a blank.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ProjectName(Arc<str>);

/// Why a text is not a [`ProjectName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadProjectName {
    /// There is nothing in it.
    #[error("a project's name must not be empty")]
    Empty,
    /// It does not fit.
    #[error("a project's name must not be longer than {MAX_NAME} characters or {MAX_BYTES} bytes")]
    TooLong,
    /// It has a character in it that would lead elsewhere, or nowhere.
    #[error("a project's name must not contain {0:?}")]
    Character(char),
    /// It begins or ends with a dot or a blank.
    #[error("a project's name must not begin or end with a dot or a blank")]
    Edge,
    /// It is the name of a device on some systems.
    #[error("some systems keep this name for a device")]
    Reserved,
}

impl ProjectName {
    /// Takes `text` if it can be a name.
    ///
    /// # Errors
    /// If it cannot.
    pub fn new(text: &str) -> Result<Self, BadProjectName> {
        let is_bad =
            |c: &char| !is_plain(c.encode_utf8(&mut [0; 4])) || r#"/\:*?"<>|"#.contains(*c);
        let edge = |c: char| c == '.' || c.is_whitespace();
        if text.is_empty() {
            Err(BadProjectName::Empty)
        } else if text.len() > MAX_BYTES || text.chars().nth(MAX_NAME).is_some() {
            Err(BadProjectName::TooLong)
        } else if let Some(bad) = text.chars().find(is_bad) {
            Err(BadProjectName::Character(bad))
        } else if text.starts_with(edge) || text.ends_with(edge) {
            Err(BadProjectName::Edge)
        } else if is_reserved(text) {
            Err(BadProjectName::Reserved)
        } else {
            Ok(Self(text.into()))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether some system takes it for a device, whatever its ending.
fn is_reserved(text: &str) -> bool {
    let stem = text.split('.').next().unwrap_or(text).trim_end().to_ascii_uppercase();
    let port = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    let numbered = |rest: &str| rest.len() == 1 && rest.bytes().all(|b| b.is_ascii_digit());
    ["CON", "PRN", "AUX", "NUL"].contains(&stem.as_str()) || port.is_some_and(numbered)
}

impl fmt::Display for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for ProjectName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_leave_its_directory_is_refused_from_the_wire_too() {
        for bad in [
            "",
            ".",
            "..",
            "../song",
            "a/b",
            r"a\b",
            "/etc/passwd",
            r"C:\song",
            "c:song",
            ".hidden",
            "song.",
            "song ",
            " song",
            "a\0b",
            "a\nb",
            "con",
            "NUL",
            "nul.json",
            "com1",
            "LPT9.x",
            "a*",
            "a?",
            "a|b",
            "\"a\"",
        ] {
            assert!(ProjectName::new(bad).is_err(), "{bad:?}");
            let json = serde_json::to_string(bad).unwrap();
            assert!(serde_json::from_str::<ProjectName>(&json).is_err(), "{bad:?}");
        }
        assert_eq!(ProjectName::new(&"a".repeat(65)), Err(BadProjectName::TooLong));
        assert_eq!(ProjectName::new(&"\u{1f3b5}".repeat(51)), Err(BadProjectName::TooLong));
    }

    #[test]
    fn a_name_may_be_in_any_language() {
        for good in ["Song", "Lied für Élise", "曲 no. 1", "v1.2-final_final (3)", "communion"] {
            assert!(ProjectName::new(good).is_ok(), "{good:?}");
        }
    }
}
