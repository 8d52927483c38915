//! Turns announcements into found, changed and lost events. Pure: time is an
//! argument, and commands and events are drained by [`SessionTracker::poll`].
//!
//! A session that disappears without a goodbye is detected by asking: each known
//! session is verified in turns, and one that does not answer is *missing*. It may
//! be gone, or two packets were lost on a bad wireless link. To tell which, the
//! tracker browses again: a session that has not said goodbye is still listed in a
//! PTR record, and gets a second chance to answer.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use crate::{
    discovery::{
        DiscoveryEvent, FoundSession,
        advert::{TxtRecord, name_from_label},
    },
    util::time::Timestamp,
};

/// How long a verification waits for an answer. 2 s: `mdns-sd` asks twice, one
/// second apart.
pub(super) const VERIFY_TIMEOUT: Duration = Duration::from_secs(2);

/// The least pause between two verifications of a session. Without it, the next one
/// would start before the end of the previous one, and postpone its result.
const VERIFY_PAUSE: Duration = Duration::from_millis(500);

/// The least time from one verification to the next, of whatever session. 10 ms: each is a
/// packet to everybody, so a flood of announcements must not be answered by another.
const VERIFY_SPACING: Duration = Duration::from_millis(10);

/// How long a missing session has to appear in a PTR record. 0.5 s: cached
/// records arrive at once, and a responder answers within 0.1 s.
const POINTER_TIMEOUT: Duration = Duration::from_millis(500);

/// How long a missing session that appears in a PTR record has to answer. 2 s:
/// `mdns-sd` asks after 0.2 s, 0.6 s and 1.4 s.
const SECOND_CHANCE: Duration = Duration::from_secs(2);

/// How often browsing restarts. 30 s: `mdns-sd` asks 0, 1, 3, 7 and 15 s after
/// each start, and then at ever longer intervals.
const BROWSE_INTERVAL: Duration = Duration::from_secs(30);

/// The least time between two starts, whatever requests them. 0.1 s.
const MIN_BROWSE_INTERVAL: Duration = Duration::from_millis(100);

/// How many sessions are tracked; further ones are ignored, except [known](SessionTracker::know)
/// ones. 4,096: a real session is among them after a flood of forged announcements, and they
/// take a few megabytes.
const MAX_SESSIONS: usize = 4096;

/// One answer of a responder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Announcement {
    /// The full name of the DNS record.
    pub id: String,
    /// The instance part of that name.
    pub label: String,
    /// `None` if the TXT record has not arrived yet.
    pub txt: Option<TxtRecord>,
    /// Where the session can be reached, best address first; empty if no usable
    /// address has arrived yet.
    pub addresses: Vec<SocketAddr>,
}

/// What [`SessionTracker::poll`] hands to its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TrackerOutput {
    /// Report this to the user.
    Event(Box<DiscoveryEvent>),
    /// Ask whether the session with this record still answers, and wait for
    /// [`VERIFY_TIMEOUT`].
    Verify(String),
    /// Start browsing again, which also replays the cached records.
    Browse,
}

/// Whether a session is known from before.
type IsKnown = Box<dyn Fn(&FoundSession) -> bool + Send + Sync>;

/// The sessions that are currently found.
pub(super) struct SessionTracker {
    sessions: BTreeMap<String, TrackedSession>,
    outputs: VecDeque<TrackerOutput>,
    browse_at: Timestamp,
    last_browse: Option<Timestamp>,
    is_known: IsKnown,
}

struct TrackedSession {
    session: FoundSession,
    revision: Option<u32>,
    /// As it was when it was found: to ask again for each one would take long.
    is_known: bool,
    liveness: Liveness,
}

#[derive(Clone, Copy)]
enum Liveness {
    /// It answers; the next verification is due at `verify_at`.
    Alive { verify_at: Timestamp },
    /// It did not answer, and is lost at `until`. `in_pointer`: a PTR record has
    /// listed it since.
    Missing { until: Timestamp, in_pointer: bool },
}

impl Liveness {
    const fn deadline(self) -> Timestamp {
        match self {
            Self::Alive { verify_at } => verify_at,
            Self::Missing { until, .. } => until,
        }
    }

    fn alive(now: Timestamp, pause: Duration) -> Self {
        Self::Alive { verify_at: now + pause }
    }

    fn missing(now: Timestamp) -> Self {
        Self::Missing { until: now + POINTER_TIMEOUT, in_pointer: false }
    }
}

