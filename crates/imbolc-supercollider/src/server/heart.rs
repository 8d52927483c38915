//! The synth that tells whether audio runs: it moves a control bus all the time.

use super::server_options::BUS_OF_SUPERVISOR;
use crate::{
    commands::NodeId,
    synth_def::{Definition, Graph},
};

/// The synth that tells whether audio runs: it moves a control bus.
pub(super) const HEART: NodeId = NodeId(400);
pub(super) const HEART_BUS: u32 = BUS_OF_SUPERVISOR;

/// The definition of the synth that tells whether audio runs.
pub(super) fn heart_definition() -> Result<Definition, String> {
    let graph = Graph::new();
    let ramp = graph.slow_ramp(graph.constant(7.3), graph.constant(0.0));
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    graph.write_control(HEART_BUS as f32, &[ramp]);
    graph.finish().map(|built| built.definition).map_err(|error| error.to_string())
}
