//! The words that two people compare.
//!
//! Over the two keys alone a man in the middle could look for keys of its own that give
//! the same words on both sides. So each side adds random bytes, and the client commits
//! to its own before it sees those of the host.

use bip39::Language;
use blake2::{Blake2s256, Digest as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq;

use super::keys::PublicKey;
use crate::util::hex::{deserialize_hex, serialize_hex};

/// Six words of 2,048.
pub type Words = [&'static str; 6];

/// What one side adds to the words: 32 random bytes. In JSON it is 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordsNonce([u8; 32]);

impl WordsNonce {
    /// The nonce of `bytes`, which must come from the operating system's random number
    /// generator.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// What the client sends before the nonce itself. `hash` is the handshake hash of the
    /// channel.
    #[must_use]
    pub fn commitment(&self, hash: &[u8; 32]) -> WordsCommitment {
        WordsCommitment(blake2s(&[b"imbolc ask", hash, &self.0]))
    }
}

/// What binds a client to a [`WordsNonce`] that it has not shown yet. In JSON it is 64
/// hexadecimal digits.
#[derive(Clone, Copy, Debug, Eq)]
pub struct WordsCommitment([u8; 32]);

impl PartialEq for WordsCommitment {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// The six words: equal on both screens if nobody is in between.
#[must_use]
pub fn words(
    host: PublicKey,
    client: PublicKey,
    host_nonce: WordsNonce,
    client_nonce: WordsNonce,
) -> Words {
    let parts: [&[u8]; 5] =
        [b"imbolc words", host.bytes(), client.bytes(), &host_nonce.0, &client_nonce.0];
    let hash = blake2s(&parts);
    let list = Language::English.word_list();
    let bit = |bit: usize| usize::from(hash[bit / 8] >> (7 - bit % 8) & 1);
    std::array::from_fn(|at| {
        list[(at * 11..at * 11 + 11).fold(0, |index, at| index << 1 | bit(at))]
    })
}

fn blake2s(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Blake2s256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

impl Serialize for WordsNonce {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_hex(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for WordsNonce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_hex(deserializer, "a nonce").map(Self)
    }
}

impl Serialize for WordsCommitment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_hex(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for WordsCommitment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_hex(deserializer, "a commitment").map(Self)
    }
}
