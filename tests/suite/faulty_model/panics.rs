//! Panics of the model: the action is refused, and everything else goes on.

use std::{collections::BTreeMap, time::Duration};

use imbolc_net::{
    Dispatcher, Event, SessionEvent,
    authority::{LocalDispatcher, inline},
    client::RemoteDispatcher,
    dispatcher::Status,
    model::{InstrumentId, Model as _, NoEngine},
    protocol::{
        ActionNumber, ClientId, ClientMessage, Refusal, ServerMessage, SessionId, SessionToken,
        framing::Codec,
    },
    server::HostDispatcher,
    sync::session::{Credentials, MessageOutcome, Session, SessionConfig},
    util::time::Timestamp,
};

use super::{
    board::{Board, Faulty, LOOKUPS, Move, Part},
    host, is_panic, join, options,
};
use crate::{cable::Cable, conformance::eventually, harness::hello};

async fn agree(host: &HostDispatcher<Faulty>, client: &RemoteDispatcher<Faulty>) {
    eventually("both agree", || client.unanswered() == 0 && client.state() == host.state()).await;
    assert!(matches!(client.status(), Status::Connected { .. }), "{:?}", client.status());
}

#[test]
fn local_session_refuses_an_action_that_panics() {
    super::silence_caught_panics();
    let local =
        LocalDispatcher::<Faulty>::open("Ana", Board::default(), inline(|| NoEngine)).unwrap();
    for part in [Part::Access, Part::Reduce] {
        local.dispatch(Move::Break(Some(part))).unwrap();
        let before = local.state();
        let refused = local.dispatch(Move::Count).unwrap_err();
        assert!(is_panic(&refused), "{part:?}: {refused}");
        assert!(refused.to_string().contains("broken"), "{refused}");
        let refused = local.dispatch_all(vec![Move::Pan(None), Move::Count]).unwrap_err();
        assert!(refused.to_string().contains("broken"), "{refused}");
        assert_eq!(local.state(), before);
        local.dispatch(Move::Break(None)).unwrap();
    }
    local.dispatch(Move::Count).unwrap();
    assert_eq!(local.state().model.count, 1);
}

#[tokio::test(start_paused = true)]
async fn action_that_panics_is_refused_where_it_is_dispatched() {
    let (host, connector) = host();
    let ana = join(&connector, "Ana", Codec::Postcard).await;
    host.dispatch(Move::Break(Some(Part::Reduce))).unwrap();
    agree(&host, &ana).await;
    assert!(is_panic(&host.dispatch(Move::Count).unwrap_err()));
    assert!(is_panic(&ana.dispatch(Move::Count).unwrap_err()));
    ana.commit(Move::Break(None)).await.unwrap();
    ana.commit(Move::Count).await.unwrap();
    agree(&host, &ana).await;
}

/// Clients whose connection is cut, so that their predictions differ from the host.
#[tokio::test(start_paused = true)]
async fn panic_at_the_host_alone_is_a_refusal() {
    let (host, connector) = host();
    for codec in Codec::ALL {
        let cable = Cable::new(connector.clone());
        let ana = RemoteDispatcher::join(cable.clone(), options("Ana", codec)).await.unwrap();
        // The host keeps the place of a client that it has heard.
        ana.commit(Move::Pan(None)).await.unwrap();
        cable.pull();
        host.dispatch(Move::Break(Some(Part::Reduce))).unwrap();
        let mut events = ana.events();
        ana.dispatch(Move::Pan(Some(0.5))).unwrap();
        ana.dispatch(Move::Count).unwrap();
        ana.dispatch(Move::Pan(Some(0.25))).unwrap();
        cable.plug();
        agree(&host, &ana).await;
        let model = &host.state().model;
        assert_eq!((model.pan, model.count), (Some(0.25), 0), "the others are done");
        let refused: Vec<_> = std::iter::from_fn(|| events.try_next())
            .filter_map(|event| match event {
                Event::Session(SessionEvent::Refused { action, reason }) => Some((action, reason)),
                _ => None,
            })
            .collect();
        assert!(matches!(&refused[..], [(Move::Count, Refusal::Panicked { .. })]), "{refused:?}");
        host.dispatch(Move::Break(None)).unwrap();
        ana.close().await.unwrap();
    }
}

