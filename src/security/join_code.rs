//! The code of a session, and its proof: SPAKE2, then a MAC in each direction.
//!
//! The joiner is side A, the host side B. Neither learns the code of the other, and who
//! listens learns nothing; each run is one guess.

use std::fmt;

use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use spake2::{Ed25519Group, Identity, Password, Spake2};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::keys::PublicKey;
use crate::util::hex::hex_bytes;

/// The code of a session: six digits. It is erased when it is dropped. Comparison takes
/// constant time, and `Debug` does not show it.
#[derive(Clone)]
pub struct JoinCode(Zeroizing<[u8; 6]>);

impl JoinCode {
    /// The code that `bytes` give, which must come from the operating system's random
    /// number generator. Each code is equally likely, up to 1 in 10^13.
    #[must_use]
    pub fn random(bytes: [u8; 8]) -> Self {
        let mut rest = u64::from_be_bytes(bytes);
        let mut digits = Self(Zeroizing::new([b'0'; 6]));
        for digit in digits.0.iter_mut() {
            *digit += u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
        }
        digits
    }

    /// The code that a person typed: six digits, with a hyphen in the middle or without,
    /// and with any blanks. `None` if it is something else.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let mut digits = Self(Zeroizing::new([0; 6]));
        let mut count = 0;
        let mut hyphens = 0;
        for typed in typed.chars().filter(|typed| !typed.is_whitespace()) {
            if typed == '-' && count == 3 && hyphens == 0 {
                hyphens = 1;
            } else {
                let digit = u8::try_from(typed).ok().filter(u8::is_ascii_digit)?;
                *digits.0.get_mut(count)? = digit;
                count += 1;
            }
        }
        (count == 6).then_some(digits)
    }

    /// As people read it: `123-456`. Show it to them and nowhere else.
    #[must_use]
    pub fn shown(&self) -> String {
        let [a, b, c, d, e, f] = self.0.map(char::from);
        format!("{a}{b}{c}-{d}{e}{f}")
    }
}

impl PartialEq for JoinCode {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&*other.0).into()
    }
}

impl Eq for JoinCode {}

impl fmt::Debug for JoinCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinCode(…)")
    }
}

/// The message of one side of SPAKE2. In JSON it is 66 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element([u8; 33]);

impl Element {
    /// The message with these bytes. Whether it is one shows when a run is finished.
    #[must_use]
    pub const fn new(bytes: [u8; 33]) -> Self {
        Self(bytes)
    }
}

hex_bytes!(Element, "an element");

/// What proves that a side has the code. In JSON it is 64 hexadecimal digits.
/// Comparison takes constant time, and `Debug` does not show it.
#[derive(Clone, Copy, Eq)]
pub struct CodeMac([u8; 32]);

impl CodeMac {
    /// The MAC with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl PartialEq for CodeMac {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for CodeMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeMac(…)")
    }
}

hex_bytes!(CodeMac, "a MAC");

/// An [`Element`] that is not the message of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an element of the other side")]
pub struct BadElement;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Joiner,
    Host,
}

impl Side {
    /// The text of the role in identities, keys and MACs.
    const fn text(self) -> &'static [u8] {
        match self {
            Self::Joiner => b"imbolc joiner",
            Self::Host => b"imbolc host",
        }
    }

    fn identity(self, key: PublicKey) -> Identity {
        Identity::new(&[self.text(), b" ", key.bytes()].concat())
    }
}

/// One side of a run of the code, before it has the element of the other.
pub struct CodeRun {
    side: Side,
    run: Spake2<Ed25519Group>,
}

impl CodeRun {
    /// Begins a run as the joiner, between the keys as this side sees them.
    #[must_use]
    pub fn joiner(code: &JoinCode, joiner: PublicKey, host: PublicKey) -> (Self, Element) {
        Self::start(Side::Joiner, code, joiner, host)
    }

    /// Begins a run as the host, between the keys as this side sees them.
    #[must_use]
    pub fn host(code: &JoinCode, joiner: PublicKey, host: PublicKey) -> (Self, Element) {
        Self::start(Side::Host, code, joiner, host)
    }

    fn start(side: Side, code: &JoinCode, joiner: PublicKey, host: PublicKey) -> (Self, Element) {
        let password = Password::new(*code.0);
        let (joiner, host) = (Side::Joiner.identity(joiner), Side::Host.identity(host));
        let (run, message) = match side {
            Side::Joiner => Spake2::start_a(&password, &joiner, &host),
            Side::Host => Spake2::start_b(&password, &joiner, &host),
        };
        let mut element = [0; 33];
        for (to, from) in element.iter_mut().zip(message) {
            *to = from;
        }
        (Self { side, run }, Element(element))
    }

    /// Takes the element of the other side, and `hash`, the handshake hash of the
    /// channel in which it arrived.
    ///
    /// # Errors
    /// [`BadElement`] if it is none of the other side.
    pub fn finish(self, theirs: &Element, hash: &[u8; 32]) -> Result<CodeProof, BadElement> {
        let shared = self.run.finish(&theirs.0).map_err(|_| BadElement)?;
        let keys = Hkdf::<Sha256>::new(None, &Zeroizing::new(shared));
        let mac = |side: Side| {
            let mut key = Zeroizing::new([0; 32]);
            keys.expand(side.text(), &mut *key).map_err(|_| BadElement)?;
            let mut mac = Hmac::<Sha256>::new_from_slice(&*key).map_err(|_| BadElement)?;
            mac.update(side.text());
            mac.update(hash);
            Ok(CodeMac(mac.finalize().into_bytes().into()))
        };
        let (joiner, host) = (mac(Side::Joiner)?, mac(Side::Host)?);
        Ok(match self.side {
            Side::Joiner => CodeProof { own: joiner, theirs: host },
            Side::Host => CodeProof { own: host, theirs: joiner },
        })
    }
}

impl fmt::Debug for CodeRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeRun(…)")
    }
}

/// One side of a run of the code that has both elements.
#[derive(Debug)]
pub struct CodeProof {
    own: CodeMac,
    theirs: CodeMac,
}

impl CodeProof {
    /// What proves to the other side that this one has the code. The host sends it only
    /// after it has verified the joiner's.
    #[must_use]
    pub const fn own(&self) -> CodeMac {
        self.own
    }

    /// Whether `theirs` proves that the other side has the same code, and sees the same
    /// keys and the same channel.
    #[must_use]
    pub fn verify(&self, theirs: &CodeMac) -> bool {
        self.theirs == *theirs
    }
}
