//! The encrypted channel: Noise XX, then a byte stream in both directions.
//!
//! ```text
//! client                                   host
//! Initiator::new ──── opening ───▶ Responder::read_opening
//! read_reply     ◀── message 2 ─── reply
//! Answered::finish ─ message 3 ──▶ Replied::finish
//! ```
//!
//! Both sides then have a [`Channel`]. What is handed out to be sent carries its length
//! of two bytes; what is handed in to be read comes without it.

use std::{fmt, sync::Arc};

use snow::{Builder, HandshakeState, StatelessTransportState};

use super::keys::{BadKey, PrivateKey, PublicKey};

/// The first bytes of an encrypted connection, after the length.
pub const MAGIC: [u8; 8] = *b"IMBOLC\x00\x04";

/// The version of the channel that this crate speaks.
pub const VERSION: u8 = 1;

/// The longest opening in bytes, without its length.
pub const OPENING_LIMIT: usize = 64;

/// The length of message 2 in bytes: two keys, two bytes of payload, two tags.
pub const REPLY_LENGTH: usize = 32 + 32 + TAG + 2 + TAG;

/// The length of message 3 in bytes: a key and two tags.
pub const FINISH_LENGTH: usize = 32 + TAG + TAG;

/// How many bytes a message is longer than what was sealed.
pub const TAG: usize = 16;

/// The most bytes that are sealed in one message.
pub const CHUNK: usize = 65_535 - TAG;

/// The most bytes that are sealed in one message until the client is admitted.
pub const EARLY_CHUNK: usize = 4_096;

const NOISE: &str = "Noise_XX_25519_ChaChaPoly_BLAKE2s";

/// How to enter, as the host says in message 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// By the code.
    Code,
    /// By the code, or a person is asked.
    Ask,
    /// The session is open on purpose: by the `Hello`.
    Open,
}

impl Entry {
    const ALL: [Self; 3] = [Self::Code, Self::Ask, Self::Open];

    fn read(payload: [u8; 2]) -> Result<Self, ChannelError> {
        let [version, entry] = payload;
        let known = Self::ALL.get(usize::from(entry)).filter(|_| version == VERSION);
        known.copied().ok_or(ChannelError::Malformed)
    }
}

/// Why there is no channel, or no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// What was read is not a message of the channel at this point.
    #[error("not a message of the encrypted channel")]
    Malformed,
    /// The client offers no version that this crate speaks.
    #[error("no common version of the encrypted channel")]
    NoCommonVersion,
    /// The other side has a key that gives no secret.
    #[error(transparent)]
    BadKey(#[from] BadKey),
    /// A message does not open: it was changed, repeated, dropped or moved, or is not
    /// of this channel. Every later one fails, too.
    #[error("a message of the encrypted channel does not open")]
    DoesNotOpen,
    /// The operating system gave no random numbers.
    #[error("the operating system gives no random numbers")]
    NoRandomNumbers,
}

impl From<snow::Error> for ChannelError {
    fn from(error: snow::Error) -> Self {
        match error {
            snow::Error::Rng => Self::NoRandomNumbers,
            _ => Self::DoesNotOpen,
        }
    }
}

/// The client before message 2.
pub struct Initiator(HandshakeState);

impl Initiator {
    /// Begins a channel. Also returns the opening.
    ///
    /// # Errors
    /// [`ChannelError::NoRandomNumbers`].
    pub fn new(own: &PrivateKey) -> Result<(Self, Vec<u8>), ChannelError> {
        let mut prologue = MAGIC.to_vec();
        prologue.extend([1, VERSION]);
        let mut state = builder(own, &prologue)?.build_initiator()?;
        let message = noise_message(&mut state, &[])?;
        prologue.extend(message);
        Ok((Self(state), with_length(&prologue)))
    }

    /// Reads message 2.
    ///
    /// # Errors
    /// [`ChannelError`] if it is not the answer to this opening, or has a bad key.
    pub fn read_reply(self, message: &[u8]) -> Result<Answered, ChannelError> {
        let Self(mut state) = self;
        check_ephemeral(message, REPLY_LENGTH)?;
        let mut payload = [0; 2];
        state.read_message(message, &mut payload)?;
        Ok(Answered { host: peer(&state)?, entry: Entry::read(payload)?, state })
    }
}

