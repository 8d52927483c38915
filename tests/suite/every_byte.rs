//! A scripted exchange whose connection is cut after every possible number of
//! bytes, in either direction: each action counts exactly once.
//!
//! There are two scripts. The ledger is small and is cut at every byte. In the
//! studio a repeated action would leave a trace (notes are added to free places and
//! moved, knobs are turned by a difference, steps are undone), and some actions are
//! refused; it is cut every 97 bytes.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::Poll,
    thread,
    time::Duration,
};

use imbolc_net::{
    Dispatcher, Event, SessionEvent,
    authority::{Engine, inline, threaded},
    client::{ClientConfig, JoinOptions, RemoteDispatcher},
    dispatcher::{DispatchError, Status},
    model::{InstrumentId, Model, NoEngine},
    protocol::framing::Codec,
    server::{HostDispatcher, HostOptions},
    studio::{
        Definition, Device, InstrumentAction, InstrumentSetting, LoadedSetting, Name,
        NetworkAction, Note, Parameter, ParameterId, PianoRollAction, RegistrySetting, SourceKind,
        SourceSetting, Studio, StudioState, SynthDefId,
    },
    sync::session::SessionConfig,
    transport::{Connector, Listener, TcpConnector, in_memory},
    util::quantity::{
        NoteLength, ParameterChange, ParameterValue, Pitch, Probability, Ticks, Velocity,
    },
};
use tokio::{
    net::TcpListener,
    runtime,
    sync::Semaphore,
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    byte_cutter::{ByteCutter, Cut, Direction},
    ledger::{Ledger, MARGIN, Pages, Write},
};

/// Ana's instrument.
const BASS: InstrumentId = InstrumentId(1);
/// The host's instrument.
const PAD: InstrumentId = InstrumentId(2);
const KNOB: ParameterId = ParameterId(0);

fn note(instrument: InstrumentId, tick: u32) -> NetworkAction {
    let note = Note {
        tick: Ticks::of(tick),
        pitch: Pitch::of(60),
        length: NoteLength::of(240),
        velocity: Velocity::of(100),
        probability: Probability::MAX,
    };
    NetworkAction::PianoRoll(instrument, PianoRollAction::Add(note))
}

fn move_note(tick: u32, to_tick: u32) -> NetworkAction {
    let (tick, to_tick, pitch) = (Ticks::of(tick), Ticks::of(to_tick), Pitch::of(60));
    NetworkAction::PianoRoll(BASS, PianoRollAction::Move { tick, pitch, to_tick, to_pitch: pitch })
}

fn turn(by: f32) -> NetworkAction {
    NetworkAction::Adjust(Device::Source(BASS), KNOB, ParameterChange::of(by))
}

fn add(id: u32) -> NetworkAction {
    let (id, source) = (InstrumentId(id), SourceKind::Kick);
    NetworkAction::AddInstrument { id, name: Name::default(), source }
}

/// A small studio, because the number of cuts grows with its size: a bass with a
/// knob, and a pad.
fn studio() -> StudioState {
    let value = ParameterValue::of;
    let row = Parameter::new(Name::default(), value(0.0), value(10.0), value(4.0)).unwrap();
    let definition = Definition { name: Name::default(), parameters: vec![row] };
    let id = SynthDefId(1);
    let source = |setting| {
        let setting = InstrumentSetting::Source(setting);
        NetworkAction::Instrument(BASS, InstrumentAction::Set(setting))
    };
    let mut state = StudioState::default();
    for action in [
        NetworkAction::Registry(RegistrySetting::AddSynthDef(id, definition.into())),
        add(BASS.0),
        add(PAD.0),
        source(SourceSetting::Kind(SourceKind::SynthDef)),
        source(SourceSetting::SynthDef(LoadedSetting::Load(id))),
    ] {
        Studio::reduce(&mut state, &action).unwrap();
    }
    state
}

/// A step of a script.
enum Step<A> {
    /// Ana dispatches all of these at once.
    Do(Vec<A>),
    Undo,
    Redo,
    /// The host dispatches the same just before Ana, whose action is refused.
    Race(A),
    /// The host dispatches this.
    Meanwhile(A),
}

