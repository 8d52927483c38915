//! The patch of an edit: bytes on the wire, and time to make and apply it, compared
//! with alternative libraries and between few and many instruments.

use std::time::{Duration, Instant};

use imbolc_net::protocol::framing::Codec;

use crate::{
    bench::{Bench, Contender},
    figure::Figure,
    fixture::band::{self, EDITS, Edit},
    picture::Picture,
    row::{Row, Target},
    sync_methods::{PEERS, SyncFixture, SyncMethod},
};

const SIZES: [u32; 4] = [16, 64, 256, 1024];
const USUAL: u32 = 64;
const FEWEST: &str = "16 instruments";

/// Limit of the time with 1,024 instruments relative to 16.
const FLAT: f64 = 1.3;

pub fn measure(bench: &mut Bench) {
    if !bench.wants("bytes/") && !bench.wants("patch/") {
        return;
    }
    let session = SyncFixture::of(USUAL, band::session(USUAL));
    for edit in &EDITS {
        byte_rows(bench, &session, edit);
    }
    for edit in &EDITS {
        time_rows(bench, &session, edit);
    }
    if bench.wants("patch/") {
        growth(bench);
    }
}

fn key(edit: &Edit, codec: Codec) -> String {
    format!("{}-{}", edit.name.replace(' ', "-"), codec.name())
}

fn byte_rows(bench: &mut Bench, session: &SyncFixture, edit: &Edit) {
    let name = |codec| format!("bytes/{}", key(edit, codec));
    if !Codec::ALL.into_iter().any(|codec| bench.wants(&name(codec))) {
        return;
    }
    let size = |mut way: Box<dyn SyncMethod + '_>| {
        way.send();
        Figure::bytes(way.bytes())
    };
    let peers = session.peers(edit).map(size);
    for codec in Codec::ALL {
        let what = format!("{} on the wire, {}, with length prefix", edit.name, codec.name());
        let ours = size(session.ours(edit, codec));
        let row = Row::new(name(codec), what, ours);
        let row = PEERS
            .into_iter()
            .zip(&peers)
            .fold(row, |row, (name, size)| row.peer(name, size.clone()));
        let row = row.target(Target::LessThanAll);
        bench.row(match (edit.name, codec) {
            ("knob", Codec::Json) => row.target(Target::AtMost(120.0)),
            ("knob", Codec::Postcard) => row.target(Target::AtMost(32.0)),
            _ => row,
        });
    }
}

/// Times both ends of each method.
fn time_rows(bench: &mut Bench, session: &SyncFixture, edit: &Edit) {
    let ends: [(_, _, Clocked); 2] =
        [("send", "edit, diff and encode", sending), ("receive", "decode and apply", receiving)];
    for (end, what, contend) in ends {
        let name = |codec| format!("patch/{}-{end}", key(edit, codec));
        if !Codec::ALL.into_iter().any(|codec| bench.wants(&name(codec))) {
            continue;
        }
        let ours = Codec::ALL.into_iter().map(|codec| session.ours(edit, codec));
        let mut contenders: Vec<_> = ours.chain(session.peers(edit)).map(contend).collect();
        let samples = bench.in_turn(1, &mut contenders);
        let (ours, peers) = samples.split_at(Codec::ALL.len());
        for (codec, ours) in Codec::ALL.into_iter().zip(ours) {
            let what = format!("{}: {what}, {}", edit.name, codec.name());
            let row = Row::new(name(codec), what, ours.median());
            let row = PEERS
                .into_iter()
                .zip(peers)
                .fold(row, |row, (peer, samples)| row.peer(peer, samples.median()));
            bench.row(row.target(Target::LessThanAll));
        }
    }
}

/// Wraps a method into a contender.
type Clocked = fn(Box<dyn SyncMethod + '_>) -> Contender<'_>;

/// Times edit and message.
fn sending(mut way: Box<dyn SyncMethod + '_>) -> Contender<'_> {
    Box::new(move |times| {
        let mut took = Duration::ZERO;
        for _ in 0..times {
            let begun = Instant::now();
            way.send();
            took += begun.elapsed();
            way.receive();
            way.restore();
        }
        took
    })
}

/// Times applying the message on the other replica.
fn receiving(mut way: Box<dyn SyncMethod + '_>) -> Contender<'_> {
    Box::new(move |times| {
        let mut took = Duration::ZERO;
        for _ in 0..times {
            way.send();
            let begun = Instant::now();
            way.receive();
            took += begun.elapsed();
            way.restore();
        }
        took
    })
}

/// Times both ends.
fn going(mut way: Box<dyn SyncMethod + '_>) -> Contender<'_> {
    Box::new(move |times| {
        let mut took = Duration::ZERO;
        for _ in 0..times {
            let begun = Instant::now();
            way.send();
            way.receive();
            took += begun.elapsed();
            way.restore();
        }
        took
    })
}

fn growth(bench: &mut Bench) {
    let sessions = SIZES.map(|size| SyncFixture::of(size, band::session(size)));
    for (edit, codec) in EDITS.iter().flat_map(|edit| Codec::ALL.map(|codec| (edit, codec))) {
        let name = format!("patch/{}-flat", key(edit, codec));
        if bench.wants(&name) {
            let ours = sessions.iter().map(|session| going(session.ours(edit, codec)));
            let samples = bench.in_turn(1, &mut ours.collect::<Vec<_>>());
            let [fewest, .., most] = &samples[..] else { unreachable!("one each") };
            let what = format!("{}: both ends with 1,024 instruments, {}", edit.name, codec.name());
            bench.row(
                Row::new(name, what, most.median())
                    .peer(FEWEST, fewest.median())
                    .target(Target::AtMostTimes(FLAT, FEWEST)),
            );
        }
    }
    if bench.wants("patch/growth") {
        picture(bench, &sessions);
    }
}

/// Growth of the time for a knob with the number of instruments.
fn picture(bench: &mut Bench, sessions: &[SyncFixture]) {
    let knob = &EDITS[0];
    let names: Vec<_> = Codec::ALL.iter().map(|codec| codec.name()).chain(PEERS).collect();
    let mut curves: Vec<_> =
        names.into_iter().map(|name| (name.replace('`', ""), vec![])).collect();
    // The other methods take seconds with many instruments.
    let most = if bench.quick { USUAL } else { u32::MAX };
    for session in sessions.iter().filter(|session| session.instruments <= most) {
        let ours = Codec::ALL.into_iter().map(|codec| session.ours(knob, codec));
        let mut contenders: Vec<_> = ours.chain(session.peers(knob)).map(going).collect();
        let samples = bench.in_turn(1, &mut contenders);
        for ((_, points), samples) in curves.iter_mut().zip(samples) {
            points.push((f64::from(session.instruments), samples.median().value()));
        }
    }
    let title = "Copying a knob edit from one replica to another, by number of instruments";
    bench.picture(Picture::growth("patch-growth.svg", title, curves));
}
