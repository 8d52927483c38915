//! The adjustable rules of a session, each default with its reason.

use std::time::Duration;

use crate::{
    protocol::limits,
    util::option::{LONGEST, OptionError, SHORTEST, check_below, check_range},
};

/// The adjustable rules of a session.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// Whether somebody sits at the host. Otherwise the host is no participant: it
    /// holds no privilege and owns nothing. `true`.
    pub attended: bool,
    /// How often the authority pings a client. 5 s: the third missed answer shows
    /// that a client is gone, and the traffic is negligible.
    pub heartbeat_interval: Duration,
    /// After how long without a message a client is suspended. 15 s, three
    /// heartbeats: Wi-Fi may stall for several seconds.
    pub idle_timeout: Duration,
    /// How long the place of a suspended client is kept. 60 s: long enough to
    /// plug a cable in or restart a program, short enough not to block an
    /// instrument for the rest of the song.
    pub resume_window: Duration,
    /// How long the privilege of an absent participant is reserved for it; only the
    /// host may take it before. 15 s: a lost connection is back within seconds, and
    /// a new project, which cannot be undone, takes one message.
    pub privilege_hold: Duration,
    /// How often a client that does not compare digests is sent the full state
    /// without asking. 30 s: the last resort against a mirror that differs.
    pub full_sync_interval: Duration,
    /// The least time between two full states that a client asks for. 2 s: a
    /// full state is expensive, and a request is cheap.
    pub min_full_sync_interval: Duration,
    /// For how long a full state is sent to every client that is due after it was
    /// made for one. 250 ms: at most four are encoded a second for each format,
    /// and what such a client lacks is a small patch.
    pub full_share_interval: Duration,
    /// The pacing interval of patches: a client gets at most one in each, full
    /// states aside. 33 ms, i.e. about 30 a second: a shorter interval makes no
    /// visible difference, a longer interval does.
    pub min_patch_interval: Duration,
    /// The pacing interval of meterings: a client gets at most one in each.
    /// 33 ms.
    pub min_metering_interval: Duration,
    /// How many participants there may be, with the host and those away. 64.
    pub max_participants: u32,
    /// How many answers may wait for one client before nothing more is read from
    /// it. Each instrument in an answer counts as another. 256: more than a client
    /// asks for in 33 ms, and some ten kilobytes.
    pub max_answers: usize,
    /// After how many actions an acknowledgement does not wait for the patch that
    /// contains them. 64: more than is played within a pacing interval, and a
    /// fraction of what a client may have unanswered.
    pub max_unacknowledged: usize,
    /// How many rejections of one client are remembered, in case its connection
    /// is lost before they arrive. 1,024: as many actions as it may have
    /// unanswered.
    pub max_rejections: usize,
    /// For how long every sent snapshot is kept, so that a resumed client gets a
    /// difference. 5 s: most lost connections are noticed by then. After that,
    /// the snapshots that a silent or suspended client may have are kept until it
    /// resumes or is removed; these were sent within 5 s of its last message.
    pub base_fresh_for: Duration,
    /// The interval between the snapshots that are kept after that. 0.5 s: 150 of
    /// them reach back as far as any client can resume.
    pub base_spacing: Duration,
    /// How many snapshots are kept at most, needed or not; the oldest go first.
    /// 1,024: enough for a session of six that is edited at the full pace while
    /// some are away. A snapshot costs what was edited in it: usually a few
    /// kilobytes, and a megabyte when large clips are pasted without end.
    pub max_bases: usize,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            attended: true,
            heartbeat_interval: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(15),
            resume_window: Duration::from_mins(1),
            privilege_hold: Duration::from_secs(15),
            full_sync_interval: Duration::from_secs(30),
            min_full_sync_interval: Duration::from_secs(2),
            full_share_interval: Duration::from_millis(250),
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

impl SessionConfig {
    /// Checks that every option makes sense.
    ///
    /// Intervals after which something is repeated are at least 1 ms, and every
    /// duration is at most 30 days. A pacing interval, the resume window and the times
    /// of the snapshots may be 0. Of answers and snapshots there is at least one, and at
    /// most 1,000,000; of participants and rejections, as many as the protocol's
    /// [limits] allow. `heartbeat_interval` is below
    /// `idle_timeout`: otherwise a client that only answers would count as silent.
    ///
    /// # Errors
    /// The first option that does not.
    pub fn check(&self) -> Result<(), OptionError> {
        for (name, interval) in [
            ("heartbeat_interval", self.heartbeat_interval),
            ("idle_timeout", self.idle_timeout),
            ("full_sync_interval", self.full_sync_interval),
        ] {
            check_range(name, interval, SHORTEST..=LONGEST)?;
        }
        for (name, duration) in [
            ("resume_window", self.resume_window),
            ("privilege_hold", self.privilege_hold),
            ("full_share_interval", self.full_share_interval),
            ("min_full_sync_interval", self.min_full_sync_interval),
            ("min_patch_interval", self.min_patch_interval),
            ("min_metering_interval", self.min_metering_interval),
            ("base_fresh_for", self.base_fresh_for),
            ("base_spacing", self.base_spacing),
        ] {
            check_range(name, duration, Duration::ZERO..=LONGEST)?;
        }
        for (name, count) in [("max_answers", self.max_answers), ("max_bases", self.max_bases)] {
            check_range(name, count, 1..=1_000_000)?;
        }
        // No client takes more.
        let participants = self.max_participants as usize;
        check_range("max_participants", participants, 1..=limits::PARTICIPANTS)?;
        check_range("max_rejections", self.max_rejections, 1..=limits::MISSED)?;
        // 0 acknowledges each action at once.
        check_range("max_unacknowledged", self.max_unacknowledged, 0..=1_000_000)?;
        check_below(
            "heartbeat_interval",
            self.heartbeat_interval,
            ("idle_timeout", self.idle_timeout),
        )
    }
}
