//! The engine with sound: what is played goes to a live server.

mod live_output;
mod server_state;
mod supercollider_engine;
mod wall_clock;

pub use self::{live_output::LiveOutput, supercollider_engine::SuperColliderEngine};
