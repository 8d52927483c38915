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

use crate::room::{BASS, LEAD, PAD, Room, cutoff, hello, play_key};

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

fn updates(room: &mut Room, guest: &crate::room::Guest) -> (Vec<&'static str>, Vec<ServerMessage>) {
    let out = room.session.pull(room.now, guest.ticket).unwrap();
    let update = out.update.map(|update| match update {
        Update::Patch { .. } => "patch",
        Update::Full(_) => "full",
    });
    (update.into_iter().collect(), out.messages)
}

// ---- joining

#[test]
fn who_joins_gets_a_number_a_name_what_it_asked_for_and_everything() {
    let mut room = Room::new();
    let hello = Hello { own: vec![BASS, InstrumentId(99)], privilege: true, ..hello("Ana") };
    let (_, welcome) = room.welcome(&hello);
    assert_eq!(welcome.client_id, ClientId(1));
    assert_eq!(welcome.name, "Ana");
    assert_eq!(welcome.granted, [BASS]);
    assert_eq!(welcome.refused.len(), 1);
    assert_eq!(welcome.refused[0].instrument, InstrumentId(99));
    assert_eq!(welcome.privilege, PrivilegeLevel::Normal, "the host has it");
    assert_eq!(welcome.state, **room.session.state());
    assert!(welcome.state.roster.owns(ClientId(1), BASS));
}

#[test]
fn two_of_the_same_name_are_told_apart() {
    let mut room = Room::new();
    let names = [(); 3].map(|()| room.welcome(&hello("Ana")).1.name);
    assert_eq!(names, ["Ana", "Ana 2", "Ana 3"]);
    let long = "x".repeat(64);
    room.welcome(&hello(&long));
    let (_, second) = room.welcome(&hello(&long));
    assert_ne!(second.name, long);
    assert!(second.name.chars().count() <= 64, "{}", second.name);
}

#[test]
fn who_does_not_fit_is_told_what_would() {
    let mut room = Room::new();
    let mut refusal = |hello: Hello| match room.knock(&hello) {
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
    assert_eq!(room.session.state().roster.participants.len(), 1);
    assert_eq!(room.session.state().seq, Seq(0));
}

#[test]
fn there_is_room_for_so_many_and_those_who_are_away_count() {
    let mut room = Room::with(SessionConfig { max_participants: 3, ..SessionConfig::default() });
    let mut ana = room.join("Ana", &[]);
    room.join("Ben", &[]);
    room.cut(&mut ana);
    let full = ProtocolError::SessionFull { limit: 3 };
    assert!(matches!(room.knock(&hello("Cho")), Err(Rejected::Unfit(error)) if error == full));
    room.resume(&mut ana).ok().expect("a kept place is not taken away");
}

#[test]
fn hello_may_be_said_once_only() {
    let mut room = Room::new();
    let ana = room.join("Ana", &[]);
    let again = ClientMessage::Hello(hello("Ana"));
    assert_eq!(room.session.handle(room.now, ana.ticket, again), Err(ProtocolError::HelloRepeated));
}

// ---- ownership

#[test]
fn what_is_owned_is_edited_by_its_owner_only() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[BASS]);
    let mut ben = room.join("Ben", &[LEAD]);
    room.settle(&mut [&mut ana, &mut ben]);
    ana.dispatch(cutoff(BASS, 500.0)).unwrap();
    room.settle(&mut [&mut ana, &mut ben]);
    assert_eq!((room.cutoff(BASS), ben.cutoff(BASS)), (500.0, 500.0));

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
    room.session.handle(room.now, ben.ticket, action).unwrap();
    let (_, messages) = updates(&mut room, &ben);
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
    assert_eq!(room.cutoff(BASS), 500.0);
}

#[test]
fn the_host_owns_nothing_that_it_did_not_ask_for() {
    let mut room = Room::new();
    assert!(matches!(
        room.session.act(room.now, &cutoff(PAD, 500.0)),
        Err(Refusal::NotOwner { .. })
    ));
    assert_eq!(room.session.claim(ClientId::HOST, &[PAD]).granted, [PAD]);
    room.session.act(room.now, &cutoff(PAD, 500.0)).unwrap();
}

