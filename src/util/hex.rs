//! Fixed numbers of bytes, written as hexadecimal digits in a human-readable format
//! and as themselves in any other.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serializer,
    de::{Error as _, SeqAccess, Visitor},
    ser::SerializeTuple as _,
};

/// Shows bytes as hexadecimal digits, two for each.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The bytes that [`Hex`] shows as `digits`, in small or capital letters; `None` unless
/// these are two hexadecimal digits for each byte.
pub(crate) fn parse_hex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { return None };
    let mut bytes = [0; N];
    if pairs.len() != N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        *byte = u8::try_from(high? << 4 | low?).ok()?;
    }
    Some(bytes)
}

/// Serializes `bytes` as digits or, in a binary format, without their number.
pub(crate) fn serialize_hex<const N: usize, S: Serializer>(
    bytes: &[u8; N],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        return serializer.collect_str(&Hex(bytes));
    }
    let mut tuple = serializer.serialize_tuple(N)?;
    bytes.iter().try_for_each(|byte| tuple.serialize_element(byte))?;
    tuple.end()
}

/// Deserializes what [`serialize_hex`] wrote; an error says that it is not `what`.
pub(crate) fn deserialize_hex<'de, const N: usize, D: Deserializer<'de>>(
    deserializer: D,
    what: &'static str,
) -> Result<[u8; N], D::Error> {
    if !deserializer.is_human_readable() {
        return deserializer.deserialize_tuple(N, ByteVisitor::<N>(what));
    }
    let digits = String::deserialize(deserializer)?;
    parse_hex(&digits)
        .ok_or_else(|| D::Error::custom(format_args!("{what} is {} hexadecimal digits", N * 2)))
}

struct ByteVisitor<const N: usize>(&'static str);

impl<'de, const N: usize> Visitor<'de> for ByteVisitor<N> {
    type Value = [u8; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {N} bytes", self.0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<[u8; N], A::Error> {
        let mut bytes = [0; N];
        for (at, byte) in bytes.iter_mut().enumerate() {
            let next = sequence.next_element()?;
            *byte = next.ok_or_else(|| A::Error::invalid_length(at, &self))?;
        }
        Ok(bytes)
    }
}

/// Implements the traits of serde for a type that is nothing but bytes. `$what` names it
/// in errors, with its article.
macro_rules! hex_bytes {
    ($type:ty, $what:literal) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::util::hex::serialize_hex(&self.0, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::util::hex::deserialize_hex(deserializer, $what).map(Self)
            }
        }
    };
}

pub(crate) use hex_bytes;
