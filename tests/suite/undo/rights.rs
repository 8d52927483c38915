//! A step whose right is missing stays, and says so; a step with nothing left to
//! change is reported.

use imbolc_net::{
    SessionEvent,
    model::InstrumentId,
    protocol::{ClientId, ClientMessage, Refusal},
    studio::{Name, NetworkAction, SourceKind},
    sync::UndoReport,
};

use super::{SECOND, answered, kept, later, redo, tempo, undo, undone};
use crate::harness::{BASS, Harness, LEAD, cutoff};

fn reasons(events: &[SessionEvent<imbolc_net::studio::Studio>]) -> Vec<Refusal> {
    let reason = |event: &SessionEvent<_>| match event {
        SessionEvent::NothingUndone { reason } => Some(reason.clone()),
        _ => None,
    };
    events.iter().filter_map(reason).collect()
}

#[test]
fn steps_survive_giving_up_an_instrument() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS, LEAD]);
    let start = ana.cutoff(BASS);
    later(&mut harness, &mut ana, cutoff(LEAD, 100.0));
    later(&mut harness, &mut ana, cutoff(BASS, 100.0));
    ana.mirror.enqueue(ClientMessage::ReleaseOwnership { instruments: vec![BASS] });
    harness.settle(&mut [&mut ana]);
    for _ in 0..2 {
        let refused = reasons(&undo(&mut harness, &mut ana));
        assert!(
            matches!(refused[..], [Refusal::NotOwner { instrument: BASS, .. }]),
            "the step waits for its right: {refused:?}"
        );
        assert_eq!((ana.cutoff(BASS), ana.cutoff(LEAD)), (100.0, 100.0), "the order is kept");
    }
    ana.mirror.enqueue(ClientMessage::RequestOwnership { instruments: vec![BASS] });
    harness.settle(&mut [&mut ana]);
    assert_eq!(undo(&mut harness, &mut ana), undone(0));
    assert_eq!(ana.cutoff(BASS), start);
    ana.mirror.enqueue(ClientMessage::ReleaseOwnership { instruments: vec![BASS] });
    harness.settle(&mut [&mut ana]);
    assert!(matches!(reasons(&redo(&mut harness, &mut ana))[..], [Refusal::NotOwner { .. }]));
    ana.mirror.enqueue(ClientMessage::RequestOwnership { instruments: vec![BASS] });
    harness.settle(&mut [&mut ana]);
    redo(&mut harness, &mut ana);
    assert_eq!(ana.cutoff(BASS), 100.0);
}

#[test]
fn steps_survive_giving_up_the_privilege() {
    let mut harness = Harness::new();
    let ben = harness.join("Ben", &[]);
    harness.session.act(harness.now, &tempo(99.0)).unwrap();
    harness.session.release_privilege(ClientId::HOST);
    harness.session.request_privilege(harness.now, ben.id()).unwrap();
    let refused = harness.session.undo();
    assert!(matches!(refused, Err(Refusal::NotPrivileged { holder: Some(_) })), "{refused:?}");
    assert_eq!(harness.session.state().model.session.tempo.get(), 99.0);
    harness.session.request_privilege(harness.now, ClientId::HOST).unwrap();
    assert_eq!(kept(harness.session.undo()), Ok(0));
    assert_eq!(harness.session.state().model.session.tempo.get(), 120.0);
}

#[test]
fn step_of_an_instrument_of_another_owner_waits() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS, LEAD]);
    let mut ben = harness.join("Ben", &[]);
    later(&mut harness, &mut ana, cutoff(LEAD, 100.0));
    later(&mut harness, &mut ana, cutoff(BASS, 100.0));
    ana.mirror.enqueue(ClientMessage::ReleaseOwnership { instruments: vec![BASS] });
    harness.settle(&mut [&mut ana, &mut ben]);
    ben.mirror.enqueue(ClientMessage::RequestOwnership { instruments: vec![BASS] });
    harness.settle(&mut [&mut ana, &mut ben]);
    let refused = reasons(&undo(&mut harness, &mut ana));
    let [Refusal::NotOwner { owner: Some(owner), .. }] = &refused[..] else {
        panic!("{refused:?}")
    };
    assert_eq!(owner.client_id, ben.id());
}

#[test]
fn undo_says_what_it_undid() {
    let mut harness = Harness::new();
    harness.session.claim(ClientId::HOST, &[BASS, LEAD]);
    let now = |harness: &mut Harness| {
        harness.now = harness.now + SECOND;
        harness.now
    };
    let at = now(&mut harness);
    harness.session.act(at, &cutoff(BASS, 100.0)).unwrap();
    let at = now(&mut harness);
    harness.session.act_all(at, &[cutoff(LEAD, 100.0), tempo(99.0), tempo(98.0)]).unwrap();
    let at = now(&mut harness);
    harness.session.act(at, &tempo(97.0)).unwrap();
    let report = |step: &str, changed, kept| UndoReport { step: step.into(), changed, kept };
    assert_eq!(harness.session.undo(), Ok(report("tempo of the session", 1, 0)));
    assert_eq!(harness.session.undo(), Ok(report("cutoff of 2 Lead and 2 more", 2, 0)));
    assert_eq!(harness.session.undo(), Ok(report("cutoff of 1 Bass", 1, 0)));
    assert_eq!(harness.session.redo(), Ok(report("cutoff of 1 Bass", 1, 0)));
}

#[test]
fn step_with_nothing_left_is_reported() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    let id = InstrumentId(77);
    let add = NetworkAction::AddInstrument { id, name: Name::default(), source: SourceKind::Kick };
    let start = ana.mirror.predicted().model.clone();
    later(&mut harness, &mut ana, add);
    later(&mut harness, &mut ana, cutoff(id, 500.0));
    // The same value again: a step that changes nothing.
    later(&mut harness, &mut ana, cutoff(id, 500.0));
    let seq = harness.session.state().seq;
    ana.mirror.undo().unwrap();
    harness.settle(&mut [&mut ana]);
    let events = ana.take_events();
    let report = UndoReport { step: "cutoff of 77 Untitled".into(), changed: 0, kept: 0 };
    assert!(events.contains(&SessionEvent::Undone(report)), "{events:?}");
    assert_eq!(harness.session.state().seq, seq, "nothing changes");
    assert_eq!(ana.cutoff(id), 500.0, "the step below waits for the next undo");
    undo(&mut harness, &mut ana);
    assert_eq!(ana.cutoff(id), 8000.0);
    undo(&mut harness, &mut ana);
    assert_eq!(ana.mirror.predicted().model, start);
    for expected in [8000.0, 500.0, 500.0] {
        redo(&mut harness, &mut ana);
        assert_eq!(ana.cutoff(id), expected);
    }
    ana.mirror.redo().unwrap();
    assert!(matches!(reasons(&answered(&mut harness, &mut ana))[..], [Refusal::Invalid(_)]));
}
