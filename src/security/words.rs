//! The words that two people compare.

use bip39::Language;
use blake2::{Blake2s256, Digest as _};

use super::keys::PublicKey;

/// Six words of 2,048 over both keys: equal on both screens if nobody is in between.
#[must_use]
pub fn words(host: PublicKey, client: PublicKey) -> [&'static str; 6] {
    let mut hasher = Blake2s256::new();
    for part in [&b"imbolc words"[..], host.bytes(), client.bytes()] {
        hasher.update(part);
    }
    let hash: [u8; 32] = hasher.finalize().into();
    let list = Language::English.word_list();
    let mut words = [""; 6];
    for (at, word) in words.iter_mut().enumerate() {
        let bit = |bit: usize| usize::from(hash[bit / 8] >> (7 - bit % 8) & 1);
        *word = list[(at * 11..at * 11 + 11).fold(0, |index, at| index << 1 | bit(at))];
    }
    words
}
