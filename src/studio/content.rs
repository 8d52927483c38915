//! References to what never crosses the wire: samples, impulse responses, the
//! saved states of plug-ins.
//!
//! It knows what such a file is called and how to tell it from another one,
//! never where it is nor what is in it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::name::Name;

/// A file that each participant has, or has not: only who makes the sound needs
/// it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// What it is called, for people.
    pub name: Name,
    /// What tells it from any other, for machines.
    pub digest: ContentHash,
}

/// The first 128 bits of a cryptographic hash of a file.
///
/// It is written as 32 hexadecimal digits in lower case. Which hash it is does
/// not matter to a session, as long as all participants take the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash(pub [u8; 16]);

/// A text is not 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest is written as 32 hexadecimal digits")]
pub struct BadContentHash;

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({self})")
    }
}

impl FromStr for ContentHash {
    type Err = BadContentHash;

    fn from_str(text: &str) -> Result<Self, BadContentHash> {
        // The number parser would take a sign.
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(BadContentHash);
        }
        let number = u128::from_str_radix(text, 16).map_err(|_| BadContentHash)?;
        Ok(Self(number.to_be_bytes()))
    }
}

impl Serialize for ContentHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContentHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_written_as_hexadecimal_digits_and_nothing_else_is_one() {
        let text = "00112233445566778899aabbccddeeff";
        let digest: ContentHash = text.parse().unwrap();
        assert_eq!(digest.to_string(), text);
        assert_eq!(text[1..].parse::<ContentHash>(), Err(BadContentHash));
        assert_eq!("+0112233445566778899aabbccddeeff".parse::<ContentHash>(), Err(BadContentHash));
        assert!(serde_json::from_str::<ContentHash>("\"ä\"").is_err());
    }
}
