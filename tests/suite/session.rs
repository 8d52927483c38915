//! The rules of a session, on a virtual clock.

mod memory;
mod prediction;

use std::time::Duration;

use imbolc_net::{
    SessionEvent,
    model::{InstrumentId, Invalid, Model},
    protocol::{
        ActionNumber, ClientId, ClientMessage, Hello, PROTOCOL_VERSION, PrivilegeLevel,
        ProtocolError, Refusal, Resume, Seq, ServerMessage, SessionToken,
    },
    studio::{Name, NetworkAction, SourceKind, Studio, TransportAction},
    sync::Resync,
    sync::{
        mirror::MirrorError,
        session::{MessageOutcome, Rejected, SessionConfig, Update},
    },
    util::{quantity::Pitch, time::Millis},
};

use crate::harness::{BASS, Harness, LEAD, PAD, cutoff, hello, play_key};

const SECOND: Duration = Duration::from_secs(1);
const PLAY: NetworkAction = NetworkAction::Transport(TransportAction::Play);
const STOP: NetworkAction = NetworkAction::Transport(TransportAction::Stop);

fn add(id: u32) -> NetworkAction {
    NetworkAction::AddInstrument {
        id: InstrumentId(id),
        name: Name::new("Organ").unwrap(),
        source: SourceKind::Fm,
    }
}

fn updates(
    harness: &mut Harness,
    guest: &crate::harness::Guest,
) -> (Vec<&'static str>, Vec<ServerMessage>) {
    let out = harness.session.pull(harness.now, guest.connection).unwrap();
    let update = out.update.map(|update| match update {
        Update::Patch { .. } => "patch",
        Update::Full(_) => "full",
    });
    (update.into_iter().collect(), out.messages)
}

// ---- joining

#[test]
fn who_joins_gets_a_number_a_name_what_it_asked_for_and_everything() {
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
fn two_of_the_same_name_are_told_apart() {
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
fn who_does_not_fit_is_told_what_would() {
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
fn there_is_room_for_so_many_and_those_who_are_away_count() {
    let mut harness =
        Harness::with(SessionConfig { max_participants: 3, ..SessionConfig::default() });
    let mut ana = harness.join("Ana", &[]);
    harness.join("Ben", &[]);
    harness.cut(&mut ana);
    let full = ProtocolError::SessionFull { limit: 3 };
    assert!(
        matches!(harness.handshake(&hello("Cho")), Err(Rejected::Unfit(error)) if error == full)
    );
    harness.resume(&mut ana).ok().expect("a kept place is not taken away");
}

#[test]
fn hello_may_be_said_once_only() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[]);
    let again = ClientMessage::Hello(hello("Ana"));
    assert_eq!(
        harness.session.handle(harness.now, ana.connection, again),
        Err(ProtocolError::HelloRepeated)
    );
}

// ---- ownership

#[test]
fn what_is_owned_is_edited_by_its_owner_only() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let mut ben = harness.join("Ben", &[LEAD]);
    harness.settle(&mut [&mut ana, &mut ben]);
    ana.dispatch(cutoff(BASS, 500.0)).unwrap();
    harness.settle(&mut [&mut ana, &mut ben]);
    assert_eq!((harness.cutoff(BASS), ben.cutoff(BASS)), (500.0, 500.0));

    let refused = ben.dispatch(cutoff(BASS, 900.0)).unwrap_err();
    let MirrorError::Refused(Refusal::NotOwner { instrument: BASS, owner: Some(owner) }) = refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!(&*owner.name, "Ana");
    // Who asks all the same, past its own mirror, is refused by the authority.
    let action = ClientMessage::Action {
        number: ActionNumber(1),
        continues: false,
        action: cutoff(BASS, 900.0),
    };
    harness.session.handle(harness.now, ben.connection, action).unwrap();
    let (_, messages) = updates(&mut harness, &ben);
    assert!(
        messages.iter().any(|message| matches!(
            message,
            ServerMessage::ActionRejected {
                number: ActionNumber(1),
                reason: Refusal::NotOwner { .. }
            }
        )),
        "{messages:?}"
    );
    assert_eq!(harness.cutoff(BASS), 500.0);
}

#[test]
fn the_host_owns_nothing_that_it_did_not_ask_for() {
    let mut harness = Harness::new();
    assert!(matches!(
        harness.session.act(harness.now, &cutoff(PAD, 500.0)),
        Err(Refusal::NotOwner { .. })
    ));
    assert_eq!(harness.session.claim(ClientId::HOST, &[PAD]).granted, [PAD]);
    harness.session.act(harness.now, &cutoff(PAD, 500.0)).unwrap();
}

