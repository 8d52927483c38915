//! The handshake: a client joins, or is rejected with the reason.

use imbolc_net::{
    model::{InstrumentId, Model},
    protocol::{
        ClientId, ClientMessage, Hello, PROTOCOL_VERSION, PrivilegeLevel, ProtocolError, Seq,
    },
    studio::Studio,
    sync::session::{Rejected, SessionConfig},
};

use crate::harness::{BASS, Harness, hello};

#[test]
fn welcome_carries_id_name_grants_and_state() {
    let mut harness = Harness::new();
    let hello = Hello { own: vec![BASS, InstrumentId(99)], privilege: true, ..hello("Ana") };
    let (_, welcome) = harness.welcome(&hello);
    assert_eq!(welcome.client_id, ClientId(1));
    assert_eq!(welcome.name, "Ana");
    assert_eq!(welcome.granted, [BASS]);
    assert_eq!(welcome.refused.len(), 1);
    assert_eq!(welcome.refused[0].instrument, InstrumentId(99));
    assert_eq!(welcome.privilege, PrivilegeLevel::Normal, "the host has it");
    assert_eq!(welcome.state, **harness.session.state());
    assert!(welcome.state.roster.owns(ClientId(1), BASS));
}

#[test]
fn taken_name_gets_a_number() {
    let mut harness = Harness::new();
    let names = [(); 3].map(|()| harness.welcome(&hello("Ana")).1.name);
    assert_eq!(names, ["Ana", "Ana 2", "Ana 3"]);
    let long = "x".repeat(64);
    harness.welcome(&hello(&long));
    let (_, second) = harness.welcome(&hello(&long));
    assert_ne!(second.name, long);
    assert!(second.name.chars().count() <= 64, "{}", second.name);
}

#[test]
fn name_typed_on_another_system_is_taken() {
    let mut harness = Harness::new();
    let names = ["Zo\u{eb}", "Zoe\u{308}"].map(|name| {
        let id = harness.join(name, &[]).id();
        harness.session.state().roster.participants[&id].name.to_string()
    });
    assert_eq!(names, ["Zo\u{eb}", "Zo\u{eb} 2"]);
}

#[test]
fn name_that_differs_in_nothing_drawn_is_taken() {
    let mut harness = Harness::new();
    let names = ["می\u{200c}خواهم", "میخواهم", "Zoë\u{a0} M", "Zoë M"]
        .map(|name| harness.welcome(&hello(name)).1.name);
    assert_eq!(names, ["می\u{200c}خواهم", "میخواهم 2", "Zoë M", "Zoë M 2"]);
}

#[test]
fn rejected_hello_names_the_accepted_values() {
    let mut harness = Harness::new();
    let mut refusal = |hello: Hello| match harness.handshake(&hello) {
        Err(Rejected::Unfit(error)) => error,
        _ => panic!("{hello:?} was let in"),
    };
    assert_eq!(
        refusal(Hello { protocol: 99, ..hello("Ana") }),
        ProtocolError::WrongProtocol { speaks: PROTOCOL_VERSION }
    );
    let wrong_model =
        ProtocolError::WrongModel { name: Studio::NAME.into(), version: Studio::VERSION };
    assert_eq!(refusal(Hello { model: "chess".into(), ..hello("Ana") }), wrong_model);
    assert_eq!(refusal(Hello { model_version: 99, ..hello("Ana") }), wrong_model);
    assert_eq!(
        refusal(Hello { codecs: vec!["morse".into()], ..hello("Ana") }),
        ProtocolError::NoCommonCodec { speaks: vec!["postcard".into(), "json".into()] }
    );
    let bad_name = ProtocolError::BadName { limit: 64 };
    for name in ["", "   ", "a\nb", "\u{7}", &"x".repeat(65)] {
        assert_eq!(refusal(hello(name)), bad_name, "{name:?}");
    }
    assert_eq!(
        refusal(Hello { own: vec![BASS; 1025], ..hello("Ana") }),
        ProtocolError::ListTooLong { limit: 1024 }
    );
    assert_eq!(harness.session.state().roster.participants.len(), 1);
    assert_eq!(harness.session.state().seq, Seq(0));
}

#[test]
fn away_participants_count_towards_the_limit() {
    let mut harness =
        Harness::with(SessionConfig { max_participants: 3, ..SessionConfig::default() });
    let mut ana = harness.join("Ana", &[]);
    harness.join("Ben", &[]);
    harness.cut(&mut ana);
    let full = ProtocolError::SessionFull { limit: 3 };
    assert!(
        matches!(harness.handshake(&hello("Cho")), Err(Rejected::Unfit(error)) if error == full)
    );
    assert!(harness.resume(&mut ana).is_ok(), "a reserved place can still be resumed");
}

#[test]
fn second_hello_ends_the_connection() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[]);
    let again = ClientMessage::Hello(hello("Ana"));
    assert_eq!(
        harness.session.handle(harness.now, ana.connection, again),
        Err(ProtocolError::HelloRepeated)
    );
}
