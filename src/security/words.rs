//! The words that two people compare before a client asks to be let in.
//!
//! Both sides add a nonce, and the client commits to its own before it sees the host's:
//! a man in the middle cannot look for keys that give equal words.

use bip39::Language;
use blake2::{Blake2s256, Digest as _};

use super::keys::PublicKey;
use crate::util::hex::hex_bytes;

/// What one side adds to the words: 32 random bytes. In JSON, 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordNonce([u8; 32]);

hex_bytes!(WordNonce, "a nonce");

impl WordNonce {
    /// The nonce of `bytes`, which must come from the operating system's random number
    /// generator, anew for each question.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// What the client sends of its nonce before it sees the host's; `hash` is the
    /// handshake hash of the channel.
    #[must_use]
    pub fn commitment(&self, hash: &[u8; 32]) -> WordCommitment {
        WordCommitment(hash_of([b"imbolc ask", hash, &self.0]))
    }
}

/// A nonce of the client that cannot be changed any more: the host compares it with the
/// [`commitment`](WordNonce::commitment) of the nonce that is revealed. In JSON, 64
/// hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordCommitment([u8; 32]);

hex_bytes!(WordCommitment, "a commitment");

/// Six words of 2,048, over the keys and nonces of the host and the client: equal on both
/// screens if nobody is in between.
#[must_use]
pub fn words(
    host: PublicKey,
    client: PublicKey,
    host_nonce: WordNonce,
    client_nonce: WordNonce,
) -> [&'static str; 6] {
    let hash =
        hash_of([b"imbolc words", host.bytes(), client.bytes(), &host_nonce.0, &client_nonce.0]);
    let list = Language::English.word_list();
    let bit = |bit: usize| usize::from(hash[bit / 8] >> (7 - bit % 8) & 1);
    [0, 1, 2, 3, 4, 5]
        .map(|word| list[(word * 11..word * 11 + 11).fold(0, |index, at| index << 1 | bit(at))])
}

fn hash_of<const N: usize>(parts: [&[u8]; N]) -> [u8; 32] {
    parts.iter().fold(Blake2s256::new(), |hasher, part| hasher.chain_update(part)).finalize().into()
}
