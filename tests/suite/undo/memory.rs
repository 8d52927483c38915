//! A settled step keeps only what it changed. tests/allocations.rs measures what the
//! histories of a session keep alive.

use imbolc_net::{
    model::Model,
    studio::{NetworkAction, Note, Notes, PianoRollAction, Studio, StudioState},
    util::quantity::{NoteLength, Pitch, Probability, Ticks, Velocity},
};
use proptest::prelude::*;

use super::{
    continuation::{after, all_actions},
    kept, later,
};
use crate::{
    harness::{BASS, Harness, LEAD, cutoff},
    studio::vocabulary,
};

fn assert_narrowed(from: &StudioState, to: &StudioState) -> (StudioState, StudioState) {
    let (mut old, mut new) = (from.clone(), to.clone());
    let weight = Studio::narrow(&mut old, &mut new);
    assert_eq!(Studio::diff_reversible(&old, &new), Studio::diff_reversible(from, to));
    assert!(weight >= 1024, "{weight}");
    (old, new)
}

#[test]
fn narrowed_step_of_every_action_has_the_same_changes() {
    for (state, action) in all_actions() {
        let Some(next) = after(&state, &action) else { continue };
        assert_narrowed(&state, &next);
        assert_narrowed(&next, &state);
    }
}

fn paste(first: u32, count: u32, velocity: u8) -> PianoRollAction {
    let note = |tick| Note {
        tick: Ticks::of(tick),
        pitch: Pitch::of(60),
        length: NoteLength::of(1),
        velocity: Velocity::of(velocity),
        probability: Probability::MAX,
    };
    let notes: Notes = (first..first + count).map(note).collect();
    PianoRollAction::Paste(notes)
}

#[test]
fn narrowed_step_drops_what_it_did_not_change() {
    let mut state = StudioState::starter();
    let large = NetworkAction::PianoRoll(LEAD, paste(0, 4096, 100));
    Studio::reduce(&mut state, &large).unwrap();
    let next = after(&state, &cutoff(BASS, 100.0)).unwrap();
    let (old, new) = assert_narrowed(&state, &next);
    for narrowed in [old, new] {
        assert_eq!(narrowed.piano_roll.notes(), state.piano_roll.notes(), "a total is kept");
        assert!(narrowed.piano_roll.is_empty(), "but no track");
        assert_eq!(narrowed.instruments.len(), 1);
    }
    let (mut old, mut new) = (StudioState::starter(), state);
    let heavy = Studio::narrow(&mut old, &mut new);
    assert!(heavy > 4096 * 20, "{heavy}");
}

#[test]
fn settled_steps_are_undone_and_redone() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    harness.session.claim(imbolc_net::protocol::ClientId::HOST, &[LEAD]);
    let start = harness.session.state().model.clone();
    for velocity in [1, 2] {
        // A sweep, with changes of another participant in between, and a paste.
        for hertz in 0..10_u16 {
            ana.dispatch(cutoff(BASS, 100.0 * f32::from(velocity) + f32::from(hertz))).unwrap();
            let roll = paste(u32::from(hertz), 1, velocity);
            harness.settle(&mut [&mut ana]);
            harness.session.act(harness.now, &NetworkAction::PianoRoll(LEAD, roll)).unwrap();
        }
        let roll = NetworkAction::PianoRoll(BASS, paste(0, 100, velocity));
        later(&mut harness, &mut ana, roll);
        harness.settle(&mut [&mut ana]);
    }
    let end = harness.session.state().model.clone();
    for _ in 0..4 {
        ana.mirror.undo().unwrap();
        assert_eq!(kept(harness.session.undo()), Ok(0));
        harness.settle(&mut [&mut ana]);
        assert_eq!(ana.mirror.predicted(), harness.session.state());
    }
    for _ in 4..20 {
        assert_eq!(kept(harness.session.undo()), Ok(0));
    }
    assert_eq!(harness.session.state().model, start);
    for _ in 0..20 {
        assert_eq!(kept(harness.session.redo()), Ok(0));
    }
    harness.settle(&mut [&mut ana]);
    for _ in 0..4 {
        ana.mirror.redo().unwrap();
        harness.settle(&mut [&mut ana]);
    }
    assert_eq!(harness.session.state().model, end);
    assert_eq!(ana.mirror.predicted(), harness.session.state());
}

#[test]
fn histories_of_all_participants_share_one_budget() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    harness.session.claim(imbolc_net::protocol::ClientId::HOST, &[LEAD]);
    // Each replaces 4,096 notes, about 400 kB: neither exceeds 32 MiB alone.
    const STEPS: u8 = 60;
    for velocity in 1..=STEPS {
        let roll = paste(0, 4096, velocity);
        harness.session.act(harness.now, &NetworkAction::PianoRoll(LEAD, roll)).unwrap();
        let roll = paste(0, 4096, velocity);
        later(&mut harness, &mut ana, NetworkAction::PianoRoll(BASS, roll));
    }
    let left = (0..STEPS).take_while(|_| harness.session.undo().is_ok()).count();
    assert!((30..50).contains(&left), "the oldest steps are dropped: {left}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn narrowed_states_have_the_same_changes(
        before in prop::collection::vec(vocabulary::action(), 0..20),
        changes in prop::collection::vec(vocabulary::action(), 1..20),
    ) {
        let run = |state: StudioState, actions: &[NetworkAction]| {
            actions.iter().fold(state, |state, action| after(&state, action).unwrap_or(state))
        };
        let from = run(vocabulary::at_work(), &before);
        let to = run(from.clone(), &changes);
        assert_narrowed(&from, &to);
        assert_narrowed(&to, &from);
    }
}
