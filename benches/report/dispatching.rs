//! Dispatching an edit, until the caller's own snapshot shows it: the time that a UI
//! waits.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use imbolc_net::{
    Dispatcher,
    authority::{LocalDispatcher, threaded},
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
    plain_studio,
    row::{Row, Target},
};

/// Numbers of instruments.
const SIZES: [u32; 4] = [16, 64, 256, 1024];
const USUAL: usize = 1;

/// Calls per sample when called in a loop.
const BATCH: u32 = 16;

/// Interval of checks for an answer.
const REST: Duration = Duration::from_micros(50);

/// Size of such an action in bytes, with its length prefix.
const FRAME: usize = 16;

const BARE: &str = "bare `imbl` edit";
const CLONE: &str = "cloned plain state";
const SENT: &str = "bare edit, then waking a sending task";
const PEERS: [&str; 3] = [BARE, CLONE, SENT];
const FEWEST: &str = "16 instruments";

pub fn measure(bench: &mut Bench) {
    if !bench.wants("dispatch/") {
        return;
    }
    let runtime = Runtime::new().unwrap();
    let studios = SIZES.map(|instruments| DispatchStudios::open(&runtime, instruments));
    let local = DispatchCase {
        key: "local",
        what: format!("local session; mean of {BATCH}"),
        batch: BATCH,
        contenders: DispatchStudios::alone,
    };
    let remote = DispatchCase {
        key: "remote",
        what: "on a client over loopback TCP in clear, predicted; one at a time, patches not paced"
            .into(),
        batch: 1,
        contenders: DispatchStudios::joined,
    };
    let mut curves = dispatch_rows(bench, &studios, &local);
    curves.extend(dispatch_rows(bench, &studios, &remote).into_iter().take(1));
    let title = "Dispatching an edit, by number of instruments";
    bench.picture(Picture::growth("dispatch-growth.svg", title, curves));
    dispatch_distribution(bench, &studios[USUAL]);
}

/// The same session in each contender's form.
struct DispatchStudios {
    instrument: InstrumentId,
    local: LocalDispatcher,
    remote: RemoteDispatcher,
    /// Hosts the session that `remote` joins.
    _host: HostDispatcher,
    bare: BareStudio,
    plain: ArcSwap<plain_studio::PlainStudio>,
    /// Wakes a task that writes to a socket.
    sender: Arc<Notify>,
}

impl DispatchStudios {
    fn open(runtime: &Runtime, instruments: u32) -> Self {
        let state = band::session(instruments);
        let instrument = touched(instruments);
        let (host, remote) = runtime.block_on(joined(state.clone(), instrument));
        let bare = BareStudio::of(&state);
        let plain = ArcSwap::from_pointee(plain_studio::PlainStudio::of(&state));
        let sender = runtime.block_on(sender());
        Self { instrument, local: alone_in(state), remote, _host: host, bare, plain, sender }
    }

    /// Consecutive calls.
    fn alone(&self) -> Vec<Contender<'_>> {
        let ours = calls(turning(&self.local, self.instrument));
        vec![ours, calls(self.bare.turning(self.instrument)), calls(self.cloning())]
    }

    /// Single calls: each prediction is confirmed before the next one.
    ///
    /// The peers run right after an answer to ours, so that caches and clock
    /// speed are the same; on an undisturbed thread the bare edit takes half as
    /// long. The last peer also wakes a task that sends, which ours must do
    /// too.
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

    /// Runs `call` after a prediction and its answer.
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

    /// Turns the knob and waits for the answer at each call. Returns the time
    /// of the dispatch.
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
            let mut next = plain_studio::PlainStudio::clone(&self.plain.load());
            next.instruments.get_mut(&self.instrument).unwrap().filter.cutoff = cutoff(turn);
            self.plain.store(Arc::new(next));
        }
    }
}

/// Spawns a task that writes a frame of that size to a socket at each
/// notification, and a reader.
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

/// A host on loopback with unpaced patches, and a client that owns
/// `instrument`.
async fn joined(
    state: StudioState,
    instrument: InstrumentId,
) -> (HostDispatcher, RemoteDispatcher) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let session = SessionConfig { min_patch_interval: Duration::ZERO, ..SessionConfig::default() };
    let options = HostOptions { session, ..HostOptions::default() };
    let engine = threaded(SilentEngine::default);
    let host = HostDispatcher::open("Host", state, engine, listener, options).unwrap();
    let options = JoinOptions {
        name: "Ana".into(),
        own: vec![instrument],
        plain: true,
        ..JoinOptions::default()
    };
    let remote = RemoteDispatcher::connect(&address, options).await.unwrap();
    (host, remote)
}

/// A kind of session to measure.
struct DispatchCase {
    key: &'static str,
    what: String,
    batch: u32,
    contenders: fn(&DispatchStudios) -> Vec<Contender<'_>>,
}

fn dispatch_rows(
    bench: &mut Bench,
    studios: &[DispatchStudios],
    part: &DispatchCase,
) -> Vec<Curve> {
    let mut contenders: Vec<_> = studios.iter().flat_map(part.contenders).collect();
    let samples = bench.in_turn(part.batch, &mut contenders);
    let by_size: Vec<_> = samples.chunks(samples.len() / studios.len()).collect();
    let DispatchCase { key, what, .. } = part;
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
            format!("the same with 1,024 instruments, {what}"),
            at(SIZES.len() - 1),
        )
        .peer(FEWEST, at(0))
        .peer("bare edit, 16 instruments", by_size[0][1].median())
        .peer("bare edit, 1,024 instruments", by_size[SIZES.len() - 1][1].median())
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

/// Single calls, to see the slowest ones.
fn dispatch_distribution(bench: &mut Bench, studios: &DispatchStudios) {
    let mut contenders = studios.alone();
    contenders.push(studios.predicted());
    let samples = bench.in_turn(1, &mut contenders);
    let names = ["local", "bare imbl edit", "cloned plain state", "remote, one at a time"];
    let contenders: Vec<_> = names.into_iter().zip(&samples).collect();
    let title = "Dispatching an edit with 64 instruments, one call at a time";
    bench.picture(Picture::distribution("dispatch.svg", title, &contenders));
}
