//! Helpers without a domain: quantities, bytes as digits, ordered maps, session time, checks of texts
//! and options, and the snapshot cell.
//!
//! Every layer may use this one. It must never name another module of the crate.

pub(crate) mod hex;
pub(crate) mod io;
pub(crate) mod limited;
pub(crate) mod log_limit;
pub mod log_lines;
pub mod option;
pub mod ordmap;
pub mod panics;
pub mod quantity;
pub mod snapshot;
pub mod text;
pub mod time;
pub mod unit;
