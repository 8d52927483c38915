//! What belongs to a key: a place together with an instance, and a name.

use imbolc_net::{
    protocol::{ClientId, Hello, ProtocolError, ReconnectRefusal, Resume, ServerMessage},
    security::PublicKey,
    sync::session::{ConnectionId, Credentials, Rejected, SessionConfig},
};

use super::SECOND;
use crate::harness::{BASS, Guest, Harness, cutoff, hello, instance, key};

const FRESH: Resume =
    Resume { token: None, client_id: None, seq: None, answered: None, history: 0 };

fn of(name: &str, number: u8) -> Hello {
    Hello { instance: Some(instance(number)), own: vec![BASS], ..hello(name) }
}

fn joined(harness: &mut Harness, name: &str, owner: PublicKey) -> Guest {
    harness.join_by(&Hello { attempt: 1, ..of(name, 1) }, Credentials::proven(owner))
}

fn fault(harness: &mut Harness, connection: ConnectionId) -> Option<ProtocolError> {
    harness.session.pull(harness.now, connection).err()
}

fn names(harness: &Harness) -> Vec<String> {
    let participants = harness.session.state().roster.participants.clone();
    participants.values().map(|participant| participant.name.to_string()).collect()
}

/// The name that a newcomer gets.
fn name_given(harness: &mut Harness, wanted: &str, owner: Option<PublicKey>) -> String {
    let credentials = match owner {
        Some(owner) => Credentials::proven(owner),
        None => Credentials::plain(harness.token()),
    };
    let guest = harness.join_by(&of(wanted, 9), credentials);
    guest.mirror.name().into()
}

#[test]
fn key_and_instance_resume_without_a_token() {
    let mut harness = Harness::new();
    let mut ana = joined(&mut harness, "Ana", key(1));
    assert_eq!(ana.mirror.token(), None);
    ana.dispatch(cutoff(BASS, 500.0)).unwrap();
    harness.cut(&mut ana);
    let back = Hello { attempt: 2, resume: Some(ana.mirror.resume()), ..of("Ana", 1) };
    let admission = harness.enter(&back, Credentials::proven(key(1))).unwrap();
    let ServerMessage::ReconnectSuccessful(back) = admission.answer else {
        panic!("{:?}", admission.answer)
    };
    assert_eq!((back.client_id, back.token), (ana.id(), None));
    ana.connection = admission.connection;
    ana.mirror.reconnected(back);
    harness.settle(&mut [&mut ana]);
    assert_eq!(harness.cutoff(BASS), 500.0);
    assert!(harness.session.state().roster.owns(ana.id(), BASS));
}

#[test]
fn place_of_a_key_is_kept_once_it_has_spoken() {
    for has_spoken in [false, true] {
        let mut harness = Harness::new();
        let admission = harness.enter(&of("Ana", 1), Credentials::proven(key(1))).unwrap();
        if has_spoken {
            harness.session.heard(harness.now, admission.connection).unwrap();
        }
        harness.session.disconnected(harness.now, admission.connection);
        let roster = &harness.session.state().roster;
        assert_eq!(roster.is_away(admission.connection.client), has_spoken);
        assert_eq!(roster.participants.contains_key(&admission.connection.client), has_spoken);
    }
}

#[test]
fn another_key_or_instance_has_no_place() {
    let mut harness = Harness::new();
    let ana = joined(&mut harness, "Ana", key(1));
    for (owner, number) in [(key(2), 1), (key(1), 2)] {
        let hello = Hello { attempt: 9, resume: Some(FRESH), ..of("Ana", number) };
        let answer = harness.enter(&hello, Credentials::proven(owner));
        assert!(
            matches!(answer, Err(Rejected::Unknown(ReconnectRefusal::UnknownToken))),
            "{answer:?}"
        );
    }
    assert_eq!(fault(&mut harness, ana.connection), None);
}

#[test]
fn plain_client_never_gets_the_place_of_a_key() {
    let mut harness = Harness::new();
    let ana = joined(&mut harness, "Ana", key(1));
    let token = Some(harness.token());
    for resume in [FRESH, Resume { token, ..FRESH }] {
        let hello = Hello { attempt: 9, resume: Some(resume), ..of("Ana", 1) };
        let answer = harness.handshake(&hello);
        assert!(matches!(answer, Err(Rejected::Unknown(_))), "{answer:?}");
    }
    // Without `resume` it is a newcomer, whatever instance it names.
    let other = harness.handshake(&Hello { attempt: 9, ..of("Ana", 1) }).unwrap();
    assert_ne!(other.connection.client, ana.id());
    assert_eq!(fault(&mut harness, ana.connection), None);
}

