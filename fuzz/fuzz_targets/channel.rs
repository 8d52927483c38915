//! Any bytes, in the place of each message of the encrypted channel, and sent through it.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| imbolc_fuzz::tamper(input));