#[test]
fn an_instrument_is_granted_when_free_and_refused_with_its_owner_named_when_not() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[BASS]);
    let mut ben = room.join("Ben", &[]);
    let missing = InstrumentId(77);
    let ask = ClientMessage::RequestOwnership { instruments: vec![BASS, LEAD, LEAD, missing] };
    room.session.handle(room.now, ben.ticket, ask).unwrap();
    room.say(&mut ben).unwrap();
    let Some(ServerMessage::OwnershipAnswer { granted, refused }) = ben.to_guest.front() else {
        panic!("{:?}", ben.to_guest);
    };
    assert_eq!(granted, &[LEAD]);
    assert_eq!(refused.len(), 2);
    assert!(matches!(&refused[0].reason, Refusal::NotOwner { owner: Some(owner), .. }
        if &*owner.name == "Ana"));
    assert!(matches!(refused[1].reason, Refusal::Invalid(Invalid::Missing { .. })));

    let give = ClientMessage::ReleaseOwnership { instruments: vec![BASS, LEAD] };
    room.session.handle(room.now, ana.ticket, give).unwrap();
    room.settle(&mut [&mut ana, &mut ben]);
    let roster = &ana.mirror.confirmed().roster;
    assert_eq!(roster.owner(BASS), None);
    assert!(roster.owns(ben.id(), LEAD), "it was not Ana's to give");
    assert_eq!(ben.mirror.confirmed().roster, *roster);
}

#[test]
fn who_adds_an_instrument_owns_it_and_who_deletes_it_does_not() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[]);
    ana.dispatch(add(1001)).unwrap();
    // Before anybody else has heard of it, one can go on.
    ana.dispatch(cutoff(InstrumentId(1001), 300.0)).unwrap();
    room.settle(&mut [&mut ana]);
    assert!(room.session.state().roster.owns(ana.id(), InstrumentId(1001)));
    assert_eq!(room.cutoff(InstrumentId(1001)), 300.0);
    ana.dispatch(NetworkAction::DeleteInstrument(InstrumentId(1001))).unwrap();
    room.settle(&mut [&mut ana]);
    assert_eq!(room.session.state().roster.owner(InstrumentId(1001)), None);
    assert!(ana.mirror.predicted().roster.owners.is_empty());
}

#[test]
fn a_note_does_not_hang_when_its_player_drops_out_gives_up_or_leaves() {
    let ways: [fn(&mut Room, &mut crate::room::Guest); 4] = [
        |room, ana| room.cut(ana),
        |room, _| {
            room.pass(16 * SECOND);
        },
        |room, ana| {
            let give = ClientMessage::ReleaseOwnership { instruments: vec![BASS] };
            room.session.handle(room.now, ana.ticket, give).unwrap();
        },
        |room, ana| {
            room.session.handle(room.now, ana.ticket, ClientMessage::Goodbye).unwrap();
        },
    ];
    for drop_out in ways {
        let mut room = Room::new();
        let mut ana = room.join("Ana", &[BASS]);
        ana.dispatch(play_key(BASS, 40)).unwrap();
        room.settle(&mut [&mut ana]);
        let held = |room: &Room| {
            room.session.state().model.instruments.get(BASS).unwrap().sounding.held(Pitch::of(40))
        };
        assert!(held(&room).is_some());
        drop_out(&mut room, &mut ana);
        assert_eq!(held(&room), None);
        assert!(!room.session.take_effects().is_empty(), "the engine is told");
    }
}

// ---- privilege

#[test]
fn one_at_most_has_the_privilege_and_who_is_denied_learns_who() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[]);
    let mut ben = room.join("Ben", &[]);
    assert!(matches!(
        ana.dispatch(PLAY),
        Err(MirrorError::Refused(Refusal::NotPrivileged { holder: Some(_) }))
    ));
    ana.mirror.say(ClientMessage::RequestPrivilege);
    room.settle(&mut [&mut ana, &mut ben]);
    assert!(ana.mirror.take_events().iter().any(|event| matches!(
        event,
        SessionEvent::PrivilegeDenied { holder } if &*holder.name == "host"
    )));

    room.session.release_privilege(ClientId::HOST);
    ana.mirror.say(ClientMessage::RequestPrivilege);
    room.settle(&mut [&mut ana, &mut ben]);
    ana.dispatch(PLAY).unwrap();
    room.settle(&mut [&mut ana, &mut ben]);
    assert!(ben.mirror.confirmed().model.transport.playing);
    assert!(room.session.act(room.now, &STOP).is_err(), "not even the host, while Ana has it");

    ben.mirror.say(ClientMessage::RequestPrivilege);
    room.settle(&mut [&mut ana, &mut ben]);
    assert!(room.session.state().roster.is_privileged(ana.id()));

    // But the host may take it back at any time.
    room.session.request_privilege(ClientId::HOST).unwrap();
    room.session.act(room.now, &STOP).unwrap();
    let (_, messages) = updates(&mut room, &ana);
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
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[]);
    let mut ben = room.join("Ben", &[]);
    room.session.release_privilege(ClientId::HOST);
    room.session.request_privilege(ana.id()).unwrap();
    assert!(room.session.request_privilege(ben.id()).is_err());
    room.cut(&mut ana);
    room.session.request_privilege(ben.id()).unwrap();
    room.resume(&mut ana).ok().unwrap();
    room.settle(&mut [&mut ana, &mut ben]);
    let roster = &ana.mirror.confirmed().roster;
    assert_eq!(roster.privilege(ana.id()), PrivilegeLevel::Normal);
    assert_eq!(roster.privilege(ben.id()), PrivilegeLevel::Privileged);
}

