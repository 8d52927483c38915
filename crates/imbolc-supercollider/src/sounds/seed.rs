//! The seed of all random numbers, so that a project sounds alike each time it is rendered.

use crate::synth_def::{Built, Graph, TooManyWires};

/// Builds a synth that seeds the random numbers of all synths after it.
///
/// # Errors
/// [`TooManyWires`].
pub fn build_seed() -> Result<Built, TooManyWires> {
    let graph = Graph::new();
    graph.seed(1.0, 1.0);
    graph.finish()
}
