//! What it costs to read a snapshot.

use std::{
    hint::black_box,
    sync::{Arc, Mutex, RwLock},
};

use imbolc_net::Dispatcher;

use crate::{
    bench::{Bench, calls},
    fixture::open,
    picture::Picture,
    row::{Row, Target},
};

/// How many reads are timed together: one is shorter than reading the clock.
const BATCH: u32 = 100;

const LOCK: &str = "`RwLock<Arc>`";

pub fn measure(bench: &mut Bench) {
    if bench.wants("read/idle") {
        idle(bench);
    }
}

fn idle(bench: &mut Bench) {
    let studio = open(64);
    let studio: &dyn Dispatcher = &studio;
    let state = studio.state();
    let (locked, excluded) = (RwLock::new(Arc::clone(&state)), Mutex::new(Arc::clone(&state)));
    let samples = bench.in_turn(
        BATCH,
        &mut [
            calls(|| black_box(studio).state()),
            calls(|| Arc::clone(black_box(&state))),
            calls(|| Arc::clone(&black_box(&locked).read().unwrap())),
            calls(|| Arc::clone(&black_box(&excluded).lock().unwrap())),
        ],
    );
    let [ours, arc, lock, mutex] = &samples[..] else { unreachable!("one each") };
    bench.row(
        Row::new("read/idle", "read a snapshot, idle; mean of 100", ours.median())
            .peer("`Arc`", arc.median())
            .peer(LOCK, lock.median())
            .peer("`Mutex<Arc>`", mutex.median())
            .target(Target::AtMostTimes(2.0, LOCK)),
    );
    bench.picture(Picture::distribution(
        "reading.svg",
        "Reading a snapshot: how long the slower half takes",
        &[("ours", ours), ("Arc", arc), ("RwLock<Arc>", lock), ("Mutex<Arc>", mutex)],
    ));
}
