//! The model: a board whose state says which of its functions is broken.

use std::{cell::Cell, collections::BTreeMap};

use imbolc_net::model::{
    Access, Digest, DirtyFlags, InstrumentId, Invalid, Model, PatchError, Reduction,
    ReversibleChange,
};
use serde::{Deserialize, Serialize, Serializer};

thread_local! {
    /// How often it was asked in this thread whether an instrument exists.
    pub static LOOKUPS: Cell<u32> = const { Cell::new(0) };
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Faulty;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Board {
    /// The function that panics.
    pub broken: Option<Part>,
    pub faders: BTreeMap<u32, f32>,
    pub pan: Option<f64>,
    pub text: String,
    pub count: u32,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            broken: None,
            faders: BTreeMap::from([(1, 0.5), (2, 0.5)]),
            pan: None,
            text: String::new(),
            count: 0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Part {
    Access,
    Reduce,
    Instruments,
    Release,
    Continues,
    Diff,
    Apply,
    Reversible,
    Limits,
    Effects,
    Stale,
    Dirty,
    Digest,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Move {
    /// Breaks a function, or mends it.
    Break(Option<Part>),
    /// Needs the ownership of the instrument.
    Fader(u32, f32),
    Pan(Option<f64>),
    Write(String),
    Count,
    /// Panics if the count is this.
    PanicAt(u32),
    /// Has keys that JSON does not allow.
    Pairs(BTreeMap<(u8, u8), u8>),
    Secret(Secret),
    /// Replaces all instruments.
    Refit(BTreeMap<u32, f32>),
}

/// Cannot be encoded.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Secret {
    /// Whether it panics instead of failing.
    pub panics: bool,
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        assert!(!self.panics, "a secret is never told");
        Err(serde::ser::Error::custom("a secret is not told"))
    }
}

impl Board {
    #[track_caller]
    fn check(&self, part: Part) {
        assert_ne!(self.broken, Some(part), "broken");
    }
}

impl Model for Faulty {
    const NAME: &'static str = "faulty";
    const VERSION: u32 = 1;

    type State = Board;
    type Action = Move;
    type Patch = Board;
    type Effect = ();
    type Outcome = ();
    type Metering = ();
    type Notice = ();

    fn access(board: &Board, action: &Move) -> Access {
        match action {
            Move::Break(_) => Access::Anyone,
            Move::Fader(id, _) => {
                board.check(Part::Access);
                Access::Own(InstrumentId(*id))
            }
            _ => {
                board.check(Part::Access);
                Access::Anyone
            }
        }
    }

    fn reduce(board: &mut Board, action: &Move) -> Result<Reduction<()>, Invalid> {
        match action {
            Move::Break(part) => board.broken = *part,
            Move::Fader(id, level) => drop(board.faders.insert(*id, *level)),
            Move::Pan(pan) => board.pan = *pan,
            Move::Write(text) => board.text.clone_from(text),
            Move::Count => {
                // Half done when it panics.
                board.count += 1;
                board.check(Part::Reduce);
            }
            Move::PanicAt(count) => assert_ne!(board.count, *count, "the count is {count}"),
            Move::Refit(faders) => board.faders.clone_from(faders),
            Move::Pairs(_) | Move::Secret(_) => board.count += 1,
        }
        Ok(Reduction::default())
    }

    fn diff(from: &Board, to: &Board) -> Option<Board> {
        to.check(Part::Diff);
        (from != to).then(|| to.clone())
    }

    fn apply(board: &mut Board, patch: &Board) -> Result<(), PatchError> {
        patch.check(Part::Apply);
        *board = patch.clone();
        Ok(())
    }

    fn instruments(board: &Board) -> Vec<InstrumentId> {
        board.check(Part::Instruments);
        board.faders.keys().copied().map(InstrumentId).collect()
    }

    fn exists(board: &Board, instrument: InstrumentId) -> bool {
        board.check(Part::Instruments);
        LOOKUPS.set(LOOKUPS.get() + 1);
        board.faders.contains_key(&instrument.0)
    }

    fn removed(from: &Board, to: &Board) -> Vec<InstrumentId> {
        from.check(Part::Instruments);
        let left = |id: &&u32| !to.faders.contains_key(id);
        from.faders.keys().filter(left).copied().map(InstrumentId).collect()
    }

    fn on_release(board: &Board, _: InstrumentId) -> Option<Move> {
        board.check(Part::Release);
        Some(Move::Write("released".into()))
    }

    fn continues(previous: &Move, next: &Move) -> bool {
        let text = |action: &Move| matches!(action, Move::Write(text) if text == "continues");
        assert!(!text(previous) || !text(next), "broken");
        false
    }

    fn diff_reversible(from: &Board, to: &Board) -> Vec<ReversibleChange<Board>> {
        to.check(Part::Reversible);
        let change = ReversibleChange { forward: to.clone(), backward: from.clone() };
        if from == to { vec![] } else { vec![change] }
    }

    fn check_limits(board: &Board) -> Result<(), Invalid> {
        board.check(Part::Limits);
        Ok(())
    }

    fn effects_between(_: &Board, to: &Board) -> Vec<()> {
        to.check(Part::Effects);
        vec![]
    }

    fn is_stale(board: &Board, _: &Move) -> bool {
        board.check(Part::Stale);
        false
    }

    fn dirty(from: &Board, to: &Board) -> DirtyFlags {
        to.check(Part::Dirty);
        DirtyFlags::part(0).when(from != to)
    }

    fn digest(board: &Board, _: Option<(&Board, Digest)>) -> Digest {
        board.check(Part::Digest);
        Digest::of(board)
    }
}