#[test]
fn who_comes_back_before_anybody_took_it_still_has_the_privilege() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[]);
    room.session.release_privilege(ClientId::HOST);
    room.session.request_privilege(ana.id()).unwrap();
    room.cut(&mut ana);
    room.resume(&mut ana).ok().unwrap();
    assert_eq!(room.session.state().roster.privilege(ana.id()), PrivilegeLevel::Privileged);
}

#[test]
fn the_privilege_of_somebody_who_is_gone_is_free() {
    let mut room = Room::new();
    let ana = room.join("Ana", &[]);
    room.session.release_privilege(ClientId::HOST);
    room.session.request_privilege(ana.id()).unwrap();
    let heard = room.session.handle(room.now, ana.ticket, ClientMessage::Goodbye);
    assert_eq!(heard, Ok(MessageOutcome::Leaving));
    assert_eq!(room.session.state().roster.privileged, None);
}

// ---- silence, suspension, resumption

#[test]
fn a_client_is_pinged_every_5_seconds_and_suspended_after_15_of_silence() {
    let mut room = Room::new();
    let ana = room.join("Ana", &[BASS]);
    let mut pings = 0;
    for tick in 1..=149 {
        room.pass(SECOND / 10);
        let (_, messages) = updates(&mut room, &ana);
        let pinged = messages.iter().any(|m| matches!(m, ServerMessage::Ping { .. }));
        assert_eq!(pinged, tick % 50 == 0, "after {} s", f64::from(tick) / 10.0);
        pings += u32::from(pinged);
    }
    assert_eq!(pings, 2);
    assert!(!room.session.state().roster.is_away(ana.id()));
    room.pass(SECOND / 10);
    assert!(room.session.state().roster.is_away(ana.id()));
    assert!(matches!(
        room.session.pull(room.now, ana.ticket),
        Err(ProtocolError::Silent { seconds: 15 })
    ));
}

#[test]
fn everyone_sees_about_how_long_everyones_line_is() {
    let mut room = Room::new();
    let (mut ana, mut ben) = (room.join("Ana", &[]), room.join("Ben", &[]));
    let seen = |guest: &crate::room::Guest, of: ClientId| {
        guest.mirror.confirmed().roster.participants[&of].round_trip
    };
    let mut ping = |room: &mut Room, ana: &mut crate::room::Guest, answer_after: u64| {
        room.pass(5 * SECOND);
        room.say(ana).unwrap();
        ana.listen();
        ana.speak();
        room.pass(Duration::from_millis(answer_after));
        room.listen(ana).unwrap();
        room.settle(&mut [ana, &mut ben]);
        seen(&ben, ana.id())
    };
    assert_eq!(ping(&mut room, &mut ana, 0), Some(Millis(1)));
    assert_eq!(ping(&mut room, &mut ana, 7), Some(Millis(10)));
    let moment = room.session.state().seq;
    assert_eq!(ping(&mut room, &mut ana, 9), Some(Millis(10)));
    assert_eq!(room.session.state().seq, moment, "about the same is nothing new");

    // What answers no ping says nothing about the line.
    let nonsense = ClientMessage::Pong { nonce: 1 };
    room.session.handle(room.now, ana.ticket, nonsense).unwrap();
    assert_eq!(room.session.state().seq, moment);

    room.cut(&mut ana);
    assert_eq!(room.session.state().roster.participants[&ana.id()].round_trip, None);
}

#[test]
fn any_sign_of_life_will_do() {
    let mut room = Room::new();
    let ana = room.join("Ana", &[]);
    for _ in 0..10 {
        room.pass(10 * SECOND);
        room.session.handle(room.now, ana.ticket, ClientMessage::Pong { nonce: 0 }).unwrap();
    }
    assert!(!room.session.state().roster.is_away(ana.id()));
}

#[test]
fn a_place_is_kept_for_60_seconds_and_free_after_that() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[BASS]);
    let ben = room.join("Ben", &[]);
    room.cut(&mut ana);
    room.pass(Duration::from_millis(59_900));
    assert!(room.session.claim(ClientId::HOST, &[BASS]).granted.is_empty());
    assert!(room.session.state().roster.participants.contains_key(&ana.id()));
    room.pass(SECOND / 10);
    assert!(!room.session.state().roster.participants.contains_key(&ana.id()));
    assert_eq!(room.session.claim(ClientId::HOST, &[BASS]).granted, [BASS]);
    assert!(matches!(room.resume(&mut ana), Err(Rejected::Unknown(_))));
    let _ = ben;
}

#[test]
fn the_timers_say_when_they_are_due() {
    let mut room = Room::new();
    assert_eq!(room.session.next_timeout(), None);
    let mut ana = room.join("Ana", &[]);
    assert_eq!(room.session.next_timeout(), Some(room.now + 15 * SECOND));
    room.cut(&mut ana);
    assert_eq!(room.session.next_timeout(), Some(room.now + 60 * SECOND));
}

