//! Steps of thousands of values: their undo gives what an undo value by value would
//! give, and takes about as long as the edit.

use std::time::{Duration, Instant};

use imbolc_net::{
    model::{
        Access, Digest, DirtyFlags, InstrumentId, Invalid, Model, PatchError, Reduction,
        ReversibleChange, UndoPolicy,
    },
    protocol::{ClientId, Refusal, SessionId},
    studio::{
        AutomationAction, ClipAction, ClipId, Curve, DrumAction, InstrumentParameter, LoopRegion,
        Name, NetworkAction, Note, Notes, PatternId, PianoRollAction, Point, SourceKind, Step,
        StepRegion, Studio, StudioEffect, StudioPatch, StudioState, Target,
    },
    sync::{
        UndoReport,
        session::{Session, SessionConfig},
    },
    util::{
        quantity::{
            Amount, NoteLength, PadNumber, Pitch, Probability, StepCount, StepNumber, Ticks,
            Velocity,
        },
        time::Timestamp,
    },
};
use proptest::{collection::vec, prelude::*};

use crate::harness::BASS;

const DRUMS: InstrumentId = InstrumentId(9);
const LEVEL: Target = Target::Instrument(BASS, InstrumentParameter::Level);
const CLIP: ClipId = ClipId(1);

/// The studio without `merge_collections`: its undo looks at one value at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
struct ValueByValue;

impl Model for ValueByValue {
    const NAME: &'static str = "value-by-value";
    const VERSION: u32 = 1;

    type State = StudioState;
    type Action = NetworkAction;
    type Patch = StudioPatch;
    type Effect = StudioEffect;
    type Outcome = <Studio as Model>::Outcome;
    type Metering = <Studio as Model>::Metering;
    type Notice = <Studio as Model>::Notice;

    fn access(state: &StudioState, action: &NetworkAction) -> Access {
        Studio::access(state, action)
    }

    fn reduce(
        state: &mut StudioState,
        action: &NetworkAction,
    ) -> Result<Reduction<StudioEffect, Self::Outcome>, Invalid> {
        Studio::reduce(state, action)
    }

    fn diff(from: &StudioState, to: &StudioState) -> Option<StudioPatch> {
        Studio::diff(from, to)
    }

    fn apply(state: &mut StudioState, patch: &StudioPatch) -> Result<(), PatchError> {
        Studio::apply(state, patch)
    }

    fn instruments(state: &StudioState) -> Vec<InstrumentId> {
        Studio::instruments(state)
    }

    fn undo_policy(action: &NetworkAction) -> UndoPolicy {
        Studio::undo_policy(action)
    }

    fn continues(previous: &NetworkAction, next: &NetworkAction) -> bool {
        Studio::continues(previous, next)
    }

    fn diff_reversible(from: &StudioState, to: &StudioState) -> Vec<ReversibleChange<StudioPatch>> {
        Studio::diff_reversible(from, to)
    }

    fn check_limits(state: &StudioState) -> Result<(), Invalid> {
        Studio::check_limits(state)
    }

    fn dirty(from: &StudioState, to: &StudioState) -> DirtyFlags {
        Studio::dirty(from, to)
    }

    fn digest(state: &StudioState, known: Option<(&StudioState, Digest)>) -> Digest {
        Studio::digest(state, known)
    }
}

fn note(tick: u32, velocity: u8) -> Note {
    Note {
        tick: Ticks::of(tick),
        pitch: Pitch::of(60),
        length: NoteLength::of(120),
        velocity: Velocity::of(velocity),
        probability: Probability::MAX,
    }
}

fn notes(first: u32, count: u32, velocity: u8) -> Notes {
    (first..first + count).map(|tick| note(tick, velocity)).collect()
}

fn point(tick: u32, value: u8) -> Point {
    let value = Amount::of(f32::from(value) / 128.0);
    Point { tick: Ticks::of(tick), value, curve: Curve::Linear }
}

fn region(first: u32, count: u32) -> LoopRegion {
    LoopRegion::new(Ticks::of(first), Ticks::of(first + count.max(1))).unwrap()
}

fn track(action: PianoRollAction) -> NetworkAction {
    NetworkAction::PianoRoll(BASS, action)
}

/// A studio with so many values in each collection that a patch never replaces it
/// as a whole.
fn full() -> StudioState {
    let mut state = StudioState::starter();
    let steps = |pads: std::ops::Range<u8>| {
        let step = |pad, step| Step::new(PadNumber::of(pad), StepNumber::of(step));
        pads.flat_map(|pad| (0..64).map(move |n| step(pad, n))).collect()
    };
    let create = ClipAction::Create {
        clip: CLIP,
        name: Name::new("Clip").unwrap(),
        length: NoteLength::of(1920),
    };
    let mut actions = vec![
        NetworkAction::AddInstrument {
            id: DRUMS,
            name: Name::new("Drums").unwrap(),
            source: SourceKind::DrumKit,
        },
        NetworkAction::Drums(DRUMS, DrumAction::Paste(PatternId(1), steps(4..16))),
        track(PianoRollAction::Paste(notes(1_000, 300, 100))),
        NetworkAction::Automation(LEVEL, AutomationAction::Add),
        NetworkAction::Automation(
            LEVEL,
            AutomationAction::Paste((1_000..1_300).map(|tick| point(tick, 9)).collect()),
        ),
        NetworkAction::Clip(BASS, create),
    ];
    actions.extend(
        (1_000..1_300)
            .map(|tick| NetworkAction::Clip(BASS, ClipAction::Put(CLIP, note(tick, 100)))),
    );
    for action in &actions {
        Studio::reduce(&mut state, action).unwrap();
    }
    state
}