#[test]
fn an_instrument_is_granted_when_free_and_refused_with_its_owner_named_when_not() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let mut ben = harness.join("Ben", &[]);
    let missing = InstrumentId(77);
    let ask = ClientMessage::RequestOwnership { instruments: vec![BASS, LEAD, LEAD, missing] };
    harness.session.handle(harness.now, ben.connection, ask).unwrap();
    harness.transmit(&mut ben).unwrap();
    let Some(ServerMessage::OwnershipAnswer { granted, refused }) = ben.to_guest.front() else {
        panic!("{:?}", ben.to_guest);
    };
    assert_eq!(granted, &[LEAD]);
    assert_eq!(refused.len(), 2);
    assert!(matches!(&refused[0].reason, Refusal::NotOwner { owner: Some(owner), .. }
        if &*owner.name == "Ana"));
    assert!(matches!(refused[1].reason, Refusal::Invalid(Invalid::Missing { .. })));

    let give = ClientMessage::ReleaseOwnership { instruments: vec![BASS, LEAD] };
    harness.session.handle(harness.now, ana.connection, give).unwrap();
    harness.settle(&mut [&mut ana, &mut ben]);
    let roster = &ana.mirror.confirmed().roster;
    assert_eq!(roster.owner(BASS), None);
    assert!(roster.owns(ben.id(), LEAD), "it was not Ana's to give");
    assert_eq!(ben.mirror.confirmed().roster, *roster);
}

#[test]
fn who_adds_an_instrument_owns_it_and_who_deletes_it_does_not() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    ana.dispatch(add(1001)).unwrap();
    // Before anybody else has heard of it, one can go on.
    ana.dispatch(cutoff(InstrumentId(1001), 300.0)).unwrap();
    harness.settle(&mut [&mut ana]);
    assert!(harness.session.state().roster.owns(ana.id(), InstrumentId(1001)));
    assert_eq!(harness.cutoff(InstrumentId(1001)), 300.0);
    ana.dispatch(NetworkAction::DeleteInstrument(InstrumentId(1001))).unwrap();
    harness.settle(&mut [&mut ana]);
    assert_eq!(harness.session.state().roster.owner(InstrumentId(1001)), None);
    assert!(ana.mirror.predicted().roster.owners.is_empty());
}

#[test]
fn a_note_does_not_hang_when_its_player_drops_out_gives_up_or_leaves() {
    let ways: [fn(&mut Harness, &mut crate::harness::Guest); 4] = [
        |harness, ana| harness.cut(ana),
        |harness, _| {
            harness.pass(16 * SECOND);
        },
        |harness, ana| {
            let give = ClientMessage::ReleaseOwnership { instruments: vec![BASS] };
            harness.session.handle(harness.now, ana.connection, give).unwrap();
        },
        |harness, ana| {
            harness.session.handle(harness.now, ana.connection, ClientMessage::Goodbye).unwrap();
        },
    ];
    for drop_out in ways {
        let mut harness = Harness::new();
        let mut ana = harness.join("Ana", &[BASS]);
        ana.dispatch(play_key(BASS, 40)).unwrap();
        harness.settle(&mut [&mut ana]);
        let held = |harness: &Harness| {
            harness
                .session
                .state()
                .model
                .instruments
                .get(BASS)
                .unwrap()
                .sounding
                .held(Pitch::of(40))
        };
        assert!(held(&harness).is_some());
        drop_out(&mut harness, &mut ana);
        assert_eq!(held(&harness), None);
        assert!(!harness.take_effects().is_empty(), "the engine is told");
    }
}

// ---- privilege

#[test]
fn one_at_most_has_the_privilege_and_who_is_denied_learns_who() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    let mut ben = harness.join("Ben", &[]);
    assert!(matches!(
        ana.dispatch(PLAY),
        Err(MirrorError::Refused(Refusal::NotPrivileged { holder: Some(_) }))
    ));
    ana.mirror.enqueue(ClientMessage::RequestPrivilege);
    harness.settle(&mut [&mut ana, &mut ben]);
    assert!(ana.take_events().iter().any(|event| matches!(
        event,
        SessionEvent::PrivilegeDenied { holder } if &*holder.name == "host"
    )));

    harness.session.release_privilege(ClientId::HOST);
    ana.mirror.enqueue(ClientMessage::RequestPrivilege);
    harness.settle(&mut [&mut ana, &mut ben]);
    ana.dispatch(PLAY).unwrap();
    harness.settle(&mut [&mut ana, &mut ben]);
    assert!(ben.mirror.confirmed().model.transport.playing);
    assert!(
        harness.session.act(harness.now, &STOP).is_err(),
        "not even the host, while Ana has it"
    );

    ben.mirror.enqueue(ClientMessage::RequestPrivilege);
    harness.settle(&mut [&mut ana, &mut ben]);
    assert!(harness.session.state().roster.is_privileged(ana.id()));

    // But the host may take it back at any time.
    harness.session.request_privilege(ClientId::HOST).unwrap();
    harness.session.act(harness.now, &STOP).unwrap();
    let (_, messages) = updates(&mut harness, &ana);
    assert!(
        messages.iter().any(|message| matches!(
            message,
            ServerMessage::PrivilegeRevoked { by } if &*by.name == "host"
        )),
        "{messages:?}"
    );
}

