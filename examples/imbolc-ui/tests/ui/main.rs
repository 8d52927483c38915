//! The UI without a session: a mock dispatcher behind it, a terminal in memory
//! before it.

mod band;
mod keys;
mod mixer;
mod people;
mod screens;
mod session;
mod stage;