#[test]
fn who_comes_back_has_its_number_its_name_and_its_instruments() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[BASS]);
    let before = ana.id();
    room.cut(&mut ana);
    room.pass(30 * SECOND);
    room.resume(&mut ana).ok().unwrap();
    assert_eq!(ana.id(), before);
    room.settle(&mut [&mut ana]);
    let roster = &ana.mirror.confirmed().roster;
    assert!(roster.owns(before, BASS));
    assert!(!roster.is_away(before));
    assert_eq!(ana.mirror.name(), "Ana");
}

#[test]
fn who_comes_back_gets_the_difference_and_who_has_nothing_gets_everything() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[BASS]);
    let mut ben = room.join("Ben", &[LEAD]);
    room.settle(&mut [&mut ana, &mut ben]);
    room.cut(&mut ana);
    ben.dispatch(cutoff(LEAD, 700.0)).unwrap();
    room.settle(&mut [&mut ben]);
    room.resume(&mut ana).ok().unwrap();
    assert_eq!(updates(&mut room, &ana).0, ["patch"]);

    room.cut(&mut ana);
    let resume = Resume { seq: None, ..ana.mirror.resume() };
    room.resume_with(&mut ana, resume).ok().unwrap();
    assert_eq!(updates(&mut room, &ana).0, ["full"]);

    room.cut(&mut ana);
    let resume = Resume { seq: Some(Seq(999_999)), ..ana.mirror.resume() };
    room.resume_with(&mut ana, resume).ok().unwrap();
    assert_eq!(updates(&mut room, &ana).0, ["full"], "a moment that never was");
}

#[test]
fn the_token_is_new_each_time_and_the_old_one_stops_working_once_the_new_one_is_used() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[]);
    let first = ana.mirror.resume();
    room.cut(&mut ana);
    room.resume(&mut ana).ok().unwrap();
    let second = ana.mirror.resume();
    assert_ne!(first.token, second.token);

    // The answer with the second token may have been lost: the first still does.
    room.cut(&mut ana);
    room.resume_with(&mut ana, first.clone()).ok().unwrap();
    let third = ana.mirror.resume();
    assert_ne!(third.token, first.token);

    room.cut(&mut ana);
    room.resume_with(&mut ana, third.clone()).ok().unwrap();
    room.cut(&mut ana);
    for used_up in [first, second] {
        assert!(matches!(room.resume_with(&mut ana, used_up), Err(Rejected::Unknown(_))));
    }
    room.resume_with(&mut ana, third).ok().unwrap();
}

#[test]
fn whoever_never_had_its_welcome_does_not_stand_in_its_own_way() {
    let mut room = Room::new();
    let (ticket, _) = room.welcome(&Hello { own: vec![BASS], ..hello("Ana") });
    room.session.disconnected(room.now, ticket);
    let (_, welcome) = room.welcome(&Hello { own: vec![BASS], ..hello("Ana") });
    assert_eq!((&*welcome.name, &welcome.granted[..]), ("Ana", &[BASS][..]));
}

#[test]
fn any_number_of_reconnections_works() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[BASS]);
    for turn in 0..100_u16 {
        ana.dispatch(cutoff(BASS, 100.0 + f32::from(turn))).unwrap();
        room.cut(&mut ana);
        room.pass(20 * SECOND);
        room.resume(&mut ana).ok().unwrap();
        room.settle(&mut [&mut ana]);
        assert_eq!(room.cutoff(BASS), 100.0 + f32::from(turn));
    }
}

#[test]
fn a_token_that_nobody_was_given_lets_nobody_in() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[]);
    let guess = Resume { token: SessionToken::new([0xee; 16]), ..ana.mirror.resume() };
    assert!(matches!(room.resume_with(&mut ana, guess), Err(Rejected::Unknown(_))));
    assert_eq!(room.session.state().roster.participants.len(), 2);
}

#[test]
fn who_has_the_token_takes_over_from_a_connection_that_still_looks_alive() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[BASS]);
    let old = ana.ticket;
    room.resume(&mut ana).ok().unwrap();
    assert!(matches!(room.session.pull(room.now, old), Err(ProtocolError::Superseded)));
    let edit = ClientMessage::Action {
        number: ActionNumber(1),
        continues: false,
        action: cutoff(BASS, 99.0),
    };
    assert_eq!(room.session.handle(room.now, old, edit.clone()), Err(ProtocolError::Superseded));
    // That the old one is noticed to be dead does not suspend the new one.
    room.session.disconnected(room.now, old);
    assert!(!room.session.state().roster.is_away(ana.id()));
    room.session.handle(room.now, ana.ticket, edit).unwrap();
    assert_eq!(room.cutoff(BASS), 99.0);
}

