//! Any byte stream, sent to a host over the in-memory transport, and expanded where
//! its frames are compressed; and any text, compressed and expanded.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|stream: &[u8]| {
    imbolc_fuzz::transmit(stream);
    imbolc_fuzz::expand(stream);
    if let Ok(text) = str::from_utf8(stream) {
        imbolc_fuzz::compress_and_expand(text);
    }
});
