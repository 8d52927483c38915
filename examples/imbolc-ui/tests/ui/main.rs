//! Tests of the UI: a mock dispatcher behind it, an in-memory terminal in front of it;
//! `processes` runs the real program.

mod added;
mod admission;
mod arrangement;
mod automation;
mod band;
mod columns;
mod command_line;
mod drums;
#[cfg(unix)]
mod ending;
mod frames;
mod gallery;
mod gestures;
#[cfg(all(unix, feature = "net"))]
mod headless;
mod help;
mod input;
#[cfg(all(unix, feature = "net"))]
mod joining;
mod keys;
#[cfg(feature = "mdns")]
mod lobby;
mod mixer;
mod newcomer;
mod pace;
mod people;
mod piano_roll;
mod picture;
#[cfg(unix)]
mod player;
#[cfg(unix)]
mod processes;
mod questions;
mod refusals;
mod screens;
mod session;
mod sound;
mod stage;
mod status;
#[cfg(all(unix, feature = "net"))]
#[path = "../../../../tests/suite/strange_host.rs"]
mod strange_host;
#[cfg(unix)]
mod terminal;
mod values;
