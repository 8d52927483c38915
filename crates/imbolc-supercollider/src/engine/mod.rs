//! The live engine: it plays to a running server.

mod live_output;
mod server_state;
mod supercollider_engine;
mod wall_clock;

pub use self::{live_output::LiveOutput, supercollider_engine::SuperColliderEngine};
