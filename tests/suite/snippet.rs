//! Runs `examples/patches.py`, which applies patches in Python, on random ones.
//! Clients in other languages start from it, so it must perform every change.

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

/// Applies the patches of each show to its first state, and prints the states
/// that result.
const RUN: &str = r#"
import json, sys
shows = json.load(sys.stdin)
for state, patches in shows:
    for patch in patches:
        assert patch["base"] == state["seq"]
        put_patch(state, patch)
json.dump([state for state, _ in shows], sys.stdout)
"#;

/// How many sequences of actions are tried, and how long each is: short enough
/// that an error is not overwritten before the states are compared.
const SHOWS: u32 = 200;
const LENGTH: usize = 15;

type State = NetworkState<Studio>;

/// A state, and the patches that lead from it, one after the other.
#[derive(Serialize)]
struct Show(State, Vec<StatePatch<Studio>>);

fn patches_py() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/patches.py");
    fs::read_to_string(path).unwrap()
}

/// The snapshot after `state`, if the action makes sense. Owners come and go.
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

/// A show that begins with `first`, and its last state.
fn show(first: State, actions: &[NetworkAction]) -> (Show, State) {
    let (mut state, mut patches) = (first.clone(), Vec::new());
    for action in actions {
        if let Some(next) = after(&state, action) {
            patches.push(state.patch_to(&next));
            state = next;
        }
    }
    (Show(first, patches), state)
}

/// Adds points and removes one: random actions hardly ever do.
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
    let shows = (0..SHOWS).map(|n| {
        // Long enough for all kinds of things to exist, but not too many of them.
        let first = if n % 10 == 0 { at_work.clone() } else { last.clone() };
        let mut actions = actions.new_tree(&mut runner).unwrap().current();
        actions.extend(points());
        let (show, end) = show(first, &actions);
        last = end.clone();
        (show, end)
    });
    let (shows, expected): (Vec<_>, Vec<_>) = shows.unzip();
    let patches: usize = shows.iter().map(|Show(_, patches)| patches.len()).sum();
    assert!(patches > 1000, "{patches}");
    let read = python(&(patches_py() + RUN), serde_json::to_vec(&shows).unwrap());
    let read: Vec<State> = serde_json::from_slice(&read).unwrap();
    assert_eq!(read, expected);
}
