//! The digest of a studio: what is equal has the same one, what differs another
//! one, and it does not matter by which way one gets there.

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
use crate::room::{BASS, LEAD};

fn digest(state: &StudioState) -> Digest {
    Studio::digest(state, None)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_digest_is_the_same_whatever_it_is_worked_out_from(
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
    fn a_digest_that_follows_every_edit_is_that_of_where_it_ends(actions in actions()) {
        let mut state = at_work();
        let mut known = digest(&state);
        for action in &actions {
            let next = run(state.clone(), std::slice::from_ref(action));
            known = Studio::digest(&next, Some((&state, known)));
            state = next;
        }
        prop_assert_eq!(known, digest(&state));
        let arrived = through_wire(&state);
        prop_assert_eq!(known, digest(&arrived), "it shares nothing");
        prop_assert_eq!(Studio::digest(&arrived, Some((&state, known))), known);
    }

    #[test]
    fn whatever_changes_the_state_changes_its_digest(before in actions(), then in actions()) {
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
    fn a_burst_of_edits_of_one_instrument_changes_the_digest(burst in burst()) {
        let from = at_work();
        let to = run(from.clone(), &burst);
        prop_assert_eq!(digest(&from) == digest(&to), from == to);
        prop_assert_eq!(Studio::digest(&to, Some((&from, digest(&from)))), digest(&to));
    }
}

#[test]
fn what_changes_places_changes_the_digest() {
    let put = |state: &StudioState, id, tick, pitch| {
        let add = PianoRollAction::Add(note(tick, pitch));
        after(state, &NetworkAction::PianoRoll(id, add))
    };
    let starter = StudioState::starter();
    let ways = [
        put(&put(&starter, BASS, 0, 60), LEAD, 480, 62),
        put(&put(&starter, BASS, 0, 62), LEAD, 480, 60),
        put(&put(&starter, LEAD, 0, 60), BASS, 480, 62),
        put(&put(&starter, BASS, 0, 60), BASS, 480, 62),
        put(&put(&starter, BASS, 480, 60), BASS, 0, 62),
    ];
    for (n, one) in ways.iter().enumerate() {
        for other in &ways[..n] {
            assert_ne!(digest(one), digest(other));
        }
    }
}
