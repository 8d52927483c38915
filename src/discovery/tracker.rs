//! Makes found, changed and lost of the answers that come in. Knows no socket
//! and no clock: time is handed in, and what is to be done is polled.
//!
//! A session that is gone without a goodbye is noticed by asking: every session
//! is verified again and again, and whoever does not answer is *missing*. Whether
//! it is, or said goodbye, or has only lost two packets on a bad wireless link,
//! is found out by browsing anew: what has not said goodbye is pointed at still,
//! and gets another chance.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use crate::{
    discovery::{
        DiscoveryEvent, FoundSession,
        advert::{self, TxtRecord},
    },
    util::time::Timestamp,
};

/// How long an answer to a question may take. 2 s: `mdns-sd` asks twice, one
/// second apart.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// How long after the end of one question about a session the next one is
/// asked. Were it none, the next one would put off the end of the one before.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a missing session may take to be pointed at again, if it is. 0.5 s:
/// what is known is pointed at at once, and what is asked for answers in 0.1 s.
const GRACE: Duration = Duration::from_millis(500);

/// How long one that is pointed at again has to answer. 2 s: `mdns-sd` asks
/// after 0.2 s, 0.6 s and 1.4 s.
const CHANCE: Duration = Duration::from_secs(2);

/// How often everything is asked for anew. 30 s: `mdns-sd` asks after 0, 1, 3, 7
/// and 15 s of each, and then ever more rarely.
const ROUND: Duration = Duration::from_secs(30);

/// The least time between two of these, whoever provokes them. 0.1 s.
const BROWSE_PACE: Duration = Duration::from_millis(100);

/// How many sessions are listed; more are ignored. 256: nobody reads on.
const MOST_SESSIONS: usize = 256;

/// What is known of a session from one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The name of the DNS record, as its responder chose it.
    pub id: String,
    /// The part of it that is for people.
    pub label: String,
    /// `None` if the TXT record is not there yet.
    pub said: Option<TxtRecord>,
    /// Where it can be reached, the best address first; empty if that is not
    /// known yet.
    pub addresses: Vec<SocketAddr>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Tell whoever listens.
    Tell(Box<DiscoveryEvent>),
    /// Ask whether the session with this record is still there, for
    /// [`PATIENCE`].
    Verify(String),
    /// Ask for everything anew, and see what is known already.
    Browse,
}

/// The sessions that are there.
pub(super) struct SessionTracker {
    sessions: BTreeMap<String, Listed>,
    steps: VecDeque<Step>,
    browse_at: Timestamp,
    last_browse: Option<Timestamp>,
}

struct Listed {
    session: FoundSession,
    revision: Option<u32>,
    presence: Presence,
}

#[derive(Clone, Copy)]
enum Presence {
    /// It answers; it is asked again then.
    There { verify_at: Timestamp },
    /// It did not answer, and is lost then.
    Missing { until: Timestamp, pointed_at: bool },
}

impl Presence {
    const fn deadline(self) -> Timestamp {
        match self {
            Self::There { verify_at } => verify_at,
            Self::Missing { until, .. } => until,
        }
    }

    fn there(now: Timestamp) -> Self {
        Self::There { verify_at: now + PAUSE }
    }

    fn missing(now: Timestamp) -> Self {
        Self::Missing { until: now + GRACE, pointed_at: false }
    }
}

