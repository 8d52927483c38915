//! Whether the calls of a UI are as cheap as they shall be: each side by side
//! with its bare counterpart, in interleaved rounds, so that the ratio holds on
//! a machine that has other things to do as well.
//!
//! `cargo bench --bench targets [-- --quick]`

mod fixture;

use std::{
    hint::black_box,
    sync::{Arc, RwLock},
};

use fixture::{BareStudio, interleaved, open, touched, turning, verdict};
use imbolc_net::Dispatcher;

fn main() {
    let passes = if fixture::is_quick() { 31 } else { 301 };
    reading(passes);
    dispatching(passes);
}

fn reading(passes: u32) {
    let studio = open(16);
    let studio: &dyn Dispatcher = &studio;
    let state = studio.state();
    let locked = RwLock::new(Arc::clone(&state));
    let times = interleaved(
        passes,
        10_000,
        &mut [
            &mut || drop(black_box(Arc::clone(black_box(&state)))),
            &mut || drop(black_box(Arc::clone(&black_box(&locked).read().unwrap()))),
            &mut || drop(black_box(black_box(studio).state())),
        ],
    );
    let [arc, lock, ours] = times[..] else { unreachable!("one time each") };
    println!("read a snapshot: {ours:.1} ns (bare Arc {arc:.1} ns, RwLock {lock:.1} ns)");
    verdict("a read, to one under an uncontended RwLock", ours / lock, 2.0);
}

fn dispatching(passes: u32) {
    let [few, many] = fixture::SIZES;
    let (bare_few, bare_many) = (bare(few), bare(many));
    let (studio_few, studio_many) = (open(few), open(many));
    let times = interleaved(
        passes,
        500,
        &mut [
            &mut bare_few.turning(touched(few)),
            &mut turning(&studio_few, touched(few)),
            &mut bare_many.turning(touched(many)),
            &mut turning(&studio_many, touched(many)),
        ],
    );
    let [bare_few, ours_few, bare_many, ours_many] = times[..] else {
        unreachable!("one time each")
    };
    println!("turn a knob among {few}: {ours_few:.0} ns (bare map {bare_few:.0} ns)");
    println!("turn a knob among {many}: {ours_many:.0} ns (bare map {bare_many:.0} ns)");
    println!("the bare map, among {many} to among {few}: {:.2}", bare_many / bare_few);
    verdict(&format!("dispatch among {few}, to the bare map"), ours_few / bare_few, 10.0);
    verdict(&format!("dispatch among {many}, to the bare map"), ours_many / bare_many, 10.0);
    verdict(&format!("dispatch among {many}, to among {few}"), ours_many / ours_few, 1.5);
}

fn bare(instruments: u32) -> BareStudio {
    BareStudio::of(&fixture::studio(instruments))
}
