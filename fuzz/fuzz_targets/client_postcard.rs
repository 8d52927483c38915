//! Any payload, read as a client's message in Postcard.

#![no_main]

use imbolc_fuzz::decode_client_message;
use imbolc_net::protocol::framing::Codec;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| decode_client_message(Codec::Postcard, payload));
