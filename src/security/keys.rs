//! The X25519 keys of installations.

use std::fmt;

use curve25519_dalek::MontgomeryPoint;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use zeroize::{Zeroize as _, Zeroizing};

use crate::util::hex::{Hex, deserialize_hex, parse_hex, serialize_hex};

/// The private key of an installation. It is erased when it is dropped, and shown
/// nowhere.
pub struct PrivateKey(Zeroizing<[u8; 32]>);

impl PrivateKey {
    /// The key of `bytes`, which must come from the operating system's random number
    /// generator. Erase your own copy.
    #[must_use]
    pub fn new(mut bytes: [u8; 32]) -> Self {
        let key = Self(Zeroizing::new(bytes));
        bytes.zeroize();
        key
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(MontgomeryPoint::mul_base_clamped(*self.0).to_bytes())
    }

    /// The bytes, to be written into the key file and to be given to the channel.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

/// The public key of an installation: its identity.
///
/// It is canonical and not of low order. It is shown, and written in JSON, as 64
/// hexadecimal digits; in Postcard it is its 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The key of `bytes`, a little-endian u-coordinate.
    ///
    /// # Errors
    /// [`BadKey`] if it is not below 2^255 - 19, or of low order. The first has a second
    /// encoding, so one key would have two names; with the second, Diffie-Hellman gives
    /// 0 for every private key.
    pub fn new(bytes: [u8; 32]) -> Result<Self, BadKey> {
        let canonical = bytes.iter().rev().lt(PRIME.iter().rev());
        if canonical && !LOW_ORDER.contains(&bytes) { Ok(Self(bytes)) } else { Err(BadKey) }
    }

    /// The key that is shown as `digits`; `None` if there is none.
    #[must_use]
    pub fn parse(digits: &str) -> Option<Self> {
        parse_hex(digits).and_then(|bytes| Self::new(bytes).ok())
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_hex(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(deserialize_hex(deserializer, "a public key")?).map_err(D::Error::custom)
    }
}

/// A public key that is not canonical, or of low order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a public key that is not canonical, or of low order")]
pub struct BadKey;

/// 2^255 - 19, little-endian.
const PRIME: [u8; 32] = {
    let mut prime = [0xff; 32];
    prime[0] = 0xed;
    prime[31] = 0x7f;
    prime
};

/// The canonical u-coordinates of the points whose order divides 8, on the curve and on
/// its twist: 0, 1, -1, and the two of order 8.
const LOW_ORDER: [[u8; 32]; 5] = {
    let mut one = [0; 32];
    one[0] = 1;
    let mut minus_one = PRIME;
    minus_one[0] -= 1;
    [
        [0; 32],
        one,
        minus_one,
        [
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f,
            0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16,
            0x5f, 0x49, 0xb8, 0x00,
        ],
        [
            0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83,
            0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd,
            0xd0, 0x9f, 0x11, 0x57,
        ],
    ]
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whether Diffie-Hellman with `key` gives 0.
    fn gives_nothing(key: [u8; 32]) -> bool {
        MontgomeryPoint(key).mul_clamped([7; 32]).to_bytes() == [0; 32]
    }

    /// `number` as the smallest number of a key that is equal modulo the prime.
    fn plus_prime(number: u8) -> [u8; 32] {
        let mut key = PRIME;
        key[0] += number;
        key
    }

    #[test]
    fn keys_of_low_order_are_refused() {
        for key in LOW_ORDER {
            assert!(gives_nothing(key), "{key:02x?}");
            assert_eq!(PublicKey::new(key), Err(BadKey), "{key:02x?}");
        }
    }

    #[test]
    fn keys_that_are_not_canonical_are_refused() {
        for number in 0..19 {
            assert_eq!(PublicKey::new(plus_prime(number)), Err(BadKey), "{number}");
        }
        let mut key = *PrivateKey::new([1; 32]).public().bytes();
        key[31] |= 0x80;
        assert_eq!(PublicKey::new(key), Err(BadKey));
        let mut highest = PRIME;
        highest[0] -= 2;
        assert!(PublicKey::new(highest).is_ok(), "-2 is canonical");
    }

    #[test]
    fn private_key_is_not_shown() {
        assert_eq!(format!("{:?}", PrivateKey::new([1; 32])), "PrivateKey(…)");
    }

    #[test]
    fn bad_public_keys_are_refused_in_both_codecs() {
        let key = PrivateKey::new([1; 32]).public();
        let json = serde_json::to_string(&key).unwrap();
        assert_eq!(json, format!("\"{key}\""));
        assert_eq!(serde_json::from_str::<PublicKey>(&json).unwrap(), key);
        let bytes = postcard::to_stdvec(&key).unwrap();
        assert_eq!(bytes, key.bytes());
        assert_eq!(postcard::from_bytes::<PublicKey>(&bytes).unwrap(), key);
        assert_eq!(PublicKey::parse(&key.to_string()), Some(key));
        for bad in LOW_ORDER {
            let digits = Hex(&bad).to_string();
            assert_eq!(PublicKey::parse(&digits), None);
            assert!(serde_json::from_str::<PublicKey>(&format!("\"{digits}\"")).is_err());
            assert!(postcard::from_bytes::<PublicKey>(&bad).is_err());
        }
        for digits in ["", "00", &json[2..json.len() - 1], "+g"] {
            assert!(serde_json::from_str::<PublicKey>(&format!("\"{digits}\"")).is_err());
        }
    }

    proptest! {
        #[test]
        fn accepted_public_keys_have_one_encoding(bytes: [u8; 32]) {
            if let Ok(key) = PublicKey::new(bytes) {
                prop_assert_eq!(*key.bytes(), bytes);
                prop_assert!(bytes[31] < 0x80);
            }
        }
    }
}
