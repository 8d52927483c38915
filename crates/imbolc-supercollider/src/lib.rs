//! The sound of the Imbolc studio: SuperCollider's `scsynth`, live and offline.
//!
//! `scsynth` runs as a separate process and is driven by OSC messages; it is never linked.
//!
//! | module | job |
//! |---|---|
//! | [`doctor`] | checks of the installation, for `--doctor` |
//! | [`render`] | offline: a score, and the WAV files that `scsynth` makes of it |
//! | [`engine`] | the live engine: it plays to a running server |
//! | [`server`] | `scsynth` as a child process: boot, watch, restart, load |
//! | [`samples`] | files beside the project: look-up, digest, header |
//! | [`sequencer`] *(pure)* | turns played events into timed messages: strips, voices, parameters |
//! | [`sounds`] *(pure)* | each kind of source and effect as a graph of units |
//! | [`output`] *(pure)* | where the messages go: the trait of the live output and the score |
//! | [`synth_def`] *(pure)* | graphs of units, checked and encoded as SynthDefs |
//! | [`commands`] *(pure)* | the messages that `scsynth` understands |
//!
//! Dependencies point downwards only. *Pure* means: no socket, file, thread, process, wall
//! clock or randomness.

#![forbid(unsafe_code)]
#![warn(clippy::pedantic)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

pub mod commands;
pub mod doctor;
pub mod engine;
pub mod output;
pub mod render;
pub mod samples;
pub mod sequencer;
pub mod server;
pub mod sounds;
pub mod synth_def;