#[test]
fn goodbye_frees_everything_at_once() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[BASS, LEAD]);
    let mut ben = room.join("Ben", &[]);
    room.session.handle(room.now, ana.ticket, ClientMessage::Goodbye).unwrap();
    room.settle(&mut [&mut ben]);
    assert!(ben.mirror.confirmed().roster.owners.is_empty());
    assert!(matches!(room.resume(&mut ana), Err(Rejected::Unknown(_))));
}

#[test]
fn what_is_given_up_is_given_up_after_what_was_done_with_it() {
    let mut room = Room::new();
    room.session.release_privilege(ClientId::HOST);
    let mut ana = room.join("Ana", &[BASS]);
    room.session.request_privilege(ana.id()).unwrap();
    room.settle(&mut [&mut ana]);

    ana.dispatch(PLAY).unwrap();
    ana.mirror.say(ClientMessage::ReleasePrivilege);
    ana.dispatch(cutoff(BASS, 99.0)).unwrap();
    ana.mirror.say(ClientMessage::Goodbye);
    ana.speak();
    assert!(room.listen(&mut ana).is_ok());
    let studio = &room.session.state().model;
    assert!(studio.transport.playing, "she still had the privilege when she pressed play");
    assert_eq!(room.cutoff(BASS), 99.0, "she still had the bass when she turned the knob");
}

// ---- what counts once

#[test]
fn an_action_that_arrives_twice_counts_once() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[]);
    ana.dispatch(add(1001)).unwrap();
    ana.speak();
    room.listen(&mut ana).unwrap();
    // It has arrived, but its answer has not.
    room.cut(&mut ana);
    room.resume(&mut ana).ok().unwrap();
    assert_eq!(ana.mirror.unanswered(), 0);
    room.settle(&mut [&mut ana]);
    assert_eq!(room.session.state().model.instruments.len(), 4);

    let seq = room.session.state().seq;
    let again =
        ClientMessage::Action { number: ActionNumber(1), continues: false, action: add(1002) };
    room.session.handle(room.now, ana.ticket, again).unwrap();
    assert_eq!(room.session.state().seq, seq);
    let (_, messages) = updates(&mut room, &ana);
    let applied = ServerMessage::ActionsApplied { through: ActionNumber(1), seq };
    assert!(messages.contains(&applied), "it is acknowledged again: {messages:?}");
}

#[test]
fn an_action_that_was_lost_is_sent_again() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[]);
    ana.dispatch(add(1001)).unwrap();
    ana.speak();
    room.cut(&mut ana);
    assert_eq!(room.session.state().model.instruments.len(), 3);
    room.resume(&mut ana).ok().unwrap();
    room.settle(&mut [&mut ana]);
    assert_eq!(room.session.state().model.instruments.len(), 4);
}

#[test]
fn a_number_out_of_order_ends_the_connection() {
    let mut room = Room::new();
    let ana = room.join("Ana", &[BASS]);
    let skipped = ClientMessage::Action {
        number: ActionNumber(2),
        continues: false,
        action: cutoff(BASS, 99.0),
    };
    assert_eq!(
        room.session.handle(room.now, ana.ticket, skipped),
        Err(ProtocolError::ActionOutOfOrder { expected: ActionNumber(1) })
    );
    assert_ne!(room.cutoff(BASS), 99.0);
}

#[test]
fn why_an_action_was_refused_is_told_even_if_the_answer_was_lost() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[BASS]);
    room.settle(&mut [&mut ana]);
    // What Ana does not know yet.
    room.session.release(ana.id(), &[BASS]);
    ana.dispatch(cutoff(BASS, 99.0)).unwrap();
    ana.speak();
    room.listen(&mut ana).unwrap();
    room.cut(&mut ana);
    ana.mirror.take_settled();
    room.resume(&mut ana).ok().unwrap();
    let settled = ana.mirror.take_settled();
    assert!(
        matches!(&settled[..], [(ActionNumber(1), Err(Refusal::NotOwner { .. }))]),
        "{settled:?}"
    );
    assert!(
        ana.mirror.take_events().iter().any(|event| matches!(event, SessionEvent::Refused { .. }))
    );
}

// ---- what is sent, and when

#[test]
fn the_first_patch_leaves_at_once_and_the_next_ones_30_times_a_second() {
    let mut room = Room::new();
    let ana = room.join("Ana", &[]);
    room.session.claim(ClientId::HOST, &[BASS]);
    assert_eq!(updates(&mut room, &ana).0, ["patch"]);
    room.pass(SECOND);
    let mut sent = Vec::new();
    // Ten seconds of an edit each millisecond.
    for millisecond in 0..10_000_u16 {
        room.session.act(room.now, &cutoff(BASS, 100.0 + f32::from(millisecond))).unwrap();
        if updates(&mut room, &ana).0 == ["patch"] {
            sent.push(millisecond);
        }
        room.now = room.now + Duration::from_millis(1);
        if millisecond % 1000 == 0 {
            let pong = ClientMessage::Pong { nonce: 0 };
            room.session.handle(room.now, ana.ticket, pong).unwrap();
        }
    }
    assert_eq!(sent[0], 0, "the first edit after a quiet moment waits for nothing");
    assert!(sent.windows(2).all(|pair| pair[1] - pair[0] >= 33), "{sent:?}");
    assert!((290..=310).contains(&sent.len()), "{}", sent.len());
}

