//! Any payload, read as a client's message in Postcard.

#![no_main]

use imbolc_fuzz::decode_and_round_trip;
use imbolc_net::{ClientMessage, protocol::framing::Codec};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| decode_and_round_trip::<ClientMessage>(Codec::Postcard, payload));
