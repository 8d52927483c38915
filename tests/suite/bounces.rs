//! A hundred interruptions of each kind, over real sockets: each action counts
//! exactly once, and the client resumes quickly.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use imbolc_net::{
    Dispatcher, Event, SessionEvent,
    authority::threaded,
    client::{ClientConfig, JoinOptions, RemoteDispatcher},
    dispatcher::Status,
    model::{InstrumentId, NoEngine},
    server::{HostDispatcher, HostOptions},
    studio::{SilentEngine, StudioState},
    sync::session::SessionConfig,
    util::quantity::{Pitch, Ticks},
};
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};

use crate::{
    harness::BASS,
    ledger::{Ledger, Pages, Write},
    processes,
    proxy::{Ending, Proxy},
};

const BOUNCES: u32 = 100;

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn join(
    address: SocketAddr,
    page: u32,
    config: &ClientConfig,
) -> Arc<RemoteDispatcher<Ledger>> {
    let options = JoinOptions {
        name: format!("guest {page}"),
        own: vec![InstrumentId(page)],
        config: config.clone(),
        ..JoinOptions::default()
    };
    let connector = imbolc_net::transport::TcpConnector { address: address.to_string() };
    Arc::new(RemoteDispatcher::join(connector, options).await.unwrap())
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(30), wait).await.unwrap_or_else(|_| panic!("not in 30 s: {what}"));
}

/// Cuts Ana's connection a hundred times, each time with a message in flight, and
/// leaves Ben's alone. Returns the sorted times from the cut to the resume.
async fn bounce(ending: Ending, session: SessionConfig, config: ClientConfig) -> Vec<Duration> {
    let (listener, address) = listen().await;
    let options = HostOptions { session, ..HostOptions::default() };
    let host = HostDispatcher::<Ledger>::open(
        "Mia",
        Pages::empty(2),
        threaded(|| NoEngine),
        listener,
        options,
    )
    .unwrap();
    let proxy = Proxy::to(address).await.unwrap();
    let ana = join(proxy.address, 1, &config).await;
    let ben = join(address, 2, &ClientConfig::default()).await;
    let me = ana.identity();
    until("the round trip is measured", || {
        matches!(ana.status(), Status::Connected { round_trip: Some(_), .. })
    })
    .await;
    let mut events = ana.events();
    let (mut times, mut commits) = (Vec::new(), Vec::new());
    for bounce in 0..BOUNCES {
        let write = |line| {
            let ana = Arc::clone(&ana);
            tokio::spawn(async move { ana.commit(Write { page: 1, line }).await })
        };
        ben.dispatch(Write { page: 2, line: bounce }).unwrap();
        commits.push(write(2 * bounce));
        // It is dispatched now; its answer may or may not be in flight.
        until("it is predicted", || ana.state().model.lines(1).last() == Some(&(2 * bounce))).await;
        if bounce % 2 == 0 {
            sleep(Duration::from_millis(u64::from(bounce % 20))).await;
        }
        let before = Instant::now();
        proxy.cut(ending);
        let lost = wait_for(&mut events, |status| matches!(status, Status::Reconnecting { .. }));
        lost.await;
        commits.push(write(2 * bounce + 1));
        wait_for(&mut events, |status| matches!(status, Status::Connected { .. })).await;
        times.push(before.elapsed());
        until("both lines are answered", || commits.iter().all(|commit| commit.is_finished()))
            .await;
    }
    for commit in commits {
        assert_eq!(commit.await.unwrap(), Ok(()));
    }
    until("all states are equal", || ana.state() == host.state() && ben.state() == host.state())
        .await;
    let book = host.state();
    assert_eq!(book.model.lines(1), (0..2 * BOUNCES).collect::<Vec<_>>(), "once, and in order");
    assert_eq!(book.model.lines(2), (0..BOUNCES).collect::<Vec<_>>());
    assert_eq!(ana.identity(), me);
    assert_eq!(book.roster.participants.len(), 3);
    assert!(host.stats().accepted >= u64::from(BOUNCES) + 2);
    times.sort();
    times
}

