//! Any handshakes and messages, sent to a host over the in-memory transport.
//!
//! Each line of the input is the payload of a frame, and an empty line ends a
//! connection, so that an input can be read and written as text.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|lines: &[u8]| imbolc_fuzz::converse(lines));