#[test]
fn the_privilege_of_somebody_who_is_away_can_be_taken_and_is_not_given_back() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    let mut ben = harness.join("Ben", &[]);
    harness.session.release_privilege(ClientId::HOST);
    harness.session.request_privilege(ana.id()).unwrap();
    assert!(harness.session.request_privilege(ben.id()).is_err());
    harness.cut(&mut ana);
    harness.session.request_privilege(ben.id()).unwrap();
    harness.resume(&mut ana).ok().unwrap();
    harness.settle(&mut [&mut ana, &mut ben]);
    let roster = &ana.mirror.confirmed().roster;
    assert_eq!(roster.privilege(ana.id()), PrivilegeLevel::Normal);
    assert_eq!(roster.privilege(ben.id()), PrivilegeLevel::Privileged);
}

#[test]
fn who_comes_back_before_anybody_took_it_still_has_the_privilege() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    harness.session.release_privilege(ClientId::HOST);
    harness.session.request_privilege(ana.id()).unwrap();
    harness.cut(&mut ana);
    harness.resume(&mut ana).ok().unwrap();
    assert_eq!(harness.session.state().roster.privilege(ana.id()), PrivilegeLevel::Privileged);
}

#[test]
fn the_privilege_of_somebody_who_is_gone_is_free() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[]);
    harness.session.release_privilege(ClientId::HOST);
    harness.session.request_privilege(ana.id()).unwrap();
    let heard = harness.session.handle(harness.now, ana.connection, ClientMessage::Goodbye);
    assert_eq!(heard, Ok(MessageOutcome::Leaving));
    assert_eq!(harness.session.state().roster.privileged, None);
}

// ---- silence, suspension, resumption

#[test]
fn a_client_is_pinged_every_5_seconds_and_suspended_after_15_of_silence() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[BASS]);
    let mut pings = 0;
    for tick in 1..=149 {
        harness.pass(SECOND / 10);
        let (_, messages) = updates(&mut harness, &ana);
        let pinged = messages.iter().any(|m| matches!(m, ServerMessage::Ping { .. }));
        assert_eq!(pinged, tick % 50 == 0, "after {} s", f64::from(tick) / 10.0);
        pings += u32::from(pinged);
    }
    assert_eq!(pings, 2);
    assert!(!harness.session.state().roster.is_away(ana.id()));
    harness.pass(SECOND / 10);
    assert!(harness.session.state().roster.is_away(ana.id()));
    assert!(matches!(
        harness.session.pull(harness.now, ana.connection),
        Err(ProtocolError::Silent { seconds: 15 })
    ));
}

#[test]
fn everyone_sees_about_how_long_everyones_line_is() {
    let mut harness = Harness::new();
    let (mut ana, mut ben) = (harness.join("Ana", &[]), harness.join("Ben", &[]));
    let seen = |guest: &crate::harness::Guest, of: ClientId| {
        guest.mirror.confirmed().roster.participants[&of].round_trip
    };
    let mut ping = |harness: &mut Harness, ana: &mut crate::harness::Guest, answer_after: u64| {
        harness.pass(5 * SECOND);
        harness.transmit(ana).unwrap();
        ana.receive();
        ana.transmit();
        harness.pass(Duration::from_millis(answer_after));
        harness.receive(ana).unwrap();
        harness.settle(&mut [ana, &mut ben]);
        seen(&ben, ana.id())
    };
    assert_eq!(ping(&mut harness, &mut ana, 0), Some(Millis(1)));
    assert_eq!(ping(&mut harness, &mut ana, 7), Some(Millis(10)));
    let moment = harness.session.state().seq;
    assert_eq!(ping(&mut harness, &mut ana, 9), Some(Millis(10)));
    assert_eq!(harness.session.state().seq, moment, "about the same is nothing new");

    // What answers no ping says nothing about the line.
    let nonsense = ClientMessage::Pong { nonce: 1 };
    harness.session.handle(harness.now, ana.connection, nonsense).unwrap();
    assert_eq!(harness.session.state().seq, moment);

    harness.cut(&mut ana);
    assert_eq!(harness.session.state().roster.participants[&ana.id()].round_trip, None);
}

#[test]
fn any_sign_of_life_will_do() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[]);
    for _ in 0..10 {
        harness.pass(10 * SECOND);
        harness
            .session
            .handle(harness.now, ana.connection, ClientMessage::Pong { nonce: 0 })
            .unwrap();
    }
    assert!(!harness.session.state().roster.is_away(ana.id()));
}

#[test]
fn a_place_is_kept_for_60_seconds_and_free_after_that() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let ben = harness.join("Ben", &[]);
    harness.cut(&mut ana);
    harness.pass(Duration::from_millis(59_900));
    assert!(harness.session.claim(ClientId::HOST, &[BASS]).granted.is_empty());
    assert!(harness.session.state().roster.participants.contains_key(&ana.id()));
    harness.pass(SECOND / 10);
    assert!(!harness.session.state().roster.participants.contains_key(&ana.id()));
    assert_eq!(harness.session.claim(ClientId::HOST, &[BASS]).granted, [BASS]);
    assert!(matches!(harness.resume(&mut ana), Err(Rejected::Unknown(_))));
    let _ = ben;
}

