//! What the whole state costs: to encode, on the wire, and to decode. Plain
//! structures, lists and maps of the same content stand next to it.

use bytes::BytesMut;
use imbolc_net::{
    NetworkState, ServerMessage,
    framing::{self, Codec},
    protocol::Seq,
    studio::Studio,
};

use crate::{
    bench::{Bench, Contender, calls},
    figure::Figure,
    fixture::band,
    plain,
    row::{Row, Target},
};

const INSTRUMENTS: u32 = 64;

/// How much more than plain it may cost.
const ALIKE: f64 = 1.1;

const JSON: &str = "`serde_json`, plain";
const POSTCARD: &str = "`postcard`, plain";

pub fn measure(bench: &mut Bench) {
    if bench.wants("full/") {
        let whole = Whole::new();
        for codec in Codec::ALL {
            whole.bytes(bench, codec);
        }
        whole.encoding(bench);
        whole.decoding(bench);
    }
}

/// The same content, as it is and as it is written.
struct Whole {
    ours: ServerMessage<Studio>,
    plain: plain::Studio,
    json: Vec<u8>,
    postcard: Vec<u8>,
}

impl Whole {
    fn new() -> Self {
        let model = band::session(INSTRUMENTS);
        let plain = plain::Studio::of(&model);
        let json = serde_json::to_vec(&plain).unwrap();
        let postcard = postcard::to_stdvec(&plain).unwrap();
        let state = NetworkState { seq: Seq(1_000_000), model, roster: Default::default() };
        Self { ours: ServerMessage::FullStateSync { state }, plain, json, postcard }
    }

    fn frame(&self, codec: Codec) -> BytesMut {
        let mut frame = BytesMut::new();
        framing::encode(codec, &self.ours, &mut frame).unwrap();
        frame
    }

    fn bytes(&self, bench: &mut Bench, codec: Codec) {
        let ours = Figure::bytes(self.frame(codec).len());
        bench.row(
            Row::new(key("bytes", codec), what("on the wire", codec), ours)
                .peer(JSON, Figure::bytes(self.json.len()))
                .peer(POSTCARD, Figure::bytes(self.postcard.len()))
                .target(Target::AtMostTimes(ALIKE, counterpart(codec))),
        );
    }

    fn encoding(&self, bench: &mut Bench) {
        let ours = Codec::ALL.into_iter().map(|codec| {
            let mut frame = BytesMut::new();
            calls(move || {
                frame.clear();
                framing::encode(codec, &self.ours, &mut frame).unwrap();
            })
        });
        let mut written = Vec::new();
        let json = calls(move || {
            written.clear();
            serde_json::to_writer(&mut written, &self.plain).unwrap();
        });
        let mut written = Vec::new();
        let postcard = calls(move || {
            written.clear();
            written = postcard::to_extend(&self.plain, std::mem::take(&mut written)).unwrap();
        });
        let mut contenders: Vec<_> = ours.chain([json, postcard]).collect();
        compare(bench, "encode", &mut contenders);
    }

    fn decoding(&self, bench: &mut Bench) {
        let ours = Codec::ALL.into_iter().map(|codec| {
            let frame = self.frame(codec);
            calls(move || framing::decode::<ServerMessage<Studio>>(codec, &frame[4..]).unwrap())
        });
        let json = calls(|| serde_json::from_slice::<plain::Studio>(&self.json).unwrap());
        let postcard = calls(|| postcard::from_bytes::<plain::Studio>(&self.postcard).unwrap());
        let mut contenders: Vec<_> = ours.chain([json, postcard]).collect();
        compare(bench, "decode", &mut contenders);
    }
}

/// A row for each of our codecs, which come first, and the plain ones after them.
fn compare(bench: &mut Bench, step: &str, contenders: &mut [Contender<'_>]) {
    let samples = bench.in_turn(1, contenders);
    let (ours, plain) = samples.split_at(Codec::ALL.len());
    let [json, postcard] = plain else { unreachable!("one each") };
    for (codec, ours) in Codec::ALL.into_iter().zip(ours) {
        bench.row(
            Row::new(key(step, codec), what(step, codec), ours.median())
                .peer(JSON, json.median())
                .peer(POSTCARD, postcard.median())
                .target(Target::AtMostTimes(ALIKE, counterpart(codec))),
        );
    }
}

fn key(step: &str, codec: Codec) -> String {
    format!("full/{step}-{}", codec.name())
}

fn what(step: &str, codec: Codec) -> String {
    format!("the whole state of {INSTRUMENTS} instruments: {step}, {}", codec.name())
}

/// What a codec of ours is measured by.
const fn counterpart(codec: Codec) -> &'static str {
    match codec {
        Codec::Json => JSON,
    }
}
