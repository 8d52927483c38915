//! Identifiers of 128 random bits: session tokens, session ids and instances.
//!
//! The caller provides the bytes: nothing here generates random numbers.

use std::fmt;

use subtle::ConstantTimeEq;

use crate::util::hex::{Hex, hex_bytes, parse_hex};

/// The secret with which a client resumes its place in a session: 128 random bits.
///
/// In JSON it is a string of 32 hexadecimal digits. Comparison takes constant time,
/// and `Debug` does not show the value.
#[derive(Clone, Copy, Eq)]
pub struct SessionToken([u8; 16]);

impl SessionToken {
    /// A token of `bytes`, which must come from the operating system's random number
    /// generator.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl PartialEq for SessionToken {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(…)")
    }
}

hex_bytes!(SessionToken, "a token");

/// Identifies a session. A restarted host has a new one.
///
/// In JSON it is a string of 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// The id with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The id whose [`Display`](fmt::Display) is `digits`; `None` unless these are 32
    /// hexadecimal digits.
    #[must_use]
    pub fn parse(digits: &str) -> Option<Self> {
        parse_hex(digits).map(Self)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}

hex_bytes!(SessionId, "a session id");

/// Identifies a running program among those of one installation. Together with the key
/// of the installation it names the place of a client in a session.
///
/// In JSON it is a string of 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InstanceId([u8; 16]);

impl InstanceId {
    /// The instance of `bytes`, which must be random.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

hex_bytes!(InstanceId, "an instance");