#[test]
fn key_never_gets_the_place_of_a_plain_client() {
    let mut harness = Harness::new();
    let token = harness.token();
    let ben = harness.join_by(&of("Ben", 1), Credentials::plain(token));
    let resume = ben.mirror.resume();
    assert!(resume.token.is_some());
    let hello = Hello { attempt: 9, resume: Some(resume), ..of("Ben", 1) };
    let answer = harness.enter(&hello, Credentials::proven(key(1)));
    assert!(matches!(answer, Err(Rejected::Unknown(_))), "{answer:?}");
    assert_eq!(fault(&mut harness, ben.connection), None);
}

#[test]
fn key_without_an_instance_is_refused() {
    let mut harness = Harness::new();
    let answer = harness.enter(&hello("Ana"), Credentials::proven(key(1)));
    assert!(matches!(answer, Err(Rejected::Unfit(ProtocolError::Malformed { .. }))), "{answer:?}");
    assert_eq!(harness.session.state().roster.participants.len(), 1);
}

#[test]
fn newer_of_two_programs_with_one_instance_wins() {
    let mut harness = Harness::new();
    let ana = joined(&mut harness, "Ana", key(1));
    let hello = Hello { attempt: 2, resume: Some(FRESH), ..of("Ana", 1) };
    let newer = harness.enter(&hello, Credentials::proven(key(1))).unwrap();
    assert_eq!(newer.connection.client, ana.id());
    assert_eq!(fault(&mut harness, ana.connection), Some(ProtocolError::Superseded));
    assert_eq!(fault(&mut harness, newer.connection), None);
}

#[test]
fn program_without_memory_takes_over_its_place() {
    let mut harness = Harness::new();
    let ana = joined(&mut harness, "Ana", key(1));
    let again = Hello { attempt: 2, ..of("Ana", 1) };
    let anew = harness.join_by(&again, Credentials::proven(key(1)));
    assert_ne!(anew.id(), ana.id());
    assert_eq!(names(&harness), ["host", "Ana"], "no second place is left");
    assert!(harness.session.state().roster.owns(anew.id(), BASS));
    assert_eq!(fault(&mut harness, ana.connection), Some(ProtocolError::Superseded));
    assert_eq!(fault(&mut harness, anew.connection), None);
}

#[test]
fn place_that_the_program_does_not_remember_is_not_resumed() {
    let mut harness = Harness::new();
    let ana = joined(&mut harness, "Ana", key(1));
    // The `Welcome` is lost, so she still counts as in her first place.
    let again = Hello { attempt: 2, ..of("Ana", 1) };
    let lost = harness.join_by(&again, Credentials::proven(key(1)));
    let resume = |client_id| Some(Resume { client_id, ..ana.mirror.resume() });
    let hello = Hello { attempt: 3, resume: resume(Some(ana.id())), ..of("Ana", 1) };
    let answer = harness.enter(&hello, Credentials::proven(key(1)));
    assert!(matches!(answer, Err(Rejected::Unknown(_))), "{answer:?}");
    let hello = Hello { attempt: 4, resume: resume(Some(lost.id())), ..of("Ana", 1) };
    drop(harness.enter(&hello, Credentials::proven(key(1))).unwrap());
}

#[test]
fn place_is_taken_over_in_a_full_session() {
    let config = SessionConfig { max_participants: 2, ..SessionConfig::default() };
    let mut harness = Harness::with(config);
    joined(&mut harness, "Ana", key(1));
    let full = harness.enter(&of("Ben", 1), Credentials::proven(key(2)));
    assert!(matches!(full, Err(Rejected::Unfit(ProtocolError::SessionFull { limit: 2 }))));
    let again = Hello { attempt: 2, ..of("Ana", 1) };
    drop(harness.enter(&again, Credentials::proven(key(1))).unwrap());
}

#[test]
fn older_attempt_of_a_key_changes_nothing() {
    let mut harness = Harness::new();
    let ana = harness.join_by(&Hello { attempt: 7, ..of("Ana", 1) }, Credentials::proven(key(1)));
    for attempt in [1, 7] {
        for resume in [None, Some(FRESH)] {
            let hello = Hello { attempt, resume, ..of("Ana", 1) };
            let answer = harness.enter(&hello, Credentials::proven(key(1)));
            assert!(
                matches!(answer, Err(Rejected::Unfit(ProtocolError::Superseded))),
                "{answer:?}"
            );
        }
    }
    assert_eq!(fault(&mut harness, ana.connection), None);
    assert_eq!(names(&harness), ["host", "Ana"]);
}