#[test]
fn while_a_change_waits_for_the_pace_a_further_one_wakes_nobody() {
    let mut room = Room::new();
    let ana = room.join("Ana", &[]);
    let quiet = room.session.pull(room.now, ana.ticket).unwrap().next;
    assert!(quiet.on_change);
    room.session.claim(ClientId::HOST, &[BASS]);
    let out = room.session.pull(room.now, ana.ticket).unwrap();
    assert!(out.update.is_some());
    assert!(!out.next.on_change, "a change would have to wait");
    assert_eq!(out.next.at, room.now + Duration::from_millis(33));
    room.session.claim(ClientId::HOST, &[LEAD]);
    let out = room.session.pull(room.now, ana.ticket).unwrap();
    assert!(out.is_empty());
    assert!(!out.next.on_change);
    assert_eq!(out.next.at, room.now + Duration::from_millis(33));
    room.now = out.next.at;
    assert!(room.session.pull(room.now, ana.ticket).unwrap().update.is_some());
    // Nothing has changed when the pace would allow it, so from then on it counts.
    room.now = room.now + Duration::from_millis(33);
    assert!(room.session.pull(room.now, ana.ticket).unwrap().next.on_change);
}

#[test]
fn who_comes_a_little_late_does_not_put_off_the_next_patch() {
    let mut room = Room::new();
    let ana = room.join("Ana", &[]);
    room.pass(SECOND);
    let begun = room.now;
    let mut edits = 0_u16;
    let mut late = |room: &mut Room, late| {
        edits += 1;
        room.session.act(room.now, &cutoff(BASS, 100.0 + f32::from(edits))).unwrap();
        let due = room.session.pull(room.now, ana.ticket).unwrap().next.at;
        room.now = due + late;
        assert_eq!(updates(room, &ana).0, ["patch"]);
        due
    };
    room.session.claim(ClientId::HOST, &[BASS]);
    assert_eq!(updates(&mut room, &ana).0, ["patch"]);
    for number in 1..=30 {
        let due = late(&mut room, Duration::from_millis(2));
        assert_eq!(due, begun + number * Duration::from_millis(33));
    }
    // Who is later than that could be sent two at once.
    let due = late(&mut room, Duration::from_millis(20));
    assert_eq!(late(&mut room, Duration::ZERO), due + Duration::from_millis(20 + 33));
}

#[test]
fn while_edits_go_on_everyone_is_sent_patches_at_the_same_time() {
    let mut room = Room::new();
    let guests = [room.join("Ana", &[]), room.join("Ben", &[])];
    room.session.claim(ClientId::HOST, &[BASS]);
    let mut due = [0, 1].map(|guest: usize| {
        // One of them was held up.
        room.now = room.now + Duration::from_millis(10);
        room.session.pull(room.now, guests[guest].ticket).unwrap().next.at
    });
    assert_eq!(due[0], due[1]);
    room.now = due[0];
    room.session.claim(ClientId::HOST, &[LEAD]);
    for (guest, due) in guests.iter().zip(&mut due) {
        let out = room.session.pull(room.now, guest.ticket).unwrap();
        assert!(out.update.is_some());
        *due = out.next.at;
    }
    assert_eq!(due, [room.now + Duration::from_millis(33); 2]);
}

#[test]
fn everything_is_sent_every_30_seconds_and_on_request_but_not_as_often_as_one_asks() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[]);
    let mut fulls = Vec::new();
    for second in 1..=95 {
        room.pass(SECOND);
        room.session.handle(room.now, ana.ticket, ClientMessage::Pong { nonce: 0 }).unwrap();
        if updates(&mut room, &ana).0 == ["full"] {
            fulls.push(second);
        }
    }
    assert_eq!(fulls, [30, 60, 90]);

    room.pass(SECOND);
    let mut answered = 0;
    for _ in 0..100 {
        ana.mirror.say(ClientMessage::RequestFullSync);
        ana.speak();
        room.listen(&mut ana).unwrap();
        answered += usize::from(updates(&mut room, &ana).0 == ["full"]);
        room.now = room.now + Duration::from_millis(10);
    }
    assert_eq!(answered, 1);
}

#[test]
fn a_client_that_never_listens_is_not_listened_to() {
    let mut room = Room::new();
    let ana = room.join("Ana", &[]);
    let mut asked = 0;
    while room.session.has_room(ana.ticket) {
        let ask = ClientMessage::RequestPrivilege;
        room.session.handle(room.now, ana.ticket, ask).unwrap();
        asked += 1;
        assert!(asked < 10_000, "answers pile up without end");
    }
    assert_eq!(asked, 256);
    room.session.pull(room.now, ana.ticket).unwrap();
    assert!(room.session.has_room(ana.ticket));
}

