//! Several actions as one: all or none, one number, one step, one patch.

use imbolc_net::{
    protocol::{ActionNumber, ClientId, Refusal, limits},
    studio::NetworkAction,
    sync::mirror::MirrorError,
};

use super::{add, updates};
use crate::harness::{BASS, Guest, Harness, LEAD, cutoff};

fn dispatch_all(guest: &mut Guest, actions: &[NetworkAction]) -> Result<ActionNumber, MirrorError> {
    guest.mirror.dispatch_all(guest.now, actions.to_vec()).map(|(number, _)| number)
}

#[test]
fn batch_is_one_number_one_patch_and_one_step() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS, LEAD]);
    let ben = harness.join("Ben", &[]);
    harness.settle(&mut [&mut ana]);
    updates(&mut harness, &ben);
    let before = (ana.cutoff(BASS), ana.cutoff(LEAD));
    let batch = [cutoff(BASS, 99.0), cutoff(LEAD, 88.0), cutoff(BASS, 77.0)];
    assert_eq!(dispatch_all(&mut ana, &batch), Ok(ActionNumber(1)));
    assert_eq!((ana.cutoff(BASS), ana.cutoff(LEAD)), (77.0, 88.0), "predicted at once");
    let seq = harness.session.state().seq;
    ana.transmit();
    harness.receive(&mut ana).unwrap();
    assert_eq!(harness.session.state().seq, seq.next(), "no snapshot has a part of it");
    assert_eq!(updates(&mut harness, &ben).0, ["patch"]);
    harness.settle(&mut [&mut ana]);
    assert_eq!(ana.take_settled(), [(ActionNumber(1), Ok(()))]);
    ana.mirror.undo().unwrap();
    assert_eq!((ana.cutoff(BASS), ana.cutoff(LEAD)), before, "undone as a whole");
    harness.settle(&mut [&mut ana]);
    assert_eq!((ana.cutoff(BASS), ana.cutoff(LEAD)), before);
    assert_eq!((harness.cutoff(BASS), harness.cutoff(LEAD)), before);
    ana.mirror.redo().unwrap();
    harness.settle(&mut [&mut ana]);
    assert_eq!((harness.cutoff(BASS), harness.cutoff(LEAD)), (77.0, 88.0));
}

#[test]
fn actions_of_a_batch_are_authorised_one_after_another() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    assert!(dispatch_all(&mut ana, &[cutoff(BASS, 90.0), add(50)]).is_err());
    // The second action needs what the first creates.
    let id = imbolc_net::model::InstrumentId(50);
    dispatch_all(&mut ana, &[add(50), cutoff(id, 440.0)]).unwrap();
    harness.settle(&mut [&mut ana]);
    assert_eq!(harness.cutoff(id), 440.0);
    assert!(harness.session.state().roster.owns(ana.id(), id));
    ana.mirror.undo().unwrap();
    harness.settle(&mut [&mut ana]);
    assert!(!harness.session.state().roster.owners.contains_key(&id));
    ana.mirror.redo().unwrap();
    harness.settle(&mut [&mut ana]);
    assert_eq!(harness.cutoff(id), 440.0);
    assert!(harness.session.state().roster.owns(ana.id(), id), "hers again");
}

#[test]
fn refused_batch_changes_nothing_and_says_which_action() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS, LEAD]);
    harness.settle(&mut [&mut ana]);
    let before = (ana.cutoff(BASS), ana.cutoff(LEAD));
    // Ana does not know this yet.
    harness.session.release(ana.id(), &[LEAD]);
    dispatch_all(&mut ana, &[cutoff(BASS, 99.0), cutoff(LEAD, 88.0)]).unwrap();
    harness.settle(&mut [&mut ana]);
    assert_eq!((ana.cutoff(BASS), ana.cutoff(LEAD)), before);
    let refused: Vec<_> = ana
        .take_events()
        .into_iter()
        .filter_map(|event| match event {
            imbolc_net::SessionEvent::Refused { action, reason } => Some((action, reason)),
            _ => None,
        })
        .collect();
    let [(action, Refusal::InBatch { index: 1, count: 2, reason })] = &refused[..] else {
        panic!("{refused:?}");
    };
    assert_eq!(*action, cutoff(LEAD, 88.0));
    assert!(matches!(**reason, Refusal::NotOwner { .. }));
    assert_eq!(ana.mirror.predicted(), ana.mirror.confirmed());
}

#[test]
fn host_dispatches_all_or_none() {
    let mut harness = Harness::new();
    let _ana = harness.join("Ana", &[]);
    harness.session.claim(ClientId::HOST, &[BASS]);
    let (now, before) = (harness.now, harness.session.state().clone());
    let batch = [cutoff(BASS, 99.0), cutoff(LEAD, 88.0)];
    assert!(matches!(harness.session.act_all(now, &batch), Err(Refusal::InBatch { index: 1, .. })));
    assert_eq!(*harness.session.state(), before);
    harness.session.act_all(now, &[cutoff(BASS, 99.0), cutoff(BASS, 88.0)]).unwrap();
    assert_eq!(harness.cutoff(BASS), 88.0);
    harness.session.undo().unwrap();
    assert_eq!(harness.session.state().model, before.model);
}

#[test]
fn batch_does_not_continue_a_sweep() {
    let mut harness = Harness::new();
    harness.session.claim(ClientId::HOST, &[BASS]);
    let now = harness.now;
    harness.session.act_all(now, &[cutoff(BASS, 1.0e3), cutoff(BASS, 2.0e3)]).unwrap();
    harness.session.act(now, &cutoff(BASS, 3.0e3)).unwrap();
    harness.session.undo().unwrap();
    assert_eq!(harness.cutoff(BASS), 2.0e3);
}

#[test]
fn empty_and_oversized_batches_are_refused() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    harness.session.claim(ClientId::HOST, &[LEAD]);
    let now = harness.now;
    for length in [0, limits::BATCH + 1] {
        let refused = dispatch_all(&mut ana, &vec![cutoff(BASS, 90.0); length]);
        assert!(matches!(refused, Err(MirrorError::Refused(Refusal::Invalid(_)))), "{length}");
        let refused = harness.session.act_all(now, &vec![cutoff(LEAD, 90.0); length]);
        assert!(matches!(refused, Err(Refusal::Invalid(_))), "{length}");
    }
    dispatch_all(&mut ana, &vec![cutoff(BASS, 90.0); limits::BATCH]).unwrap();
}
