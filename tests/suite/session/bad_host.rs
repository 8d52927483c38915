//! What a client keeps because a host said so, and its bounds.

use std::sync::Arc;

use imbolc_net::{
    model::{Digest, EngineFault, InstrumentId, Invalid},
    protocol::{
        ActionNumber, ClientId, ClientMessage, HistoryChange, NetworkState, OwnerInfo, Participant,
        Refusal, RosterChange, Seq, ServerMessage, StateDigest, StatePatch,
        framing::{self, Codec},
        limits,
    },
    studio::{Studio, StudioNotice, StudioState},
    sync::mirror::MirrorError,
    util::time::Timestamp,
};
use serde_json::{Value, json};

use crate::harness::{BASS, Guest, Harness, cutoff};

fn ping(nonce: u64, digest: Option<StateDigest>) -> ServerMessage {
    ServerMessage::Ping { nonce, clock: Timestamp::ZERO, digest }
}

#[test]
fn host_that_does_not_read_may_not_ping_without_end() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    for nonce in 0..limits::PINGS as u64 {
        ana.mirror.handle(ping(nonce, None));
    }
    assert_eq!(ana.mirror.excess(), None);
    ana.mirror.handle(ping(0, None));
    let words = "more than 1024 pings whose answers it does not read";
    assert_eq!(ana.mirror.excess().as_deref(), Some(words));
    // It reads one.
    assert!(matches!(ana.mirror.pull(), Some(ClientMessage::Pong { .. })));
    assert_eq!(ana.mirror.excess(), None);
}

/// To predict the others again would take its time, each time that a host says so.
#[test]
fn acknowledged_action_cannot_be_rejected() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    ana.dispatch(cutoff(BASS, 500.0)).unwrap();
    let through = ActionNumber(1);
    let applied = || ServerMessage::ActionsApplied { through, seq: Seq(u64::MAX) };
    ana.mirror.handle(applied());
    let reason = Refusal::EngineOnly;
    ana.mirror.handle(ServerMessage::ActionRejected { number: through, reason });
    ana.mirror.handle(applied());
    assert!((ana.cutoff(BASS) - 500.0).abs() < f32::EPSILON);
    assert_eq!(ana.take_settled(), [(through, Ok(()))]);
}

#[test]
fn unanswered_pings_leave_room_for_requests() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    let ask = || ClientMessage::RequestOwnership { instruments: vec![BASS] };
    for nonce in 0..5000 {
        ana.mirror.enqueue(ClientMessage::Ping { nonce });
        let _ = ana.mirror.pull();
    }
    ana.mirror.request(ask()).unwrap();
    assert_eq!(ana.mirror.pull(), Some(ask()));
    // The newest one still acknowledges what was sent before it.
    ana.mirror.enqueue(ClientMessage::Ping { nonce: 5000 });
    let _ = ana.mirror.pull();
    ana.mirror.handle(ServerMessage::Pong { nonce: 5000 });
    for _ in 0..1024 {
        ana.mirror.request(ask()).unwrap();
    }
}

fn queued(ana: &mut Guest) -> usize {
    std::iter::from_fn(|| ana.mirror.pull()).count()
}

#[test]
fn full_state_is_asked_for_once_however_often_it_is_wrong() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    for seq in 1..2000 {
        let state = NetworkState { seq: Seq(seq), ..(**ana.mirror.confirmed()).clone() };
        ana.mirror.handle(ServerMessage::FullStateSync { state });
        let wrong = StateDigest { seq: Seq(seq), digest: Digest::default() };
        ana.mirror.handle(ping(1, Some(wrong)));
        let _ = ana.mirror.pull();
    }
    assert!(queued(&mut ana) <= 1);
    // What was sent and not acknowledged is bounded as well.
    harness.cut(&mut ana);
    harness.resume(&mut ana).ok().unwrap();
    assert!(queued(&mut ana) <= 2);
}

#[test]
fn acknowledged_actions_without_a_state_are_bounded() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let mut taken = 0;
    let refused = loop {
        let hertz = 100.0 + f32::from(u16::try_from(taken).unwrap());
        if let Err(refused) = ana.dispatch(cutoff(BASS, hertz)) {
            break refused;
        }
        taken += 1;
        assert!(taken < 10_000, "without end");
        if taken % 1000 == 0 {
            let (through, seq) = (ActionNumber(taken), Seq(u64::MAX));
            ana.mirror.handle(ServerMessage::ActionsApplied { through, seq });
        }
    };
    assert_eq!((taken, refused), (8 * 1024, MirrorError::Backlog { limit: 1024 }));
}

