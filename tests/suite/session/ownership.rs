//! Ownership of instruments: granted, refused, released.

use imbolc_net::{
    SessionEvent,
    model::{InstrumentId, Invalid},
    protocol::{ActionNumber, ClientId, ClientMessage, Refusal, ServerMessage},
    studio::NetworkAction,
    sync::{mirror::MirrorError, session::SessionConfig},
    util::quantity::Pitch,
};

use super::{SECOND, add, updates};
use crate::harness::{BASS, Harness, LEAD, PAD, cutoff, play_key};

#[test]
fn only_the_owner_edits_an_instrument() {
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
    // Without the check of the mirror, the authority refuses the action.
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
fn sole_participant_edits_what_has_no_owner() {
    let mut harness = Harness::new();
    harness.session.act(harness.now, &cutoff(BASS, 500.0)).unwrap();
    harness.session.act(harness.now, &add(1001)).unwrap();
    harness.session.act(harness.now, &cutoff(InstrumentId(1001), 500.0)).unwrap();
    harness.session.act(harness.now, &NetworkAction::DeleteInstrument(PAD)).unwrap();
    harness.session.undo().unwrap();
    assert!(harness.session.state().model.instruments.contains(PAD), "it is restored");
    assert!(harness.session.state().roster.owners.is_empty(), "nothing is written");

    // So the first guest gets what it asks for, and the host asks like everybody.
    let mut ana = harness.join("Ana", &[BASS]);
    assert!(harness.session.state().roster.owns(ana.id(), BASS));
    for (id, owned) in [(BASS, true), (LEAD, false)] {
        let refused = harness.session.act(harness.now, &cutoff(id, 900.0));
        let Err(Refusal::NotOwner { owner, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(owner.is_some(), owned);
    }
    let undone = harness.session.undo();
    assert!(matches!(undone, Err(Refusal::NotOwner { owner: None, .. })), "{undone:?}");
    harness.session.claim(ClientId::HOST, &[InstrumentId(1001)]);
    harness.session.undo().unwrap();

    // A suspended guest counts as present, one that has left does not.
    harness.cut(&mut ana);
    harness.session.act(harness.now, &cutoff(LEAD, 900.0)).unwrap_err();
    harness.pass(61 * SECOND);
    harness.session.act(harness.now, &cutoff(BASS, 900.0)).unwrap();
}

#[test]
fn sole_guest_of_an_unattended_host_edits_everything() {
    let config = SessionConfig { attended: false, ..SessionConfig::default() };
    let mut harness = Harness::with(config);
    let mut ana = harness.join("Ana", &[]);
    ana.dispatch(cutoff(BASS, 500.0)).unwrap();
    ana.dispatch(play_key(BASS, 40)).unwrap();
    harness.settle(&mut [&mut ana]);
    assert_eq!(harness.cutoff(BASS), 500.0);
    assert!(harness.session.state().roster.owners.is_empty());
    harness.cut(&mut ana);
    let bass = harness.session.state().model.instruments.get(BASS).unwrap().clone();
    assert!(bass.sounding.is_empty(), "no key hangs");
}

#[test]
fn edits_made_alone_count_only_until_a_guest_joins() {
    let config = SessionConfig { attended: false, ..SessionConfig::default() };
    let mut harness = Harness::with(config);
    let mut ana = harness.join("Ana", &[]);
    ana.dispatch(play_key(BASS, 40)).unwrap();
    harness.settle(&mut [&mut ana]);
    ana.take_events();
    // She does not know of Ben yet.
    let mut ben = harness.join("Ben", &[]);
    for action in [cutoff(BASS, 500.0), play_key(LEAD, 40), add(1001)] {
        ana.dispatch(action).unwrap();
    }
    ana.dispatch(cutoff(InstrumentId(1001), 500.0)).unwrap();
    assert!(ana.mirror.predicted().roster.owners.is_empty());
    harness.settle(&mut [&mut ana, &mut ben]);
    let state = harness.session.state();
    assert_eq!(ana.mirror.predicted(), state);
    assert_eq!(ben.mirror.predicted(), state);
    let sounds = |id| !state.model.instruments.get(id).unwrap().sounding.is_empty();
    assert_eq!([BASS, LEAD].map(sounds), [false, false]);
    assert_ne!(harness.cutoff(BASS), 500.0);
    assert!(state.roster.owns(ana.id(), InstrumentId(1001)), "added in company, it is hers");
    assert_eq!(harness.cutoff(InstrumentId(1001)), 500.0);
    let events = ana.take_events();
    let refused = events.iter().filter(|event| matches!(event, SessionEvent::Refused { .. }));
    assert_eq!(refused.count(), 2, "{events:?}");

    // Nor does she know that he has left.
    harness.session.handle(harness.now, ben.connection, ClientMessage::Goodbye).unwrap();
    ana.dispatch(cutoff(BASS, 500.0)).unwrap_err();
    harness.settle(&mut [&mut ana]);
    ana.dispatch(cutoff(BASS, 500.0)).unwrap();
    harness.settle(&mut [&mut ana]);
    assert_eq!(harness.cutoff(BASS), 500.0);
}

#[test]
fn keys_held_alone_are_released_when_a_guest_joins() {
    let mut harness = Harness::new();
    harness.session.claim(ClientId::HOST, &[LEAD]);
    for id in [BASS, LEAD] {
        harness.session.act(harness.now, &play_key(id, 40)).unwrap();
    }
    harness.take_effects();
    harness.join("Ana", &[]);
    let state = harness.session.state();
    let held = |id| !state.model.instruments.get(id).unwrap().sounding.is_empty();
    assert_eq!([held(BASS), held(LEAD)], [false, true], "what the host owns sounds on");
    assert!(!harness.take_effects().is_empty(), "the engine gets the note-off");
}

#[test]
fn host_in_company_owns_only_what_it_claims() {
    let mut harness = Harness::new();
    let _ana = harness.join("Ana", &[]);
    assert!(matches!(
        harness.session.act(harness.now, &cutoff(PAD, 500.0)),
        Err(Refusal::NotOwner { .. })
    ));
    assert_eq!(harness.session.claim(ClientId::HOST, &[PAD]).granted, [PAD]);
    harness.session.act(harness.now, &cutoff(PAD, 500.0)).unwrap();
}

#[test]
fn claim_of_an_owned_instrument_names_its_owner() {
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
    assert!(roster.owns(ben.id(), LEAD), "Ana could not release it");
    assert_eq!(ben.mirror.confirmed().roster, *roster);
}

#[test]
fn adding_an_instrument_grants_ownership() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    ana.dispatch(add(1001)).unwrap();
    // Ana can edit it before the authority answers.
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
fn notes_end_when_their_player_is_gone() {
    let ways: [fn(&mut Harness, &mut crate::harness::Guest); 5] = [
        |harness, ana| harness.cut(ana),
        // The old connection is dead without having noticed.
        |harness, ana| harness.resume(ana).ok().unwrap(),
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
        assert!(!harness.take_effects().is_empty(), "the engine gets the note-off");
    }
}