#[test]
fn a_patch_that_is_missing_is_noticed_and_everything_asked_for_once() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[]);
    room.session.claim(ClientId::HOST, &[BASS]);
    let mut patch = |hertz| {
        room.now = room.now + SECOND;
        room.session.act(room.now, &cutoff(BASS, hertz)).unwrap();
        room.say(&mut ana).unwrap();
        ana.to_guest.pop_back().unwrap()
    };
    let (first, second, third) = (patch(100.0), patch(200.0), patch(300.0));
    ana.to_guest.clear();
    ana.to_guest.extend([first.clone(), third.clone(), second, third, first]);
    ana.listen();
    assert_eq!(ana.cutoff(BASS), 100.0, "what does not fit is not applied");
    ana.speak();
    assert_eq!(ana.to_session, [ClientMessage::RequestFullSync]);
    room.settle(&mut [&mut ana]);
    assert_eq!(ana.cutoff(BASS), 300.0);
    assert!(
        ana.mirror
            .take_events()
            .iter()
            .any(|event| matches!(event, SessionEvent::Resynchronised(Resync::Gap { .. })))
    );
}

#[test]
fn metering_is_sent_30_times_a_second_while_it_moves_and_not_at_all_while_it_does_not() {
    use imbolc_net::{model::Metering, util::quantity::Ticks};

    let mut room = Room::new();
    let ana = room.join("Ana", &[]);
    let mut sent = 0;
    for tick in 0..1000 {
        room.session.meter(Metering { playhead: Ticks::of(tick), ..Metering::default() });
        sent += u32::from(room.session.pull(room.now, ana.ticket).unwrap().metering.is_some());
        room.now = room.now + Duration::from_millis(1);
    }
    assert!((29..=31).contains(&sent), "{sent}");
    room.now = room.now + SECOND;
    assert!(room.session.pull(room.now, ana.ticket).unwrap().metering.is_some());
    room.now = room.now + SECOND;
    assert!(room.session.pull(room.now, ana.ticket).unwrap().metering.is_none());
}

// ---- prediction

#[test]
fn ones_own_edit_shows_at_once_and_a_sweep_never_jumps_back() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[BASS]);
    let mut shown = Vec::new();
    // A sweep of an edit each 5 ms over a line that takes 100 ms in each
    // direction.
    let mut wire_up = std::collections::VecDeque::new();
    let mut wire_down = std::collections::VecDeque::new();
    for step in 0..400_u16 {
        let arrival = room.now + Duration::from_millis(100);
        if step < 300 {
            ana.dispatch(cutoff(BASS, 1000.0 + f32::from(step))).unwrap();
        }
        ana.speak();
        wire_up.extend(ana.to_session.drain(..).map(|message| (arrival, message)));
        while wire_up.front().is_some_and(|(due, _)| *due <= room.now) {
            let (_, message) = wire_up.pop_front().unwrap();
            room.session.handle(room.now, ana.ticket, message).unwrap();
        }
        room.say(&mut ana).unwrap();
        wire_down.extend(ana.to_guest.drain(..).map(|message| (arrival, message)));
        while wire_down.front().is_some_and(|(due, _)| *due <= room.now) {
            let (_, message) = wire_down.pop_front().unwrap();
            ana.mirror.handle(message);
            shown.push(ana.cutoff(BASS));
        }
        shown.push(ana.cutoff(BASS));
        room.now = room.now + Duration::from_millis(5);
    }
    assert!(shown.windows(2).all(|pair| pair[0] <= pair[1]), "{shown:?}");
    assert_eq!(shown.last(), Some(&1299.0));
    assert_eq!(ana.mirror.predicted(), ana.mirror.confirmed());
}

#[test]
fn a_refusal_takes_back_what_was_refused_and_nothing_else() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[BASS, LEAD]);
    room.settle(&mut [&mut ana]);
    let before = ana.cutoff(BASS);
    // What Ana does not know yet.
    room.session.release(ana.id(), &[BASS]);
    ana.dispatch(cutoff(BASS, 99.0)).unwrap();
    ana.dispatch(cutoff(LEAD, 88.0)).unwrap();
    assert_eq!((ana.cutoff(BASS), ana.cutoff(LEAD)), (99.0, 88.0));
    room.settle(&mut [&mut ana]);
    assert_eq!((ana.cutoff(BASS), ana.cutoff(LEAD)), (before, 88.0));
    let refused: Vec<_> = ana
        .mirror
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
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[BASS]);
    room.settle(&mut [&mut ana]);
    let give = ClientMessage::ReleaseOwnership { instruments: vec![BASS] };
    let ask = ClientMessage::RequestOwnership { instruments: vec![LEAD] };
    ana.mirror.wish(give).unwrap();
    ana.mirror.wish(ask).unwrap();
    ana.mirror.say(ClientMessage::Ping { nonce: 1 });
    ana.speak();
    room.cut(&mut ana);
    room.resume(&mut ana).ok().unwrap();
    ana.speak();
    assert_eq!(ana.to_session.len(), 2, "but what was about the old connection is not");
    room.settle(&mut [&mut ana]);
    assert!(room.session.state().roster.owned_by(ana.id()).eq([LEAD]));

    // What was heard is not sent again.
    room.session.claim(ClientId::HOST, &[BASS]);
    room.cut(&mut ana);
    room.resume(&mut ana).ok().unwrap();
    ana.speak();
    assert!(ana.to_session.is_empty(), "{:?}", ana.to_session);
}