impl SessionTracker {
    /// Nothing is known, and everything is to be asked for.
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            sessions: BTreeMap::new(),
            steps: VecDeque::new(),
            browse_at: now,
            last_browse: None,
        }
    }

    /// The sessions that are there, in the order of their records' names.
    pub(super) fn sessions(&self) -> impl Iterator<Item = &FoundSession> {
        self.sessions.values().map(|listed| &listed.session)
    }

    /// Somebody answered. What repeats what is known tells nothing; what is not
    /// complete yet is waited for.
    pub(super) fn answered(&mut self, now: Timestamp, answer: Answer) {
        let Answer { id, label, said, addresses } = answer;
        if addresses.is_empty() {
            return;
        }
        if let Some(listed) = self.sessions.get_mut(&id) {
            if matches!(listed.presence, Presence::Missing { .. }) {
                listed.presence = Presence::there(now);
            }
            let mut session = listed.session.clone();
            session.addresses = addresses;
            // An answer that was overtaken says nothing that is not known.
            if let Some(said) = said.filter(|said| said.revision >= listed.revision) {
                listed.revision = said.revision;
                session = session_of(&id, &label, said, session.addresses);
            }
            if session != listed.session {
                listed.session = session.clone();
                self.tell(DiscoveryEvent::Changed(session));
            }
        } else if let Some(said) = said
            && self.sessions.len() < MOST_SESSIONS
        {
            let revision = said.revision;
            let session = session_of(&id, &label, said, addresses);
            let presence = Presence::there(now);
            self.sessions.insert(id, Listed { session: session.clone(), revision, presence });
            self.tell(DiscoveryEvent::Found(session));
        }
    }

    /// The record `id` is pointed at: nobody has said goodbye for it.
    pub(super) fn pointed_at(&mut self, now: Timestamp, id: &str) {
        if let Some(Listed { presence: Presence::Missing { until, pointed_at }, .. }) =
            self.sessions.get_mut(id)
            && !*pointed_at
        {
            *pointed_at = true;
            *until = now + CHANCE;
        }
    }

    /// The record `id` is gone: it said goodbye, or did not answer in time.
    pub(super) fn removed(&mut self, now: Timestamp, id: &str) {
        if let Some(listed) = self.sessions.get_mut(id)
            && matches!(listed.presence, Presence::There { .. })
        {
            listed.presence = Presence::missing(now);
            self.browse_soon(now);
        }
    }

    /// Answers were missed: whoever does not answer anew is lost.
    pub(super) fn interrupted(&mut self, now: Timestamp) {
        for listed in self.sessions.values_mut() {
            listed.presence = Presence::Missing { until: now + CHANCE, pointed_at: true };
        }
        self.browse_soon(now);
    }

    /// What is due is done.
    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        let mut lost = Vec::new();
        for (id, listed) in &mut self.sessions {
            match &mut listed.presence {
                Presence::There { verify_at } if *verify_at <= now => {
                    *verify_at = now + PATIENCE + PAUSE;
                    self.steps.push_back(Step::Verify(id.clone()));
                }
                Presence::Missing { until, .. } if *until <= now => lost.push(id.clone()),
                _ => {}
            }
        }
        for id in lost {
            if let Some(listed) = self.sessions.remove(&id) {
                self.tell(DiscoveryEvent::Lost(listed.session));
            }
        }
        if self.browse_at <= now {
            self.last_browse = Some(now);
            self.browse_at = now + ROUND;
            self.steps.push_back(Step::Browse);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(super) fn next_timeout(&self) -> Timestamp {
        let deadlines = self.sessions.values().map(|listed| listed.presence.deadline());
        deadlines.fold(self.browse_at, Timestamp::min)
    }

    /// The next thing to do, if there is one.
    pub(super) fn poll(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    fn tell(&mut self, sighting: DiscoveryEvent) {
        self.steps.push_back(Step::Tell(Box::new(sighting)));
    }

    /// Has everything asked for anew, as soon as the pace allows it.
    pub(super) fn browse_soon(&mut self, now: Timestamp) {
        let earliest = self.last_browse.map_or(now, |last| (last + BROWSE_PACE).max(now));
        self.browse_at = self.browse_at.min(earliest);
    }
}

fn session_of(id: &str, label: &str, said: TxtRecord, addresses: Vec<SocketAddr>) -> FoundSession {
    FoundSession {
        id: id.to_owned(),
        name: said.session.unwrap_or_else(|| advert::name_of_label(label)),
        host: said.host,
        versions: said.versions,
        participants: said.participants,
        max_participants: said.max_participants,
        secret: said.secret,
        addresses,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);

    fn said(participants: u32, revision: u32) -> TxtRecord {
        TxtRecord {
            session: Some("Friday jam".into()),
            participants: Some(participants),
            revision: Some(revision),
            ..TxtRecord::default()
        }
    }

    fn answer(id: &str, said: TxtRecord) -> Answer {
        let addresses = vec!["192.168.1.20:9999".parse().unwrap()];
        Answer { id: id.into(), label: id.into(), said: Some(said), addresses }
    }

    /// What is told, and what is asked.
    fn steps(listing: &mut SessionTracker) -> Vec<String> {
        std::iter::from_fn(|| listing.poll())
            .map(|step| match step {
                Step::Tell(sighting) => match *sighting {
                    DiscoveryEvent::Found(session) => format!("found {}", session.id),
                    DiscoveryEvent::Changed(session) => {
                        format!("changed {} {:?}", session.id, session.participants)
                    }
                    DiscoveryEvent::Lost(session) => format!("lost {}", session.id),
                },
                Step::Verify(id) => format!("verify {id}"),
                Step::Browse => "browse".into(),
            })
            .collect()
    }

    /// Lets time pass, and what is due happen, and returns what was told.
    fn pass(listing: &mut SessionTracker, now: &mut Timestamp, time: Duration) -> Vec<String> {
        let end = *now + time;
        let mut told = Vec::new();
        while listing.next_timeout() <= end {
            *now = (*now).max(listing.next_timeout());
            listing.handle_timeout(*now);
            told.extend(steps(listing));
        }
        *now = end;
        told
    }

    /// A listing in which `jam` was found.
    fn with_a_jam() -> (SessionTracker, Timestamp) {
        let mut listing = SessionTracker::new(NOW);
        listing.handle_timeout(NOW);
        listing.answered(NOW, answer("jam", said(1, 1)));
        assert_eq!(steps(&mut listing), ["browse", "found jam"]);
        (listing, NOW)
    }

    #[test]
    fn repeated_answers_are_one_and_a_different_one_is_a_change() {
        let (mut listing, now) = with_a_jam();
        listing.answered(now, answer("jam", said(1, 1)));
        assert!(steps(&mut listing).is_empty());
        listing.answered(now, answer("jam", said(2, 2)));
        assert_eq!(steps(&mut listing), ["changed jam Some(2)"]);
        assert_eq!(listing.sessions().count(), 1);
    }

    #[test]
    fn an_answer_that_was_overtaken_changes_nothing() {
        let (mut listing, now) = with_a_jam();
        listing.answered(now, answer("jam", said(3, 3)));
        listing.answered(now, answer("jam", said(2, 2)));
        listing.answered(now, Answer { said: None, ..answer("jam", said(0, 0)) });
        assert_eq!(steps(&mut listing), ["changed jam Some(3)"]);
    }

    #[test]
    fn an_answer_is_waited_for_until_it_has_an_address_and_says_something() {
        let mut listing = SessionTracker::new(NOW);
        listing.answered(NOW, Answer { addresses: vec![], ..answer("jam", said(1, 1)) });
        listing.answered(NOW, Answer { said: None, ..answer("jam", said(1, 1)) });
        assert!(steps(&mut listing).is_empty());
        listing.answered(NOW, answer("jam", said(1, 1)));
        assert_eq!(steps(&mut listing), ["found jam"]);
    }

    #[test]
    fn another_address_is_a_change() {
        let (mut listing, now) = with_a_jam();
        let addresses = vec!["10.0.0.1:9999".parse().unwrap()];
        listing.answered(now, Answer { addresses, ..answer("jam", said(1, 1)) });
        assert_eq!(steps(&mut listing), ["changed jam Some(1)"]);
    }

    #[test]
    fn everyone_is_verified_again_and_again_and_never_before_the_last_answer_is_due() {
        let (mut listing, mut now) = with_a_jam();
        let mut asked = Vec::new();
        let end = now + Duration::from_secs(20);
        while now < end {
            let told = pass(&mut listing, &mut now, Duration::from_millis(100));
            asked.extend(told.iter().any(|step| step == "verify jam").then_some(now));
        }
        assert!(asked.len() >= 7, "{asked:?}");
        assert!(asked.windows(2).all(|pair| pair[1] - pair[0] > PATIENCE), "{asked:?}");
    }

    #[test]
    fn who_says_goodbye_is_lost_at_once() {
        let (mut listing, mut now) = with_a_jam();
        listing.removed(now, "jam");
        assert_eq!(pass(&mut listing, &mut now, GRACE), ["browse", "lost jam"]);
        assert_eq!(listing.sessions().count(), 0);
    }

    #[test]
    fn who_only_missed_a_question_gets_another_chance() {
        let (mut listing, mut now) = with_a_jam();
        listing.removed(now, "jam");
        pass(&mut listing, &mut now, Duration::from_millis(200));
        listing.pointed_at(now, "jam");
        assert!(pass(&mut listing, &mut now, GRACE).is_empty());
        listing.answered(now, answer("jam", said(1, 1)));
        let told = pass(&mut listing, &mut now, CHANCE);
        assert_eq!(told, ["verify jam"], "it was never away");
    }

    #[test]
    fn who_does_not_take_its_chance_is_lost_however_often_it_is_pointed_at() {
        let (mut listing, mut now) = with_a_jam();
        listing.removed(now, "jam");
        let mut told = Vec::new();
        for _ in 0..10 {
            listing.pointed_at(now, "jam");
            listing.removed(now, "jam");
            told.extend(pass(&mut listing, &mut now, CHANCE / 8));
        }
        assert_eq!(told, ["browse", "lost jam"]);
    }

    #[test]
    fn who_does_not_answer_after_an_interruption_is_lost() {
        let (mut listing, mut now) = with_a_jam();
        listing.answered(now, answer("other", said(1, 1)));
        listing.interrupted(now);
        listing.answered(now, answer("other", said(1, 1)));
        let told = pass(&mut listing, &mut now, CHANCE);
        assert!(told.contains(&"lost jam".into()) && !told.contains(&"lost other".into()));
    }

    #[test]
    fn browsing_anew_has_a_pace_whoever_provokes_it() {
        let (mut listing, mut now) = with_a_jam();
        let mut browsed = 0;
        for _ in 0..100 {
            listing.answered(now, answer("jam", said(1, 1)));
            listing.removed(now, "jam");
            let told = pass(&mut listing, &mut now, Duration::from_millis(10));
            browsed += told.iter().filter(|step| *step == "browse").count();
        }
        assert!((5..=11).contains(&browsed), "{browsed}");
    }

    #[test]
    fn a_crowd_of_sessions_is_cut_off() {
        let mut listing = SessionTracker::new(NOW);
        for number in 0..MOST_SESSIONS + 10 {
            listing.answered(NOW, answer(&number.to_string(), said(1, 1)));
        }
        assert_eq!(listing.sessions().count(), MOST_SESSIONS);
    }

    #[derive(Clone, Debug)]
    enum Happening {
        Answered(u8, u32, u32),
        PointedAt(u8),
        Removed(u8),
        Interrupted,
        Passed(u64),
    }

    fn happening() -> impl Strategy<Value = Happening> {
        prop_oneof![
            3 => (0..3_u8, 0..3_u32, 0..3_u32)
                .prop_map(|(id, participants, rev)| Happening::Answered(id, participants, rev)),
            1 => (0..3_u8).prop_map(Happening::PointedAt),
            2 => (0..3_u8).prop_map(Happening::Removed),
            1 => Just(Happening::Interrupted),
            3 => (0..4_000_u64).prop_map(Happening::Passed),
        ]
    }

    proptest! {
        /// Whoever keeps a list by what it is told has the right list: nothing is
        /// found twice, or changed or lost unless it was found.
        #[test]
        fn what_is_told_adds_up_to_what_is_there(
            happenings in proptest::collection::vec(happening(), 0..60),
        ) {
            let mut listing = SessionTracker::new(NOW);
            let mut now = NOW;
            let mut list = BTreeMap::new();
            for happening in happenings {
                match happening {
                    Happening::Answered(id, participants, revision) => {
                        listing.answered(now, answer(&id.to_string(), said(participants, revision)));
                    }
                    Happening::PointedAt(id) => listing.pointed_at(now, &id.to_string()),
                    Happening::Removed(id) => listing.removed(now, &id.to_string()),
                    Happening::Interrupted => listing.interrupted(now),
                    Happening::Passed(millis) => {
                        now = now + Duration::from_millis(millis);
                        listing.handle_timeout(now);
                        prop_assert!(listing.next_timeout() > now);
                    }
                }
                while let Some(step) = listing.poll() {
                    let Step::Tell(sighting) = step else { continue };
                    match *sighting {
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
                prop_assert!(list.values().eq(listing.sessions()));
            }
        }
    }
}
