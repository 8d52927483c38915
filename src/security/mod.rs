//! Keys and the encrypted channel, without I/O.

mod keys;

pub use keys::PublicKey;