#[test]
fn the_timers_say_when_they_are_due() {
    let mut harness = Harness::new();
    assert_eq!(harness.deadline(), None);
    let mut ana = harness.join("Ana", &[]);
    assert_eq!(harness.deadline(), Some(harness.now + 15 * SECOND));
    harness.cut(&mut ana);
    assert_eq!(harness.deadline(), Some(harness.now + 60 * SECOND));
}

#[test]
fn who_comes_back_has_its_number_its_name_and_its_instruments() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let before = ana.id();
    harness.cut(&mut ana);
    harness.pass(30 * SECOND);
    harness.resume(&mut ana).ok().unwrap();
    assert_eq!(ana.id(), before);
    harness.settle(&mut [&mut ana]);
    let roster = &ana.mirror.confirmed().roster;
    assert!(roster.owns(before, BASS));
    assert!(!roster.is_away(before));
    assert_eq!(ana.mirror.name(), "Ana");
}

#[test]
fn who_comes_back_gets_the_difference_and_who_has_nothing_gets_everything() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let mut ben = harness.join("Ben", &[LEAD]);
    harness.settle(&mut [&mut ana, &mut ben]);
    harness.cut(&mut ana);
    ben.dispatch(cutoff(LEAD, 700.0)).unwrap();
    harness.settle(&mut [&mut ben]);
    harness.resume(&mut ana).ok().unwrap();
    assert_eq!(updates(&mut harness, &ana).0, ["patch"]);

    harness.cut(&mut ana);
    let resume = Resume { seq: None, ..ana.mirror.resume() };
    harness.resume_with(&mut ana, resume).ok().unwrap();
    assert_eq!(updates(&mut harness, &ana).0, ["full"]);

    harness.cut(&mut ana);
    let resume = Resume { seq: Some(Seq(999_999)), ..ana.mirror.resume() };
    harness.resume_with(&mut ana, resume).ok().unwrap();
    assert_eq!(updates(&mut harness, &ana).0, ["full"], "a moment that never was");
}

#[test]
fn the_token_is_new_each_time_and_the_old_one_stops_working_once_the_new_one_is_used() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    let first = ana.mirror.resume();
    harness.cut(&mut ana);
    harness.resume(&mut ana).ok().unwrap();
    let second = ana.mirror.resume();
    assert_ne!(first.token, second.token);

    // The answer with the second token may have been lost: the first still does.
    harness.cut(&mut ana);
    harness.resume_with(&mut ana, first.clone()).ok().unwrap();
    let third = ana.mirror.resume();
    assert_ne!(third.token, first.token);

    harness.cut(&mut ana);
    harness.resume_with(&mut ana, third.clone()).ok().unwrap();
    harness.cut(&mut ana);
    for used_up in [first, second] {
        assert!(matches!(harness.resume_with(&mut ana, used_up), Err(Rejected::Unknown(_))));
    }
    harness.resume_with(&mut ana, third).ok().unwrap();
}

#[test]
fn whoever_never_had_its_welcome_does_not_stand_in_its_own_way() {
    let mut harness = Harness::new();
    let (connection, _) = harness.welcome(&Hello { own: vec![BASS], ..hello("Ana") });
    harness.session.disconnected(harness.now, connection);
    let (_, welcome) = harness.welcome(&Hello { own: vec![BASS], ..hello("Ana") });
    assert_eq!((&*welcome.name, &welcome.granted[..]), ("Ana", &[BASS][..]));
}

#[test]
fn any_number_of_reconnections_works() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    for turn in 0..100_u16 {
        ana.dispatch(cutoff(BASS, 100.0 + f32::from(turn))).unwrap();
        harness.cut(&mut ana);
        harness.pass(20 * SECOND);
        harness.resume(&mut ana).ok().unwrap();
        harness.settle(&mut [&mut ana]);
        assert_eq!(harness.cutoff(BASS), 100.0 + f32::from(turn));
    }
}

#[test]
fn a_token_that_nobody_was_given_lets_nobody_in() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    let guess = Resume { token: SessionToken::new([0xee; 16]), ..ana.mirror.resume() };
    assert!(matches!(harness.resume_with(&mut ana, guess), Err(Rejected::Unknown(_))));
    assert_eq!(harness.session.state().roster.participants.len(), 2);
}

#[test]
fn who_has_the_token_takes_over_from_a_connection_that_still_looks_alive() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let old = ana.connection;
    harness.resume(&mut ana).ok().unwrap();
    assert!(matches!(harness.session.pull(harness.now, old), Err(ProtocolError::Superseded)));
    let edit = ClientMessage::Action {
        number: ActionNumber(1),
        continues: false,
        action: cutoff(BASS, 99.0),
    };
    assert_eq!(
        harness.session.handle(harness.now, old, edit.clone()),
        Err(ProtocolError::Superseded)
    );
    // That the old one is noticed to be dead does not suspend the new one.
    harness.session.disconnected(harness.now, old);
    assert!(!harness.session.state().roster.is_away(ana.id()));
    harness.session.handle(harness.now, ana.connection, edit).unwrap();
    assert_eq!(harness.cutoff(BASS), 99.0);
}