fn studio_script() -> Vec<Step<NetworkAction>> {
    use Step::{Do, Meanwhile, Race, Redo, Undo};
    vec![
        Do(vec![note(BASS, 0)]),
        Do(vec![turn(2.0), move_note(0, 10), note(BASS, 0)]),
        Meanwhile(note(PAD, 0)),
        Do(vec![move_note(10, 20), move_note(0, 10)]),
        Undo,
        Do(vec![turn(7.0), note(BASS, 480), turn(-3.0)]),
        Race(add(7)),
        Do(vec![move_note(480, 490), note(BASS, 480), move_note(20, 30)]),
        Undo,
        Redo,
        Do(vec![add(1001), turn(1.5)]),
        Meanwhile(note(PAD, 480)),
        Do(vec![note(InstrumentId(1001), 0), move_note(30, 40), turn(-0.5), note(BASS, 960)]),
        Undo,
    ]
}

/// The result of an exchange.
#[derive(Debug, PartialEq)]
struct Outcome<M: Model> {
    answers: Vec<Result<(), DispatchError>>,
    model: M::State,
    /// The number of actions that Ana was told are lost, and of refusals.
    lost: usize,
    refused: usize,
}

/// A script, its initial state, and the codec.
struct Scenario<M: Model> {
    codec: Codec,
    initial: fn() -> M::State,
    script: fn() -> Vec<Step<M::Action>>,
}

const fn in_studio(codec: Codec) -> Scenario<Studio> {
    Scenario { codec, initial: studio, script: studio_script }
}

const fn in_ledger(codec: Codec) -> Scenario<Ledger> {
    Scenario { codec, initial: || Pages::empty(2), script: ledger_script }
}

/// Ana writes on her page, the host in the margin.
fn ledger_script() -> Vec<Step<Write>> {
    let mut lines = 0..;
    let mut write = |page| Write { page, line: lines.next().unwrap() };
    let mut script = Vec::new();
    for at_once in [1, 3, 1, 2, 5, 1, 4, 2, 5] {
        script.push(Step::Do((0..at_once).map(|_| write(BASS.0)).collect()));
        script.push(Step::Meanwhile(write(MARGIN)));
    }
    script
}

/// Runs the script, whatever happens to the connection, with `pause` after each
/// step.
async fn exchange<M: Model, C: Connector + Clone>(
    script: Vec<Step<M::Action>>,
    host: &HostDispatcher<M>,
    cutter: &ByteCutter<C>,
    pause: Duration,
    config: &ClientConfig,
) -> Outcome<M> {
    let ana = loop {
        let (name, own, config) = ("Ana".into(), vec![BASS], config.clone());
        let options = JoinOptions { name, own, config, ..JoinOptions::default() };
        match RemoteDispatcher::<M>::join(cutter.clone(), options).await {
            Ok(ana) => break Arc::new(ana),
            // A cut handshake is repeated.
            Err(lost) => assert!(!lost.is_final(), "{lost}"),
        }
        // Without its welcome it cannot resume, and the host removes it soon.
        until("the first participant is removed", || host.state().roster.owner(BASS).is_none())
            .await;
    };
    // The host keeps the place of a client only after its first message.
    until("the round trip is measured", || {
        matches!(ana.status(), Status::Connected { round_trip: Some(_), .. })
    })
    .await;
    let mut events = ana.events();
    let mut commits: Vec<JoinHandle<_>> = Vec::new();
    for step in script {
        let actions = match step {
            Step::Do(actions) => actions,
            Step::Race(action) => {
                host.dispatch(action.clone()).unwrap();
                vec![action]
            }
            Step::Meanwhile(action) => {
                host.dispatch(action).unwrap();
                vec![]
            }
            Step::Undo => {
                ana.undo().unwrap();
                vec![]
            }
            Step::Redo => {
                ana.redo().unwrap();
                vec![]
            }
        };
        for action in actions {
            let ana = Arc::clone(&ana);
            let mut commit = Box::pin(async move { ana.commit(action).await });
            // The first poll dispatches it.
            let begun = poll_fn(|context| Poll::Ready(commit.as_mut().poll(context))).await;
            commits.push(tokio::spawn(async move {
                match begun {
                    Poll::Ready(answer) => answer,
                    Poll::Pending => commit.await,
                }
            }));
        }
        sleep(pause).await;
    }
    let mut answers = Vec::new();
    for commit in commits {
        let answer = timeout(Duration::from_mins(1), commit).await;
        answers.push(answer.expect("each commit is answered").unwrap().map(drop));
    }
    until("all is answered and both states are equal", || {
        ana.unanswered() == 0 && ana.state() == host.state()
    })
    .await;
    let (mut lost, mut refused) = (0, 0);
    while let Some(event) = events.try_next() {
        match event {
            Event::Session(SessionEvent::NewSession { unanswered, .. }) => lost += unanswered.len(),
            Event::Session(SessionEvent::Refused { .. })
            | Event::Session(SessionEvent::NothingUndone { .. }) => refused += 1,
            Event::Missed(events) => panic!("{events} events were missed"),
            _ => {}
        }
    }
    Outcome { answers, model: host.state().model.clone(), lost, refused }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(Duration::from_mins(1), wait)
        .await
        .unwrap_or_else(|_| panic!("not within a minute: {what}"));
}

