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
            if !self.has_room_for(&session) {
                return;
            }
            let liveness = Liveness::alive(now, pause);
            self.sessions
                .insert(id, TrackedSession { session: session.clone(), revision, liveness });
            self.emit(DiscoveryEvent::Found(session));
        }
    }

    /// Makes room for a session, if there is none and it is known.
    fn has_room_for(&mut self, session: &FoundSession) -> bool {
        if self.sessions.len() < MAX_SESSIONS {
            return true;
        }
        if !(self.is_known)(session) {
            return false;
        }
        let stranger = self.sessions().find(|found| !(self.is_known)(found));
        let Some(id) = stranger.map(|stranger| stranger.id.clone()) else { return false };
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);

    fn txt(participants: u32, revision: u32) -> TxtRecord {
        TxtRecord {
            session: Some("Friday jam".into()),
            participants: Some(participants),
            revision: Some(revision),
            ..TxtRecord::default()
        }
    }

    fn announcement(id: &str, txt: TxtRecord) -> Announcement {
        let addresses = vec!["192.168.1.20:9999".parse().unwrap()];
        Announcement { id: id.into(), label: id.into(), txt: Some(txt), addresses }
    }

    /// Drains the outputs, as text.
    fn outputs(tracker: &mut SessionTracker) -> Vec<String> {
        std::iter::from_fn(|| tracker.poll())
            .map(|output| match output {
                TrackerOutput::Event(event) => match *event {
                    DiscoveryEvent::Found(session) => format!("found {}", session.id),
                    DiscoveryEvent::Changed(session) => {
                        format!("changed {} {:?}", session.id, session.participants)
                    }
                    DiscoveryEvent::Lost(session) => format!("lost {}", session.id),
                },
                TrackerOutput::Verify(id) => format!("verify {id}"),
                TrackerOutput::Browse => "browse".into(),
            })
            .collect()
    }

    /// Advances the clock, runs what is due, and returns the outputs.
    fn advance(tracker: &mut SessionTracker, now: &mut Timestamp, time: Duration) -> Vec<String> {
        let end = *now + time;
        let mut emitted = Vec::new();
        while tracker.next_timeout() <= end {
            *now = (*now).max(tracker.next_timeout());
            tracker.handle_timeout(*now);
            emitted.extend(outputs(tracker));
        }
        *now = end;
        emitted
    }

    /// A tracker that knows the session `jam`.
    fn with_jam() -> (SessionTracker, Timestamp) {
        let mut tracker = SessionTracker::new(NOW);
        tracker.handle_timeout(NOW);
        tracker.handle_announcement(NOW, announcement("jam", txt(1, 1)));
        assert_eq!(outputs(&mut tracker), ["browse", "found jam"]);
        (tracker, NOW)
    }

    #[test]
    fn only_a_different_announcement_is_a_change() {
        let (mut tracker, now) = with_jam();
        tracker.handle_announcement(now, announcement("jam", txt(1, 1)));
        assert!(outputs(&mut tracker).is_empty());
        tracker.handle_announcement(now, announcement("jam", txt(2, 2)));
        assert_eq!(outputs(&mut tracker), ["changed jam Some(2)"]);
        assert_eq!(tracker.sessions().count(), 1);
    }

    #[test]
    fn older_revisions_are_ignored() {
        let (mut tracker, now) = with_jam();
        tracker.handle_announcement(now, announcement("jam", txt(3, 3)));
        tracker.handle_announcement(now, announcement("jam", txt(2, 2)));
        tracker
            .handle_announcement(now, Announcement { txt: None, ..announcement("jam", txt(0, 0)) });
        assert_eq!(outputs(&mut tracker), ["changed jam Some(3)"]);
    }

    #[test]
    fn incomplete_announcements_are_not_found() {
        let mut tracker = SessionTracker::new(NOW);
        tracker.handle_announcement(
            NOW,
            Announcement { addresses: vec![], ..announcement("jam", txt(1, 1)) },
        );
        tracker
            .handle_announcement(NOW, Announcement { txt: None, ..announcement("jam", txt(1, 1)) });
        assert!(outputs(&mut tracker).is_empty());
        tracker.handle_announcement(NOW, announcement("jam", txt(1, 1)));
        assert_eq!(outputs(&mut tracker), ["found jam"]);
    }

    #[test]
    fn new_address_is_a_change() {
        let (mut tracker, now) = with_jam();
        let addresses = vec!["10.0.0.1:9999".parse().unwrap()];
        tracker
            .handle_announcement(now, Announcement { addresses, ..announcement("jam", txt(1, 1)) });
        assert_eq!(outputs(&mut tracker), ["changed jam Some(1)"]);
    }

    #[test]
    fn verifications_repeat_and_never_overlap() {
        let (mut tracker, mut now) = with_jam();
        let mut verified_at = Vec::new();
        let end = now + Duration::from_secs(20);
        while now < end {
            let emitted = advance(&mut tracker, &mut now, Duration::from_millis(100));
            verified_at.extend(emitted.iter().any(|output| output == "verify jam").then_some(now));
        }
        assert!(verified_at.len() >= 7, "{verified_at:?}");
        assert!(
            verified_at.windows(2).all(|pair| pair[1] - pair[0] > VERIFY_TIMEOUT),
            "{verified_at:?}"
        );
    }

    #[test]
    fn goodbye_loses_the_session_at_once() {
        let (mut tracker, mut now) = with_jam();
        tracker.handle_removal(now, "jam");
        assert_eq!(advance(&mut tracker, &mut now, POINTER_TIMEOUT), ["browse", "lost jam"]);
        assert_eq!(tracker.sessions().count(), 0);
    }

    #[test]
    fn missed_verification_gets_a_second_chance() {
        let (mut tracker, mut now) = with_jam();
        tracker.handle_removal(now, "jam");
        advance(&mut tracker, &mut now, Duration::from_millis(200));
        tracker.handle_pointer(now, "jam");
        assert!(advance(&mut tracker, &mut now, POINTER_TIMEOUT).is_empty());
        tracker.handle_announcement(now, announcement("jam", txt(1, 1)));
        let emitted = advance(&mut tracker, &mut now, SECOND_CHANCE);
        assert_eq!(emitted, ["verify jam"], "it was never lost");
    }

    #[test]
    fn second_chance_is_not_extended_by_pointers() {
        let (mut tracker, mut now) = with_jam();
        tracker.handle_removal(now, "jam");
        let mut emitted = Vec::new();
        for _ in 0..10 {
            tracker.handle_pointer(now, "jam");
            tracker.handle_removal(now, "jam");
            emitted.extend(advance(&mut tracker, &mut now, SECOND_CHANCE / 8));
        }
        assert_eq!(emitted, ["browse", "lost jam"]);
    }

    #[test]
    fn silent_session_is_lost_after_a_gap() {
        let (mut tracker, mut now) = with_jam();
        tracker.handle_announcement(now, announcement("other", txt(1, 1)));
        tracker.handle_gap(now);
        tracker.handle_announcement(now, announcement("other", txt(1, 1)));
        let emitted = advance(&mut tracker, &mut now, SECOND_CHANCE);
        assert!(emitted.contains(&"lost jam".into()) && !emitted.contains(&"lost other".into()));
    }

    #[test]
    fn browse_restarts_are_rate_limited() {
        let (mut tracker, mut now) = with_jam();
        let mut restarts = 0;
        for _ in 0..100 {
            tracker.handle_announcement(now, announcement("jam", txt(1, 1)));
            tracker.handle_removal(now, "jam");
            let emitted = advance(&mut tracker, &mut now, Duration::from_millis(10));
            restarts += emitted.iter().filter(|output| *output == "browse").count();
        }
        assert!((5..=11).contains(&restarts), "{restarts}");
    }

    fn flooded(records: usize) -> SessionTracker {
        let mut tracker = SessionTracker::new(NOW);
        tracker.know(|session| session.id == "jam");
        for number in 0..records {
            tracker.handle_announcement(NOW, announcement(&number.to_string(), txt(1, 1)));
        }
        outputs(&mut tracker);
        tracker
    }

    #[test]
    fn session_is_found_after_two_thousand_forged_ones() {
        let mut tracker = flooded(2000);
        tracker.handle_announcement(NOW, announcement("real", txt(1, 1)));
        assert_eq!(outputs(&mut tracker), ["found real"]);
    }

    #[test]
    fn tracked_sessions_are_bounded_but_known_ones_enter() {
        let mut tracker = flooded(MAX_SESSIONS + 10);
        tracker.handle_announcement(NOW, announcement("another", txt(1, 1)));
        assert!(outputs(&mut tracker).is_empty());
        tracker.handle_announcement(NOW, announcement("jam", txt(1, 1)));
        assert_eq!(outputs(&mut tracker), ["lost 0", "found jam"]);
        assert_eq!(tracker.sessions().count(), MAX_SESSIONS);
    }

    #[test]
    fn flood_is_not_answered_by_a_flood_of_queries() {
        let mut tracker = flooded(2000);
        let mut now = NOW;
        let emitted = advance(&mut tracker, &mut now, Duration::from_secs(30));
        let queries = emitted.iter().filter(|output| output.starts_with("verify")).count();
        assert!((1000..=3000).contains(&queries), "{queries}");
    }

    #[derive(Clone, Debug)]
    enum Input {
        Announcement(u8, u32, u32),
        Pointer(u8),
        Removal(u8),
        Gap,
        Elapse(u64),
    }

    fn input() -> impl Strategy<Value = Input> {
        prop_oneof![
            3 => (0..3_u8, 0..3_u32, 0..3_u32)
                .prop_map(|(id, participants, rev)| Input::Announcement(id, participants, rev)),
            1 => (0..3_u8).prop_map(Input::Pointer),
            2 => (0..3_u8).prop_map(Input::Removal),
            1 => Just(Input::Gap),
            3 => (0..4_000_u64).prop_map(Input::Elapse),
        ]
    }

    proptest! {
        /// A list kept by the events equals `sessions()`: nothing is found twice, or
        /// changed or lost without having been found.
        #[test]
        fn events_add_up_to_the_known_sessions(
            inputs in proptest::collection::vec(input(), 0..60),
        ) {
            let mut tracker = SessionTracker::new(NOW);
            let mut now = NOW;
            let mut list = BTreeMap::new();
            for input in inputs {
                match input {
                    Input::Announcement(id, participants, revision) => {
                        tracker.handle_announcement(now, announcement(&id.to_string(), txt(participants, revision)));
                    }
                    Input::Pointer(id) => tracker.handle_pointer(now, &id.to_string()),
                    Input::Removal(id) => tracker.handle_removal(now, &id.to_string()),
                    Input::Gap => tracker.handle_gap(now),
                    Input::Elapse(millis) => {
                        now = now + Duration::from_millis(millis);
                        tracker.handle_timeout(now);
                        prop_assert!(tracker.next_timeout() > now);
                    }
                }
                while let Some(output) = tracker.poll() {
                    let TrackerOutput::Event(event) = output else { continue };
                    match *event {
                        DiscoveryEvent::Found(session) => {
                            prop_assert!(list.insert(session.id.clone(), session).is_none());
                        }
                        DiscoveryEvent::Changed(session) => {
                            let before = list.insert(session.id.clone(), session.clone());
                            prop_assert!(before.is_some_and(|before| before != session));
                        }
                        DiscoveryEvent::Lost(session) => {
                            prop_assert_eq!(list.remove(&session.id), Some(session));
                        }
                    }
                }
                prop_assert!(list.values().eq(tracker.sessions()));
            }
        }
    }
}
