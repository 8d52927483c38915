//! The words that two people compare when a client asks to join.
//!
//! Both sides add a nonce, and the client commits to its own before it sees the host's:
//! a man in the middle cannot look for keys that give equal words.

use bip39::Language;
use blake2::{Blake2s256, Digest as _};

use super::keys::PublicKey;
use crate::util::hex::hex_bytes;

/// Six words of 2,048.
pub type Words = [&'static str; 6];

/// What one side adds to the words: 32 random bytes. In JSON, 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordsNonce([u8; 32]);

hex_bytes!(WordsNonce, "a nonce");

impl WordsNonce {
    /// The nonce of `bytes`, which must come from the operating system's random number
    /// generator, anew for each question.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// What the client sends of its nonce before it sees the host's; `hash` is the
    /// handshake hash of the channel.
    #[must_use]
    pub fn commitment(&self, hash: &[u8; 32]) -> WordsCommitment {
        WordsCommitment(hash_of([b"imbolc ask", hash, &self.0]))
    }
}

/// A nonce of the client that cannot be changed any more: the host compares it with the
/// [`commitment`](WordsNonce::commitment) of the nonce that is revealed. In JSON, 64
/// hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordsCommitment([u8; 32]);

hex_bytes!(WordsCommitment, "a commitment");

/// Six words of 2,048, over the keys and nonces of the host and the client: equal on both
/// screens, unless there is a man in the middle.
#[must_use]
pub fn words(
    host: PublicKey,
    client: PublicKey,
    host_nonce: WordsNonce,
    client_nonce: WordsNonce,
) -> Words {
    let hash =
        hash_of([b"imbolc words", host.bytes(), client.bytes(), &host_nonce.0, &client_nonce.0]);
    let list = Language::English.word_list();
    let bit = |bit: usize| usize::from(hash[bit / 8] >> (7 - bit % 8) & 1);
    [0, 1, 2, 3, 4, 5]
        .map(|word| list[(word * 11..word * 11 + 11).fold(0, |index, at| index << 1 | bit(at))])
}

fn hash_of<const N: usize>(parts: [&[u8]; N]) -> [u8; 32] {
    parts.iter().fold(Blake2s256::new(), Blake2s256::chain_update).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::PrivateKey;

    fn key(seed: u8) -> PublicKey {
        PrivateKey::new([seed; 32]).public()
    }

    const fn nonce(byte: u8) -> WordsNonce {
        WordsNonce::new([byte; 32])
    }

    /// Made with Python's `hashlib`.
    #[test]
    fn words_are_those_of_the_document() {
        let expected = ["control", "party", "ten", "famous", "route", "clarify"];
        assert_eq!(words(key(2), key(1), nonce(6), nonce(7)), expected);
    }

    #[test]
    fn words_depend_on_both_keys_and_both_nonces() {
        let all = [
            words(key(2), key(1), nonce(6), nonce(7)),
            words(key(3), key(1), nonce(6), nonce(7)),
            words(key(2), key(3), nonce(6), nonce(7)),
            words(key(2), key(1), nonce(8), nonce(7)),
            words(key(2), key(1), nonce(6), nonce(8)),
            words(key(1), key(2), nonce(6), nonce(7)),
        ];
        for (at, words) in all.iter().enumerate() {
            assert!(!all[..at].contains(words), "{words:?}");
        }
    }

    #[test]
    fn commitment_holds_for_one_nonce_and_one_channel() {
        let commitment = nonce(7).commitment(&[5; 32]);
        let digits = "\"5360f2f95e5e6eb30040cc0e79fc1e71df177c59c9996d081e5e421b65fd5344\"";
        assert_eq!(serde_json::to_string(&commitment).unwrap(), digits);
        assert_ne!(nonce(8).commitment(&[5; 32]), commitment);
        assert_ne!(nonce(7).commitment(&[6; 32]), commitment);
    }
}