fn host<M: Model>(
    scenario: &Scenario<M>,
    listener: impl Listener,
    session: SessionConfig,
    engine: Engine<M>,
) -> HostDispatcher<M> {
    let options = HostOptions { session, ..HostOptions::default() };
    let host =
        HostDispatcher::open("Mia", (scenario.initial)(), engine, listener, options).unwrap();
    host.request_ownership(&[PAD]).unwrap();
    host
}

/// Runs the exchange in memory with paused time. Returns its outcome, and the bytes
/// of each connection, to the host and to the client.
fn run_in_memory<M: Model>(scenario: &Scenario<M>, cuts: &[Cut]) -> (Outcome<M>, Vec<[usize; 2]>) {
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let (listener, connector) = in_memory();
        let host = host(scenario, listener, SessionConfig::default(), inline(|| NoEngine));
        let cutter = ByteCutter::new(connector, cuts);
        let (pause, config) =
            (Duration::from_millis(40), ClientConfig::default().speaking(scenario.codec));
        let outcome = exchange((scenario.script)(), &host, &cutter, pause, &config).await;
        let bytes = |n| {
            [Direction::ToHost, Direction::ToClient].map(|direction| cutter.bytes(n, direction))
        };
        (outcome, (0..cutter.connections()).map(bytes).collect())
    })
}

/// The outcome without a cut, and the bytes of its connection.
fn expected<M: Model>(scenario: &Scenario<M>) -> (Outcome<M>, [usize; 2]) {
    let (outcome, bytes) = run_in_memory(scenario, &[]);
    assert_eq!((bytes.len(), outcome.lost), (1, 0));
    (outcome, bytes[0])
}

