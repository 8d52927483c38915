//! What it costs to turn a knob: the whole of what a UI waits for until its own
//! snapshot shows it.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use imbolc_net::{
    Dispatcher,
    client::{JoinOptions, RemoteDispatcher},
    config::SessionConfig,
    dispatcher::{HostDispatcher, HostOptions},
    engine::SilentEngine,
    protocol::InstrumentId,
};
use tokio::{net::TcpListener, runtime::Runtime};

use crate::{
    bench::{Bench, Contender, calls},
    figure::Samples,
    fixture::{BareStudio, alone_in, band, cutoff, touched, turn_to, turning},
    picture::{Curve, Picture},
    plain,
    row::{Row, Target},
};

/// What the bench compares, and how it grows.
const SIZES: [u32; 4] = [16, 64, 256, 1024];
const USUAL: usize = 1;

/// How many are timed together.
const BATCH: u32 = 16;

const BARE: &str = "bare `imbl` edit";
const CLONE: &str = "cloned plain state";
const FEWEST: &str = "among 16";

pub fn measure(bench: &mut Bench) {
    if bench.wants("dispatch/") {
        let runtime = Runtime::new().unwrap();
        let benches = SIZES.map(|instruments| Studios::open(&runtime, instruments));
        rows(bench, &benches);
        single(bench, &benches[USUAL]);
    }
}

/// The same session, as everybody has it.
struct Studios {
    instrument: InstrumentId,
    local: imbolc_net::dispatcher::LocalDispatcher,
    remote: RemoteDispatcher,
    /// Keeps the session open that `remote` takes part in.
    _host: HostDispatcher,
    bare: BareStudio,
    plain: ArcSwap<plain::Studio>,
}

impl Studios {
    fn open(runtime: &Runtime, instruments: u32) -> Self {
        let state = band::session(instruments);
        let instrument = touched(instruments);
        let (host, remote) = runtime.block_on(joined(state.clone(), instrument));
        let bare = BareStudio::of(&state);
        let plain = ArcSwap::from_pointee(plain::Studio::of(&state));
        Self { instrument, local: alone_in(state), remote, _host: host, bare, plain }
    }

    fn contenders(&self) -> [Contender<'_>; 4] {
        [
            calls(turning(&self.local, self.instrument)),
            self.predicted(),
            calls(self.bare.turning(self.instrument)),
            self.cloned(),
        ]
    }

    /// What is predicted is answered before the next batch, outside of what is
    /// timed.
    fn predicted(&self) -> Contender<'_> {
        let mut turn = 0;
        Box::new(move |times| {
            let begun = Instant::now();
            for _ in 0..times {
                turn += 1;
                self.remote.dispatch(turn_to(self.instrument, cutoff(turn))).unwrap();
            }
            let took = begun.elapsed();
            while self.remote.unanswered() > 0 {
                thread::sleep(Duration::from_micros(20));
            }
            took
        })
    }

    fn cloned(&self) -> Contender<'_> {
        let mut turn = 0;
        calls(move || {
            turn += 1;
            let mut next = plain::Studio::clone(&self.plain.load());
            next.instruments.get_mut(&self.instrument).unwrap().filter.cutoff = cutoff(turn);
            self.plain.store(Arc::new(next));
        })
    }
}

/// A host on loopback, and somebody who owns `instrument`. Its patches are not
/// paced, so that answers come at once.
async fn joined(
    state: imbolc_net::studio::StudioState,
    instrument: InstrumentId,
) -> (HostDispatcher, RemoteDispatcher) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let session = SessionConfig { patch_pace: Duration::ZERO, ..SessionConfig::default() };
    let options = HostOptions { session, ..HostOptions::default() };
    let engine = SilentEngine::default();
    let host = HostDispatcher::open("Host", state, engine, listener, options).unwrap();
    let options =
        JoinOptions { name: "Ana".into(), own: vec![instrument], ..JoinOptions::default() };
    let remote = RemoteDispatcher::connect(&address, options).await.unwrap();
    (host, remote)
}

fn rows(bench: &mut Bench, benches: &[Studios]) {
    let mut contenders: Vec<_> = benches.iter().flat_map(Studios::contenders).collect();
    let samples = bench.in_turn(BATCH, &mut contenders);
    let by_size: Vec<_> = samples.chunks(4).collect();
    let ways = [("local", "alone", 0), ("remote", "predicted, over loopback TCP", 1)];
    for (key, how, way) in ways {
        let at = |size: usize| by_size[size][way].median();
        let [_, _, bare, cloned] = by_size[USUAL] else { unreachable!("one each") };
        let what = format!("`dispatch` to own snapshot, {how}; mean of {BATCH}");
        bench.row(
            Row::new(format!("dispatch/{key}"), what, at(USUAL))
                .peer(BARE, bare.median())
                .peer(CLONE, cloned.median())
                .target(Target::AtMostTimes(5.0, BARE)),
        );
        let what = format!("the same among 1,024 instruments, {how}");
        bench.row(
            Row::new(format!("dispatch/{key}-flat"), what, at(SIZES.len() - 1))
                .peer(FEWEST, at(0))
                .target(Target::AtMostTimes(1.5, FEWEST)),
        );
    }
    let names = ["alone", "joined", "bare imbl edit", "cloned plain state"];
    let curves = names.iter().enumerate().map(|(way, name)| curve(name, &by_size, way)).collect();
    let title = "Turning a knob, by the number of instruments";
    bench.picture(Picture::growth("dispatch-growth.svg", title, curves));
}

fn curve(name: &str, by_size: &[&[Samples]], way: usize) -> Curve {
    let point =
        |(size, samples): (u32, &&[Samples])| (f64::from(size), samples[way].median().value());
    (name.into(), SIZES.into_iter().zip(by_size).map(point).collect())
}

/// One call after the other, for the slowest are looked for.
fn single(bench: &mut Bench, studios: &Studios) {
    let samples = bench.in_turn(1, &mut studios.contenders());
    let names = ["alone", "joined", "bare imbl edit", "cloned plain state"];
    let contenders: Vec<_> = names.into_iter().zip(&samples).collect();
    let title = "Turning a knob among 64 instruments, one call at a time";
    bench.picture(Picture::distribution("dispatch.svg", title, &contenders));
}