#[test]
fn goodbye_frees_everything_at_once() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS, LEAD]);
    let mut ben = harness.join("Ben", &[]);
    harness.session.handle(harness.now, ana.connection, ClientMessage::Goodbye).unwrap();
    harness.settle(&mut [&mut ben]);
    assert!(ben.mirror.confirmed().roster.owners.is_empty());
    assert!(matches!(harness.resume(&mut ana), Err(Rejected::Unknown(_))));
}

#[test]
fn what_is_given_up_is_given_up_after_what_was_done_with_it() {
    let mut harness = Harness::new();
    harness.session.release_privilege(ClientId::HOST);
    let mut ana = harness.join("Ana", &[BASS]);
    harness.session.request_privilege(ana.id()).unwrap();
    harness.settle(&mut [&mut ana]);

    ana.dispatch(PLAY).unwrap();
    ana.mirror.enqueue(ClientMessage::ReleasePrivilege);
    ana.dispatch(cutoff(BASS, 99.0)).unwrap();
    ana.mirror.enqueue(ClientMessage::Goodbye);
    ana.transmit();
    assert!(harness.receive(&mut ana).is_ok());
    let studio = &harness.session.state().model;
    assert!(studio.transport.playing, "she still had the privilege when she pressed play");
    assert_eq!(harness.cutoff(BASS), 99.0, "she still had the bass when she turned the knob");
}

// ---- what counts once

#[test]
fn an_action_that_arrives_twice_counts_once() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    ana.dispatch(add(1001)).unwrap();
    ana.transmit();
    harness.receive(&mut ana).unwrap();
    // It has arrived, but its answer has not.
    harness.cut(&mut ana);
    harness.resume(&mut ana).ok().unwrap();
    assert_eq!(ana.mirror.unanswered(), 0);
    harness.settle(&mut [&mut ana]);
    assert_eq!(harness.session.state().model.instruments.len(), 4);

    let seq = harness.session.state().seq;
    let again =
        ClientMessage::Action { number: ActionNumber(1), continues: false, action: add(1002) };
    harness.session.handle(harness.now, ana.connection, again).unwrap();
    assert_eq!(harness.session.state().seq, seq);
    let (_, messages) = updates(&mut harness, &ana);
    let applied = ServerMessage::ActionsApplied { through: ActionNumber(1), seq };
    assert!(messages.contains(&applied), "it is acknowledged again: {messages:?}");
}

#[test]
fn an_action_that_was_lost_is_sent_again() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    ana.dispatch(add(1001)).unwrap();
    ana.transmit();
    harness.cut(&mut ana);
    assert_eq!(harness.session.state().model.instruments.len(), 3);
    harness.resume(&mut ana).ok().unwrap();
    harness.settle(&mut [&mut ana]);
    assert_eq!(harness.session.state().model.instruments.len(), 4);
}

#[test]
fn a_number_out_of_order_ends_the_connection() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[BASS]);
    let skipped = ClientMessage::Action {
        number: ActionNumber(2),
        continues: false,
        action: cutoff(BASS, 99.0),
    };
    assert_eq!(
        harness.session.handle(harness.now, ana.connection, skipped),
        Err(ProtocolError::ActionOutOfOrder { expected: ActionNumber(1) })
    );
    assert_ne!(harness.cutoff(BASS), 99.0);
}

#[test]
fn why_an_action_was_refused_is_told_even_if_the_answer_was_lost() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    harness.settle(&mut [&mut ana]);
    // What Ana does not know yet.
    harness.session.release(ana.id(), &[BASS]);
    ana.dispatch(cutoff(BASS, 99.0)).unwrap();
    ana.transmit();
    harness.receive(&mut ana).unwrap();
    harness.cut(&mut ana);
    ana.take_settled();
    harness.resume(&mut ana).ok().unwrap();
    let settled = ana.take_settled();
    assert!(
        matches!(&settled[..], [(ActionNumber(1), Err(Refusal::NotOwner { .. }))]),
        "{settled:?}"
    );
    assert!(ana.take_events().iter().any(|event| matches!(event, SessionEvent::Refused { .. })));
}

// ---- what is sent, and when

#[test]
fn the_first_patch_leaves_at_once_and_the_next_ones_30_times_a_second() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[]);
    harness.session.claim(ClientId::HOST, &[BASS]);
    assert_eq!(updates(&mut harness, &ana).0, ["patch"]);
    harness.pass(SECOND);
    let mut sent = Vec::new();
    // Ten seconds of an edit each millisecond.
    for millisecond in 0..10_000_u16 {
        harness.session.act(harness.now, &cutoff(BASS, 100.0 + f32::from(millisecond))).unwrap();
        if updates(&mut harness, &ana).0 == ["patch"] {
            sent.push(millisecond);
        }
        harness.now = harness.now + Duration::from_millis(1);
        if millisecond % 1000 == 0 {
            let pong = ClientMessage::Pong { nonce: 0 };
            harness.session.handle(harness.now, ana.connection, pong).unwrap();
        }
    }
    assert_eq!(sent[0], 0, "the first edit after a quiet moment waits for nothing");
    assert!(sent.windows(2).all(|pair| pair[1] - pair[0] >= 33), "{sent:?}");
    assert!((290..=310).contains(&sent.len()), "{}", sent.len());
}

