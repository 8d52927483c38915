//! Any payload, read as a authority's message in Postcard.

#![no_main]

use imbolc_fuzz::decode_server_message;
use imbolc_net::protocol::framing::Codec;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| decode_server_message(Codec::Postcard, payload));
