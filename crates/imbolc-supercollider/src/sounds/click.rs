//! The click: a short tone, higher for an accent.

use crate::{
    sounds::controls::{BUS, FREQUENCY, LEVEL},
    synth_def::{Built, Graph, Shape, TooManyWires, WhenDone},
};

/// Seconds until the click is over.
const LENGTH: f32 = 0.03;

/// Builds the click, which is freed when it is over. Its controls are those of a voice.
///
/// # Errors
/// [`TooManyWires`].
pub fn build_click() -> Result<Built, TooManyWires> {
    let graph = Graph::new();
    let frequency = graph.control(FREQUENCY, 1000.0);
    let level = graph.control(LEVEL, 1.0);
    let [start, end] = [1.0, 0.0].map(|level| graph.constant(level));
    let segments = [(end, graph.constant(LENGTH), -4.0)];
    let shape = Shape { start, segments: &segments, release_at: None, when_done: WhenDone::Free };
    let tone = graph.sine(frequency, 0.0) * graph.envelope(&shape, 1.0) * level;
    graph.write_on_time(graph.control(BUS, 0.0), &[tone, tone]);
    graph.finish()
}