/// The action is predicted, and panics in the state that is confirmed later.
#[tokio::test(start_paused = true)]
async fn panic_while_rebasing_keeps_the_client() {
    let (host, connector) = host();
    let cable = Cable::new(connector);
    let ana = RemoteDispatcher::join(cable.clone(), options("Ana", Codec::Json)).await.unwrap();
    // The host keeps the place of a client that it has heard.
    ana.commit(Move::Pan(None)).await.unwrap();
    cable.pull();
    host.dispatch(Move::Count).unwrap();
    host.dispatch(Move::Count).unwrap();
    ana.dispatch(Move::PanicAt(2)).unwrap();
    ana.dispatch(Move::Count).unwrap();
    let later = ana.commit(Move::Pan(Some(0.5)));
    cable.plug();
    later.await.unwrap();
    agree(&host, &ana).await;
    assert_eq!((host.state().model.count, host.state().model.pan), (3, Some(0.5)));
}

#[tokio::test(start_paused = true)]
async fn full_state_replaces_a_patch_that_panics() {
    let (host, connector) = host();
    let ana = join(&connector, "Ana", Codec::Postcard).await;
    let ben = join(&connector, "Ben", Codec::Json).await;
    for part in [Part::Diff, Part::Apply] {
        host.dispatch(Move::Break(Some(part))).unwrap();
        for client in [&ana, &ben] {
            client.commit(Move::Count).await.unwrap();
            agree(&host, client).await;
        }
        host.dispatch(Move::Break(None)).unwrap();
        agree(&host, &ana).await;
        agree(&host, &ben).await;
    }
    assert_eq!(host.state().model.count, 4);
}

#[tokio::test(start_paused = true)]
async fn panic_in_a_digest_or_in_dirty_flags_ends_nothing() {
    let (host, connector) = host();
    let ana = join(&connector, "Ana", Codec::Postcard).await;
    for part in [Part::Digest, Part::Dirty] {
        host.dispatch(Move::Break(Some(part))).unwrap();
        let mut events = (host.events(), ana.events());
        // More than a heartbeat.
        tokio::time::sleep(Duration::from_secs(12)).await;
        ana.commit(Move::Count).await.unwrap();
        agree(&host, &ana).await;
        for events in [&mut events.0, &mut events.1] {
            let told = std::iter::from_fn(|| events.try_next())
                .any(|event| matches!(event, Event::Changed(dirty) if !dirty.is_empty()));
            assert!(told, "{part:?}: a UI must draw");
        }
        host.dispatch(Move::Break(None)).unwrap();
        agree(&host, &ana).await;
    }
}

#[tokio::test(start_paused = true)]
async fn undo_that_panics_is_refused() {
    let (host, connector) = host();
    let ana = join(&connector, "Ana", Codec::Postcard).await;
    for part in [Part::Reversible, Part::Limits, Part::Effects] {
        ana.commit(Move::Break(Some(part))).await.unwrap();
        if part != Part::Reversible {
            // Its undo would break the function again.
            ana.commit(Move::Break(None)).await.unwrap();
        }
        let mut events = ana.events();
        ana.undo().unwrap();
        agree(&host, &ana).await;
        let refused = std::iter::from_fn(|| events.try_next()).any(|event| {
            matches!(
                event,
                Event::Session(SessionEvent::NothingUndone { reason: Refusal::Panicked { .. } })
            )
        });
        assert!(refused, "{part:?}");
        ana.commit(Move::Break(None)).await.unwrap();
        ana.commit(Move::Count).await.unwrap();
        agree(&host, &ana).await;
    }
}

#[tokio::test(start_paused = true)]
async fn panic_on_release_keeps_no_place() {
    let (host, connector) = host();
    let ana = join(&connector, "Ana", Codec::Postcard).await;
    ana.commit(Move::Break(Some(Part::Release))).await.unwrap();
    ana.release_ownership(&[InstrumentId(1)]).unwrap();
    eventually("it is free", || host.state().roster.owners.is_empty()).await;
    ana.request_ownership(&[InstrumentId(1)]).unwrap();
    eventually("it is hers", || host.state().roster.owners.len() == 1).await;
    ana.close().await.unwrap();
    eventually("she has left", || host.state().roster.participants.len() == 1).await;
}