/// Waits for a status, and checks that no action is reported lost until then.
async fn wait_for(
    events: &mut imbolc_net::dispatcher::Events<Ledger>,
    wanted: impl Fn(&Status) -> bool,
) {
    let wait = async {
        loop {
            match events.next().await.expect("the events go on") {
                Event::Status(status) if wanted(&status) => break,
                lost @ (Event::Session(SessionEvent::NewSession { .. })
                | Event::Session(SessionEvent::Refused { .. })) => panic!("{lost:?}"),
                _ => {}
            }
        }
    };
    timeout(Duration::from_secs(30), wait).await.expect("it reconnects");
}

fn report(what: &str, times: &[Duration]) {
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!("{what}: p50 {:.0?}, p99 {:.0?} from the cut to the resume", at(50), at(99));
}

/// Many times what a resume takes on an idle machine.
const PATIENCE: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundred_closed_connections_lose_nothing() {
    let times = bounce(Ending::Fin, SessionConfig::default(), ClientConfig::default()).await;
    report("FIN", &times);
    assert!(times[times.len() / 2] < PATIENCE, "{times:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundred_reset_connections_lose_nothing() {
    let times = bounce(Ending::Rst, SessionConfig::default(), ClientConfig::default()).await;
    report("RST", &times);
    assert!(times[times.len() / 2] < PATIENCE, "{times:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundred_silent_connections_lose_nothing() {
    let ms = Duration::from_millis;
    // The host notices later than the client, so the resume supersedes a
    // connection that looks alive.
    let session = SessionConfig {
        heartbeat_interval: ms(25),
        idle_timeout: ms(2000),
        ..SessionConfig::default()
    };
    let silence = ms(100);
    let config = ClientConfig {
        idle_timeout: silence,
        ping_interval: ms(25),
        initial_backoff: ms(10),
        ..ClientConfig::default()
    };
    let times = bounce(Ending::BlackHole, session, config).await;
    report("black hole, with 100 ms of silence", &times);
    assert!(times[0] >= silence / 2, "only the timeout detects it: {times:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_killed_a_hundred_times_keeps_its_place() {
    let (listener, address) = listen().await;
    let (model, engine) = (StudioState::starter(), threaded(SilentEngine::default));
    let host =
        HostDispatcher::open("Mia", model, engine, listener, HostOptions::default()).unwrap();
    let host = Arc::new(host);
    let runs = {
        let host = Arc::clone(&host);
        tokio::task::spawn_blocking(move || run_and_kill(&host, address))
    };
    let mut times = runs.await.unwrap();
    times.sort();
    report("SIGKILL, from start to owning an instrument again,", &times);
    let state = host.state();
    let track = state.model.piano_roll.track(BASS).unwrap();
    assert_eq!(track.len(), BOUNCES as usize, "one note per process");
    assert_eq!(state.roster.participants.len(), 2, "no stale participant");
}

/// Starts a process, has it add a note, and kills it, a hundred times.
fn run_and_kill(host: &HostDispatcher, address: SocketAddr) -> Vec<Duration> {
    let state = processes::StateDir::new("hundred-kills");
    let mut me = None;
    let mut times = Vec::new();
    for run in 0..BOUNCES {
        let begun = Instant::now();
        let mut ana = processes::Session::join("ana", &address.to_string(), "1", &state);
        times.push(begun.elapsed());
        let owner = host.state().roster.owner(BASS).map(|owner| owner.client_id);
        assert!(owner.is_some() && *me.get_or_insert(owner) == owner, "run {run}: {owner:?}");
        ana.types(&format!("note 1 {} 60", run + 1));
        let deadline = Instant::now() + Duration::from_secs(30);
        let there = |state: &StudioState| {
            let track = state.piano_roll.track(BASS).unwrap();
            track.note(Ticks::of(run * 480), Pitch::of(60)).is_some()
        };
        while !there(&host.state().model) {
            assert!(Instant::now() < deadline, "run {run}: the note does not arrive");
            std::thread::sleep(Duration::from_millis(1));
        }
        ana.kill();
    }
    times
}