#[test]
fn places_are_kept_free_for_others() {
    let config = SessionConfig { max_participants: 4, ..SessionConfig::default() };
    let mut harness = Harness::with(config);
    let stranger = |key| Credentials { kept_places: 2, ..Credentials::proven(key) };
    drop(harness.enter(&of("Ana", 1), stranger(key(1))).unwrap());
    let full = harness.enter(&of("Ben", 1), stranger(key(2)));
    assert!(matches!(full, Err(Rejected::Unfit(ProtocolError::SessionFull { limit: 4 }))));
    // Those for whom they are kept get them, and a place that is there already stays.
    drop(harness.enter(&of("Ben", 1), Credentials::proven(key(2))).unwrap());
    let again = Hello { attempt: 2, resume: Some(FRESH), ..of("Ana", 1) };
    drop(harness.enter(&again, stranger(key(1))).unwrap());
}

#[test]
fn name_of_an_absent_key_is_taken() {
    let mut harness = Harness::new();
    let ana = joined(&mut harness, "Ana", key(1));
    harness.session.disconnected(harness.now, ana.connection);
    harness.pass(61 * SECOND);
    assert_eq!(names(&harness), ["host"]);
    assert_eq!(name_given(&mut harness, "Ana", None), "Ana 2");
    assert_eq!(name_given(&mut harness, "Ana", Some(key(2))), "Ana 3");
    assert_eq!(name_given(&mut harness, "Ana", Some(key(1))), "Ana");
    // A name that only looks alike is the same one.
    harness.session.bind_name("🏃\u{200d}♀", key(3));
    assert_eq!(name_given(&mut harness, "🏃♀", Some(key(4))), "🏃♀ 2");
}

#[test]
fn key_does_not_get_the_name_of_a_participant() {
    let mut harness = Harness::new();
    let plain = harness.join("Ana", &[]);
    assert_eq!(name_given(&mut harness, "Ana", Some(key(1))), "Ana 2");
    assert_eq!(name_given(&mut harness, "host", Some(key(2))), "host 2");
    assert_eq!(plain.mirror.name(), "Ana");
}

#[test]
fn preset_name_waits_for_its_key() {
    let mut harness = Harness::new();
    harness.session.bind_name("Ana", key(1));
    harness.session.bind_name("Ana", key(2));
    assert_eq!(name_given(&mut harness, "Ana", None), "Ana 2");
    assert_eq!(name_given(&mut harness, "Ana", Some(key(2))), "Ana 3", "the first one has it");
    assert_eq!(name_given(&mut harness, "Ana", Some(key(1))), "Ana");
}

#[test]
fn second_program_of_a_key_leaves_it_the_name() {
    let mut harness = Harness::new();
    let ana = joined(&mut harness, "Ana", key(1));
    let second = harness.join_by(&of("Ana", 2), Credentials::proven(key(1)));
    assert_eq!(second.mirror.name(), "Ana 2");
    harness.session.disconnected(harness.now, ana.connection);
    harness.pass(61 * SECOND);
    assert_eq!(name_given(&mut harness, "Ana", None), "Ana 3");
}

#[test]
fn strange_keys_bind_a_limited_number_of_names() {
    let mut harness = Harness::new();
    harness.session.bind_name("Ana", key(1));
    for number in 0..=1024_u16 {
        let mut bytes = [0x20; 32];
        bytes[..2].copy_from_slice(&number.to_le_bytes());
        let stranger = PublicKey::new(bytes).unwrap();
        let guest = harness.join_by(&of(&format!("S{number}"), 1), Credentials::proven(stranger));
        let goodbye = imbolc_net::protocol::ClientMessage::Goodbye;
        harness.session.handle(harness.now, guest.connection, goodbye).unwrap();
    }
    assert_eq!(name_given(&mut harness, "S0", None), "S0", "the oldest is forgotten");
    assert_eq!(name_given(&mut harness, "S1", None), "S1 2");
    assert_eq!(name_given(&mut harness, "Ana", None), "Ana 2", "a known key keeps its name");
}

#[test]
fn roster_shows_key_or_plain() {
    let mut harness = Harness::new();
    let (ana, ben) = (joined(&mut harness, "Ana", key(1)), harness.join("Ben", &[]));
    let roster = &harness.session.state().roster;
    let shown = |id: ClientId| roster.participants[&id].key;
    assert_eq!([ClientId::HOST, ana.id(), ben.id()].map(shown), [None, Some(key(1)), None]);
}
