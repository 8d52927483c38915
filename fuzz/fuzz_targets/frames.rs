//! Any byte stream, split into frames and expanded; and any text, compressed and
//! expanded.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|stream: &[u8]| {
    imbolc_fuzz::split_and_expand(stream);
    if let Ok(text) = str::from_utf8(stream) {
        imbolc_fuzz::compress_and_expand(text);
    }
});