#[test]
fn while_a_change_waits_for_the_pace_a_further_one_wakes_nobody() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[]);
    let quiet = harness.session.pull(harness.now, ana.connection).unwrap().next;
    assert!(quiet.on_change);
    harness.session.claim(ClientId::HOST, &[BASS]);
    let out = harness.session.pull(harness.now, ana.connection).unwrap();
    assert!(out.update.is_some());
    assert!(!out.next.on_change, "a change would have to wait");
    assert_eq!(out.next.at, harness.now + Duration::from_millis(33));
    harness.session.claim(ClientId::HOST, &[LEAD]);
    let out = harness.session.pull(harness.now, ana.connection).unwrap();
    assert!(out.is_empty());
    assert!(!out.next.on_change);
    assert_eq!(out.next.at, harness.now + Duration::from_millis(33));
    harness.now = out.next.at;
    assert!(harness.session.pull(harness.now, ana.connection).unwrap().update.is_some());
    // Nothing has changed when the pace would allow it, so from then on it counts.
    harness.now = harness.now + Duration::from_millis(33);
    assert!(harness.session.pull(harness.now, ana.connection).unwrap().next.on_change);
}

#[test]
fn who_comes_a_little_late_does_not_put_off_the_next_patch() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[]);
    harness.pass(SECOND);
    let begun = harness.now;
    let mut edits = 0_u16;
    let mut late = |harness: &mut Harness, late| {
        edits += 1;
        harness.session.act(harness.now, &cutoff(BASS, 100.0 + f32::from(edits))).unwrap();
        let due = harness.session.pull(harness.now, ana.connection).unwrap().next.at;
        harness.now = due + late;
        assert_eq!(updates(harness, &ana).0, ["patch"]);
        due
    };
    harness.session.claim(ClientId::HOST, &[BASS]);
    assert_eq!(updates(&mut harness, &ana).0, ["patch"]);
    for number in 1..=30 {
        let due = late(&mut harness, Duration::from_millis(2));
        assert_eq!(due, begun + number * Duration::from_millis(33));
    }
    // Who is later than that could be sent two at once.
    let due = late(&mut harness, Duration::from_millis(20));
    assert_eq!(late(&mut harness, Duration::ZERO), due + Duration::from_millis(20 + 33));
}

#[test]
fn while_edits_go_on_everyone_is_sent_patches_at_the_same_time() {
    let mut harness = Harness::new();
    let guests = [harness.join("Ana", &[]), harness.join("Ben", &[])];
    harness.session.claim(ClientId::HOST, &[BASS]);
    let mut due = [0, 1].map(|guest: usize| {
        // One of them was held up.
        harness.now = harness.now + Duration::from_millis(10);
        harness.session.pull(harness.now, guests[guest].connection).unwrap().next.at
    });
    assert_eq!(due[0], due[1]);
    harness.now = due[0];
    harness.session.claim(ClientId::HOST, &[LEAD]);
    for (guest, due) in guests.iter().zip(&mut due) {
        let out = harness.session.pull(harness.now, guest.connection).unwrap();
        assert!(out.update.is_some());
        *due = out.next.at;
    }
    assert_eq!(due, [harness.now + Duration::from_millis(33); 2]);
}

#[test]
fn everything_is_sent_every_30_seconds_and_on_request_but_not_as_often_as_one_asks() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    let mut fulls = Vec::new();
    for second in 1..=95 {
        harness.pass(SECOND);
        harness
            .session
            .handle(harness.now, ana.connection, ClientMessage::Pong { nonce: 0 })
            .unwrap();
        if updates(&mut harness, &ana).0 == ["full"] {
            fulls.push(second);
        }
    }
    assert_eq!(fulls, [30, 60, 90]);

    harness.pass(SECOND);
    let mut answered = 0;
    for _ in 0..100 {
        ana.mirror.enqueue(ClientMessage::RequestFullSync);
        ana.transmit();
        harness.receive(&mut ana).unwrap();
        answered += usize::from(updates(&mut harness, &ana).0 == ["full"]);
        harness.now = harness.now + Duration::from_millis(10);
    }
    assert_eq!(answered, 1);
}

#[test]
fn a_client_that_never_listens_is_not_listened_to() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[]);
    let mut asked = 0;
    while harness.session.has_room(ana.connection) {
        let ask = ClientMessage::RequestPrivilege;
        harness.session.handle(harness.now, ana.connection, ask).unwrap();
        asked += 1;
        assert!(asked < 10_000, "answers pile up without end");
    }
    assert_eq!(asked, 256);
    drop(harness.session.pull(harness.now, ana.connection).unwrap());
    assert!(harness.session.has_room(ana.connection));
}

