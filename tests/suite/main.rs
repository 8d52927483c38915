//! What the crate promises to those who use it, from the outside.
//! One binary for all of it: linking is slower than testing.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails may panic")]

mod studio;