#[tokio::test(start_paused = true)]
async fn panic_when_asked_what_exists_refuses_the_request() {
    let (host, connector) = host();
    let ana = join(&connector, "Ana", Codec::Postcard).await;
    ana.commit(Move::Break(Some(Part::Instruments))).await.unwrap();
    let mut events = ana.events();
    ana.request_ownership(&[InstrumentId(2)]).unwrap();
    eventually("she is told", || {
        std::iter::from_fn(|| events.try_next())
            .any(|event| matches!(event, Event::Session(SessionEvent::OwnershipRefused { .. })))
    })
    .await;
    let refused = ana.dispatch(Move::Break(None)).unwrap_err();
    assert!(is_panic(&refused), "it cannot be told what is removed: {refused}");
    ana.commit(Move::Fader(1, 0.25)).await.unwrap();
    agree(&host, &ana).await;
}

/// The model knows best what an action has removed.
#[test]
fn no_owner_is_looked_up_when_nothing_is_removed() {
    let id = SessionId::new([0; 16]);
    let faders: BTreeMap<_, _> = (1..=100).map(|id| (id, 0.5)).collect();
    let board = Board { faders: faders.clone(), ..Board::default() };
    let mut session = Session::<Faulty>::hosted(SessionConfig::default(), id, "host", board);
    let all: Vec<_> = faders.keys().copied().map(InstrumentId).collect();
    assert_eq!(session.claim(ClientId::HOST, &all).granted.len(), 100);
    let before = LOOKUPS.get();
    session.act(Timestamp::ZERO, &Move::Count).unwrap();
    session.act_for_engine(&Move::Count);
    assert_eq!(LOOKUPS.get() - before, 0);
    // What is removed has no owner, neither then nor when it is there again.
    let fewer = faders.iter().filter(|(id, _)| **id != 7).map(|(id, level)| (*id, *level));
    session.act(Timestamp::ZERO, &Move::Refit(fewer.collect())).unwrap();
    assert_eq!(session.state().roster.owners.len(), 99);
    session.act(Timestamp::ZERO, &Move::Refit(faders)).unwrap();
    assert_eq!(session.state().roster.owner(InstrumentId(7)), None);
}

#[test]
fn engine_action_is_ignored_if_is_stale_panics() {
    super::silence_caught_panics();
    let id = SessionId::new([0; 16]);
    let mut session =
        Session::<Faulty>::hosted(SessionConfig::default(), id, "host", Board::default());
    session.act(Timestamp::ZERO, &Move::Break(Some(Part::Stale))).unwrap();
    let before = session.state().clone();
    session.act_for_engine(&Move::Count);
    assert_eq!(*session.state(), before);
}

/// As a client sends it: each of its actions is answered, in order.
#[test]
fn panicking_action_is_answered_like_any_other() {
    super::silence_caught_panics();
    let id = SessionId::new([0; 16]);
    let mut session =
        Session::<Faulty>::hosted(SessionConfig::default(), id, "host", Board::default());
    let mut hello = hello("Ana");
    hello.model = Faulty::NAME.into();
    hello.model_version = Faulty::VERSION;
    let admission = session.handle_hello(
        Timestamp::ZERO,
        &hello,
        Credentials::plain(SessionToken::new([1; 16])),
    );
    let connection = admission.ok().unwrap().connection;
    let twice = || Move::Write("continues".into());
    let actions = [Move::Count, Move::PanicAt(1), twice(), twice(), Move::Count];
    let mut refused = vec![];
    for (number, action) in (1..).map(ActionNumber).zip(actions) {
        let message = ClientMessage::Action { number, continues: true, action };
        if session.handle(Timestamp::ZERO, connection, message) != Ok(MessageOutcome::Staying) {
            refused.push(number.0);
        }
    }
    // The model panics when it is asked whether one text continues the other.
    assert_eq!(refused, [2, 4]);
    assert_eq!(session.state().model.count, 2);
    assert_eq!(session.act(Timestamp::ZERO, &Move::Pan(None)), Ok(()));
    let outgoing = session.pull(Timestamp::ZERO, connection).unwrap();
    let rejected = |number| {
        outgoing.messages.iter().any(|message| {
            matches!(
                message,
                ServerMessage::ActionRejected { number: n, reason: Refusal::Panicked { .. } }
                    if n.0 == number
            )
        })
    };
    assert!(rejected(2) && rejected(4), "{outgoing:?}");
    let applied = outgoing.messages.iter().any(|message| {
        matches!(message, ServerMessage::ActionsApplied { through: ActionNumber(5), .. })
    });
    assert!(applied, "{outgoing:?}");
    assert_eq!(session.state().roster.participants.len(), 2);
    assert!(session.state().roster.participants.contains_key(&ClientId(1)));
}
