//! Tests `examples/patches.py`, the Python code that applies patches, with random
//! patches. Clients in other languages start from it, so it must support every change.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    thread,
};

use imbolc_net::{
    NetworkState,
    model::{InstrumentId, Model},
    protocol::{ClientId, OwnerInfo, Roster, Seq, StatePatch},
    studio::{AutomationAction, Curve, MasterParameter, NetworkAction, Point, Studio, Target},
    util::quantity::{Amount, Ticks},
};
use proptest::{
    collection::vec,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use serde::Serialize;

use crate::studio::vocabulary::{action, at_work};

/// Applies the patches of each case to its first state, and prints the resulting
/// states.
const RUN: &str = r#"
import json, sys
cases = json.load(sys.stdin)
for state, patches in cases:
    for patch in patches:
        assert patch["base"] == state["seq"]
        put_patch(state, patch)
json.dump([state for state, _ in cases], sys.stdout)
"#;

/// The number of cases, and the actions of each. Cases are short, so that a later patch
/// does not hide an error before the states are compared.
const CASES: u32 = 200;
const LENGTH: usize = 15;

type State = NetworkState<Studio>;

/// A state, and a sequence of patches from it.
#[derive(Serialize)]
struct Case(State, Vec<StatePatch<Studio>>);

fn patches_py() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/patches.py");
    fs::read_to_string(path).unwrap()
}

/// The snapshot after `action`, if it is possible. Now and then the owners change, too.
fn after(state: &State, action: &NetworkAction) -> Option<State> {
    let mut next = state.clone();
    Studio::reduce(&mut next.model, action).ok()?;
    next.seq = state.seq.next();
    let owner = OwnerInfo { client_id: ClientId(2), name: "Ana".into() };
    let (roster, bass) = (Arc::make_mut(&mut next.roster), InstrumentId(1));
    if next.seq.0.is_multiple_of(7) && roster.owners.remove(&bass).is_none() {
        roster.owners.insert(bass, owner.clone());
        roster.privileged = Some(owner);
    }
    Some(next)
}

/// A case that starts with `first`, and its last state.
fn case(first: State, actions: &[NetworkAction]) -> (Case, State) {
    let (mut state, mut patches) = (first.clone(), Vec::new());
    for action in actions {
        if let Some(next) = after(&state, action) {
            patches.push(state.patch_to(&next));
            state = next;
        }
    }
    (Case(first, patches), state)
}

/// Adds points and removes one, which random actions rarely do.
fn points() -> Vec<NetworkAction> {
    let point =
        |tick| Point { tick: Ticks::of(tick), value: Amount::of(0.5), curve: Curve::Linear };
    let mut actions = vec![AutomationAction::Add];
    actions.extend((0..8).map(|n| AutomationAction::Put(point(n * 480))));
    actions.push(AutomationAction::Remove(Ticks::of(480)));
    let lane = Target::Master(MasterParameter::Level);
    actions.into_iter().map(|action| NetworkAction::Automation(lane, action)).collect()
}

fn python(program: &str, input: Vec<u8>) -> Vec<u8> {
    let mut python = Command::new("python3")
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is installed");
    let mut stdin = python.stdin.take().unwrap();
    let writer = thread::spawn(move || stdin.write_all(&input));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{}", output.status);
    output.stdout
}

#[test]
fn python_example_applies_random_patches() {
    let mut runner = TestRunner::deterministic();
    let actions = vec(action(), LENGTH);
    let at_work = State { seq: Seq(1), model: at_work(), roster: Arc::new(Roster::default()) };
    let mut last = at_work.clone();
    let cases = (0..CASES).map(|n| {
        // Long enough for many kinds of parts to exist, but not too many.
        let first = if n % 10 == 0 { at_work.clone() } else { last.clone() };
        let mut actions = actions.new_tree(&mut runner).unwrap().current();
        actions.extend(points());
        let (case, end) = case(first, &actions);
        last = end.clone();
        (case, end)
    });
    let (cases, expected): (Vec<_>, Vec<_>) = cases.unzip();
    let patches: usize = cases.iter().map(|Case(_, patches)| patches.len()).sum();
    assert!(patches > 1000, "{patches}");
    let read = python(&(patches_py() + RUN), serde_json::to_vec(&cases).unwrap());
    let read: Vec<State> = serde_json::from_slice(&read).unwrap();
    assert_eq!(read, expected);
}