#[derive(Clone, Debug)]
enum Move {
    Act(NetworkAction),
    /// By another participant, so that it is no step of the participant.
    Interfere(NetworkAction),
    Undo,
    Redo,
}

fn edits() -> impl Strategy<Value = NetworkAction> {
    let place = (0..60_u32, 1..40_u32, 1..4_u8);
    (0..9, place).prop_map(|(kind, (first, count, value))| match kind {
        0 | 1 => track(PianoRollAction::Paste(notes(first, count, value))),
        2 => track(PianoRollAction::DeleteRegion(region(first, count))),
        3 => track(PianoRollAction::Remove(Ticks::of(first), Pitch::of(60))),
        4 => {
            let points = (first..first + count).map(|tick| point(tick, value)).collect();
            NetworkAction::Automation(LEVEL, AutomationAction::Paste(points))
        }
        5 => NetworkAction::Automation(LEVEL, AutomationAction::DeleteRegion(region(first, count))),
        6 => NetworkAction::Clip(BASS, ClipAction::Put(CLIP, note(first % 8, value))),
        7 => NetworkAction::Drums(
            DRUMS,
            DrumAction::Euclid {
                pattern: PatternId(1),
                pad: PadNumber::of(value),
                hits: StepCount::of(u8::try_from(1 + count % 16).unwrap()),
                rotation: StepNumber::of(u8::try_from(first).unwrap()),
            },
        ),
        _ => {
            let to = (PadNumber::of(value), StepNumber::of(u8::try_from(first).unwrap()));
            let region = StepRegion::new((PadNumber::MIN, StepNumber::MIN), to).unwrap();
            NetworkAction::Drums(DRUMS, DrumAction::ClearRegion(PatternId(1), region))
        }
    })
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let step = prop_oneof![
        3 => edits().prop_map(Move::Act),
        2 => edits().prop_map(Move::Interfere),
        3 => Just(Move::Undo),
        2 => Just(Move::Redo),
    ];
    vec(step, 1..40)
}

fn session<M: Model<State = StudioState>>() -> Session<M> {
    let id = SessionId::new([7; 16]);
    let mut session = Session::hosted(SessionConfig::default(), id, "Ana", full());
    session.claim(ClientId::HOST, &[BASS, DRUMS]);
    session
}

/// Changes what has no owner at that time, so that it is no step of the host.
fn interfere<M>(session: &mut Session<M>, action: &NetworkAction)
where
    M: Model<State = StudioState, Action = NetworkAction>,
{
    session.release(ClientId::HOST, &[BASS, DRUMS]);
    session.act_for_engine(action);
    session.claim(ClientId::HOST, &[BASS, DRUMS]);
}

/// How many values an undo changed and kept.
fn counts(undone: Result<UndoReport, Refusal>) -> Result<(u32, u32), Refusal> {
    undone.map(|report| (report.changed, report.kept))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn merged_undo_equals_undo_value_by_value(moves in moves()) {
        let (mut merging, mut naive) = (session::<Studio>(), session::<ValueByValue>());
        for (at, step) in (1..).zip(moves) {
            // Each action is a step of its own.
            let now = Timestamp::from_micros(at * 1_000_000);
            match step {
                Move::Act(action) => {
                    prop_assert_eq!(merging.act(now, &action), naive.act(now, &action));
                }
                Move::Interfere(action) => {
                    interfere(&mut merging, &action);
                    interfere(&mut naive, &action);
                }
                Move::Undo => prop_assert_eq!(counts(merging.undo()), counts(naive.undo())),
                Move::Redo => prop_assert_eq!(counts(merging.redo()), counts(naive.redo())),
            }
            prop_assert_eq!(&merging.state().model, &naive.state().model);
            prop_assert_eq!(
                merging.state().model.piano_roll.notes(),
                merging.state().model.piano_roll.tracks().map(|(_, track)| track.len()).sum::<usize>()
            );
        }
    }
}

/// The shortest time of an undo or redo of 4,096 pasted notes.
fn undo_time<M: Model<State = StudioState, Action = NetworkAction>>() -> Duration {
    let mut session = session::<M>();
    let paste = track(PianoRollAction::Paste(notes(0, 4_096, 80)));
    session.act(Timestamp::ZERO, &paste).unwrap();
    let times = (0..4_u32).map(|n| {
        // The track is not as the step left it, so no two maps share their root.
        interfere(&mut session, &track(PianoRollAction::Add(note(60_000 + n, 1))));
        let begun = Instant::now();
        drop(if n % 2 == 0 { session.undo().unwrap() } else { session.redo().unwrap() });
        begun.elapsed()
    });
    // The shortest, so that other processes do not count.
    times.min().unwrap()
}

#[test]
fn undo_of_a_large_paste_is_one_merge() {
    let (merging, naive) = (undo_time::<Studio>(), undo_time::<ValueByValue>());
    println!("merged: {merging:?}, value by value: {naive:?}");
    assert!(merging * 4 < naive, "merged: {merging:?}, value by value: {naive:?}");
}