/// Repeats the exchange with a cut every `stride` bytes in `direction`, up to
/// `length`, on the connection after those that `before` cuts.
fn cut<M: Model<State: PartialEq + Sync>>(
    scenario: &Scenario<M>,
    before: &[Cut],
    direction: Direction,
    (length, stride): (usize, usize),
) {
    let (expected, _) = expected(scenario);
    let (next, runs, cuts_made) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        loop {
            let after = next.fetch_add(stride, Relaxed);
            if after > length {
                break;
            }
            let cuts = [before, &[Cut { direction, after }]].concat();
            let (outcome, connections) = run_in_memory(scenario, &cuts);
            assert!(outcome == expected, "{cuts:?}: {outcome:?}, not {expected:?}");
            runs.fetch_add(1, Relaxed);
            cuts_made.fetch_add(usize::from(connections.len() > cuts.len()), Relaxed);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let (runs, cuts_made) = (runs.into_inner(), cuts_made.into_inner());
    println!("{cuts_made} cuts in {runs} runs of {length} bytes");
    // The last few bytes may be a heartbeat that not every run sends.
    assert!(cuts_made + 100 > runs && cuts_made * 10 > runs * 9, "{cuts_made} of {runs}");
}

#[test]
fn exchange_cut_at_any_byte_to_the_host_counts_once() {
    for scenario in Codec::ALL.map(in_ledger) {
        let (outcome, [length, _]) = expected(&scenario);
        assert!(outcome.answers.len() >= 20 && length > 300, "{length}");
        cut(&scenario, &[], Direction::ToHost, (length, 1));
    }
}

#[test]
fn exchange_cut_at_any_byte_to_the_client_counts_once() {
    for scenario in Codec::ALL.map(in_ledger) {
        let (_, [_, length]) = expected(&scenario);
        assert!(length > 300, "{length}");
        cut(&scenario, &[], Direction::ToClient, (length, 1));
    }
}

#[test]
fn resume_cut_at_any_byte_to_the_host_counts_once() {
    for scenario in Codec::ALL.map(in_ledger) {
        let length = resumption(&scenario, Direction::ToHost);
        cut(&scenario, &[in_the_middle(&scenario)], Direction::ToHost, (length, 1));
    }
}

#[test]
fn resume_cut_at_any_byte_to_the_client_counts_once() {
    for scenario in Codec::ALL.map(in_ledger) {
        let length = resumption(&scenario, Direction::ToClient);
        cut(&scenario, &[in_the_middle(&scenario)], Direction::ToClient, (length, 1));
    }
}

#[test]
fn studio_exchange_cut_every_97_bytes_counts_once() {
    for scenario in Codec::ALL.map(in_studio) {
        let (outcome, [to_host, to_client]) = expected(&scenario);
        assert!(outcome.answers.len() >= 17, "and four undo and redo steps");
        assert_eq!(outcome.answers.iter().filter(|answer| answer.is_err()).count(), 1);
        assert_eq!(outcome.refused, 1);
        cut(&scenario, &[], Direction::ToHost, (to_host, STRIDE));
        cut(&scenario, &[], Direction::ToClient, (to_client, STRIDE));
    }
}

/// A cut in the middle, with several messages in flight.
fn in_the_middle(scenario: &Scenario<Ledger>) -> Cut {
    let (_, [length, _]) = expected(scenario);
    Cut { direction: Direction::ToHost, after: length / 2 }
}

/// The length that the second connection always reaches; it varies with the time
/// until the client reconnects.
fn resumption(scenario: &Scenario<Ledger>, direction: Direction) -> usize {
    let middle = in_the_middle(scenario);
    let lengths = (0..20).map(|_| run_in_memory(scenario, &[middle]).1[1][direction as usize]);
    lengths.min().unwrap()
}

/// The bytes between two cuts. A prime, so that it meets no period of the exchange.
const STRIDE: usize = 97;

/// How many exchanges over TCP run at once; each takes some sockets.
const MAX_CONCURRENT: usize = 100;

/// Runs the exchange over TCP on the loopback interface, in real time, with a cut
/// every `stride` bytes from `first` on.
async fn cut_over_tcp<M: Model<State: PartialEq + Sync>>(
    scenario: fn(Codec) -> Scenario<M>,
    codec: Codec,
    (first, stride): (usize, usize),
) {
    // `expected` builds a runtime of its own.
    let reference = tokio::task::spawn_blocking(move || expected(&scenario(codec))).await.unwrap();
    let (expected, [to_host, to_client]) = (Arc::new(reference.0), reference.1);
    let cuts: Vec<_> = [(Direction::ToHost, to_host), (Direction::ToClient, to_client)]
        .into_iter()
        .flat_map(|(direction, length)| {
            (first..length).step_by(stride).map(move |after| Cut { direction, after })
        })
        .collect();
    let number = cuts.len();
    let places = Arc::new(Semaphore::new(MAX_CONCURRENT));
    let runs: Vec<_> = cuts
        .into_iter()
        .map(|cut| {
            let (expected, places) = (Arc::clone(&expected), Arc::clone(&places));
            tokio::spawn(async move {
                let _place = places.acquire().await.unwrap();
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap().to_string();
                let pace = Duration::from_millis(5);
                let session =
                    SessionConfig { min_patch_interval: pace, ..SessionConfig::default() };
                let scenario = scenario(codec);
                let host = host(&scenario, listener, session, threaded(|| NoEngine));
                let cutter = ByteCutter::new(TcpConnector { address }, &[cut]);
                let config = ClientConfig { initial_backoff: pace, ..ClientConfig::default() };
                let config = config.speaking(codec);
                let outcome =
                    exchange((scenario.script)(), &host, &cutter, 4 * pace, &config).await;
                // Ana may see the race in time to be refused locally, without an event.
                let outcome = Outcome { refused: expected.refused, ..outcome };
                assert!(outcome == *expected, "{cut:?}: {outcome:?}, not {expected:?}");
                cutter.connections()
            })
        })
        .collect();
    let mut connections = 0;
    for run in runs {
        connections += run.await.unwrap();
    }
    println!("{connections} connections in {number} runs");
    // In real time the patches vary in size, and the last cuts may lie behind the
    // end.
    assert!(connections * 10 > number * 18, "{connections} connections in {number} runs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tcp_exchange_cut_at_any_byte_counts_once() {
    cut_over_tcp(in_ledger, Codec::Postcard, (0, 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tcp_studio_exchange_cut_every_97_bytes_counts_once() {
    // A different start in each run.
    let first = getrandom::u32().unwrap() as usize % STRIDE;
    cut_over_tcp(in_studio, Codec::Json, (first, STRIDE)).await;
}
