//! The engine with sound: what is played goes to a live server.

mod live_output;
mod wall_clock;

pub use self::live_output::LiveOutput;
