//! Building the graph of a voice, as each turn of a knob does.

use super::bare_voice::{BARE, bare_voice, default_voice};
use crate::{
    bench::{Bench, calls},
    row::{Row, Target},
};

/// Limit in nanoseconds.
const MAX_BUILD: f64 = 20e3;

pub fn measure(bench: &mut Bench) {
    if bench.wants("sound/graph") {
        let samples = bench.in_turn(16, &mut [calls(default_voice), calls(bare_voice)]);
        let what =
            "graph of the default instrument, as for a turned knob: built and encoded; mean of 16";
        bench.row(
            Row::new("sound/graph", what, samples[0].median())
                .peer(BARE, samples[1].median())
                .target(Target::AtMost(MAX_BUILD)),
        );
    }
}
