//! The full state: time to encode and decode, and bytes on the wire, plain and
//! compressed. The peers are plain structs of the same content, and zstd instead of
//! the protocol's LZ4.

use imbolc_net::{
    NetworkState, ServerMessage,
    protocol::{
        Seq,
        framing::{self, Codec, Compression, Format},
    },
    studio::Studio,
};
use zstd::bulk::{Compressor, Decompressor};

use crate::{
    bench::{Bench, Contender, calls},
    figure::Figure,
    fixture::band,
    plain_studio,
    row::{Row, Target},
};

const INSTRUMENTS: u32 = 64;

/// Limit relative to the plain structs.
const ALIKE: f64 = 1.1;

/// Limit of the compressed size relative to plain JSON.
const COMPRESSED: f64 = 0.25;

const JSON: &str = "`serde_json`, plain";
const POSTCARD: &str = "`postcard`, plain";

/// Levels of zstd and their names.
const ZSTD: [(i32, &str); 2] = [(1, "zstd, level 1"), (3, "zstd, level 3")];

const FORMATS: [Format; 4] = [
    Format { codec: Codec::Json, compression: None },
    Format { codec: Codec::Postcard, compression: None },
    Format { codec: Codec::Json, compression: Some(Compression::Lz4) },
    Format { codec: Codec::Postcard, compression: Some(Compression::Lz4) },
];

/// The formats that are also compared with zstd.
const COMPRESSED_FORMATS: [Format; 2] = [FORMATS[2], FORMATS[3]];

pub fn measure(bench: &mut Bench) {
    if bench.wants("full/") {
        let whole = FullState::new();
        whole.bytes(bench);
        whole.encoding(bench);
        whole.decoding(bench);
    }
}

/// The same content in each contender's form.
struct FullState {
    ours: ServerMessage<Studio>,
    plain: plain_studio::PlainStudio,
    json: Vec<u8>,
    postcard: Vec<u8>,
}

impl FullState {
    fn new() -> Self {
        let model = band::session(INSTRUMENTS);
        let plain = plain_studio::PlainStudio::of(&model);
        let json = serde_json::to_vec(&plain).unwrap();
        let postcard = postcard::to_stdvec(&plain).unwrap();
        let state = NetworkState { seq: Seq(1_000_000), model, roster: Default::default() };
        Self { ours: ServerMessage::FullStateSync { state }, plain, json, postcard }
    }

    fn frame(&self, format: Format) -> Vec<u8> {
        let mut frame = Vec::new();
        format.encode(&self.ours, &mut frame).unwrap();
        frame
    }

    /// The payload with zstd instead of LZ4, and its length prefix.
    fn in_zstd(&self, format: Format, level: i32) -> Vec<u8> {
        zstd::bulk::compress(&self.frame(uncompressed(format)), level).unwrap()
    }

    fn bytes(&self, bench: &mut Bench) {
        for format in FORMATS {
            let ours = Figure::bytes(self.frame(format).len());
            let target = match format.compression {
                None => Target::AtMostTimes(ALIKE, counterpart(format)),
                Some(_) => Target::AtMostTimes(COMPRESSED, JSON),
            };
            let row = full_row("bytes", "on the wire", format, ours)
                .peer(JSON, Figure::bytes(self.json.len()))
                .peer(POSTCARD, Figure::bytes(self.postcard.len()))
                .target(target);
            let zstd = ZSTD.into_iter().filter(|_| format.compression.is_some());
            bench.row(zstd.fold(row, |row, (level, name)| {
                row.peer(name, Figure::bytes(self.in_zstd(format, level).len()))
            }));
        }
    }

    fn encoding(&self, bench: &mut Bench) {
        let ours = FORMATS.map(|format| {
            let mut frame = Vec::new();
            calls(move || {
                frame.clear();
                format.encode(&self.ours, &mut frame).unwrap();
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
        let zstd = COMPRESSED_FORMATS.map(|format| {
            ZSTD.map(|(level, _)| {
                let (mut plain, mut frame) = (Vec::new(), Vec::new());
                let mut zstd = Compressor::new(level).unwrap();
                calls(move || {
                    plain.clear();
                    uncompressed(format).encode(&self.ours, &mut plain).unwrap();
                    frame.clear();
                    frame.reserve(zstd::zstd_safe::compress_bound(plain.len()));
                    zstd.compress_to_buffer(&plain[..], &mut frame).unwrap()
                })
            })
        });
        compare(bench, "encode", ours, [json, postcard], zstd);
    }

    fn decoding(&self, bench: &mut Bench) {
        let ours = FORMATS.map(|format| {
            let frame = self.frame(format);
            calls(move || {
                let payload = framing::expand(&frame[4..], usize::MAX).unwrap();
                framing::decode::<ServerMessage<Studio>>(format.codec, &payload).unwrap()
            })
        });
        let json =
            calls(|| serde_json::from_slice::<plain_studio::PlainStudio>(&self.json).unwrap());
        let postcard =
            calls(|| postcard::from_bytes::<plain_studio::PlainStudio>(&self.postcard).unwrap());
        let zstd = COMPRESSED_FORMATS.map(|format| {
            ZSTD.map(|(level, _)| {
                let length = self.frame(uncompressed(format)).len();
                let payload = self.in_zstd(format, level);
                let mut zstd = Decompressor::new().unwrap();
                calls(move || {
                    let frame = zstd.decompress(&payload, length).unwrap();
                    framing::decode::<ServerMessage<Studio>>(format.codec, &frame[4..]).unwrap()
                })
            })
        });
        compare(bench, "decode", ours, [json, postcard], zstd);
    }
}

/// A row for each of our formats. Compressed formats have zstd as peers, and no
/// target relative to uncompressed ones.
fn compare<'a>(
    bench: &mut Bench,
    step: &str,
    ours: [Contender<'a>; 4],
    plain: [Contender<'a>; 2],
    zstd: [[Contender<'a>; ZSTD.len()]; COMPRESSED_FORMATS.len()],
) {
    let zstd = zstd.into_iter().flatten();
    let mut contenders: Vec<_> = ours.into_iter().chain(plain).chain(zstd).collect();
    let samples = bench.in_turn(1, &mut contenders);
    let (ours, peers) = samples.split_at(FORMATS.len());
    let [json, postcard, zstd @ ..] = peers else { unreachable!("one each") };
    let mut zstd = zstd.chunks(ZSTD.len());
    for (format, ours) in FORMATS.into_iter().zip(ours) {
        let row = full_row(step, step, format, ours.median())
            .peer(JSON, json.median())
            .peer(POSTCARD, postcard.median());
        bench.row(match format.compression {
            None => row.target(Target::AtMostTimes(ALIKE, counterpart(format))),
            Some(_) => ZSTD
                .into_iter()
                .zip(zstd.next().into_iter().flatten())
                .fold(row, |row, ((_, name), its)| row.peer(name, its.median())),
        });
    }
}

const fn uncompressed(format: Format) -> Format {
    Format { compression: None, ..format }
}

fn full_row(step: &str, what: &str, format: Format, ours: Figure) -> Row {
    let name = match format.compression {
        None => format.codec.name().to_owned(),
        Some(compression) => format!("{}-{}", format.codec.name(), compression.name()),
    };
    let what = format!("full state of {INSTRUMENTS} instruments: {what}, {name}");
    Row::new(format!("full/{step}-{name}"), what, ours)
}

/// The peer for a format.
const fn counterpart(format: Format) -> &'static str {
    match format.codec {
        Codec::Json => JSON,
        Codec::Postcard => POSTCARD,
    }
}