#[test]
fn a_patch_that_is_missing_is_noticed_and_everything_asked_for_once() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    harness.session.claim(ClientId::HOST, &[BASS]);
    let mut patch = |hertz| {
        harness.now = harness.now + SECOND;
        harness.session.act(harness.now, &cutoff(BASS, hertz)).unwrap();
        harness.transmit(&mut ana).unwrap();
        ana.to_guest.pop_back().unwrap()
    };
    let (first, second, third) = (patch(100.0), patch(200.0), patch(300.0));
    ana.to_guest.clear();
    ana.to_guest.extend([first.clone(), third.clone(), second, third, first]);
    ana.receive();
    assert_eq!(ana.cutoff(BASS), 100.0, "what does not fit is not applied");
    ana.transmit();
    assert_eq!(ana.to_session, [ClientMessage::RequestFullSync]);
    harness.settle(&mut [&mut ana]);
    assert_eq!(ana.cutoff(BASS), 300.0);
    assert!(
        ana.take_events()
            .iter()
            .any(|event| matches!(event, SessionEvent::Resynchronised(Resync::Gap { .. })))
    );
}

#[test]
fn metering_is_sent_30_times_a_second_while_it_moves_and_not_at_all_while_it_does_not() {
    use imbolc_net::{model::Metering, util::quantity::Ticks};

    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[]);
    let mut sent = 0;
    for tick in 0..1000 {
        harness.session.meter(Metering { playhead: Ticks::of(tick), ..Metering::default() });
        sent += u32::from(
            harness.session.pull(harness.now, ana.connection).unwrap().metering.is_some(),
        );
        harness.now = harness.now + Duration::from_millis(1);
    }
    assert!((29..=31).contains(&sent), "{sent}");
    harness.now = harness.now + SECOND;
    assert!(harness.session.pull(harness.now, ana.connection).unwrap().metering.is_some());
    harness.now = harness.now + SECOND;
    assert!(harness.session.pull(harness.now, ana.connection).unwrap().metering.is_none());
}

// ---- prediction

#[test]
fn ones_own_edit_shows_at_once_and_a_sweep_never_jumps_back() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let mut shown = Vec::new();
    // A sweep of an edit each 5 ms over a line that takes 100 ms in each
    // direction.
    let mut wire_up = std::collections::VecDeque::new();
    let mut wire_down = std::collections::VecDeque::new();
    for step in 0..400_u16 {
        let arrival = harness.now + Duration::from_millis(100);
        if step < 300 {
            ana.dispatch(cutoff(BASS, 1000.0 + f32::from(step))).unwrap();
        }
        ana.transmit();
        wire_up.extend(ana.to_session.drain(..).map(|message| (arrival, message)));
        while wire_up.front().is_some_and(|(due, _)| *due <= harness.now) {
            let (_, message) = wire_up.pop_front().unwrap();
            harness.session.handle(harness.now, ana.connection, message).unwrap();
        }
        harness.transmit(&mut ana).unwrap();
        wire_down.extend(ana.to_guest.drain(..).map(|message| (arrival, message)));
        while wire_down.front().is_some_and(|(due, _)| *due <= harness.now) {
            let (_, message) = wire_down.pop_front().unwrap();
            ana.mirror.handle(message);
            shown.push(ana.cutoff(BASS));
        }
        shown.push(ana.cutoff(BASS));
        harness.now = harness.now + Duration::from_millis(5);
    }
    assert!(shown.windows(2).all(|pair| pair[0] <= pair[1]), "{shown:?}");
    assert_eq!(shown.last(), Some(&1299.0));
    assert_eq!(ana.mirror.predicted(), ana.mirror.confirmed());
}

#[test]
fn a_refusal_takes_back_what_was_refused_and_nothing_else() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS, LEAD]);
    harness.settle(&mut [&mut ana]);
    let before = ana.cutoff(BASS);
    // What Ana does not know yet.
    harness.session.release(ana.id(), &[BASS]);
    ana.dispatch(cutoff(BASS, 99.0)).unwrap();
    ana.dispatch(cutoff(LEAD, 88.0)).unwrap();
    assert_eq!((ana.cutoff(BASS), ana.cutoff(LEAD)), (99.0, 88.0));
    harness.settle(&mut [&mut ana]);
    assert_eq!((ana.cutoff(BASS), ana.cutoff(LEAD)), (before, 88.0));
    let refused: Vec<_> = ana
        .take_events()
        .into_iter()
        .filter_map(|event| match event {
            SessionEvent::Refused { action, reason } => Some((action, reason)),
            _ => None,
        })
        .collect();
    assert!(
        matches!(&refused[..], [(action, Refusal::NotOwner { .. })] if *action == cutoff(BASS, 99.0)),
        "{refused:?}"
    );
}

