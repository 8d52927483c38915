//! The UI without a session: a mock dispatcher behind it, a terminal in memory
//! before it.

mod band;
mod keys;
#[cfg(feature = "mdns")]
mod lobby;
#[cfg(unix)]
mod player;
#[cfg(unix)]
mod processes;
mod screens;
mod stage;
