//! References to files: samples, impulse responses, saved states of plug-ins.
//!
//! The content of a file never crosses the wire. This file must not know where
//! a file is, nor what its content means.

use std::{
    fmt,
    io::{self, Read},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::name::Name;

/// A reference to a file. A participant may not have the file; only the engine
/// needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The name shown to people.
    pub name: Name,
    /// The hash that identifies the content.
    pub digest: ContentHash,
}

/// The first 128 bits of the BLAKE3 hash of a file, serialized as 32 lower-case
/// hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash(pub [u8; 16]);

/// Bytes that are hashed at a time.
const CHUNK: usize = 64 * 1024;

impl ContentHash {
    /// The hash of `content`, such as an open file, from where it stands to its end.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of(mut content: impl Read) -> io::Result<Self> {
        let mut hasher = blake3::Hasher::new();
        let mut chunk = vec![0; CHUNK];
        loop {
            match content.read(&mut chunk) {
                Ok(0) => break,
                Ok(length) => drop(hasher.update(chunk.get(..length).unwrap_or_default())),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let mut digest = [0; 16];
        hasher.finalize_xof().fill(&mut digest);
        Ok(Self(digest))
    }
}

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

    /// Gives a byte at a time, and is interrupted before each.
    struct Halting<'a>(&'a [u8], bool);

    impl Read for Halting<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let length = self.0.len().min(1);
            self.0.read(&mut buffer[..length])
        }
    }

    #[test]
    fn content_hash_is_the_beginning_of_blake3() {
        let hash = |content: &[u8]| ContentHash::of(content).unwrap().to_string();
        // From the published test vectors: bytes 0, 1, 2 … 250, repeated.
        let input: Vec<u8> = (0..=250).cycle().take(102_400).collect();
        for (length, expected) in [
            (0, "af1349b9f5f9a1a6a0404dea36dcc949"),
            (1, "2d3adedff11b61f14c886e35afa03673"),
            (1024, "42214739f095a406f3fc83deb889744a"),
            (102_400, "bc3e3d41a1146b069abffad3c0d44860"),
        ] {
            assert_eq!(hash(&input[..length]), expected, "{length} bytes");
        }
        let halting = ContentHash::of(Halting(&input[..1024], false)).unwrap();
        assert_eq!(halting.to_string(), "42214739f095a406f3fc83deb889744a");
        let beyond = ContentHash::of((&*input).chain(Failing));
        assert_eq!(beyond.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    struct Failing;

    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

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
