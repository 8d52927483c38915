//! The real server and client over turmoil's simulated TCP, on a virtual clock:
//! hosts crash, partitions and stalls come and go.
//!
//! Each participant runs the commands that a test queues for it, and publishes what
//! it sees. A command writes a line in a ledger, so an action that counts twice,
//! not at all or out of order shows in the final state.

mod faults;

use std::{
    collections::VecDeque,
    fmt::Write as _,
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use imbolc_net::{
    Dispatcher, Event, NetworkState,
    admission::AdmissionPolicy,
    authority::inline,
    client::{JoinOptions, RemoteDispatcher},
    dispatcher::{DispatchError, Identity, Status},
    installation::Installation,
    installation::PlaceFile,
    model::{InstrumentId, NoEngine},
    server::{HostDispatcher, HostOptions, Stats},
    transport::{Connector, Listener},
};
use tokio::time::sleep;
use turmoil::{
    Sim,
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use crate::ledger::{Ledger, Pages, Write};

const HOST: &str = "host";
const PORT: u16 = 9999;
const SECOND: Duration = Duration::from_secs(1);

/// How often a participant runs its commands and publishes its view.
const FRAME: Duration = Duration::from_millis(10);

/// The step of the virtual clock.
const TICK: Duration = Duration::from_millis(4);

struct SimulatedListener(TcpListener);

impl Listener for SimulatedListener {
    type Reader = OwnedReadHalf;
    type Writer = OwnedWriteHalf;

    async fn accept(&mut self) -> io::Result<(OwnedReadHalf, OwnedWriteHalf, Option<SocketAddr>)> {
        let (stream, peer) = self.0.accept().await?;
        let (reader, writer) = stream.into_split();
        Ok((reader, writer, Some(peer)))
    }

    fn address(&self) -> Option<SocketAddr> {
        self.0.local_addr().ok()
    }
}

struct SimulatedConnector;

impl Connector for SimulatedConnector {
    type Reader = OwnedReadHalf;
    type Writer = OwnedWriteHalf;

    async fn connect(&self) -> io::Result<(OwnedReadHalf, OwnedWriteHalf, Option<SocketAddr>)> {
        let stream = TcpStream::connect((HOST, PORT)).await?;
        let peer = stream.peer_addr()?;
        let (reader, writer) = stream.into_split();
        Ok((reader, writer, Some(peer)))
    }
}

/// A command to a participant.
enum Command {
    /// Write this line on its own page.
    Write(u32),
    RequestPrivilege,
}

/// What a participant showed in its last frame.
#[derive(Clone)]
struct View {
    state: Arc<NetworkState<Ledger>>,
    status: Status,
    identity: Identity,
    unanswered: usize,
    /// The server's counters; only for the host.
    stats: Stats,
}

/// A participant's queue and record, which survive its crash.
#[derive(Default)]
struct Participant {
    name: &'static str,
    page: u32,
    commands: VecDeque<Command>,
    /// The lines that were dispatched, and those that were answered.
    dispatched: Vec<u32>,
    answered: Vec<(u32, Result<(), DispatchError>)>,
    events: Vec<Event<Ledger>>,
    view: Option<View>,
}

type Shared = Arc<Mutex<Participant>>;

fn lock(participant: &Shared) -> MutexGuard<'_, Participant> {
    participant.lock().unwrap()
}

/// Runs commands and publishes the view, until the simulation ends.
async fn run_participant(
    participant: &Shared,
    studio: Arc<dyn Dispatcher<Ledger>>,
    counters: impl Fn() -> (usize, Stats),
) {
    let mut events = studio.events();
    loop {
        while let Some(command) = { lock(participant).commands.pop_front() } {
            match command {
                Command::Write(line) => {
                    let page = lock(participant).page;
                    lock(participant).dispatched.push(line);
                    let (participant, studio) = (Arc::clone(participant), Arc::clone(&studio));
                    tokio::spawn(async move {
                        let answer = studio.commit(Write { page, line }).await;
                        lock(&participant).answered.push((line, answer));
                    });
                    // The task dispatches in its first poll, before the next command.
                    tokio::task::yield_now().await;
                }
                Command::RequestPrivilege => studio.request_privilege().unwrap(),
            }
        }
        let (unanswered, stats) = counters();
        {
            let mut participant = lock(participant);
            participant.events.extend(std::iter::from_fn(|| events.try_next()));
            let (state, status, identity) = (studio.state(), studio.status(), studio.identity());
            participant.view = Some(View { state, status, identity, unanswered, stats });
        }
        sleep(FRAME).await;
    }
}

async fn host(participant: Shared, pages: u32, directory: PathBuf) -> turmoil::Result {
    let listener = SimulatedListener(TcpListener::bind(("0.0.0.0", PORT)).await?);
    let pages = Pages::empty(pages);
    let options = HostOptions {
        admission: AdmissionPolicy::Open,
        installation: Some(Installation::open(&directory.join(HOST))?),
        ..HostOptions::default()
    };
    let studio = HostDispatcher::open(HOST, pages, inline(|| NoEngine), listener, options)?;
    let studio = Arc::new(studio);
    let stats = || (0, studio.stats());
    run_participant(&participant, Arc::clone(&studio) as _, stats).await;
    Ok(())
}

async fn join(participant: Shared, directory: PathBuf) -> turmoil::Result {
    let (name, page) = {
        let participant = lock(&participant);
        (participant.name, participant.page)
    };
    let studio = loop {
        let options = JoinOptions {
            name: name.into(),
            own: vec![InstrumentId(page)],
            place: Some(PlaceFile::claim(&directory, HOST, name)?),
            installation: Some(Installation::open(&directory.join(name))?),
            ..JoinOptions::default()
        };
        match RemoteDispatcher::<Ledger>::join(SimulatedConnector, options).await {
            Ok(studio) => break Arc::new(studio),
            Err(_) => sleep(SECOND / 10).await,
        }
    };
    let unanswered = || (studio.unanswered(), Stats::default());
    run_participant(&participant, Arc::clone(&studio) as _, unanswered).await;
    Ok(())
}

/// All participants, and the network between them.
struct Simulation {
    sim: Sim<'static>,
    participants: Vec<Shared>,
    directory: PathBuf,
    line: u32,
}

impl Simulation {
    /// A host and these guests. All have joined and own a page each.
    fn with(test: &str, guests: &[&'static str], network: &mut turmoil::Builder) -> Self {
        let directory = format!("imbolc-turmoil-{test}-{}", std::process::id());
        let directory = std::env::temp_dir().join(directory);
        let mut sim = network.simulation_duration(3600 * SECOND).tick_duration(TICK).build();
        let count = u32::try_from(guests.len()).unwrap();
        let mut participants = Vec::new();
        for (page, &name) in (0..).zip([HOST].iter().chain(guests)) {
            let participant =
                Shared::new(Mutex::new(Participant { name, page, ..Participant::default() }));
            participants.push(Arc::clone(&participant));
            let directory = directory.clone();
            if name == HOST {
                sim.host(name, move || host(Arc::clone(&participant), count, directory.clone()));
            } else {
                sim.host(name, move || join(Arc::clone(&participant), directory.clone()));
            }
        }
        let mut simulation = Self { sim, participants, directory, line: 0 };
        simulation.until("all have joined", Self::is_settled);
        simulation
    }

    fn participant(&self, name: &str) -> MutexGuard<'_, Participant> {
        lock(self.participants.iter().find(|participant| lock(participant).name == name).unwrap())
    }

    fn view(&self, name: &str) -> View {
        self.participant(name).view.clone().expect("it has joined")
    }

    fn is_connected(&self, name: &str) -> bool {
        matches!(self.view(name).status, Status::Connected { .. })
    }

    fn is_away(&self, name: &str) -> bool {
        self.view(HOST).state.roster.is_away(self.view(name).identity.client_id)
    }

    /// Has a participant write a line on its own page; the host writes in the margin.
    fn write(&mut self, name: &str) {
        self.line += 1;
        let line = self.line;
        self.participant(name).commands.push_back(Command::Write(line));
    }

    fn advance(&mut self, time: Duration) {
        let end = self.sim.elapsed() + time;
        while self.sim.elapsed() < end {
            self.sim.step().unwrap();
        }
    }

    /// Advances the clock until `holds`, and returns how long that took.
    fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) -> Duration {
        let begun = self.sim.elapsed();
        while !holds(self) {
            self.sim.step().unwrap();
            let took = self.sim.elapsed() - begun;
            assert!(took < 180 * SECOND, "not within 180 s: {what}\n{}", self.describe());
        }
        self.sim.elapsed() - begun
    }

    fn describe(&self) -> String {
        let mut text = String::new();
        for participant in &self.participants {
            let participant = lock(participant);
            let Some(view) = &participant.view else { continue };
            let (status, seq) = (&view.status, view.state.seq);
            let waiting = (participant.commands.len(), view.unanswered);
            writeln!(text, "{}: {status}, seq {seq}, waiting {waiting:?}", participant.name)
                .unwrap();
        }
        text
    }

    /// All are connected, nothing is unanswered, and all states are equal.
    fn is_settled(&self) -> bool {
        let Some(host) = self.participant(HOST).view.clone() else { return false };
        self.participants[1..].iter().all(|participant| {
            let participant = lock(participant);
            participant.commands.is_empty()
                && participant.view.as_ref().is_some_and(|view| {
                    matches!(view.status, Status::Connected { .. })
                        && view.unanswered == 0
                        && view.state == host.state
                        && view.identity.instruments == [InstrumentId(participant.page)]
                })
        }) && lock(&self.participants[0]).commands.is_empty()
    }

    /// Waits until all states are settled, and checks the ledger: an applied line is
    /// in it once, a refused line is not, and each page has the order of its writer.
    /// Returns the time until everything was settled.
    fn settle_and_check(&mut self) -> Duration {
        let took = self.until("all is answered and all states are equal", Self::is_settled);
        let book = self.view(HOST).state;
        for participant in &self.participants {
            let participant = lock(participant);
            let name = participant.name;
            let mut seen: Vec<u32> = Vec::new();
            for (line, answer) in &participant.answered {
                assert!(!seen.contains(line), "{name}: {line} was answered twice");
                seen.push(*line);
                let times =
                    book.model.lines(participant.page).iter().filter(|at| *at == line).count();
                match answer {
                    Ok(()) => assert_eq!(times, 1, "{name}: {line} was applied"),
                    // The host may have applied it before it removed the participant.
                    Err(DispatchError::Unanswered) => assert!(times <= 1, "{name}: {line}"),
                    Err(error) => assert_eq!(times, 0, "{name}: {line}: {error}"),
                }
            }
            let page = book.model.lines(participant.page);
            assert!(page.is_sorted_by(|a, b| a < b), "{name} wrote in order: {page:?}");
            assert!(
                page.iter().all(|line| participant.dispatched.contains(line)),
                "{name}: {page:?}"
            );
        }
        took
    }

    /// Whether all lines of a participant were answered and applied.
    fn all_applied(&self, name: &str) -> bool {
        let participant = self.participant(name);
        participant.answered.len() == participant.dispatched.len()
            && participant.answered.iter().all(|(_, answer)| answer.is_ok())
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
