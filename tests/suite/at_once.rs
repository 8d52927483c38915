//! A UI never freezes: the calls that it makes in each frame return at once, in
//! every state of the connection. Runs in real time, over TCP, in a large session.

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use imbolc_net::{
    Dispatcher,
    authority::threaded,
    client::{JoinOptions, RemoteDispatcher},
    dispatcher::{DispatchError, Status},
    model::{InstrumentId, Model},
    server::{HostDispatcher, HostOptions},
    studio::{Name, NetworkAction, SilentEngine, SourceKind, Studio, StudioState},
};
use tokio::{net::TcpListener, time::sleep};

use crate::{
    harness::cutoff,
    proxy::{Ending, Proxy},
};

/// The default limit of unanswered actions.
const BACKLOG: usize = 1024;

/// Too short to notice in a frame.
const AT_ONCE: Duration = Duration::from_millis(1);

const MINE: InstrumentId = InstrumentId(100);

fn large_studio() -> StudioState {
    let mut state = StudioState::default();
    for id in (1..=400).map(InstrumentId) {
        let (name, source) = (Name::default(), SourceKind::Fm);
        let add = NetworkAction::AddInstrument { id, name, source };
        Studio::reduce(&mut state, &add).unwrap();
    }
    state
}

/// Turns a knob and reads the state `times` times. Adds the duration of each call
/// to `took`, and returns the errors.
fn frames(ana: &RemoteDispatcher, times: u16, took: &mut Vec<Duration>) -> Vec<DispatchError> {
    let mut errors = Vec::new();
    for turn in 0..times {
        let begun = Instant::now();
        errors.extend(ana.dispatch(cutoff(MINE, 1000.0 + f32::from(turn))).err());
        took.push(begun.elapsed());
        look(ana, took);
    }
    errors
}

fn look(ana: &RemoteDispatcher, took: &mut Vec<Duration>) {
    let begun = Instant::now();
    black_box(ana.state());
    took.push(begun.elapsed());
    let begun = Instant::now();
    black_box(ana.status());
    took.push(begun.elapsed());
}

/// Checks the 99th percentile, because other processes run on a test machine.
fn assert_at_once(state: &str, mut took: Vec<Duration>) {
    took.sort();
    let p99 = took[(took.len() - 1) * 99 / 100];
    println!("{state}: {} calls, p99 {p99:.1?}, at most {:.1?}", took.len(), took[took.len() - 1]);
    assert!(p99 < AT_ONCE, "{state}: {p99:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ui_calls_return_at_once_in_every_connection_state() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (model, engine) = (large_studio(), threaded(SilentEngine::default));
    let host =
        HostDispatcher::open("Mia", model, engine, listener, HostOptions::default()).unwrap();
    let proxy = Proxy::to(address).await.unwrap();
    let options = JoinOptions { name: "Ana".into(), own: vec![MINE], ..JoinOptions::default() };
    let ana = RemoteDispatcher::connect(&proxy.address.to_string(), options).await.unwrap();
    let ana = Arc::new(ana);
    let until = async |what: &str, holds: &dyn Fn(&RemoteDispatcher) -> bool| {
        let begun = Instant::now();
        while !holds(&ana) {
            assert!(begun.elapsed() < Duration::from_secs(30), "not in 30 s: {what}");
            sleep(Duration::from_millis(1)).await;
        }
    };
    until("the round trip is measured", &|ana| {
        matches!(ana.status(), Status::Connected { round_trip: Some(_), .. })
    })
    .await;

    let mut took = Vec::new();
    for _ in 0..20 {
        frames(&ana, 20, &mut took);
        until("all actions are answered", &|ana| ana.unanswered() == 0).await;
    }
    assert_at_once("connected", took);

    // The link stalls, and neither side knows yet.
    proxy.stall(true);
    let mut took = Vec::new();
    frames(&ana, 500, &mut took);
    assert!(matches!(ana.status(), Status::Connected { .. }));
    assert!(ana.unanswered() >= 400, "{}", ana.unanswered());
    assert_at_once("connected over a stalled link", took);

    proxy.pull(Ending::Fin);
    proxy.stall(false);
    until("the connection is lost", &|ana| matches!(ana.status(), Status::Reconnecting { .. }))
        .await;

    // The client connects, and the host does not answer.
    proxy.stall(true);
    let accepted_before = host.stats().accepted;
    proxy.plug();
    until("the host accepts", &|_| host.stats().accepted > accepted_before).await;
    let mut took = Vec::new();
    frames(&ana, 200, &mut took);
    assert!(matches!(ana.status(), Status::Reconnecting { .. }));
    assert_at_once("during the handshake", took);

    proxy.pull(Ending::Fin);
    proxy.stall(false);
    let mut took = Vec::new();
    frames(&ana, u16::try_from(BACKLOG).unwrap(), &mut took);
    assert_eq!(ana.unanswered(), BACKLOG);
    // The backlog is full; the refusals return at once, too.
    let errors = frames(&ana, 100, &mut took);
    assert_eq!(errors, vec![DispatchError::Backlog { limit: BACKLOG }; 100]);
    assert_at_once("reconnecting, up to a full backlog", took);

    // While 1,024 actions are answered, each answer rebases the prediction.
    proxy.plug();
    let mut took = Vec::new();
    let begun = Instant::now();
    while ana.unanswered() > 0 || !matches!(ana.status(), Status::Connected { .. }) {
        assert!(begun.elapsed() < Duration::from_secs(30), "it never resumes");
        if begun.elapsed() < Duration::from_secs(1) {
            // The backlog may have room for another action.
            frames(&ana, 1, &mut took);
        }
        look(&ana, &mut took);
        sleep(Duration::from_micros(200)).await;
    }
    assert_at_once("resuming", took);
    until("both states are equal", &|ana| ana.state() == host.state()).await;

    ana.close().await.unwrap();
    let mut took = Vec::new();
    let errors = frames(&ana, 500, &mut took);
    assert!(errors.iter().all(|error| matches!(error, DispatchError::Closed(_))));
    assert_eq!(errors.len(), 500);
    assert_at_once("closed", took);
}
