//! The Python in ARCHITECTURE.md that applies patches, run on real ones: whoever
//! writes a client in another language starts from it.

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

/// Applies the patches of each show to its first state, and prints what comes
/// of it.
const RUN: &str = r#"
import json, sys
shows = json.load(sys.stdin)
for state, patches in shows:
    for patch in patches:
        assert patch["base"] == state["seq"]
        put_patch(state, patch)
json.dump([state for state, _ in shows], sys.stdout)
"#;

/// How many sequences of actions are tried, and how long each is: what is wrong
/// must not be gone again before somebody looks.
const SHOWS: u32 = 200;
const LENGTH: usize = 15;

type State = NetworkState<Studio>;

/// A state, and the patches that lead from it, one after the other.
#[derive(Serialize)]
struct Show(State, Vec<StatePatch<Studio>>);

fn snippet() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once("```python\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// The moment after `state`, if the action makes sense. Owners come and go.
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

/// A show that begins with `first`, and where it leads.
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

/// Points that come, and one that goes: by chance that hardly happens.
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
fn the_python_of_the_document_follows_real_patches() {
    let mut runner = TestRunner::deterministic();
    let actions = vec(action(), LENGTH);
    let at_work = State { seq: Seq(1), model: at_work(), roster: Arc::new(Roster::default()) };
    let mut last = at_work.clone();
    let shows = (0..SHOWS).map(|n| {
        // Long enough for all kinds of things to be there, and not for too many.
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
    let read = python(&(snippet() + RUN), serde_json::to_vec(&shows).unwrap());
    let read: Vec<State> = serde_json::from_slice(&read).unwrap();
    assert_eq!(read, expected);
}
