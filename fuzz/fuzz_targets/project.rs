//! Any bytes, loaded as a project file.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|document: &[u8]| imbolc_fuzz::load_project(document));
