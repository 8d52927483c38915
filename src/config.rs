//! Every default in one place, each with its reason.

use std::time::Duration;

use crate::framing::{Codec, Compression};

/// The rules of a session that can be set.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// How often the authority pings a client. 5 s: short enough to notice
    /// within three of them that somebody is gone, long enough to cost nothing.
    pub heartbeat: Duration,
    /// After how long without a sign of life a client is suspended. 15 s, three
    /// heartbeats: Wi-Fi may stall for several seconds.
    pub silence: Duration,
    /// How long the place of a suspended client is kept. 60 s: long enough to
    /// put a cable back or restart a program, short enough not to block an
    /// instrument for the rest of the song.
    pub resume_window: Duration,
    /// How often a client is sent everything, whether or not it asked. 30 s:
    /// the last resort against a mirror that differs.
    pub full_sync: Duration,
    /// The least time between two full states that a client asks for. 1 s: a
    /// full state is dear, and asking is cheap.
    pub full_sync_pace: Duration,
    /// The beat of patches: a client gets at most one in each, full states aside.
    /// 33 ms, i.e. about 30 a second: faster is not seen, and slower is.
    pub patch_pace: Duration,
    /// The beat of meterings: a client gets at most one in each. 33 ms.
    pub metering_pace: Duration,
    /// How many may take part, away or not, with the host. 64.
    pub max_participants: u32,
    /// How many answers may wait to be sent to one client before nothing more
    /// is read from it; each instrument in one counts as another. 256: more than
    /// anybody asks in 33 ms, and some ten kilobytes.
    pub max_answers: usize,
    /// After how many actions an acknowledgement does not wait for the patch that
    /// contains them. 64: more than anybody plays within the pace of patches, and
    /// a fraction of what a client may have unanswered.
    pub max_unacknowledged: usize,
    /// How many rejections of one client are remembered, in case it was cut off
    /// before it heard of them. 1,024: as many as it may have unanswered.
    pub max_rejections: usize,
    /// For how long every moment that was sent to somebody is kept, so that who
    /// comes back gets a difference. 5 s: a connection that was cut is mostly
    /// noticed by then. From then on, what a client that is away or silent may
    /// have nothing newer than is kept until it comes back or is gone; that is
    /// what was sent to it within 5 s of its last sign of life.
    pub history_fresh: Duration,
    /// How far apart the others are that are kept after that. 0.5 s: 150 of them
    /// reach back as far as anybody can come back.
    pub history_pace: Duration,
    /// How many moments are kept at most, whoever may need them; the oldest go
    /// first. 1,024: a session of six that are edited at the full pace, of whom
    /// some are away. A moment costs what was edited in it, a few kilobytes as a
    /// rule, and a megabyte if somebody pastes without end.
    pub max_history: usize,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(5),
            silence: Duration::from_secs(15),
            resume_window: Duration::from_mins(1),
            full_sync: Duration::from_secs(30),
            full_sync_pace: Duration::from_secs(1),
            patch_pace: Duration::from_millis(33),
            metering_pace: Duration::from_millis(33),
            max_participants: 64,
            max_answers: 256,
            max_unacknowledged: 64,
            max_rejections: 1024,
            history_fresh: Duration::from_secs(5),
            history_pace: Duration::from_millis(500),
            max_history: 1024,
        }
    }
}

/// How a server treats its connections.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// How long a handshake may take. 5 s: it is one message.
    pub handshake: Duration,
    /// How many connections may be open at once, shaking hands or joined. 128,
    /// twice the participants: everyone may be coming back at the same time.
    pub max_connections: usize,
    /// How long writing one batch of messages may take. 15 s, as the silence
    /// that a client may keep.
    pub write_deadline: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(5),
            max_connections: 128,
            write_deadline: Duration::from_secs(15),
        }
    }
}

/// How a client keeps its connection.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// How long connecting and shaking hands may take. 5 s.
    pub connect: Duration,
    /// After how long without a sign of life from the host the client
    /// reconnects. 15 s, three of the host's heartbeats.
    pub silence: Duration,
    /// How often the client measures the round trip. 2 s.
    pub ping: Duration,
    /// How long the client waits before it tries again the first time. 0.1 s:
    /// most cuts are over at once.
    pub first_retry: Duration,
    /// How long the client waits at most, after doubling. 5 s: nobody stares at
    /// a screen for longer.
    pub last_retry: Duration,
    /// How many actions may be unanswered, e.g. while there is no connection.
    /// 1,024: minutes of editing, and a fraction of a second to send.
    pub backlog: usize,
    /// The codecs that the client speaks, the favourite first. All of them, the
    /// best one first; JSON alone lets a person read along.
    pub codecs: Vec<Codec>,
    /// What the client can expand, the favourite first. All there is.
    pub compression: Vec<Compression>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            silence: Duration::from_secs(15),
            ping: Duration::from_secs(2),
            first_retry: Duration::from_millis(100),
            last_retry: Duration::from_secs(5),
            backlog: 1024,
            codecs: Codec::ALL.into(),
            compression: Compression::ALL.into(),
        }
    }
}

impl ClientConfig {
    /// The same, but speaks `codec` and no other, and compresses nothing: so one
    /// can see what it comes to, and read along if it is JSON.
    #[must_use]
    pub fn speaking(self, codec: Codec) -> Self {
        Self { codecs: vec![codec], compression: vec![], ..self }
    }
}

/// Where sessions are announced and looked for.
#[cfg(feature = "mdns")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveryConfig {
    /// On which interfaces. All of them: who plays along may be on any.
    pub interfaces: Interfaces,
    /// The UDP port. 5353, that of mDNS; another one is heard by those only who
    /// use it too.
    pub port: u16,
}

#[cfg(feature = "mdns")]
impl Default for DiscoveryConfig {
    fn default() -> Self {
        Self { interfaces: Interfaces::All, port: 5353 }
    }
}

/// Some of the network interfaces of this machine.
#[cfg(feature = "mdns")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Interfaces {
    /// All of them, also those that come up later.
    #[default]
    All,
    /// Only those that lead to this machine itself.
    Loopback,
    /// Those with these names, e.g. `eth0`.
    Named(Vec<String>),
}

/// Limits on what is read, checked before memory is taken.
pub mod limits {
    /// A frame before the handshake is done: room for a `Hello` with the most
    /// instruments in it. 16 KiB.
    pub const HELLO_FRAME: usize = 16 * 1024;
    /// A frame from a client. 1 MiB: the largest action is a pasted region.
    pub const CLIENT_FRAME: usize = 1024 * 1024;
    /// A frame from the authority. 256 MiB: a full state of the largest
    /// session.
    pub const SERVER_FRAME: usize = 256 * 1024 * 1024;
    /// A frame from the authority that is worth compressing, its length included.
    /// 4 KiB: the patch of an edit is far smaller, and stays as quick as it is.
    pub const COMPRESSED_FROM: usize = 4 * 1024;
    /// Characters of a name.
    pub const NAME: u32 = 64;
    /// Instruments in one request.
    pub const REQUESTED_INSTRUMENTS: u32 = 1024;
    /// Characters of a decoder's complaint that are sent back.
    pub const DETAIL: usize = 300;
}
