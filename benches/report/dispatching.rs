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
    authority::LocalDispatcher,
    client::{JoinOptions, RemoteDispatcher},
    model::InstrumentId,
    server::{HostDispatcher, HostOptions},
    studio::{SilentEngine, StudioState},
    sync::session::SessionConfig,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::Notify,
};

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

/// How many are timed together where one comes upon the other.
const BATCH: u32 = 16;

/// How long to wait before one looks again whether there is an answer.
const REST: Duration = Duration::from_micros(50);

/// The bytes of such an action, with their length before them.
const FRAME: usize = 16;

const BARE: &str = "bare `imbl` edit";
const CLONE: &str = "cloned plain state";
const SENT: &str = "bare edit, sent by a task";
const PEERS: [&str; 3] = [BARE, CLONE, SENT];
const FEWEST: &str = "among 16";

pub fn measure(bench: &mut Bench) {
    if !bench.wants("dispatch/") {
        return;
    }
    let runtime = Runtime::new().unwrap();
    let studios = SIZES.map(|instruments| Studios::open(&runtime, instruments));
    let local = Part {
        key: "local",
        what: format!("alone; mean of {BATCH}"),
        batch: BATCH,
        contenders: Studios::alone,
    };
    let remote = Part {
        key: "remote",
        what: "joined over loopback TCP and predicted; one now and then, patches not paced".into(),
        batch: 1,
        contenders: Studios::joined,
    };
    let mut curves = rows(bench, &studios, &local);
    curves.extend(rows(bench, &studios, &remote).into_iter().take(1));
    let title = "Turning a knob, by the number of instruments";
    bench.picture(Picture::growth("dispatch-growth.svg", title, curves));
    distribution(bench, &studios[USUAL]);
}

/// The same session, as everybody has it.
struct Studios {
    instrument: InstrumentId,
    local: LocalDispatcher,
    remote: RemoteDispatcher,
    /// Keeps the session open that `remote` takes part in.
    _host: HostDispatcher,
    bare: BareStudio,
    plain: ArcSwap<plain::Studio>,
    /// Wakes a task that writes to a socket.
    sender: Arc<Notify>,
}

impl Studios {
    fn open(runtime: &Runtime, instruments: u32) -> Self {
        let state = band::session(instruments);
        let instrument = touched(instruments);
        let (host, remote) = runtime.block_on(joined(state.clone(), instrument));
        let bare = BareStudio::of(&state);
        let plain = ArcSwap::from_pointee(plain::Studio::of(&state));
        let sender = runtime.block_on(sender());
        Self { instrument, local: alone_in(state), remote, _host: host, bare, plain, sender }
    }

    /// One turn upon the other.
    fn alone(&self) -> Vec<Contender<'_>> {
        let ours = calls(turning(&self.local, self.instrument));
        vec![ours, calls(self.bare.turning(self.instrument)), calls(self.cloning())]
    }

    /// A turn now and then: what was predicted is answered before the next one.
    ///
    /// The peers as well have their turn where an answer to ours has just come in,
    /// for they are to find the processor as ours does: after a pause on a
    /// thread that nobody disturbs, the bare edit takes half of what it takes there.
    /// And what is dispatched is to be sent: that is the last peer, without
    /// anything of ours.
    fn joined(&self) -> Vec<Contender<'_>> {
        let mut edit = self.bare.turning(self.instrument);
        let sent = move || {
            edit();
            self.sender.notify_one();
        };
        let bare = self.bare.turning(self.instrument);
        vec![self.predicted(), self.then(bare), self.then(self.cloning()), self.then(sent)]
    }

    fn predicted(&self) -> Contender<'_> {
        let mut turn = self.predicting();
        Box::new(move |times| (0..times).map(|_| turn()).sum())
    }

    /// Calls each of which comes after a turn that was predicted, and answered.
    fn then<'a>(&'a self, mut call: impl FnMut() + 'a) -> Contender<'a> {
        let mut turn = self.predicting();
        let mut after_turn = move || {
            turn();
            let begun = Instant::now();
            call();
            begun.elapsed()
        };
        Box::new(move |times| (0..times).map(|_| after_turn()).sum())
    }

    /// Turns the knob a little further at each call, waits for the answer, and
    /// returns how long the first of the two took.
    fn predicting(&self) -> impl FnMut() -> Duration + '_ {
        let mut turn = 0;
        move || {
            turn += 1;
            let action = turn_to(self.instrument, cutoff(turn));
            let begun = Instant::now();
            self.remote.dispatch(action).unwrap();
            let took = begun.elapsed();
            while self.remote.unanswered() > 0 {
                thread::sleep(REST);
            }
            took
        }
    }

    fn cloning(&self) -> impl FnMut() + '_ {
        let mut turn = 0;
        move || {
            turn += 1;
            let mut next = plain::Studio::clone(&self.plain.load());
            next.instruments.get_mut(&self.instrument).unwrap().filter.cutoff = cutoff(turn);
            self.plain.store(Arc::new(next));
        }
    }
}

