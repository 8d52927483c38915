//! A scripted exchange that is cut off at every single byte, in either
//! direction: nothing of it is lost, and nothing counts twice.
//!
//! There are two scripts. In the ledger, which is small, a cut is made at every
//! byte. In the studio, where nothing can be done twice without a trace (notes are
//! added where there is none and moved away, endless knobs are turned, steps are
//! taken back) and some of it is refused, one is made every so many bytes.

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
    Dispatcher, Event,
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
    ledger::{Ledger, MARGIN, Pages, Write},
    scissors::{Cut, Scissors, Way},
};

/// Ana's.
const BASS: InstrumentId = InstrumentId(1);
/// The host's.
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

/// A small studio, for every byte of it is cut at: a bass with a knob, and a pad.
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

/// What Ana does, or both do, at one moment.
enum Beat<A> {
    /// All of it at once.
    Do(Vec<A>),
    Undo,
    Redo,
    /// The host does the same a moment before: who comes second is refused.
    Race(A),
    /// The host does something of its own.
    Meanwhile(A),
}

fn studio_script() -> Vec<Beat<NetworkAction>> {
    use Beat::{Do, Meanwhile, Race, Redo, Undo};
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

/// What came of it: the answer to each commit, and what there is in the end.
#[derive(Debug, PartialEq)]
struct Outcome<M: Model> {
    answers: Vec<Result<(), DispatchError>>,
    model: M::State,
    /// What Ana was told of that was lost; refusals.
    lost: usize,
    refused: usize,
}

/// What is played, how it begins, and what is spoken.
struct Play<M: Model> {
    codec: Codec,
    begins: fn() -> M::State,
    script: fn() -> Vec<Beat<M::Action>>,
}

const fn in_studio(codec: Codec) -> Play<Studio> {
    Play { codec, begins: studio, script: studio_script }
}

const fn in_ledger(codec: Codec) -> Play<Ledger> {
    Play { codec, begins: || Pages::empty(2), script: ledger_script }
}

/// Ana writes on her page, and the host in the margin.
fn ledger_script() -> Vec<Beat<Write>> {
    let mut lines = 0..;
    let mut write = |page| Write { page, line: lines.next().unwrap() };
    let mut script = Vec::new();
    for at_once in [1, 3, 1, 2, 5, 1, 4, 2, 5] {
        script.push(Beat::Do((0..at_once).map(|_| write(BASS.0)).collect()));
        script.push(Beat::Meanwhile(write(MARGIN)));
    }
    script
}

/// Goes through the script, whatever becomes of the connection. `pause` is
/// between two beats.
async fn exchange<M: Model, C: Connector + Clone>(
    script: Vec<Beat<M::Action>>,
    host: &HostDispatcher<M>,
    scissors: &Scissors<C>,
    pause: Duration,
    config: &ClientConfig,
) -> Outcome<M> {
    let ana = loop {
        let (name, own, config) = ("Ana".into(), vec![BASS], config.clone());
        let options = JoinOptions { name, own, config, ..JoinOptions::default() };
        match RemoteDispatcher::<M>::join(scissors.clone(), options).await {
            Ok(ana) => break Arc::new(ana),
            // Who does not get in knocks again.
            Err(lost) => assert!(!lost.is_final(), "{lost}"),
        }
        // It never had its welcome, so nothing of it is left before long.
        until("its ghost is gone", || host.state().roster.owner(BASS).is_none()).await;
    };
    // A place is kept for those who have spoken.
    until("the host has heard of it", || {
        matches!(ana.status(), Status::Connected { round_trip: Some(_) })
    })
    .await;
    let mut events = ana.events();
    let mut commits: Vec<JoinHandle<_>> = Vec::new();
    for beat in script {
        let actions = match beat {
            Beat::Do(actions) => actions,
            Beat::Race(action) => {
                host.dispatch(action.clone()).unwrap();
                vec![action]
            }
            Beat::Meanwhile(action) => {
                host.dispatch(action).unwrap();
                vec![]
            }
            Beat::Undo => {
                ana.undo().unwrap();
                vec![]
            }
            Beat::Redo => {
                ana.redo().unwrap();
                vec![]
            }
        };
        for action in actions {
            let ana = Arc::clone(&ana);
            let mut commit = Box::pin(async move { ana.commit(action).await });
            // Polled once, it is dispatched.
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
        answers.push(answer.expect("each commit is answered").unwrap());
    }
    until("nothing is open and both agree", || {
        ana.unanswered() == 0 && ana.state() == host.state()
    })
    .await;
    let (mut lost, mut refused) = (0, 0);
    while let Some(event) = events.try_next() {
        match event {
            Event::NewSession { unanswered, .. } => lost += unanswered.len(),
            Event::Refused { .. } | Event::NothingUndone { .. } => refused += 1,
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
        .unwrap_or_else(|_| panic!("it never holds: {what}"));
}

fn host<M: Model>(
    play: &Play<M>,
    listener: impl Listener,
    session: SessionConfig,
) -> HostDispatcher<M> {
    let options = HostOptions { session, ..HostOptions::default() };
    let host = HostDispatcher::open("Mia", (play.begins)(), NoEngine, listener, options).unwrap();
    host.request_ownership(&[PAD]).unwrap();
    host
}

/// The exchange in memory, on a clock of its own; what came of it, and how many
/// bytes went over each connection, to the host and to the client.
fn in_the_dark<M: Model>(play: &Play<M>, cuts: &[Cut]) -> (Outcome<M>, Vec<[usize; 2]>) {
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let (listener, connector) = in_memory();
        let host = host(play, listener, SessionConfig::default());
        let scissors = Scissors::new(connector, cuts);
        let (pause, config) =
            (Duration::from_millis(40), ClientConfig::default().speaking(play.codec));
        let outcome = exchange((play.script)(), &host, &scissors, pause, &config).await;
        let bytes = |n| [Way::ToHost, Way::ToClient].map(|way| scissors.bytes(n, way));
        (outcome, (0..scissors.connections()).map(bytes).collect())
    })
}

/// What comes of it if nothing goes wrong, and how many bytes that takes.
fn expected<M: Model>(play: &Play<M>) -> (Outcome<M>, [usize; 2]) {
    let (outcome, bytes) = in_the_dark(play, &[]);
    assert_eq!((bytes.len(), outcome.lost), (1, 0));
    (outcome, bytes[0])
}

/// Cuts a connection every `stride` bytes this way, after `before` was done to
/// those before it. It is `length` bytes long.
fn cut<M: Model<State: PartialEq + Sync>>(
    play: &Play<M>,
    before: &[Cut],
    way: Way,
    (length, stride): (usize, usize),
) {
    let (expected, _) = expected(play);
    let (next, runs, cuts_made) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        loop {
            let after = next.fetch_add(stride, Relaxed);
            if after > length {
                break;
            }
            let cuts = [before, &[Cut { way, after }]].concat();
            let (outcome, connections) = in_the_dark(play, &cuts);
            assert!(outcome == expected, "{cuts:?}: {outcome:?}, not {expected:?}");
            runs.fetch_add(1, Relaxed);
            cuts_made.fetch_add(usize::from(connections.len() > cuts.len()), Relaxed);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let (runs, cuts_made) = (runs.into_inner(), cuts_made.into_inner());
    println!("{cuts_made} cuts in {runs} runs of {length} bytes");
    // The last few bytes may be a heartbeat more or less.
    assert!(cuts_made + 100 > runs && cuts_made * 10 > runs * 9, "{cuts_made} of {runs}");
}

#[test]
fn an_exchange_that_is_cut_at_any_byte_to_the_host_counts_once() {
    for play in Codec::ALL.map(in_ledger) {
        let (outcome, [length, _]) = expected(&play);
        assert!(outcome.answers.len() >= 20 && length > 300, "{length}");
        cut(&play, &[], Way::ToHost, (length, 1));
    }
}

#[test]
fn an_exchange_that_is_cut_at_any_byte_to_the_client_counts_once() {
    for play in Codec::ALL.map(in_ledger) {
        let (_, [_, length]) = expected(&play);
        assert!(length > 300, "{length}");
        cut(&play, &[], Way::ToClient, (length, 1));
    }
}

#[test]
fn a_resumption_that_is_cut_at_any_byte_to_the_host_counts_once() {
    for play in Codec::ALL.map(in_ledger) {
        let length = resumption(&play, Way::ToHost);
        cut(&play, &[in_the_middle(&play)], Way::ToHost, (length, 1));
    }
}

#[test]
fn a_resumption_that_is_cut_at_any_byte_to_the_client_counts_once() {
    for play in Codec::ALL.map(in_ledger) {
        let length = resumption(&play, Way::ToClient);
        cut(&play, &[in_the_middle(&play)], Way::ToClient, (length, 1));
    }
}

#[test]
fn what_cannot_be_done_twice_in_the_studio_is_done_once_wherever_it_is_cut() {
    for play in Codec::ALL.map(in_studio) {
        let (outcome, [to_host, to_client]) = expected(&play);
        assert!(outcome.answers.len() >= 17, "and four steps back and forth");
        assert_eq!(outcome.answers.iter().filter(|answer| answer.is_err()).count(), 1);
        assert_eq!(outcome.refused, 1);
        cut(&play, &[], Way::ToHost, (to_host, STRIDE));
        cut(&play, &[], Way::ToClient, (to_client, STRIDE));
    }
}

/// A cut in the middle of it, with much on its way.
fn in_the_middle(play: &Play<Ledger>) -> Cut {
    let (_, [length, _]) = expected(play);
    Cut { way: Way::ToHost, after: length / 2 }
}

/// So much of a second connection is the same each time, however long it took
/// until it was made.
fn resumption(play: &Play<Ledger>, way: Way) -> usize {
    let middle = in_the_middle(play);
    let lengths = (0..20).map(|_| in_the_dark(play, &[middle]).1[1][way as usize]);
    lengths.min().unwrap()
}

/// Every so many bytes. It has no divisor in common with anything here.
const STRIDE: usize = 97;

/// How many exchanges over TCP there are at once: each takes some sockets.
const AT_ONCE: usize = 100;

/// The exchange over TCP on the loopback interface, in real time, cut at every
/// `stride`th byte from `first` on.
async fn cut_over_tcp<M: Model<State: PartialEq + Sync>>(
    play: fn(Codec) -> Play<M>,
    codec: Codec,
    (first, stride): (usize, usize),
) {
    // On a runtime of its own.
    let reference = tokio::task::spawn_blocking(move || expected(&play(codec))).await.unwrap();
    let (expected, [to_host, to_client]) = (Arc::new(reference.0), reference.1);
    let cuts: Vec<_> = [(Way::ToHost, to_host), (Way::ToClient, to_client)]
        .into_iter()
        .flat_map(|(way, length)| {
            (first..length).step_by(stride).map(move |after| Cut { way, after })
        })
        .collect();
    let number = cuts.len();
    let places = Arc::new(Semaphore::new(AT_ONCE));
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
                let play = play(codec);
                let host = host(&play, listener, session);
                let scissors = Scissors::new(TcpConnector { address }, &[cut]);
                let config = ClientConfig { initial_backoff: pace, ..ClientConfig::default() };
                let config = config.speaking(codec);
                let outcome = exchange((play.script)(), &host, &scissors, 4 * pace, &config).await;
                // Who knows at once that it comes second is not told again.
                let outcome = Outcome { refused: expected.refused, ..outcome };
                assert!(outcome == *expected, "{cut:?}: {outcome:?}, not {expected:?}");
                scissors.connections()
            })
        })
        .collect();
    let mut connections = 0;
    for run in runs {
        connections += run.await.unwrap();
    }
    println!("{connections} connections in {number} runs");
    // In real time there is more or less in each patch, and the last cuts may lie
    // behind the end.
    assert!(connections * 10 > number * 18, "{connections} connections in {number} runs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_over_tcp_that_is_cut_at_any_byte_counts_once() {
    cut_over_tcp(in_ledger, Codec::Postcard, (0, 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_over_tcp_that_is_cut_every_97_bytes_counts_once() {
    // Elsewhere each time.
    let first = getrandom::u32().unwrap() as usize % STRIDE;
    cut_over_tcp(in_studio, Codec::Json, (first, STRIDE)).await;
}
