//! What the crate promises, tested from outside, in one program.

mod processes;
