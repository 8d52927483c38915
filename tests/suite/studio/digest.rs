//! Digests of the studio: equal states have equal digests, different states different ones, and an
//! incremental digest equals one from scratch.

use imbolc_net::{
    model::{Digest, Model},
    studio::{NetworkAction, PianoRollAction, Studio, StudioState},
};
use proptest::prelude::*;

use super::{
    after, note,
    properties::{actions, run, through_wire},
    vocabulary::{at_work, burst},
};
use crate::harness::{BASS, LEAD};

fn digest(state: &StudioState) -> Digest {
    Studio::digest(state, None)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn digest_does_not_depend_on_the_known_base(
        before in actions(), here in actions(), there in actions(),
    ) {
        let base = run(at_work(), &before);
        let (here, there) = (run(base.clone(), &here), run(base.clone(), &there));
        let digest_here = digest(&here);
        for other in [&base, &there, &StudioState::starter()] {
            let known = digest(other);
            prop_assert_eq!(Studio::digest(&here, Some((other, known))), digest_here);
            prop_assert_eq!(Studio::digest(other, Some((&here, digest_here))), known);
        }
    }

    #[test]
    fn incremental_digest_equals_full_digest(actions in actions()) {
        let mut state = at_work();
        let mut known = digest(&state);
        for action in &actions {
            let next = run(state.clone(), std::slice::from_ref(action));
            known = Studio::digest(&next, Some((&state, known)));
            state = next;
        }
        prop_assert_eq!(known, digest(&state));
        let arrived = through_wire(&state);
        prop_assert_eq!(known, digest(&arrived), "without shared memory");
        prop_assert_eq!(Studio::digest(&arrived, Some((&state, known))), known);
    }

    #[test]
    fn every_change_of_state_changes_the_digest(before in actions(), then in actions()) {
        let mut state = run(at_work(), &before);
        let mut known = digest(&state);
        for action in &then {
            let next = run(state.clone(), std::slice::from_ref(action));
            let digest_next = digest(&next);
            prop_assert_eq!(digest_next == known, next == state, "{:?}", action);
            (state, known) = (next, digest_next);
        }
    }

    #[test]
    fn burst_of_edits_changes_the_digest(burst in burst()) {
        let from = at_work();
        let to = run(from.clone(), &burst);
        prop_assert_eq!(digest(&from) == digest(&to), from == to);
        prop_assert_eq!(Studio::digest(&to, Some((&from, digest(&from)))), digest(&to));
    }
}

#[test]
fn digest_depends_on_where_values_are() {
    let put = |state: &StudioState, id, tick, pitch| {
        let add = PianoRollAction::Add(note(tick, pitch));
        after(state, &NetworkAction::PianoRoll(id, add))
    };
    let starter = StudioState::starter();
    let variants = [
        put(&put(&starter, BASS, 0, 60), LEAD, 480, 62),
        put(&put(&starter, BASS, 0, 62), LEAD, 480, 60),
        put(&put(&starter, LEAD, 0, 60), BASS, 480, 62),
        put(&put(&starter, BASS, 0, 60), BASS, 480, 62),
        put(&put(&starter, BASS, 480, 60), BASS, 0, 62),
    ];
    for (n, one) in variants.iter().enumerate() {
        for other in &variants[..n] {
            assert_ne!(digest(one), digest(other));
        }
    }
}
