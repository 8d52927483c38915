//! What a host decides about admission, and what strangers may cost it.

use std::time::Duration;

/// Which clients a host admits besides those that it knows or that show its code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AdmissionPolicy {
    /// All, plain clients included.
    Open,
    /// None.
    #[default]
    Code,
    /// Those that a person admits; none without a person ([`AdmissionConfig::attended`]).
    Ask,
}

/// The adjustable rules of admission.
#[derive(Clone, Copy, Debug)]
pub struct AdmissionConfig {
    /// Which clients the host admits. `Code`.
    pub policy: AdmissionPolicy,
    /// Whether clients of the host's own machine need no code. `true`. Switch it off if
    /// others can reach a port that is forwarded to the host.
    pub local_exemption: bool,
    /// Whether a person sits at the host. `true`.
    pub attended: bool,
    /// How long a connection may take until its `Hello`, the first message of a code or
    /// its question, and how long an admitted client may take until its `Hello`. 5 s.
    pub handshake_timeout: Duration,
    /// How many handshakes of keys that are not known may be unfinished. 128. Then one of
    /// the busiest address makes room.
    pub handshakes: usize,
    /// How many participants the session may have. 64. At most a quarter of the places
    /// are kept for known keys.
    pub places: u32,
}

impl Default for AdmissionConfig {
    fn default() -> Self {
        Self {
            policy: AdmissionPolicy::default(),
            local_exemption: true,
            attended: true,
            handshake_timeout: Duration::from_secs(5),
            handshakes: 128,
            places: 64,
        }
    }
}

/// Unfinished handshakes of keys that are known, from message 3 to the `Hello`.
pub const MAX_KNOWN_HANDSHAKES: usize = 128;
/// Answers to the first message of the channel, in any second. Each costs about a
/// quarter of a millisecond, and they are evenly spaced, so that they delay nothing else.
pub const MAX_ANSWERS: u32 = 200;
/// The same for one address.
pub const MAX_ANSWERS_OF_ADDRESS: usize = 20;
/// Questions to a person, one for each address and key.
pub const MAX_QUESTIONS: usize = 8;
/// How long a question may take.
pub const QUESTION_TIMEOUT: Duration = Duration::from_mins(1);
/// How long the address and the key of a declined question cannot ask again.
pub const DECLINED: Duration = Duration::from_mins(1);
/// Runs of the code at once. Then one of the busiest address makes room.
pub const MAX_RUNS: usize = 32;
/// How long a run of the code may take.
pub const RUN_TIMEOUT: Duration = Duration::from_mins(1);
/// Wrong guesses of the code. Then codes are paused for all addresses.
pub const MAX_GUESSES: usize = 30;
/// The same for one address.
pub const MAX_GUESSES_OF_ADDRESS: usize = 5;
/// Places of a session that are kept for known keys that have none.
pub const KEPT_PLACES: u32 = 8;
/// Keys that are remembered: known, admitted for a session, removed, or met.
pub const MAX_KEYS: usize = 1024;
/// How long a refused connection may stay open, to be told why.
pub const CLOSING: Duration = Duration::from_secs(2);

/// Bytes of a frame until the client is admitted.
pub const STRANGER_FRAME: usize = 1024;
/// Bytes of the `Hello` of a plain client that is not admitted.
pub const PLAIN_STRANGER_FRAME: usize = 8 * 1024;
