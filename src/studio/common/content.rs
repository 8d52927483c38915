//! References to files: samples, impulse responses, saved states of plug-ins.
//!
//! The content of a file never crosses the wire. This file must not know where
//! a file is, nor what it contains.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::name::Name;

/// A reference to a file. A participant may not have the file; only the engine
/// needs it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Content {
    /// The name shown to people.
    pub name: Name,
    /// The hash that identifies the content.
    pub digest: ContentHash,
}

/// The first 128 bits of the BLAKE3 hash of a file, serialized as 32 lower-case
/// hexadecimal digits.
///
/// The session does not depend on the hash function, but all participants must
/// use this one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash(pub [u8; 16]);

/// The text is not 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a content hash must have 32 hexadecimal digits")]
#[non_exhaustive]
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
        // `from_str_radix` accepts a sign; check the digits first.
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
    fn content_hash_is_exactly_32_hex_digits() {
        let text = "00112233445566778899aabbccddeeff";
        let digest: ContentHash = text.parse().unwrap();
        assert_eq!(digest.to_string(), text);
        assert_eq!(text[1..].parse::<ContentHash>(), Err(BadContentHash));
        assert_eq!("+0112233445566778899aabbccddeeff".parse::<ContentHash>(), Err(BadContentHash));
        assert!(serde_json::from_str::<ContentHash>("\"ä\"").is_err());
    }
}
