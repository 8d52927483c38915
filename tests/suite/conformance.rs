//! What every dispatcher does: one test sequence that runs unchanged on the local,
//! the host's and the remote dispatcher.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Wake, Waker},
    thread::{self, ThreadId},
    time::Duration,
};

use imbolc_net::{
    Dispatcher, Event, Mode, SessionEvent,
    client::{ClientConfig, JoinOptions},
    dispatcher::{CloseReason, DispatchError, Events, Status},
    model::{DirtyFlags, InstrumentId},
    protocol::{PrivilegeLevel, Refusal, framing::Codec},
    server::HostOptions,
    studio::{
        Name, NetworkAction, ProjectAction, ProjectFailure, ProjectOutcome, ProjectReport,
        SessionSetting, SourceKind, TransportAction,
    },
    util::quantity::Bpm,
};
use tokio::time::{sleep, timeout};

use crate::harness::{BASS, LEAD, PAD, cutoff, cutoff_of};

const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for the first event for which `wanted` returns a value.
pub async fn event<T>(events: &mut Events, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
    let search = async {
        loop {
            let event = events.next().await.expect("the events go on");
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    };
    timeout(PATIENCE, search).await.expect("the event arrives")
}

/// Waits until `holds`.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

async fn conforms(dispatcher: Arc<dyn Dispatcher>) {
    joins_with_ownership_and_privilege(&*dispatcher).await;
    confirms_and_keeps_the_session_clock(&*dispatcher).await;
    predicts_edits(&*dispatcher).await;
    refuses_invalid_actions(&*dispatcher).await;
    publishes_before_it_notifies(&dispatcher);
    reports_dirty_flags(&*dispatcher).await;
    edits_only_owned_instruments(&*dispatcher).await;
    controls_the_transport_with_the_privilege(&*dispatcher).await;
    dispatches_all_or_none(&*dispatcher).await;
    undoes_and_redoes(&*dispatcher).await;
    resynchronises(&*dispatcher).await;
    closes(&*dispatcher).await;
}

async fn joins_with_ownership_and_privilege(d: &dyn Dispatcher) {
    assert!(!matches!(d.status(), Status::Closed { .. } | Status::Reconnecting { .. }));
    assert_eq!(d.state().model.instruments.len(), 4);
    let me = d.identity();
    assert_eq!(d.state().roster.participants[&me.client_id].name.as_ref(), me.name);

    d.request_ownership(&[BASS, LEAD]).unwrap();
    d.request_privilege().unwrap();
    eventually("it owns what it requested and has the privilege", || {
        let me = d.identity();
        me.instruments.starts_with(&[BASS, LEAD]) && me.privilege == PrivilegeLevel::Privileged
    })
    .await;
    let mut events = d.events();
    d.request_ownership(&[InstrumentId(404)]).unwrap();
    let reason = event(&mut events, |event| match event {
        Event::Session(SessionEvent::OwnershipRefused {
            instrument: InstrumentId(404),
            reason,
        }) => Some(reason),
        _ => None,
    })
    .await;
    assert!(matches!(reason, Refusal::Invalid(_)), "{reason}");
}

async fn confirms_and_keeps_the_session_clock(d: &dyn Dispatcher) {
    d.commit(cutoff(BASS, 770.0)).await.unwrap();
    eventually("everything is confirmed", || d.confirmed() == d.state()).await;
    let before = d.clock();
    eventually("the session's clock advances", || d.clock() > before).await;
}

async fn predicts_edits(d: &dyn Dispatcher) {
    let before = d.state();
    d.dispatch(cutoff(BASS, 777.0)).unwrap();
    assert_eq!(cutoff_of(&d.state().model, BASS), 777.0);
    assert_ne!(cutoff_of(&before.model, BASS), 777.0, "a snapshot does not change");
    d.commit(cutoff(BASS, 778.0)).await.unwrap();
    assert_eq!(cutoff_of(&d.state().model, BASS), 778.0);

    let id = d.state().model.instruments.free_id(d.identity().client_id.0);
    let name = Name::new("Organ").unwrap();
    d.dispatch(NetworkAction::AddInstrument { id, name, source: SourceKind::Fm }).unwrap();
    let alone = d.state().roster.participants.len() == 1;
    assert_ne!(
        d.identity().instruments.contains(&id),
        alone,
        "the participant that adds an instrument owns it, unless it is alone"
    );
    d.dispatch(cutoff(id, 555.0)).unwrap();
    d.commit(NetworkAction::DeleteInstrument(id)).await.unwrap();
    assert!(!d.state().model.instruments.contains(id));
    assert!(!d.identity().instruments.contains(&id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshot_contains_the_change_of_an_event() {
    let local = imbolc_net::open(Mode::Local { name: "Ana".into() }).await.unwrap();
    let mut events = local.events();
    let listener = {
        let local = Arc::clone(&local);
        tokio::spawn(async move {
            for turn in 0..1000_u16 {
                event(&mut events, |event| matches!(event, Event::Changed(_)).then_some(())).await;
                let seen = cutoff_of(&local.state().model, BASS);
                assert!(seen >= 1000.0 + f32::from(turn), "change {turn} shows {seen}");
            }
        })
    };
    for turn in 0..1000_u16 {
        local.dispatch(cutoff(BASS, 1000.0 + f32::from(turn))).unwrap();
        if turn % 16 == 0 {
            tokio::task::yield_now().await;
        }
    }
    listener.await.unwrap();
}

#[tokio::test]
async fn first_events_tell_the_identity_and_the_denials() {
    let (host, address) = host("host").await;
    let options = JoinOptions {
        name: "Ana".into(),
        own: vec![BASS, InstrumentId(404)],
        privilege: true,
        ..JoinOptions::default()
    };
    let ana = imbolc_net::open(Mode::Remote { address, options }).await.unwrap();
    let mut events = ana.events();
    let early: Vec<_> = std::iter::from_fn(|| events.try_next()).collect();
    assert!(
        matches!(
            &early[..],
            [
                Event::Session(SessionEvent::Joined(me)),
                Event::Session(SessionEvent::OwnershipRefused { instrument: InstrumentId(404), .. }),
                Event::Session(SessionEvent::PrivilegeDenied { holder: Some(holder), .. }),
                ..
            ] if &*me.name == "Ana" && &*holder.name == "host"
        ),
        "{early:?}"
    );
    ana.close().await.unwrap();
    host.close().await.unwrap();
}

#[tokio::test]
async fn control_characters_in_names_are_rejected() {
    for name in ["", " ", "\u{1b}[2J", "a\nb"] {
        let local = imbolc_net::open(Mode::Local { name: name.into() }).await;
        assert!(local.is_err(), "{name:?}");
        let mode = Mode::Host {
            name: name.into(),
            address: "127.0.0.1:0".into(),
            options: HostOptions::default(),
        };
        assert!(imbolc_net::open(mode).await.is_err(), "{name:?}");
    }
}

async fn refuses_invalid_actions(d: &dyn Dispatcher) {
    let before = d.state();
    let missing = InstrumentId(404);
    let error = d.dispatch(cutoff(missing, 500.0)).unwrap_err();
    assert!(matches!(error, DispatchError::Refused(_)), "{error}");
    let error = d.commit(NetworkAction::DeleteInstrument(missing)).await.unwrap_err();
    assert!(matches!(error, DispatchError::Refused(_)), "{error}");
    assert!(!error.to_string().is_empty());
    let report = ProjectReport {
        task: ProjectAction::List,
        outcome: ProjectOutcome::Failed(ProjectFailure::Missing),
    };
    let report = d.dispatch(NetworkAction::ProjectReport(report));
    assert_eq!(report, Err(DispatchError::Refused(Refusal::EngineOnly)));
    assert_eq!(d.state().model, before.model);
}

/// A waker that reads the snapshot at the instant at which this thread sends an
/// event.
struct SnapshotProbe {
    dispatcher: Arc<dyn Dispatcher>,
    thread: ThreadId,
    seen: Mutex<Vec<f32>>,
}

impl Wake for SnapshotProbe {
    fn wake(self: Arc<Self>) {
        if thread::current().id() == self.thread {
            self.seen.lock().unwrap().push(cutoff_of(&self.dispatcher.state().model, LEAD));
        }
    }
}

fn publishes_before_it_notifies(dispatcher: &Arc<dyn Dispatcher>) {
    let (dispatcher, thread) = (Arc::clone(dispatcher), thread::current().id());
    let probe = Arc::new(SnapshotProbe { dispatcher, thread, seen: Mutex::default() });
    let waker = Waker::from(Arc::clone(&probe));
    let mut events = probe.dispatcher.events();
    let mut expected = vec![];
    while expected.len() < 10 {
        let mut next = pin!(events.next());
        if next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            let hertz = 400.0 + probe.seen.lock().unwrap().len() as f32;
            probe.dispatcher.dispatch(cutoff(LEAD, hertz)).unwrap();
            // Unless another thread has just sent another event.
            if probe.seen.lock().unwrap().len() > expected.len() {
                expected.push(hertz);
            }
        }
    }
    assert_eq!(*probe.seen.lock().unwrap(), expected);
}

async fn reports_dirty_flags(d: &dyn Dispatcher) {
    let mut events = d.events();
    d.commit(cutoff(LEAD, 333.0)).await.unwrap();
    let dirty = event(&mut events, |event| match event {
        Event::Changed(dirty) => Some(dirty),
        _ => None,
    })
    .await;
    assert_eq!(dirty, DirtyFlags::INSTRUMENTS);
}

async fn edits_only_owned_instruments(d: &dyn Dispatcher) {
    d.release_ownership(&[LEAD]).unwrap();
    eventually("the released instrument is gone", || !d.identity().instruments.contains(&LEAD))
        .await;
    // Alone, a participant needs no ownership.
    let alone = d.state().roster.participants.len() == 1;
    for instrument in [BASS, LEAD, PAD] {
        let owned = d.identity().instruments.contains(&instrument);
        let edited = d.commit(cutoff(instrument, 222.0)).await;
        assert_eq!(edited.is_ok(), owned || alone, "{instrument}: {edited:?}");
    }
    d.request_ownership(&[LEAD]).unwrap();
    eventually("the released instrument is back", || d.identity().instruments.contains(&LEAD))
        .await;
}

async fn controls_the_transport_with_the_privilege(d: &dyn Dispatcher) {
    let tempo = Bpm::of(480.0);
    d.commit(NetworkAction::Session(SessionSetting::Tempo(tempo))).await.unwrap();
    d.commit(NetworkAction::Transport(TransportAction::Play)).await.unwrap();
    assert!(d.state().model.transport.playing);
    eventually("the playhead moves", || {
        let metering = d.metering();
        metering.playing && metering.playhead.get() > 0 && metering.tempo == tempo
    })
    .await;
    d.commit(NetworkAction::Transport(TransportAction::Stop)).await.unwrap();
    eventually("the playhead stays where it was stopped", || {
        let state = d.state();
        !state.model.transport.playing
            && state.model.transport.position.get() > 0
            && d.metering().playhead == state.model.transport.position
    })
    .await;
}

async fn dispatches_all_or_none(d: &dyn Dispatcher) {
    let before = cutoff_of(&d.state().model, BASS);
    let missing = cutoff(InstrumentId(404), 90.0);
    assert!(d.dispatch_all(vec![cutoff(BASS, 90.0), missing]).is_err());
    assert_eq!(cutoff_of(&d.state().model, BASS), before);
    sleep(Duration::from_millis(501)).await;
    d.dispatch_all(vec![cutoff(BASS, 901.0), cutoff(LEAD, 902.0)]).unwrap();
    assert_eq!(cutoff_of(&d.state().model, LEAD), 902.0, "at once");
    eventually("the batch is confirmed", || cutoff_of(&d.confirmed().model, LEAD) == 902.0).await;
    d.undo().unwrap();
    eventually("the batch is undone", || cutoff_of(&d.confirmed().model, BASS) == before).await;
}

async fn undoes_and_redoes(d: &dyn Dispatcher) {
    d.commit(cutoff(BASS, 500.0)).await.unwrap();
    sleep(Duration::from_millis(501)).await;
    d.commit(cutoff(BASS, 600.0)).await.unwrap();
    let mut events = d.events();
    d.undo().unwrap();
    assert_eq!(cutoff_of(&d.state().model, BASS), 500.0, "at once");
    let mut kept = async || {
        event(&mut events, |event| match event {
            Event::Session(SessionEvent::Undone(report)) => Some(("undone", report.kept)),
            Event::Session(SessionEvent::Redone(report)) => Some(("redone", report.kept)),
            Event::Session(SessionEvent::NothingUndone { reason }) => panic!("{reason}"),
            _ => None,
        })
        .await
    };
    assert_eq!(kept().await, ("undone", 0));
    d.redo().unwrap();
    assert_eq!(kept().await, ("redone", 0));
    assert_eq!(cutoff_of(&d.state().model, BASS), 600.0);
}

async fn resynchronises(d: &dyn Dispatcher) {
    let mut events = d.events();
    let before = d.state();
    d.resynchronise().unwrap();
    event(&mut events, |event| {
        matches!(event, Event::Session(SessionEvent::Resynchronised(_))).then_some(())
    })
    .await;
    assert_eq!(d.state().model, before.model);
}

async fn closes(d: &dyn Dispatcher) {
    let before = d.state();
    let mut events = d.events();
    d.close().await.unwrap();
    assert_eq!(d.status(), Status::Closed { reason: CloseReason::ByRequest });
    event(&mut events, |event| matches!(event, Event::Status(Status::Closed { .. })).then_some(()))
        .await;
    let error = DispatchError::Closed(CloseReason::ByRequest);
    assert_eq!(d.dispatch(cutoff(BASS, 111.0)), Err(error.clone()));
    assert_eq!(d.commit(cutoff(BASS, 111.0)).await, Err(error.clone()));
    assert_eq!(d.request_privilege(), Err(error.clone()));
    assert_eq!(d.request_ownership(&[PAD]), Err(error));
    assert_eq!(d.state().model, before.model, "the last snapshot can still be read");
    d.close().await.unwrap();
}

pub async fn host(name: &str) -> (Arc<dyn Dispatcher>, String) {
    let mode = Mode::Host {
        name: name.into(),
        address: "127.0.0.1:0".into(),
        options: HostOptions::default(),
    };
    let host = imbolc_net::open(mode).await.unwrap();
    let Status::Hosting { address: Some(address) } = host.status() else {
        panic!("{}", host.status());
    };
    (host, address.to_string())
}

pub async fn join(address: &str, name: &str, own: &[InstrumentId]) -> Arc<dyn Dispatcher> {
    join_speaking(ClientConfig::default(), address, name, own).await
}

async fn join_speaking(
    config: ClientConfig,
    address: &str,
    name: &str,
    own: &[InstrumentId],
) -> Arc<dyn Dispatcher> {
    let options =
        JoinOptions { name: name.into(), own: own.into(), config, ..JoinOptions::default() };
    imbolc_net::open(Mode::Remote { address: address.into(), options }).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn local_dispatcher_conforms() {
    conforms(imbolc_net::open(Mode::Local { name: "Ana".into() }).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn host_dispatcher_conforms() {
    conforms(host("Ana").await.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn remote_dispatcher_conforms() {
    let (host, address) = host("host").await;
    for codec in Codec::ALL {
        // It is back when the participant has left.
        host.release_privilege().unwrap();
        let config = ClientConfig::default().speaking(codec);
        conforms(join_speaking(config, &address, "Ana", &[]).await).await;
        eventually("the participant is removed", || host.state().roster.participants.len() == 1)
            .await;
    }
}

#[test]
fn local_dispatcher_needs_no_runtime() {
    use imbolc_net::{
        authority::{LocalDispatcher, inline, threaded},
        studio::{SilentEngine, StudioState},
    };

    for engine in [inline(SilentEngine::default), threaded(SilentEngine::default)] {
        let local = LocalDispatcher::open("Ana", StudioState::starter(), engine).unwrap();
        local.dispatch(cutoff(PAD, 444.0)).unwrap();
        local.dispatch(NetworkAction::Transport(TransportAction::Play)).unwrap();
        let deadline = std::time::Instant::now() + PATIENCE;
        while local.metering().playhead.get() == 0 {
            assert!(std::time::Instant::now() < deadline, "the playhead does not move");
            std::thread::yield_now();
        }
        assert_eq!(cutoff_of(&local.state().model, PAD), 444.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_edits_converge() {
    let (host, address) = host("host").await;
    let players: Vec<_> = {
        let mut players = Vec::new();
        for (number, instrument) in [BASS, LEAD, PAD].into_iter().enumerate() {
            players.push((
                join(&address, &format!("player {number}"), &[instrument]).await,
                instrument,
            ));
        }
        players
    };
    let edits: Vec<_> = players
        .iter()
        .map(|(player, instrument)| {
            let (player, instrument) = (Arc::clone(player), *instrument);
            tokio::spawn(async move {
                for turn in 0..500_u16 {
                    player.dispatch(cutoff(instrument, 1000.0 + f32::from(turn))).unwrap();
                    if turn % 50 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
                player.commit(cutoff(instrument, 5000.0)).await.unwrap();
            })
        })
        .collect();
    for edit in edits {
        edit.await.unwrap();
    }
    eventually("all snapshots are equal", || {
        let truth = host.state();
        players.iter().all(|(player, _)| player.state() == truth)
    })
    .await;
    for instrument in [BASS, LEAD, PAD] {
        assert_eq!(cutoff_of(&host.state().model, instrument), 5000.0);
    }
    // Each edit counted: 1,503 edits, 3 joins, and at most 3 grants of ownership.
    let seq = host.state().seq.0;
    assert!((1506..=1509).contains(&seq), "{seq}");
    host.close().await.unwrap();
    for (player, _) in &players {
        eventually("the clients see the end of the session", || {
            matches!(player.status(), Status::Reconnecting { .. })
        })
        .await;
        assert_eq!(cutoff_of(&player.state().model, BASS), 5000.0);
        player.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goodbye_arrives_under_load() {
    let (host, address) = host("host").await;
    host.request_ownership(&[BASS]).unwrap();
    let mut events = host.events();
    for turn in 0..20_u16 {
        let guest = join(&address, "Ana", &[]).await;
        for step in 0..100_u16 {
            host.dispatch(cutoff(BASS, 1000.0 + f32::from(turn * 100 + step))).unwrap();
            guest.resynchronise().unwrap();
        }
        guest.close().await.unwrap();
        event(&mut events, |event| {
            assert!(
                !matches!(event, Event::Session(SessionEvent::Suspended(_))),
                "the goodbye was lost"
            );
            matches!(event, Event::Session(SessionEvent::Left(_))).then_some(())
        })
        .await;
    }
    host.close().await.unwrap();
}

#[tokio::test]
async fn unusable_addresses_are_reported_in_one_line() {
    let (host, address) = host("host").await;
    let taken = Mode::Host {
        name: "host".into(),
        address: address.clone(),
        options: HostOptions::default(),
    };
    let remote = |address: &str| Mode::Remote {
        address: address.into(),
        options: JoinOptions { name: "Ana".into(), ..JoinOptions::default() },
    };
    let error = |mode| async { imbolc_net::open(mode).await.err().unwrap().to_string() };
    assert_eq!(error(taken).await, format!("cannot listen at {address}: the address is in use"));
    assert_eq!(
        error(remote("127.0.0.1:1")).await,
        "cannot join 127.0.0.1:1: nothing is listening there"
    );
    for unknown in ["no.such.host.invalid:9999", "nonsense", ""] {
        let line = error(remote(unknown)).await;
        assert!(line.starts_with(&format!("cannot join {unknown}: ")), "{line}");
        assert_eq!(line.lines().count(), 1, "{line}");
    }
    host.close().await.unwrap();
}