impl SessionTracker {
    /// An empty tracker; its first output is [`TrackerOutput::Browse`].
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            sessions: BTreeMap::new(),
            outputs: VecDeque::new(),
            browse_at: now,
            last_browse: None,
            is_known: Box::new(|_| false),
        }
    }

    /// Sessions for which `is_known` holds take the place of others when there are too many.
    pub(super) fn know(
        &mut self,
        is_known: impl Fn(&FoundSession) -> bool + Send + Sync + 'static,
    ) {
        self.is_known = Box::new(is_known);
    }

    /// The found sessions, ordered by their ids.
    pub(super) fn sessions(&self) -> impl Iterator<Item = &FoundSession> {
        self.sessions.values().map(|tracked| &tracked.session)
    }

    /// Records an answer. A repetition emits no event; an incomplete answer is
    /// ignored until the rest of it arrives.
    pub(super) fn handle_announcement(&mut self, now: Timestamp, announcement: Announcement) {
        let Announcement { id, label, txt, addresses } = announcement;
        if addresses.is_empty() {
            return;
        }
        let pause = self.verify_pause();
        if let Some(tracked) = self.sessions.get_mut(&id) {
            if matches!(tracked.liveness, Liveness::Missing { .. }) {
                tracked.liveness = Liveness::alive(now, pause);
            }
            let mut session = tracked.session.clone();
            session.addresses = addresses;
            // Packets may be reordered: an older revision is ignored.
            if let Some(txt) = txt.filter(|txt| txt.revision >= tracked.revision) {
                tracked.revision = txt.revision;
                session = found_session(&id, &label, txt, session.addresses);
            }
            if session != tracked.session {
                tracked.session = session.clone();
                self.emit(DiscoveryEvent::Changed(session));
            }
        } else if let Some(txt) = txt {
            let revision = txt.revision;
            let session = found_session(&id, &label, txt, addresses);
            let is_known = (self.is_known)(&session);
            if !self.has_room(is_known) {
                return;
            }
            let liveness = Liveness::alive(now, pause);
            let tracked = TrackedSession { session: session.clone(), revision, is_known, liveness };
            self.sessions.insert(id, tracked);
            self.emit(DiscoveryEvent::Found(session));
        }
    }

    /// Makes room for a session, if there is none and it is known.
    fn has_room(&mut self, is_known: bool) -> bool {
        if self.sessions.len() < MAX_SESSIONS {
            return true;
        }
        let mut strangers = self.sessions.iter().filter(|(_, tracked)| !tracked.is_known);
        let Some(id) = strangers.next().map(|(id, _)| id.clone()).filter(|_| is_known) else {
            return false;
        };
        if let Some(tracked) = self.sessions.remove(&id) {
            self.emit(DiscoveryEvent::Lost(tracked.session));
        }
        true
    }

    /// The pause between two verifications of a session: the more there are, the longer.
    fn verify_pause(&self) -> Duration {
        let sessions = u32::try_from(self.sessions.len()).unwrap_or(u32::MAX);
        VERIFY_PAUSE.max(VERIFY_SPACING.saturating_mul(sessions))
    }

    /// A PTR record lists `id`, so it has not said goodbye.
    pub(super) fn handle_pointer(&mut self, now: Timestamp, id: &str) {
        if let Some(TrackedSession { liveness: Liveness::Missing { until, in_pointer }, .. }) =
            self.sessions.get_mut(id)
            && !*in_pointer
        {
            *in_pointer = true;
            *until = now + SECOND_CHANCE;
        }
    }

    /// The record `id` was removed: a goodbye, or an unanswered verification.
    pub(super) fn handle_removal(&mut self, now: Timestamp, id: &str) {
        if let Some(tracked) = self.sessions.get_mut(id)
            && matches!(tracked.liveness, Liveness::Alive { .. })
        {
            tracked.liveness = Liveness::missing(now);
            self.browse_soon(now);
        }
    }

    /// Announcements may have been missed: each session has to answer again.
    pub(super) fn handle_gap(&mut self, now: Timestamp) {
        for tracked in self.sessions.values_mut() {
            tracked.liveness = Liveness::Missing { until: now + SECOND_CHANCE, in_pointer: true };
        }
        self.browse_soon(now);
    }

    /// Emits what is due at `now`.
    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        let mut lost = Vec::new();
        let pause = self.verify_pause();
        for (id, tracked) in &mut self.sessions {
            match &mut tracked.liveness {
                Liveness::Alive { verify_at } if *verify_at <= now => {
                    *verify_at = now + VERIFY_TIMEOUT + pause;
                    self.outputs.push_back(TrackerOutput::Verify(id.clone()));
                }
                Liveness::Missing { until, .. } if *until <= now => lost.push(id.clone()),
                _ => {}
            }
        }
        for id in lost {
            if let Some(tracked) = self.sessions.remove(&id) {
                self.emit(DiscoveryEvent::Lost(tracked.session));
            }
        }
        if self.browse_at <= now {
            self.last_browse = Some(now);
            self.browse_at = now + BROWSE_INTERVAL;
            self.outputs.push_back(TrackerOutput::Browse);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due next.
    pub(super) fn next_timeout(&self) -> Timestamp {
        let deadlines = self.sessions.values().map(|tracked| tracked.liveness.deadline());
        deadlines.fold(self.browse_at, Timestamp::min)
    }

    /// The next output; `None` once all are drained.
    pub(super) fn poll(&mut self) -> Option<TrackerOutput> {
        self.outputs.pop_front()
    }

    fn emit(&mut self, event: DiscoveryEvent) {
        self.outputs.push_back(TrackerOutput::Event(Box::new(event)));
    }

    /// Schedules a restart of browsing, as soon as [`MIN_BROWSE_INTERVAL`] allows.
    pub(super) fn browse_soon(&mut self, now: Timestamp) {
        let earliest = self.last_browse.map_or(now, |last| (last + MIN_BROWSE_INTERVAL).max(now));
        self.browse_at = self.browse_at.min(earliest);
    }
}

fn found_session(
    id: &str,
    label: &str,
    txt: TxtRecord,
    addresses: Vec<SocketAddr>,
) -> FoundSession {
    FoundSession {
        id: id.to_owned(),
        name: txt.session.unwrap_or_else(|| name_from_label(label)),
        session_id: txt.session_id,
        host: txt.host,
        versions: txt.versions,
        participants: txt.participants,
        max_participants: txt.max_participants,
        secret: txt.secret,
        addresses,
    }
}

#[cfg(test)]
mod tests;
