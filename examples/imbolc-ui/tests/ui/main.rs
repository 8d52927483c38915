//! The UI without a session: a mock dispatcher behind it, a terminal in memory
//! before it.

mod band;
mod drums;
mod keys;
mod piano_roll;
mod screens;
mod stage;
