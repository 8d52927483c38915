//! What every dispatcher does, whatever is behind it: one suite, and each of
//! the three runs through it unchanged.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Wake, Waker},
    thread::{self, ThreadId},
    time::Duration,
};

use imbolc_net::{
    Dispatcher, Event, Mode,
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

use crate::room::{BASS, LEAD, PAD, cutoff, cutoff_of};

const PATIENCE: Duration = Duration::from_secs(30);

/// The next event that `wanted` makes something of.
pub async fn event<T>(events: &mut Events, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
    let search = async {
        loop {
            let event = events.next().await.expect("the events have ended");
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    };
    timeout(PATIENCE, search).await.expect("the event never came")
}

/// Waits until what a dispatcher shows is as it should be.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("it never happened that {what}"));
}

async fn conforms(dispatcher: Arc<dyn Dispatcher>) {
    takes_its_place(&*dispatcher).await;
    tells_what_is_certain_and_what_time_it_is(&*dispatcher).await;
    shows_an_edit_at_once(&*dispatcher).await;
    refuses_what_makes_no_sense(&*dispatcher).await;
    shows_before_it_tells(&dispatcher);
    tells_what_changed(&*dispatcher).await;
    edits_what_it_owns_and_nothing_else(&*dispatcher).await;
    controls_the_transport_with_the_privilege(&*dispatcher).await;
    undoes_and_redoes(&*dispatcher).await;
    resynchronises(&*dispatcher).await;
    ends_when_it_is_closed(&*dispatcher).await;
}

async fn takes_its_place(d: &dyn Dispatcher) {
    assert!(!matches!(d.status(), Status::Closed { .. } | Status::Reconnecting { .. }));
    assert_eq!(d.state().model.instruments.len(), 3);
    let me = d.identity();
    assert_eq!(d.state().roster.participants[&me.client_id].name.as_ref(), me.name);

    d.request_ownership(&[BASS, LEAD]).unwrap();
    d.request_privilege().unwrap();
    eventually("one owns what one asked for and has the privilege", || {
        let me = d.identity();
        me.instruments.starts_with(&[BASS, LEAD]) && me.privilege == PrivilegeLevel::Privileged
    })
    .await;
    let mut events = d.events();
    d.request_ownership(&[InstrumentId(404)]).unwrap();
    let reason = event(&mut events, |event| match event {
        Event::OwnershipRefused { instrument: InstrumentId(404), reason } => Some(reason),
        _ => None,
    })
    .await;
    assert!(matches!(reason, Refusal::Invalid(_)), "{reason}");
}

async fn tells_what_is_certain_and_what_time_it_is(d: &dyn Dispatcher) {
    d.commit(cutoff(BASS, 770.0)).await.unwrap();
    eventually("everything is certain", || d.confirmed() == d.state()).await;
    let before = d.clock();
    eventually("the session's clock moves on", || d.clock() > before).await;
}

async fn shows_an_edit_at_once(d: &dyn Dispatcher) {
    let before = d.state();
    d.dispatch(cutoff(BASS, 777.0)).unwrap();
    assert_eq!(cutoff_of(&d.state().model, BASS), 777.0);
    assert_ne!(cutoff_of(&before.model, BASS), 777.0, "a snapshot does not change");
    d.commit(cutoff(BASS, 778.0)).await.unwrap();
    assert_eq!(cutoff_of(&d.state().model, BASS), 778.0);

    let id = d.state().model.instruments.free_id(d.identity().client_id.0);
    let name = Name::new("Organ").unwrap();
    d.dispatch(NetworkAction::AddInstrument { id, name, source: SourceKind::Fm }).unwrap();
    assert!(d.identity().instruments.contains(&id), "who adds it owns it");
    d.dispatch(cutoff(id, 555.0)).unwrap();
    d.commit(NetworkAction::DeleteInstrument(id)).await.unwrap();
    assert!(!d.state().model.instruments.contains(id));
    assert!(!d.identity().instruments.contains(&id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_hears_of_a_change_finds_it_in_the_snapshot() {
    let local = imbolc_net::open(Mode::Local { name: "Ana".into(), projects: None }).await.unwrap();
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
async fn who_comes_in_is_told_as_whom_and_what_it_did_not_get() {
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
                Event::Joined(me),
                Event::OwnershipRefused { instrument: InstrumentId(404), .. },
                Event::PrivilegeDenied { holder },
                ..
            ] if &*me.name == "Ana" && &*holder.name == "host"
        ),
        "{early:?}"
    );
    ana.close().await;
    host.close().await;
}

#[tokio::test]
async fn nobody_can_be_called_something_that_upsets_a_terminal() {
    for name in ["", " ", "\u{1b}[2J", "a\nb"] {
        let local = imbolc_net::open(Mode::Local { name: name.into(), projects: None }).await;
        assert!(local.is_err(), "{name:?}");
        let mode = Mode::Host {
            session_name: None,
            projects: None,
            name: name.into(),
            address: "127.0.0.1:0".into(),
            options: HostOptions::default(),
        };
        assert!(imbolc_net::open(mode).await.is_err(), "{name:?}");
    }
}

async fn refuses_what_makes_no_sense(d: &dyn Dispatcher) {
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
    let spoken_for_the_engine = d.dispatch(NetworkAction::ProjectReport(report));
    assert_eq!(spoken_for_the_engine, Err(DispatchError::Refused(Refusal::EngineOnly)));
    assert_eq!(d.state().model, before.model);
}

/// Looks at the snapshot at the very moment at which this thread tells of
/// something.
struct Look {
    dispatcher: Arc<dyn Dispatcher>,
    thread: ThreadId,
    seen: Mutex<Vec<f32>>,
}

impl Wake for Look {
    fn wake(self: Arc<Self>) {
        if thread::current().id() == self.thread {
            self.seen.lock().unwrap().push(cutoff_of(&self.dispatcher.state().model, LEAD));
        }
    }
}

fn shows_before_it_tells(dispatcher: &Arc<dyn Dispatcher>) {
    let (dispatcher, thread) = (Arc::clone(dispatcher), thread::current().id());
    let look = Arc::new(Look { dispatcher, thread, seen: Mutex::default() });
    let waker = Waker::from(Arc::clone(&look));
    let mut events = look.dispatcher.events();
    let mut expected = vec![];
    while expected.len() < 10 {
        let mut next = pin!(events.next());
        if next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            let hertz = 400.0 + look.seen.lock().unwrap().len() as f32;
            look.dispatcher.dispatch(cutoff(LEAD, hertz)).unwrap();
            // Unless another thread has just told of something else.
            if look.seen.lock().unwrap().len() > expected.len() {
                expected.push(hertz);
            }
        }
    }
    assert_eq!(*look.seen.lock().unwrap(), expected);
}

async fn tells_what_changed(d: &dyn Dispatcher) {
    let mut events = d.events();
    d.commit(cutoff(LEAD, 333.0)).await.unwrap();
    let dirty = event(&mut events, |event| match event {
        Event::Changed(dirty) => Some(dirty),
        _ => None,
    })
    .await;
    assert_eq!(dirty, DirtyFlags::INSTRUMENTS);
}

async fn edits_what_it_owns_and_nothing_else(d: &dyn Dispatcher) {
    d.release_ownership(&[LEAD]).unwrap();
    // Whoever is alone keeps it; anybody else loses it.
    let alone = d.status() == Status::Alone;
    eventually("what was released is gone", || d.identity().instruments.contains(&LEAD) == alone)
        .await;
    for instrument in [BASS, LEAD, PAD] {
        let owned = d.identity().instruments.contains(&instrument);
        let edited = d.commit(cutoff(instrument, 222.0)).await;
        assert_eq!(edited.is_ok(), owned, "{instrument}: {edited:?}");
    }
    d.request_ownership(&[LEAD]).unwrap();
    eventually("what was released is back", || d.identity().instruments.contains(&LEAD)).await;
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
    eventually("the playhead rests where it was stopped", || {
        let state = d.state();
        !state.model.transport.playing
            && state.model.transport.position.get() > 0
            && d.metering().playhead == state.model.transport.position
    })
    .await;
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
            Event::Undone { kept } => Some(("undone", kept)),
            Event::Redone { kept } => Some(("redone", kept)),
            Event::NothingUndone { reason } => panic!("{reason}"),
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
    event(&mut events, |event| matches!(event, Event::Resynchronised(_)).then_some(())).await;
    assert_eq!(d.state().model, before.model);
}

async fn ends_when_it_is_closed(d: &dyn Dispatcher) {
    let before = d.state();
    let mut events = d.events();
    d.close().await;
    assert_eq!(d.status(), Status::Closed { reason: CloseReason::ByRequest });
    event(&mut events, |event| matches!(event, Event::Status(Status::Closed { .. })).then_some(()))
        .await;
    let error = DispatchError::Closed(CloseReason::ByRequest);
    assert_eq!(d.dispatch(cutoff(BASS, 111.0)), Err(error.clone()));
    assert_eq!(d.commit(cutoff(BASS, 111.0)).await, Err(error.clone()));
    assert_eq!(d.request_privilege(), Err(error.clone()));
    assert_eq!(d.request_ownership(&[PAD]), Err(error));
    assert_eq!(d.state().model, before.model, "the last snapshot can still be read");
    d.close().await;
}

pub async fn host(name: &str) -> (Arc<dyn Dispatcher>, String) {
    let mode = Mode::Host {
        session_name: None,
        projects: None,
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
async fn the_local_dispatcher_conforms() {
    conforms(imbolc_net::open(Mode::Local { name: "Ana".into(), projects: None }).await.unwrap())
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_dispatcher_conforms() {
    conforms(host("Ana").await.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_remote_dispatcher_conforms() {
    let (host, address) = host("host").await;
    host.release_privilege().unwrap();
    for codec in Codec::ALL {
        let config = ClientConfig::default().speaking(codec);
        conforms(join_speaking(config, &address, "Ana", &[]).await).await;
        eventually("who has left is gone", || host.state().roster.participants.len() == 1).await;
    }
}

#[test]
fn the_local_dispatcher_needs_no_async_runtime() {
    use imbolc_net::{
        authority::LocalDispatcher,
        studio::{SilentEngine, StudioState},
    };

    let local =
        LocalDispatcher::open("Ana", StudioState::starter(), SilentEngine::default()).unwrap();
    local.dispatch(cutoff(PAD, 444.0)).unwrap();
    local.dispatch(NetworkAction::Transport(TransportAction::Play)).unwrap();
    let deadline = std::time::Instant::now() + PATIENCE;
    while local.metering().playhead.get() == 0 {
        assert!(std::time::Instant::now() < deadline, "the playhead does not move");
        std::thread::yield_now();
    }
    assert_eq!(cutoff_of(&local.state().model, PAD), 444.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_several_do_at_once_everyone_sees() {
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
    // Each of the edits counted: 1,503 of them, 3 who joined, and at most the
    // same number of claims.
    let seq = host.state().seq.0;
    assert!((1506..=1509).contains(&seq), "{seq}");
    host.close().await;
    for (player, _) in &players {
        eventually("the end of the session shows", || {
            matches!(player.status(), Status::Reconnecting { .. })
        })
        .await;
        assert_eq!(cutoff_of(&player.state().model, BASS), 5000.0);
        player.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_goodbye_arrives_however_much_is_being_said_meanwhile() {
    let (host, address) = host("host").await;
    host.request_ownership(&[BASS]).unwrap();
    let mut events = host.events();
    for turn in 0..20_u16 {
        let guest = join(&address, "Ana", &[]).await;
        for step in 0..100_u16 {
            host.dispatch(cutoff(BASS, 1000.0 + f32::from(turn * 100 + step))).unwrap();
            guest.resynchronise().unwrap();
        }
        guest.close().await;
        event(&mut events, |event| {
            assert!(!matches!(event, Event::Suspended(_)), "the goodbye was lost");
            matches!(event, Event::Left(_)).then_some(())
        })
        .await;
    }
    host.close().await;
}

#[tokio::test]
async fn an_address_that_cannot_be_used_is_told_in_one_line() {
    let (host, address) = host("host").await;
    let taken = Mode::Host {
        session_name: None,
        projects: None,
        name: "host".into(),
        address: address.clone(),
        options: HostOptions::default(),
    };
    let nobody = |address: &str| Mode::Remote {
        address: address.into(),
        options: JoinOptions { name: "Ana".into(), ..JoinOptions::default() },
    };
    let error = |mode| async { imbolc_net::open(mode).await.err().unwrap().to_string() };
    assert_eq!(error(taken).await, format!("cannot listen at {address}: the address is in use"));
    assert_eq!(
        error(nobody("127.0.0.1:1")).await,
        "cannot join 127.0.0.1:1: nobody is listening there"
    );
    for unknown in ["no.such.host.invalid:9999", "nonsense", ""] {
        let line = error(nobody(unknown)).await;
        assert!(line.starts_with(&format!("cannot join {unknown}: ")), "{line}");
        assert_eq!(line.lines().count(), 1, "{line}");
    }
    host.close().await;
}
