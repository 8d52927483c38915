//! The tests of the public API. They form one binary, because linking takes longer
//! than running them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails may panic")]
#![allow(clippy::float_cmp, reason = "what was sent must arrive exactly")]

mod architecture;
mod at_once;
mod attacks;
mod bounces;
mod byte_cutter;
mod cable;
mod codecs;
mod conformance;
mod crowds;
mod digest;
#[cfg(feature = "mdns")]
mod discovery;
mod documents;
mod encrypted_python;
mod engine;
mod every_action;
mod every_byte;
mod faulty_model;
#[path = "../../benches/fixture/mod.rs"]
mod fixture;
#[cfg(target_os = "linux")]
mod floods;
mod harness;
mod jobs;
mod ledger;
#[cfg(target_os = "linux")]
mod link_local;
mod load;
mod old_projects;
mod options;
mod other_model;
mod outcomes;
mod processes;
mod projects;
#[path = "../../examples/chaos/proxy.rs"]
mod proxy;
mod raw;
mod session;
mod shell;
mod simulation;
mod slow_reader;
mod snippet;
mod strange_host;
mod studio;
mod turmoil;
mod undo;
mod whole_frames;
mod wire;