#[test]
fn the_backlog_is_bounded() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[BASS]);
    for turn in 0..1024_u16 {
        ana.dispatch(cutoff(BASS, 100.0 + f32::from(turn))).unwrap();
    }
    assert_eq!(ana.dispatch(cutoff(BASS, 50.0)), Err(MirrorError::Backlog { limit: 1024 }));
    assert_eq!(ana.cutoff(BASS), 1123.0);
    room.settle(&mut [&mut ana]);
    ana.dispatch(cutoff(BASS, 50.0)).unwrap();
}

#[test]
fn the_wishes_that_wait_are_bounded_too() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[]);
    let ask = || ClientMessage::RequestOwnership { instruments: vec![BASS] };
    for turn in 0..1024 {
        ana.mirror.wish(ask()).unwrap();
        if turn == 500 {
            // What was sent and not answered waits as well.
            ana.speak();
        }
    }
    assert_eq!(ana.mirror.wish(ask()), Err(MirrorError::Backlog { limit: 1024 }));
    room.settle(&mut [&mut ana]);
    ana.mirror.wish(ask()).unwrap();
}

#[test]
fn everything_as_it_was_before_changes_nothing() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[BASS]);
    let old = (**room.session.state()).clone();
    ana.dispatch(cutoff(BASS, 99.0)).unwrap();
    room.settle(&mut [&mut ana]);
    ana.mirror.take_events();
    let before = ana.mirror.confirmed().clone();
    ana.mirror.handle(ServerMessage::FullStateSync { state: old });
    assert_eq!(*ana.mirror.confirmed(), before);
    assert_eq!(ana.cutoff(BASS), 99.0);
    assert_eq!(ana.mirror.take_events(), []);
}

#[test]
fn an_action_is_not_predicted_twice_if_the_moment_that_contains_it_is_here_already() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[BASS]);
    ana.dispatch(cutoff(BASS, 500.0)).unwrap();
    ana.speak();
    room.listen(&mut ana).unwrap();
    // What the engine did after that.
    room.session.act_for_engine(&cutoff(BASS, 900.0));
    room.say(&mut ana).unwrap();
    ana.to_guest.make_contiguous().reverse();
    assert!(matches!(ana.to_guest[0], ServerMessage::StatePatchUpdate(_)));
    assert!(matches!(ana.to_guest[1], ServerMessage::ActionsApplied { .. }));
    ana.listen();
    assert_eq!(ana.cutoff(BASS), 900.0);
}

#[test]
fn what_was_not_answered_before_a_new_session_is_handed_back() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[BASS]);
    ana.dispatch(cutoff(BASS, 99.0)).unwrap();
    let mut another = Room::new();
    let (_, welcome) = another.welcome(&hello("Ana"));
    ana.mirror.start_anew(welcome);
    let unanswered = ana.mirror.take_events().into_iter().find_map(|event| match event {
        SessionEvent::NewSession { unanswered, .. } => Some(unanswered),
        _ => None,
    });
    assert_eq!(unanswered, Some(vec![cutoff(BASS, 99.0)]));
    assert_ne!(ana.cutoff(BASS), 99.0);
    let _ = room.session.act(room.now, &PLAY);
}

// ---- the engine

#[test]
fn what_only_the_engine_says_nobody_else_does_not_even_the_host() {
    use imbolc_net::studio::{ProjectAction, ProjectNotice, ProjectOutcome, ProjectReport, Shelf};

    let (task, outcome) = (ProjectAction::List, ProjectOutcome::Done(Shelf::default()));
    let report = NetworkAction::ProjectReport(ProjectReport { task, outcome });
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[]);
    let refused = ana.dispatch(report.clone());
    assert!(matches!(refused, Err(MirrorError::Refused(Refusal::EngineOnly))));
    assert_eq!(room.session.act(room.now, &report), Err(Refusal::EngineOnly));
    room.session.act_for_engine(&report);
    let notice = &room.session.state().model.projects.notice;
    assert_eq!(*notice, ProjectNotice::Done(ProjectAction::List));
}
