//! The code of a session, and its proof: SPAKE2, then a MAC in each direction.
//!
//! The joiner is side A, the host side B. Neither learns the code of the other, and a
//! listener learns nothing; each run is one guess.

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
        let mut shown: String = self.0.iter().copied().map(char::from).collect();
        shown.insert(3, '-');
        shown
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
    ///
    /// # Panics
    /// In spake2 0.4, if the operating system gives no random numbers. It gave some for
    /// the channel.
    #[must_use]
    pub fn joiner(code: &JoinCode, joiner: PublicKey, host: PublicKey) -> (Self, Element) {
        Self::start(Side::Joiner, code, joiner, host)
    }

    /// As [`joiner`](Self::joiner), as the host.
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
    /// Proves to the other side that this side has the code. The host sends it only
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use rand_core::{CryptoRng, RngCore};

    use super::*;
    use crate::security::PrivateKey;

    const HASH: [u8; 32] = [5; 32];

    fn key(seed: u8) -> PublicKey {
        PrivateKey::new([seed; 32]).public()
    }

    fn code(digits: &str) -> JoinCode {
        JoinCode::parse(digits).unwrap()
    }

    /// What one side believes: the code, the keys, and the handshake hash.
    struct View {
        code: &'static str,
        joiner: u8,
        host: u8,
        hash: [u8; 32],
    }

    const VIEW: View = View { code: "123456", joiner: 1, host: 2, hash: HASH };

    /// Both sides of a run, whose messages arrive as they were sent.
    fn run(joiner: &View, host: &View) -> (CodeProof, CodeProof) {
        let (a, from_a) = CodeRun::joiner(&code(joiner.code), key(joiner.joiner), key(joiner.host));
        let (b, from_b) = CodeRun::host(&code(host.code), key(host.joiner), key(host.host));
        (a.finish(&from_b, &joiner.hash).unwrap(), b.finish(&from_a, &host.hash).unwrap())
    }

    fn assert_fails(joiner: &View, host: &View) {
        let (joiner, host) = run(joiner, host);
        assert!(!host.verify(&joiner.own()), "the host believes the joiner");
        assert!(!joiner.verify(&host.own()), "the joiner believes the host");
    }

    #[test]
    fn same_code_keys_and_channel_prove_both_sides() {
        let (joiner, host) = run(&VIEW, &VIEW);
        assert!(host.verify(&joiner.own()));
        assert!(joiner.verify(&host.own()));
    }

    #[test]
    fn wrong_code_proves_nothing() {
        assert_fails(&View { code: "123457", ..VIEW }, &VIEW);
    }

    /// A man in the middle shows each side a key of its own, and relays the run.
    #[test]
    fn code_proof_holds_for_the_joiners_key_only() {
        assert_fails(&VIEW, &View { joiner: 3, ..VIEW });
    }

    #[test]
    fn code_proof_holds_for_the_hosts_key_only() {
        assert_fails(&View { host: 3, ..VIEW }, &VIEW);
    }

    #[test]
    fn code_proof_holds_for_one_channel_only() {
        assert_fails(&VIEW, &View { hash: [6; 32], ..VIEW });
    }

    #[test]
    fn mac_that_comes_back_to_its_sender_is_refused() {
        let (joiner, host) = run(&VIEW, &VIEW);
        assert!(!joiner.verify(&joiner.own()));
        assert!(!host.verify(&host.own()));
    }

    #[test]
    fn macs_of_an_earlier_run_are_refused() {
        let (joiner, host) = run(&VIEW, &VIEW);
        let (again, host_again) = run(&VIEW, &VIEW);
        assert!(!host_again.verify(&joiner.own()));
        assert!(!again.verify(&host.own()));
    }

    #[test]
    fn element_of_the_own_side_or_off_the_curve_is_refused() {
        let start = || CodeRun::host(&code("123456"), key(1), key(2));
        let (run, own) = start();
        assert_eq!(run.finish(&own, &HASH).unwrap_err(), BadElement);
        // 2 is no y-coordinate of a point.
        let mut bytes = [0; 33];
        bytes[..2].copy_from_slice(&[b'A', 2]);
        assert_eq!(start().0.finish(&Element::new(bytes), &HASH).unwrap_err(), BadElement);
    }

    /// Gives the same byte for ever, as the generator of the vector below does.
    struct Same(u8);

    impl RngCore for Same {
        fn next_u32(&mut self) -> u32 {
            u32::from_le_bytes([self.0; 4])
        }

        fn next_u64(&mut self) -> u64 {
            u64::from_le_bytes([self.0; 8])
        }

        fn fill_bytes(&mut self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
            bytes.fill(self.0);
            Ok(())
        }
    }

    impl CryptoRng for Same {}

    /// A run that the package `spake2` 0.9 of Python made, with its `hmac` and `hashlib`.
    #[test]
    fn code_run_is_that_of_other_implementations() {
        let (joiner, host) = (Side::Joiner.identity(key(1)), Side::Host.identity(key(2)));
        let password = Password::new("123456");
        let (run, message) =
            Spake2::<Ed25519Group>::start_a_with_rng(&password, &joiner, &host, Same(3));
        let hex = |bytes: &[u8]| crate::util::hex::Hex(bytes).to_string();
        let expected = "412f600f6693724661eb8fd5e2e9018b4d94e8ef25d3f403c5c9de3db283a8ba58";
        assert_eq!(hex(&message), expected);
        let theirs = "\"421e0e0ba363717ddc5d0f4c0f054f11fdf8ef5756d3a01b665592859f7976fa78\"";
        let theirs: Element = serde_json::from_str(theirs).unwrap();
        let proof = CodeRun { side: Side::Joiner, run }.finish(&theirs, &HASH).unwrap();
        let own = "e461b4594961510315b2dc7028c17a67f489a0a8aac16ce85c4bb6054c196e89";
        assert_eq!(hex(&proof.own().0), own);
        let host = "\"619ac091cb0163c104c60f4969824f5ad79ec8f372b1400bf8abf9b295d653f7\"";
        assert!(proof.verify(&serde_json::from_str(host).unwrap()));
    }

    #[test]
    fn code_is_read_as_people_type_it() {
        for typed in ["012-345", "012345", " 012 345\n", "0 1 2 - 3 4 5"] {
            assert_eq!(code(typed).shown(), "012-345", "{typed:?}");
        }
        for typed in [
            "",
            "-",
            "12345",
            "1234567",
            "12-3456",
            "1234-56",
            "123--456",
            "12345a",
            "-123456",
            "١٢٣٤٥٦",
        ] {
            assert_eq!(JoinCode::parse(typed), None, "{typed:?}");
        }
    }

    #[test]
    fn random_codes_are_spread_evenly() {
        let codes: BTreeSet<_> = (u64::MAX - 9_999..=u64::MAX)
            .map(|number| JoinCode::random(number.to_be_bytes()).shown())
            .collect();
        assert_eq!(codes.len(), 10_000);
        for at in [0, 1, 2, 4] {
            let digits: BTreeSet<_> = codes.iter().map(|code| code.as_bytes()[at]).collect();
            assert_eq!(digits.len(), 10, "digit {at}");
        }
    }

    #[test]
    fn nothing_secret_of_a_code_is_shown() {
        let (joiner, _) = run(&VIEW, &VIEW);
        let (run, _) = CodeRun::joiner(&code("123456"), key(1), key(2));
        let shown = format!("{:?} {run:?} {joiner:?}", code("123456"));
        let expected = "JoinCode(…) CodeRun(…) CodeProof { own: CodeMac(…), theirs: CodeMac(…) }";
        assert_eq!(shown, expected);
    }

    proptest! {
        #[test]
        fn reading_a_code_never_panics(typed in ".{0,12}") {
            if let Some(code) = JoinCode::parse(&typed) {
                prop_assert_eq!(JoinCode::parse(&code.shown()), Some(code));
            }
        }
    }
}
