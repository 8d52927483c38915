//! Values that not every codec can hold.

use std::collections::BTreeMap;

use imbolc_net::{
    Dispatcher, NetworkState,
    authority::{LocalDispatcher, inline},
    model::{InstrumentId, Model as _, NoEngine},
    protocol::{
        ActionNumber, ClientMessage, Refusal, ServerMessage, SessionId, SessionToken,
        framing::{self, Codec, check_portable},
        limits,
    },
    sync::session::{Credentials, MessageOutcome, Session, SessionConfig},
    util::time::Timestamp,
};

use super::{
    board::{Board, Faulty, Move, Secret},
    host, is_malformed, join,
};
use crate::{conformance::eventually, harness::hello};

fn not_finite() -> Vec<Move> {
    let mut moves: Vec<_> =
        [f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(|level| Move::Fader(1, level)).into();
    moves.extend([f64::NAN, f64::INFINITY].map(|pan| Move::Pan(Some(pan))));
    moves
}

fn unencodable() -> Vec<Move> {
    let mut moves = not_finite();
    moves.push(Move::Pairs(BTreeMap::from([((1, 2), 3)])));
    moves.extend([false, true].map(|panics| Move::Secret(Secret { panics })));
    moves
}

#[test]
fn local_session_refuses_what_cannot_be_encoded() {
    super::silence_caught_panics();
    let local =
        LocalDispatcher::<Faulty>::open("Ana", Board::default(), inline(|| NoEngine)).unwrap();
    for action in unencodable() {
        let refused = local.dispatch(action.clone()).unwrap_err();
        assert!(is_malformed(&refused), "{action:?}: {refused}");
    }
    assert_eq!(local.state().model, Board::default());
}

#[tokio::test(start_paused = true)]
async fn host_and_clients_refuse_what_cannot_be_encoded() {
    let (host, connector) = host();
    let ana = join(&connector, "Ana", Codec::Postcard).await;
    let ben = join(&connector, "Ben", Codec::Json).await;
    host.request_ownership(&[InstrumentId(2)]).unwrap();
    let before = host.state().model.clone();
    for action in unencodable() {
        let action_2 = match &action {
            Move::Fader(_, level) => Move::Fader(2, *level),
            other => other.clone(),
        };
        for refused in [
            host.dispatch(action_2.clone()).unwrap_err(),
            host.dispatch_all(vec![Move::Count, action_2]).unwrap_err(),
            ana.dispatch(action.clone()).unwrap_err(),
            ana.dispatch_all(vec![Move::Count, action.clone()]).unwrap_err(),
        ] {
            let in_batch = matches!(
                &refused,
                imbolc_net::dispatcher::DispatchError::Refused(Refusal::InBatch { index: 1, reason, .. })
                    if matches!(**reason, Refusal::Malformed { .. })
            );
            assert!(is_malformed(&refused) || in_batch, "{action:?}: {refused}");
        }
        if !matches!(action, Move::Fader(..)) {
            let refused = ben.dispatch(action.clone()).unwrap_err();
            assert!(is_malformed(&refused), "{action:?}: {refused}");
        }
    }
    assert_eq!(host.state().model, before);
    ana.commit(Move::Fader(1, 0.7)).await.unwrap();
    eventually("all agree", || ana.state() == host.state() && ben.state() == host.state()).await;
}

/// A session with a client that owns instrument 1, and sends what it likes.
fn session() -> (Session<Faulty>, imbolc_net::sync::session::ConnectionId) {
    let id = SessionId::new([0; 16]);
    let mut session =
        Session::<Faulty>::hosted(SessionConfig::default(), id, "host", Board::default());
    let mut hello = hello("Ana");
    hello.model = Faulty::NAME.into();
    hello.model_version = Faulty::VERSION;
    hello.own = vec![InstrumentId(1)];
    let admission = session.handle_hello(
        Timestamp::ZERO,
        &hello,
        Credentials::plain(SessionToken::new([1; 16])),
    );
    (session, admission.ok().unwrap().connection)
}

#[test]
fn number_that_is_not_finite_is_refused_by_the_session() {
    let (mut session, connection) = session();
    let before = session.state().model.clone();
    let moves = not_finite();
    for (number, action) in (1..).map(ActionNumber).zip(moves) {
        // As it arrives from a binary client.
        let message = ClientMessage::<Faulty>::Action { number, continues: false, action };
        let mut frame = Vec::new();
        framing::encode(Codec::Postcard, &message, &mut frame).unwrap();
        let message = framing::decode(Codec::Postcard, &frame[4..]).unwrap();
        let outcome = session.handle(Timestamp::ZERO, connection, message).unwrap();
        let expected = matches!(outcome, MessageOutcome::Refused(Refusal::Malformed { .. }));
        assert!(expected, "{number}: {outcome:?}");
    }
    assert_eq!(session.state().model, before);
    // JSON has no infinity, and a number that would be one as an `f32` is no number.
    let text = br#"{"Action":{"number":6,"continues":false,"action":{"Fader":[1,1e39]}}}"#;
    assert!(framing::decode::<ClientMessage<Faulty>>(Codec::Json, text).is_err());
}

#[test]
fn batch_with_a_number_that_is_not_finite_is_refused() {
    let (mut session, connection) = session();
    let before = session.state().model.clone();
    let actions = vec![Move::Count, Move::Fader(1, f32::NAN)];
    let message = ClientMessage::Batch { number: ActionNumber(1), actions };
    let outcome = session.handle(Timestamp::ZERO, connection, message).unwrap();
    let MessageOutcome::Refused(Refusal::InBatch { index: 1, reason, .. }) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(matches!(*reason, Refusal::Malformed { .. }), "{reason:?}");
    assert_eq!(session.state().model, before);
}

#[test]
fn engine_brings_in_no_number_that_is_not_finite() {
    let (mut session, _) = session();
    let before = session.state().model.clone();
    session.act_for_engine(&Move::Fader(1, f32::NAN));
    assert_eq!(session.state().model, before);
}

#[test]
fn json_refuses_what_it_cannot_hold() {
    let mut model = Board { pan: Some(f64::NAN), ..Board::default() };
    let mut buffer = Vec::new();
    let encode = |model: &Board, buffer: &mut Vec<u8>| {
        let state = NetworkState {
            seq: Default::default(),
            model: model.clone(),
            roster: Default::default(),
        };
        framing::encode(Codec::Json, &ServerMessage::<Faulty>::FullStateSync { state }, buffer)
    };
    assert_eq!(encode(&model, &mut buffer).unwrap_err().to_string(), "a number is not finite");
    assert!(buffer.is_empty());
    model.pan = None;
    encode(&model, &mut buffer).unwrap();
}

/// What `check_portable` accepts comes back unchanged in every codec, and what it
/// does not accept fails in one of them.
#[test]
fn portable_is_what_every_codec_returns_unchanged() {
    fn comes_back<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq>(
        value: &T,
    ) -> bool {
        Codec::ALL.into_iter().all(|codec| {
            let mut frame = Vec::new();
            // As a codec would do it without the check.
            match codec {
                Codec::Json => match serde_json::to_vec(value) {
                    Ok(json) => frame.extend([0; 4].into_iter().chain(json)),
                    Err(_) => return false,
                },
                Codec::Postcard => {
                    if framing::encode(codec, value, &mut frame).is_err() {
                        return false;
                    }
                }
            }
            framing::decode::<T>(codec, &frame[4..]).is_ok_and(|back| back == *value)
        })
    }
    fn check<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(
        value: T,
        is_portable: bool,
    ) {
        assert_eq!(check_portable(&value).is_ok(), is_portable, "{value:?}");
        assert_eq!(comes_back(&value), is_portable, "{value:?}");
    }
    check(-0.0_f32, true);
    check(f32::MIN_POSITIVE / 2.0, true);
    check(f64::MAX, true);
    check(f64::INFINITY, false);
    check(Some(f32::NEG_INFINITY), false);
    check(u128::MAX, true);
    check(i64::MIN, true);
    check(BTreeMap::from([(1_u8, 2)]), true);
    check(BTreeMap::from([(true, 2)]), true);
    check(BTreeMap::from([('c', 2)]), true);
    check(BTreeMap::from([(InstrumentId(7), 2)]), true);
    check(BTreeMap::from([("text".to_owned(), 2)]), true);
    check(BTreeMap::from([((1, 2), 2)]), false);
    check(BTreeMap::from([(vec![1], 2)]), false);
    check(BTreeMap::from([((), 2)]), false);
    check(BTreeMap::from([(Some(1), 2)]), true);
    check(BTreeMap::from([(None::<u8>, 2)]), false);
    check(vec![BTreeMap::from([(1_u8, vec![Some(1.5_f32), None])])], true);
    check(vec![BTreeMap::from([(1_u8, vec![Some(f32::INFINITY), None])])], false);
}

#[tokio::test(start_paused = true)]
async fn action_that_is_too_long_is_refused() {
    let (host, connector) = host();
    for codec in Codec::ALL {
        let ana = join(&connector, "Ana", codec).await;
        let text = |length| Move::Write("x".repeat(length));
        let before = ana.commit(Move::Count);
        let long = ana.commit(text(limits::CLIENT_FRAME));
        let after = ana.commit(text(limits::CLIENT_FRAME / 2));
        let (before, long, after) = tokio::join!(before, long, after);
        before.unwrap();
        let refused = long.unwrap_err();
        assert!(is_malformed(&refused), "{refused}");
        after.unwrap();
        eventually("both agree", || ana.state() == host.state()).await;
        assert_eq!(host.state().model.text.len(), limits::CLIENT_FRAME / 2);
        ana.close().await.unwrap();
    }
}