/// The client before message 3: it knows the key of the host, and has not shown its own.
pub struct Answered {
    /// The key of the host. Only the host can write message 2 with it, and read message 3.
    pub host: PublicKey,
    /// How to enter.
    pub entry: Entry,
    state: HandshakeState,
}

impl Answered {
    /// Shows the own key to the host: returns message 3 and the channel.
    ///
    /// # Errors
    /// None that the other side can cause.
    pub fn finish(self) -> Result<(Vec<u8>, Channel), ChannelError> {
        let Self { host, mut state, .. } = self;
        let message = noise_message(&mut state, &[])?;
        Ok((with_length(&message), Channel::new(host, state)?))
    }
}

/// The host before message 2. There was no arithmetic on curves yet.
pub struct Responder<'key> {
    own: &'key PrivateKey,
    prologue: Vec<u8>,
    message: [u8; 32],
}

impl<'key> Responder<'key> {
    /// Reads an opening.
    ///
    /// # Errors
    /// [`ChannelError::Malformed`] if it is none, [`ChannelError::NoCommonVersion`] if
    /// it offers other versions only, [`ChannelError::BadKey`].
    pub fn read_opening(own: &'key PrivateKey, opening: &[u8]) -> Result<Self, ChannelError> {
        let offered = opening.strip_prefix(&MAGIC).filter(|_| opening.len() <= OPENING_LIMIT);
        let (&count, rest) =
            offered.and_then(<[u8]>::split_first).ok_or(ChannelError::Malformed)?;
        let (versions, message) =
            rest.split_at_checked(usize::from(count)).ok_or(ChannelError::Malformed)?;
        if !versions.contains(&VERSION) {
            return Err(ChannelError::NoCommonVersion);
        }
        let message = message.try_into().map_err(|_| ChannelError::Malformed)?;
        PublicKey::new(message)?;
        let prologue = opening.strip_suffix(&message).unwrap_or_default().to_vec();
        Ok(Self { own, prologue, message })
    }

    /// Answers with message 2, which says how to enter.
    ///
    /// # Errors
    /// [`ChannelError::NoRandomNumbers`].
    pub fn reply(self, entry: Entry) -> Result<(Vec<u8>, Replied), ChannelError> {
        let mut state = builder(self.own, &self.prologue)?.build_responder()?;
        state.read_message(&self.message, &mut [])?;
        let message = noise_message(&mut state, &[VERSION, entry as u8])?;
        Ok((with_length(&message), Replied(state)))
    }
}

/// The host before message 3.
pub struct Replied(HandshakeState);

impl Replied {
    /// Reads message 3.
    ///
    /// # Errors
    /// [`ChannelError`] if it is not the answer to this message 2, or has a bad key.
    pub fn finish(self, message: &[u8]) -> Result<Channel, ChannelError> {
        let Self(mut state) = self;
        if message.len() != FINISH_LENGTH {
            return Err(ChannelError::Malformed);
        }
        state.read_message(message, &mut [])?;
        Channel::new(peer(&state)?, state)
    }
}

/// An encrypted channel. Its halves need no lock.
#[derive(Debug)]
pub struct Channel {
    /// The key of the other side.
    pub peer: PublicKey,
    /// The handshake hash: equal on both sides, and of this channel only.
    pub hash: [u8; 32],
    /// Seals what is sent.
    pub sealer: Sealer,
    /// Opens what was received.
    pub opener: Opener,
}

impl Channel {
    fn new(peer: PublicKey, state: HandshakeState) -> Result<Self, ChannelError> {
        // snow 0.10 forgets the hash when it enters the transport mode.
        let hash = state.get_handshake_hash().try_into().map_err(|_| ChannelError::Malformed)?;
        let keys = Arc::new(state.into_stateless_transport_mode()?);
        let sealer = Sealer { keys: Arc::clone(&keys), nonce: 0, chunk: EARLY_CHUNK };
        let opener = Opener { keys, nonce: 0, failed: false };
        Ok(Self { peer, hash, sealer, opener })
    }
}