#[test]
fn a_wish_that_was_lost_with_the_connection_is_sent_again() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    harness.settle(&mut [&mut ana]);
    let give = ClientMessage::ReleaseOwnership { instruments: vec![BASS] };
    let ask = ClientMessage::RequestOwnership { instruments: vec![LEAD] };
    ana.mirror.request(give).unwrap();
    ana.mirror.request(ask).unwrap();
    ana.mirror.enqueue(ClientMessage::Ping { nonce: 1 });
    ana.transmit();
    harness.cut(&mut ana);
    harness.resume(&mut ana).ok().unwrap();
    ana.transmit();
    assert_eq!(ana.to_session.len(), 2, "but what was about the old connection is not");
    harness.settle(&mut [&mut ana]);
    assert!(harness.session.state().roster.owned_by(ana.id()).eq([LEAD]));

    // What was heard is not sent again.
    harness.session.claim(ClientId::HOST, &[BASS]);
    harness.cut(&mut ana);
    harness.resume(&mut ana).ok().unwrap();
    ana.transmit();
    assert!(ana.to_session.is_empty(), "{:?}", ana.to_session);
}

#[test]
fn the_backlog_is_bounded() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    for turn in 0..1024_u16 {
        ana.dispatch(cutoff(BASS, 100.0 + f32::from(turn))).unwrap();
    }
    assert_eq!(ana.dispatch(cutoff(BASS, 50.0)), Err(MirrorError::Backlog { limit: 1024 }));
    assert_eq!(ana.cutoff(BASS), 1123.0);
    harness.settle(&mut [&mut ana]);
    ana.dispatch(cutoff(BASS, 50.0)).unwrap();
}

#[test]
fn the_wishes_that_wait_are_bounded_too() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    let ask = || ClientMessage::RequestOwnership { instruments: vec![BASS] };
    for turn in 0..1024 {
        ana.mirror.request(ask()).unwrap();
        if turn == 500 {
            // What was sent and not answered waits as well.
            ana.transmit();
        }
    }
    assert_eq!(ana.mirror.request(ask()), Err(MirrorError::Backlog { limit: 1024 }));
    harness.settle(&mut [&mut ana]);
    ana.mirror.request(ask()).unwrap();
}

#[test]
fn everything_as_it_was_before_changes_nothing() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let old = (**harness.session.state()).clone();
    ana.dispatch(cutoff(BASS, 99.0)).unwrap();
    harness.settle(&mut [&mut ana]);
    ana.take_events();
    let before = ana.mirror.confirmed().clone();
    ana.mirror.handle(ServerMessage::FullStateSync { state: old });
    assert_eq!(*ana.mirror.confirmed(), before);
    assert_eq!(ana.cutoff(BASS), 99.0);
    assert_eq!(ana.take_events(), []);
}

#[test]
fn an_action_is_not_predicted_twice_if_the_moment_that_contains_it_is_here_already() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    ana.dispatch(cutoff(BASS, 500.0)).unwrap();
    ana.transmit();
    harness.receive(&mut ana).unwrap();
    // What the engine did after that.
    harness.session.act_for_engine(&cutoff(BASS, 900.0));
    harness.transmit(&mut ana).unwrap();
    ana.to_guest.make_contiguous().reverse();
    assert!(matches!(ana.to_guest[0], ServerMessage::StatePatchUpdate(_)));
    assert!(matches!(ana.to_guest[1], ServerMessage::ActionsApplied { .. }));
    ana.receive();
    assert_eq!(ana.cutoff(BASS), 900.0);
}

#[test]
fn what_was_not_answered_before_a_new_session_is_handed_back() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    ana.dispatch(cutoff(BASS, 99.0)).unwrap();
    let mut another = Harness::new();
    let (_, welcome) = another.welcome(&hello("Ana"));
    ana.mirror.start_anew(welcome);
    let unanswered = ana.take_events().into_iter().find_map(|event| match event {
        SessionEvent::NewSession { unanswered, .. } => Some(unanswered),
        _ => None,
    });
    assert_eq!(unanswered, Some(vec![cutoff(BASS, 99.0)]));
    assert_ne!(ana.cutoff(BASS), 99.0);
    let _ = harness.session.act(harness.now, &PLAY);
}

// ---- the engine

#[test]
fn what_only_the_engine_says_nobody_else_does_not_even_the_host() {
    use imbolc_net::studio::{ProjectAction, ProjectNotice, ProjectOutcome, ProjectReport, Shelf};

    let (task, outcome) = (ProjectAction::List, ProjectOutcome::Done(Shelf::default()));
    let report = NetworkAction::ProjectReport(ProjectReport { task, outcome });
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    let refused = ana.dispatch(report.clone());
    assert!(matches!(refused, Err(MirrorError::Refused(Refusal::EngineOnly))));
    assert_eq!(harness.session.act(harness.now, &report), Err(Refusal::EngineOnly));
    harness.session.act_for_engine(&report);
    let notice = &harness.session.state().model.projects.notice;
    assert_eq!(*notice, ProjectNotice::Done(ProjectAction::List));
}