#[test]
fn undo_follows_more_changes_of_the_history_than_are_kept() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    ana.dispatch(cutoff(BASS, 500.0)).unwrap();
    for number in 1..=1000 {
        let change = HistoryChange { number, after: ActionNumber(1), cleared: number == 1 };
        ana.mirror.handle(ServerMessage::HistoryChanged(change));
    }
    assert_eq!(ana.cutoff(BASS), 500.0);
    ana.mirror.undo().unwrap();
    assert_eq!(ana.cutoff(BASS), 500.0, "only the host knows the last step");
}

fn participants(range: std::ops::Range<u32>) -> Vec<RosterChange> {
    let change = |n| RosterChange::Participant(ClientId(n), Participant::new("Eve"));
    range.map(change).collect()
}

fn owners(range: std::ops::Range<u32>) -> Vec<RosterChange> {
    let owner = OwnerInfo { client_id: ClientId(0), name: "Mia".into() };
    range.map(|n| RosterChange::Owned(InstrumentId(n), owner.clone())).collect()
}

#[test]
fn patches_keep_the_limits_of_the_roster() {
    let (most, owned) = (limits::PARTICIPANTS as u32, limits::OWNED_INSTRUMENTS as u32);
    let state = NetworkState::<Studio> {
        seq: Seq(0),
        model: StudioState::starter(),
        roster: Arc::default(),
    };
    let patched = |roster| {
        state.patched(&StatePatch { base: Seq(0), seq: Seq(1), roster, model: None }).is_ok()
    };
    assert!(patched(participants(0..most)) && patched(owners(0..owned)));
    assert!(!patched(participants(0..most + 1)) && !patched(owners(0..owned + 1)));
}

fn decoded(json: &Value) -> Result<ServerMessage, String> {
    let payload = json.to_string().into_bytes();
    framing::decode(Codec::Json, &payload).map_err(|error| error.detail())
}

#[test]
fn lists_in_messages_are_limited_before_they_are_kept() {
    let harness = Harness::new();
    let participant = json!({
        "name": "Eve", "presence": "Here", "role": "Player", "key": null, "round_trip": null,
    });
    let participants: serde_json::Map<_, _> =
        (0..=limits::PARTICIPANTS).map(|n| (n.to_string(), participant.clone())).collect();
    let mut state = serde_json::to_value(&**harness.session.state()).unwrap();
    state["roster"]["participants"] = participants.into();
    let changes = vec![json!({"Left": 1}); limits::ROSTER_CHANGES + 1];
    let many = vec![1; limits::REQUESTED_INSTRUMENTS as usize + 1];
    let codecs = vec!["json"; limits::CODECS + 1];
    for json in [
        json!({"FullStateSync": {"state": state}}),
        json!({"StatePatchUpdate": {"base": 0, "seq": 1, "roster": changes}}),
        json!({"OwnershipAnswer": {"granted": many, "refused": []}}),
        json!({"Error": {"NoCommonCodec": {"speaks": codecs}}}),
    ] {
        let error = decoded(&json).unwrap_err();
        assert!(error.contains("more than"), "{error}");
    }
}

#[test]
fn long_texts_of_the_host_are_shortened() {
    let long = "\u{1d11e}".repeat(100_000);
    let detail = json!({"Malformed": {"detail": long}});
    let rejected = json!({"ActionRejected": {"number": 1, "reason": detail}});
    let Ok(ServerMessage::ActionRejected { reason: Refusal::Malformed { detail }, .. }) =
        decoded(&rejected)
    else {
        panic!()
    };
    assert_eq!(detail.chars().count(), limits::DETAIL);
    assert!(detail.ends_with('…'), "it says that something is missing");
    let unfit = json!({"Invalid": {"Unfit": long}});
    let refused = json!({"NotRecorded": {"what": long, "reason": unfit}});
    let Ok(ServerMessage::NotRecorded { what, reason: Refusal::Invalid(Invalid::Unfit(why)) }) =
        decoded(&refused)
    else {
        panic!()
    };
    assert!(what.chars().count() <= limits::DETAIL && why.chars().count() <= limits::DETAIL);
    let failed = json!({"Notice": {"Engine": {"Failed": long}}});
    let Ok(ServerMessage::Notice(StudioNotice::Engine(EngineFault::Failed(why)))) =
        decoded(&failed)
    else {
        panic!()
    };
    assert_eq!(why.chars().count(), limits::DETAIL);
    let revoked = json!({"PrivilegeRevoked": {"by": {"client_id": 0, "name": long}}});
    let Ok(ServerMessage::PrivilegeRevoked { by }) = decoded(&revoked) else { panic!() };
    assert_eq!(by.name.chars().count(), limits::NAME as usize);
}
