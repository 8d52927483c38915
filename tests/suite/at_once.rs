//! A UI never freezes: what it calls in each frame returns at once, whatever the
//! connection is doing. In real time, over TCP, in a large session.

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use imbolc_net::{
    Dispatcher,
    client::{JoinOptions, RemoteDispatcher},
    dispatcher::{DispatchError, Status},
    model::{InstrumentId, Model},
    server::{HostDispatcher, HostOptions},
    studio::{Name, NetworkAction, SilentEngine, SourceKind, Studio, StudioState},
};
use tokio::{net::TcpListener, time::sleep};

use crate::{
    proxy::{How, Proxy},
    room::cutoff,
};

/// As many as one client may have unanswered.
const BACKLOG: usize = 1024;

/// What nobody notices.
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

/// Turns a knob and looks at what there is, as often as this, and returns how long
/// each call took.
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

/// Nearly all of them are at once; a test machine does other things as well.
fn assert_at_once(state: &str, mut took: Vec<Duration>) {
    took.sort();
    let p99 = took[(took.len() - 1) * 99 / 100];
    println!("{state}: {} calls, p99 {p99:.1?}, at most {:.1?}", took.len(), took[took.len() - 1]);
    assert!(p99 < AT_ONCE, "{state}: {p99:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_calls_of_a_ui_return_at_once_in_every_state_of_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (model, engine) = (large_studio(), SilentEngine::default());
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
    until("the host has heard of her", &|ana| {
        matches!(ana.status(), Status::Connected { round_trip: Some(_) })
    })
    .await;

    let mut took = Vec::new();
    for _ in 0..20 {
        frames(&ana, 20, &mut took);
        until("it is answered", &|ana| ana.unanswered() == 0).await;
    }
    assert_at_once("connected", took);

    // The link stalls, and nobody knows yet.
    proxy.stall(true);
    let mut took = Vec::new();
    frames(&ana, 500, &mut took);
    assert!(matches!(ana.status(), Status::Connected { .. }));
    assert!(ana.unanswered() >= 400, "{}", ana.unanswered());
    assert_at_once("connected, and nothing comes through", took);

    proxy.pull(How::Fin);
    proxy.stall(false);
    until("it is lost", &|ana| matches!(ana.status(), Status::Reconnecting { .. })).await;

    // The host is called, and does not answer.
    proxy.stall(true);
    let calls = host.stats().accepted;
    proxy.plug();
    until("it is called", &|_| host.stats().accepted > calls).await;
    let mut took = Vec::new();
    frames(&ana, 200, &mut took);
    assert!(matches!(ana.status(), Status::Reconnecting { .. }));
    assert_at_once("shaking hands", took);

    proxy.pull(How::Fin);
    proxy.stall(false);
    let mut took = Vec::new();
    frames(&ana, u16::try_from(BACKLOG).unwrap(), &mut took);
    assert_eq!(ana.unanswered(), BACKLOG);
    // From here on it refuses, at once as well.
    let errors = frames(&ana, 100, &mut took);
    assert_eq!(errors, vec![DispatchError::Backlog { limit: BACKLOG }; 100]);
    assert_at_once("reconnecting, until no more is taken", took);

    // While 1,024 actions are answered, and are predicted anew again and again.
    proxy.plug();
    let mut took = Vec::new();
    let begun = Instant::now();
    while ana.unanswered() > 0 || !matches!(ana.status(), Status::Connected { .. }) {
        assert!(begun.elapsed() < Duration::from_secs(30), "it never gets through");
        if begun.elapsed() < Duration::from_secs(1) {
            // There may be room for one more, or not yet.
            frames(&ana, 1, &mut took);
        }
        look(&ana, &mut took);
        sleep(Duration::from_micros(200)).await;
    }
    assert_at_once("resuming", took);
    until("both agree", &|ana| ana.state() == host.state()).await;

    ana.close().await;
    let mut took = Vec::new();
    let errors = frames(&ana, 500, &mut took);
    assert!(errors.iter().all(|error| matches!(error, DispatchError::Closed(_))));
    assert_eq!(errors.len(), 500);
    assert_at_once("closed", took);
}
