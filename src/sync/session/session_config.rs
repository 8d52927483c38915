//! The rules of a session that can be set, each default with its reason.

use std::time::Duration;

/// The rules of a session that can be set.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// How often the authority pings a client. 5 s: short enough to notice
    /// within three of them that somebody is gone, long enough to cost nothing.
    pub heartbeat_interval: Duration,
    /// After how long without a sign of life a client is suspended. 15 s, three
    /// heartbeats: Wi-Fi may stall for several seconds.
    pub idle_timeout: Duration,
    /// How long the place of a suspended client is kept. 60 s: long enough to
    /// put a cable back or restart a program, short enough not to block an
    /// instrument for the rest of the song.
    pub resume_window: Duration,
    /// How often a client is sent everything, whether or not it asked. 30 s:
    /// the last resort against a mirror that differs.
    pub full_sync_interval: Duration,
    /// The least time between two full states that a client asks for. 1 s: a
    /// full state is dear, and asking is cheap.
    pub min_full_sync_interval: Duration,
    /// The beat of patches: a client gets at most one in each, full states aside.
    /// 33 ms, i.e. about 30 a second: faster is not seen, and slower is.
    pub min_patch_interval: Duration,
    /// The beat of meterings: a client gets at most one in each. 33 ms.
    pub min_metering_interval: Duration,
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
    pub base_fresh_for: Duration,
    /// How far apart the others are that are kept after that. 0.5 s: 150 of them
    /// reach back as far as anybody can come back.
    pub base_spacing: Duration,
    /// How many moments are kept at most, whoever may need them; the oldest go
    /// first. 1,024: a session of six that are edited at the full pace, of whom
    /// some are away. A moment costs what was edited in it, a few kilobytes as a
    /// rule, and a megabyte if somebody pastes without end.
    pub max_bases: usize,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            heartbeat_interval: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(15),
            resume_window: Duration::from_mins(1),
            full_sync_interval: Duration::from_secs(30),
            min_full_sync_interval: Duration::from_secs(1),
            min_patch_interval: Duration::from_millis(33),
            min_metering_interval: Duration::from_millis(33),
            max_participants: 64,
            max_answers: 256,
            max_unacknowledged: 64,
            max_rejections: 1024,
            base_fresh_for: Duration::from_secs(5),
            base_spacing: Duration::from_millis(500),
            max_bases: 1024,
        }
    }
}
