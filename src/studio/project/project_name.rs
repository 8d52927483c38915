//! Names of projects and checkpoints that are valid file names on every system
//! and cannot lead to another directory.
//!
//! This file knows what a file may be called, never where files are.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::{
    studio::common::bounded::MAX_NAME,
    util::text::{cleaned, first_hidden, normalised},
};

/// The limit on bytes: file systems allow 255, and an extension is added.
const MAX_BYTES: usize = 200;

/// The name of a project or a checkpoint.
///
/// It has 1 to 64 characters and at most 200 bytes. It contains no path
/// separator and no character with a special meaning on some system, and
/// neither starts nor ends with a dot or a blank.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ProjectName(Arc<str>);

/// The reason why a text is not a [`ProjectName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadProjectName {
    /// The text is empty.
    #[error("a project's name must not be empty")]
    Empty,
    /// The text exceeds 64 characters or 200 bytes.
    #[error("a project's name must not be longer than {MAX_NAME} characters or {MAX_BYTES} bytes")]
    TooLong,
    /// The text contains a character that is not allowed in file names
    /// everywhere.
    #[error("a project's name must not contain {0:?}")]
    Character(char),
    /// The text starts or ends with a dot or a blank.
    #[error("a project's name must not start or end with a dot or a blank")]
    Edge,
    /// The text is a device name on some systems.
    #[error("this name is reserved for a device on some systems")]
    Reserved,
}

impl ProjectName {
    /// Checks `text` and makes it a name, in NFC.
    ///
    /// # Errors
    /// The rule that `text` breaks.
    pub fn new(text: &str) -> Result<Self, BadProjectName> {
        let text = &*normalised(text);
        if text.is_empty() {
            Err(BadProjectName::Empty)
        } else if text.len() > MAX_BYTES || text.chars().nth(MAX_NAME).is_some() {
            Err(BadProjectName::TooLong)
        } else if let Some(bad) = text.chars().find(|c| is_bad(*c)).or_else(|| first_hidden(text)) {
            Err(BadProjectName::Character(bad))
        } else if text.starts_with(is_edge) || text.ends_with(is_edge) {
            Err(BadProjectName::Edge)
        } else if is_reserved(text) {
            Err(BadProjectName::Reserved)
        } else {
            Ok(Self(text.into()))
        }
    }

    /// The nearest name to `text`, cut so that `ending` can be appended.
    #[must_use]
    pub(crate) fn cleaned(text: &str, ending: &str) -> Self {
        let limit = MAX_NAME - ending.chars().count();
        let mut text = cleaned(&text.replace(is_bad, "_"), limit);
        while text.len() > MAX_BYTES - ending.len() {
            text.pop();
        }
        let text = cleaned(&text, limit);
        let text = format!("{}{ending}", text.trim_matches(is_edge));
        let reserved = || Self::new(&format!("_{text}"));
        Self::new(&text).or_else(|_| reserved()).unwrap_or_else(|_| Self("Untitled".into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a character has a special meaning in paths.
fn is_bad(c: char) -> bool {
    r#"/\:*?"<>|"#.contains(c)
}

/// Whether a name must not start or end with a character.
fn is_edge(c: char) -> bool {
    c == '.' || c.is_whitespace()
}

/// Whether some system reserves the name for a device, with any extension.
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
    fn unsafe_file_name_is_not_deserialized() {
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
    fn names_in_any_language_are_accepted() {
        for good in ["Song", "Lied für Élise", "曲 no. 1", "v1.2-final_final (3)", "communion"] {
            assert!(ProjectName::new(good).is_ok(), "{good:?}");
        }
    }
}