/// The sending half.
pub struct Sealer {
    keys: Arc<StatelessTransportState>,
    nonce: u64,
    chunk: usize,
}

impl Sealer {
    /// How many bytes one message seals at most, from 1 to [`CHUNK`]: [`EARLY_CHUNK`] if
    /// this was not called.
    pub fn set_chunk(&mut self, bytes: usize) {
        self.chunk = bytes.clamp(1, CHUNK);
    }

    /// Appends `plain` to `out`, as many messages as it takes, each with its length.
    ///
    /// # Errors
    /// [`ChannelError::DoesNotOpen`] after 2^64 - 1 messages.
    pub fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), ChannelError> {
        out.reserve(plain.len() + plain.len().div_ceil(self.chunk) * (2 + TAG));
        for chunk in plain.chunks(self.chunk) {
            let length = u16::try_from(chunk.len() + TAG).map_err(|_| ChannelError::Malformed)?;
            out.extend(length.to_be_bytes());
            let start = out.len();
            out.resize(start + usize::from(length), 0);
            self.keys.write_message(self.nonce, chunk, &mut out[start..])?;
            self.nonce += 1;
        }
        Ok(())
    }
}

/// The receiving half.
pub struct Opener {
    keys: Arc<StatelessTransportState>,
    nonce: u64,
    failed: bool,
}

impl Opener {
    /// Opens the next message into `plain`; returns how many bytes were sealed in it, at
    /// least one. `plain` must have room for them: [`TAG`] less than the message.
    ///
    /// # Errors
    /// [`ChannelError`] if this is not the next message, or empty, or longer than `plain`;
    /// from then on, always.
    pub fn open(&mut self, message: &[u8], plain: &mut [u8]) -> Result<usize, ChannelError> {
        if self.failed {
            return Err(ChannelError::DoesNotOpen);
        }
        self.failed = true;
        let length = message.len().checked_sub(TAG).ok_or(ChannelError::Malformed)?;
        if length == 0 || length > plain.len() {
            return Err(ChannelError::Malformed);
        }
        self.keys.read_message(self.nonce, message, plain)?;
        self.nonce += 1;
        self.failed = false;
        Ok(length)
    }
}

fn builder<'a>(own: &'a PrivateKey, prologue: &'a [u8]) -> Result<Builder<'a>, ChannelError> {
    Ok(Builder::new(NOISE.parse()?).local_private_key(own.expose())?.prologue(prologue)?)
}

fn noise_message(state: &mut HandshakeState, payload: &[u8]) -> Result<Vec<u8>, ChannelError> {
    // snow 0.10 asks for the room of a tag even where it writes none.
    let mut message = vec![0; REPLY_LENGTH];
    let length = state.write_message(payload, &mut message)?;
    message.truncate(length);
    Ok(message)
}

/// Checks the length of a message, and the key in clear that it begins with: snow 0.10
/// accepts every key.
fn check_ephemeral(message: &[u8], length: usize) -> Result<(), ChannelError> {
    let (key, _) = message.split_first_chunk().ok_or(ChannelError::Malformed)?;
    if message.len() != length {
        return Err(ChannelError::Malformed);
    }
    PublicKey::new(*key)?;
    Ok(())
}

/// The static key that the other side sent.
fn peer(state: &HandshakeState) -> Result<PublicKey, ChannelError> {
    let key = state.get_remote_static().and_then(|key| key.try_into().ok());
    Ok(PublicKey::new(key.ok_or(ChannelError::Malformed)?)?)
}

fn with_length(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&length, message].concat()
}

/// Implements `Debug` without what is secret, which is everything.
macro_rules! hidden {
    ($($type:ty),+) => { $(
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($type), "(…)"))
            }
        }
    )+ };
}

hidden!(Initiator, Answered, Responder<'_>, Replied, Sealer, Opener);

#[cfg(test)]
mod tests;
