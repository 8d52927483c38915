//! The UI without a session: a mock dispatcher behind it, a terminal in memory
//! before it.

mod band;
mod keys;
#[cfg(feature = "mdns")]
mod lobby;
mod mixer;
mod people;
#[cfg(unix)]
mod player;
#[cfg(unix)]
mod processes;
mod screens;
mod session;
mod stage;