/// Wakes a task that writes as much to a socket as such an action takes. Somebody
/// reads it.
async fn sender() -> Arc<Notify> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut writer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    writer.set_nodelay(true).unwrap();
    let (mut reader, _) = listener.accept().await.unwrap();
    let woken = Arc::new(Notify::new());
    let waking = Arc::clone(&woken);
    tokio::spawn(async move {
        let mut frame = [0; FRAME];
        while reader.read_exact(&mut frame).await.is_ok() {}
    });
    tokio::spawn(async move {
        loop {
            woken.notified().await;
            writer.write_all(&[0; FRAME]).await.unwrap();
        }
    });
    waking
}

/// A host on loopback, and somebody who owns `instrument`. Its patches are not
/// paced, so that answers come at once.
async fn joined(
    state: StudioState,
    instrument: InstrumentId,
) -> (HostDispatcher, RemoteDispatcher) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let session = SessionConfig { min_patch_interval: Duration::ZERO, ..SessionConfig::default() };
    let options = HostOptions { session, ..HostOptions::default() };
    let engine = SilentEngine::default();
    let host = HostDispatcher::open("Host", state, engine, listener, options).unwrap();
    let options =
        JoinOptions { name: "Ana".into(), own: vec![instrument], ..JoinOptions::default() };
    let remote = RemoteDispatcher::connect(&address, options).await.unwrap();
    (host, remote)
}

/// One of the ways to take part.
struct Part {
    key: &'static str,
    what: String,
    batch: u32,
    contenders: fn(&Studios) -> Vec<Contender<'_>>,
}

fn rows(bench: &mut Bench, studios: &[Studios], part: &Part) -> Vec<Curve> {
    let mut contenders: Vec<_> = studios.iter().flat_map(part.contenders).collect();
    let samples = bench.in_turn(part.batch, &mut contenders);
    let by_size: Vec<_> = samples.chunks(samples.len() / studios.len()).collect();
    let Part { key, what, .. } = part;
    let at = |size: usize| by_size[size][0].median();
    let what_is_timed = format!("`dispatch` to own snapshot, {what}");
    let row = Row::new(format!("dispatch/{key}"), what_is_timed, at(USUAL));
    let row = PEERS
        .into_iter()
        .zip(&by_size[USUAL][1..])
        .fold(row, |row, (peer, samples)| row.peer(peer, samples.median()));
    bench.row(row.target(Target::AtMostTimes(5.0, BARE)));
    bench.row(
        Row::new(
            format!("dispatch/{key}-flat"),
            format!("the same among 1,024, {what}"),
            at(SIZES.len() - 1),
        )
        .peer(FEWEST, at(0))
        .peer("bare edit among 16", by_size[0][1].median())
        .peer("bare edit among 1,024", by_size[SIZES.len() - 1][1].median())
        .target(Target::AtMostTimes(1.5, FEWEST)),
    );
    let names = [key, "bare imbl edit", "cloned plain state"];
    names.iter().enumerate().map(|(way, name)| curve(name, &by_size, way)).collect()
}

fn curve(name: &str, by_size: &[&[Samples]], way: usize) -> Curve {
    let point =
        |(size, samples): (u32, &&[Samples])| (f64::from(size), samples[way].median().value());
    (name.into(), SIZES.into_iter().zip(by_size).map(point).collect())
}

/// One by one, for the slowest are looked for.
fn distribution(bench: &mut Bench, studios: &Studios) {
    let mut contenders = studios.alone();
    contenders.push(studios.predicted());
    let samples = bench.in_turn(1, &mut contenders);
    let names = ["alone", "bare imbl edit", "cloned plain state", "joined, now and then"];
    let contenders: Vec<_> = names.into_iter().zip(&samples).collect();
    let title = "Turning a knob among 64 instruments, one call at a time";
    bench.picture(Picture::distribution("dispatch.svg", title, &contenders));
}
