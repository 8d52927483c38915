//! The cryptography of a connection: keys, the encrypted channel, the proof of the
//! code, and the words that two people compare.
//!
//! Bytes in, bytes out: it knows no socket, file, clock or message, and not which keys
//! are admitted. docs/security.md says what it is for, docs/protocol.md what the bytes are.
//!
//! Nothing here is invented. Noise is the crate `snow`, SPAKE2 the crate `spake2`.
//! Neither (snow 0.10, spake2 0.4) erases its secrets from memory; this module erases
//! its own copies. Both draw random numbers from the operating system themselves.

pub mod channel;
pub mod join_code;
pub mod keys;
mod words;

pub use self::{
    channel::{Channel, ChannelError, Entry, Initiator, Opener, Responder, Sealer},
    join_code::{CodeMac, CodeRun, Element, JoinCode},
    keys::{PrivateKey, PublicKey},
    words::{Words, WordsCommitment, WordsNonce, words},
};
