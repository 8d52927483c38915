//! Announcements in, events and commands out.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

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

fn announced(id: &str, txt: TxtRecord) -> Announcement {
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
    tracker.handle_announcement(NOW, announced("jam", txt(1, 1)));
    assert_eq!(outputs(&mut tracker), ["browse", "found jam"]);
    (tracker, NOW)
}

#[test]
fn only_a_different_announcement_is_a_change() {
    let (mut tracker, now) = with_jam();
    tracker.handle_announcement(now, announced("jam", txt(1, 1)));
    assert!(outputs(&mut tracker).is_empty());
    tracker.handle_announcement(now, announced("jam", txt(2, 2)));
    assert_eq!(outputs(&mut tracker), ["changed jam Some(2)"]);
    assert_eq!(tracker.sessions().count(), 1);
}

#[test]
fn older_revisions_are_ignored() {
    let (mut tracker, now) = with_jam();
    tracker.handle_announcement(now, announced("jam", txt(3, 3)));
    tracker.handle_announcement(now, announced("jam", txt(2, 2)));
    tracker.handle_announcement(now, Announcement { txt: None, ..announced("jam", txt(0, 0)) });
    assert_eq!(outputs(&mut tracker), ["changed jam Some(3)"]);
}

#[test]
fn incomplete_announcements_are_not_found() {
    let mut tracker = SessionTracker::new(NOW);
    tracker.handle_announcement(
        NOW,
        Announcement { addresses: vec![], ..announced("jam", txt(1, 1)) },
    );
    tracker.handle_announcement(NOW, Announcement { txt: None, ..announced("jam", txt(1, 1)) });
    assert!(outputs(&mut tracker).is_empty());
    tracker.handle_announcement(NOW, announced("jam", txt(1, 1)));
    assert_eq!(outputs(&mut tracker), ["found jam"]);
}

#[test]
fn new_address_is_a_change() {
    let (mut tracker, now) = with_jam();
    let addresses = vec!["10.0.0.1:9999".parse().unwrap()];
    tracker.handle_announcement(now, Announcement { addresses, ..announced("jam", txt(1, 1)) });
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
    tracker.handle_announcement(now, announced("jam", txt(1, 1)));
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
    tracker.handle_announcement(now, announced("other", txt(1, 1)));
    tracker.handle_gap(now);
    tracker.handle_announcement(now, announced("other", txt(1, 1)));
    let emitted = advance(&mut tracker, &mut now, SECOND_CHANCE);
    assert!(emitted.contains(&"lost jam".into()) && !emitted.contains(&"lost other".into()));
}

#[test]
fn browse_restarts_are_rate_limited() {
    let (mut tracker, mut now) = with_jam();
    let mut restarts = 0;
    for _ in 0..100 {
        tracker.handle_announcement(now, announced("jam", txt(1, 1)));
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
        tracker.handle_announcement(NOW, announced(&number.to_string(), txt(1, 1)));
    }
    outputs(&mut tracker);
    tracker
}

#[test]
fn session_is_found_after_two_thousand_forged_ones() {
    let mut tracker = flooded(2000);
    tracker.handle_announcement(NOW, announced("real", txt(1, 1)));
    assert_eq!(outputs(&mut tracker), ["found real"]);
}

#[test]
fn tracked_sessions_are_bounded_but_known_ones_enter() {
    let mut tracker = flooded(MAX_SESSIONS + 10);
    tracker.handle_announcement(NOW, announced("another", txt(1, 1)));
    assert!(outputs(&mut tracker).is_empty());
    tracker.handle_announcement(NOW, announced("jam", txt(1, 1)));
    assert_eq!(outputs(&mut tracker), ["lost 0", "found jam"]);
    assert_eq!(tracker.sessions().count(), MAX_SESSIONS);
}

#[test]
fn forged_ids_of_a_known_session_are_looked_up_once_each() {
    let lookups = Arc::new(AtomicUsize::new(0));
    let mut tracker = SessionTracker::new(NOW);
    let counted = Arc::clone(&lookups);
    tracker.know(move |_| {
        counted.fetch_add(1, Relaxed);
        true
    });
    for number in 0..MAX_SESSIONS + 100 {
        tracker.handle_announcement(NOW, announced(&number.to_string(), txt(1, 1)));
    }
    assert_eq!(tracker.sessions().count(), MAX_SESSIONS);
    assert_eq!(lookups.load(Relaxed), MAX_SESSIONS + 100);
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
                    tracker.handle_announcement(now, announced(&id.to_string(), txt(participants, revision)));
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
