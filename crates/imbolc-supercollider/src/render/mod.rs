//! Offline rendering: a score, and `scsynth -N`, which plays it faster than time.

mod process;
mod score;

pub use self::{
    process::{RunError, ScoreRun},
    score::{BLOCK, Score},
};
